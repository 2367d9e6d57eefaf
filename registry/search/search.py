"""Searching the identifiers of one prefix: pages, keys for bulk work, counts.

All conditions must hold. One walk along an index is chosen (``walks.py``), and every entry on it is put through
the sieve of all other conditions. What one request may examine is bounded: a search for something rare that no index
leads to answers soon, with few identifiers or none, and says where to go on. The walk is chosen by what is asked
(``plan.py``); between several, one of few entries is taken before the others.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from node.auth import Account, Action
from node.database import Connection, Pool, transaction
from node.errors import Malformed
from node.identifier import Prefix
from registry.identifiers.identifiers import StoredIdentifier, identifier_of_row
from registry.prefixes import PrefixGrant, readable_prefix
from registry.search.filters import Filters
from registry.search.plan import ConditionUnfit, NotListed, Plan, plan_of
from registry.search.walks import SQL, Budget, Found, Place, Sieve, Walk, Walked, go
from registry.templates.stored import StoredTemplate, template_by_id

__all__ = [
    "ConditionUnfit", "Count", "Mark", "NotListed", "OtherSearch", "Search", "SearchPage", "count", "select_keys",
]  # fmt: skip

Clock = Callable[[], float]
"""Seconds that only grow."""

PAGE_BUDGET = Budget(entries=250_000, seconds=0.04)
WORK_BUDGET = Budget(entries=1_000_000, seconds=0.5)
COUNTED_EXACTLY = 10_000
_FEW = 1_000
_MANY = 30_000
_SAMPLED_PAGES = 200


class OtherSearch(Malformed):
    title_zh = "分页游标属于另一次检索"


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page ended: the name of the walk and the place on it."""

    walk: str
    place: Place


