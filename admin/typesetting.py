"""Documents set in type (排版): a source of ours and texts from anywhere become a PDF.

The texts reach the source as data (``sys.inputs``) and are never read as markup. The work is done by a process of its
own (``typesetting_child.py``) that has bounds and a deadline. The same source, texts, moment and fonts give the same
bytes.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
from collections.abc import Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import admin
from node.errors import Internal, TooMany, Unavailable
from node.fonts import CjkFonts, cjk_fonts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_AT_ONCE = 2
_WAITING = 8
_THREADS = 2
_LONGEST_REASON = 2000


class TypesettingFailed(Internal):
    title_zh = "排版失败"


class TypesettingTooLong(Unavailable):
    title_zh = "排版超时"


class TypesettingBusy(TooMany):
    title_zh = "排版任务过多，请稍后重试"


class Typesetter:
    """Sets two documents at once and lets eight wait; ``fonts`` is a folder, else the system's are taken."""

    def __init__(self, fonts: Path | None, seconds: float) -> None:
        self._configured = fonts
        self._seconds = seconds
        self._found: CjkFonts | None = None
        self._working = asyncio.Semaphore(_AT_ONCE)
        self._here = 0

    async def pdf(self, source: str, inputs: Mapping[str, str], *, at: datetime) -> bytes:
        """A document, made at a moment.

        ``source`` is typst markup of our own and begins with ``#set text(font: json(bytes(sys.inputs.families)))``;
        ``inputs`` are texts that it reads as ``sys.inputs.NAME``, usually JSON.
        Raises ``FontMissing``, ``TypesettingBusy``, ``TypesettingTooLong``, ``TypesettingFailed``.
        """
        async with self._room():
            fonts = await self._fonts()
            task = {
                "parent": os.getpid(),
                "source": source,
                "inputs": {**inputs, "families": json.dumps(fonts.families)},
                "folder": str(fonts.folder),
                "timestamp": int(at.timestamp()),
                "cpu_seconds": math.ceil(self._seconds) * _THREADS,
            }
            return await _set_by_child(json.dumps(task).encode(), self._seconds)

    @asynccontextmanager
    async def _room(self) -> AsyncIterator[None]:
        if self._here >= _AT_ONCE + _WAITING:
            raise TypesettingBusy("this worker has enough documents to set; ask again soon", limit=_WAITING)
        self._here += 1
        try:
            async with self._working:
                yield
        finally:
            self._here -= 1

    async def _fonts(self) -> CjkFonts:
        """Looked for once; where none is found, again the next time."""
        if self._found is None:
            self._found = await asyncio.to_thread(cjk_fonts, self._configured)
        return self._found


async def _set_by_child(task: bytes, seconds: float) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-s", "-m", "admin.typesetting_child",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd="/", start_new_session=True,
        env={
            "PYTHONPATH": str(Path(admin.__file__).parent.parent),
            # Threads and their heaps reserve address space, of which the process has a bound.
            "RAYON_NUM_THREADS": str(_THREADS), "MALLOC_ARENA_MAX": str(_THREADS),
        },
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds):
            made, reason = await process.communicate(task)
    except TimeoutError:
        raise TypesettingTooLong("the document takes too long to set", limit_seconds=seconds) from None
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    if process.returncode != 0:
        told = reason.decode(errors="replace")[-_LONGEST_REASON:].strip()
        raise TypesettingFailed(f"the document cannot be set (status {process.returncode}): {told}")
    return made
