"""Notifications (通知): what the node tells an enterprise, one of its accounts, or its own staff.

A notification is written in the transaction of what it tells of, and is read at ``/v1/notifications``. Its body holds
sentences for people, Chinese and English; personal data never stands in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import NotFound
from node.sql import statements_beside
from registry.store import reading

SQL = statements_beside(__file__, "notifications.sql")
Clock = Callable[[], datetime]
_NEWEST = 2**63 - 1


class NotificationUnknown(NotFound):
    title_zh = "通知不存在"


@dataclass(frozen=True, slots=True)
class Notification:
    """``enterprise_id`` is ``None`` for the staff, ``account_id`` for all accounts of the enterprise or staff.

    ``body`` has ``title_zh``, ``title_en``, ``detail_zh``, ``detail_en`` and what else programs may want to know.
    """

    notification_id: int
    enterprise_id: UUID | None
    account_id: UUID | None
    kind: str
    body: Mapping[str, Any]
    created_at: datetime
    read_at: datetime | None


async def notify(
    connection: Connection,
    enterprise_id: UUID | None,
    kind: str,
    body: Mapping[str, Any],
    at: datetime,
    account_id: UUID | None = None,
) -> int:
    """Tell an enterprise (``None``: the node's staff), or one account of it, inside the caller's transaction.

    ``kind`` is dotted words like ``enterprise.validity``; ``body`` holds ``title_zh``, ``title_en``, ``detail_zh``,
    ``detail_en`` and other JSON, no personal data. Returns the notification's number.
    """
    content = json.dumps(body, ensure_ascii=False, default=str)
    number: int = await connection.fetchval(SQL["add_notification"], enterprise_id, account_id, kind, content, at)
    return number


class Notifications:
    """The use cases of those who are told; everybody sees what is theirs."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def list(
        self, account: Account, *, unread: bool = False, before: int | None = None, limit: int = 50
    ) -> list[Notification]:
        """The caller's, newest first, below a number."""
        owner, newest = _place_of(account), _NEWEST if before is None else before
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_notifications"], owner, account.account_id, newest, unread, limit)
        return [_of_row(row) for row in rows]

    async def page(
        self, account: Account, *, beginning: str, page: int, size: int
    ) -> tuple[Sequence[Notification], int]:
        """The caller's on a page (the first is 0) of those whose kind has this beginning, and how many there are."""
        owner = _place_of(account)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(
                SQL["page_of_notifications"], owner, account.account_id, beginning, page * size, size
            )
            if rows:
                return [_of_row(row) for row in rows], rows[0]["total"]
            return [], await connection.fetchval(SQL["count_notifications"], owner, account.account_id, beginning)

    async def mark_read(self, account: Account, notification_id: int) -> Notification:
        """One of the caller's has been read; the first time counts. Raises ``NotificationUnknown``."""
        owner = _place_of(account)
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                SQL["read_notification"], notification_id, owner, account.account_id, self._clock()
            )
        if row is None:
            raise NotificationUnknown(
                f"there is no notification {notification_id} for this account", notification_id=notification_id
            )
        return _of_row(row)


def _place_of(account: Account) -> UUID | None:
    require(account, Action.NOTIFICATION_READ, account.enterprise_id)
    return account.enterprise_id


def _of_row(row: Mapping[str, Any]) -> Notification:
    return Notification(
        notification_id=row["notification_id"],
        enterprise_id=row["enterprise_id"],
        account_id=row["account_id"],
        kind=row["kind"],
        body=json.loads(row["body"]),
        created_at=row["created_at"],
        read_at=row["read_at"],
    )
