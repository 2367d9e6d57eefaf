"""Named SQL statements: one ``queries.sql`` per package, read once.

A statement begins at a line ``-- name: words_of_the_name`` and ends at the next such line. The comment
lines that follow the name say why the statement exists; they travel to the server and show in its log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)$", re.MULTILINE)


class Statements(Mapping[str, str]):
    """The statements of one file by name; a missing name is a programming error (``KeyError``)."""

    def __init__(self, path: Path) -> None:
        parts = _NAME.split(path.read_text(encoding="utf-8"))[1:]
        names, bodies = parts[::2], parts[1::2]
        self._statements = {name: body.strip() for name, body in zip(names, bodies, strict=True)}
        if len(self._statements) != len(names):
            raise ValueError(f"a statement name stands twice in {path.name}")

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


def statements_beside(module_file: str, name: str = "queries.sql") -> Statements:
    """The statements of ``name`` in the folder of ``module_file`` (pass ``__file__``)."""
    return Statements(Path(module_file).with_name(name))
