"""Transfers: the holder offers its prefix to another enterprise, that consents, and a reviewer decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from node.auth import Account, Action, may, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Malformed, NotFound
from node.identifier import Prefix
from node.journal import Act, Actor, Message, record_act
from registry import transitions
from registry.enterprises import check_approved, unknown_enterprise
from registry.notifications import notify
from registry.prefix_grant import PrefixGrant
from registry.prefixes import check_in_use, check_own, locked_prefix, readable_prefix
from registry.reviews.cases import (
    Judgement,
    Occasion,
    ReviewPolicy,
    SubjectKind,
    drop_review,
    open_review,
    settle_review,
)
from registry.store import reading, refusing, time_ordered_id
from registry.transfers.handing_over import SQL, hand_over, report_of_transfer
from registry.transitions import TRANSFER, EnterpriseState, TransferState, Verb

Clock = Callable[[], datetime]

_FIRST = UUID(int=0)
_GIVERS = frozenset({Verb.OFFER, Verb.CANCEL})


class TransferUnknown(NotFound):
    title_zh = "转让不存在"


class TransferOpen(Conflict):
    """Evidence: ``prefix``."""

    title_zh = "该前缀已在转让中"


class TransferToHolder(Malformed):
    title_zh = "前缀已属于该企业"


@dataclass(frozen=True, slots=True)
class Transfer:
    """``reason`` is that of the last step."""

    transfer_id: UUID
    prefix_id: int
    prefix: Prefix
    giver: UUID
    giver_name: str
    receiver: UUID
    receiver_name: str
    state: TransferState
    reason: str
    version: int
    created_at: datetime
    updated_at: datetime

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {
            "prefix": self.prefix.key,
            "from_enterprise_id": str(self.giver),
            "to_enterprise_id": str(self.receiver),
            "state": str(self.state),
            "reason": self.reason,
            "version": self.version,
        }


class Transfers:
    """The use cases. All raise ``NotAllowed`` and ``DatabaseAway`` besides what they name."""

    def __init__(self, pool: Pool, clock: Clock, policy: ReviewPolicy | None = None) -> None:
        self._pool = pool
        self._clock = clock
        self._policy = policy or ReviewPolicy()

    async def offer(
        self, account: Account, actor: Actor, prefix: Prefix, receiver: UUID, reason: str = ""
    ) -> Transfer:
        """Offer a prefix in use to an approved enterprise.

        Raises ``PrefixUnknown``, ``PrefixNotEnabled``, ``PrefixDerived``, ``EnterpriseUnknown``,
        ``EnterpriseNotApproved``, ``TransferToHolder``, ``TransferOpen``.
        """
        at = self._clock()
        state = transitions.step(TRANSFER, Verb.OFFER, None, reason)
        async with transaction(self._pool) as connection:
            seen = await readable_prefix(connection, account, Action.TRANSFER_OFFER, prefix)
            if receiver == seen.enterprise_id:
                raise TransferToHolder("the prefix belongs to this enterprise already", field="to_enterprise_id")
            parties = await _parties(connection, seen.enterprise_id, receiver)
            grant = await _given(connection, account, prefix)
            made = Transfer(
                transfer_id=time_ordered_id(at),
                prefix_id=grant.prefix_id,
                prefix=grant.prefix,
                giver=grant.enterprise_id,
                giver_name=grant.enterprise_name,
                receiver=receiver,
                receiver_name=parties[receiver],
                state=state,
                reason=reason,
                version=1,
                created_at=at,
                updated_at=at,
            )
            opened = TransferOpen(f"a transfer of {grant.prefix.key} is open", prefix=grant.prefix.key)
            with refusing(prefix_transfer_open_unique=opened):
                await connection.execute(
                    SQL["add_transfer"], made.transfer_id, made.prefix_id, made.giver, made.receiver, made.state,
                    reason, at,
                )  # fmt: skip
            await _trace(connection, None, made, Verb.OFFER, actor, at)
            return made

    async def answer(
        self, account: Account, actor: Actor, transfer_id: UUID, verb: Verb, reason: str = ""
    ) -> Transfer:
        """Accept or decline as the receiver, cancel as the giver; what is accepted is reviewed.

        Raises ``TransferUnknown``, ``TransitionRefused``, ``PrefixNotEnabled``, ``EnterpriseNotApproved``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            seen = await _seen(connection, transfer_id)
            transitions.permit(TRANSFER, verb, account, seen.giver if verb in _GIVERS else seen.receiver)
            if verb is Verb.ACCEPT:
                await _parties(connection, seen.giver, seen.receiver)
                check_in_use(await locked_prefix(connection, seen.prefix))
            before = await _locked(connection, transfer_id)
            after = await _move(connection, before, verb, at, reason)
            if verb is Verb.ACCEPT:
                await open_review(
                    connection, SubjectKind.TRANSFER, str(transfer_id), after.receiver, Occasion.AMENDMENT, at
                )
            else:
                await drop_review(connection, SubjectKind.TRANSFER, str(transfer_id), at)
            await _trace(connection, before, after, verb, actor, at)
            return after

    async def decide(
        self,
        account: Account,
        actor: Actor,
        transfer_id: UUID,
        verb: Verb,
        reason: str = "",
        judgement: Judgement | None = None,
    ) -> Transfer:
        """Approve, and the prefix changes hands at once, or reject; unchanged where a second person must approve too.

        Raises ``TransferUnknown``, ``TransitionRefused``, ``ReasonMissing``, ``PrefixNotEnabled``,
        ``EnterpriseNotApproved``, ``ReviewClaimedByOther``, ``SecondPersonNeeded``, ``ReviewDecided``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            seen = await _seen(connection, transfer_id)
            transitions.permit(TRANSFER, verb, account, None)
            transitions.step(TRANSFER, verb, seen.state, reason)
            grant = None
            if verb is Verb.APPROVE:
                await _parties(connection, seen.giver, seen.receiver)
                grant = await locked_prefix(connection, seen.prefix)
                check_in_use(grant)
            before = await _locked(connection, transfer_id)
            transitions.step(TRANSFER, verb, before.state, reason)
            settled = await settle_review(
                connection, SubjectKind.TRANSFER, str(transfer_id), verb, actor, at,
                policy=self._policy, reason=reason, judgement=judgement,
            )  # fmt: skip
            if not settled:
                return before
            after = await _move(connection, before, verb, at, reason)
            report = None
            if grant is not None:
                given = await hand_over(connection, grant, after.receiver, after.receiver_name, actor, at)
                report = report_of_transfer(after.giver, given)
            await _trace(connection, before, after, verb, actor, at, report)
            return after

    async def get(self, account: Account, transfer_id: UUID) -> Transfer:
        """One transfer, for those who give and receive. Raises ``TransferUnknown``."""
        async with reading(self._pool) as connection:
            found = await _seen(connection, transfer_id)
        if not may(account, Action.TRANSFER_READ, found.receiver):
            require(account, Action.TRANSFER_READ, found.giver)
        return found

    async def list(
        self, account: Account, *, state: TransferState | None = None, after: UUID | None = None, limit: int = 50
    ) -> list[Transfer]:
        """Oldest first, after an id; an enterprise's account sees what its own gives and is offered."""
        require(account, Action.TRANSFER_READ, account.enterprise_id)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_transfers"], after or _FIRST, state, account.enterprise_id, limit)
        return [_of(row) for row in rows]


