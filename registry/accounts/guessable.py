"""How soon a password is guessed by whoever knows what people take: words, names, runs of keys, years, repetitions.

The cheapest reading counts: a known piece costs as much as two letters, however long it is and whatever digits stand
for its letters; marks that decorate cost nothing. So a list of some hundred words forbids what would fill a
dictionary of many thousand lines, and a phrase of four words passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

LEAST_COST = 8
"""What a password has to cost: eight letters that mean nothing, or four words."""

_PIECE = 2
_SHORTEST_RUN = 3
_DECORATION = frozenset(" -_.,!@#$%*?~+=/")
# 1 stands for i and for l, so a text is read twice.
_STAND_FOR = (str.maketrans("01345789@$!+", "oieastbgasit"), str.maketrans("01345789@$|+", "oleastbgaslt"))
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "!@#$%^&*()",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/", "qazwsxedcrfvtgbyhnujmikolp", "!qaz@wsx#edc$rfv%tgb^yhn&ujm",
    "147258369", "159357", "0123456789" * 2, "13579", "24680",
)  # fmt: skip


def _words() -> frozenset[str]:
    lines = Path(__file__).with_name("weak_words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


WORDS = _words()
_LONGEST = max(map(len, WORDS))
_STEPS = frozenset(step for row in _ROWS for step in (*pairwise(row), *pairwise(row[::-1])))


def cost(password: str, context: Sequence[str] = ()) -> int:
    """What the cheapest reading costs; ``context`` are words of the place and of the account, in any case."""
    text = password.casefold()
    readings = {text, *(text.translate(letters) for letters in _STAND_FOR)}
    known = {word.casefold() for word in context if len(word) >= _SHORTEST_RUN}
    cheapest = [0] * (len(text) + 1)
    for start in range(len(text) - 1, -1, -1):
        alone = cheapest[start + 1] + (text[start] not in _DECORATION)
        ends = _ends(text, readings, start, known)
        cheapest[start] = min([alone, *(_PIECE + cheapest[end] for end in ends)])
    return cheapest[0]


def _ends(text: str, readings: set[str], start: int, context: set[str]) -> Iterator[int]:
    """Where known pieces end that begin at ``start``."""
    for reading in readings:
        for length in range(_SHORTEST_RUN, min(_LONGEST, len(reading) - start) + 1):
            if reading[start : start + length] in WORDS:
                yield start + length
        for word in context:
            if reading.startswith(word, start):
                yield start + len(word)
    for end in (_end_of_run(text, start), _end_of_repetition(text, start)):
        if end - start >= _SHORTEST_RUN:
            yield end
    for end in (start + 4, start + 6, start + 8):
        if end <= len(text) and _is_day(text[start:end]):
            yield end


def _end_of_run(text: str, start: int) -> int:
    end = start + 1
    while end < len(text) and (text[end - 1], text[end]) in _STEPS:
        end += 1
    return end


def _end_of_repetition(text: str, start: int) -> int:
    end = start + 1
    while end < len(text) and text[end] == text[start]:
        end += 1
    return end


def _is_day(digits: str) -> bool:
    """A year, a month of one, a day of one: 1988, 202411, 19880512."""
    if not (digits.isascii() and digits.isdigit()) or digits[:2] not in ("19", "20"):
        return False
    month, day = digits[4:6], digits[6:8]
    return (not month or 1 <= int(month) <= 12) and (not day or 1 <= int(day) <= 31)
