"""A prefix as granted to an enterprise, and what every change of its state brings with it.

Whoever changes the state of a prefix — reviewer, administrator, the national node's verdict, or the enterprise's own
suspension — comes through ``move_prefix``: the row, its history and leaf, the message upward and the notice to the
resolvers are written together. Prefixes derived from one share its fate: ``move_with_derived``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from node.database import Connection
from node.errors import Conflict
from node.identifier import Prefix
from node.journal import Act, Actor, Message, record_act
from node.notices import CHANNEL, Notice, NoticeKind
from registry import transitions
from registry.reviews.cases import SubjectKind, drop_review
from registry.store import SQL
from registry.transitions import EnterpriseState, Hosting, PrefixState, Verb

# The national node knows a prefix from the moment it is asked to verify it.
_REPORTED = frozenset({PrefixState.REVIEWED, PrefixState.ENABLED, PrefixState.SUSPENDED, PrefixState.WITHDRAWN})

# What the fate of an enterprise, or of the prefix above, does to living prefixes; one that awaits verification is
# dealt with at its verdict.
_FOLLOWING: dict[Verb, dict[PrefixState, Verb]] = {
    Verb.SUSPEND: {PrefixState.ENABLED: Verb.SUSPEND},
    Verb.RESUME: {PrefixState.SUSPENDED: Verb.RESUME},
    Verb.CLOSE: {
        PrefixState.APPLIED: Verb.REJECT,
        PrefixState.VERIFIED: Verb.WITHDRAW,
        PrefixState.ENABLED: Verb.WITHDRAW,
        PrefixState.SUSPENDED: Verb.WITHDRAW,
    },
    Verb.WITHDRAW: {PrefixState.ENABLED: Verb.WITHDRAW, PrefixState.SUSPENDED: Verb.WITHDRAW},
}

# What nobody has decided yet, as when an enterprise was closed, is not to be decided any more.
_REVIEWS_ENDED: dict[PrefixState, tuple[SubjectKind, ...]] = {
    PrefixState.REJECTED: (SubjectKind.PREFIX,),
    PrefixState.WITHDRAWN: (SubjectKind.HOSTING,),
}

_SEGMENTS = 3  # of a prefix that was applied for; more are derived


class PrefixAboveSuspended(Conflict):
    title_zh = "上级前缀未启用"


class PrefixSuspendedFromAbove(Conflict):
    """Evidence: ``prefix``."""

    title_zh = "前缀已被上级节点暂停"


@dataclass(frozen=True, slots=True)
class PrefixGrant:
    """One row: a prefix in the hands of an enterprise, with what registration and reports need of the latter.

    ``log_secret`` (32 bytes) keys the leaves of the prefix in the transparency log and leaves the registry never.
    ``suspended_with_enterprise`` marks a suspension that ends together with the enterprise's or, for a derived
    prefix, with that of the prefix above. ``suspended_from_above``: by the node above, so that nobody here resumes or
    enables it (``registry/connection/suspension.py``); ``suspended_here`` then: it was suspended before.
    ``with_enterprise``: applied for together with the enterprise, and reviewed with it. ``suffix_rule_id`` names the
    coding rule that every suffix registered from now on has to obey; ``limited`` says that there is a quota.
    """

    prefix_id: int
    prefix: Prefix
    enterprise_id: UUID
    state: PrefixState
    purpose: str
    reason: str
    suspended_with_enterprise: bool
    version: int
    created_at: datetime
    updated_at: datetime
    enterprise_name: str
    credit_code: str
    other_certificate: str
    enterprise_state: EnterpriseState
    log_secret: bytes = field(repr=False)
    hosting: Hosting = Hosting.HOSTED
    hosting_reason: str = ""
    with_enterprise: bool = False
    suffix_rule_id: int | None = None
    limited: bool = False
    suspended_from_above: bool = False
    suspended_here: bool = False

    @property
    def derived(self) -> bool:
        """Whether nobody applied for it: administrators of the prefix above allotted it by the Handle protocol."""
        return self.prefix.key.count(".") >= _SEGMENTS

    @property
    def reported_as(self) -> str:
        """The prefix as the national node knows it; of a derived one, the enterprise's."""
        return ".".join(self.prefix.key.split(".")[:_SEGMENTS])

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {
            "prefix": self.prefix.key,
            "enterprise_id": str(self.enterprise_id),
            "state": str(self.state),
            "purpose": self.purpose,
            "reason": self.reason,
            "suspended_with_enterprise": self.suspended_with_enterprise,
            "suspended_from_above": self.suspended_from_above,
            "hosting": str(self.hosting),
            "hosting_reason": self.hosting_reason,
            "with_enterprise": self.with_enterprise,
            "suffix_rule_id": self.suffix_rule_id,
            "version": self.version,
        }

    def report(self) -> Message | None:
        """What the national node must know of this state, if anything.

        Nothing of a derived prefix: what was verified is the enterprise's, and it divides that as it likes.
        """
        if self.state not in _REPORTED or self.derived:
            return None
        return Message("prefix", f"prefix.{self.state}", self.reported())

    def reported(self) -> dict[str, Any]:
        """What every report about a prefix says; ``application`` comes back with the verdict on it."""
        return {
            "prefix": self.prefix.key,
            "application": self.prefix_id,
            "node_prefix": self.prefix.key.rpartition(".")[0],
            "enterprise_id": str(self.enterprise_id),
            "credit_code": self.credit_code,
            "other_certificate": self.other_certificate,
            "state": str(self.state),
        }


