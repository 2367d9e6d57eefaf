r"""Patterns of attribute values: a subset of regular expressions that cannot be made slow.

A pattern comes from a user and runs over millions of rows, and a backtracking engine can need exponential time
for an innocent-looking ``(a+)+``. So a pattern is a choice (``|``) of sequences of single items, each perhaps
repeated:

    items        a character · ``.`` (any but a line break) · a class ``[A-Z0-9_]``, ``[^ ]`` · ``\d \w \s``
                 and ``\D \W \S`` (ASCII) · a backslash and a punctuation mark for the mark itself
    repetition   ``?  *  +  {3}  {2,}  {2,5}``
    not there    groups, back-references, look-around, lazy repetition, ``^`` and ``$`` (the whole value is
                 matched anyway)

What may still backtrack is a repetition that shares characters with what follows it (``.*-.*``). The product of
the ways such repetitions can be split, times the length of the value, is bounded by ``MAX_WORK``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from node.errors import Malformed

MAX_PATTERN = 200
"""Characters of a pattern."""
MAX_WORK = 100_000
"""Steps that matching one value may take at worst; some thousand microseconds."""

_LAST = 0x10FFFF
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ")
_OUTSIDE_ONLY_ESCAPED = frozenset("^$(){}*+?]")
_DIGITS = ((0x30, 0x39),)
_WORD = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE = ((0x09, 0x0D), (0x20, 0x20))
_REPEAT = re.compile(r"\{(\d{1,4})(?:(,)(\d{1,4})?)?\}")

Ranges = tuple[tuple[int, int], ...]
"""Sorted, disjoint ranges of code points, both ends included."""


class InvalidPattern(Malformed):
    """The pattern is outside the subset. Evidence: ``pattern``, ``position`` (1-based) where it is at fault."""

    title_zh = "格式表达式不符合要求"

    def __init__(self, reason: str, pattern: str, position: int) -> None:
        super().__init__(f"{reason} (character {position})", pattern=pattern, position=position)


@dataclass(frozen=True, slots=True)
class _Item:
    characters: Ranges
    least: int
    most: int | None


def compile_pattern(pattern: str, longest: int) -> re.Pattern[str]:
    """A matcher for values of at most ``longest`` characters; use its ``fullmatch``.

    Raises ``InvalidPattern``.
    """
    if not pattern or len(pattern) > MAX_PATTERN:
        raise InvalidPattern(f"a pattern has 1 to {MAX_PATTERN} characters", pattern, len(pattern))
    alternatives = _Parser(pattern).alternatives()
    if sum(_work(items, longest) for items in alternatives) > MAX_WORK:
        raise InvalidPattern(
            f"matching could take too long for values of {longest} characters: give repetitions a bound, or "
            "let what follows them begin with another character",
            pattern,
            len(pattern),
        )
    # Written anew from what was understood: the engine and this module cannot disagree.
    return re.compile("|".join("".join(map(_written, items)) for items in alternatives))


class _Parser:
    """Reads one pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def alternatives(self) -> list[list[_Item]]:
        found: list[list[_Item]] = [[]]
        while self._at < len(self._pattern):
            if self._skip("|"):
                found.append([])
                continue
            characters = self._characters()
            least, most = self._repetition()
            found[-1].append(_Item(characters, least, most))
        if [] in found:
            raise self._fault("an alternative is empty")
        return found

    def _characters(self) -> Ranges:
        character = self._take()
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escaped()
        if character == ".":
            return _complement(((0x0A, 0x0A), (0x0D, 0x0D)))
        if character == "(":
            raise self._fault("groups are not available; use | between whole alternatives")
        if character in "^$":
            raise self._fault("the whole value is matched anyway: leave out ^ and $, or write \\^ and \\$")
        if character in _OUTSIDE_ONLY_ESCAPED:
            raise self._fault(f"write \\{character} for the character itself")
        return ((ord(character), ord(character)),)

    def _escaped(self) -> Ranges:
        character = self._take()
        known = {"d": _DIGITS, "w": _WORD, "s": _SPACE}.get(character.lower())
        if known is not None:
            return _complement(known) if character.isupper() else known
        if character not in _PUNCTUATION:
            raise self._fault(f"\\{character} has no meaning here")
        return ((ord(character), ord(character)),)

    def _class(self) -> Ranges:
        negated = self._skip("^")
        ranges: list[tuple[int, int]] = []
        while not self._skip("]"):
            first = self._class_member()
            if self._at + 1 < len(self._pattern) and self._pattern[self._at + 1] != "]" and self._skip("-"):
                last = self._class_member()
                if len(first) != 1 or len(last) != 1 or first[0][0] != first[0][1] or last[0][0] != last[0][1]:
                    raise self._fault("a range goes from one character to another")
                if first[0][0] > last[0][0]:
                    raise self._fault("a range goes from the lower character to the higher")
                first = ((first[0][0], last[0][0]),)
            ranges.extend(first)
        if not ranges:
            raise self._fault("a class names at least one character")
        characters = _complement(_merged(ranges)) if negated else _merged(ranges)
        if not characters:
            raise self._fault("the class leaves no character")
        return characters

    def _class_member(self) -> Ranges:
        character = self._take()
        if character == "[":
            raise self._fault("write \\[ inside a class")
        return self._escaped() if character == "\\" else ((ord(character), ord(character)),)

    def _repetition(self) -> tuple[int, int | None]:
        least: int
        most: int | None
        if self._skip("?"):
            least, most = 0, 1
        elif self._skip("*"):
            least, most = 0, None
        elif self._skip("+"):
            least, most = 1, None
        elif counts := _REPEAT.match(self._pattern, self._at):
            self._at = counts.end()
            least = int(counts[1])
            most = (int(counts[3]) if counts[3] else None) if counts[2] else least
            if most is not None and (most < least or most == 0):
                raise self._fault("a repetition goes from the lower number to the higher")
        else:
            return 1, 1
        if self._at < len(self._pattern) and self._pattern[self._at] in "?*+{":
            self._at += 1
            raise self._fault("a repetition cannot be repeated")
        return least, most

    def _take(self) -> str:
        if self._at == len(self._pattern):
            raise self._fault("the pattern breaks off")
        self._at += 1
        return self._pattern[self._at - 1]

    def _skip(self, character: str) -> bool:
        if not self._pattern.startswith(character, self._at):
            return False
        self._at += 1
        return True

    def _fault(self, reason: str) -> InvalidPattern:
        return InvalidPattern(reason, self._pattern, self._at)


