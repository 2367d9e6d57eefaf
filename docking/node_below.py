"""The lower side as the test plays it against an upper: requests right and wrong, and every exchange remembered.

It is its own client on purpose: the node's client knows how to behave, and this one has to misbehave as well.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import aiohttp
import msgspec
from yarl import URL

from docking.case import Failed, NotOffered, Skipped
from node.national.access import Application, Kind
from node.national.messages import INTERFACE, MESSAGES, Delivery, Message, Offers, Refusal, Result, Results, Status
from node.national.signature import KeyPair, sign

CREDIT_CODE = "91442000MAD0000198"
"""Valid by GB 32100, and nobody's."""
_LARGEST_ANSWER = 20 << 20
_MOST_STEPS = 60

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Heard:
    """One question and its answer."""

    asked: str
    status: int
    body: bytes
    seconds: float

    def shape(self, shape: type[T]) -> T:
        """The content of an answer with status 200. Raises ``Failed``."""
        if self.status != 200:
            words = f"{self.asked} was answered {self.status}: {self.excerpt}"
            raise Failed(f"{self.asked} 应答 {self.status}", words)
        try:
            return msgspec.json.decode(self.body, type=shape)
        except msgspec.MsgspecError as error:
            raise Failed(
                f"{self.asked} 的应答不符合 {shape.__name__}", f"the answer is no {shape.__name__}: {error}"
            ) from None

    def refusal(self) -> Refusal:
        """The content of any other answer. Raises ``Failed``."""
        if self.status == 200:
            raise Failed(f"{self.asked} 被接受", f"{self.asked} was accepted: {self.excerpt}")
        try:
            return msgspec.json.decode(self.body, type=Refusal)
        except msgspec.MsgspecError:
            raise Failed(
                f"应答 {self.status} 不是 code、reason、retry", f"an answer {self.status} without code, reason, retry"
            ) from None

    @property
    def excerpt(self) -> str:
        return self.body[:200].decode("utf-8", "replace")


