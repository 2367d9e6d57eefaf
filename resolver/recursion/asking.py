"""The servers of a delegation, asked one after the other until one answers; within the bounds of one resolution."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from node.identifier import fold
from node.outward import AddressRefused
from node.record import Record
from resolver import metrics
from resolver.handle.bodies import Referral, decode_error, decode_found, decode_referral
from resolver.handle.codes import ResponseCode
from resolver.handle.envelope import WireFault
from resolver.handle.message import Message, encode_message
from resolver.recursion.breaker import Breakers
from resolver.recursion.delegation import Delegation, Target
from resolver.recursion.errors import (
    AnswerNotBelieved,
    DelegationUnusable,
    FarSideSilent,
    LoopDetected,
    TooManyHops,
)
from resolver.recursion.hop import Came, Hop
from resolver.recursion.links import LineBusy, Links, ReplyTooLarge
from resolver.recursion.question import NotTheAnswer, answer_to, question_of
from resolver.recursion.wanted import Wanted

REFERRALS = (ResponseCode.SERVICE_REFERRAL, ResponseCode.PREFIX_REFERRAL)
_AWAY = (ResponseCode.TOO_BUSY, ResponseCode.SERVER_BACKUP)
_DETAIL = 200  # characters of a stranger's words
_RETRY_AFTER = 5

Number = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Means:
    """What all resolutions of a process share; ``number`` draws the numbers of questions, ``clock`` is Unix time."""

    links: Links
    breakers: Breakers
    hop_seconds: float
    hops: int
    clock: Callable[[], float]
    number: Number


@dataclass(frozen=True, slots=True)
class Reply:
    """``values`` of a record, ``referral``, or the ``detail`` of any other response code, as ``server`` told it."""

    code: int
    server: str
    values: Record = ()
    referral: Referral | None = None
    detail: str = ""


@dataclass(slots=True)
class Asking:
    """The questions of one resolution; ``depth`` is how many servers ask for one another already."""

    means: Means
    wanted: Wanted
    depth: int
    hops: list[Hop] = field(default_factory=list)
    _asked: int = 0
    _seen: set[tuple[str, Target]] = field(default_factory=set)
    _silent: set[Target] = field(default_factory=set)

    async def ask(self, delegation: Delegation, handle: str) -> Reply:
        """The first answer of a delegation's servers about a handle.

        Raises ``FarSideSilent`` and its ``AnswerNotBelieved``, ``DelegationUnusable``, ``LoopDetected``,
        ``TooManyHops``.
        """
        targets = delegation.toward(handle)
        came: list[Came] = []
        for target in targets:
            self._bound(target, handle)
            if target in self._silent or not self.means.breakers.allows(target):
                self._note(target, handle, Came.RESTING, "it was silent a moment ago")
                came.append(Came.RESTING)
                continue
            reply = await self._ask_one(target, handle, came)
            if reply is not None:
                return reply
        raise self._unanswered(delegation, came)

    def begin_anew(self) -> None:
        """What follows goes another way, on which the same questions are no circle."""
        self._seen.clear()

    def _bound(self, target: Target, handle: str) -> None:
        if (fold(handle), target) in self._seen:
            raise LoopDetected(
                f"the delegations of {self.wanted.text} lead in a circle", name=self.wanted.text, server=target.text
            )
        self._seen.add((fold(handle), target))
        if self._asked >= self.means.hops:
            detail = f"{self.wanted.text} was not found by {self.means.hops} questions"
            raise TooManyHops(detail, name=self.wanted.text, hops=self.means.hops)

    async def _ask_one(self, target: Target, handle: str, came: list[Came]) -> Reply | None:
        """The answer of one server; ``None``, and a word more in ``came``, where there is none."""
        breakers, began = self.means.breakers, time.perf_counter()
        self._asked += 1
        word, code = Came.SILENT, None
        try:
            reply = await self._exchanged(target, handle)
        except AddressRefused as error:
            word, told = Came.FORBIDDEN, error.detail
        except (NotTheAnswer, ReplyTooLarge, WireFault) as fault:
            word, told = Came.DISBELIEVED, _words(fault)
        except LineBusy as error:
            word, told = Came.RESTING, str(error)
        except TimeoutError:
            told = "it said nothing in time"
        except (OSError, EOFError) as error:
            told = _words(error)
        else:
            breakers.answered(target)
            if reply.code not in _AWAY:
                self._note(target, handle, self._word(reply, handle), reply.detail, began, reply.code)
                return reply
            told, code = reply.detail or "it is busy", reply.code
        if code is None and word in (Came.SILENT, Came.DISBELIEVED):
            breakers.failed(target)
            self._silent.add(target)
        came.append(word)
        self._note(target, handle, word, told, began, code)
        return None

    async def _exchanged(self, target: Target, handle: str) -> Reply:
        means = self.means
        question = question_of(
            handle, number=means.number(), depth=self.depth, now=means.clock(), key=target.public_key
        )
        return await means.links.exchange(
            target, encode_message(question), lambda data: _read(question, handle, data, target), means.hop_seconds
        )

    def _word(self, reply: Reply, handle: str) -> Came:
        if reply.code == ResponseCode.SUCCESS:
            return Came.RECORD if handle == self.wanted.text else Came.DELEGATION
        if reply.referral is not None:
            return Came.REFERRAL
        missing = reply.code in (ResponseCode.HANDLE_NOT_FOUND, ResponseCode.VALUES_NOT_FOUND)
        return Came.MISSING if missing else Came.REFUSED

    def _note(
        self, target: Target, handle: str, word: Came, detail: str, began: float = 0.0, code: int | None = None
    ) -> None:
        metrics.RECURSION_QUESTIONS.labels(word.value).inc()
        took = (time.perf_counter() - began) * 1000 if began else 0.0
        self.hops.append(Hop(target.text, handle, word, code, round(took, 1), detail))

    def _unanswered(self, delegation: Delegation, came: list[Came]) -> FarSideSilent | DelegationUnusable:
        name, whose = self.wanted.text, delegation.prefix or "the roots"
        if all(word is Came.FORBIDDEN for word in came):
            what = "names no server that this node may ask" if came else "names no server that answers by TCP"
            return DelegationUnusable(f"the delegation of {whose} {what}", name=name)
        if came[-1] is Came.DISBELIEVED:
            detail = f"what the servers of {whose} answered is not believed"
            return AnswerNotBelieved(detail, name=name, retry_after=_RETRY_AFTER)
        return FarSideSilent(f"the servers of {whose} do not answer", name=name, retry_after=_RETRY_AFTER)


def _read(question: Message, handle: str, data: bytes, target: Target) -> Reply:
    """What a reply says. Raises NotTheAnswer, WireFault."""
    code, body = answer_to(question, data, target.public_key)
    if code == ResponseCode.SUCCESS:
        found = decode_found(body)
        if fold(found.handle) != fold(handle):
            raise NotTheAnswer("the reply is about another handle")
        return Reply(code, target.text, found.values)
    if code in REFERRALS:
        return Reply(code, target.text, referral=decode_referral(body))
    if code == ResponseCode.AUTHENTICATION_NEEDED:
        return Reply(code, target.text, detail="it wants to know who asks")
    return Reply(code, target.text, detail=_printable(decode_error(body)))


def _words(fault: BaseException) -> str:
    return _printable(str(getattr(fault, "strerror", None) or fault)) or type(fault).__name__


def _printable(text: str) -> str:
    """A stranger's words, with nothing in them that steers a terminal, and not too many."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text[:_DETAIL])