async def _parties(connection: Connection, giver: UUID, receiver: UUID) -> dict[UUID, str]:
    """The names of both, held and approved. Raises ``EnterpriseUnknown``, ``EnterpriseNotApproved``."""
    rows = await connection.fetch(SQL["share_parties"], [giver, receiver])
    if len(rows) != 2:
        raise unknown_enterprise(receiver)
    for row in rows:
        check_approved(EnterpriseState(row["state"]))
    return {row["enterprise_id"]: row["name"] for row in rows}


async def _given(connection: Connection, account: Account, prefix: Prefix) -> PrefixGrant:
    grant = await locked_prefix(connection, prefix)
    transitions.permit(TRANSFER, Verb.OFFER, account, grant.enterprise_id)
    check_own(grant)
    check_in_use(grant)
    return grant


async def _seen(connection: Connection, transfer_id: UUID) -> Transfer:
    return _found(await connection.fetchrow(SQL["find_transfer"], transfer_id), transfer_id)


async def _locked(connection: Connection, transfer_id: UUID) -> Transfer:
    return _found(await connection.fetchrow(SQL["lock_transfer"], transfer_id), transfer_id)


async def _move(connection: Connection, before: Transfer, verb: Verb, at: datetime, reason: str) -> Transfer:
    state = transitions.step(TRANSFER, verb, before.state, reason)
    after = replace(before, state=state, reason=reason, version=before.version + 1, updated_at=at)
    await connection.execute(SQL["change_transfer"], after.transfer_id, after.state, reason, after.version, at)
    return after


async def _trace(
    connection: Connection,
    before: Transfer | None,
    after: Transfer,
    verb: Verb,
    actor: Actor,
    at: datetime,
    report: Message | None = None,
) -> None:
    """History, leaf, message upward, and a notice to the other side."""
    act = Act(
        action=f"transfer.{verb}",
        subject_kind="prefix_transfer",
        subject_id=str(after.transfer_id),
        before=before.to_json() if before else None,
        after=after.to_json(),
        reason=after.reason,
    )
    await record_act(connection, actor, act, at, report)
    other = after.receiver if verb in _GIVERS else after.giver
    title_zh, title_en = _TOLD[verb]
    told = {
        "title_zh": f"前缀 {after.prefix.key} {title_zh}",
        "title_en": f"prefix {after.prefix.key} {title_en}",
        "detail_zh": after.reason,
        "detail_en": after.reason,
        "prefix": after.prefix.key,
        "transfer_id": str(after.transfer_id),
    }
    await notify(connection, other, f"transfer.{after.state}", told, at)


_TOLD = {
    Verb.OFFER: ("向贵单位转让，待确认", "is offered to you"),
    Verb.ACCEPT: ("的转让已被接受，待审核", "was accepted by its receiver and awaits review"),
    Verb.DECLINE: ("的转让被谢绝", "was declined by its receiver"),
    Verb.CANCEL: ("的转让已取消", "is no longer offered to you"),
    Verb.APPROVE: ("已转出", "belongs to its receiver now"),
    Verb.REJECT: ("的转让被驳回", "stays yours: its transfer was rejected"),
}


def _found(row: Mapping[str, Any] | None, transfer_id: UUID) -> Transfer:
    if row is None:
        raise TransferUnknown(f"there is no transfer {transfer_id}", transfer_id=str(transfer_id))
    return _of(row)


def _of(row: Mapping[str, Any]) -> Transfer:
    return Transfer(
        transfer_id=row["prefix_transfer_id"],
        prefix_id=row["prefix_id"],
        prefix=Prefix.parse(row["prefix"]),
        giver=row["from_enterprise_id"],
        giver_name=row["from_enterprise_name"],
        receiver=row["to_enterprise_id"],
        receiver_name=row["to_enterprise_name"],
        state=TransferState(row["state"]),
        reason=row["reason"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
