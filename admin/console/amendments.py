"""What an amended enterprise says otherwise than when it was approved last, from its history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from admin.console.timeline import Change, changes_of
from registry.api.v1.history import ActView

_BESIDE = ("state", "reason")


def amended(t: Callable[[str, str], str], acts: Sequence[ActView], until: datetime | None) -> list[Change]:
    """The changes since the last approval before ``until``; none where the acts, newest first, reach none.

    An act of editing keeps the people masked, and which of them changed; an approval keeps nothing about people.
    """
    latest: dict[str, Any] | None = None
    people: list[Any] = []
    hidden: set[str] = set()
    for act in acts:
        if act.after is None or (until is not None and act.at >= until):
            continue
        if act.action == "enterprise.approve":
            if latest is None:
                return []
            was, is_now = dict(act.after), dict(latest)
            if people:
                was["personal"], is_now["personal"] = people[-1], people[0]
            for name in _BESIDE:
                was.pop(name, None)
                is_now.pop(name, None)
            return list(changes_of(t, was, {**is_now, "personal_changed": sorted(hidden)}))
        latest = latest or act.after
        hidden |= set(act.after.get("personal_changed", ()))
        if act.before is not None and "personal" in act.before and "personal" in act.after:
            people = [*(people or [act.after["personal"]]), act.before["personal"]]
    return []
