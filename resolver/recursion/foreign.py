"""What others answer about a name of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from node.identifier import fold
from node.record import PUBLIC_READ, Record, encode_values
from resolver.answer import Elsewhere, Entry

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ForeignRecord:
    """``values`` are those that were asked for; ``elsewhere`` says who answered, and when."""

    entry: Entry
    values: Record
    elsewhere: Elsewhere


@dataclass(frozen=True, slots=True)
class ForeignMissing:
    """Who answers for the name says that there is none; ``server`` said it."""

    server: str


@dataclass(frozen=True, slots=True)
class ForeignRefusal:
    """``server`` answered with a response code that is no answer to the question; ``detail`` are its words."""

    code: int
    detail: str
    server: str


Foreign = ForeignRecord | ForeignMissing | ForeignRefusal


class Told(msgspec.Struct, frozen=True, gc=False):
    """What a walk ended with: an entry, or ``None`` where the name does not exist; by whose word."""

    entry: Entry | None
    server: str


def entry_of(handle: str, values: Record) -> Entry:
    """The public values of another node as if they were stored; of their registration nobody here knows anything."""
    public = tuple(value for value in values if value.permissions & PUBLIC_READ and fold(value.type) != "HS_SECKEY")
    text = handle if "/" in handle else f"0.NA/{handle}"
    return Entry(text, encode_values(public), 0, 0, _EPOCH, _EPOCH, "", None)
