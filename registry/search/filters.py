"""What a search asks for: the conditions that identifiers of one prefix must meet, all of them.

``Filters`` is what every door hands on: the list of identifiers, bulk work by query, and export. Both ends of a
range are included. Whether a condition suits its attribute is known when the template is (``search.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

MOST_CONDITIONS = 8


class StateFilter(StrEnum):
    """Which identifiers; a deleted one has no attributes left and meets no condition on one."""

    LIVE = "live"
    SUSPENDED = "suspended"
    DELETED = "deleted"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a listed or unique attribute; what is None does not matter, the rest must hold together.

    ``equal``, ``low`` and ``high`` are compared as the attribute's kind asks (numbers as numbers), ``begins`` and
    ``contains`` character by character.
    """

    attribute: str
    equal: str | None = None
    low: str | None = None
    high: str | None = None
    begins: str | None = None
    contains: str | None = None

    def to_json(self) -> dict[str, str]:
        """The form in which it is sent: ``low`` is ``from`` and ``high`` is ``to``; nothing that is None."""
        named = {
            "attribute": self.attribute, "equal": self.equal, "from": self.low, "to": self.high,
            "begins": self.begins, "contains": self.contains,
        }  # fmt: skip
        return {name: value for name, value in named.items() if value is not None}

    @classmethod
    def from_json(cls, sent: Mapping[str, str]) -> Self:
        """The condition of ``to_json``."""
        return cls(
            sent["attribute"], sent.get("equal"), sent.get("from"), sent.get("to"), sent.get("begins"),
            sent.get("contains"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filters:
    """All that must hold; a default holds for everything live.

    ``template`` is a name and means all its versions, ``template_id`` one of them. Suffix parts are compared
    without the case of ASCII letters, as suffixes are. Times are aware.
    """

    template_id: int | None = None
    template: str | None = None
    suffix_begins: str = ""
    suffix_contains: str = ""
    state: StateFilter = StateFilter.LIVE
    registered_from: datetime | None = None
    registered_to: datetime | None = None
    updated_from: datetime | None = None
    updated_to: datetime | None = None
    attributes: tuple[Condition, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Only what says something: equal filters give equal JSON, and ``from_json`` brings them back."""
        said: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value == field.default:
                continue
            if isinstance(value, datetime):
                value = value.isoformat()
            elif isinstance(value, tuple):
                value = [condition.to_json() for condition in value]
            said[field.name] = value
        return said

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """The filters of ``to_json``."""
        read = dict(said)
        for name in ("registered_from", "registered_to", "updated_from", "updated_to"):
            if name in read:
                read[name] = datetime.fromisoformat(read[name])
        if "state" in read:
            read["state"] = StateFilter(read["state"])
        if "attributes" in read:
            read["attributes"] = tuple(Condition.from_json(one) for one in read["attributes"])
        return cls(**read)
