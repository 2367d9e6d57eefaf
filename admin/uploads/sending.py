"""One upload to the city authority, one answer: signed like everything that goes upward, within a deadline.

``POST`` with the content as JSON; ``Idempotency-Key`` is the upload's id, so a second arrival is known as such. Any
2xx is a receipt and kept as it came. Everything else leaves the upload waiting.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

import aiohttp
from yarl import URL

from node.errors import Conflict, Unavailable
from node.national.signature import KeyPair, sign

_SECONDS = 60.0
_LARGEST_RECEIPT = 64 << 10


class AuthoritySilent(Unavailable):
    title_zh = "主管部门接口无应答"


class AuthorityRefused(Conflict):
    """Evidence: ``answered``, the HTTP status."""

    title_zh = "主管部门接口拒绝了上传"


@dataclass(frozen=True, slots=True)
class Receipt:
    """``content`` as it came, at most 64 KiB."""

    status: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """Where uploads go and as whom, by what clock; ``ca_file`` signs its certificate, ``None`` trusts what the
    system trusts."""

    url: str
    keys: KeyPair = field(repr=False)
    clock: Callable[[], datetime]
    ca_file: Path | None = None

    async def send(self, upload_id: UUID, content: bytes) -> Receipt:
        """Raises ``AuthoritySilent``, ``AuthorityRefused``."""
        url = URL(self.url)
        nonce = secrets.token_urlsafe(24)
        headers = sign(self.keys, "POST", url.raw_path_qs, content, at=self.clock(), nonce=nonce)
        headers |= {"Content-Type": "application/json", "Idempotency-Key": str(upload_id)}
        trusted = ssl.create_default_context(cafile=str(self.ca_file)) if self.ca_file else True
        try:
            async with (
                asyncio.timeout(_SECONDS),
                aiohttp.ClientSession(trust_env=False) as session,
                session.post(url, data=content, headers=headers, allow_redirects=False, ssl=trusted) as response,
            ):
                receipt = Receipt(response.status, await _read(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AuthoritySilent(f"no answer: {type(error).__name__}", cause=str(error)) from error
        if not 200 <= receipt.status < 300:
            words = receipt.content[:300].decode("utf-8", "replace")
            raise AuthorityRefused(f"answered {receipt.status}: {words}", answered=receipt.status)
        return receipt


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of the answer, as much of it as is kept."""
    content = b""
    while len(content) < _LARGEST_RECEIPT and (block := await response.content.read(_LARGEST_RECEIPT)):
        content += block
    return content[:_LARGEST_RECEIPT]
