"""Send a file to a node as one bulk registration, and go on where it stopped when anything fell over.

The idempotency key is made of the file's contents and of what is asked for. Sending the same file again is
therefore always safe: the node settles what it has not settled yet, or replays its answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.client import Client, NodeAway, Refused
from node.errors import Malformed

_BLOCK = 256 * 1024
_WORKED_SECONDS = 5.0  # an attempt that lasted longer got somewhere
MEDIA_TYPES = {".csv": "text/csv", ".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson"}

Progress = Callable[[int, int], None]


class FileUnusable(Malformed):
    title_zh = "文件无法读取"


@dataclass(frozen=True, slots=True)
class Import:
    """What to register: ``mapping`` holds ``column=target`` texts, empty when columns are named as attributes."""

    file: Path
    prefix: str
    template: str
    mapping: tuple[str, ...] = ()
    delimiter: str = ","

    @property
    def media_type(self) -> str:
        """By the file's ending. Raises ``FileUnusable``."""
        try:
            return MEDIA_TYPES[self.file.suffix.lower()]
        except KeyError:
            known = ", ".join(MEDIA_TYPES)
            raise FileUnusable(f"{self.file.name} must end in one of {known}", file=self.file.name) from None

    @property
    def parameters(self) -> dict[str, str]:
        asked = {"prefix": self.prefix, "template": self.template}
        if self.mapping:
            asked["mapping"] = json.dumps(list(self.mapping), ensure_ascii=False)
        if self.delimiter != ",":
            asked["delimiter"] = self.delimiter
        return asked

    def key(self) -> str:
        """The idempotency key: SHA-256 of what is asked and of the file. Raises ``FileUnusable``."""
        digest = hashlib.sha256(json.dumps(self.parameters, sort_keys=True).encode())
        try:
            with self.file.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        except OSError as error:
            raise FileUnusable(f"{self.file} cannot be read: {error.strerror}", file=str(self.file)) from None
        return digest.hexdigest()


async def import_file(
    client: Client, task: Import, *, progress: Progress = lambda _sent, _total: None, patience: float = 60.0
) -> dict[str, Any]:
    """Send the file; returns the batch as the node reports it.

    A node that is away or busy is asked again until it has got nowhere for ``patience`` seconds. Raises
    ``Refused`` for everything that asking again cannot mend, ``NodeAway`` when patience ends, ``NotANode``,
    ``FileUnusable``.
    """
    media_type = task.media_type
    key = await asyncio.to_thread(task.key)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    pause = 0.05
    while True:
        began = loop.time()
        try:
            return await _send(client, task, media_type, key, progress)
        except (NodeAway, Refused) as error:
            if isinstance(error, Refused) and not _worth_repeating(error):
                raise
            if loop.time() - began > _WORKED_SECONDS:
                deadline, pause = loop.time() + patience, 0.05
            elif loop.time() > deadline:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, 2.0)


def _worth_repeating(error: Refused) -> bool:
    return error.status in (429, 503) or error.problem.get("code") == "batch_busy"


async def _send(client: Client, task: Import, media_type: str, key: str, progress: Progress) -> dict[str, Any]:
    total = task.file.stat().st_size

    async def blocks() -> AsyncIterator[bytes]:
        sent = 0
        with task.file.open("rb") as file:
            while block := await asyncio.to_thread(file.read, _BLOCK):
                yield block
                sent += len(block)
                progress(sent, total)

    headers = {"Content-Type": media_type, "Idempotency-Key": key, "Content-Length": str(total)}
    async with client.request(
        "POST", "/v1/batches", params=task.parameters, headers=headers, data=blocks()
    ) as response:
        report: dict[str, Any] = await response.json()
        return report


async def save_rejections(client: Client, batch_id: str, target: Path) -> None:
    """The rejected rows of a batch as CSV: line, field, code, message, row. Raises ``FileUnusable``."""
    path = f"/v1/batches/{batch_id}/rejections"
    try:
        async with client.request("GET", path, params={"format": "csv"}) as response:
            with target.open("wb") as out:
                async for block in response.content.iter_chunked(_BLOCK):
                    await asyncio.to_thread(out.write, block)
    except OSError as error:
        raise FileUnusable(f"{target} cannot be written: {error.strerror}", file=str(target)) from None
