"""The numbering plan: the segments that the third part of an enterprise's prefix is made of; pure.

    {"segments": [{"kind": "region", "digits": 4}, {"kind": "serial", "width": 5, "first": 1}]}

A number has digits only, all numbers of one plan are of one length, and the serial number comes last. In front of it
stand digits of the enterprise's division (GB/T 2260), of its industry (GB/T 4754), or fixed ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from node.errors import Malformed

MOST_DIGITS = 20
"""Of a whole number: with two segments in front a prefix has 64 characters at most."""
MOST_SERIAL_WIDTH = 12
_REGION_DIGITS = (2, 4, 6)
_INDUSTRY_DIGITS = (2, 3, 4)
_FIXED = re.compile(r"[0-9]{1,16}", re.ASCII)
_NO_DIGIT = re.compile(r"[^0-9]", re.ASCII)


class PlanInvalid(Malformed):
    """Evidence: ``field``, the place in the plan that is at fault."""

    title_zh = "编号规则有误"


@dataclass(frozen=True, slots=True)
class Region:
    """The first digits of the division: 2 province, 4 city, 6 county."""

    digits: int


@dataclass(frozen=True, slots=True)
class Industry:
    """The first digits of the industry; a code that is shorter, or a category's letter, is filled up with zeros."""

    digits: int


@dataclass(frozen=True, slots=True)
class Fixed:
    digits: str


@dataclass(frozen=True, slots=True)
class Serial:
    """``width`` digits with leading zeros, counted from ``first``."""

    width: int
    first: int


Segment = Region | Industry | Fixed | Serial
_KINDS: dict[str, type[Segment]] = {"region": Region, "industry": Industry, "fixed": Fixed, "serial": Serial}
_WORDS = {kind: word for word, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class Place:
    """What of an enterprise a number is made from."""

    division_code: str
    industry_code: str


@dataclass(frozen=True, slots=True)
class NumberingPlan:
    """``leading`` stand in front of ``serial``."""

    leading: tuple[Region | Industry | Fixed, ...]
    serial: Serial

    def beginning(self, place: Place) -> str:
        """The digits in front of the serial number."""
        return "".join(_digits(segment, place) for segment in self.leading)

    def counter(self, place: Place) -> str:
        """What serial numbers are counted behind: beginnings that differ, or serial numbers of another width."""
        return self.beginning(place) + "#" * self.serial.width

    def number(self, beginning: str, serial: int) -> str:
        """The whole number; the serial number has no more digits than the plan."""
        return beginning + str(serial).zfill(self.serial.width)

    def to_json(self) -> dict[str, Any]:
        """The same as ``read_plan`` takes."""
        return {"segments": [{"kind": _WORDS[type(one)], **asdict(one)} for one in (*self.leading, self.serial)]}


DEFAULT_PLAN = NumberingPlan((), Serial(width=4, first=2001))


def read_plan(definition: Mapping[str, Any]) -> NumberingPlan:
    """The plan of its JSON. Raises ``PlanInvalid``."""
    segments = definition.get("segments")
    if set(definition) != {"segments"} or not isinstance(segments, list) or not segments:
        raise _invalid("segments", "a plan has a list of segments and nothing else")
    read = [_segment(place, given) for place, given in enumerate(segments)]
    *leading, last = read
    early = next((place for place, segment in enumerate(leading) if isinstance(segment, Serial)), None)
    if early is not None or not isinstance(last, Serial):
        place = len(leading) if early is None else early
        raise _invalid(f"segments[{place}]", "the serial number is one segment, and the last")
    if sum(map(_length, read)) > MOST_DIGITS:
        raise _invalid("segments", f"a number has at most {MOST_DIGITS} digits")
    return NumberingPlan(tuple(one for one in leading if not isinstance(one, Serial)), last)


def _segment(place: int, given: Any) -> Segment:
    field = f"segments[{place}]"
    if not isinstance(given, dict) or given.get("kind") not in _KINDS:
        raise _invalid(field, f"a segment is of the kind {', '.join(_KINDS)}")
    kind = _KINDS[given["kind"]]
    values = {name: value for name, value in given.items() if name != "kind"}
    if set(values) != set(kind.__dataclass_fields__):
        raise _invalid(field, f"a segment of this kind has {', '.join(kind.__dataclass_fields__)}")
    match given["kind"]:
        case "fixed":
            sound = isinstance(values["digits"], str) and _FIXED.fullmatch(values["digits"]) is not None
        case "serial":
            width, first = values["width"], values["first"]
            sound = type(width) is int and type(first) is int and 1 <= width <= MOST_SERIAL_WIDTH
            sound = sound and 0 <= first < 10**width
        case word:
            sound = type(values["digits"]) is int
            sound = sound and values["digits"] in (_REGION_DIGITS if word == "region" else _INDUSTRY_DIGITS)
    if not sound:
        raise _invalid(field, "a number in this segment is out of its range")
    return kind(**values)


def _length(segment: Segment) -> int:
    match segment:
        case Serial(width=width):
            return width
        case Fixed(digits=text):
            return len(text)
    return segment.digits


def _digits(segment: Region | Industry | Fixed, place: Place) -> str:
    if isinstance(segment, Fixed):
        return segment.digits
    code = place.division_code if isinstance(segment, Region) else place.industry_code
    return _NO_DIGIT.sub("", code)[: segment.digits].ljust(segment.digits, "0")


def _invalid(field: str, detail: str) -> PlanInvalid:
    return PlanInvalid(f"{field}: {detail}", field=field)
