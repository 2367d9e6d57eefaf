"""Rows of fields in a form, such as the attributes of a template: added, moved and taken out by buttons of the form.

A field is named like the fault that an operation finds in it: ``attributes[3].title_zh``. How many rows there are
stands in the field ``attributes``; a button says ``attributes:remove:3``. The page is drawn anew with every press,
whole or, where scripts run, in its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from admin.console.form import Form, Refusal

Row = dict[str, str]
"""Texts by the names of the members; a ticked box is ``yes``."""

_NUMBERED = re.compile(r"\.(\d+)(?=\.|$)")


def rows_of(form: Form, name: str, members: Sequence[str], most: int) -> list[Row]:
    """The rows as they were filled in, at most so many."""
    count = form.number(name)
    rows = min(count, most) if isinstance(count, int) else 0
    return [{member: form.text(f"{name}[{place}].{member}") for member in members} for place in range(rows)]


def arranged(rows: Sequence[Row], name: str, pressed: str, most: int) -> list[Row]:
    """The rows after a button was pressed; one that is about other rows changes nothing."""
    of, _, deed = pressed.partition(":")
    kept = list(rows)
    if of != name:
        return kept
    deed, _, number = deed.partition(":")
    if deed == "add" and len(kept) < most:
        return [*kept, {}]
    place = int(number) if number.isdecimal() and len(number) < 4 else -1
    if not 0 <= place < len(kept):
        return kept
    row = kept.pop(place)
    if deed == "up":
        kept.insert(max(place - 1, 0), row)
    elif deed == "down":
        kept.insert(place + 1, row)
    elif deed != "remove":
        kept.insert(place, row)
    return kept


def named_as_fields(refusal: Refusal) -> Refusal:
    """Faults of the shape of an input are named ``attributes.3.name``: the field is ``attributes[3].name``."""
    return replace(
        refusal, fields={_NUMBERED.sub(r"[\1]", name): message for name, message in refusal.fields.items()}
    )


def number_of(text: str) -> int | str | None:
    """A whole number; ``None`` where empty; what is none stays text, for the operation to refuse by name."""
    try:
        return int(text) if text else None
    except ValueError:
        return text


def lines_of(text: str) -> list[str]:
    """One text a line, without the empty ones."""
    return [line.strip() for line in text.split("\n") if line.strip()]
