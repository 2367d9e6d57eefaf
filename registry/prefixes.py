"""Prefixes: application, review here, verification by the national node, use, suspension, withdrawal.

An applied prefix lies directly below the node's own. A number is never given twice, not even after withdrawal; only
an application turned down by the reviewer or the national node frees it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Malformed, NotFound
from node.identifier import Prefix
from node.journal import Actor, Interface, PastAct, acts_of
from registry import transitions
from registry.enterprises import approved_enterprise, check_approved
from registry.prefix_grant import PrefixGrant, grant_of, move_prefix, move_with_derived, trace_prefix
from registry.store import SQL, reading, refusing
from registry.transitions import PREFIX, EnterpriseState, PrefixState, TransitionRefused, Verb

__all__ = ["PrefixGrant", "Prefixes", "check_writable", "held_prefix", "readable_prefix", "writable_prefix"]

Clock = Callable[[], datetime]

log = structlog.get_logger(__name__)

SECRET_BYTES = 32
_STEWARD = Actor(None, Interface.STEWARD)
# Verbs that bring a prefix nearer to use; an enterprise that is not approved takes none of these steps.
_FORWARD = frozenset({Verb.APPROVE, Verb.ENABLE, Verb.RESUME})


class PrefixUnknown(NotFound):
    title_zh = "前缀不存在"


class PrefixTaken(Conflict):
    title_zh = "前缀已被占用"


class PrefixOutsideNode(Malformed):
    title_zh = "前缀不属于本节点"


class PrefixNotEnabled(Conflict):
    title_zh = "前缀未启用"


class Prefixes:
    """The use cases. Besides what they name, all raise ``NotAllowed``, ``PrefixUnknown`` and ``DatabaseAway``.

    ``node_prefix`` is the node's own prefix; ``secret`` makes the 32 random bytes of a new prefix.
    """

    def __init__(
        self, pool: Pool, clock: Clock, node_prefix: Prefix, secret: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._node_prefix = node_prefix
        self._secret = secret

    async def apply(
        self, account: Account, actor: Actor, enterprise_id: UUID, prefix: Prefix, purpose: str = ""
    ) -> PrefixGrant:
        """An application for review.

        Raises ``PrefixOutsideNode``, ``EnterpriseUnknown``, ``EnterpriseNotApproved``, ``PrefixTaken``.
        """
        transitions.permit(PREFIX, Verb.APPLY, account, enterprise_id)
        self._check_place(prefix)
        at = self._clock()
        state = transitions.step(PREFIX, Verb.APPLY, None)
        async with transaction(self._pool) as connection:
            enterprise = await approved_enterprise(connection, enterprise_id)
            holder = await connection.fetchval(SQL["holder_of_prefix"], prefix.key)
            if holder is not None:
                raise _taken(prefix) if account.of_enterprise else _taken(prefix, holder=str(holder))
            secret = self._secret(SECRET_BYTES)
            with refusing(prefix_unique=_taken(prefix)):
                prefix_id = await connection.fetchval(
                    SQL["add_prefix"], prefix.key, enterprise_id, state, purpose, secret, at
                )
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
                enterprise_name=enterprise.facts.name,
                credit_code=enterprise.facts.credit_code,
                enterprise_state=enterprise.state,
                log_secret=secret,
            )
            await trace_prefix(connection, None, grant, Verb.APPLY, actor, at)
            return grant

    async def move(self, account: Account, actor: Actor, prefix: Prefix, verb: Verb, reason: str = "") -> PrefixGrant:
        """Approve, reject, enable, suspend, resume or withdraw.

        Raises ``TransitionRefused``, ``ReasonMissing``, ``EnterpriseNotApproved``, ``PrefixAboveSuspended``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await _locked(connection, prefix)
            transitions.permit(PREFIX, verb, account, grant.enterprise_id)
            transitions.step(PREFIX, verb, grant.state, reason)
            if verb in _FORWARD:
                check_approved(grant.enterprise_state)
            return await move_with_derived(connection, grant, verb, actor, at, reason)

    async def apply_verdict(self, prefix: Prefix, passed: bool, reason: str, enable: bool) -> PrefixGrant:
        """What the national node found; ``enable`` puts a verified prefix to use at once.

        A verdict that comes again changes nothing, and neither does one that contradicts the first (logged). The
        prefix of an enterprise that is not approved stays verified; if the enterprise is closed, it is withdrawn.
        Raises ``TransitionRefused`` for a prefix that was never sent up.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await _locked(connection, prefix)
            if grant.state in (PrefixState.APPLIED, PrefixState.REJECTED):
                raise TransitionRefused(
                    f"{prefix.key} awaits no verdict: it is {grant.state}", prefix=prefix.key, state=str(grant.state)
                )
            if grant.state is not PrefixState.REVIEWED:
                if passed is (grant.state is PrefixState.REFUSED):
                    log.warning("verdict_contradicts", prefix=prefix.key, state=str(grant.state), passed=passed)
                return grant
            if not passed:
                return await move_prefix(connection, grant, Verb.REFUSE, _STEWARD, at, reason)
            grant = await move_prefix(connection, grant, Verb.VERIFY, _STEWARD, at, reason)
            if grant.enterprise_state is EnterpriseState.CLOSED:
                closed = "企业已注销 / the enterprise is closed"
                return await move_prefix(connection, grant, Verb.WITHDRAW, _STEWARD, at, closed)
            if enable and grant.enterprise_state is EnterpriseState.APPROVED:
                return await move_prefix(connection, grant, Verb.ENABLE, _STEWARD, at)
            return grant

    async def get(self, account: Account, prefix: Prefix) -> PrefixGrant:
        """One prefix as it stands."""
        async with reading(self._pool) as connection:
            return await readable_prefix(connection, account, Action.PREFIX_READ, prefix)

    async def history(
        self, account: Account, prefix: Prefix, *, before_act: int | None = None, limit: int = 50
    ) -> list[PastAct]:
        """The acts on it, newest first."""
        async with reading(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.HISTORY_READ, prefix)
            return await acts_of(connection, "prefix", str(grant.prefix_id), before_act=before_act, limit=limit)

    async def list(
        self,
        account: Account,
        *,
        enterprise_id: UUID | None = None,
        state: PrefixState | None = None,
        after: int = 0,
        limit: int = 50,
    ) -> list[PrefixGrant]:
        """In the order of application, after a ``prefix_id``; an enterprise's account sees its own."""
        owner = enterprise_id or account.enterprise_id
        require(account, Action.PREFIX_READ, owner)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_prefixes"], after, state, owner, limit)
        return [grant_of(row) for row in rows]

    def _check_place(self, prefix: Prefix) -> None:
        if prefix.key.rpartition(".")[0] != self._node_prefix.key:
            raise PrefixOutsideNode(
                f"{prefix.key} does not lie directly below this node's prefix {self._node_prefix.key}",
                prefix=prefix.key,
                node_prefix=self._node_prefix.key,
            )


