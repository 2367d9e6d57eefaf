"""An application for a prefix: a number that was asked for, or the next one of the node's plan.

A number is never given twice, not even after withdrawal; only an application turned down by the reviewer or the
national node frees it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from node.auth import Account
from node.database import Connection
from node.errors import Conflict, Malformed
from node.identifier import Prefix
from node.journal import Actor
from registry import transitions
from registry.enterprises import check_approved, unknown_enterprise
from registry.numbering.allotting import allot_number, plan_in_force
from registry.numbering.plan import Place
from registry.numbering.reserved import check_not_reserved
from registry.prefix_grant import PrefixGrant, trace_prefix
from registry.reviews.cases import Occasion, SubjectKind, open_review
from registry.store import SQL
from registry.transitions import PREFIX, EnterpriseState, Hosting, Verb

SECRET_BYTES = 32


class PrefixTaken(Conflict):
    title_zh = "前缀已被占用"


class PrefixOutsideNode(Malformed):
    title_zh = "前缀不属于本节点"


async def apply_prefix(
    connection: Connection,
    account: Account,
    actor: Actor,
    enterprise_id: UUID,
    prefix: Prefix | None,
    purpose: str,
    at: datetime,
    *,
    node_prefix: Prefix,
    with_enterprise: bool = False,
    hosting: Hosting = Hosting.HOSTED,
    secret: Callable[[int], bytes] = os.urandom,
) -> PrefixGrant:
    """An application for review, inside the caller's transaction; without ``prefix`` it is the plan's next number.

    ``with_enterprise``: while the enterprise itself awaits its review the prefix may be applied for, and shares the
    outcome (``prefixes_follow_review``). ``hosting`` is hosted or self_hosted, and reviewed along with the number.
    ``secret`` makes the 32 bytes of its log secret. Raises ``NotAllowed``, ``PrefixOutsideNode``,
    ``EnterpriseUnknown``, ``EnterpriseNotApproved``, ``PrefixTaken``, ``NumberReserved``, ``NumbersExhausted``.
    """
    transitions.permit(PREFIX, Verb.APPLY, account, enterprise_id)
    state = transitions.step(PREFIX, Verb.APPLY, None)
    if prefix is not None:
        _check_place(prefix, node_prefix)
    applicant = await connection.fetchrow(SQL["share_applicant"], enterprise_id)
    if applicant is None:
        raise unknown_enterprise(enterprise_id)
    enterprise_state = EnterpriseState(applicant["state"])
    together = with_enterprise and enterprise_state is EnterpriseState.SUBMITTED
    if not together:
        check_approved(enterprise_state)
    log_secret = secret(SECRET_BYTES)
    prefix_id = 0

    async def take(wanted: Prefix) -> bool:
        nonlocal prefix_id
        prefix_id = await connection.fetchval(
            SQL["add_prefix"], wanted.key, enterprise_id, state, purpose, log_secret, hosting, together, at
        )
        return prefix_id is not None

    if prefix is None:
        place = Place(applicant["division_code"], applicant["industry_code"])
        prefix = await allot_number(connection, await plan_in_force(connection), place, node_prefix, take)
    else:
        await _check_free(connection, account, prefix)
        if not await take(prefix):
            raise _taken(prefix)
    grant = PrefixGrant(
        prefix_id=prefix_id,
        prefix=Prefix.parse(prefix.key),
        enterprise_id=enterprise_id,
        state=state,
        purpose=purpose,
        reason="",
        suspended_with_enterprise=False,
        version=1,
        created_at=at,
        updated_at=at,
        enterprise_name=applicant["name"],
        credit_code=applicant["credit_code"],
        other_certificate=applicant["other_certificate"],
        enterprise_state=enterprise_state,
        log_secret=log_secret,
        hosting=hosting,
        with_enterprise=together,
    )
    await trace_prefix(connection, None, grant, Verb.APPLY, actor, at)
    if not together:
        await open_review(connection, SubjectKind.PREFIX, str(prefix_id), enterprise_id, Occasion.REGISTRATION, at)
    return grant


async def _check_free(connection: Connection, account: Account, prefix: Prefix) -> None:
    # Only staff is told who the holder is; the unique index decides the races that pass between here and the write.
    holder = await connection.fetchval(SQL["holder_of_prefix"], prefix.key)
    if holder is not None:
        raise _taken(prefix) if account.of_enterprise else _taken(prefix, holder=str(holder))
    if account.of_enterprise:
        await check_not_reserved(connection, prefix.key.rpartition(".")[2])


def _check_place(prefix: Prefix, node_prefix: Prefix) -> None:
    if prefix.key.rpartition(".")[0] != node_prefix.key:
        raise PrefixOutsideNode(
            f"{prefix.key} does not lie directly below this node's prefix {node_prefix.key}",
            prefix=prefix.key,
            node_prefix=node_prefix.key,
        )


def _taken(prefix: Prefix, **evidence: str) -> PrefixTaken:
    return PrefixTaken(f"the prefix {prefix.key} is taken", prefix=prefix.key, **evidence)
