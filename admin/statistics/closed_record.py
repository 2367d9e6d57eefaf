"""Whether closings and rules are what the journal says they were: nothing edited, removed or put in between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from admin.statistics.closing import PREVIOUS, Closing
from admin.statistics.comparing import Difference
from admin.statistics.rules import RECORDED, SUBJECT, Rule, digest_of, rules
from node.china_time import day_of
from node.database import Connection
from node.journal import canonical
from node.sql import statements_beside

SQL = statements_beside(__file__, "recount.sql")


async def unknown_before(connection: Connection, closings: Sequence[Closing]) -> list[Difference]:
    """Closings that name as the one before them a closing that there is not."""
    found = []
    for closing in closings:
        before = closing.figures.get(PREVIOUS)
        if before is None:
            continue
        named = date.fromisoformat(before["day"]), before["edition"], bytes.fromhex(before["sha256"])
        if not await connection.fetchval(SQL["closing_known"], *named):
            key = f"{PREVIOUS} (edition {closing.edition})"
            found.append(Difference("closing", closing.day, key, None, f"{named[0]} edition {named[1]}"))
    return found


def edited(day: date, closings: Sequence[Closing], acts: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    """Editions whose figures are not those that were hashed, or that the journal knows otherwise or not at all."""
    journal = {act["edition"]: act["sha256"] for act in acts}
    for closing in closings:
        told, stands = closing.sha256.hex(), hashlib.sha256(canonical(closing.figures)).hexdigest()
        if stands != told:
            yield Difference("closing", day, f"sha256 (edition {closing.edition})", told, stands)
        if journal.get(closing.edition) != told:
            yield Difference(
                "closing", day, f"journal (edition {closing.edition})", told, journal.get(closing.edition)
            )
    for edition in sorted(journal.keys() - {closing.edition for closing in closings}):
        yield Difference("closing", day, f"journal (edition {edition})", None, journal[edition])


async def rules_edited(connection: Connection) -> list[Difference]:
    """Rules that the journal knows otherwise or not at all, that were entered for days gone by, or removed."""
    acts = await connection.fetch(SQL["rule_acts"], SUBJECT, RECORDED)
    journal = {int(row["subject_id"]): json.loads(row["after"]) for row in acts}
    known = {rule.version: rule for rule in await rules(connection)}
    found = [
        Difference(
            "rule", rule.effective_day, f"rule {rule.version}", _said(rule), _written(journal.get(rule.version))
        )
        for rule in known.values()
        if _said(rule) != _written(journal.get(rule.version))
    ]
    found += [
        Difference(
            "rule", rule.effective_day, f"rule {rule.version}", "recorded later", str(day_of(rule.recorded_at))
        )
        for rule in known.values()
        if day_of(rule.recorded_at) > rule.effective_day
    ]
    return found + [
        Difference("rule", date.fromisoformat(act["effective_day"]), f"rule {version}", None, _written(act))
        for version, act in journal.items()
        if version not in known
    ]


def _said(rule: Rule) -> str:
    return f"{rule.effective_day} {digest_of(rule)}"


def _written(act: Mapping[str, Any] | None) -> str | None:
    return None if act is None else f"{act['effective_day']} {act['sha256']}"
