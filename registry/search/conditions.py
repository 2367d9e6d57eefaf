"""Conditions on attributes as ranges of an index: what may be asked of which kind, and where a range ends.

=================  =====================  ==========================================
kind               equal, from, to        begins, contains
=================  =====================  ==========================================
string, enum …     by code points         both
date               as days                begins only (``2026-03`` is a month)
number             as numbers             neither: 7 and 7.0 are one number
boolean            equal only             neither
=================  =====================  ==========================================
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from registry.rejection import Fault
from registry.search.filters import Condition
from registry.templates.attributes import LONGEST_INDEXED, Attribute, Kind
from registry.templates.value_rules import Refused, Rule, canonical_boolean, canonical_date, check_text, rule_of

LAST_CHARACTER = "\U0010ffff"
BEYOND_SUFFIXES = LAST_CHARACTER
"""After every suffix key in code point order: U+10FFFF is no character, and no suffix holds one."""
BEYOND_VALUES = LAST_CHARACTER * (LONGEST_INDEXED + 1)
"""After every indexed value, which may hold that code point but is shorter."""

_OPERATORS = {"equal": "equal", "low": "from", "high": "to", "begins": "begins", "contains": "contains"}
_UNFIT: dict[Kind, frozenset[str]] = {
    Kind.NUMBER: frozenset({"begins", "contains"}),
    Kind.DATE: frozenset({"contains"}),
    Kind.BOOLEAN: frozenset({"low", "high", "begins", "contains"}),
}


class Bounds(NamedTuple):
    """One condition on one attribute of one template: ``value_from`` ≤ value < ``value_until``, containing a text.

    For a number the ends are numbers and both included, and the texts say nothing. ``place`` is that of the condition
    among all.
    """

    template_id: int
    place: int
    attribute_index: int
    unique: bool
    value_from: str = ""
    value_until: str = BEYOND_VALUES
    contains: str = ""
    number_from: str | None = None
    number_to: str | None = None

    @property
    def numeric(self) -> bool:
        return self.number_from is not None

    @property
    def pinned(self) -> bool:
        """Whether one single value is asked for, so that entries come in the order of their suffix keys."""
        if self.numeric:
            return self.number_from == self.number_to
        return self.value_until == _just_after(self.value_from)

    @property
    def open(self) -> bool:
        """Whether every value is in range, so that walking it is no help but for a text that it may contain."""
        return not self.numeric and self.value_from == "" and self.value_until == BEYOND_VALUES

    def to_json(self) -> dict[str, Any]:
        """The form that the statements take."""
        return {
            "template_id": self.template_id, "attribute_index": self.attribute_index, "value_from": self.value_from,
            "value_until": self.value_until, "contains": self.contains, "number_from": self.number_from,
            "number_to": self.number_to,
        }  # fmt: skip


def bounds_of(
    conditions: Iterable[Condition], template_id: int, attributes: Mapping[str, Attribute]
) -> tuple[list[Bounds], list[Fault]]:
    """The conditions on these attributes as bounds, and everything that does not suit its attribute.

    The field of a fault is ``attributes.<place>.<operator>``.
    """
    bounds: list[Bounds] = []
    faults: list[Fault] = []
    for place, condition in enumerate(conditions):
        attribute = attributes[condition.attribute]
        unfit = list(_unfit(condition, attribute, f"attributes.{place}"))
        faults += unfit
        if not unfit:
            bounds.append(_bounds(condition, template_id, place, attribute))
    return bounds, faults


def after_all_beginning_with(text: str, beyond: str) -> str:
    """The least text after all that begin with ``text``, in code point order; ``beyond`` if there is none.

    >>> after_all_beginning_with("AB", "…")
    'AC'
    """
    kept = text.rstrip(LAST_CHARACTER)
    if not kept:
        return beyond
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)  # halves of pairs are no characters


def _just_after(text: str) -> str:
    return text + "\x01"  # no text that PostgreSQL stores stands between the two


def _unfit(condition: Condition, attribute: Attribute, place: str) -> Iterator[Fault]:
    rule = _rule(attribute)
    for name, word in _OPERATORS.items():
        value = getattr(condition, name)
        if value is None:
            continue
        field = f"{place}.{word}"
        if name in _UNFIT.get(attribute.kind, ()):
            message = f"{attribute.kind} 类属性不能用 {word} 检索 / a {attribute.kind} is not searched by {word}"
            yield Fault(field, "operator_unfit", message)
            continue
        try:
            (check_text if name in ("begins", "contains") else rule)(value)
        except Refused as refused:
            yield refused.code.fault(field, **refused.facts)


def _rule(attribute: Attribute) -> Rule:
    """From the end of a range to the text that is compared; ends may lie outside of what the attribute takes."""
    match attribute.kind:
        case Kind.NUMBER:
            return rule_of(replace(attribute, minimum=None, maximum=None))
        case Kind.DATE:
            return canonical_date
        case Kind.BOOLEAN:
            return canonical_boolean
        case _:
            return lambda value: check_text(str(value))


def _bounds(condition: Condition, template_id: int, place: int, attribute: Attribute) -> Bounds:
    head = (template_id, place, attribute.index, attribute.unique)
    rule = _rule(attribute)
    low = [rule(end) for end in (condition.equal, condition.low) if end is not None]
    high = [rule(end) for end in (condition.equal, condition.high) if end is not None]
    if attribute.kind is Kind.NUMBER:
        number_from = max(low, key=Decimal, default="-Infinity")
        return Bounds(*head, number_from=number_from, number_to=min(high, key=Decimal, default="Infinity"))
    until = [_just_after(end) for end in high]
    if condition.begins is not None:
        low.append(condition.begins)
        until.append(after_all_beginning_with(condition.begins, BEYOND_VALUES))
    return Bounds(
        *head,
        value_from=max(low, default=""),
        value_until=min(until, default=BEYOND_VALUES),
        contains=condition.contains or "",
    )
