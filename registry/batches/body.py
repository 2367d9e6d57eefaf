"""The body of a bulk registration, compared with what was sent under the same key before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256

from node.errors import Conflict


class IdempotencyKeyReused(Conflict):
    title_zh = "幂等键已用于另一请求"


class Body:
    """A stream of blocks of which the first ``known_bytes`` must have the SHA-256 ``known_digest``.

    Nothing but ``from_start`` hands anything out before the known part has been compared. Raises
    ``IdempotencyKeyReused``.
    """

    def __init__(self, blocks: AsyncIterator[bytes], known_bytes: int, known_digest: bytes | None) -> None:
        self._blocks = blocks
        self._known_bytes = known_bytes
        self._known_digest = known_digest
        self._hash = sha256()
        self._verified = known_bytes == 0
        self.received = 0

    @property
    def verified(self) -> bool:
        """Whether the known part has been compared."""
        return self._verified

    def digest(self) -> bytes:
        """SHA-256 of the first ``received`` octets."""
        return self._hash.digest()

    async def from_offset(self, offset: int) -> AsyncIterator[bytes]:
        """Blocks from an offset within the known part on."""
        kept = bytearray()
        async for block in self._known():
            end = self.received
            if end > offset:
                kept += block[max(0, len(block) - (end - offset)) :]
        if kept:
            yield bytes(kept)
        async for block in self._blocks:
            self._take(block)
            yield block

    async def from_start(self) -> AsyncIterator[bytes]:
        """Every block. What is made of them may not be handed out before ``verified``."""
        async for block in self._known():
            yield block
        async for block in self._blocks:
            self._take(block)
            yield block

    async def check_known(self) -> None:
        """Read the known part and compare; what follows it was never looked at."""
        async for _ in self._known():
            pass

    async def check_rest(self) -> None:
        """Read everything and compare: the body must be the known one and nothing more."""
        await self.check_known()
        async for block in self._blocks:
            self._take(block)
            raise _reused()

    async def _known(self) -> AsyncIterator[bytes]:
        """Blocks up to the end of the known part, the last one cut there; the rest is put back."""
        while self.received < self._known_bytes:
            block = await anext(self._blocks, b"")
            if not block:
                raise _reused()
            missing = self._known_bytes - self.received
            if len(block) > missing:
                self._blocks = _put_back(block[missing:], self._blocks)
                block = block[:missing]
            self._take(block)
            yield block
        if self._known_digest is not None and self._hash.digest() != self._known_digest:
            raise _reused()
        self._verified = True

    def _take(self, block: bytes) -> None:
        self._hash.update(block)
        self.received += len(block)


async def _put_back(block: bytes, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield block
    async for following in blocks:
        yield following


def _reused() -> IdempotencyKeyReused:
    return IdempotencyKeyReused("this idempotency key was used for another body")