def grant_of(row: Mapping[str, Any]) -> PrefixGrant:
    """The grant of a row of the statements that join prefix and enterprise."""
    return PrefixGrant(
        prefix_id=row["prefix_id"],
        prefix=Prefix.parse_derived(row["prefix"]),
        enterprise_id=row["enterprise_id"],
        state=PrefixState(row["state"]),
        purpose=row["purpose"],
        reason=row["reason"],
        suspended_with_enterprise=row["suspended_with_enterprise"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        enterprise_name=row["enterprise_name"],
        credit_code=row["credit_code"],
        other_certificate=row["other_certificate"],
        enterprise_state=EnterpriseState(row["enterprise_state"]),
        log_secret=row["log_secret"],
        hosting=Hosting(row["hosting"]),
        hosting_reason=row["hosting_reason"],
        with_enterprise=row["with_enterprise"],
        suffix_rule_id=row["suffix_rule_id"],
        limited=row["limited"],
        suspended_from_above=row["suspended_from_above"],
        suspended_here=row["suspended_here"],
    )


async def move_prefix(
    connection: Connection,
    grant: PrefixGrant,
    verb: Verb,
    actor: Actor,
    at: datetime,
    reason: str = "",
    *,
    with_enterprise: bool = False,
    from_above: bool | None = None,
) -> PrefixGrant:
    """Change the state of a locked row, with all traces.

    ``from_above``: whether the node above holds it suspended from now on; ``None``: as before. Raises
    ``TransitionRefused``, ``ReasonMissing``, ``PrefixSuspendedFromAbove``.
    """
    state = transitions.step(transitions.PREFIX, verb, grant.state, reason)
    held_above = grant.suspended_from_above if from_above is None else from_above
    if state is PrefixState.ENABLED and held_above:
        raise PrefixSuspendedFromAbove(f"{grant.prefix.key} is suspended by the node above", prefix=grant.prefix.key)
    moved = replace(
        grant,
        state=state,
        reason=reason,
        suspended_with_enterprise=with_enterprise and state is PrefixState.SUSPENDED,
        suspended_from_above=held_above,
        suspended_here=grant.suspended_here and held_above,
        version=grant.version + 1,
        updated_at=at,
    )
    await write_prefix(connection, grant, moved, verb, actor, at)
    for kind in _REVIEWS_ENDED.get(state, ()):
        await drop_review(connection, kind, str(moved.prefix_id), at)
    return moved


async def write_prefix(
    connection: Connection, before: PrefixGrant, after: PrefixGrant, verb: Verb, actor: Actor, at: datetime
) -> None:
    """Another state, reason or mark of a locked row, with all traces."""
    await connection.execute(
        SQL["change_prefix"], after.prefix_id, after.state, after.reason, after.suspended_with_enterprise,
        after.suspended_from_above, after.suspended_here, after.version, at,
    )  # fmt: skip
    await trace_prefix(connection, before, after, verb, actor, at)


async def trace_prefix(
    connection: Connection, before: PrefixGrant | None, after: PrefixGrant, verb: Verb, actor: Actor, at: datetime
) -> None:
    """History, leaf, message upward and the notice to the resolvers."""
    act = Act(
        action=f"prefix.{verb}",
        subject_kind="prefix",
        subject_id=str(after.prefix_id),
        before=before.to_json() if before else None,
        after=after.to_json(),
        reason=after.reason,
    )
    await record_act(connection, actor, act, at, after.report())
    await connection.execute(SQL["announce"], CHANNEL, Notice(NoticeKind.PREFIX, after.prefix.key).encode())


async def move_with_derived(
    connection: Connection,
    grant: PrefixGrant,
    verb: Verb,
    actor: Actor,
    at: datetime,
    reason: str = "",
    *,
    from_above: bool | None = None,
) -> PrefixGrant:
    """As ``move_prefix``, and the prefixes derived from it along with it.

    Suspension suspends the enabled ones; resumption resumes those and no others, and of those none that the node
    above keeps suspended; withdrawal withdraws all. Raises also ``PrefixAboveSuspended``.
    """
    if verb is Verb.RESUME and grant.derived:
        await _check_above(connection, grant)
    moved = await move_prefix(connection, grant, verb, actor, at, reason, from_above=from_above)
    if verb in _FOLLOWING:
        below = await connection.fetch(SQL["lock_prefixes_below"], grant.prefix.key)
        await _follow(connection, map(grant_of, below), verb, actor, at, reason, {moved.prefix: moved.state})
    return moved


async def follow_enterprise(
    connection: Connection, enterprise_id: UUID, verb: Verb, actor: Actor, at: datetime, reason: str
) -> list[PrefixGrant]:
    """Let the prefixes share the fate of their enterprise, whose row the transaction has locked and changed.

    Suspension suspends the enabled ones; resumption resumes those and no others; closing withdraws all.
    """
    rows = await connection.fetch(SQL["lock_prefixes_of_enterprise"], enterprise_id) if verb in _FOLLOWING else ()
    return await _follow(connection, map(grant_of, rows), verb, actor, at, reason, {})


async def _follow(
    connection: Connection,
    grants: Iterable[PrefixGrant],
    verb: Verb,
    actor: Actor,
    at: datetime,
    reason: str,
    states: dict[Prefix, PrefixState],
) -> list[PrefixGrant]:
    """Those above come before those derived from them: they are older. ``states`` of those above are collected."""
    moved = []
    for grant in grants:
        states[grant.prefix] = grant.state
        own_verb = _FOLLOWING[verb].get(grant.state)
        if own_verb is None or (own_verb is Verb.RESUME and not _resumes(grant, states)):
            continue
        if own_verb is Verb.RESUME and grant.suspended_from_above:
            released = replace(grant, suspended_with_enterprise=False, version=grant.version + 1, updated_at=at)
            await write_prefix(connection, grant, released, own_verb, actor, at)
            continue
        moved.append(await move_prefix(connection, grant, own_verb, actor, at, reason, with_enterprise=True))
        states[grant.prefix] = moved[-1].state
    return moved


def _resumes(grant: PrefixGrant, states: Mapping[Prefix, PrefixState]) -> bool:
    above = grant.prefix.parent
    return grant.suspended_with_enterprise and (
        not grant.derived or (above is not None and states.get(above) is PrefixState.ENABLED)
    )


async def _check_above(connection: Connection, grant: PrefixGrant) -> None:
    above = str(grant.prefix.parent)
    # Not held: a suspension under way waits for our row and then takes it along.
    row = await connection.fetchrow(SQL["find_prefix"], above, None)
    if row is None or row["state"] != PrefixState.ENABLED:
        raise PrefixAboveSuspended(f"{grant.prefix.key} is derived from {above}, which is not enabled", above=above)


async def prefixes_follow_review(
    connection: Connection, enterprise_id: UUID, verb: Verb, actor: Actor, at: datetime, reason: str
) -> list[PrefixGrant]:
    """Let the prefixes that were applied for with their enterprise share the outcome of its review.

    The transaction has locked the enterprise. Approval sends them up for verification, rejection turns them down
    (before it is asked whether the enterprise holds prefixes); any other verb leaves them waiting.
    """
    if verb not in (Verb.APPROVE, Verb.REJECT):
        return []
    rows = await connection.fetch(SQL["lock_prefixes_of_enterprise"], enterprise_id)
    waiting = [grant for grant in map(grant_of, rows) if grant.with_enterprise and grant.state is PrefixState.APPLIED]
    return [await move_prefix(connection, grant, verb, actor, at, reason) for grant in waiting]


async def announce_prefixes(connection: Connection, enterprise_id: UUID) -> None:
    """Tell the resolvers, at commit, that what they show of this enterprise has changed."""
    for row in await connection.fetch(SQL["lock_prefixes_of_enterprise"], enterprise_id):
        await connection.execute(SQL["announce"], CHANNEL, Notice(NoticeKind.PREFIX, row["prefix"]).encode())
