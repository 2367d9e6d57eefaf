"""Hosting (托管): an enterprise asks that the identifiers of its prefix be kept here, and a reviewer decides.

What derives from the prefix shares its hosting. When a prefix is hosted, the route to where its enterprise answered
for it goes; when the enterprise says where it answers itself, the prefix is self-hosted (``routes``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from node.auth import Account
from node.database import Connection, Pool, transaction
from node.identifier import Prefix
from node.journal import Act, Actor, Message, record_act, report_upward
from node.notices import CHANNEL, Notice, NoticeKind
from node.sql import statements_beside
from registry import transitions
from registry.handle.store import found_record, held_record, write_record
from registry.hosting.sites import RouteSite, sites_of, with_route, without_route
from registry.prefix_grant import PrefixGrant, grant_of
from registry.prefixes import check_in_use, check_own, locked_prefix
from registry.reviews.cases import (
    Judgement,
    Occasion,
    ReviewPolicy,
    SubjectKind,
    drop_review,
    open_review,
    settle_review,
)
from registry.store import SQL
from registry.transitions import HOSTING, Hosting, Verb

_SQL = statements_beside(__file__, "hosting.sql")
Clock = Callable[[], datetime]


class PrefixHosting:
    """The use cases. All raise ``NotAllowed``, ``PrefixUnknown``, ``DatabaseAway`` besides what they name."""

    def __init__(self, pool: Pool, clock: Clock, policy: ReviewPolicy | None = None) -> None:
        self._pool = pool
        self._clock = clock
        self._policy = policy or ReviewPolicy()

    async def apply(self, account: Account, actor: Actor, prefix: Prefix) -> PrefixGrant:
        """Ask for hosting; it is reviewed.

        Raises ``TransitionRefused``, ``PrefixNotEnabled``, ``EnterpriseNotApproved``, ``PrefixDerived``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await _permitted(connection, account, prefix, Verb.APPLY)
            moved = await _move(connection, grant, Verb.APPLY, actor, at, "")
            await open_review(
                connection, SubjectKind.HOSTING, str(grant.prefix_id), grant.enterprise_id, Occasion.REGISTRATION, at
            )
            return moved

    async def host(self, account: Account, actor: Actor, prefix: Prefix) -> PrefixGrant:
        """Host it at once, asked for or not.

        Raises ``TransitionRefused``, ``PrefixNotEnabled``, ``EnterpriseNotApproved``, ``PrefixDerived``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await _permitted(connection, account, prefix, Verb.HOST)
            await drop_review(connection, SubjectKind.HOSTING, str(grant.prefix_id), at)
            return await _hosted(connection, grant, Verb.HOST, actor, at)

    async def decide(
        self,
        account: Account,
        actor: Actor,
        prefix: Prefix,
        verb: Verb,
        reason: str = "",
        judgement: Judgement | None = None,
    ) -> PrefixGrant:
        """Approve or reject what was asked for; unchanged where a second person must approve too.

        Raises ``TransitionRefused``, ``ReasonMissing``, ``PrefixNotEnabled``, ``EnterpriseNotApproved``,
        ``ReviewClaimedByOther``, ``SecondPersonNeeded``, ``ReviewDecided``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await _permitted(connection, account, prefix, verb, reason)
            settled = await settle_review(
                connection, SubjectKind.HOSTING, str(grant.prefix_id), verb, actor, at,
                policy=self._policy, reason=reason, judgement=judgement,
            )  # fmt: skip
            if not settled:
                return grant
            if verb is Verb.APPROVE:
                return await _hosted(connection, grant, verb, actor, at)
            return await _move(connection, grant, verb, actor, at, reason)


async def answer_elsewhere(
    connection: Connection, grant: PrefixGrant, sites: Sequence[RouteSite], actor: Actor, at: datetime
) -> PrefixGrant:
    """Write the route of a locked prefix; one that was hosted is self-hosted from now on. No sites: no route.

    Raises ``PrefixDerived``, ``InvalidRecord`` when the handle of the prefix has no room for it.
    """
    check_own(grant)
    if sites and grant.hosting is Hosting.HOSTED:
        grant = await _move(connection, grant, Verb.SELF_HOST, actor, at, "")
    elif sites_of((await found_record(connection, grant.prefix)).values) == list(sites):
        return grant
    await _write_route(connection, grant, sites, actor, at)
    return grant


async def route_report(connection: Connection, grant: PrefixGrant) -> Message:
    """Where the prefix is answered now, as the node above is told."""
    return _report(grant, sites_of((await found_record(connection, grant.prefix)).values))


async def _permitted(
    connection: Connection, account: Account, prefix: Prefix, verb: Verb, reason: str = ""
) -> PrefixGrant:
    grant = await locked_prefix(connection, prefix)
    transitions.permit(HOSTING, verb, account, grant.enterprise_id)
    check_own(grant)
    transitions.step(HOSTING, verb, grant.hosting, reason)
    if verb is not Verb.REJECT:
        check_in_use(grant)
    return grant


async def _hosted(connection: Connection, grant: PrefixGrant, verb: Verb, actor: Actor, at: datetime) -> PrefixGrant:
    moved = await _move(connection, grant, verb, actor, at, "")
    await _write_route(connection, moved, (), actor, at)
    return moved


async def _move(
    connection: Connection, grant: PrefixGrant, verb: Verb, actor: Actor, at: datetime, reason: str
) -> PrefixGrant:
    """The hosting of a locked prefix and of those derived from it, with all traces."""
    hosting = transitions.step(HOSTING, verb, grant.hosting, reason)
    below = await connection.fetch(SQL["lock_prefixes_below"], grant.prefix.key)
    for before in (*map(grant_of, below), grant):
        after = replace(before, hosting=hosting, hosting_reason=reason, version=before.version + 1, updated_at=at)
        await connection.execute(
            _SQL["change_hosting"], after.prefix_id, after.hosting, after.hosting_reason, after.version, at
        )
        act = Act(
            action=f"hosting.{verb}",
            subject_kind="prefix",
            subject_id=str(after.prefix_id),
            before=before.to_json(),
            after=after.to_json(),
            reason=reason,
        )
        await record_act(connection, actor, act, at)
        await connection.execute(SQL["announce"], CHANNEL, Notice(NoticeKind.PREFIX, after.prefix.key).encode())
    return after


async def _write_route(
    connection: Connection, grant: PrefixGrant, sites: Sequence[RouteSite], actor: Actor, at: datetime
) -> None:
    before = await held_record(connection, grant.prefix, at)
    stamp = int(at.timestamp())
    after = with_route(before.values, sites, grant.enterprise_name, stamp) if sites else without_route(before.values)
    await write_record(connection, before, after, "route", actor, at)
    report = _report(grant, sites_of(after))
    await report_upward(connection, report, at)


def _report(grant: PrefixGrant, sites: Sequence[RouteSite]) -> Message:
    answers = {"hosting": str(grant.hosting), "sites": [site.to_json() for site in sites]}
    return Message("prefix", "prefix.route", grant.reported() | answers)
