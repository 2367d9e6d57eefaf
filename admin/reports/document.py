"""What a report says, as plain data: facts, tables and charts in sections, every word in Chinese and English.

The data of a report are one JSON document in canonical form (sorted keys, no white space, UTF-8). They hold nothing
of when or by whom they were put together, so the same window over the same records has the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from node.journal import canonical

FORMAT = 1
"""Of the document; it grows when a program that knows the former one would misread the new."""

Cell = str | int | float | None
"""Days and moments are texts in ISO 8601; numbers have at most four decimals."""


@dataclass(frozen=True, slots=True)
class Words:
    """The same in Chinese and English."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure or circumstance."""

    id: str
    title: Words
    value: Cell


@dataclass(frozen=True, slots=True)
class Column:
    """``words`` say what the values mean to people, where these are words of the program."""

    id: str
    title: Words
    words: Mapping[str, Words] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells by the columns."""

    id: str
    title: Words
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one set of bars."""

    title: Words
    values: Sequence[int | float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """``form``: ``line`` or ``bar``; ``limit`` is a line across, of a threshold."""

    id: str
    title: Words
    form: str
    labels: Sequence[str]
    series: Sequence[Series]
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A chapter."""

    id: str
    title: Words
    facts: Sequence[Fact] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """What a kind of report adds to what every report says.

    ``about`` stands below its title, ``methods`` say how figures were come by, ``first`` is the first day that
    counted resolutions in it are of.
    """

    about: Words
    first: date
    sections: Sequence[Section]
    methods: Sequence[Words]


def column(
    name: str, zh: str, en: str, cell: Callable[[Any], Cell], words: Mapping[str, Words] | None = None
) -> tuple[Column, Callable[[Any], Cell]]:
    """A column, and what stands in it of a thing."""
    return Column(name, Words(zh, en), words or {}), cell


def table_of(name: str, title: Words, things: Iterable[Any], *columns: tuple[Column, Callable[[Any], Cell]]) -> Table:
    """A row for each thing."""
    return Table(
        name, title, [head for head, _ in columns], [[cell(thing) for _, cell in columns] for thing in things]
    )


def document_bytes(frame: Mapping[str, Any], contents: Contents) -> bytes:
    """The data of a report: what is hashed and kept."""
    return canonical(_one_form({**frame, **asdict(contents), "format": FORMAT}))


def _one_form(value: Any) -> Any:
    """Whole numbers without a fraction, as every program writes them: 0.0 and 0 would be different bytes."""
    if isinstance(value, dict):
        return {name: _one_form(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_one_form(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def digest_of(data: bytes) -> bytes:
    """SHA-256 of the data, which every page names."""
    return hashlib.sha256(data).digest()
