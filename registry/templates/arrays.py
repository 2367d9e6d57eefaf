"""Arrays: several values of one attribute in one Handle value, a compact JSON array of their stored texts."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from registry.rejection import Code, Fault
from registry.templates.value_rules import Refused, Rule

_TOLD = 10
"""Items whose faults are told: a row is corrected from the first ones, and an answer is no larger than the row."""

_from_cell = msgspec.json.Decoder(list[Any], float_hook=Decimal).decode
_from_record = msgspec.json.Decoder(list[str]).decode
_encode = msgspec.json.encode


class ItemsRefused(Refused):
    """Items do not fit; each by its place, from 1."""

    def __init__(self, refused: list[tuple[int, Refused]]) -> None:
        super().__init__(refused[0][1].code)
        self._refused = refused

    def faults(self, name: str) -> list[Fault]:
        return [one.code.fault(name, item=place, **one.facts) for place, one in self._refused]


def array_rule(rule: Rule, most: int) -> Rule:
    """The rule for arrays of at most ``most`` values that obey ``rule``; an empty array gives an empty text.

    Takes a list, a text that is a JSON array, or else a single value: what stands in a cell.
    """

    def checked(value: object) -> str:
        items = _items(value)
        if len(items) > most:
            raise Refused(Code.TOO_MANY_ITEMS, limit=most, found=len(items))
        texts: list[str] = []
        refused: list[tuple[int, Refused]] = []
        for place, item in enumerate(items, start=1):
            try:
                texts.append(_nothing() if item is None or item == "" else rule(item))
            except Refused as error:
                refused.append((place, error))
                if len(refused) == _TOLD:
                    break
        if refused:
            raise ItemsRefused(refused)
        return _encode(texts).decode() if texts else ""

    return checked


def items_of(text: str | bytes) -> list[str]:
    """The texts in the data of a stored array."""
    return _from_record(text)


def _nothing() -> str:
    raise Refused(Code.EMPTY_ITEM)


def _items(value: object) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, str) and value.lstrip(" ").startswith("["):
        try:
            return _from_cell(value)
        except (msgspec.DecodeError, UnicodeEncodeError, InvalidOperation, RecursionError):
            return [value]  # a text that merely begins so
    return [value]
