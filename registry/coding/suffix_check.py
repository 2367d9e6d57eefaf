"""Whether a suffix is one that a coding rule could have made.

One regular expression says so at once where at most two segments are of open width, and what it cannot see (check
characters, days of the calendar, the first serial number) is looked at in the pieces that it found. Where that fails,
and where more segments are open, every way to cut the suffix is tried, up to a bound, so that whatever the rule makes
is accepted. Letters are compared in upper case, as identifiers are.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from node.identifier import fold
from registry.coding.check_digits import check_characters, fits
from registry.coding.segments import CheckCharacters, Choice, Date, Literal, Randomly, Segment, Serial, Value
from registry.mappings.mapping import SUFFIX
from registry.mappings.transforms import Unfit
from registry.rejection import Code, Fault

_MOST_OPEN = 2
"""Segments of open width in one regular expression: with more, a hostile suffix would keep it busy."""
_MOST_STEPS = 20_000
"""Ways tried for one suffix, which is more than any rule needs that people can read."""
_LONGEST = 255

Days = tuple[tuple[str, str, str], ...]
"""What date segments have shown: the attribute ('' for the day of registration), the part, its digits."""
_Sound = Callable[[str, int, int, Days], Days | None]
"""Whether a piece from one place to another is sound after what days were shown; the days shown with it."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """How one segment looks."""

    segment: Segment
    expression: str
    least: int
    most: int
    sound: _Sound | None = None
    texts: tuple[str, ...] = ()


class _Search(NamedTuple):
    """A cut of the suffix in the making."""

    number: int
    start: int
    days: Days


class SuffixCheck:
    """Made by ``check_of``."""

    def __init__(self, segments: tuple[Segment, ...]) -> None:
        self._pieces = [_piece(segment) for segment in segments]
        self._patterns = [re.compile(piece.expression) for piece in self._pieces]
        self._sounds = [(at, one.sound) for at, one in enumerate(self._pieces, start=1) if one.sound is not None]
        simple = sum(piece.least < piece.most for piece in self._pieces) <= _MOST_OPEN
        self._whole = re.compile("".join(f"({one.expression})" for one in self._pieces)) if simple else None

    def faults(self, suffix: str) -> list[Fault]:
        """Nothing, or the first segment that does not fit, as a fault of the suffix."""
        text = fold(suffix)
        if self._whole is not None:
            found = self._whole.fullmatch(text)
            if found is not None and self._all_sound(text, found):
                return []
        return self._searched(text)

    def _all_sound(self, text: str, found: re.Match[str]) -> bool:
        days: Days = ()
        for group, sound in self._sounds:
            shown = sound(text, found.start(group), found.end(group), days)
            if shown is None:
                return False
            days = shown
        return True

    def _searched(self, text: str) -> list[Fault]:
        """Depth first; what has failed once is not tried again."""
        furthest, steps, seen = 0, 0, set()
        waiting = [_Search(0, 0, ())]
        while waiting and steps < _MOST_STEPS:
            place = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            furthest = max(furthest, place.number)
            if place.number == len(self._pieces):
                if place.start == len(text):
                    return []
                continue
            sound = self._pieces[place.number].sound
            # The widest piece is taken first, as the regular expression does.
            for end in self._ends(place.number, text, place.start):
                steps += 1
                days = place.days if sound is None else sound(text, place.start, end, place.days)
                if days is not None:
                    waiting.append(_Search(place.number + 1, end, days))
        return [self._fault(furthest)]

    def _ends(self, number: int, text: str, start: int) -> Iterable[int]:
        """Where the piece may end, the widest last."""
        piece = self._pieces[number]
        if piece.texts:
            return sorted(start + len(one) for one in piece.texts if text.startswith(one, start))
        found = self._patterns[number].match(text, start)
        return range(start + piece.least, found.end() + 1) if found is not None else ()

    def _fault(self, furthest: int) -> Fault:
        if furthest == len(self._pieces):
            reason_zh, reason = "末尾有多余的内容", "something follows its last segment"
        else:
            zh, en = _said(self._pieces[furthest].segment)
            reason_zh, reason = f"第 {furthest + 1} 段应为{zh}", f"segment {furthest + 1} must be {en}"
        return Code.SUFFIX_NOT_BY_RULE.fault(SUFFIX, reason_zh=reason_zh, reason=reason)


@lru_cache(maxsize=256)
def check_of(segments: tuple[Segment, ...]) -> SuffixCheck:
    """The check of a rule with these segments, made once."""
    return SuffixCheck(segments)


def _piece(segment: Segment) -> _Piece:
    match segment:
        case Literal(text):
            return _fixed(segment, re.escape(fold(text)), len(text))
        case Value():
            return _value(segment)
        case Choice(_, choices):
            texts = tuple(sorted(map(fold, choices), key=len, reverse=True))
            expression = f"(?:{'|'.join(map(re.escape, texts))})"
            return _Piece(segment, expression, len(texts[-1]), len(texts[0]), texts=texts)
        case Date():
            expression = re.escape(segment.format).replace("YYYY", "[0-9]{4}").replace("YY", "[0-9]{2}")
            expression = expression.replace("MM", "(?:0[1-9]|1[0-2])").replace("DD", "(?:0[1-9]|[12][0-9]|3[01])")
            return _fixed(segment, expression, len(segment.format), _days_of(segment))
        case Serial(width, start):
            return _fixed(segment, f"[0-9]{{{width}}}", width, _from(start) if start else None)
        case Randomly(length, alphabet):
            return _fixed(segment, f"[{re.escape(fold(alphabet))}]{{{length}}}", length)
        case CheckCharacters(method):
            return _fixed(segment, f"[0-9A-Z]{{{method.width}}}", method.width, _checked_by(segment))


def _fixed(segment: Segment, expression: str, width: int, sound: _Sound | None = None) -> _Piece:
    return _Piece(segment, expression, width, width, sound)


def _value(segment: Value) -> _Piece:
    kind = segment.charset.pattern if segment.charset is not None else "."
    most = segment.width or _LONGEST
    least = most if segment.pad is not None else segment.least or 1
    sound = _checked_within(segment) if segment.check is not None else None
    return _Piece(segment, f"{kind}{{{least},{most}}}", least, most, sound)


def _days_of(segment: Date) -> _Sound:
    name = segment.name or ""
    parts = [(found.group(), found.start(), found.end()) for found in re.finditer("YYYY|YY|MM|DD", segment.format)]

    def sound(text: str, start: int, _end: int, days: Days) -> Days | None:
        for part, first, last in parts:
            digits = text[start + first : start + last]
            shown = [(name, "YYYY", digits), (name, "YY", digits[2:])] if part == "YYYY" else [(name, part, digits)]
            for one in shown:
                if any(other[:2] == one[:2] and other != one for other in days):
                    return None  # another day than before
            days = (*days, *(one for one in shown if one not in days))
        return days if _exists(name, days) else None

    return sound


def _exists(name: str, days: Days) -> bool:
    """Whether there is such a day, as far as it is known."""
    known = {part: int(digits) for its, part, digits in days if its == name}
    if "MM" not in known or "DD" not in known:
        return True
    year = known.get("YYYY", 2000 + known.get("YY", 0))
    return year > 0 and known["DD"] <= monthrange(year, known["MM"])[1]


def _from(start: int) -> _Sound:
    return lambda text, first, last, days: days if int(text[first:last]) >= start else None


def _checked_by(segment: CheckCharacters) -> _Sound:
    def sound(text: str, start: int, end: int, days: Days) -> Days | None:
        try:
            return days if check_characters(segment.method, text[:start]) == text[start:end] else None
        except Unfit:
            return None

    return sound


def _checked_within(segment: Value) -> _Sound:
    def sound(text: str, start: int, end: int, days: Days) -> Days | None:
        assert segment.check is not None
        try:
            return days if fits(segment.check, text[start:end]) else None
        except Unfit:
            return None

    return sound


def _said(segment: Segment) -> tuple[str, str]:
    """A segment in the words of a refusal."""
    match segment:
        case Literal(text):
            return f"“{text}”", f"“{text}”"
        case Value(name, width, charset=charset):
            zh, en = (charset.zh, charset.en) if charset is not None else ("文字", "text")
            upto = f"，最多 {width} 个字符" if width else ""
            return f"“{name}”（{zh}{upto}）", f"{name} ({en}{f', at most {width} characters' if width else ''})"
        case Choice(name, choices):
            some = "、".join(choices[:8]) + ("…" if len(choices) > 8 else "")
            return f"“{name}”（{some}）", f"{name}, one of its choices"
        case Date(form):
            return f"{form} 形式的日期", f"a day of the form {form}"
        case Serial(width):
            return f"{width} 位流水号", f"a serial number of {width} digits"
        case Randomly(length):
            return f"{length} 位随机码", f"{length} random characters"
        case CheckCharacters(method):
            return f"校验码（{method}）", f"the check characters ({method})"
