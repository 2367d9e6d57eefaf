"""One exchange of the interface: who asks, what is asked, what is answered, and how a refusal reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from node.database import Connection
from node.errors import Malformed, NodeError, NotFound, TooMany, Unauthenticated, Unavailable
from node.national.access import Kind
from node.national.messages import Refusal, encode
from node.national.signature import NonceReused

T = TypeVar("T")


class RequestMalformed(Malformed):
    title_zh = "请求不符合接口"


class PathUnknown(NotFound):
    title_zh = "接口不存在"


class NonceRejected(Unauthenticated):
    title_zh = "随机数被拒绝，请重新签名"


_WORTH_RETRYING = (NonceRejected, NonceReused, TooMany, Unavailable)
"""Refusals after which the same content may come again, signed anew."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is, by its key pair. Of an applicant the AccessKey is the application's number."""

    access_key: str
    name: str
    kind: Kind
    delegated_prefix: str


@dataclass(frozen=True, slots=True)
class Answered:
    """``signature`` is ``valid``, ``unsigned``, ``unread``, or the code of what was wrong with it."""

    status: int
    body: bytes
    signature: str
    access_key: str


@dataclass(frozen=True, slots=True)
class Moods:
    """How a desk misbehaves in one exchange, for practice; the desk of a real node is calm.

    ``busy`` is where in a delivery the message stands that is put off, as a share of it; ``clock_skew`` is how far
    off its clock is for those who sign.
    """

    reject_nonce: bool = False
    wrong_signature: bool = False
    busy: float | None = None
    repeat_results: bool = False
    clock_skew: timedelta = timedelta(0)


CALM = Moods()


@dataclass(frozen=True, slots=True)
class Question:
    """What a part of the interface is asked; ``target`` stands in the place of the ``{…}`` of a path that has one."""

    caller: Caller
    part: str
    target: str
    query: Mapping[str, str]
    body: bytes
    at: datetime
    moods: Moods = CALM


@dataclass(frozen=True, slots=True)
class Face:
    """Who answers, and which of ``messages.PARTS``."""

    name: str
    prefix: str
    laboratory: bool
    parts: tuple[str, ...]


Handler = Callable[[Connection, Question], Awaitable[bytes | None]]
"""Answers a question inside the request's transaction, ``None`` for: nothing to say yet. Raises ``NodeError``."""

Keep = Callable[[Connection, Answered], Awaitable[None]]
"""Told of an answer at the end of the transaction that it comes from."""


def refusal(error: NodeError) -> bytes:
    """The body of a refusal."""
    retry = isinstance(error, _WORTH_RETRYING)
    return encode(Refusal(code=error.code, reason=f"{error.title_zh} / {error.detail}", retry=retry))


def decoded(body: bytes, shape: type[T]) -> T:
    """A body as its shape. Raises ``RequestMalformed``."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:  # the last: nested too deep
        raise RequestMalformed(f"the body is not what this path takes: {error}") from None


def number_of(query: Mapping[str, str], name: str) -> int:
    """A whole number of the query. Raises ``RequestMalformed``."""
    text = query.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise RequestMalformed(f"{name} is a whole number, 0 to begin with")
    return int(text)
