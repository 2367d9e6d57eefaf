"""Resolving for clients what other nodes answer: for whom, how often, and in the words of the resolver."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence

from node.client_address import KnownNetworks, Network
from node.config_connection import RecursionSettings
from node.identifier import InvalidIdentifier
from node.outward import Outward
from node.rate_limit import RateLimit
from resolver.answer import Absence, Found, Missing, NotResponsible, Referral
from resolver.handle.codes import ResponseCode
from resolver.recursion.delegation import Delegation, delegation_of, roots_of, service_of
from resolver.recursion.errors import FarSideRefused, RecursionTooDeep
from resolver.recursion.foreign import ForeignMissing, ForeignRecord, ForeignRefusal
from resolver.recursion.recursion import Recursion, RecursionLimits

_SOURCES = 65_536  # networks whose questions are counted
_AT_ONCE = 6  # of a minute's questions so many parts may come at once
_RETRY_AFTER = 5


@contextlib.asynccontextmanager
async def beyond_of(settings: RecursionSettings) -> AsyncIterator[Beyond | None]:
    """What the settings allow, for one process; ``None``: nobody is asked. Raises ``RootUnreadable``."""
    if not settings.enabled:
        yield None
        return
    roots, outward = roots_of(settings.roots), Outward(settings.networks)
    async with Recursion(roots, outward, RecursionLimits.of(settings)) as recursion:
        yield Beyond(recursion, clients=settings.clients, per_minute=settings.per_minute)


class Beyond:
    """``clients`` are resolved for; of one network of theirs ``per_minute`` resolutions go to others."""

    def __init__(
        self,
        recursion: Recursion,
        *,
        clients: Sequence[Network],
        per_minute: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.recursion = recursion
        self._clients = KnownNetworks(clients)
        burst = max(1, int(per_minute / _AT_ONCE))
        self._limit = RateLimit(per_minute=per_minute, burst=burst, most_sources=_SOURCES, clock=monotonic)

    def serves(self, source: str) -> bool:
        """Whether the node asks others for a client at this address."""
        return source in self._clients

    async def find(
        self,
        handle: str,
        types: tuple[str, ...] = (),
        indexes: tuple[int, ...] = (),
        *,
        source: str,
        referral: Referral | None = None,
        depth: int = 0,
        anew: bool = False,
    ) -> Found | Missing:
        """What others answer for a client; ``referral`` is what this node would have told him.

        Raises ``TooManyRequests``, ``RecursionTooDeep``, ``NotResponsible``, ``FarSideRefused``, and what
        ``Recursion.resolve`` raises.
        """
        if depth >= self.recursion.limits.hops:
            raise RecursionTooDeep(f"{depth} servers ask for one another already", depth=depth)
        if anew or not self.recursion.knows(handle):
            self._limit.require(source)
        start = await self._start(referral) if referral is not None else None
        foreign = await self.recursion.resolve(handle, types, indexes, start=start, depth=depth, anew=anew)
        if isinstance(foreign, ForeignMissing):
            return Missing(Absence.UNKNOWN)
        if isinstance(foreign, ForeignRefusal):
            raise _refusal(handle, foreign)
        elsewhere = foreign.elsewhere
        return Found(foreign.entry, foreign.values, elsewhere.age if elsewhere.seconds < 0 else None, elsewhere)

    async def _start(self, referral: Referral) -> Delegation:
        """The servers that this node would have named; where it names a service by its handle, those of that."""
        start = start_of(referral)
        service = service_of(referral.values, below=start.below)
        if start.sites or service is None:
            return start
        try:
            found = await self.recursion.resolve(service)
        except InvalidIdentifier:
            return start
        values = found.values if isinstance(found, ForeignRecord) else ()
        return delegation_of(referral.prefix, values, below=start.below)


def start_of(referral: Referral) -> Delegation:
    """Where a resolution begins that this node would refer: at the servers that it would have named."""
    return delegation_of(referral.prefix, referral.values, below=referral.code == ResponseCode.PREFIX_REFERRAL)


def _refusal(handle: str, foreign: ForeignRefusal) -> NotResponsible | FarSideRefused:
    if foreign.code == ResponseCode.NOT_RESPONSIBLE:
        prefix = handle.partition("/")[0]
        return NotResponsible(f"{foreign.server} does not answer for {handle} either", prefix=prefix)
    told = f"{foreign.server} answered {foreign.code}: {foreign.detail}".rstrip(": ")
    return FarSideRefused(told, server=foreign.server, answered=foreign.code, retry_after=_RETRY_AFTER)
