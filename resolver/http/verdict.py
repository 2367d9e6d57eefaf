"""One resolution over HTTP, whatever the dress: found, referred or refused, and what it counts as."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from node.errors import Malformed, NodeError, NotFound
from node.identifier import Identifier
from node.journal import Interface
from node.resolutions import Outcome
from node.web import SOURCE, micros_of
from resolver.answer import NOT_OURS, Absence, Found, Key, NotResponsible, RecordDamaged, Referral, ResolverAway
from resolver.chain import Resolver
from resolver.counting.bots import marks_of
from resolver.counting.counter import ResolutionCounter
from resolver.handle.codes import ResponseCode, response_code_of
from resolver.http.asking import Question, question_of, spelling
from resolver.http.handle_json import http_status
from resolver.http.onward import Onward
from resolver.names import Name, parse_name


class NeverRegistered(NotFound):
    title_zh = "标识不存在"


class PrefixSuspended(NotFound):
    title_zh = "标识所属前缀已停用"


class IdentifierBlocked(NotFound):
    title_zh = "标识已被封堵"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``handle`` is the name as it was asked for; exactly one of ``found``, ``refusal`` and ``referral`` is there.

    ``key`` is what it counts under; ``counts``: an identifier was asked for. What the Handle System says of itself,
    the records of prefixes and sites, is how clients find the way and counts as no resolution. ``recursed``: others
    were asked.
    """

    handle: str
    found: Found | None
    refusal: NodeError | None
    key: Key = NOT_OURS
    referral: Referral | None = None
    counts: bool = True
    marks: int = 0
    recursed: bool = False

    @property
    def response_code(self) -> int:
        """The Handle response code."""
        if self.found is not None:
            return ResponseCode.SUCCESS if self.found.values else ResponseCode.VALUES_NOT_FOUND
        if self.referral is not None:
            return self.referral.code
        return response_code_of(self.refusal) if self.refusal is not None else ResponseCode.SUCCESS

    @property
    def status(self) -> int:
        """The HTTP status that belongs to the response code."""
        return http_status(self.response_code)


async def judge(request: web.Request, resolver: Resolver, raw: str, onward: Onward) -> Verdict:
    """Resolve what stands in a raw piece of the path, with the request's parameters."""
    handle = raw
    try:
        handle = spelling(raw)
        question = question_of(request.query)
        name = parse_name(handle)
    except NotResponsible as error:
        return await elsewhere(request, resolver, handle, question, onward, error)
    except Malformed as error:
        return Verdict(handle, None, error)
    return await resolved(request, resolver, handle, name, question, onward)


async def elsewhere(
    request: web.Request,
    resolver: Resolver,
    handle: str,
    question: Question,
    onward: Onward,
    refusal: NotResponsible,
) -> Verdict:
    """What others know of a name in a part of the Handle System that is not ours, or else that it is not."""
    if not onward.wanted(request, question):
        return Verdict(handle, None, refusal)
    try:
        if await resolver.blocks(handle):
            return Verdict(handle, None, refusal_of(Absence.BLOCKED))
    except ResolverAway as error:
        return Verdict(handle, None, error)
    return await _gone_on(request, handle, question, onward, None, NOT_OURS, counts=True)


async def resolved(
    request: web.Request, resolver: Resolver, handle: str, name: Name, question: Question, onward: Onward
) -> Verdict:
    """What is known of a name, here or by going ``onward``; ``handle`` is how it was written."""
    counts = isinstance(name, Identifier)
    key = (name.prefix.key, name.key) if isinstance(name, Identifier) else NOT_OURS
    try:
        answer = await resolver.resolve_name(
            name, question.types, question.indexes, referrals=question.referrals, anew=question.anew
        )
    except NotResponsible as error:
        if onward.wanted(request, question):
            return await _gone_on(request, handle, question, onward, None, NOT_OURS, counts=counts)
        return Verdict(handle, None, error, counts=counts)
    except ResolverAway as error:
        return Verdict(handle, None, error, counts=counts)
    except RecordDamaged as error:
        return Verdict(handle, None, error, key, counts=counts)
    if isinstance(answer, Found):
        return Verdict(handle, answer, None, key, counts=counts)
    if isinstance(answer, Referral):
        key = answer.prefix, key[1]
        if onward.wanted(request, question):
            return await _gone_on(request, handle, question, onward, answer, key, counts=counts)
        return Verdict(handle, None, None, key, answer, counts)
    return Verdict(handle, None, refusal_of(answer.reason), key, counts=counts)


async def _gone_on(
    request: web.Request,
    handle: str,
    question: Question,
    onward: Onward,
    referral: Referral | None,
    key: Key,
    *,
    counts: bool,
) -> Verdict:
    """What others answer; ``referral`` is what the client would have been told."""
    try:
        answer = await onward.find(request, handle, question, referral)
    except NodeError as error:
        return Verdict(handle, None, error, key, counts=counts, recursed=True)
    if isinstance(answer, Found):
        return Verdict(handle, answer, None, key, counts=counts, recursed=True)
    return Verdict(handle, None, refusal_of(answer.reason), key, counts=counts, recursed=True)


def refusal_of(reason: Absence) -> NotFound:
    """What is told of an identifier that is not there."""
    if reason is Absence.SUSPENDED:
        return PrefixSuspended("the prefix of this identifier is suspended")
    if reason is Absence.BLOCKED:
        return IdentifierBlocked("this identifier is blocked by the node above")
    return NeverRegistered("there is no such identifier")


def count(
    counter: ResolutionCounter, request: web.Request, interface: Interface, verdict: Verdict, *, revalidated: bool
) -> None:
    """Count one answer: only what asks for contents (GET, or POST in its place), nothing that made no sense."""
    if request.method not in ("GET", "POST") or not verdict.counts or isinstance(verdict.refusal, Malformed):
        return
    if verdict.recursed:
        interface = Interface.RECURSIVE
    counter.count(
        verdict.key, interface, _outcome(verdict, revalidated), request[SOURCE], micros_of(request),
        marks=verdict.marks | marks_of(request.headers.get("User-Agent", "")),
    )  # fmt: skip


def _outcome(verdict: Verdict, revalidated: bool) -> Outcome:
    if verdict.found is not None:
        if not verdict.found.values:
            return Outcome.MISSING
        if verdict.recursed:
            return Outcome.RECURSED
        if revalidated:
            return Outcome.REVALIDATED
        return Outcome.HIT if verdict.found.age is None else Outcome.STALE_HIT
    if verdict.referral is not None:
        return Outcome.REFERRED
    if isinstance(verdict.refusal, PrefixSuspended | IdentifierBlocked):
        return Outcome.DENIED
    return Outcome.MISSING if isinstance(verdict.refusal, NotFound) else Outcome.ERROR
