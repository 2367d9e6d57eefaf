"""Fee plans (资费方案): drafted, offered, withdrawn. What is offered never changes, nor do orders of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from node.auth import Account, Action, may_ever, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, NotFound
from node.journal import Act, Actor, PastAct, acts_of, record_act
from node.sql import statements_beside
from registry import transitions
from registry.commerce.pricing import Terms, read_terms
from registry.store import check_version, reading, refusing
from registry.transitions import PLAN, PlanState, Verb

SQL = statements_beside(__file__, "commerce.sql")
Clock = Callable[[], datetime]


class PlanUnknown(NotFound):
    title_zh = "资费方案不存在"


class PlanNameTaken(Conflict):
    title_zh = "资费方案名已被使用"


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan. Titles and a description are for people; the terms are what counts."""

    fee_plan_id: int
    name: str
    title_zh: str
    title_en: str
    description: str
    terms: Terms
    state: PlanState
    version: int
    created_at: datetime
    updated_at: datetime

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {"name": self.name, **_definition(self), "state": str(self.state), "version": self.version}


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What a plan says, as an administrator writes it."""

    name: str
    title_zh: str
    title_en: str
    description: str
    terms: Terms


class Plans:
    """The use cases. Besides what they name, all raise ``PlanUnknown``, ``NotAllowed``, ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def create(self, account: Account, actor: Actor, facts: PlanFacts) -> Plan:
        """A draft. Raises ``PlanNameTaken``."""
        transitions.permit(PLAN, Verb.CREATE, account, None)
        at, state = self._clock(), transitions.step(PLAN, Verb.CREATE, None)
        made = Plan(
            0, facts.name, facts.title_zh, facts.title_en, facts.description, facts.terms, state,
            version=1, created_at=at, updated_at=at,
        )  # fmt: skip
        async with transaction(self._pool) as connection:
            with refusing(fee_plan_name_unique=_taken(facts.name)):
                number = await connection.fetchval(SQL["add_plan"], facts.name, _text(made), state, at)
            made = replace(made, fee_plan_id=number)
            await _trace(connection, Verb.CREATE, None, made, actor, at)
        return made

    async def edit(self, account: Account, actor: Actor, fee_plan_id: int, facts: PlanFacts, version: int) -> Plan:
        """What the expected version of a draft says. Raises ``TransitionRefused``, ``VersionChanged``,
        ``PlanNameTaken``.
        """
        transitions.permit(PLAN, Verb.EDIT, account, None)
        async with transaction(self._pool) as connection:
            before = await _locked(connection, fee_plan_id)
            transitions.step(PLAN, Verb.EDIT, before.state)
            check_version(version, before.version)
            wanted = replace(
                before, name=facts.name, title_zh=facts.title_zh, title_en=facts.title_en,
                description=facts.description, terms=facts.terms,
            )  # fmt: skip
            with refusing(fee_plan_name_unique=_taken(facts.name)):
                return await self._written(connection, Verb.EDIT, before, wanted, actor)

    async def move(self, account: Account, actor: Actor, fee_plan_id: int, verb: Verb) -> Plan:
        """Offer or withdraw. Raises ``TransitionRefused``."""
        transitions.permit(PLAN, verb, account, None)
        async with transaction(self._pool) as connection:
            before = await _locked(connection, fee_plan_id)
            wanted = replace(before, state=transitions.step(PLAN, verb, before.state))
            return await self._written(connection, verb, before, wanted, actor)

    async def get(self, account: Account, fee_plan_id: int) -> Plan:
        """One plan; enterprises see those that are or were offered."""
        _require_look(account)
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_plan"], fee_plan_id)
        if row is None or (account.of_enterprise and row["state"] == PlanState.DRAFT):
            raise _unknown(fee_plan_id)
        return plan_of(row)

    async def history(
        self, account: Account, fee_plan_id: int, *, before_act: int | None = None, limit: int = 50
    ) -> list[PastAct]:
        """The acts on it, newest first; for the staff."""
        require(account, Action.HISTORY_READ, None)
        async with reading(self._pool) as connection:
            return await acts_of(connection, "fee_plan", str(fee_plan_id), before_act=before_act, limit=limit)

    async def list(
        self, account: Account, *, state: PlanState | None = None, after: int = 0, limit: int = 50
    ) -> list[Plan]:
        """In the order of creation; enterprises see what is offered."""
        _require_look(account)
        shown = PlanState.OFFERED if account.of_enterprise else state
        async with reading(self._pool) as connection:
            return [plan_of(row) for row in await connection.fetch(SQL["list_plans"], after, shown, limit)]

    async def _written(self, connection: Connection, verb: Verb, before: Plan, wanted: Plan, actor: Actor) -> Plan:
        at = self._clock()
        after = replace(wanted, version=before.version + 1, updated_at=at)
        await connection.execute(
            SQL["change_plan"], after.fee_plan_id, after.name, _text(after), after.state, after.version, at
        )
        await _trace(connection, verb, before, after, actor, at)
        return after


def plan_of(row: Mapping[str, Any]) -> Plan:
    """The plan of a row."""
    said = json.loads(row["definition"])
    return Plan(
        fee_plan_id=row["fee_plan_id"],
        name=row["name"],
        title_zh=said["title_zh"],
        title_en=said["title_en"],
        description=said["description"],
        terms=read_terms(said["terms"]),
        state=PlanState(row["state"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _definition(plan: Plan) -> dict[str, Any]:
    return {
        "title_zh": plan.title_zh,
        "title_en": plan.title_en,
        "description": plan.description,
        "terms": plan.terms.to_json(),
    }


def _text(plan: Plan) -> str:
    return json.dumps(_definition(plan), ensure_ascii=False)


async def _locked(connection: Connection, fee_plan_id: int) -> Plan:
    row = await connection.fetchrow(SQL["lock_plan"], fee_plan_id)
    if row is None:
        raise _unknown(fee_plan_id)
    return plan_of(row)


def _require_look(account: Account) -> None:
    """Plans are the node's, and everybody who may look at any looks at these."""
    if not may_ever(account, Action.PLAN_READ):
        require(account, Action.PLAN_READ, None)


async def _trace(
    connection: Connection, verb: Verb, before: Plan | None, after: Plan, actor: Actor, at: datetime
) -> None:
    act = Act(
        f"plan.{verb}", "fee_plan", str(after.fee_plan_id), before.to_json() if before else None, after.to_json()
    )
    await record_act(connection, actor, act, at)


def _unknown(fee_plan_id: int) -> PlanUnknown:
    return PlanUnknown(f"there is no fee plan {fee_plan_id}", fee_plan_id=fee_plan_id)


def _taken(name: str) -> PlanNameTaken:
    return PlanNameTaken(f"there is a fee plan {name} already", name=name)
