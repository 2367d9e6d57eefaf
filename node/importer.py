"""Send a file to a node as one batch, and go on where it stopped when anything fell over.

The idempotency key is made of the file's contents and of what is asked for. Sending the same file again is
therefore always safe: the node settles what it has not settled yet, or replays its answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from node.client import Client, NodeAway, Refused
from node.errors import Malformed

_BLOCK = 256 * 1024
_WORKED_SECONDS = 5.0  # an attempt that lasted longer got somewhere
_LONGEST_PAUSE = 2.0
_LONGEST_MAPPING = 5_000  # characters; it travels in the address
_GZIP = ".gz"
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".json": "application/json",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
CONFIRMED = frozenset({"update", "delete", "suspend", "resume"})
"""Operations that the node does only with the confirmation of their preview."""

Progress = Callable[[int, int], None]
Report = dict[str, Any]
T = TypeVar("T")


class FileUnusable(Malformed):
    title_zh = "文件无法读取"


class MappingTooLong(Malformed):
    title_zh = "列映射过长"


@dataclass(frozen=True, slots=True)
class Import:
    """What to do with the rows of a file: ``mapping`` holds ``column=target`` texts or is an object, empty when
    columns are named as attributes. What is ``None`` is left to the node, or not needed.
    """

    file: Path
    prefix: str
    template: str | None = None
    operation: str = "register"
    mapping: tuple[str, ...] | Mapping[str, Any] = ()
    mapping_name: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None

    @property
    def ending(self) -> str:
        """The ending that tells the format, in lower case: ``.csv`` of ``pumps.CSV.gz``. Raises ``FileUnusable``."""
        plain = self.file.name.lower().removesuffix(_GZIP)
        ending = Path(plain).suffix
        if ending not in MEDIA_TYPES:
            known = ", ".join(MEDIA_TYPES)
            raise FileUnusable(
                f"{self.file.name} must end in one of {known}; {_GZIP} may follow", file=self.file.name
            )
        return ending

    @property
    def headers(self) -> dict[str, str]:
        """How the body is written. Raises ``FileUnusable``."""
        packed = {"Content-Encoding": "gzip"} if self.file.name.lower().endswith(_GZIP) else {}
        return {"Content-Type": MEDIA_TYPES[self.ending], **packed}

    @property
    def parameters(self) -> dict[str, str]:
        """Raises ``MappingTooLong``, ``FileUnusable``."""
        delimiter = self.delimiter or ("\t" if self.ending == ".tsv" else None)
        mapping = None
        if self.mapping:
            said = self.mapping if isinstance(self.mapping, Mapping) else list(self.mapping)
            mapping = json.dumps(said, ensure_ascii=False)
            if len(mapping) > _LONGEST_MAPPING:
                raise MappingTooLong(
                    f"the mapping is longer than {_LONGEST_MAPPING} characters: save it on the node and use its name"
                )
        asked = {
            "prefix": self.prefix,
            "operation": self.operation,
            "template": self.template,
            "mapping": mapping,
            "mapping_name": self.mapping_name,
            "delimiter": delimiter,
            "encoding": self.encoding,
            "sheet": self.sheet,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def key(self) -> str:
        """The idempotency key: SHA-256 of what is asked and of the file. Raises ``FileUnusable``."""
        asked = {**self.parameters, **self.headers}
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
        try:
            with self.file.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        except OSError as error:
            raise FileUnusable(f"{self.file} cannot be read: {error.strerror}", file=str(self.file)) from None
        return digest.hexdigest()


async def import_file(
    client: Client,
    task: Import,
    *,
    confirmation: str | None = None,
    progress: Progress = lambda _sent, _total: None,
    paused: Callable[[Report], None] | None = None,
    patience: float = 60.0,
) -> Report:
    """Send the file; returns the batch as the node reports it: finished, cancelled, or paused.

    A node that is away or busy is asked again until it has got nowhere for ``patience`` seconds. With ``paused``
    a batch that somebody paused is told of and waited for, however long. Raises ``Refused`` for everything that
    asking again cannot mend, ``NodeAway`` when patience ends, ``NotANode``, ``FileUnusable``.
    """
    parameters, headers = task.parameters, task.headers
    if confirmation is not None:
        parameters["confirmation"] = confirmation
    headers["Idempotency-Key"] = await asyncio.to_thread(task.key)
    while True:
        batch = await _until_answered(client, task, parameters, headers, progress, patience)
        if batch["state"] != "paused" or paused is None:
            return batch
        paused(batch)
        await _until_resumed(client, batch["batch_id"], patience)


async def preview_file(
    client: Client, task: Import, *, progress: Progress = lambda _sent, _total: None, patience: float = 60.0
) -> Report:
    """What the node would do with the file, counted over all of it; nothing is done. Raises as ``import_file``."""
    parameters = {**task.parameters, "dry_run": "true"}
    return await _until_answered(client, task, parameters, task.headers, progress, patience)


async def _until_answered(
    client: Client,
    task: Import,
    parameters: Mapping[str, str],
    headers: Mapping[str, str],
    progress: Progress,
    patience: float,
) -> Report:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    pause = 0.05
    seen = None
    while True:
        began = loop.time()
        try:
            return await _send(client, task, parameters, headers, progress)
        except (NodeAway, Refused) as error:
            if isinstance(error, Refused) and not _worth_repeating(error):
                raise
            place = await _place(client, error)
            moved = place is not None and place != seen
            seen = place
            if moved or loop.time() - began > _WORKED_SECONDS:
                deadline, pause = loop.time() + patience, max(pause, 0.05) if moved else 0.05
            elif loop.time() > deadline:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _worth_repeating(error: Refused) -> bool:
    return error.status in (429, 503) or error.problem.get("code") == "batch_busy"


async def _place(client: Client, error: Exception) -> str | None:
    """How far somebody else has come who works on the batch, if that is why we wait."""
    batch_id = error.problem.get("batch_id") if isinstance(error, Refused) else None
    if batch_id is None:
        return None
    try:
        return str((await client.get(f"/v1/batches/{batch_id}"))["updated_at"])
    except (NodeAway, Refused):
        return None


async def _until_resumed(client: Client, batch_id: str, patience: float) -> None:
    async def state() -> Any:
        return (await client.get(f"/v1/batches/{batch_id}"))["state"]

    while True:
        await asyncio.sleep(_LONGEST_PAUSE)
        if await _patiently(state, patience) != "paused":
            return


async def _patiently(ask: Callable[[], Awaitable[T]], patience: float) -> T:
    """The answer, asked for again while the node is away or busy, for ``patience`` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    pause = 0.05
    while True:
        try:
            return await ask()
        except (NodeAway, Refused) as error:
            away = isinstance(error, NodeAway) or _worth_repeating(error)
            if not away or loop.time() > deadline:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def _send(
    client: Client, task: Import, parameters: Mapping[str, str], headers: Mapping[str, str], progress: Progress
) -> Report:
    try:
        total = task.file.stat().st_size
    except OSError as error:
        raise FileUnusable(f"{task.file} cannot be read: {error.strerror}", file=str(task.file)) from None

    async def blocks() -> AsyncIterator[bytes]:
        sent = 0
        with task.file.open("rb") as file:
            while block := await asyncio.to_thread(file.read, _BLOCK):
                yield block
                sent += len(block)
                progress(sent, total)

    sized = {**headers, "Content-Length": str(total)}
    async with client.request("POST", "/v1/batches", params=parameters, headers=sized, data=blocks()) as response:
        report: Report = await response.json()
        return report


async def save_rejections(client: Client, batch_id: str, target: Path, *, patience: float = 60.0) -> None:
    """The rejected rows of a batch as they were sent, with the reasons beside them.

    Asked for again from the beginning while the node is away. Raises ``FileUnusable`` and as ``import_file``.
    """
    path = f"/v1/batches/{batch_id}/rejections"

    async def save() -> None:
        async with client.request("GET", path, params={"format": "input"}) as response:
            with target.open("wb") as out:
                async for block in response.content.iter_chunked(_BLOCK):
                    await asyncio.to_thread(out.write, block)

    try:
        await _patiently(save, patience)
    except OSError as error:
        raise FileUnusable(f"{target} cannot be written: {error.strerror}", file=str(target)) from None
