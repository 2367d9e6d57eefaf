"""Coding rules: how suffixes are made, segment by segment, and whether a suffix is one that a rule could have made.

Making a suffix is a pure function: clock, serial number and randomness are arguments. Segments stand in
``segments.py``, definitions are read by ``definition.py``, suffixes are judged by ``suffix_check.py``; serial numbers
are given out by ``serials.py`` and ``draws.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Object
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from random import Random
from typing import Any

from node.china_time import day_of
from node.identifier import fold
from registry.coding.check_digits import check_characters, fits
from registry.coding.scope import EVERYBODY, Scope
from registry.coding.segments import (
    KINDS,
    CheckCharacters,
    Choice,
    Date,
    Literal,
    Randomly,
    Segment,
    Serial,
    Value,
)
from registry.coding.suffix_check import check_of
from registry.mappings.transforms import Case, Unfit, text_of
from registry.rejection import Code, Fault

Maker = Callable[[Object[str, Any], int], str]
"""Takes the values by name and a serial number (any number where the rule has none); it raises ``Unfit``."""


@dataclass(frozen=True, slots=True)
class CodingRule:
    """Checked segments; made by ``registry.coding.definition.read_coding_rule``.

    ``scope`` says whom a rule of the node's own is for; an enterprise's rule is for itself.
    """

    segments: tuple[Segment, ...]
    scope: Scope = EVERYBODY

    @property
    def serial(self) -> Serial | None:
        """The segment that counts, if there is one."""
        return next((segment for segment in self.segments if isinstance(segment, Serial)), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The values that it needs."""
        named = [segment.name for segment in self.segments if isinstance(segment, Value | Choice | Date)]
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def may_differ(self) -> bool:
        """Whether the same values can give another suffix the next time."""
        return any(isinstance(segment, Serial | Randomly) for segment in self.segments)

    def compile(self, at: datetime, rng: Random) -> Maker:
        """For many suffixes of one moment."""
        parts = [_part(segment, at, rng) for segment in self.segments]

        def made(values: Object[str, Any], serial: int) -> str:
            text = ""
            for part in parts:
                text += part if isinstance(part, str) else part(text, values, serial)
            return text

        return made

    def suffix(self, values: Object[str, Any], serial: int, at: datetime, rng: Random) -> str:
        """One suffix. Raises ``Unfit``, whose fault is the row's."""
        return self.compile(at, rng)(values, serial)

    def check(self, suffix: str) -> list[Fault]:
        """What keeps a suffix from being one of this rule's; whatever the rule makes has no fault.

        The case of ASCII letters does not matter, as it does not for identifiers.
        """
        return check_of(self.segments).faults(suffix)

    def to_json(self) -> dict[str, Any]:
        """The definition, with its defaults written out."""
        said: dict[str, Any] = {"segments": [_segment_json(segment) for segment in self.segments]}
        if scope := self.scope.to_json():
            said["scope"] = scope
        return said


_Part = Callable[[str, Object[str, Any], int], str]


def _part(segment: Segment, at: datetime, rng: Random) -> str | _Part:
    """A text that is the same for all suffixes, or a function of the text before it, the values and the serial."""
    match segment:
        case Literal(text):
            return text
        case Date(form, name):
            if name is None:
                return _date_text(form, day_of(at))
            return lambda _, values, __: _date_text(form, _day_of(name, values))
        case Value():
            return lambda _, values, __: _value_text(segment, values)
        case Choice():
            return lambda _, values, __: _choice_text(segment, values)
        case Serial():
            return lambda _, __, serial: _serial_text(segment, serial)
        case Randomly(length, alphabet):
            return lambda _, __, ___: "".join(rng.choice(alphabet) for _ in range(length))
        case CheckCharacters(method):
            return lambda text, _, __: check_characters(method, text)


def _date_text(form: str, day: date) -> str:
    year = f"{day.year:04d}"
    text = form.replace("YYYY", year).replace("YY", year[2:])
    return text.replace("MM", f"{day.month:02d}").replace("DD", f"{day.day:02d}")


def _day_of(name: str, values: Object[str, Any]) -> date:
    text = _said(name, values)
    try:
        if len(text) != len("YYYY-MM-DD"):
            raise Unfit(Code.NOT_A_DATE, value=text)
        return date.fromisoformat(text)
    except ValueError:
        raise Unfit(Code.NOT_A_DATE, value=text) from None


def _said(name: str, values: Object[str, Any]) -> str:
    """A value as text. Raises ``Unfit`` when there is none."""
    text = text_of(values.get(name)).strip()
    if not text:
        raise Unfit(Code.CODING_VALUE_MISSING, name=name)
    if not text.isprintable():
        hidden = next(character for character in text if not character.isprintable())
        raise Unfit(Code.CONTROL_CHARACTER, character=f"U+{ord(hidden):04X}")
    return text


def _value_text(segment: Value, values: Object[str, Any]) -> str:
    text = _said(segment.name, values)
    if segment.width is not None and len(text) > segment.width:
        raise Unfit(Code.CODING_VALUE_TOO_LONG, name=segment.name, limit=segment.width, found=len(text))
    if segment.case is not None:
        text = text.upper() if segment.case is Case.UPPER else text.lower()
    if segment.pad is not None and segment.width is not None:
        text = text.rjust(segment.width, segment.pad)
    if segment.least is not None and len(text) < segment.least:
        raise Unfit(Code.CODING_VALUE_TOO_SHORT, name=segment.name, limit=segment.least, found=len(text))
    if segment.charset is not None and not segment.charset.whole(fold(text)):
        known = segment.charset
        raise Unfit(Code.CODING_VALUE_CHARACTERS, name=segment.name, value=text, known_zh=known.zh, known=known.en)
    if segment.check is not None and not fits(segment.check, text):
        raise Unfit(Code.CODING_VALUE_CHECK, name=segment.name, value=text)
    return text


def _choice_text(segment: Choice, values: Object[str, Any]) -> str:
    text = fold(_said(segment.name, values))
    found = next((choice for choice in segment.choices if fold(choice) == text), None)
    if found is None:
        raise Unfit(Code.NOT_A_CHOICE, value=text)
    return found


def _serial_text(segment: Serial, serial: int) -> str:
    if serial >= 10**segment.width:
        raise Unfit(Code.SERIALS_SPENT, width=segment.width)
    return f"{serial:0{segment.width}d}"


def _segment_json(segment: Segment) -> dict[str, Any]:
    kind = next(kind for kind, of in KINDS.items() if isinstance(segment, of))
    said: dict[str, Any] = {"kind": kind}
    for name in segment.__dataclass_fields__:
        value = getattr(segment, name)
        if isinstance(value, tuple):
            said[name] = list(value)
        elif value is not None:
            said[name] = str(value) if isinstance(value, StrEnum) else value
    return said
