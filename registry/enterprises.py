"""Enterprises: their record, their real-name review, their suspension and their end.

The administrator opens an enterprise as a draft; it is submitted, and a reviewer approves, returns or rejects it
(``registry/transitions.py``). Suspending or closing it takes its prefixes along. What it says about people is
masked for those who look at it; in clear it is shown on request, and every such look is recorded. Of people nothing
goes upward and nothing is logged.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Pool, transaction
from node.journal import Act, Actor, PastAct, acts_of, record_act
from node.sealing import Seal
from registry.enterprise_acts import (
    ONE_REVIEWER,
    CertificateTaken,
    CreditCodeTaken,
    EnterpriseHoldsPrefixes,
    edit_enterprise,
    move_enterprise,
    open_enterprise,
    submit_enterprise,
)
from registry.enterprise_record import (
    Enterprise,
    EnterpriseFacts,
    EnterpriseNotApproved,
    EnterpriseUnknown,
    OneCertificateNeeded,
    approved_enterprise,
    check_approved,
    enterprise_of,
    unknown_enterprise,
)
from registry.profiles.personal import Personal, opened, readable
from registry.profiles.profile import Profile
from registry.profiles.sealing_old import masked_act
from registry.reviews.cases import Judgement, ReviewPolicy
from registry.store import SQL, reading
from registry.transitions import EnterpriseState, Verb

__all__ = [
    "CertificateTaken", "CreditCodeTaken", "Enterprise", "EnterpriseFacts", "EnterpriseHoldsPrefixes",
    "EnterpriseNotApproved", "EnterpriseUnknown", "Enterprises", "OneCertificateNeeded", "approved_enterprise",
    "check_approved", "edit_enterprise", "move_enterprise", "open_enterprise", "submit_enterprise",
    "unknown_enterprise",
]  # fmt: skip

Clock = Callable[[], datetime]

_FIRST = UUID(int=0)


class Enterprises:
    """The use cases. Besides what they name, all raise ``NotAllowed``, ``EnterpriseUnknown`` and ``DatabaseAway``.

    ``seal`` closes and opens what is about people; ``policy`` is that of the reviews.
    """

    def __init__(self, pool: Pool, clock: Clock, seal: Seal, policy: ReviewPolicy = ONE_REVIEWER) -> None:
        self._pool = pool
        self._clock = clock
        self._seal = seal
        self._policy = policy

    async def create(
        self,
        account: Account,
        actor: Actor,
        facts: EnterpriseFacts,
        profile: Profile | None = None,
        personal: Personal | None = None,
    ) -> Enterprise:
        """A draft. Raises what ``open_enterprise`` raises."""
        at = self._clock()
        async with transaction(self._pool) as connection:
            return await open_enterprise(
                connection, account, actor, facts, profile or Profile(), personal or Personal(), self._seal, at
            )

    async def edit(
        self,
        account: Account,
        actor: Actor,
        enterprise_id: UUID,
        facts: EnterpriseFacts,
        version: int,
        profile: Profile | None = None,
        personal: Personal | None = None,
    ) -> Enterprise:
        """Replace the record of the expected version. Raises what ``edit_enterprise`` raises."""
        facts.check()
        at = self._clock()
        async with transaction(self._pool) as connection:
            return await edit_enterprise(
                connection, account, actor, enterprise_id, facts, profile, personal, self._seal, at, version
            )

    async def move(
        self,
        account: Account,
        actor: Actor,
        enterprise_id: UUID,
        verb: Verb,
        reason: str = "",
        judgement: Judgement | None = None,
    ) -> Enterprise:
        """Submit, approve, return, reject, suspend, resume or close. Raises what ``move_enterprise`` raises."""
        at = self._clock()
        async with transaction(self._pool) as connection:
            return await move_enterprise(
                connection, account, actor, enterprise_id, verb, at, reason, judgement, self._policy
            )

    async def get(self, account: Account, enterprise_id: UUID) -> Enterprise:
        """One enterprise as it stands."""
        async with reading(self._pool) as connection:
            found = enterprise_of(await connection.fetchrow(SQL["find_enterprise"], enterprise_id), enterprise_id)
        require(account, Action.ENTERPRISE_READ, enterprise_id)
        return found

    async def by_number(self, account: Account, number: int) -> Enterprise:
        """The same by the id of interfaces that want whole numbers."""
        async with reading(self._pool) as connection:
            found = enterprise_of(await connection.fetchrow(SQL["find_enterprise_by_number"], number), number)
        require(account, Action.ENTERPRISE_READ, found.enterprise_id)
        return found

    def shown(self, enterprise: Enterprise) -> Personal:
        """Its people as everybody sees them who sees the enterprise: masked."""
        return readable(enterprise.sealed, self._seal, enterprise.enterprise_id).masked()

    async def personal(self, account: Account, actor: Actor, enterprise_id: UUID) -> Personal:
        """Its people in clear, for reviewers, administrators and its own users; the look is recorded.

        Raises ``SealBroken`` where the key of this node does not open them.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            found = enterprise_of(await connection.fetchrow(SQL["find_enterprise"], enterprise_id), enterprise_id)
            require(account, Action.ENTERPRISE_PERSONAL_READ, enterprise_id)
            act = Act(str(Action.ENTERPRISE_PERSONAL_READ), "enterprise", str(enterprise_id))
            await record_act(connection, actor, act, at)
        return opened(found.sealed, self._seal, enterprise_id)

    async def history(
        self, account: Account, enterprise_id: UUID, *, before_act: int | None = None, limit: int = 50
    ) -> list[PastAct]:
        """Its acts, newest first."""
        async with reading(self._pool) as connection:
            enterprise_of(await connection.fetchrow(SQL["find_enterprise"], enterprise_id), enterprise_id)
            require(account, Action.HISTORY_READ, enterprise_id)
            acts = await acts_of(connection, "enterprise", str(enterprise_id), before_act=before_act, limit=limit)
        return [masked_act(act) for act in acts]

    async def page(
        self,
        account: Account,
        name: str | None,
        start: datetime | None,
        end: datetime | None,
        page: int,
        size: int,
    ) -> tuple[list[Enterprise], int]:
        """A page, newest first, the first being 1, and how many there are in all; for interfaces that count pages."""
        require(account, Action.ENTERPRISE_READ, account.enterprise_id)
        wanted = (account.enterprise_id, name, start, end)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["page_of_enterprises"], *wanted, (page - 1) * size, size)
            total: int = await connection.fetchval(SQL["count_enterprises"], *wanted)
        return [enterprise_of(row, row["enterprise_id"]) for row in rows], total

    async def list(
        self,
        account: Account,
        *,
        state: EnterpriseState | None = None,
        name: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: UUID | None = None,
        limit: int = 50,
    ) -> list[Enterprise]:
        """In the order of creation, after an id; an enterprise's account sees its own.

        ``name`` is a part of the name; ``since`` and ``until`` bound the time of creation, both included.
        """
        require(account, Action.ENTERPRISE_READ, account.enterprise_id)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(
                SQL["list_enterprises"], after or _FIRST, state, account.enterprise_id, name, since, until, limit
            )
        return [enterprise_of(row, row["enterprise_id"]) for row in rows]
