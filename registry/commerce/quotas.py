"""Quotas of prefixes: how many identifiers in all, and how many registrations a day in China.

In all counts every identifier that was ever registered, for its number is used up; one that is registered again after
its deletion counts for the day only. What was counted is made anew whenever a quota is set, so that restored backups
count too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import NotFound
from node.identifier import Prefix
from node.journal import Act, Actor, record_act
from node.sql import statements_beside
from registry.prefix_grant import PrefixGrant
from registry.prefixes import locked_prefix, readable_prefix
from registry.store import check_version, reading

SQL = statements_beside(__file__, "commerce.sql")
Clock = Callable[[], datetime]


class QuotaUnknown(NotFound):
    title_zh = "该前缀没有配额"


@dataclass(frozen=True, slots=True)
class Quota:
    """Bounds (``None``: none), and what was counted: in all, and on ``day`` (Asia/Shanghai)."""

    identifiers: int | None
    daily_registrations: int | None
    registered: int
    day: date | None
    registered_today: int
    version: int
    created_at: datetime
    updated_at: datetime

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        bounds = {"identifiers": self.identifiers, "daily_registrations": self.daily_registrations}
        return {"quota": {**bounds, "version": self.version}}


class Quotas:
    """The use cases. All raise ``PrefixUnknown``, ``NotAllowed``, ``DatabaseAway`` besides what they name."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def get(self, account: Account, prefix: Prefix) -> Quota:
        """The quota as it stands. Raises ``QuotaUnknown``."""
        async with reading(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.QUOTA_READ, prefix)
            return _found(await _quota_of(connection, grant), prefix)

    async def set(
        self,
        account: Account,
        actor: Actor,
        prefix: Prefix,
        identifiers: int | None,
        daily_registrations: int | None,
        version: int | None,
    ) -> Quota:
        """Bounds anew for the expected version, ``None`` for the first. Waits for registrations under way.

        A bound below what stands lets nothing more be registered, and takes nothing away. Raises ``VersionChanged``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await locked_prefix(connection, prefix)
            require(account, Action.QUOTA_EDIT, grant.enterprise_id)
            before = await _quota_of(connection, grant)
            check_version(version or 0, before.version if before else 0)
            number = before.version + 1 if before else 1
            await connection.execute(SQL["set_quota"], grant.prefix_id, identifiers, daily_registrations, number, at)
            await connection.execute(SQL["mark_limited"], grant.prefix_id, True)
            after = _found(await _quota_of(connection, grant), prefix)
            await _trace(connection, grant, "set", before, after, actor, at)
        return after

    async def remove(self, account: Account, actor: Actor, prefix: Prefix, version: int) -> None:
        """No bound any more. Raises ``QuotaUnknown``, ``VersionChanged``."""
        async with transaction(self._pool) as connection:
            grant = await locked_prefix(connection, prefix)
            require(account, Action.QUOTA_EDIT, grant.enterprise_id)
            before = _found(await _quota_of(connection, grant), prefix)
            check_version(version, before.version)
            await forget_quota(connection, grant)
            await _trace(connection, grant, "remove", before, None, actor, self._clock())


async def forget_quota(connection: Connection, grant: PrefixGrant) -> None:
    """Remove the quota of a locked prefix, if it has one."""
    await connection.execute(SQL["remove_quota"], grant.prefix_id)
    await connection.execute(SQL["mark_limited"], grant.prefix_id, False)


async def _quota_of(connection: Connection, grant: PrefixGrant) -> Quota | None:
    row: Mapping[str, Any] | None = await connection.fetchrow(SQL["find_quota"], grant.prefix_id)
    return None if row is None else Quota(**row)


def _found(quota: Quota | None, prefix: Prefix) -> Quota:
    if quota is None:
        raise QuotaUnknown(f"{prefix.key} has no quota", prefix=prefix.key)
    return quota


async def _trace(
    connection: Connection,
    grant: PrefixGrant,
    verb: str,
    before: Quota | None,
    after: Quota | None,
    actor: Actor,
    at: datetime,
) -> None:
    act = Act(
        f"quota.{verb}", "prefix", str(grant.prefix_id),
        before.to_json() if before else None, after.to_json() if after else None,
    )  # fmt: skip
    await record_act(connection, actor, act, at)
