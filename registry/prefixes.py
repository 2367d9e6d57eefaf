"""Prefixes: application, review here, verification by the national node, use, suspension, withdrawal."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, NotFound
from node.identifier import Prefix
from node.journal import Actor, Interface, PastAct, acts_of
from registry import transitions
from registry.enterprises import check_approved
from registry.prefix_application import PrefixOutsideNode, PrefixTaken, apply_prefix
from registry.prefix_grant import PrefixGrant, grant_of, move_prefix, move_with_derived
from registry.reviews.cases import Judgement, ReviewPolicy, SubjectKind, settle_review
from registry.store import SQL, reading
from registry.transitions import PREFIX, EnterpriseState, Hosting, PrefixState, TransitionRefused, Verb

__all__ = [
    "PrefixGrant",
    "PrefixOutsideNode",
    "PrefixTaken",
    "Prefixes",
    "check_writable",
    "held_prefix",
    "locked_prefix",
    "readable_prefix",
    "writable_prefix",
]

Clock = Callable[[], datetime]

log = structlog.get_logger(__name__)

_STEWARD = Actor(None, Interface.STEWARD)
# Verbs that bring a prefix nearer to use; an enterprise that is not approved takes none of these steps.
_FORWARD = frozenset({Verb.APPROVE, Verb.ENABLE, Verb.RESUME})
_REGISTERING = frozenset({Action.IDENTIFIER_REGISTER, Action.IDENTIFIER_RESTORE})


class PrefixUnknown(NotFound):
    title_zh = "前缀不存在"


class PrefixNotEnabled(Conflict):
    title_zh = "前缀未启用"


class PrefixDerived(Conflict):
    """Evidence: ``above``."""

    title_zh = "派生前缀随上级前缀"


class PrefixNotHosted(Conflict):
    """Evidence: ``prefix``, ``hosting``."""

    title_zh = "前缀未托管"


class VerdictOutdated(Conflict):
    """Evidence: ``prefix``, ``application``."""

    title_zh = "核验结果所指的前缀申请已不存在"


class Prefixes:
    """The use cases. Besides what they name, all raise ``NotAllowed``, ``PrefixUnknown`` and ``DatabaseAway``.

    ``node_prefix`` is the node's own prefix; ``policy`` says how reviews are decided; ``secret`` makes the 32 random
    bytes of a new prefix.
    """

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        node_prefix: Prefix,
        policy: ReviewPolicy | None = None,
        secret: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._node_prefix = node_prefix
        self._policy = policy or ReviewPolicy()
        self._secret = secret

    async def apply(
        self,
        account: Account,
        actor: Actor,
        enterprise_id: UUID,
        prefix: Prefix | None = None,
        purpose: str = "",
        hosting: Hosting = Hosting.HOSTED,
    ) -> PrefixGrant:
        """An application for review; without ``prefix`` it is the next number of the node's plan.

        Raises what ``apply_prefix`` raises.
        """
        async with transaction(self._pool) as connection:
            return await apply_prefix(
                connection, account, actor, enterprise_id, prefix, purpose, self._clock(),
                node_prefix=self._node_prefix, hosting=hosting, secret=self._secret,
            )  # fmt: skip

    async def move(
        self,
        account: Account,
        actor: Actor,
        prefix: Prefix,
        verb: Verb,
        reason: str = "",
        judgement: Judgement | None = None,
    ) -> PrefixGrant:
        """Approve, reject, enable, suspend, resume or withdraw; unchanged where a second person must approve too.

        Raises ``TransitionRefused``, ``ReasonMissing``, ``EnterpriseNotApproved``, ``PrefixAboveSuspended``,
        ``PrefixSuspendedFromAbove``, ``ReviewClaimedByOther``, ``SecondPersonNeeded``, ``ReviewDecided``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await locked_prefix(connection, prefix)
            transitions.permit(PREFIX, verb, account, grant.enterprise_id)
            transitions.step(PREFIX, verb, grant.state, reason)
            if verb in _FORWARD:
                check_approved(grant.enterprise_state)
            settled = verb not in (Verb.APPROVE, Verb.REJECT) or await settle_review(
                connection, SubjectKind.PREFIX, str(grant.prefix_id), verb, actor, at,
                policy=self._policy, reason=reason, judgement=judgement,
            )  # fmt: skip
            return await move_with_derived(connection, grant, verb, actor, at, reason) if settled else grant

    async def apply_verdict(
        self, prefix: Prefix, passed: bool, reason: str, enable: bool, application: int = 0
    ) -> PrefixGrant:
        """What the national node found; ``enable`` puts a verified prefix to use at once.

        ``application`` is the number under which the prefix was sent up (``prefix_id``), 0 if the verdict names none.

        A verdict that comes again changes nothing, and neither does one that contradicts the first (logged). A prefix
        whose enterprise is not approved, or that the node above has suspended, stays verified; if the enterprise is
        closed, it is withdrawn.
        Raises ``TransitionRefused`` for a prefix that was never sent up, ``VerdictOutdated`` for another application.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await locked_prefix(connection, prefix)
            if application not in (0, grant.prefix_id):
                raise VerdictOutdated(
                    f"the verdict is about application {application} for {prefix.key}, which is gone",
                    prefix=prefix.key,
                    application=application,
                )
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
            if enable and grant.enterprise_state is EnterpriseState.APPROVED and not grant.suspended_from_above:
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


async def writable_prefix(connection: Connection, account: Account, action: Action, prefix: Prefix) -> PrefixGrant:
    """The prefix for a change of its identifiers, held with its enterprise as they are until the transaction ends.

    Raises ``PrefixUnknown``, ``NotAllowed``, ``PrefixNotEnabled``, ``PrefixNotHosted``, ``EnterpriseNotApproved``.
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

    Where a prefix is no longer hosted, what is registered can still be changed and deleted. Raises ``NotAllowed``,
    ``PrefixNotEnabled``, ``PrefixNotHosted``, ``EnterpriseNotApproved``.
    """
    require(account, action, grant.enterprise_id)
    check_enabled(grant)
    if action in _REGISTERING and grant.hosting is not Hosting.HOSTED:
        raise PrefixNotHosted(
            f"the identifiers of {grant.prefix.key} are not hosted here ({grant.hosting})",
            prefix=grant.prefix.key,
            hosting=str(grant.hosting),
        )
    check_approved(grant.enterprise_state)


def check_enabled(grant: PrefixGrant) -> None:
    """Raises ``PrefixNotEnabled``."""
    if grant.state is not PrefixState.ENABLED:
        raise PrefixNotEnabled(
            f"the prefix {grant.prefix.key} is {grant.state}, not enabled",
            prefix=grant.prefix.key,
            state=str(grant.state),
        )


def check_in_use(grant: PrefixGrant) -> None:
    """Whether the prefix resolves and its enterprise is in order.

    Raises ``PrefixNotEnabled``, ``EnterpriseNotApproved``.
    """
    _check_enabled(grant)
    check_approved(grant.enterprise_state)


def check_own(grant: PrefixGrant) -> None:
    """Whether it was applied for: what derives from a prefix shares its hosting and its holder.

    Raises ``PrefixDerived``.
    """
    if grant.derived:
        raise PrefixDerived(f"{grant.prefix.key} is derived and follows the prefix above it", above=grant.reported_as)


async def readable_prefix(connection: Connection, account: Account, action: Action, prefix: Prefix) -> PrefixGrant:
    """The prefix for a look at it or what it holds, in whatever state. Raises ``PrefixUnknown``, ``NotAllowed``."""
    grant = await known_prefix(connection, prefix, account.enterprise_id)
    require(account, action, grant.enterprise_id)
    return grant


async def known_prefix(connection: Connection, prefix: Prefix, enterprise_id: UUID | None) -> PrefixGrant:
    """The prefix as an enterprise sees it, in whatever state, whoever may look at it. Raises ``PrefixUnknown``."""
    row = await connection.fetchrow(SQL["find_prefix"], prefix.key, enterprise_id)
    if row is None:
        raise _unknown(prefix)
    return grant_of(row)


async def locked_prefix(connection: Connection, prefix: Prefix) -> PrefixGrant:
    """The prefix for a change of itself, held until the transaction ends. Raises ``PrefixUnknown``."""
    # A row that was turned down moves no more, but its state is the better refusal.
    row: Mapping[str, Any] | None = await connection.fetchrow(SQL["lock_prefix"], prefix.key)
    if row is None:
        row = await connection.fetchrow(SQL["find_prefix"], prefix.key, None)
    if row is None:
        raise _unknown(prefix)
    return grant_of(row)


def _check_enabled(grant: PrefixGrant) -> None:
    if grant.state is not PrefixState.ENABLED:
        raise PrefixNotEnabled(
            f"the prefix {grant.prefix.key} is {grant.state}, not enabled",
            prefix=grant.prefix.key,
            state=str(grant.state),
        )


def _unknown(prefix: Prefix) -> PrefixUnknown:
    return PrefixUnknown(f"the prefix {prefix.key} is not known here", prefix=prefix.key)