@dataclass(slots=True)
class NodeBelow:
    """One lower node, made for this test: an id and prefixes that nobody used before.

    ``prefix`` was delegated to ``keys`` and is used by nobody else: what the upper knows of it will be replaced.
    """

    session: aiohttp.ClientSession
    url: URL
    keys: KeyPair
    prefix: str
    patience: float
    clock: Callable[[], datetime]
    handle: tuple[str, int] | None = None
    tls: ssl.SSLContext | None = None
    bare_tls: ssl.SSLContext | None = None  # the same without our client certificate
    certificate_sha256: str = ""
    credit_code: str = CREDIT_CODE
    node: UUID = field(default_factory=uuid4)
    own_keys: KeyPair | None = None  # issued to the application of this test, if it was approved
    parts: frozenset[str] | None = None
    steps: list[str] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list, repr=False)
    disorder: list[str] = field(default_factory=list)
    application: Application = field(init=False, repr=False)
    _sequence: int = 0

    def __post_init__(self) -> None:
        self.application = self.new_application()

    def begin(self) -> None:
        self.steps = []

    async def demand(self, part: str) -> None:
        """Raises ``NotOffered`` when the upper says itself that it does not answer that part."""
        if self.parts is None:
            heard = await self.ask("GET", INTERFACE, keys=None)
            self.parts = frozenset(heard.shape(Offers).parts) if heard.status == 200 else frozenset()
        if self.parts and part not in self.parts:
            raise NotOffered(part)

    # Asking -----------------------------------------------------------------------------------------

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        keys: KeyPair | None,
        by: ssl.SSLContext | None = None,
        **signed: Any,
    ) -> Heard:
        """One request signed as ``keys``, or not at all; ``signed`` as for ``headers``. Raises ``Failed``."""
        headers = {} if keys is None else self.headers(keys, method, path, body, **signed)
        return await self.send(method, self.target(path), body, headers, by=by)

    async def say(self, method: str, path: str, body: bytes = b"") -> Heard:
        """A request as this node usually makes it. Raises ``NotOffered`` where nothing is known of a path."""
        heard = await self.ask(method, path, body, keys=self.keys)
        if heard.status == 404 and not self.parts:
            raise NotOffered(path)
        return heard

    def target(self, path: str) -> URL:
        return URL(str(self.url).rstrip("/") + path, encoded=True)

    def headers(
        self,
        keys: KeyPair,
        method: str,
        path: str,
        body: bytes,
        *,
        at: datetime | None = None,
        nonce: str | None = None,
    ) -> dict[str, str]:
        """Headers of a request; its time and nonce are now and fresh unless given."""
        target = self.target(path).raw_path_qs
        return sign(keys, method, target, body, at=at or self.clock(), nonce=nonce or secrets.token_urlsafe(24))

    async def send(
        self, method: str, target: URL, body: bytes, headers: Mapping[str, str], *, by: ssl.SSLContext | None = None
    ) -> Heard:
        """A request with exactly these headers. Raises ``Failed`` when nothing comes back in time."""
        asked = f"{method} {target.raw_path_qs[:120]}"
        began = time.monotonic()
        try:
            async with (
                asyncio.timeout(max(self.patience, 40.0)),
                self.session.request(
                    method, target, data=body or None, headers={"Content-Type": "application/json", **headers},
                    allow_redirects=False, ssl=by or self.tls or True, middlewares=(_sent_once(),),
                ) as response,
            ):  # fmt: skip
                content = await response.content.read(_LARGEST_ANSWER)
                heard = Heard(asked, response.status, content, time.monotonic() - began)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.did(f"{asked} → {type(error).__name__}")
            raise Failed(f"{asked} 没有应答", f"no answer to {asked}: {type(error).__name__} {error}") from error
        self.heard.append(heard)
        note = f" {heard.excerpt}" if heard.status != 200 else ""
        self.did(f"{asked} ({len(body)} B) → {heard.status}{note}")
        return heard

    def did(self, step: str) -> None:
        """Remember what was done, for the report."""
        if len(self.steps) < _MOST_STEPS:
            self.steps.append(step)

    # Messages ---------------------------------------------------------------------------------------

    def message(
        self, kind: str, body: Mapping[str, Any], *, stream: str = "", message_id: UUID | None = None
    ) -> Message:
        """The next report of this node; its stream is the first word of its kind unless given."""
        self._sequence += 3  # with gaps, as a real outbox has them
        return Message(
            message_id=message_id or uuid4(),
            stream=stream or kind.partition(".")[0],
            sequence=self._sequence,
            kind=kind,
            created_at=self.clock(),
            body=msgspec.Raw(msgspec.json.encode(body)),
        )

    def probe(self, count: int = 1, stream: str = "docking_test") -> list[Message]:
        """Messages of a kind that nobody knows: they are to be accepted and kept, and have no other effect."""
        return [self.message("docking_test.probe", {"n": n}, stream=stream) for n in range(count)]

    def delivery(self, messages: Sequence[Message]) -> bytes:
        return msgspec.json.encode(Delivery(node=self.node, laboratory=True, messages=list(messages)))

    async def deliver(self, *messages: Message) -> list[Result]:
        """The results of a delivery, in the order of the messages. Raises ``Failed`` unless each has its own.

        An answer that puts everything off is waited out: the upper may be busy.
        """
        ends = time.monotonic() + self.patience
        while True:
            heard = await self.say("POST", MESSAGES, self.delivery(messages))
            if heard.status == 200 or not heard.refusal().retry or time.monotonic() > ends:
                break
            await asyncio.sleep(0.2)
        given = {result.message_id: result for result in heard.shape(Results).results}
        missing = [message for message in messages if message.message_id not in given]
        if missing:
            raise Failed(
                f"{len(missing)} 条消息没有结果", f"{len(missing)} of {len(messages)} messages have no result"
            )
        results = [given[message.message_id] for message in messages]
        self._watch_order(messages, results)
        self.did("  " + ", ".join(f"{result.status} {result.reason}".rstrip() for result in results[:8]))
        return results

    async def settle(self, *messages: Message) -> list[Result]:
        """Deliver until nothing is put off any more; the last result of each."""
        ends = time.monotonic() + self.patience
        results = await self.deliver(*messages)
        while put_off := [n for n, result in enumerate(results) if result.status is Status.REFUSED and result.retry]:
            if time.monotonic() > ends:
                seconds = f"{self.patience:.0f}"
                raise Failed(f"{seconds} 秒后仍有消息被暂缓", f"messages are still put off after {seconds} s")
            await asyncio.sleep(0.2)
            again = await self.deliver(*(messages[n] for n in put_off))
            for n, result in zip(put_off, again, strict=True):
                results[n] = result
        return results

    def _watch_order(self, messages: Sequence[Message], results: Sequence[Result]) -> None:
        halted: set[str] = set()
        for message, result in zip(messages, results, strict=True):
            if result.status is Status.REFUSED and result.retry:
                halted.add(message.stream)
            elif result.status is Status.ACCEPTED and message.stream in halted:
                self.disorder.append(f"{message.stream} {message.sequence}")

    # Who it is -------------------------------------------------------------------------------------

    def new_application(self, certificate_sha256: str = "") -> Application:
        """An application for the prefix of the test."""
        return Application(
            application_id=uuid4(),
            secret=secrets.token_urlsafe(32),
            kind=Kind.ENTERPRISE if self.is_enterprise else Kind.SECONDARY,
            name="对接测试节点",
            prefix=self.prefix,
            credit_code=self.credit_code,
            contact="docking-test",
            version="docking-test",
            certificate_sha256=certificate_sha256,
        )

    @property
    def is_enterprise(self) -> bool:
        """Whether the prefix is an enterprise's (88.101.2001): then it is the only one there is."""
        return self.prefix.count(".") >= 2

    def fresh_prefix(self) -> str:
        """A prefix below ours that was not seen before."""
        if self.is_enterprise:
            raise Skipped(
                "前缀已是企业前缀，其下不再分配", "the prefix is an enterprise's: none is given out below it"
            )
        return f"{self.prefix}.{secrets.randbelow(9 * 10**9) + 10**9}"


def _sent_once() -> aiohttp.ClientMiddlewareType:
    """aiohttp repeats what it thinks harmless; here a request is a request."""
    sent = False

    async def middleware(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        nonlocal sent
        if sent:
            raise aiohttp.ClientConnectionError("the connection was closed before an answer came")
        sent = True
        return await handler(request)

    return middleware
