"""Enterprises: their facts, their real-name review, their suspension and their end.

The administrator opens an enterprise as a draft; it is submitted, and a reviewer approves, returns or rejects it
(``registry/transitions.py``). Suspending or closing it takes its prefixes along. History keeps the facts in full;
of the contact person nothing goes upward and nothing is logged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, NotFound
from node.journal import Act, Actor, Message, PastAct, acts_of, record_act
from registry import credit_code, reference_data, transitions
from registry.prefix_grant import announce_prefixes, follow_enterprise
from registry.reference_data import Caution
from registry.store import SQL, check_version, reading, refusing, time_ordered_id
from registry.transitions import ENTERPRISE, EnterpriseState, Verb

Clock = Callable[[], datetime]

_FIRST = UUID(int=0)
# The national node knows enterprises from their approval on.
_REPORTED = frozenset({EnterpriseState.APPROVED, EnterpriseState.SUSPENDED, EnterpriseState.CLOSED})
_REVIEWED_FACTS = ("credit_code", "name", "division_code", "industry_code")


class EnterpriseUnknown(NotFound):
    title_zh = "企业不存在"


class EnterpriseNotApproved(Conflict):
    title_zh = "企业未通过审核"


class CreditCodeTaken(Conflict):
    title_zh = "统一社会信用代码已被使用"


class EnterpriseHoldsPrefixes(Conflict):
    title_zh = "企业持有前缀"


@dataclass(frozen=True, slots=True)
class EnterpriseFacts:
    """What an enterprise says about itself; the first four are what the review is about."""

    credit_code: str
    name: str
    division_code: str
    industry_code: str
    name_en: str | None = None
    address: str = ""
    contact_name: str = ""
    contact_phone: str = ""
    contact_email: str = ""
    website: str = ""

    def check(self) -> list[Caution]:
        """What is odd. Raises ``CreditCodeInvalid``, ``DivisionCodeInvalid`` or ``IndustryCodeInvalid``."""
        credit_code.check(self.credit_code)
        return [
            *reference_data.check_division(self.division_code),
            *reference_data.check_industry(self.industry_code),
        ]

    def same_for_review(self, other: EnterpriseFacts) -> bool:
        """Whether a review of the one holds for the other."""
        return all(getattr(self, name) == getattr(other, name) for name in _REVIEWED_FACTS)


@dataclass(frozen=True, slots=True)
class Enterprise:
    enterprise_id: UUID
    facts: EnterpriseFacts
    state: EnterpriseState
    reason: str
    version: int
    created_at: datetime
    updated_at: datetime

    def changed(
        self, state: EnterpriseState, at: datetime, *, reason: str = "", facts: EnterpriseFacts | None = None
    ) -> Enterprise:
        """The next version of it."""
        return replace(
            self, facts=facts or self.facts, state=state, reason=reason, version=self.version + 1, updated_at=at
        )

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {
            **asdict(self.facts),
            "enterprise_id": str(self.enterprise_id),
            "state": str(self.state),
            "reason": self.reason,
            "version": self.version,
        }

    def report(self) -> Message:
        """What the national node learns of it: no person's name, telephone or address."""
        body = {
            "enterprise_id": str(self.enterprise_id),
            "credit_code": self.facts.credit_code,
            "name": self.facts.name,
            "division_code": self.facts.division_code,
            "industry_code": self.facts.industry_code,
            "state": str(self.state),
        }
        return Message("enterprise", f"enterprise.{self.state}", body)


# An amended name is shown by the resolvers again when its review has ended.
_NAME_SHOWN_AGAIN = frozenset({Verb.APPROVE, Verb.RETURN})


