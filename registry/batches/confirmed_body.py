"""The body of a batch that had to be confirmed: received whole, compared, and only then read."""

from __future__ import annotations

import asyncio
import hmac
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import IO

from registry.batches.confirmation import unfit
from registry.rows.spooling import room

_BLOCK = 256 * 1024


@asynccontextmanager
async def confirmed(blocks: AsyncIterator[bytes], digest: bytes | None) -> AsyncIterator[AsyncIterator[bytes]]:
    """The same blocks once it is sure that their SHA-256 is ``digest``; untouched where none is asked for.

    They wait in a temporary file meanwhile: nothing is changed by a body that nobody confirmed. Raises
    ``ConfirmationUnfit``, ``NoRoomForBody``.
    """
    if digest is None:
        yield blocks
        return
    with tempfile.TemporaryFile() as file:
        found = sha256()
        async for block in blocks:
            found.update(block)
            with room():
                await asyncio.to_thread(file.write, block)
        with room():
            await asyncio.to_thread(file.flush)
        if not hmac.compare_digest(found.digest(), digest):
            raise unfit("the confirmation is for another body")
        file.seek(0)
        yield _read(file)


async def _read(file: IO[bytes]) -> AsyncIterator[bytes]:
    while block := await asyncio.to_thread(file.read, _BLOCK):
        yield block
