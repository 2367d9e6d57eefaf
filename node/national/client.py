"""One question to the national node, one answer: signed, within a deadline, its failures of two kinds.

``NationalSilent``   nothing that the interface knows came back: no connection, no answer in time, a gateway's
                     page, an unreadable body. What was asked may or may not have happened; ask again later.
``NationalRefusal``  the national node itself said no, and said whether asking again can help.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import aiohttp
import msgspec
from yarl import URL

from node.errors import Conflict
from node.national.access import APPLICATIONS, KEYS, Application, ApplicationStatus, IssuedKey
from node.national.bulk import FILES, STANDBY, FileManifest, FileReceipt, StandbyState
from node.national.credentials import Credentials
from node.national.instructions import INSTRUCTIONS, Instructions
from node.national.link import Link, LinkResting, NationalSilent
from node.national.messages import (
    COUNTS,
    HEARTBEATS,
    INTERFACE,
    MESSAGES,
    VERDICTS,
    Counts,
    Delivery,
    Heartbeat,
    Offers,
    Refusal,
    Results,
    Verdicts,
    encode,
)
from node.national.signature import KeyPair, sign

__all__ = ["LinkResting", "NationalClient", "NationalRefusal", "NationalSilent"]

_LARGEST_ANSWER = 4 << 20
# Bytes a second that a large body is given time for beyond the deadline.
_SLOWEST = 128 << 10
# Not the content is refused, but its time or its sender: the link is at fault.
_OF_THE_LINK = frozenset({401, 403, 408, 429})

T = TypeVar("T")


class NationalRefusal(Conflict):
    """Evidence: ``status``, ``refusal`` (the code), ``retry``."""

    title_zh = "国家顶级节点拒绝"

    @property
    def retry(self) -> bool:
        return bool(self.evidence["retry"])


class NationalClient:
    """Speaks to one address as who ``credentials`` say. ``nonce`` gives 16 to 64 fresh letters and digits each time.

    Every method raises ``NationalSilent``, ``NationalRefusal`` and, but for the unsigned ones, ``AccessPending``.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        credentials: Credentials,
        link: Link,
        *,
        deadline_seconds: float,
        clock: Callable[[], datetime],
        nonce: Callable[[], str],
        stop: asyncio.Event,
    ) -> None:
        self.credentials = credentials
        self.link = link
        self._session = session
        self._url = url.rstrip("/")
        self._deadline = deadline_seconds
        self._clock = clock
        self._nonce = nonce
        self._stop = stop

    async def offers(self) -> Offers:
        """Which parts of the interface the node above has; unsigned."""
        return await self._ask("GET", INTERFACE, b"", Offers, unsigned=True)

    async def deliver(self, delivery: Delivery) -> Results:
        """Hand in messages; what became of each."""
        return await self._ask("POST", MESSAGES, encode(delivery), Results)

    async def beat(self, heartbeat: Heartbeat) -> None:
        """Say that we live."""
        await self._ask("POST", HEARTBEATS, encode(heartbeat), dict)

    async def count(self, counts: Counts) -> None:
        """State counts."""
        await self._ask("POST", COUNTS, encode(counts), dict)

    async def verdicts(self, after: int, wait: int = 0) -> Verdicts:
        """Verification results after this sequence; kept waiting up to ``wait`` seconds while there are none."""
        wait = self._patience(wait)
        question = self._ask("GET", f"{VERDICTS}?{_page(after, wait)}", b"", Verdicts, patience=wait)
        return await self._unless_stopped(question, Verdicts(verdicts=[]))

    async def instructions(self, after: int, wait: int = 0) -> Instructions:
        """Instructions after this sequence, likewise."""
        wait = self._patience(wait)
        question = self._ask("GET", f"{INSTRUCTIONS}?{_page(after, wait)}", b"", Instructions, patience=wait)
        return await self._unless_stopped(question, Instructions(instructions=[]))

    async def apply(self, application: Application) -> ApplicationStatus:
        """Apply for access; unsigned. Said again it changes nothing."""
        return await self._ask("POST", APPLICATIONS, encode(application), ApplicationStatus, unsigned=True)

    async def application(self, application_id: UUID, secret: str) -> ApplicationStatus:
        """What became of an application, asked as the applicant."""
        path = f"{APPLICATIONS}/{application_id}"
        return await self._ask("GET", path, b"", ApplicationStatus, signer=KeyPair(str(application_id), secret))

    async def next_key(self) -> IssuedKey:
        """The successor of our present key pair; the same one until it is used."""
        return await self._ask("POST", KEYS, b"", IssuedKey)

    async def replace_key(self) -> str:
        """Replace our key pair by its successor, without a gap; the new AccessKey."""
        successor = await self.next_key()
        await self.credentials.adopt(successor)
        return successor.access_key

    async def put_file(self, manifest: FileManifest, content: bytes) -> FileReceipt:
        """Send one file; sent again it is known. ``content`` is what the manifest gives the SHA-256 of."""
        told = base64.urlsafe_b64encode(encode(manifest)).decode().rstrip("=")
        return await self._ask("PUT", f"{FILES}/{manifest.sha256}?manifest={told}", content, FileReceipt, bulk=True)

    async def standby(self) -> StandbyState:
        """How far our standby records go."""
        return await self._ask("GET", STANDBY, b"", StandbyState)

    async def put_standby(self, page: bytes) -> StandbyState:
        """Send one page of them, packed as it is to travel."""
        return await self._ask("PUT", STANDBY, page, StandbyState, bulk=True)

    async def _ask(
        self,
        method: str,
        path: str,
        body: bytes,
        shape: type[T],
        *,
        signer: KeyPair | None = None,
        unsigned: bool = False,
        patience: float = 0,
        bulk: bool = False,
    ) -> T:
        """``bulk`` bodies take their time, and their failure says nothing of the link."""
        url = URL(self._url + path, encoded=True)
        keys = None if unsigned else signer or self.credentials.current()
        self.link.admit()
        try:
            status, content = await self._exchange(method, url, body, keys, patience + len(body) / _SLOWEST, bulk)
            answer = _read(status, content, shape)
        except NationalSilent as silence:
            if not bulk:
                self.link.failed(self._clock(), silence.detail)
            raise
        if not isinstance(answer, Refusal):
            self.link.heard(self._clock())
            return answer
        if status not in _OF_THE_LINK and status < 500:
            self.link.heard(self._clock())
        elif not bulk:
            self.link.failed(self._clock(), f"{answer.code}: {answer.reason}")
        raise NationalRefusal(answer.reason, status=status, refusal=answer.code, retry=answer.retry)

    async def _exchange(
        self, method: str, url: URL, body: bytes, keys: KeyPair | None, patience: float, bulk: bool
    ) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/octet-stream" if bulk else "application/json"}

        async def signed(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            """Each time that it leaves: aiohttp repeats a GET or PUT whose kept connection was reset."""
            if keys is not None:
                request.headers.update(
                    sign(keys, method, url.raw_path_qs, body, at=self._clock(), nonce=self._nonce())
                )
            return await send(request)

        try:
            async with (
                asyncio.timeout(self._deadline + patience),
                self._session.request(
                    method, url, data=body or None, headers=headers, allow_redirects=False, middlewares=(signed,)
                ) as response,
            ):
                return response.status, await _content(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NationalSilent(
                f"the national node gave no answer: {type(error).__name__}", cause=str(error)
            ) from error

    def _patience(self, wait: int) -> int:
        """A probe is answered at once, or it would keep all others waiting."""
        return 0 if self.link.open else wait

    async def _unless_stopped(self, question: Coroutine[None, None, T], nothing: T) -> T:
        """The answer, or ``nothing`` when this process is told to stop before it comes."""
        asked, stopping = asyncio.create_task(question), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({asked, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked.done() else nothing
        finally:
            asked.cancel()
            stopping.cancel()
            await asyncio.wait({asked, stopping})


def _page(after: int, wait: int) -> str:
    return f"after={after}&wait={wait}" if wait else f"after={after}"


def _read(status: int, content: bytes, shape: type[T]) -> T | Refusal:
    """Raises ``NationalSilent`` for what the interface does not know."""
    try:
        if status == 200:
            return msgspec.json.decode(content, type=shape)
        return msgspec.json.decode(content, type=Refusal)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise NationalSilent(
            f"the answer with status {status} is not one of the interface", status=status, cause=str(error)
        ) from error


async def _content(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > _LARGEST_ANSWER:
            raise NationalSilent("the answer is longer than any of the interface", limit=_LARGEST_ANSWER)
    return bytes(content)
