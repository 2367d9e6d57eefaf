"""The directory of an export: files that are there whole or not at all, and a manifest that proves each of them.

    manifest.json       format version, node, prefix, position, and of each other file its rows, octets and SHA-256
    templates.json      the definitions of the templates that the rows name
    rows.ndjson, *.csv or *.xlsx      the rows
    files.ndjson, files/              what the rows name of files, and their contents

The manifest is written last: where it stands, everything else stands.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from node.errors import Conflict, Malformed

MANIFEST = "manifest.json"
TEMPLATES = "templates.json"
FILES = "files.ndjson"
FORMAT_VERSION = 1

_PARTIAL = ".partial"
_BLOCK = 1 << 20
_NAME = re.compile(r"(files/)?[A-Za-z0-9][A-Za-z0-9_.@-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KINDS = frozenset({"rows", "templates", "file_list", "file"})


class NotAnExport(Malformed):
    title_zh = "不是导出目录"


class ExportDamaged(Malformed):
    title_zh = "导出内容已损坏"


class ExportUnwritable(Malformed):
    title_zh = "导出目录无法写入"


class ExportStands(Conflict):
    title_zh = "目录中已有完整的导出"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of an export; ``kind`` is rows, templates, file_list or file."""

    name: str
    kind: str
    rows: int | None
    octets: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        rows = {} if self.rows is None else {"rows": self.rows}
        return {"name": self.name, "kind": self.kind, **rows, "octets": self.octets, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class Manifest:
    """``facts`` is everything beside the parts: what the node said of the export, its format and filters."""

    facts: Mapping[str, Any]
    parts: tuple[Part, ...]

    @property
    def prefix(self) -> str:
        return str(self.facts["prefix"])

    @property
    def position(self) -> int:
        return int(self.facts["position"])

    def of_kind(self, kind: str) -> list[Part]:
        """The parts of a kind, in the order in which they were written."""
        return [part for part in self.parts if part.kind == kind]

    def to_json(self) -> dict[str, Any]:
        return {**self.facts, "files": [part.to_json() for part in self.parts]}


class Growing:
    """A file on its way: everything that is written goes into its digest."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.octets = 0

    def write(self, block: bytes) -> None:
        self._file.write(block)
        self._hash.update(block)
        self.octets += len(block)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def begin(directory: Path) -> None:
    """Make the directory ready for an export, perhaps after one that was interrupted.

    Raises ``ExportStands``, ``ExportUnwritable``.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if (directory / MANIFEST).exists():
            raise ExportStands(
                f"{directory} holds an export already: name another directory", directory=str(directory)
            )
        for left in [*directory.glob(f"*{_PARTIAL}"), *directory.glob(f"files/*{_PARTIAL}")]:
            left.unlink()
    except OSError as error:
        raise _unwritable(directory, error) from None


@contextlib.contextmanager
def writing(directory: Path, name: str) -> Iterator[Growing]:
    """A file that gets its name when it is whole and on disk; an error leaves none. Raises ``ExportUnwritable``."""
    target = directory / name
    partial = target.with_name(target.name + _PARTIAL)
    try:
        target.parent.mkdir(exist_ok=True)
        with partial.open("wb") as file:
            yield Growing(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
        _settle(target.parent)
    except OSError as error:
        raise _unwritable(target, error) from None
    finally:
        partial.unlink(missing_ok=True)


def finish(directory: Path, manifest: Manifest) -> None:
    """The last file, which says that the export is whole. Raises ``ExportUnwritable``."""
    with writing(directory, MANIFEST) as file:
        file.write(json.dumps(manifest.to_json(), ensure_ascii=False, indent=2).encode() + b"\n")


def read(directory: Path) -> Manifest:
    """The manifest as it stands, its parts not looked at. Raises ``NotAnExport``."""
    path = directory / MANIFEST
    try:
        said = json.loads(path.read_bytes())
        parts = tuple(_part(one) for one in said.pop("files"))
        manifest = Manifest(said, parts)
        version, position, prefix = said["format_version"], manifest.position, manifest.prefix
    except OSError as error:
        raise NotAnExport(f"{path} cannot be read: {error.strerror}", directory=str(directory)) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise NotAnExport(f"{path} is no manifest: {error}", directory=str(directory)) from None
    if version != FORMAT_VERSION or position < 0 or not prefix:
        raise NotAnExport(f"{path} is of format {version}, known is {FORMAT_VERSION}", directory=str(directory))
    return manifest


def verified(directory: Path, progress: Callable[[int], None] = lambda _: None) -> Manifest:
    """The manifest of an export each of whose files is what it was; ``progress`` hears of the octets compared.

    Raises ``NotAnExport``, ``ExportDamaged`` with every file that is missing, cut or changed.
    """
    manifest = read(directory)
    faults = [fault for part in manifest.parts if (fault := _fault(directory, part, progress))]
    if faults:
        raise ExportDamaged(f"{len(faults)} files are not what they were: {'; '.join(faults)}", faults=faults)
    return manifest


def _part(said: Mapping[str, Any]) -> Part:
    part = Part(said["name"], said["kind"], said.get("rows"), said["octets"], said["sha256"])
    if not _NAME.fullmatch(part.name) or not _DIGEST.fullmatch(part.sha256) or part.kind not in _KINDS:
        raise ValueError(f"{part.name!r} is no file of an export")
    return part


def _fault(directory: Path, part: Part, progress: Callable[[int], None]) -> str | None:
    digest = hashlib.sha256()
    octets = 0
    try:
        with (directory / part.name).open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                octets += len(block)
                progress(len(block))
    except OSError as error:
        return f"{part.name}: {error.strerror}"
    if octets != part.octets:
        return f"{part.name}: {octets} octets, {part.octets} expected"
    return None if digest.hexdigest() == part.sha256 else f"{part.name}: its SHA-256 differs"


def _settle(directory: Path) -> None:
    """A new name is on disk only when its directory is."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> ExportUnwritable:
    return ExportUnwritable(f"{path} cannot be written: {error.strerror}", path=str(path))
