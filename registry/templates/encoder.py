"""Values into the record as it is stored and sent: the inner loop of bulk registration.

What does not change from row to row is prepared once per template: for each attribute a rule and a value encoder,
in the order of the indexes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from node.errors import Malformed
from node.identifier import Identifier, InvalidIdentifier, InvalidSuffix, Prefix, suffix_key
from node.record import MAX_RECORD_BYTES, MAX_VALUES, ValueEncoder
from registry.mappings.mapping import SUFFIX, Mapped
from registry.rejection import Code, Fault
from registry.templates.arrays import array_rule, items_of
from registry.templates.attributes import Attribute, Kind
from registry.templates.record_pieces import Piece, assembled, pieces
from registry.templates.value_rules import Refused, Rule, digest_of, rule_of

_SUFFIX_REASONS = {
    "empty": "不能为空",
    "too_long": "标识太长",
    "character": "含有不允许的字符",
    "edge_space": "首尾不能有空格",
    "not_normalized": "不是 Unicode NFC 规范形式",
}


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


class Checked(NamedTuple):
    """A value that fits: the position of its attribute in the template, and the text to store."""

    position: int
    text: str


class Entry(NamedTuple):
    """A row that can be registered."""

    suffix: str
    suffix_key: str
    record: bytes
    side: Sequence[SideEntry]
    references: Sequence[Target] = ()
    files: Sequence[NamedFile] = ()


class Encoded(NamedTuple):
    """A record as stored (a 4-byte count and the values by index), and what is written beside it."""

    record: bytes
    side: Sequence[SideEntry]
    references: Sequence[Target] = ()
    files: Sequence[NamedFile] = ()


class _Gathered:
    """What the values of one record say beside it, in the order of the indexes; a target or file stands once."""

    __slots__ = ("files", "references", "side")

    def __init__(self) -> None:
        self.side: list[SideEntry] = []
        self.references: dict[Target, None] = {}
        self.files: dict[NamedFile, None] = {}


_Gather = Callable[[str, _Gathered], None]


class Encoder:
    """A template made ready for many rows; ``Template.compile`` makes it.

    A value that is None or empty is absent. Timestamps are the four big-endian bytes of a Unix time in seconds. What
    a record holds at indexes that no attribute has are free values: no template judges them, nor loses them.
    """

    def __init__(self, attributes: Sequence[Attribute], ttl: int) -> None:
        self._attributes = attributes
        self._positions = {attribute.name: position for position, attribute in enumerate(attributes)}
        self._rules = [_rule_of(attribute) for attribute in attributes]
        self._encoders = [ValueEncoder(attribute.index, attribute.type, ttl).encode for attribute in attributes]
        gathers = [_gather_of(attribute) for attribute in attributes]
        by_index = sorted(range(len(attributes)), key=lambda position: attributes[position].index)
        self._steps = [
            (at, self._rules[at], self._encoders[at], attributes[at].required, gathers[at]) for at in by_index
        ]
        self._indexes = frozenset(attribute.index for attribute in attributes)
        self._gathers = {
            attribute.index: gather
            for attribute, gather in zip(attributes, gathers, strict=True)
            if gather is not None
        }  # fmt: skip

    def entry(self, prefix: Prefix, mapped: Mapped, timestamp: bytes) -> Entry | list[Fault]:
        """One mapped row as something to register, or everything wrong with it."""
        suffix, values, faults = mapped
        gathered = _Gathered() if self._gathers else _NOTHING
        record = self._record(values, timestamp, gathered)
        if record is not None and isinstance(suffix, str) and suffix and not faults:
            try:
                key = suffix_key(prefix, suffix)
            except (InvalidSuffix, InvalidIdentifier) as error:
                return [_suffix_fault(error)]
            if gathered is _NOTHING:
                return Entry(suffix, key, record, ())
            return Entry(suffix, key, record, gathered.side, tuple(gathered.references), tuple(gathered.files))
        # What could not be mapped is faulty once, and not again because its value is missing.
        blamed = {fault.field for fault in faults}
        if faults:
            blamed.add(None)  # nor has a row "no values" that has faulty ones
        found = self._examined(values)[1] if record is None else ()
        return [
            *(fault for fault in suffix_faults(prefix, suffix) if fault.field not in blamed),
            *faults,
            *(fault for fault in found if fault.field not in blamed),
        ]

    def row(self, values: Sequence[Any], timestamp: bytes) -> Encoded | list[Fault]:
        """Values by the position of their attribute: the record, or everything wrong with them."""
        gathered = _Gathered()
        record = self._record(values, timestamp, gathered)
        return self._examined(values)[1] if record is None else _encoded(record, gathered)

    def named(self, attributes: Mapping[str, Any], timestamp: bytes) -> Encoded | list[Fault]:
        """Values by the name of their attribute: the record, or everything wrong with them."""
        encoded = self.row([attributes.get(attribute.name) for attribute in self._attributes], timestamp)
        if attributes.keys() <= self._positions.keys():
            return encoded
        unknown = [Code.UNKNOWN_ATTRIBUTE.fault(name) for name in attributes if name not in self._positions]
        return [*unknown, *(encoded if isinstance(encoded, list) else ())]

    def merged(
        self,
        current: bytes,
        changes: Mapping[str, Any],
        timestamp: bytes,
        free: Mapping[int, bytes | None] = MappingProxyType({}),
    ) -> Encoded | list[Fault]:
        """A stored record with some attributes changed by name (None or empty: cleared), or everything wrong.

        ``free`` are changes of free values: their octets by index, ``None`` removes one. What a change does not name
        stays octet for octet, also where the new value is the old one: a merge that changes nothing gives the very
        same record.
        """
        faults: list[Fault] = []
        standing = {index: (octets, data) for index, octets, data in pieces(current)}
        for name, value in changes.items():
            position = self._positions.get(name)
            if position is None:
                faults.append(Code.UNKNOWN_ATTRIBUTE.fault(name))
                continue
            found = self._text(position, value)
            if isinstance(found, list):
                faults.extend(found)
                continue
            index, data = self._attributes[position].index, found.encode()
            if not data:
                standing.pop(index, None)
            elif index not in standing or standing[index][1] != data:
                standing[index] = self._encoders[position](data, timestamp), data
        faults += [
            Code.REQUIRED.fault(attribute.name)
            for attribute in self._attributes
            if attribute.required and attribute.index not in standing and attribute.name not in changes
        ]
        for index, octets_of_one in free.items():
            if octets_of_one is None:
                standing.pop(index, None)
            else:
                standing[index] = octets_of_one, b""
        octets = [standing[index][0] for index in sorted(standing)]
        if not octets and not faults:
            faults.append(Code.NO_VALUES.fault())
        record = len(octets).to_bytes(4, "big") + b"".join(octets)
        if len(octets) > MAX_VALUES:
            faults.append(Code.TOO_MANY_VALUES.fault(limit=MAX_VALUES))
        if len(record) > MAX_RECORD_BYTES:
            faults.append(Code.RECORD_TOO_LARGE.fault(limit=MAX_RECORD_BYTES))
        return faults or _encoded(record, self._gathered(record))

    def free_of(self, record: bytes) -> list[Piece]:
        """The free values of a stored record, by index."""
        return [piece for piece in pieces(record) if piece[0] not in self._indexes]

    def only_free(self, record: bytes) -> bytes:
        """A stored record without its attributes."""
        return assembled({index: octets for index, octets, _ in self.free_of(record)})

    def occupied(self, record: bytes) -> list[Fault]:
        """What is wrong with a record whose free values come from elsewhere: they stand where attributes belong."""
        names = {attribute.index: attribute.name for attribute in self._attributes}
        return [
            Code.INDEX_OCCUPIED.fault(names[index], index=index) for index, _, _ in pieces(record) if index in names
        ]

    def side_of(self, record: bytes) -> tuple[Sequence[SideEntry], Sequence[Target]]:
        """What stands beside a stored record of this template: its side entries and its references."""
        gathered = self._gathered(record)
        return gathered.side, tuple(gathered.references)

    def files_of(self, record: bytes) -> Sequence[NamedFile]:
        """The files that a stored record of this template names."""
        return tuple(self._gathered(record).files)

    def check(self, attributes: Mapping[str, Any]) -> tuple[list[Checked], list[Fault]]:
        """Values by the name of their attribute: those that fit, and everything wrong with the others."""
        unknown = [Code.UNKNOWN_ATTRIBUTE.fault(name) for name in attributes if name not in self._positions]
        checked, faults = self._examined([attributes.get(attribute.name) for attribute in self._attributes])
        return checked, [*unknown, *faults]

    def encode(self, checked: Sequence[Checked], timestamp: bytes) -> Encoded:
        """The record of values that ``check`` found no fault with."""
        values: list[str | None] = [None] * len(self._attributes)
        for position, text in checked:
            values[position] = text
        encoded = self.row(values, timestamp)
        assert isinstance(encoded, Encoded), encoded  # a stored text passes its own rule again
        return encoded

    def _record(self, values: Sequence[Any], timestamp: bytes, gathered: _Gathered) -> bytes | None:
        """The record, or ``None`` when ``_examined`` has something to say."""
        parts: list[bytes] = []
        try:
            for position, rule, encode, required, gather in self._steps:
                value = values[position]
                if value is None or value == "":
                    if required:
                        return None
                    continue
                text = rule(value)
                if gather is not None:
                    if not text:  # an empty array
                        if required:
                            return None
                        continue
                    gather(text, gathered)
                parts.append(encode(text.encode(), timestamp))
        except Refused:
            return None
        if not parts:
            return None
        record = len(parts).to_bytes(4, "big") + b"".join(parts)
        return record if len(record) <= MAX_RECORD_BYTES else None

    def _examined(self, values: Sequence[Any]) -> tuple[list[Checked], list[Fault]]:
        checked: list[Checked] = []
        faults: list[Fault] = []
        octets = 4
        for position in range(len(self._attributes)):
            found = self._text(position, values[position])
            if isinstance(found, list):
                faults.extend(found)
            elif found:
                checked.append(Checked(position, found))
                octets += len(self._encoders[position](found.encode(), bytes(4)))
        if not checked and not faults:
            faults.append(Code.NO_VALUES.fault())
        if octets > MAX_RECORD_BYTES:
            faults.append(Code.RECORD_TOO_LARGE.fault(limit=MAX_RECORD_BYTES))
        return checked, faults

    def _text(self, position: int, value: object) -> str | list[Fault]:
        """The text to store, empty for an absent value, or what is wrong with it."""
        attribute = self._attributes[position]
        text = ""
        if value is not None and value != "":
            if isinstance(value, list) and not attribute.many:
                return [Code.ONE_VALUE.fault(attribute.name)]
            try:
                text = self._rules[position](value)
            except Refused as refused:
                return refused.faults(attribute.name)
        if attribute.required and not text:
            return [Code.REQUIRED.fault(attribute.name)]
        return text

    def _gathered(self, record: bytes) -> _Gathered:
        gathered = _Gathered()
        if self._gathers:
            for index, _, data in pieces(record):
                gather = self._gathers.get(index)
                if gather is not None:
                    gather(data.decode(), gathered)
        return gathered


def timestamp_of(at: datetime) -> bytes:
    """The timestamp of Handle values: four big-endian bytes of Unix seconds."""
    return int(at.timestamp()).to_bytes(4, "big")


_NOTHING = _Gathered()
"""Of a template whose records have nothing beside them."""


def _encoded(record: bytes, gathered: _Gathered) -> Encoded:
    return Encoded(record, gathered.side, tuple(gathered.references), tuple(gathered.files))


def _rule_of(attribute: Attribute) -> Rule:
    rule = rule_of(attribute)
    return array_rule(rule, attribute.most_items) if attribute.many else rule


def _gather_of(attribute: Attribute) -> _Gather | None:
    """What to keep of the stored texts of an attribute; arrays always have such a function, for they may be empty."""
    index, unique, indexed = attribute.index, attribute.unique, attribute.indexed
    kind = attribute.kind
    if not (indexed or attribute.many or kind in (Kind.FILE, Kind.REFERENCE)):
        return None

    def gather(text: str, gathered: _Gathered) -> None:
        if indexed:
            gathered.side.append(SideEntry(index, unique, text, text if kind is Kind.NUMBER else None))
        if kind is Kind.REFERENCE:
            target = Identifier.parse(text)
            gathered.references[Target(index, target.prefix.key, target.key)] = None
        elif kind is Kind.FILE:
            gathered.files[NamedFile(index, digest_of(text))] = None

    def gather_items(text: str, gathered: _Gathered) -> None:
        for item in items_of(text):
            gather(item, gathered)

    if not attribute.many:
        return gather
    return gather_items if kind in (Kind.FILE, Kind.REFERENCE) else _gather_nothing


def _gather_nothing(text: str, gathered: _Gathered) -> None:
    """Arrays that nothing stands beside."""


def suffix_faults(prefix: Prefix, suffix: object) -> list[Fault]:
    """What is wrong with a suffix under a prefix."""
    if suffix is None or suffix == "":
        return [Code.SUFFIX_MISSING.fault(SUFFIX)]
    if not isinstance(suffix, str):
        return [Code.SUFFIX_NOT_TEXT.fault(SUFFIX)]
    try:
        suffix_key(prefix, suffix)
    except (InvalidSuffix, InvalidIdentifier) as error:
        return [_suffix_fault(error)]
    return []


def _suffix_fault(error: Malformed) -> Fault:
    known = _SUFFIX_REASONS.get(error.evidence["reason"], error.detail)
    return Code.INVALID_SUFFIX.fault(SUFFIX, reason_zh=known, reason=error.detail)