def _work(items: list[_Item], longest: int) -> int:
    """An upper bound of the steps: only repetitions that overlap with what may follow them multiply."""
    ways = 1
    for number, item in enumerate(items):
        most = longest if item.most is None else min(item.most, longest)
        if most > item.least and _follows_itself(item, items[number + 1 :]):
            ways *= most - item.least + 1
    return ways * (longest + 1)


def _follows_itself(item: _Item, rest: list[_Item]) -> bool:
    for following in rest:
        if _overlap(item.characters, following.characters):
            return True
        if following.least:
            return False
    return False


def _overlap(one: Ranges, other: Ranges) -> bool:
    return any(low <= top and bottom <= high for low, high in one for bottom, top in other)


def _merged(ranges: list[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _complement(ranges: Ranges) -> Ranges:
    edges = [-1, *(edge for pair in ranges for edge in pair), _LAST + 1]
    gaps = ((edges[at] + 1, edges[at + 1] - 1) for at in range(0, len(edges), 2))
    return tuple((low, high) for low, high in gaps if low <= high)


def _written(item: _Item) -> str:
    ranges = "".join(rf"\U{low:08x}-\U{high:08x}" for low, high in item.characters)
    if (item.least, item.most) == (1, 1):
        return f"[{ranges}]"
    return f"[{ranges}]{{{item.least},{'' if item.most is None else item.most}}}"
