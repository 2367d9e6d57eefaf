"""Masking (脱敏): what a value becomes before it leaves the node.

    keep            as it is                                first:N    its first N characters
    stars:N         its first N characters, a * for each    last:N     its last N characters
                    other
    pseudonym       16 hexadecimal digits, the same for     region     a division code by its province and city
                    the same text, of no use elsewhere      category   an industry code by its first two digits
    month           of a date                               band       a number by its power of ten: 0, 1-9, 10-99 …
    round:N         a number to the nearest multiple of N

A value that is missing stays missing. Pseudonyms are keyed with the node's own key: nobody who lacks it can find out
from a list of credit codes whose they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from node.errors import Malformed

Scalar = str | int | float | date | bool | None
Pseudonym = Callable[[str], bytes]
"""A keyed digest of a text, 32 octets."""

_FORM = re.compile(r"([a-z]+)(?::([1-9][0-9]{0,8}))?")


class MaskUnknown(Malformed):
    title_zh = "未知的脱敏方式"


@dataclass(frozen=True, slots=True)
class Mask:
    """One way of masking; ``number`` is what stands behind the colon."""

    kind: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}" if self.number else self.kind

    def apply(self, value: Scalar, pseudonym: Pseudonym) -> str | int | float | bool | None:
        """What leaves instead of the value."""
        if value is None:
            return None
        if self.kind == "pseudonym":
            return pseudonym(str(value)).hex()[:16]
        return _WAYS[self.kind](value, self.number)


def parse_mask(text: str) -> Mask:
    """Raises ``MaskUnknown``."""
    match = _FORM.fullmatch(text)
    kind, number = (match[1], int(match[2] or 0)) if match else ("", 0)
    if kind not in {*_WAYS, "pseudonym"} or (kind in _NUMBERED) is not bool(number):
        raise MaskUnknown(f"{text} is no mask; there are {', '.join(_names())}", mask=text)
    return Mask(kind, number)


def _keep(value: Scalar, _: int) -> str | int | float | bool | None:
    return str(value) if isinstance(value, date) else value


def _stars(value: Scalar, number: int) -> str:
    text = str(value)
    return text[:number] + "*" * (len(text) - number)


def _first(value: Scalar, number: int) -> str:
    return str(value)[:number]


def _last(value: Scalar, number: int) -> str:
    return str(value)[-number:]


def _region(value: Scalar, _: int) -> str:
    return f"{str(value)[:4]}00"


def _category(value: Scalar, _: int) -> str:
    return str(value)[:2]


def _month(value: Scalar, _: int) -> str:
    return str(value)[:7]


def _band(value: Scalar, _: int) -> str:
    number = _number(value)
    if number < 1:
        return "0"
    digits = len(str(int(number)))
    return f"{10 ** (digits - 1)}-{10**digits - 1}"


def _round(value: Scalar, number: int) -> int:
    return int(_number(value) / number + 0.5) * number


def _number(value: Scalar) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(
            f"{value!r} is no number"
        )  # a fault of a profile: fields and masks are checked when it is read
    return value


_WAYS: dict[str, Callable[[Scalar, int], str | int | float | bool | None]] = {
    "keep": _keep, "stars": _stars, "first": _first, "last": _last, "region": _region, "category": _category,
    "month": _month, "band": _band, "round": _round,
}  # fmt: skip
_NUMBERED = frozenset({"stars", "first", "last", "round"})
NUMERIC = frozenset({"band", "round"})
"""Masks of numbers; the others take texts and dates too."""


def _names() -> list[str]:
    return [*(f"{kind}:N" if kind in _NUMBERED else kind for kind in _WAYS), "pseudonym"]