class Count(NamedTuple):
    """How many identifiers meet the filters; if not ``exact`` an estimate, never below what was seen."""

    number: int
    exact: bool


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Identifiers with the templates they use.

    ``examined_all`` is false when the budget was spent before the page was full: go on at ``following``.
    """

    items: list[StoredIdentifier]
    templates: Mapping[int, StoredTemplate]
    following: Mark | None
    examined_all: bool
    count: Count | None


class Search:
    """The use case of every list of identifiers; ``budget`` bounds one page, a count takes as much again."""

    def __init__(self, pool: Pool, budget: Budget = PAGE_BUDGET, clock: Clock = time.monotonic) -> None:
        self._pool = pool
        self._budget = budget
        self._clock = clock

    async def page(
        self,
        account: Account,
        prefix: Prefix,
        filters: Filters,
        *,
        limit: int,
        after: Mark | None = None,
        counted: bool = False,
    ) -> SearchPage:
        """At most ``limit`` identifiers after a mark, in the order of the walk; ``counted``: how many in all.

        Raises ``NotAllowed``, ``PrefixUnknown``, ``TemplateUnknown``, ``NotListed``, ``ConditionUnfit``,
        ``OtherSearch``, ``DatabaseAway``.
        """
        async with transaction(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.IDENTIFIER_READ, prefix)
            plan = await plan_of(connection, grant, filters)
            walk = await self._shortest(connection, grant, plan) if after is None else _marked(plan, after)
            number = None
            if counted and after is None:  # its first page is the beginning of the count
                walked = await self._go(connection, grant, walk, None, COUNTED_EXACTLY + 1)
                number = await _counted(connection, grant, plan.sieve, walked)
            else:
                walked = await self._go(connection, grant, walk, after.place if after else None, limit + 1)
                if counted:
                    number = await count(connection, grant, filters, self._budget, self._clock)
            end = walked.found[limit - 1].place if len(walked.found) > limit else walked.end
            items = await _shown(connection, grant, plan.sieve, walked.found[:limit])
            templates = {}
            for template_id in {item.template_id for item in items}:
                templates[template_id] = await template_by_id(connection, template_id)
        return SearchPage(
            items=items,
            templates=templates,
            following=Mark(walk.name, end) if end else None,
            examined_all=end is None or len(walked.found) >= limit,
            count=number,
        )

    async def _go(
        self, connection: Connection, grant: PrefixGrant, walk: Walk, after: Place | None, limit: int
    ) -> Walked:
        return await go(connection, grant.prefix_id, walk, after, limit, self._budget, self._clock)

    async def _shortest(self, connection: Connection, grant: PrefixGrant, plan: Plan) -> Walk:
        return await _shortest(connection, grant, plan, self._clock)


async def select_keys(
    connection: Connection,
    grant: PrefixGrant,
    filters: Filters,
    after_key: str,
    limit: int,
    budget: Budget = WORK_BUDGET,
    clock: Clock = time.monotonic,
) -> tuple[list[tuple[str, int]], str | None]:
    """Suffix keys (with versions) that meet the filters, in key order after ``after_key``, at most ``limit``.

    The second part is the key to go on after, None at the end. It may come with few keys or none: one call examines
    no more than its budget. Raises ``NotListed``, ``ConditionUnfit``, ``TemplateUnknown``.
    """
    plan = await plan_of(connection, grant, filters)
    walk = next(walk for walk in plan.walks if walk.keyed)
    found, end = await go(connection, grant.prefix_id, walk, walk.at_key(after_key), limit, budget, clock)
    return [(one.suffix_key, one.version) for one in found], end.suffix_key if end else None


async def count(
    connection: Connection,
    grant: PrefixGrant,
    filters: Filters,
    budget: Budget = PAGE_BUDGET,
    clock: Clock = time.monotonic,
) -> Count:
    """How many identifiers meet the filters: exactly, up to ``COUNTED_EXACTLY`` and as far as the budget goes,
    otherwise estimated. Raises as ``select_keys`` does.
    """
    plan = await plan_of(connection, grant, filters)
    walk = await _shortest(connection, grant, plan, clock)
    walked = await go(connection, grant.prefix_id, walk, None, COUNTED_EXACTLY + 1, budget, clock)
    return await _counted(connection, grant, plan.sieve, walked)


async def _shortest(connection: Connection, grant: PrefixGrant, plan: Plan, clock: Clock) -> Walk:
    """The first walk of few entries; else the first that is not too long, if there is one that skims; else that."""
    known = plan.walks[:-1]
    if len(known) < 2:
        return plan.walks[0]

    async def ends_within(walk: Walk, entries: int) -> bool:
        blocked = replace(walk, sieve=walk.sieve.blocked())
        return (await go(connection, grant.prefix_id, blocked, None, 1, Budget(entries, math.inf), clock)).end is None

    for walk in known:
        if await ends_within(walk, _FEW):
            return walk
    skimming = [walk for walk in known if walk.skims]
    for walk in known if skimming else ():
        if not walk.skims and await ends_within(walk, _MANY):
            return walk
    return (skimming or known)[0]


def _marked(plan: Plan, mark: Mark) -> Walk:
    for walk in plan.walks:
        if walk.name == mark.walk and walk.holds(mark.place):
            return walk
    raise OtherSearch("the cursor was given out by a search for something else; begin without one", field="cursor")


async def _counted(connection: Connection, grant: PrefixGrant, sieve: Sieve, walked: Walked) -> Count:
    seen = len(walked.found)
    if walked.end is None:
        return Count(seen, exact=True)
    # Planner statistics know how many rows there are, but neither which attribute a value belongs to nor what
    # suffixes contain: whole pages drawn by chance go through the very sieve.
    sample = await connection.fetchrow(
        SQL["sample_identifiers"], *sieve.arguments(grant.prefix_id), _SAMPLED_PAGES
    )  # fmt: skip
    rows_a_page = sample["rows_a_page"] or sample["sampled"] / max(min(_SAMPLED_PAGES, sample["pages"]), 1)
    share = sample["passing"] / max(sample["sampled"], 1)
    return Count(max(seen, _rounded(share * rows_a_page * sample["pages"])), exact=False)


def _rounded(number: float) -> int:
    """Two digits: more would look like knowledge."""
    return 0 if number < 1 else int(float(f"{number:.1e}"))


async def _shown(
    connection: Connection, grant: PrefixGrant, sieve: Sieve, found: Sequence[Found]
) -> list[StoredIdentifier]:
    """The identifiers in the order found, but for those that have left their state since."""
    keys = [one.suffix_key for one in found]
    rows = {
        row["suffix_key"]: row
        for row in await connection.fetch(SQL["identifiers_of_keys"], grant.prefix_id, keys)
        if row["state"] in sieve.states
    }
    return [identifier_of_row(grant, rows[key]) for key in keys if key in rows]
