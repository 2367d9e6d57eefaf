"""A place in somebody's JSON: what stands there, and the path to it that an error names."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from node.errors import Malformed

_INTEGER = re.compile(r"-?[0-9]{1,10}")

INT_LOW, INT_HIGH = -(2**31), 2**31 - 1
"""The range of the Handle protocol's integers."""


class InvalidValueJson(Malformed):
    """JSON that is no value. Evidence: ``path``, for example ``$.data.value.servers[0].port``."""

    title_zh = "标识值的 JSON 有误"


@dataclass(frozen=True, slots=True)
class JsonPlace:
    """A decoded JSON value with its path from ``$``; every reading raises InvalidValueJson naming the path."""

    value: Any
    path: str = "$"

    def fault(self, what: str) -> InvalidValueJson:
        """The error for this place; ``what`` completes the sentence "The place …"."""
        return InvalidValueJson(f"{self.path} {what}.", path=self.path)

    def members(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, JsonPlace]:
        """The members of an object. Unknown names are refused: a misspelt ``permissions`` must not be lost."""
        if not isinstance(self.value, dict):
            raise self.fault("is not an object")
        for name in required:
            if name not in self.value:
                raise self.fault(f"lacks the member {name}")
        members = {name: JsonPlace(member, f"{self.path}.{_shown(name)}") for name, member in self.value.items()}
        for name, place in members.items():
            if name not in required and name not in optional:
                raise place.fault("is not a member known here")
        return members

    def items(self) -> list[JsonPlace]:
        if not isinstance(self.value, list):
            raise self.fault("is not an array")
        return [JsonPlace(item, f"{self.path}[{number}]") for number, item in enumerate(self.value)]

    def integer(self, low: int = INT_LOW, high: int = INT_HIGH, *, or_text: bool = False) -> int:
        """A whole number from ``low`` to ``high``; with ``or_text`` also a string of its digits."""
        number = self.value
        if or_text and isinstance(number, str) and _INTEGER.fullmatch(number):
            number = int(number)
        if not isinstance(number, int) or isinstance(number, bool):
            raise self.fault("is not a whole number")
        if not low <= number <= high:
            raise self.fault(f"is not between {low} and {high}")
        return number

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.fault("is not a string")
        try:
            self.value.encode()
        except UnicodeEncodeError as fault:
            raise self.fault("holds half of a surrogate pair") from fault
        return self.value

    def matching(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        """The match of a whole string; ``what`` names what it should be."""
        match = pattern.fullmatch(self.text())
        if match is None:
            raise self.fault(f"is not {what}")
        return match

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.fault("is neither true nor false")
        return self.value


def _shown(name: str) -> str:
    """A member's name as an error may repeat it: bounded, and escaped where a terminal or page could be misled."""
    return name[:64] if name.isprintable() else ascii(name[:64])