class Enterprises:
    """The use cases. Besides what they name, all raise ``NotAllowed``, ``EnterpriseUnknown`` and ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def create(self, account: Account, actor: Actor, facts: EnterpriseFacts) -> Enterprise:
        """A draft. Raises ``CreditCodeTaken`` and what ``EnterpriseFacts.check`` raises."""
        transitions.permit(ENTERPRISE, Verb.CREATE, account, None)
        facts.check()
        at = self._clock()
        state = transitions.step(ENTERPRISE, Verb.CREATE, None)
        created = Enterprise(time_ordered_id(at), facts, state, reason="", version=1, created_at=at, updated_at=at)
        async with transaction(self._pool) as connection:
            await _refuse_taken_code(connection, account, created)
            with refusing(enterprise_credit_code_unique=_taken(facts.credit_code)):
                await connection.execute(
                    SQL["add_enterprise"], created.enterprise_id, *_fact_columns(facts), created.state, at
                )
            await _trace(connection, None, created, Verb.CREATE, actor, at)
        return created

    async def edit(
        self, account: Account, actor: Actor, enterprise_id: UUID, facts: EnterpriseFacts, version: int
    ) -> Enterprise:
        """Replace the facts of the expected version; an approved enterprise that amends reviewed ones is submitted.

        Raises ``VersionChanged``, ``TransitionRefused``, ``CreditCodeTaken`` and what ``EnterpriseFacts.check``
        raises. Facts that stand already change nothing.
        """
        facts.check()
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = _found(await connection.fetchrow(SQL["lock_enterprise"], enterprise_id), enterprise_id)
            verb = Verb.EDIT if facts.same_for_review(before.facts) else Verb.AMEND
            transitions.permit(ENTERPRISE, verb, account, enterprise_id)
            check_version(version, before.version)
            state = transitions.step(ENTERPRISE, verb, before.state)
            if facts == before.facts:
                return before
            after = before.changed(state, at, facts=facts, reason=before.reason)
            await _refuse_taken_code(connection, account, after)
            with refusing(enterprise_credit_code_unique=_taken(facts.credit_code)):
                await _write(connection, after)
            await _trace(connection, before, after, verb, actor, at)
            await announce_prefixes(connection, enterprise_id)
            return after

    async def move(
        self, account: Account, actor: Actor, enterprise_id: UUID, verb: Verb, reason: str = ""
    ) -> Enterprise:
        """Submit, approve, return, reject, suspend, resume or close; prefixes follow.

        Raises ``TransitionRefused``, ``ReasonMissing``, ``EnterpriseHoldsPrefixes``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = _found(await connection.fetchrow(SQL["lock_enterprise"], enterprise_id), enterprise_id)
            transitions.permit(ENTERPRISE, verb, account, enterprise_id)
            after = before.changed(transitions.step(ENTERPRISE, verb, before.state, reason), at, reason=reason)
            if verb is Verb.REJECT:
                await _refuse_to_end_a_holder(connection, enterprise_id)
            await _write(connection, after)
            await _trace(connection, before, after, verb, actor, at)
            await follow_enterprise(connection, enterprise_id, verb, actor, at, reason)
            if verb in _NAME_SHOWN_AGAIN:
                await announce_prefixes(connection, enterprise_id)
            return after

    async def get(self, account: Account, enterprise_id: UUID) -> Enterprise:
        """One enterprise as it stands."""
        async with reading(self._pool) as connection:
            found = _found(await connection.fetchrow(SQL["find_enterprise"], enterprise_id), enterprise_id)
        require(account, Action.ENTERPRISE_READ, enterprise_id)
        return found

    async def history(
        self, account: Account, enterprise_id: UUID, *, before_act: int | None = None, limit: int = 50
    ) -> list[PastAct]:
        """Its acts, newest first."""
        async with reading(self._pool) as connection:
            _found(await connection.fetchrow(SQL["find_enterprise"], enterprise_id), enterprise_id)
            require(account, Action.HISTORY_READ, enterprise_id)
            return await acts_of(connection, "enterprise", str(enterprise_id), before_act=before_act, limit=limit)

    async def list(
        self, account: Account, *, state: EnterpriseState | None = None, after: UUID | None = None, limit: int = 50
    ) -> list[Enterprise]:
        """In the order of creation, after an id; an enterprise's account sees its own."""
        require(account, Action.ENTERPRISE_READ, account.enterprise_id)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(
                SQL["list_enterprises"], after or _FIRST, state, account.enterprise_id, limit
            )
        return [_of_row(row) for row in rows]


