"""One question to the national node, one answer: signed, within a deadline, its failures of two kinds.

``NationalSilent``   nothing that the interface knows came back: no connection, no answer in time, a gateway's
                     page, an unreadable body. What was asked may or may not have happened; ask again later.
``NationalRefusal``  the national node itself said no, and said whether asking again can help.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import aiohttp
import msgspec
from prometheus_client import Gauge
from yarl import URL

from node.errors import Conflict, Unavailable
from node.national.messages import (
    COUNTS,
    HEARTBEATS,
    MESSAGES,
    VERDICTS,
    Counts,
    Delivery,
    Heartbeat,
    Refusal,
    Results,
    Verdicts,
    encode,
)
from node.national.signature import KeyPair, sign

LAST_CONTACT = Gauge(
    "biaoshi_national_last_contact_seconds",
    "Unix time of the national node's last answer, 0 for none yet",
    multiprocess_mode="livemostrecent",
)

_LARGEST_ANSWER = 1 << 20

T = TypeVar("T")


class NationalSilent(Unavailable):
    title_zh = "国家顶级节点无应答"


class NationalRefusal(Conflict):
    """Evidence: ``status``, ``refusal`` (the code), ``retry``."""

    title_zh = "国家顶级节点拒绝"

    @property
    def retry(self) -> bool:
        return bool(self.evidence["retry"])


class NationalClient:
    """Speaks as one key pair to one address. ``nonce`` gives 16 to 64 fresh letters and digits each time."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        keys: KeyPair,
        *,
        deadline_seconds: float,
        clock: Callable[[], datetime],
        nonce: Callable[[], str],
    ) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._keys = keys
        self._deadline = deadline_seconds
        self._clock = clock
        self._nonce = nonce

    async def deliver(self, delivery: Delivery) -> Results:
        """Raises ``NationalSilent``, ``NationalRefusal``, like every method here."""
        return await self._ask("POST", MESSAGES, encode(delivery), Results)

    async def beat(self, heartbeat: Heartbeat) -> None:
        await self._ask("POST", HEARTBEATS, encode(heartbeat), dict)

    async def count(self, counts: Counts) -> None:
        await self._ask("POST", COUNTS, encode(counts), dict)

    async def verdicts(self, after: int) -> Verdicts:
        return await self._ask("GET", f"{VERDICTS}?after={after}", b"", Verdicts)

    async def _ask(self, method: str, path: str, body: bytes, shape: type[T]) -> T:
        url = URL(self._url + path)
        headers = sign(self._keys, method, url.raw_path_qs, body, at=self._clock(), nonce=self._nonce())
        headers["Content-Type"] = "application/json"
        try:
            async with (
                asyncio.timeout(self._deadline),
                self._session.request(
                    method, url, data=body or None, headers=headers, allow_redirects=False
                ) as response,
            ):
                status, content = response.status, await _read(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NationalSilent(
                f"the national node gave no answer: {type(error).__name__}", cause=str(error)
            ) from error
        try:
            if status == 200:
                answer = msgspec.json.decode(content, type=shape)
                LAST_CONTACT.set(self._clock().timestamp())
                return answer
            refusal = msgspec.json.decode(content, type=Refusal)
        except msgspec.MsgspecError as error:
            raise NationalSilent(
                f"the answer with status {status} is not one of the interface", status=status, cause=str(error)
            ) from error
        raise NationalRefusal(refusal.reason, status=status, refusal=refusal.code, retry=refusal.retry)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > _LARGEST_ANSWER:
            raise NationalSilent("the answer is longer than any of the interface", limit=_LARGEST_ANSWER)
    return bytes(content)
