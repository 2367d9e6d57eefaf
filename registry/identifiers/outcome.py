"""What became of new identifiers, and who signs for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from node.journal import Interface
from registry.rejection import Fault
from registry.templates.encoder import Entry


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """Who registers, how, when, by which batch: one for all rows of a batch's chunk."""

    account_id: UUID
    interface: Interface
    at: datetime
    batch_id: UUID | None


# Plain tuples, for there is one of each to every row of a bulk registration.
Signed = tuple[Entry, Signature]


class Taken(NamedTuple):
    """A row that was not written: its identifier or one of its unique values belongs to another."""

    entry: Entry
    attribute_index: int | None
    same_batch: bool


class NotAdmitted(NamedTuple):
    """A row that was not written: its suffix is none of the prefix's rule, or the quota is used up."""

    entry: Entry
    fault: Fault


@dataclass(slots=True)
class Outcome:
    """What became of the rows: written, standing already with the very same record, taken, or not admitted.

    ``standing`` are suffix keys; ``revived`` the versions of those that had been deleted, by suffix key: all other
    written ones have their first version.
    """

    registered: int = 0
    standing: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    refused: list[NotAdmitted] = field(default_factory=list)
    revived: dict[str, int] = field(default_factory=dict)

    @property
    def unchanged(self) -> int:
        """How many stand already just so."""
        return len(self.standing)
