"""The segments that coding rules are made of.

literal   a fixed text
value     an attribute of the identifier: so long, of these characters, padded, in one case of letters
choice    an attribute that is one of a list of codes
date      a day in parts: that of registration in China, or an attribute such as the day of production
serial    a number that counts up, from anew in each year, month or day if it is told to
random    characters that nobody can guess
check     check characters over everything before them
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from node.china_time import day_of
from registry.coding.check_digits import Check
from registry.mappings.transforms import Case

# Rules are kept by enterprises of mainland China, which keeps no summer time.

UNMISTAKABLE = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Digits and capital letters without 0, 1, I and O, which are read for one another."""


class Charset(StrEnum):
    """Which characters a value may have; letters are those of ASCII in either case."""

    DIGITS = "digits"
    LETTERS = "letters"
    LETTERS_DIGITS = "letters_digits"
    CODE = "code"

    @property
    def pattern(self) -> str:
        """One of its characters in a regular expression, for text in upper case, as identifiers are compared."""
        return _CHARACTERS[self][0]

    @property
    def zh(self) -> str:
        return _CHARACTERS[self][1]

    @property
    def en(self) -> str:
        return _CHARACTERS[self][2]

    def whole(self, folded: str) -> bool:
        """Whether a text in upper case has no other characters."""
        return re.fullmatch(f"{self.pattern}*", folded) is not None


_CHARACTERS: dict[Charset, tuple[str, str, str]] = {
    Charset.DIGITS: ("[0-9]", "数字", "digits"),
    Charset.LETTERS: ("[A-Z]", "字母", "letters"),
    Charset.LETTERS_DIGITS: ("[0-9A-Z]", "字母和数字", "letters and digits"),
    Charset.CODE: ("[0-9A-Z_-]", "字母、数字、- 和 _", "letters, digits, - and _"),
}


class Period(StrEnum):
    """When serial numbers begin anew."""

    NONE = "none"
    YEAR = "year"
    MONTH = "month"
    DAY = "day"

    def of(self, at: datetime) -> str:
        """The period that a moment lies in, as its counter is named: '', 2026, 2026-11 or 2026-11-21."""
        day = day_of(at).isoformat()
        return {Period.NONE: "", Period.YEAR: day[:4], Period.MONTH: day[:7], Period.DAY: day}[self]


@dataclass(frozen=True, slots=True)
class Literal:
    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """``width`` is the most characters that are taken and ``least`` the fewest; with ``pad`` shorter values are
    filled up on their left to ``width``. ``check``: its last characters are check characters over those before them.
    """

    name: str
    width: int | None = None
    least: int | None = None
    pad: str | None = None
    case: Case | None = None
    charset: Charset | None = None
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of ``choices``; the case of letters does not matter, and the spelling is that of the list."""

    name: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Date:
    """``format`` is made of YYYY, YY, MM, DD and dashes, dots or slashes; ``name`` is an attribute that holds the
    day, which otherwise is the day of registration.
    """

    format: str
    name: str | None = None


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


Segment = Literal | Value | Choice | Date | Serial | Randomly | CheckCharacters

KINDS: dict[str, type[Segment]] = {
    "literal": Literal,
    "value": Value,
    "choice": Choice,
    "date": Date,
    "serial": Serial,
    "random": Randomly,
    "check": CheckCharacters,
}