async def writable_prefix(connection: Connection, account: Account, action: Action, prefix: Prefix) -> PrefixGrant:
    """The prefix for a change of its identifiers, held with its enterprise as they are until the transaction ends.

    Raises ``PrefixUnknown``, ``NotAllowed``, ``PrefixNotEnabled``, ``EnterpriseNotApproved``.
    """
    grant = await held_prefix(connection, prefix)
    check_writable(grant, account, action)
    return grant


async def held_prefix(connection: Connection, prefix: Prefix) -> PrefixGrant:
    """The prefix in whatever state, held with its enterprise until the transaction ends. Raises ``PrefixUnknown``."""
    row = await connection.fetchrow(SQL["share_prefix"], prefix.key)
    if row is None:
        raise _unknown(prefix)
    return grant_of(row)


def check_writable(grant: PrefixGrant, account: Account, action: Action) -> None:
    """Whether the account may change identifiers of a held prefix, and whether anybody may at this moment.

    Raises ``NotAllowed``, ``PrefixNotEnabled``, ``EnterpriseNotApproved``.
    """
    require(account, action, grant.enterprise_id)
    if grant.state is not PrefixState.ENABLED:
        raise PrefixNotEnabled(
            f"the prefix {grant.prefix.key} is {grant.state}, not enabled",
            prefix=grant.prefix.key,
            state=str(grant.state),
        )
    check_approved(grant.enterprise_state)


async def readable_prefix(connection: Connection, account: Account, action: Action, prefix: Prefix) -> PrefixGrant:
    """The prefix for a look at it or what it holds, in whatever state. Raises ``PrefixUnknown``, ``NotAllowed``."""
    row = await connection.fetchrow(SQL["find_prefix"], prefix.key, account.enterprise_id)
    if row is None:
        raise _unknown(prefix)
    grant = grant_of(row)
    require(account, action, grant.enterprise_id)
    return grant


async def _locked(connection: Connection, prefix: Prefix) -> PrefixGrant:
    # A row that was turned down moves no more, but its state is the better refusal.
    row: Mapping[str, Any] | None = await connection.fetchrow(SQL["lock_prefix"], prefix.key)
    if row is None:
        row = await connection.fetchrow(SQL["find_prefix"], prefix.key, None)
    if row is None:
        raise _unknown(prefix)
    return grant_of(row)


def _unknown(prefix: Prefix) -> PrefixUnknown:
    return PrefixUnknown(f"the prefix {prefix.key} is not known here", prefix=prefix.key)


def _taken(prefix: Prefix, **evidence: str) -> PrefixTaken:
    return PrefixTaken(f"the prefix {prefix.key} is taken", prefix=prefix.key, **evidence)
