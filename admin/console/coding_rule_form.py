"""The definition of a coding rule as a form of segments, and the form as a definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from admin.console.form import Form
from admin.console.rows import Row, arranged, lines_of, number_of, rows_of
from registry.api.v1.coding_rules import SegmentKind
from registry.coding.definition import MAX_SEGMENTS

SEGMENTS = "definition.segments"
MEMBERS: Mapping[str, tuple[str, ...]] = {
    SegmentKind.LITERAL: ("text",),
    SegmentKind.VALUE: ("name", "width", "least", "pad", "case", "charset", "check"),
    SegmentKind.CHOICE: ("name", "choices"),
    SegmentKind.DATE: ("format", "name"),
    SegmentKind.SERIAL: ("width", "start", "period"),
    SegmentKind.RANDOM: ("length", "alphabet"),
    SegmentKind.CHECK: ("method",),
}
"""What a segment of each kind says, in the order of its fields."""
_ALL = ("kind", *dict.fromkeys(member for members in MEMBERS.values() for member in members))
_NUMBERS = frozenset({"width", "least", "start", "length"})
_SCOPE = ("industry", "division")


@dataclass(frozen=True, slots=True)
class CodingRuleForm:
    """Texts as they stand in the fields; a segment keeps the kind that it was added with."""

    name: str = ""
    segments: tuple[Row, ...] = ()
    industry: str = ""
    division: str = ""

    @classmethod
    def of(cls, form: Form) -> Self:
        """What was filled in, after the button that was pressed has arranged the segments."""
        pressed = form.text("arrange")
        before = rows_of(form, SEGMENTS, _ALL, MAX_SEGMENTS)
        segments = arranged(before, SEGMENTS, pressed, MAX_SEGMENTS)
        kind = pressed.rpartition(":")[2]
        if len(segments) > len(before) and kind in MEMBERS:
            segments[-1] = {"kind": kind}
        known = tuple(_of_its_kind(row) for row in segments if row.get("kind") in MEMBERS)
        return cls(
            form.text("name"), known, form.text("definition.scope.industry"), form.text("definition.scope.division")
        )

    @classmethod
    def of_rule(cls, name: str, said: Mapping[str, Any]) -> Self:
        """What a stored rule says."""
        scope = said.get("scope") or {}
        segments = tuple({key: _text(value) for key, value in one.items()} for one in said["segments"])
        return cls(name, segments, scope.get("industry") or "", scope.get("division") or "")

    def definition(self) -> dict[str, Any]:
        """The body of the operations; what was left empty is left out."""
        said: dict[str, Any] = {"segments": [_segment(row) for row in self.segments]}
        scope = {name: text for name in _SCOPE if (text := getattr(self, name))}
        return {**said, "scope": scope} if scope else said


def names_of_values(said: Mapping[str, Any]) -> list[str]:
    """The values that a rule needs, in the order of its segments."""
    return list(dict.fromkeys(one["name"] for one in said["segments"] if one.get("name")))


def _of_its_kind(row: Row) -> Row:
    return {member: row[member] for member in ("kind", *MEMBERS[row["kind"]]) if row.get(member)}


def _segment(row: Row) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": row["kind"]}
    for member in MEMBERS[row["kind"]]:
        text = row.get(member, "")
        if text:
            said[member] = number_of(text) if member in _NUMBERS else lines_of(text) if member == "choices" else text
    return said


def _text(value: object) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)
