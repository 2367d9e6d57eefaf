"""By what rule a day is counted: recorded when it changes, and only for days to come.

The rule follows from the settings and the release. The steward writes it down when it is another than the newest,
with a leaf in the journal. It holds from the next day on, the first one from the day itself, so that nobody finds a
rule for figures that are known already. Who never counts is said to the workers when they start; the header of every
event file says what they were told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from admin.statistics.digest.rule import DigestRule, digest_rule
from node.china_time import day_of
from node.config import FlagSettings
from node.database import Connection, Pool, transaction
from node.journal import Act, Actor, Interface, canonical, record_act
from node.sql import statements_beside

SQL = statements_beside(__file__, "rules.sql")

SUBJECT, RECORDED = "counting_rule", "count.rule"
NO_RULE = 0
"""Version of the rule of a day before there was any."""

_CODE = 1  # what counts as a resolution, valid or de-duplicated, in this release; a change of it is a new rule


@dataclass(frozen=True, slots=True)
class Rule:
    """``definition``: ``code`` (of the release), ``digest`` (a ``DigestRule`` as JSON), ``never`` (who never counts),
    ``bots`` (networks of known bots), ``bots_sha256`` (of the list of known User-Agents).
    """

    version: int
    effective_day: date
    definition: Mapping[str, Any]
    recorded_at: datetime

    @property
    def digest(self) -> DigestRule:
        """By what a day under this rule is digested."""
        return msgspec.convert(self.definition["digest"], DigestRule)


def definition_of(never: Sequence[str], flags: FlagSettings, bots: bytes) -> dict[str, Any]:
    """The rule that the settings and this release make; ``bots`` is the list of User-Agents of known bots."""
    return {
        "code": _CODE,
        "digest": asdict(digest_rule(flags)),
        "never": sorted(never),
        "bots": sorted(str(network) for network in flags.bots),
        "bots_sha256": hashlib.sha256(bots).hexdigest(),
    }


async def record_rule(pool: Pool, definition: Mapping[str, Any], at: datetime) -> Rule | None:
    """Record a rule that differs from the newest: for today if it is the first, else from tomorrow on.

    ``None`` when it is the newest already. Raises ``DatabaseAway``.
    """
    async with transaction(pool) as connection:
        await connection.execute(SQL["record_rules_alone"])
        known = await rules(connection)
        if known and canonical(known[0].definition) == canonical(definition):
            return None
        today = day_of(at)
        effective = today + timedelta(days=1) if known else today
        rule = Rule(known[0].version + 1 if known else NO_RULE + 1, effective, definition, at)
        await connection.execute(
            SQL["add_rule"], rule.version, rule.effective_day, canonical(definition).decode(), rule.recorded_at
        )
        after = {"effective_day": str(effective), "sha256": digest_of(rule)}
        act = Act(RECORDED, SUBJECT, str(rule.version), after=after)
        await record_act(connection, Actor(None, Interface.STEWARD), act, at)
        return rule


async def rules(connection: Connection) -> list[Rule]:
    """All of them, the newest first."""
    return [_rule(row) for row in await connection.fetch(SQL["list_rules"])]


async def rule_of(connection: Connection, day: date) -> Rule | None:
    """The rule of a day; ``None`` before there was any."""
    row = await connection.fetchrow(SQL["rule_of_day"], day)
    return None if row is None else _rule(row)


def digest_of(rule: Rule) -> str:
    """What the journal's leaf of a rule commits to: SHA-256 of its definition, in hexadecimal."""
    return hashlib.sha256(canonical(rule.definition)).hexdigest()


def _rule(row: Mapping[str, Any]) -> Rule:
    return Rule(row["rule_version"], row["effective_day"], json.loads(row["definition"]), row["recorded_at"])
