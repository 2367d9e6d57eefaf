"""Values into the record as it is stored and sent: the inner loop of bulk registration.

What does not change from row to row is prepared once per template: for each attribute a rule and a value encoder,
in the order of the indexes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from node.errors import Malformed
from node.identifier import InvalidIdentifier, InvalidSuffix, Prefix, suffix_key
from node.record import MAX_RECORD_BYTES, ValueEncoder
from registry.attributes import Attribute
from registry.mapping import SUFFIX, Mapped
from registry.rejection import Code, Fault
from registry.value_rules import Refused, rule_of

_SUFFIX_REASONS = {
    "empty": "不能为空",
    "too_long": "标识太长",
    "character": "含有不允许的字符",
    "edge_space": "首尾不能有空格",
    "not_normalized": "不是 Unicode NFC 规范形式",
}


class SideEntry(msgspec.Struct, frozen=True, gc=False):
    """The value of a unique or listed attribute, for the side index."""

    index: int
    unique: bool
    value: str


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


Encoded = tuple[bytes, Sequence[SideEntry]]
"""A record as stored (a 4-byte count and the values by index), and its entries for the side index."""


class Encoder:
    """A template made ready for many rows; ``Template.compile`` makes it.

    A value that is None or empty is absent. Timestamps are the four big-endian bytes of a Unix time in seconds.
    """

    def __init__(self, attributes: Sequence[Attribute], ttl: int) -> None:
        self._attributes = attributes
        self._positions = {attribute.name: position for position, attribute in enumerate(attributes)}
        self._rules = [rule_of(attribute) for attribute in attributes]
        self._encoders = [ValueEncoder(attribute.index, attribute.type, ttl).encode for attribute in attributes]
        by_index = sorted(range(len(attributes)), key=lambda position: attributes[position].index)
        self._steps = [
            (position, self._rules[position], self._encoders[position], attributes[position]) for position in by_index
        ]

    def entry(self, prefix: Prefix, mapped: Mapped, timestamp: bytes) -> Entry | list[Fault]:
        """One mapped row as something to register, or everything wrong with it."""
        suffix, values, faults = mapped
        encoded = self.row(values, timestamp)
        if isinstance(suffix, str) and suffix and not faults and type(encoded) is tuple:
            try:
                return Entry(suffix, suffix_key(prefix, suffix), *encoded)
            except (InvalidSuffix, InvalidIdentifier) as error:
                return [_suffix_fault(error)]
        return [
            *_suffix_faults(prefix, suffix),
            *faults,
            *(encoded if isinstance(encoded, list) else ()),
        ]

    def row(self, values: Sequence[Any], timestamp: bytes) -> Encoded | list[Fault]:
        """Values by the position of their attribute: the record, or everything wrong with them."""
        parts: list[bytes] = []
        side: list[SideEntry] = []
        try:
            for position, rule, encode, attribute in self._steps:
                value = values[position]
                if value is None or value == "":
                    if attribute.required:
                        return self._examined(values)[1]
                    continue
                text = rule(value)
                if attribute.unique or attribute.listed:
                    side.append(SideEntry(attribute.index, attribute.unique, text))
                parts.append(encode(text.encode(), timestamp))
        except Refused:
            return self._examined(values)[1]
        if not parts:
            return [Code.NO_VALUES.fault()]
        record = len(parts).to_bytes(4, "big") + b"".join(parts)
        if len(record) > MAX_RECORD_BYTES:
            return [Code.RECORD_TOO_LARGE.fault(limit=MAX_RECORD_BYTES)]
        return record, side

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
        assert type(encoded) is tuple, encoded  # a stored text passes its own rule again
        return encoded

    def _examined(self, values: Sequence[Any]) -> tuple[list[Checked], list[Fault]]:
        checked: list[Checked] = []
        faults: list[Fault] = []
        octets = 4
        for position, attribute in enumerate(self._attributes):
            value = values[position]
            if value is None or value == "":
                if attribute.required:
                    faults.append(Code.REQUIRED.fault(attribute.name))
                continue
            try:
                text = self._rules[position](value)
            except Refused as refused:
                faults.append(refused.code.fault(attribute.name, **refused.facts))
            else:
                checked.append(Checked(position, text))
                octets += len(self._encoders[position](text.encode(), bytes(4)))
        if not checked and not faults:
            faults.append(Code.NO_VALUES.fault())
        if octets > MAX_RECORD_BYTES:
            faults.append(Code.RECORD_TOO_LARGE.fault(limit=MAX_RECORD_BYTES))
        return checked, faults


def _suffix_faults(prefix: Prefix, suffix: object) -> list[Fault]:
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
