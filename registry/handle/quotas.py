"""Quotas of the Handle protocol: changes a day and registrations, as the policy of the prefix bounds them.

Changes are counted in the transaction that makes them, as its last statement: the row of the policy is held only
until the commit, and what is refused counts nothing. A day is one in China.
"""

from __future__ import annotations

from datetime import datetime

from node.administration import DailyRequestLimit, RegistrationCountLimit
from node.china_time import day_of
from node.database import Connection
from registry.handle.policy import SQL, HandlePolicy


def check_quotas(policy: HandlePolicy, at: datetime, *, registered: int) -> None:
    """Whether one more change, with as many registrations, is within what was counted when the policy was read.

    Raises ``DailyRequestLimit``, ``RegistrationCountLimit``.
    """
    today = day_of(at)
    requests = policy.requests if policy.request_day == today else 0
    _check_requests(requests + 1, policy.terms.daily_requests)
    if registered:
        _check_registered(policy.registered + registered, policy.terms.identifiers)


async def count_request(connection: Connection, policy: HandlePolicy, at: datetime, *, registered: int) -> None:
    """Count a change, with as many registrations. Raises as ``check_quotas`` when others were faster.

    A policy that was removed meanwhile counts nothing any more.
    """
    day = day_of(at)
    row = await connection.fetchrow(SQL["count_handle_request"], policy.prefix_id, day, registered)
    if row is None:
        return
    _check_requests(row["requests"], row["daily_requests"])
    if registered:
        _check_registered(row["registered"], row["identifiers"])


def _check_requests(count: int, limit: int | None) -> None:
    if limit is not None and count > limit:
        detail = f"all {limit} changes of today are made; more are possible tomorrow (Asia/Shanghai)"
        raise DailyRequestLimit(detail, limit=limit, used=count - 1)


def _check_registered(count: int, limit: int | None) -> None:
    if limit is not None and count > limit:
        detail = f"all {limit} identifiers that the Handle protocol may register here are registered"
        raise RegistrationCountLimit(detail, limit=limit, used=count - 1)
