"""Which identifiers to ask SNMS for: it cannot list them, so somebody brings the list.

One handle a line, or CSV with the header ``handle[,registered_at][,updated_at]``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from node.errors import Malformed, NodeError
from node.movein.wanted import Wanted, wanted

_HANDLE, _REGISTERED, _UPDATED = "handle", "registered_at", "updated_at"
_LONGEST_SHOWN = 300


class HandlesFileUnusable(Malformed):
    """Evidence: ``file``."""

    title_zh = "标识清单无法读取"


class Unreadable(NamedTuple):
    """A line that names no identifier, and why."""

    handle: str
    error: NodeError


def read_handles(file: Path) -> Iterator[Wanted | Unreadable]:
    """Line by line. Raises ``HandlesFileUnusable``."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for handle, registered, updated in _fields(file, lines):
                try:
                    yield wanted(handle, registered, updated)
                except NodeError as error:
                    yield Unreadable(handle[:_LONGEST_SHOWN], error)
    except OSError as error:
        raise HandlesFileUnusable(f"{file} cannot be read: {error.strerror}", file=str(file)) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise HandlesFileUnusable(f"{file} is neither text in UTF-8 nor CSV: {error}", file=str(file)) from None


def _fields(file: Path, lines: Iterator[str]) -> Iterator[tuple[str, str, str]]:
    first = next(lines, "")
    header = [name.strip().lower() for name in first.split(",")]
    if header[0] != _HANDLE:
        for line in (first, *lines) if first else ():
            if handle := line.strip():
                yield handle, "", ""
        return
    if len(set(header)) < len(header) or not set(header) <= {_HANDLE, _REGISTERED, _UPDATED}:
        raise HandlesFileUnusable(
            f"the header of {file} is handle, registered_at, updated_at, of which the last two may be missing",
            file=str(file),
        )
    for row in csv.DictReader(lines, header, restval=""):
        handle, registered, updated = ((row.get(name) or "").strip() for name in (_HANDLE, _REGISTERED, _UPDATED))
        if handle or registered or updated:
            yield handle, registered, updated
