"""One resolution over HTTP, whatever the dress: found or refused, the Handle response code, and what it counts as."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from node.errors import (
    Conflict,
    Forbidden,
    Internal,
    Malformed,
    NodeError,
    NotFound,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix
from node.journal import Interface
from node.web import SOURCE
from resolver.answer import Absence, Found, NotResponsible, Query, RecordDamaged, ResolverAway
from resolver.chain import Resolver
from resolver.counting import Outcome, ResolutionCounter
from resolver.http.asking import spelling, types_and_indexes
from resolver.http.handle_json import SUCCESS, VALUES_NOT_FOUND, http_status

# Handle response codes by error; the nearest class counts.
RESPONSE_CODE: dict[type[NodeError], int] = {
    Malformed: 4,
    Unauthenticated: 402,
    Forbidden: 400,
    NotFound: 100,
    Conflict: 101,
    TooMany: 3,
    Unavailable: 3,
    Internal: 2,
    InvalidIdentifier: 102,
    InvalidPrefix: 102,
    InvalidSuffix: 102,
    NotResponsible: 301,
}


class NeverRegistered(NotFound):
    title_zh = "标识不存在"


class PrefixSuspended(NotFound):
    title_zh = "标识所属前缀已停用"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``handle`` is the identifier as it was asked for; exactly one of ``found`` and ``refusal`` is there."""

    handle: str
    found: Found | None
    refusal: NodeError | None
    prefix: str = ""

    @property
    def response_code(self) -> int:
        """The Handle response code."""
        if self.found is not None:
            return SUCCESS if self.found.values else VALUES_NOT_FOUND
        return response_code(self.refusal) if self.refusal is not None else SUCCESS

    @property
    def status(self) -> int:
        """The HTTP status that belongs to the response code."""
        return http_status(self.response_code)


def response_code(error: NodeError) -> int:
    """The Handle response code of an error."""
    return next(RESPONSE_CODE[kind] for kind in type(error).__mro__ if kind in RESPONSE_CODE)


async def judge(request: web.Request, resolver: Resolver, raw: str) -> Verdict:
    """Resolve what stands in a raw piece of the path, with the request's type and index parameters."""
    handle = raw
    try:
        handle = spelling(raw)
        identifier = Identifier.parse(handle)
        query = Query(identifier, *types_and_indexes(request))
    except Malformed as error:
        return Verdict(handle, None, error)
    try:
        answer = await resolver.resolve(query)
    except (NotResponsible, ResolverAway) as error:
        return Verdict(handle, None, error)
    except RecordDamaged as error:
        return Verdict(handle, None, error, identifier.prefix.key)
    if isinstance(answer, Found):
        return Verdict(handle, answer, None, identifier.prefix.key)
    refusal = (
        PrefixSuspended("the prefix of this identifier is suspended")
        if answer.reason is Absence.SUSPENDED
        else NeverRegistered("there is no such identifier")
    )
    return Verdict(handle, None, refusal, identifier.prefix.key)


def count(
    counter: ResolutionCounter, request: web.Request, interface: Interface, verdict: Verdict, *, revalidated: bool
) -> None:
    """Count one answer: only what asks for contents (GET), and nothing that could not be understood."""
    if request.method != "GET" or isinstance(verdict.refusal, Malformed):
        return
    counter.count(verdict.prefix, interface, _outcome(verdict, revalidated), request[SOURCE])


def _outcome(verdict: Verdict, revalidated: bool) -> Outcome:
    if verdict.found is not None:
        if not verdict.found.values:
            return Outcome.MISSING
        if revalidated:
            return Outcome.REVALIDATED
        return Outcome.HIT if verdict.found.age is None else Outcome.STALE_HIT
    if isinstance(verdict.refusal, PrefixSuspended):
        return Outcome.DENIED
    return Outcome.MISSING if isinstance(verdict.refusal, NotFound) else Outcome.ERROR
