"""One HTTP conversation with a node that others may run: what it answers is data, bounded and looked at.

A node that is away or busy is asked again until patience ends. Redirects are not followed: what was meant for one
host goes to no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import aiohttp
from yarl import URL

from node.errors import Conflict, Malformed, Unavailable

_JSON_BYTES = 16 << 20
_BUSY = frozenset({429, 502, 503, 504})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_SECONDS = aiohttp.ClientTimeout(total=300, sock_connect=5, sock_read=60)
_LONGEST_SAID = 200


class PeerAway(Unavailable):
    """Evidence: ``url``."""

    title_zh = "对方节点没有应答"


class PeerStrange(Malformed):
    """Evidence: ``url``."""

    title_zh = "对方节点的应答无法理解"


class PeerRefused(Conflict):
    """Evidence: ``number`` and ``said``, the code and the sentence of the envelope."""

    title_zh = "对方节点拒绝了请求"


class PeerAddressUnreadable(Malformed):
    title_zh = "对方节点的地址有误"


@dataclass(frozen=True, slots=True)
class Peer:
    """Requests to one node. All raise ``PeerAway`` after ``patience`` seconds, ``PeerStrange``."""

    session: aiohttp.ClientSession
    url: URL
    patience: float

    async def told(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Any = None,
        form: Callable[[], aiohttp.FormData] | None = None,
        token: str = "",
    ) -> Mapping[str, Any]:
        """The JSON object of an answer; its numbers with a fraction are texts."""
        content, _ = await self.content(method, path, query=query, body=body, form=form, token=token)
        return self.object_of(content)

    def object_of(self, content: bytes) -> Mapping[str, Any]:
        """The same of octets that were read already. Raises ``PeerStrange``."""
        try:
            said = json.loads(content, parse_float=str, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise self._strange("the answer is no JSON") from None
        if not isinstance(said, dict):
            raise self._strange("the answer is no JSON object")
        return said

    async def content(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Any = None,
        form: Callable[[], aiohttp.FormData] | None = None,
        token: str = "",
        limit: int = _JSON_BYTES,
    ) -> tuple[bytes, str]:
        """The octets of an answer, at most ``limit``, and its media type. ``form`` is made anew for every attempt."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.patience
        pause = _FIRST_PAUSE
        while True:
            options: dict[str, Any] = {"data": form()} if form else {"json": body} if body is not None else {}
            try:
                return await self._once(method, path, limit, headers=headers, params=query, **options)
            except PeerAway:
                if loop.time() > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _once(self, method: str, path: str, limit: int, **options: Any) -> tuple[bytes, str]:
        place = self.url.joinpath(path.lstrip("/"))
        try:
            async with self.session.request(method, place, allow_redirects=False, **options) as answer:
                if answer.status in _BUSY:
                    raise PeerAway(f"{self.url} answers HTTP {answer.status}", url=str(self.url))
                if answer.status != 200:
                    raise self._strange(f"{path} answers HTTP {answer.status}")
                read = bytearray()
                async for block in answer.content.iter_chunked(64 * 1024):
                    read += block
                    if len(read) > limit:
                        raise self._strange(f"{path} answers with more than {limit} octets")
                return bytes(read), answer.content_type
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
            raise PeerAway(f"{self.url} does not answer: {type(error).__name__}", url=str(self.url)) from None
        except aiohttp.ClientError as error:
            raise self._strange(f"{path}: {type(error).__name__}") from None

    def _strange(self, why: str) -> PeerStrange:
        return PeerStrange(f"{self.url}: {why}", url=str(self.url))


@contextlib.asynccontextmanager
async def peer_at(address: str, *, patience: float = 60.0) -> AsyncIterator[Peer]:
    """A node by the address that its clients use. Raises ``PeerAddressUnreadable``."""
    url = _url(address)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(timeout=_SECONDS, cookie_jar=jar) as session:
        yield Peer(session, url, patience)


def whole_number(told: object) -> int | None:
    """A whole number of an answer, which may stand in quotes."""
    if isinstance(told, str) and len(told) <= 18 and told.strip().removeprefix("-").isdecimal():
        return int(told)
    return told if isinstance(told, int) and not isinstance(told, bool) else None


def refused(number: int | None, message: object) -> PeerRefused:
    """The refusal of an envelope; its sentence is shortened and shows nothing that a terminal would obey."""
    said = "".join(one if one.isprintable() else "?" for one in str(message)[:_LONGEST_SAID])
    return PeerRefused(f"{number} {said}", number=number, said=said)


def _url(address: str) -> URL:
    try:
        url = URL(address)
        sound = url.scheme in ("http", "https") and bool(url.host) and url.port is not None
    except ValueError:
        sound = False
    if not sound or url.user or url.password or url.query_string or url.fragment:
        raise PeerAddressUnreadable("the address of a node is http://HOST:PORT, without a password")
    return url


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)
