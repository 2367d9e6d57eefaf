"""Prefixes below an enterprise's prefix, allotted and withdrawn by the Handle protocol; prefixes homed and unhomed.

Creating ``0.NA/88.101.2001.7`` allots that prefix to the enterprise of 88.101.2001: nobody reviews or verifies it,
for the national node verified the prefix above and hears of no other. Deleting the handle withdraws the prefix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from node.administration import (
    CreateHandle,
    HandleExists,
    Identity,
    NotPermitted,
    OperationUnsupported,
    PrefixLimit,
)
from node.database import Connection
from node.errors import Conflict
from node.identifier import Prefix
from node.journal import Actor
from registry.handle.names import chain, prefix_handle
from registry.handle.permissions import RecordChange
from registry.handle.prefix_usage import elsewhere, grant_in_use, known_grant
from registry.handle.standing import SQL
from registry.prefix_grant import PrefixGrant, move_with_derived, trace_prefix
from registry.store import refusing
from registry.transitions import PREFIX, EnterpriseState, PrefixState, Verb, step

SECRET_BYTES = 32


class PrefixHoldsHandles(Conflict):
    title_zh = "前缀下仍有标识或派生前缀"


@dataclass(frozen=True, slots=True)
class Allotment:
    """A prefix that is not there yet, the one above it, which is in use, and the keys of all above but the node's."""

    prefix: Prefix
    above: PrefixGrant
    those_above: list[str]


async def allotment(
    connection: Connection, change: RecordChange, prefix: Prefix, node_prefix: Prefix, *, hold: bool
) -> Allotment | None:
    """The prefix that the change would allot; ``None`` if it is there or the change makes none.

    With ``hold`` nobody else allots below the same enterprise prefix until the transaction ends. Raises
    ``PrefixElsewhere`` when there is no prefix above, ``NotPermitted`` when that or its enterprise is not in use.
    """
    above = prefix.parent
    if not isinstance(change, CreateHandle) or above is None or node_prefix in (prefix, above):
        return None
    if not prefix.is_under(node_prefix):
        raise elsewhere(prefix)
    those_above = chain(prefix, node_prefix)[1:-1]
    if hold:
        await known_grant(connection, those_above[-1], "alone")
    if await known_grant(connection, prefix) is not None:
        return None
    grant = await grant_in_use(connection, above, node_prefix, "shared" if hold else None)
    if grant is None:
        return None
    _check_approved(grant)
    return Allotment(prefix, grant, [one.key for one in those_above])


async def allot(
    connection: Connection, wanted: Allotment, actor: Actor, at: datetime, secret: Callable[[int], bytes]
) -> PrefixGrant:
    """The prefix as a row of its own, enabled, with its traces. ``secret`` makes its log secret.

    Raises ``NotPermitted`` without a policy on any prefix above, ``PrefixLimit``.
    """
    prefix, above = wanted.prefix, wanted.above
    await _check_limits(connection, prefix, wanted.those_above)
    log_secret = secret(SECRET_BYTES)
    taken = HandleExists(f"{prefix_handle(prefix)} exists already", handle=prefix_handle(prefix))
    with refusing(prefix_unique=taken):
        prefix_id = await connection.fetchval(
            SQL["allot_prefix"], prefix.key, above.enterprise_id, log_secret, above.hosting, at
        )
    grant = PrefixGrant(
        prefix_id=prefix_id,
        prefix=Prefix.parse_derived(prefix.key),
        enterprise_id=above.enterprise_id,
        state=step(PREFIX, Verb.ALLOT, None),
        purpose="",
        reason="",
        suspended_with_enterprise=False,
        version=1,
        created_at=at,
        updated_at=at,
        enterprise_name=above.enterprise_name,
        credit_code=above.credit_code,
        other_certificate=above.other_certificate,
        enterprise_state=above.enterprise_state,
        log_secret=log_secret,
        hosting=above.hosting,
    )
    await trace_prefix(connection, None, grant, Verb.ALLOT, actor, at)
    return grant


async def withdraw(
    connection: Connection, grant: PrefixGrant, identity: Identity | None, actor: Actor, at: datetime
) -> None:
    """For ever: a number is not given twice. Raises ``PrefixHoldsHandles``; the row is held alone."""
    if await connection.fetchval(SQL["prefix_in_use"], grant.prefix_id, grant.prefix.key):
        raise PrefixHoldsHandles(
            f"identifiers or derived prefixes stand below {grant.prefix.key}: delete them first",
            prefix=grant.prefix.key,
        )
    await move_with_derived(connection, grant, Verb.WITHDRAW, actor, at, _reason(identity, "收回", "withdrawn"))


async def movable(connection: Connection, prefix: Prefix, node_prefix: Prefix, *, hold: bool = False) -> PrefixGrant:
    """The prefix to home or unhome, in whatever state.

    Raises ``OperationUnsupported`` for the node's own, ``PrefixElsewhere`` for one that the node was never given.
    """
    if prefix == node_prefix:
        raise OperationUnsupported("the node's own prefix is always served")
    grant = await known_grant(connection, prefix, "alone" if hold else None)
    if grant is None:
        raise elsewhere(prefix)
    return grant


async def home(
    connection: Connection, grant: PrefixGrant, identity: Identity | None, actor: Actor, at: datetime
) -> None:
    """Serve it again. Raises ``NotPermitted``, ``PrefixAboveSuspended``, ``TransitionRefused``."""
    if grant.state is PrefixState.ENABLED:
        return
    _check_approved(grant)
    await move_with_derived(connection, grant, Verb.RESUME, actor, at, _reason(identity, "恢复", "resumed"))


async def unhome(
    connection: Connection, grant: PrefixGrant, identity: Identity | None, actor: Actor, at: datetime
) -> None:
    """Serve it no longer, nor what is derived from it. Raises ``TransitionRefused``."""
    if grant.state is PrefixState.SUSPENDED:
        return
    await move_with_derived(connection, grant, Verb.SUSPEND, actor, at, _reason(identity, "停用", "suspended"))


async def _check_limits(connection: Connection, prefix: Prefix, above: list[str]) -> None:
    policies = await connection.fetch(SQL["derived_prefix_limits"], above)
    if not policies:
        raise NotPermitted(f"no policy lets the Handle protocol make prefixes below {above[0]}", prefix=prefix.key)
    for policy in policies:
        limit = policy["derived_prefixes"]
        if limit is not None and policy["derived"] >= limit:
            raise PrefixLimit(
                f"{policy['prefix']} may have {limit} derived prefixes, and has them", prefix=policy["prefix"],
                limit=limit,
            )  # fmt: skip


def _check_approved(grant: PrefixGrant) -> None:
    if grant.enterprise_state is not EnterpriseState.APPROVED:
        raise NotPermitted(
            f"the enterprise of {grant.prefix.key} is {grant.enterprise_state}, not approved",
            prefix=grant.prefix.key, state=str(grant.enterprise_state),
        )  # fmt: skip


def _reason(identity: Identity | None, word_zh: str, word: str) -> str:
    return f"{identity} 经 Handle 协议{word_zh} / {word} by the Handle protocol"