async def approved_enterprise(connection: Connection, enterprise_id: UUID) -> Enterprise:
    """The enterprise, held as it is until the transaction ends. Raises ``EnterpriseUnknown``, ``…NotApproved``."""
    found = _found(await connection.fetchrow(SQL["share_enterprise"], enterprise_id), enterprise_id)
    check_approved(found.state)
    return found


def check_approved(state: EnterpriseState) -> None:
    """Raises ``EnterpriseNotApproved``."""
    if state is not EnterpriseState.APPROVED:
        raise EnterpriseNotApproved(f"the enterprise is {state}, not approved", state=str(state))


def unknown_enterprise(enterprise_id: UUID) -> EnterpriseUnknown:
    """The error for an id that nobody has."""
    return EnterpriseUnknown(f"there is no enterprise {enterprise_id}", enterprise_id=str(enterprise_id))


def _found(row: Mapping[str, Any] | None, enterprise_id: UUID) -> Enterprise:
    if row is None:
        raise unknown_enterprise(enterprise_id)
    return _of_row(row)


def _of_row(row: Mapping[str, Any]) -> Enterprise:
    facts = EnterpriseFacts(
        credit_code=row["credit_code"],
        name=row["name"],
        division_code=row["division_code"],
        industry_code=row["industry_code"],
        name_en=row["name_en"],
        address=row["address"],
        contact_name=row["contact_name"],
        contact_phone=row["contact_phone"],
        contact_email=row["contact_email"],
        website=row["website"],
    )
    return Enterprise(
        enterprise_id=row["enterprise_id"],
        facts=facts,
        state=EnterpriseState(row["state"]),
        reason=row["reason"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _fact_columns(facts: EnterpriseFacts) -> tuple[str | None, ...]:
    return (
        facts.credit_code, facts.name, facts.name_en, facts.division_code, facts.industry_code, facts.address,
        facts.contact_name, facts.contact_phone, facts.contact_email, facts.website,
    )  # fmt: skip


async def _write(connection: Connection, after: Enterprise) -> None:
    await connection.execute(
        SQL["change_enterprise"], after.enterprise_id, *_fact_columns(after.facts), after.state, after.reason,
        after.version, after.updated_at,
    )  # fmt: skip


async def _trace(
    connection: Connection, before: Enterprise | None, after: Enterprise, verb: Verb, actor: Actor, at: datetime
) -> None:
    act = Act(
        action=f"enterprise.{verb}",
        subject_kind="enterprise",
        subject_id=str(after.enterprise_id),
        before=before.to_json() if before else None,
        after=after.to_json(),
        reason=after.reason if before and after.state != before.state else "",
    )
    moved = before is not None and before.state not in (after.state, EnterpriseState.DRAFT)
    await record_act(connection, actor, act, at, after.report() if moved and after.state in _REPORTED else None)


async def _refuse_to_end_a_holder(connection: Connection, enterprise_id: UUID) -> None:
    # An enterprise once approved and submitted again is running: a reviewer returns it, an administrator closes it.
    rows = await connection.fetch(SQL["lock_prefixes_of_enterprise"], enterprise_id)
    if rows:
        raise EnterpriseHoldsPrefixes(
            "the enterprise holds prefixes: return it for correction, or have it closed",
            prefixes=[row["prefix"] for row in rows],
        )


async def _refuse_taken_code(connection: Connection, account: Account, wanting: Enterprise) -> None:
    # Only staff is told who the holder is; the unique index decides the races that pass between here and the write.
    code = wanting.facts.credit_code
    holder = await connection.fetchval(SQL["holder_of_credit_code"], code, wanting.enterprise_id)
    if holder is not None:
        raise _taken(code) if account.of_enterprise else _taken(code, holder=str(holder))


def _taken(code: str, **evidence: str) -> CreditCodeTaken:
    return CreditCodeTaken(f"the credit code {code} belongs to another enterprise", credit_code=code, **evidence)
