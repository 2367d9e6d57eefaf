"""The use cases of the numbering plan: read it, set it, see what it would give."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from node.auth import Account, Action, require
from node.database import Pool, transaction
from node.identifier import Prefix
from node.journal import Act, Actor, record_act
from registry.numbering.allotting import SQL, numbers_to_come, plan_in_force
from registry.numbering.plan import DEFAULT_PLAN, NumberingPlan, Place, read_plan
from registry.store import VersionChanged, check_version, reading

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """``version`` 0 is the default, which nobody has set."""

    plan: NumberingPlan
    version: int
    updated_at: datetime | None


class Numbering:
    """All raise ``NotAllowed`` and ``DatabaseAway``; ``node_prefix`` is the node's own."""

    def __init__(self, pool: Pool, clock: Clock, node_prefix: Prefix) -> None:
        self._pool = pool
        self._clock = clock
        self._node_prefix = node_prefix

    async def plan(self, account: Account) -> StoredPlan:
        """The plan in force."""
        require(account, Action.NUMBERING_READ, None)
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_plan"])
        if row is None:
            return StoredPlan(DEFAULT_PLAN, 0, None)
        return StoredPlan(read_plan(json.loads(row["definition"])), row["version"], row["updated_at"])

    async def set_plan(self, account: Account, actor: Actor, plan: NumberingPlan, version: int | None) -> StoredPlan:
        """A plan for the numbers to come, instead of the expected version; none for the first.

        Numbers that were given stay, and none of them is given again. Raises ``VersionChanged``.
        """
        require(account, Action.NUMBERING_EDIT, None)
        at, definition = self._clock(), json.dumps(plan.to_json())
        async with transaction(self._pool) as connection:
            before = await connection.fetchrow(SQL["lock_plan"])
            if before is not None:
                if version is None:
                    raise VersionChanged("there is a plan already: read it and say its version", expected=None)
                check_version(version, before["version"])
                reached = before["version"] + 1
                await connection.execute(SQL["change_plan"], definition, reached, at)
            else:
                if version is not None:
                    check_version(version, 0)
                reached = await connection.fetchval(SQL["begin_plan"], definition, at)
                if reached is None:
                    raise VersionChanged("somebody else has just set the first plan", expected=version)
            act = Act(
                action="numbering.edit",
                subject_kind="numbering_plan",
                subject_id="plan",
                before=json.loads(before["definition"]) if before is not None else None,
                after={**plan.to_json(), "version": reached},
            )
            await record_act(connection, actor, act, at)
        return StoredPlan(plan, reached, at)

    async def preview(
        self, account: Account, place: Place, plan: NumberingPlan | None = None, count: int = 3
    ) -> list[Prefix]:
        """The next prefixes for an enterprise of that place, by this plan or the one in force; nothing is taken.

        Fewer than ``count`` when the plan has no more to give.
        """
        require(account, Action.NUMBERING_READ, None)
        async with reading(self._pool) as connection:
            plan = plan or await plan_in_force(connection)
            return await numbers_to_come(connection, plan, place, self._node_prefix, count)
