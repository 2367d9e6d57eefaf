"""Five wrong proofs in a row lock an account for fifteen minutes (等保 GB/T 22239-2019 8.1.4.1 b)."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from node.database import Pool, transaction
from node.journal import Act, Actor, Interface, record_act
from registry.accounts.stored import StoredAccount
from registry.store import SQL

log = structlog.get_logger(__name__)

FAILURES_ALLOWED = 5
LOCK = timedelta(minutes=15)


async def count_failure(pool: Pool, known: StoredAccount, at: datetime) -> None:
    """One more wrong password or code; guesses during a lock are not counted."""
    account_id = known.account.account_id
    async with transaction(pool) as connection:
        until = await connection.fetchval(SQL["count_failure"], account_id, at, FAILURES_ALLOWED, at + LOCK)
        if until is None or until <= at:
            return
        after = {**known.to_json(), "locked_until": until}
        act = Act("account.lock", "account", str(account_id), before=known.to_json(), after=after)
        await record_act(connection, Actor(None, Interface.V1), act, at)
    log.warning("account_locked", account=known.account.name, until=until.isoformat())
