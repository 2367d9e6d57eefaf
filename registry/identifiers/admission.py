"""What may be registered under a prefix: suffixes that obey its coding rule, as many as its quota allows.

Every new identifier passes here on its way into its table. A prefix with neither rule nor quota, which its grant
says, costs nothing. A quota is held before anything is written: nobody registers past it, and nobody deadlocks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from node.china_time import day_of
from node.database import Connection
from node.errors import TooMany
from node.sql import statements_beside
from registry.coding.definition import read_coding_rule
from registry.coding.rule import CodingRule
from registry.identifiers.outcome import NotAdmitted, Outcome, Signed
from registry.mappings.mapping import SUFFIX
from registry.prefix_grant import PrefixGrant
from registry.rejection import Code, Fault

SQL = statements_beside(__file__, "admission.sql")
_SLICE = 500
"""Suffixes checked between two looks at the event loop (about 3 ms)."""


class QuotaReached(TooMany):
    """No more identifiers under this prefix, in all or today (``faults`` say which)."""

    title_zh = "注册配额已用完"


@dataclass(frozen=True, slots=True)
class Room:
    """How many identifiers are left of a quota, in all and for the day; ``None`` is no bound."""

    identifiers: int | None
    registrations: int | None
    most_identifiers: int | None = None
    most_registrations: int | None = None

    def admit(
        self, fresh: list[Signed], deleted: list[Signed], outcome: Outcome
    ) -> tuple[list[Signed], list[Signed]]:
        """Those there is room for, in their order: what never stood first. ``outcome`` gets the others."""
        news = _least(len(fresh), self.identifiers, self.registrations)
        again = len(deleted)
        if self.registrations is not None:
            again = min(again, self.registrations - news)
        fault = self._fault()
        outcome.refused.extend(NotAdmitted(entry, fault) for entry, _ in (*fresh[news:], *deleted[again:]))
        return fresh[:news], deleted[:again]

    def less(self, registered: int) -> Room:
        """What is left after that many more."""
        return replace(
            self,
            identifiers=None if self.identifiers is None else max(0, self.identifiers - registered),
            registrations=None if self.registrations is None else max(0, self.registrations - registered),
        )

    def _fault(self) -> Fault:
        """Of the bound that is reached first."""
        if self.registrations is not None and (self.identifiers is None or self.registrations <= self.identifiers):
            limit = self.most_registrations
            return Code.QUOTA_REACHED.fault(SUFFIX, limit_zh=f"每日 {limit} 个", limit=f"{limit} a day")
        limit = self.most_identifiers
        return Code.QUOTA_REACHED.fault(SUFFIX, limit_zh=f"共 {limit} 个", limit=f"{limit} in all")


def is_open(grant: PrefixGrant) -> bool:
    """Whether anything may be registered under the prefix."""
    return grant.suffix_rule_id is None and not grant.limited


async def obeying(
    connection: Connection, grant: PrefixGrant, rows: list[Signed]
) -> tuple[list[Signed], list[NotAdmitted]]:
    """The rows whose suffixes the rule of the prefix could have made, and the others."""
    if grant.suffix_rule_id is None:
        return rows, []
    rule = _rule_of(await connection.fetchval(SQL["suffix_rule_of_prefix"], grant.suffix_rule_id))
    kept, refused = [], []
    for number, row in enumerate(rows, start=1):
        if number % _SLICE == 0:
            await asyncio.sleep(0)
        faults = rule.check(row[0].suffix)
        if faults:
            refused.append(NotAdmitted(row[0], faults[0]))
        else:
            kept.append(row)
    return kept, refused


async def room_left(connection: Connection, grant: PrefixGrant, at: datetime, *, hold: bool) -> Room | None:
    """What is left of the quota on the day of ``at``; ``None`` where there is none."""
    if not grant.limited:
        return None
    row = await connection.fetchrow(SQL["hold_quota" if hold else "see_quota"], grant.prefix_id)
    if row is None:
        return None
    today = row["registered_today"] if row["day"] == day_of(at) else 0
    most, daily = row["identifiers"], row["daily_registrations"]
    return Room(
        identifiers=None if most is None else max(0, most - row["registered"]),
        registrations=None if daily is None else max(0, daily - today),
        most_identifiers=most,
        most_registrations=daily,
    )


async def count_registrations(connection: Connection, grant: PrefixGrant, at: datetime, outcome: Outcome) -> None:
    """Count what was written, for a quota that is held."""
    if outcome.registered:
        fresh = outcome.registered - len(outcome.revived)
        await connection.execute(SQL["count_registrations"], grant.prefix_id, fresh, day_of(at), outcome.registered)


@lru_cache(maxsize=256)
def _rule_of(definition: str) -> CodingRule:
    return read_coding_rule(json.loads(definition))


def _least(count: int, *bounds: int | None) -> int:
    known: Sequence[int] = [bound for bound in bounds if bound is not None]
    return min(count, *known) if known else count
