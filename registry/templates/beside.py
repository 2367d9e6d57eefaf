"""What stands beside a record so that it can be found: entries of the side index, references, files it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from node.identifier import Identifier
from registry.templates.arrays import items_of
from registry.templates.attributes import Attribute, Kind
from registry.templates.value_rules import digest_of


class SideEntry(msgspec.Struct, frozen=True, gc=False):
    """The value of a unique or listed attribute, for the side index; ``number`` is it again where it is a number."""

    index: int
    unique: bool
    value: str
    number: str | None = None


class Target(NamedTuple):
    """An identifier that an attribute refers to, by comparison keys."""

    attribute_index: int
    prefix: str
    suffix_key: str


class NamedFile(NamedTuple):
    """A file that an attribute names, by its SHA-256 (32 bytes)."""

    attribute_index: int
    digest: bytes


class Gathered:
    """What the values of one record say beside it, in the order of the indexes; a target or file stands once."""

    __slots__ = ("files", "references", "side")

    def __init__(self) -> None:
        self.side: list[SideEntry] = []
        self.references: dict[Target, None] = {}
        self.files: dict[NamedFile, None] = {}


Gather = Callable[[str, Gathered], None]


def gather_of(attribute: Attribute) -> Gather | None:
    """What to keep of the stored texts of an attribute; arrays always have such a function, for they may be empty."""
    index, unique, indexed = attribute.index, attribute.unique, attribute.indexed
    kind = attribute.kind
    if not (indexed or attribute.many or kind in (Kind.FILE, Kind.REFERENCE)):
        return None

    def gather(text: str, gathered: Gathered) -> None:
        if indexed:
            gathered.side.append(SideEntry(index, unique, text, text if kind is Kind.NUMBER else None))
        if kind is Kind.REFERENCE:
            target = Identifier.parse(text)
            gathered.references[Target(index, target.prefix.key, target.key)] = None
        elif kind is Kind.FILE:
            gathered.files[NamedFile(index, digest_of(text))] = None

    def gather_items(text: str, gathered: Gathered) -> None:
        for item in items_of(text):
            gather(item, gathered)

    if not attribute.many:
        return gather
    return gather_items if kind in (Kind.FILE, Kind.REFERENCE) else _gather_nothing


def _gather_nothing(text: str, gathered: Gathered) -> None:
    """Arrays that nothing stands beside."""
