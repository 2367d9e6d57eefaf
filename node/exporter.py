"""Take everything below a prefix, or what changed since, from a node into a directory.

The position in history is asked for first: an increment that begins there misses nothing that happens while the rows
are on their way. Files of rows without a row are left out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node import export_directory
from node.client import Client
from node.errors import Conflict
from node.export_directory import FILES, TEMPLATES, ExportDamaged, Growing, Manifest, Part

_BLOCK = 256 * 1024
_FORMATS = ("ndjson", "csv", "xlsx")
Progress = Callable[[int, int], None]


class OtherExport(Conflict):
    title_zh = "不是同一节点同一前缀的导出"


@dataclass(frozen=True, slots=True)
class Export:
    """What to take: ``filters`` are query parameters of the node's search; ``since`` is a position in history."""

    prefix: str
    format: str = "ndjson"
    since: int | None = None
    filters: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, str]:
        since = {} if self.since is None else {"since": str(self.since)}
        return {"prefix": self.prefix, **since, **self.filters}


async def export_to(
    client: Client,
    task: Export,
    directory: Path,
    *,
    after: Manifest | None = None,
    progress: Progress = lambda _rows, _all: None,
) -> Manifest:
    """Write the export; returns its manifest. ``after`` is the export that an increment follows.

    Raises ``ExportStands``, ``ExportUnwritable``, ``OtherExport``, ``Refused``, ``NodeAway``, ``NotANode``; an
    interrupted export has no manifest.
    """
    await asyncio.to_thread(export_directory.begin, directory)
    said = await client.get("/v1/exports/manifest", **task.parameters)
    if after is not None and (after.facts.get("node_id"), after.prefix) != (said["node_id"], said["prefix"]):
        raise OtherExport(
            f"{after.prefix} was exported by node {after.facts.get('node_id')}, this is {said['prefix']} of node "
            f"{said['node_id']}",
            prefix=said["prefix"],
        )
    # Up to where the manifest says: what comes later is the next increment's.
    until = {} if task.since is None else {"until": str(said["position"])}
    taking = _Taking(client, task, {**task.parameters, **until}, directory, said["identifiers"], progress)
    templates = said.pop("templates")
    taking.write(TEMPLATES, "templates", json.dumps(templates, ensure_ascii=False, indent=2).encode() + b"\n")
    await taking.rows(templates)
    await taking.files()
    facts = {**said, "format": task.format, "filters": dict(task.filters)}
    manifest = Manifest(facts, tuple(taking.parts))
    await asyncio.to_thread(export_directory.finish, directory, manifest)
    return manifest


class _Taking:
    """The parts of one export as they are written."""

    def __init__(
        self, client: Client, task: Export, parameters: Mapping[str, str], directory: Path, total: int,
        progress: Progress,
    ) -> None:  # fmt: skip
        self.parts: list[Part] = []
        self._client = client
        self._task = task
        self._parameters = parameters
        self._directory = directory
        self._total = total
        self._done = 0
        self._progress = progress

    def write(self, name: str, kind: str, content: bytes) -> None:
        with export_directory.writing(self._directory, name) as file:
            file.write(content)
        self._keep(name, kind, None, file)

    async def rows(self, templates: list[dict[str, Any]]) -> None:
        """One file of NDJSON, or one table for each template that has rows."""
        if self._task.format == "ndjson":
            await self._rows("rows.ndjson", {})
            return
        for template in templates:
            if template["identifiers"] != 0:
                only = {"template_id": str(template["template_id"])}
                await self._rows(f"{template['template']}.{self._task.format}", only)

    async def _rows(self, name: str, only: Mapping[str, str]) -> None:
        parameters = {**self._parameters, **only, "format": self._task.format}
        counted = _COUNTERS[self._task.format]()
        with export_directory.writing(self._directory, name) as file:
            async with self._client.request("GET", "/v1/exports/rows", params=parameters) as response:
                announced = response.headers.get("Biaoshi-Rows")
                async for block in response.content.iter_chunked(_BLOCK):
                    await asyncio.to_thread(file.write, block)
                    self._progress(self._done + counted.add(block), self._total)
        rows = counted.rows if announced is None else int(announced)
        self._done += rows
        self._progress(self._done, self._total)
        if rows:
            self._keep(name, "rows", rows, file)
        else:
            (self._directory / name).unlink()

    async def files(self) -> None:
        """The list of files that the rows name, and each of them; nothing where they name none."""
        listed = b""
        async with self._client.request("GET", "/v1/exports/files", params=self._parameters) as response:
            listed = await response.read()
        if not listed:
            return
        self.write(FILES, "file_list", listed)
        for line in listed.splitlines():
            await self._file(json.loads(line)["file_id"])

    async def _file(self, file_id: str) -> None:
        name = f"files/{file_id}"
        with export_directory.writing(self._directory, name) as file:
            only = {"prefix": self._task.prefix}
            async with self._client.request("GET", f"/v1/exports/files/{file_id}", params=only) as response:
                async for block in response.content.iter_chunked(_BLOCK):
                    await asyncio.to_thread(file.write, block)
            if file_id != f"sha256-{file.sha256}":
                raise ExportDamaged(f"{file_id} came with another content", file_id=file_id)
        self._keep(name, "file", None, file)

    def _keep(self, name: str, kind: str, rows: int | None, file: Growing) -> None:
        self.parts.append(Part(name, kind, rows, file.octets, file.sha256))


class _Lines:
    """Lines of NDJSON."""

    def __init__(self) -> None:
        self.rows = 0

    def add(self, block: bytes) -> int:
        self.rows += block.count(b"\n")
        return self.rows


class _TableLines:
    """Rows of CSV below the header: line feeds outside quotes."""

    def __init__(self) -> None:
        self._lines = 0
        self._quoted = False

    @property
    def rows(self) -> int:
        return max(0, self._lines - 1)

    def add(self, block: bytes) -> int:
        for piece in block.split(b'"'):
            if not self._quoted:
                self._lines += piece.count(b"\n")
            self._quoted = not self._quoted
        self._quoted = not self._quoted  # one quote fewer than pieces
        return self.rows


class _Unknown:
    """A workbook says before it comes how many rows it has."""

    rows = 0

    def add(self, _: bytes) -> int:
        return 0


_COUNTERS: dict[str, Callable[[], _Lines | _TableLines | _Unknown]] = dict(
    zip(_FORMATS, (_Lines, _TableLines, _Unknown), strict=True)
)
