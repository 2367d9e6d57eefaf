"""A JSON object as a client of SNMS sent it, read field by field.

The guides contradict themselves in spelling and types (snms-api section 17), so a field may have two names, a number
may stand in quotes and a text may be a number. What is ``null`` or blank is not there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date
from typing import Any, TypeVar

from registry.api.compatible import FieldMissing, FieldUnreadable, read_json, shorter

_T = TypeVar("_T")
_DIGITS = 20


class Said:
    """Every method raises ``FieldMissing`` where a needed field is not there, and ``FieldUnreadable``."""

    def __init__(self, members: dict[str, Any], place: str = "") -> None:
        self._members = members
        self._place = place

    def text(self, *names: str, most: int, needed: bool = False) -> str:
        """One line of text in NFC under the first of the names that says anything; else empty."""
        found = self._found(names, needed=needed)
        if found is None:
            return ""
        if isinstance(found, dict | list | bool):
            raise self._unreadable(names[0], "is no text")
        text = unicodedata.normalize("NFC", " ".join(str(found).split()))
        if not text.isprintable():
            raise self._unreadable(names[0], "holds a control character")
        return shorter(text, self._path(names[0]), most)

    def secret(self, name: str, *, most: int) -> str:
        """A needed text exactly as it came: of a password nothing is put right."""
        found = self._found((name,), needed=True)
        if not isinstance(found, str):
            raise self._unreadable(name, "is no text")
        return shorter(found, self._path(name), most)

    def number(self, *names: str, needed: bool = False) -> int | None:
        """A whole number."""
        found = self._found(names, needed=needed)
        if isinstance(found, str) and found.strip().lstrip("-").isdecimal() and len(found) <= _DIGITS:
            found = int(found)
        if isinstance(found, float) and found.is_integer():
            found = int(found)
        if found is None or (isinstance(found, int) and not isinstance(found, bool) and abs(found) < 10**_DIGITS):
            return found
        raise self._unreadable(names[0], "is no whole number")

    def kind(self, name: str, kinds: Sequence[_T], *, needed: bool = False) -> _T | None:
        """The kind of that number, the first being 1."""
        number = self.number(name, needed=needed)
        if number is None:
            return None
        if not 1 <= number <= len(kinds):
            raise self._unreadable(name, f"is 1 to {len(kinds)}")
        return kinds[number - 1]

    def flag(self, name: str) -> bool:
        """Whether it is true, in whatever way that is written."""
        return str(self._members.get(name)).lower() in ("true", "1")

    def day(self, name: str) -> date | None:
        """``yyyy-MM-dd``."""
        text = self.text(name, most=32)
        try:
            return date.fromisoformat(text[:10]) if text else None
        except ValueError:
            raise self._unreadable(name, "is no day of the form yyyy-MM-dd") from None

    def part(self, name: str, *, needed: bool = False) -> Said | None:
        """An object; one in an array of its own is taken too (C-23)."""
        found = self._found((name,), needed=needed)
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        if found is None or isinstance(found, dict):
            return None if found is None else Said(found, self._path(name))
        raise self._unreadable(name, "is no object")

    def needed_part(self, name: str) -> Said:
        """An object that has to be there."""
        return self.part(name, needed=True) or Said({}, self._path(name))

    def parts(self, name: str, *, needed: bool = False) -> list[Said]:
        """The objects of an array."""
        found = self._found((name,), needed=needed)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self._unreadable(name, "is no array of objects")
        if needed and not found:
            raise FieldMissing(f"the array {self._path(name)} is empty", field=self._path(name))
        return [Said(one, f"{self._path(name)}[{number}]") for number, one in enumerate(found)]

    def has(self, name: str) -> bool:
        """Whether it says anything."""
        return self._found((name,), needed=False) is not None

    def _found(self, names: Sequence[str], *, needed: bool) -> Any:
        for name in names:
            found = self._members.get(name)
            if found is not None and (not isinstance(found, str) or found.strip()):
                return found
        if needed:
            raise FieldMissing(f"the field {self._path(names[0])} is missing", field=self._path(names[0]))
        return None

    def _path(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name

    def _unreadable(self, name: str, why: str) -> FieldUnreadable:
        return FieldUnreadable(f"{self._path(name)} {why}", field=self._path(name))


def said(content: bytes) -> Said:
    """The object that a body is. Raises ``NoJsonBody``, ``FieldUnreadable``."""
    return Said(read_json(content, dict[str, Any]))
