"""Rows of a body into chunks of work, the bad ones set aside with reasons: what every operation shares.

An operation on rows is a ``RowWork``: it makes a chunk of what was read, writes it in the caller's transaction, or
weighs it, which tells what writing would do. ``row_registrations.py``, ``row_changes.py`` and ``row_restores.py`` are
the three.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from node.database import Connection
from node.errors import Malformed
from node.journal import Interface
from registry.batches.store import Settled
from registry.mappings.mapping import InvalidMapping
from registry.prefix_grant import PrefixGrant
from registry.rejection import Fault, Rejection
from registry.rows import Row
from registry.rows.form import Format
from registry.rows.source import WHOLE_BODY as UNREADABLE
from registry.rows.source import Header, Item

T = TypeVar("T")
WHOLE_BODY: tuple[type[Malformed], ...] = (*UNREADABLE, InvalidMapping)
"""What makes every row unreadable, so that the body as a whole is refused."""

TABLES = frozenset({Format.CSV, Format.XLSX})
"""Formats whose rows come below a header; the others are objects."""

_SLICE = 250
"""Rows worked on between two looks at the event loop: resolution goes on meanwhile (about 5 ms)."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who works on a batch, through which door, when: the same for all rows of a chunk."""

    account_id: UUID
    interface: Interface
    at: datetime
    batch_id: UUID


class Verdict(StrEnum):
    """What would become of a row."""

    REGISTER = "register"
    CHANGE = "change"
    UNCHANGED = "unchanged"
    REJECT = "reject"


class Weighed(NamedTuple):
    """A row that would not be rejected: the record that it would leave (None: as it stands, or none any more) and the
    unique values (template, index, value) that it needs.
    """

    row: Row[Any]
    suffix: str
    suffix_key: str
    verdict: Verdict
    template_id: int | None = None
    record: bytes | None = None
    claims: Sequence[tuple[int, int, str]] = ()


@dataclass(slots=True)
class Weighing:
    """What would become of the rows of one chunk."""

    rows: list[Weighed] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)


class RowWork(Protocol):
    """One operation on the rows of one body."""

    async def make(self, items: Sequence[Item], at: datetime) -> Any:
        """A chunk. Raises ``InvalidMapping`` at a header that the mapping does not fit."""

    async def write(self, connection: Connection, grant: PrefixGrant, chunk: Any, by: Writer) -> Settled:
        """Do what the chunk asks for, inside the caller's transaction, which holds the prefix row."""


class WeighableWork(RowWork, Protocol):
    """One that can be tried without doing it."""

    async def weigh(self, connection: Connection, grant: PrefixGrant, chunk: Any, at: datetime) -> Weighing:
        """What ``write`` would do now, in a transaction that will be rolled back."""


class Columns:
    """The function that reads the fields of a row; below a header it is made anew for its columns."""

    def __init__(
        self, form: Format, table: Callable[[list[str]], Callable[[Any], Any]], objects: Callable[[], Any]
    ) -> None:
        self._table = table
        self.read: Callable[[Any], Any] = _before_header if form in TABLES else objects()

    def take(self, header: Header) -> None:
        """Rows of these columns follow. Raises ``InvalidMapping``."""
        try:
            self.read = self._table(header.columns)
        except InvalidMapping as error:
            if header.sheet_name:
                error.evidence["sheet"] = header.sheet_name
            raise


def _before_header(_fields: Any) -> Any:
    raise RuntimeError("rows of a table came before their header")


async def take_rows(
    items: Sequence[Item], columns: Columns, rejections: list[Rejection], take: Callable[[Row[Any]], None]
) -> None:
    """Hand out the rows in their order; what could not be read goes to ``rejections``.

    Raises ``InvalidMapping`` at a header that the mapping does not fit.
    """
    async for some in slices(items):
        for item in some:
            if type(item) is Row:
                take(item)
            elif type(item) is Rejection:
                rejections.append(item)
            elif isinstance(item, Header):
                columns.take(item)


async def slices(items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """A few rows at a time; between them others have their turn."""
    for start in range(0, len(items), _SLICE):
        yield items[start : start + _SLICE]
        await asyncio.sleep(0)


def rejected(row: Row[Any], fault: Fault) -> Rejection:
    """One fault of a row that could be read."""
    return Rejection.of(row.line, row.raw, fault, row.sheet)
