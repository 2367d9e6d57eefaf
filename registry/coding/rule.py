"""Coding rules: how an enterprise makes the suffixes of its identifiers, segment by segment.

    literal   a fixed text
    value     an attribute of the identifier, padded and in one case of letters if it is told to
    date      the day of registration in China, in parts
    serial    a number that counts up, from anew in each year, month or day if it is told to
    random    characters that nobody can guess
    check     check characters over everything before them

Making a suffix is a pure function: clock, serial number and randomness are arguments. Definitions are read by
``registry/coding/definition.py``; serial numbers are given out by ``registry/coding/serials.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Object
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from random import Random
from typing import Any

from registry.coding.check_digits import Check, check_characters
from registry.mappings.transforms import Case, Unfit, text_of
from registry.rejection import Code

# Rules are kept by enterprises of mainland China, which keeps no summer time.
_CHINA = timezone(timedelta(hours=8))

UNMISTAKABLE = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Digits and capital letters without 0, 1, I and O, which are read for one another."""


class Period(StrEnum):
    """When serial numbers begin anew."""

    NONE = "none"
    YEAR = "year"
    MONTH = "month"
    DAY = "day"

    def of(self, at: datetime) -> str:
        """The period that a moment lies in, as its counter is named: '', 2026, 2026-11 or 2026-11-21."""
        day = at.astimezone(_CHINA).date().isoformat()
        return {Period.NONE: "", Period.YEAR: day[:4], Period.MONTH: day[:7], Period.DAY: day}[self]


@dataclass(frozen=True, slots=True)
class Literal:
    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """``width`` is the most characters that are taken; with ``pad`` shorter values are filled up on their left."""

    name: str
    width: int | None = None
    pad: str | None = None
    case: Case | None = None


@dataclass(frozen=True, slots=True)
class Date:
    """``format`` is made of YYYY, YY, MM, DD and dashes, dots or slashes."""

    format: str


@dataclass(frozen=True, slots=True)
class Serial:
    """Numbers of ``width`` digits from ``start`` on."""

    width: int
    start: int = 1
    period: Period = Period.NONE


@dataclass(frozen=True, slots=True)
class Randomly:
    length: int
    alphabet: str = UNMISTAKABLE


@dataclass(frozen=True, slots=True)
class CheckCharacters:
    method: Check


Segment = Literal | Value | Date | Serial | Randomly | CheckCharacters

KINDS: dict[str, type[Segment]] = {
    "literal": Literal,
    "value": Value,
    "date": Date,
    "serial": Serial,
    "random": Randomly,
    "check": CheckCharacters,
}

Maker = Callable[[Object[str, Any], int], str]
"""Takes the values by name and a serial number (any number where the rule has none); it raises ``Unfit``."""


@dataclass(frozen=True, slots=True)
class CodingRule:
    """Checked segments; made by ``registry.coding.definition.read_coding_rule``."""

    segments: tuple[Segment, ...]

    @property
    def serial(self) -> Serial | None:
        """The segment that counts, if there is one."""
        return next((segment for segment in self.segments if isinstance(segment, Serial)), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The values that it needs."""
        return tuple(segment.name for segment in self.segments if isinstance(segment, Value))

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

    def to_json(self) -> dict[str, Any]:
        """The definition, with its defaults written out."""
        return {"segments": [_segment_json(segment) for segment in self.segments]}


_Part = Callable[[str, Object[str, Any], int], str]


def _part(segment: Segment, at: datetime, rng: Random) -> str | _Part:
    """A text that is the same for all suffixes, or a function of the text before it, the values and the serial."""
    match segment:
        case Literal(text):
            return text
        case Date(form):
            return _date_text(form, at)
        case Value():
            return lambda _, values, __: _value_text(segment, values)
        case Serial():
            return lambda _, __, serial: _serial_text(segment, serial)
        case Randomly(length, alphabet):
            return lambda _, __, ___: "".join(rng.choice(alphabet) for _ in range(length))
        case CheckCharacters(method):
            return lambda text, _, __: check_characters(method, text)


def _date_text(form: str, at: datetime) -> str:
    day = at.astimezone(_CHINA).date()
    year = f"{day.year:04d}"
    text = form.replace("YYYY", year).replace("YY", year[2:])
    return text.replace("MM", f"{day.month:02d}").replace("DD", f"{day.day:02d}")


def _value_text(segment: Value, values: Object[str, Any]) -> str:
    text = text_of(values.get(segment.name)).strip()
    if not text:
        raise Unfit(Code.CODING_VALUE_MISSING, name=segment.name)
    if not text.isprintable():
        hidden = next(character for character in text if not character.isprintable())
        raise Unfit(Code.CONTROL_CHARACTER, character=f"U+{ord(hidden):04X}")
    if segment.width is not None and len(text) > segment.width:
        raise Unfit(Code.CODING_VALUE_TOO_LONG, name=segment.name, limit=segment.width, found=len(text))
    if segment.case is not None:
        text = text.upper() if segment.case is Case.UPPER else text.lower()
    if segment.pad is not None and segment.width is not None:
        text = text.rjust(segment.width, segment.pad)
    return text


def _serial_text(segment: Serial, serial: int) -> str:
    if serial >= 10**segment.width:
        raise Unfit(Code.SERIALS_SPENT, width=segment.width)
    return f"{serial:0{segment.width}d}"


def _segment_json(segment: Segment) -> dict[str, Any]:
    kind = next(kind for kind, of in KINDS.items() if isinstance(segment, of))
    said: dict[str, Any] = {"kind": kind}
    for name in segment.__dataclass_fields__:
        value = getattr(segment, name)
        if value is not None:
            said[name] = str(value) if isinstance(value, StrEnum) else value
    return said
