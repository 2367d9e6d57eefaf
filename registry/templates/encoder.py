"""Values into the record as it is stored and sent: the inner loop of bulk registration.

What does not change from row to row is prepared once per template: for each attribute a rule and a value encoder,
in the order of the indexes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from node.errors import Malformed
from node.identifier import InvalidIdentifier, InvalidSuffix, Prefix, suffix_key
from node.record import MAX_RECORD_BYTES, MAX_VALUES, ValueEncoder
from registry.mappings.mapping import SUFFIX, Mapped
from registry.rejection import Code, Fault
from registry.templates.arrays import array_rule
from registry.templates.attributes import Attribute, AttributeState
from registry.templates.beside import Gathered, NamedFile, SideEntry, Target, gather_of
from registry.templates.parts import Step, step
from registry.templates.record_pieces import Piece, assembled, pieces
from registry.templates.value_rules import Refused, Rule, rule_of

__all__ = [
    "Checked",
    "Encoded",
    "Encoder",
    "Entry",
    "NamedFile",
    "SideEntry",
    "Target",
    "suffix_faults",
    "timestamp_of",
]

_SUFFIX_REASONS = {
    "empty": "不能为空",
    "too_long": "标识太长",
    "character": "含有不允许的字符",
    "edge_space": "首尾不能有空格",
    "not_normalized": "不是 Unicode NFC 规范形式",
}


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


class Encoder:
    """A template made ready for many rows; ``Template.compile`` makes it.

    A value that is None or empty is absent. An attribute that is not enabled takes no value and keeps what it has.
    Timestamps are the four big-endian bytes of a Unix time in seconds. What
    a record holds at indexes that no attribute has are free values: no template judges them, nor loses them.
    """

    def __init__(self, attributes: Sequence[Attribute], ttl: int) -> None:
        self._attributes = attributes
        self._positions = {attribute.name: position for position, attribute in enumerate(attributes)}
        self._rules = [_rule_of(attribute) for attribute in attributes]
        self._values = [ValueEncoder(attribute.index, attribute.type, ttl) for attribute in attributes]
        self._encoders = [value.encode for value in self._values]
        self._taking = [
            rule if attribute.enabled else _refusing(attribute)
            for attribute, rule in zip(attributes, self._rules, strict=True)
        ]
        self._required = [attribute.required and attribute.enabled for attribute in attributes]
        self._gathering = [gather_of(attribute) for attribute in attributes]
        self._by_index = sorted(range(len(attributes)), key=lambda position: attributes[position].index)
        self._time = b""
        self._steps: list[Step] = []
        self._indexes = frozenset(attribute.index for attribute in attributes)
        self._gathers = {
            attribute.index: gather
            for attribute, gather in zip(attributes, self._gathering, strict=True)
            if gather is not None
        }  # fmt: skip

    def entry(self, prefix: Prefix, mapped: Mapped, timestamp: bytes) -> Entry | list[Fault]:
        """One mapped row as something to register, or everything wrong with it."""
        suffix, values, faults = mapped
        gathered = Gathered() if self._gathers else _NOTHING
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
        gathered = Gathered()
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
        carried: Set[str] = frozenset(),
    ) -> Encoded | list[Fault]:
        """A stored record with some attributes changed by name (None or empty: cleared), or everything wrong.

        ``free`` are changes of free values: their octets by index, ``None`` removes one. What a change does not name
        stays octet for octet, also where the new value is the old one: a merge that changes nothing gives the very
        same record. ``carried`` names changes that bring stored values from another edition: an attribute that takes
        no new values takes them.
        """
        faults: list[Fault] = []
        standing = {index: (octets, data) for index, octets, data in pieces(current)}
        for name, value in changes.items():
            position = self._positions.get(name)
            if position is None:
                faults.append(Code.UNKNOWN_ATTRIBUTE.fault(name))
                continue
            attribute = self._attributes[position]
            index, kept = attribute.index, not attribute.enabled and name not in carried
            found = self._text(position, value, self._rules)
            if isinstance(found, list):
                faults.extend(found)
                continue
            data = found.encode()
            if kept and data != (standing[index][1] if index in standing else b""):
                faults.append(_not_enabled(attribute).fault(name))
                continue
            if not data:
                standing.pop(index, None)
            elif index not in standing or standing[index][1] != data:
                standing[index] = self._encoders[position](data, timestamp), data
        faults += [
            Code.REQUIRED.fault(attribute.name)
            for attribute, required in zip(self._attributes, self._required, strict=True)
            if required and attribute.index not in standing and attribute.name not in changes
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

    def lasting(self, record: bytes) -> bytes:
        """A stored record without what a whole update replaces: its free values, and those of attributes that take
        none now."""
        taking = {attribute.index for attribute in self._attributes if attribute.enabled}
        return assembled({index: octets for index, octets, _ in pieces(record) if index not in taking})

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

    def _record(self, values: Sequence[Any], timestamp: bytes, gathered: Gathered) -> bytes | None:
        """The record, or ``None`` when ``_examined`` has something to say."""
        if timestamp != self._time:
            self._begin(timestamp)
        parts: list[bytes] = []
        try:
            for position, known, make, required in self._steps:
                value = values[position]
                if value is None or value == "":
                    part = b""
                elif (type(value) is not str and type(value) is not bool) or (part := known.get(value, b"")) == b"":
                    part = make(value, gathered)
                if part:
                    parts.append(part)
                elif required:
                    return None
        except Refused:
            return None
        if not parts:
            return None
        record = len(parts).to_bytes(4, "big") + b"".join(parts)
        return record if len(record) <= MAX_RECORD_BYTES else None

    def _begin(self, timestamp: bytes) -> None:
        """Records of another second than before."""
        self._time = timestamp
        self._steps = [
            step(
                at, self._taking[at], self._values[at].at(timestamp), self._gathering[at], required=self._required[at]
            )
            for at in self._by_index
        ]

    def _examined(self, values: Sequence[Any]) -> tuple[list[Checked], list[Fault]]:
        checked: list[Checked] = []
        faults: list[Fault] = []
        octets = 4
        for position in range(len(self._attributes)):
            found = self._text(position, values[position], self._taking)
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

    def _text(self, position: int, value: object, rules: Sequence[Rule]) -> str | list[Fault]:
        """The text to store, empty for an absent value, or what is wrong with it."""
        attribute = self._attributes[position]
        text = ""
        if value is not None and value != "":
            if isinstance(value, list) and not attribute.many:
                return [Code.ONE_VALUE.fault(attribute.name)]
            try:
                text = rules[position](value)
            except Refused as refused:
                return refused.faults(attribute.name)
        if self._required[position] and not text:
            return [Code.REQUIRED.fault(attribute.name)]
        return text

    def _gathered(self, record: bytes) -> Gathered:
        gathered = Gathered()
        if self._gathers:
            for index, _, data in pieces(record):
                gather = self._gathers.get(index)
                if gather is not None:
                    gather(data.decode(), gathered)
        return gathered


def timestamp_of(at: datetime) -> bytes:
    """The timestamp of Handle values: four big-endian bytes of Unix seconds."""
    return int(at.timestamp()).to_bytes(4, "big")


_NOTHING = Gathered()
"""Of a template whose records have nothing beside them."""


def _encoded(record: bytes, gathered: Gathered) -> Encoded:
    return Encoded(record, gathered.side, tuple(gathered.references), tuple(gathered.files))


def _rule_of(attribute: Attribute) -> Rule:
    rule = rule_of(attribute)
    return array_rule(rule, attribute.most_items) if attribute.many else rule


def _refusing(attribute: Attribute) -> Rule:
    """The rule of an attribute that takes no values."""
    code = _not_enabled(attribute)

    def refused(_: object) -> str:
        raise Refused(code)

    return refused


def _not_enabled(attribute: Attribute) -> Code:
    return Code.ATTRIBUTE_PENDING if attribute.state is AttributeState.PENDING else Code.ATTRIBUTE_DISABLED


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
