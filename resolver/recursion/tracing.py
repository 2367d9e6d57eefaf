"""How a name is resolved, shown step by step: what this node says of it, and then every question to others."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from dataclasses import dataclass

from node.errors import Malformed, NodeError
from node.record import Record
from resolver.answer import Absence, Found, Missing, NotResponsible, Referral
from resolver.chain import Resolver
from resolver.handle.codes import ResponseCode, response_code_of
from resolver.names import parse_name
from resolver.recursion.beyond import Beyond, start_of
from resolver.recursion.foreign import Foreign, ForeignMissing, ForeignRefusal
from resolver.recursion.hop import Came, Hop


@dataclass(frozen=True, slots=True)
class Traced:
    """``came`` is what it ended with, ``server`` who said so, ``detail`` why there are no values."""

    came: Came
    server: str
    hops: tuple[Hop, ...]
    values: Record = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Tracer:
    """``name`` is what this node is called in a trace, which ends where others would be asked but for ``beyond``."""

    resolver: Resolver
    beyond: Beyond | None
    name: str

    async def trace(self, handle: str, source: str) -> Traced:
        """The way to the answer for a client. Raises the refusals of what is no handle, ``ResolverAway``."""
        own, answer = await self._own(handle)
        if isinstance(answer, Found):
            return Traced(Came.RECORD, self.name, (own,), answer.values)
        if own.came is not Came.REFERRAL:
            return Traced(own.came, self.name, (own,), detail=own.detail)
        if self.beyond is None or not self.beyond.serves(source):
            return Traced(own.came, self.name, (own,), detail="this node does not ask others for this client")
        hops = [own]
        start = start_of(answer) if isinstance(answer, Referral) else None
        return await traced(self.beyond.recursion.trace(handle, start=start, hops=hops), hops)

    async def _own(self, handle: str) -> tuple[Hop, Found | Missing | Referral | None]:
        """What this node says of a handle, and the answer; ``None``: it is none of its own."""
        began = time.perf_counter()
        answer: Found | Missing | Referral | None = None
        came, code, detail = Came.REFERRAL, ResponseCode.NOT_RESPONSIBLE, "it is another node's"
        try:
            answer = await self.resolver.resolve_name(parse_name(handle))
        except NotResponsible:
            if await self.resolver.blocks(handle):
                came, detail = Came.REFUSED, Absence.BLOCKED.value
        except Malformed:
            raise
        except NodeError as error:
            came, code, detail = Came.REFUSED, response_code_of(error), error.detail
        if isinstance(answer, Found):
            came, code, detail = Came.RECORD, ResponseCode.SUCCESS, ""
        elif isinstance(answer, Referral):
            code, detail = ResponseCode(answer.code), f"{answer.handle} says who answers"
        elif answer is not None and answer.reason is Absence.UNKNOWN:
            came, code, detail = Came.MISSING, ResponseCode.HANDLE_NOT_FOUND, ""
        elif answer is not None:
            came, detail = Came.REFUSED, answer.reason.value
        took = round((time.perf_counter() - began) * 1000, 1)
        return Hop(self.name, handle, came, int(code), took, detail), answer


async def traced(asking: Awaitable[Foreign], hops: list[Hop]) -> Traced:
    """What a resolution at other nodes that fills ``hops`` ended with; that it failed is a result too."""
    try:
        foreign = await asking
    except Malformed:
        raise
    except NodeError as error:
        last = hops[-1]
        return Traced(last.came, last.server, tuple(hops), detail=error.detail)
    if isinstance(foreign, ForeignMissing):
        return Traced(Came.MISSING, foreign.server, tuple(hops), detail="there is no such identifier")
    if isinstance(foreign, ForeignRefusal):
        return Traced(Came.REFUSED, foreign.server, tuple(hops), detail=foreign.detail)
    return Traced(Came.RECORD, foreign.elsewhere.server, tuple(hops), foreign.values)
