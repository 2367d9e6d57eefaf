"""Messages waiting in the outbox, in the order of each stream, a page at a time.

Order. Numbers are drawn when a row is written, but rows show when their transaction commits: number 2 may be
there while number 1 is still to come. A reader that takes what it sees would send them the wrong way round.
It is not enough to pass over rows whose transaction is younger than the oldest open one either: a transaction
may be older and still draw the later number. ``Horizon`` therefore asks twice: it notes the newest number drawn
and, after that, which transactions exist; when the last of those has ended, every number up to the noted one is
either there or will never be. That a transaction has its own number before it draws one is seen to by the order
of the columns of ``outbox``. Any transaction of the server that writes and stays open holds the horizon back.

Cost. A page is at most 200 messages of at most 50 streams, and names of streams are found by one index step
each: a million waiting messages cost no more than a hundred.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from node.database import Pool, database_errors
from node.national.messages import Message
from node.sql import statements_beside

_SQL = statements_beside(__file__)
_STREAMS_OF_A_PAGE = 50
_ERROR_CHARACTERS = 500
_PURGED_AT_A_TIME = 5_000


@dataclass(frozen=True, slots=True)
class Sender:
    node_id: UUID
    laboratory: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Messages in the order of their streams. ``after`` continues the tour of the streams, empty at its end."""

    messages: Sequence[Message]
    after: str


class Horizon:
    """The greatest outbox_id up to which nothing can appear any more; it only grows."""

    __slots__ = ("_awaited", "settled")

    def __init__(self) -> None:
        self.settled = 0
        self._awaited: tuple[int, int] | None = None

    async def advance(self, pool: Pool) -> int:
        """Look once and return ``settled``. Raises ``DatabaseAway``."""
        with database_errors():
            # In this order: what is drawn after the first question belongs to the next look.
            drawn = await pool.fetchval(_SQL["drawn_so_far"])
            if drawn <= self.settled:
                return self.settled
            now = await pool.fetchrow(_SQL["transactions_now"])
        if self._awaited is not None and now["oldest_open"] >= self._awaited[1]:
            self.settled, self._awaited = self._awaited[0], None
        if now["oldest_open"] >= now["next"]:
            self.settled, self._awaited = drawn, None
        elif self._awaited is None:
            self._awaited = (drawn, now["next"])
        return self.settled


async def next_page(pool: Pool, *, after: str, paused: Collection[str], through: int, limit: int) -> Page:
    """The next messages to send: streams after ``after``, none of ``paused``, numbers up to ``through``.

    Every stream of a page gets an equal share of ``limit``, so that a long one does not hold up the others.
    Raises ``DatabaseAway``.
    """
    most_streams = min(limit, _STREAMS_OF_A_PAGE)
    with database_errors():
        rows = await pool.fetch(_SQL["waiting_streams"], after, list(paused), most_streams)
        streams = [row["stream"] for row in rows]
        if not streams:
            return Page((), "")
        found = await pool.fetch(_SQL["waiting_messages"], streams, through, max(1, limit // len(streams)))
    messages = [
        Message(
            message_id=UUID(bytes=row["message_id"].bytes),
            stream=row["stream"],
            sequence=row["outbox_id"],
            kind=row["kind"],
            created_at=row["created_at"],
            body=msgspec.Raw(row["body"].encode()),
        )
        for row in found
    ]
    return Page(messages, streams[-1] if len(streams) == most_streams else "")


async def settle(
    pool: Pool,
    *,
    delivered: Sequence[UUID],
    refused: Mapping[UUID, str],
    failed: Mapping[str, Sequence[UUID]],
    at: datetime,
) -> None:
    """Write down what became of a delivery. ``refused`` maps to the reason, ``failed`` from the reason.

    A refused message will never be accepted: it counts as delivered, keeps the reason in ``last_error`` and no
    longer holds up its stream. Raises ``DatabaseAway``; the messages are then sent again and answered as
    duplicates.
    """
    with database_errors():
        async with pool.acquire() as connection, connection.transaction():
            if delivered:
                await connection.execute(_SQL["mark_delivered"], delivered, at)
            if refused:
                reasons = [reason[:_ERROR_CHARACTERS] for reason in refused.values()]
                await connection.execute(_SQL["mark_refused"], list(refused), reasons, at)
            for reason, messages in failed.items():
                await connection.execute(_SQL["mark_failed"], messages, reason[:_ERROR_CHARACTERS])


async def backlog(pool: Pool) -> int:
    """How many messages wait. Raises ``DatabaseAway``."""
    with database_errors():
        return int(await pool.fetchval(_SQL["backlog"], timeout=60))


async def waiting_since(pool: Pool) -> datetime | None:
    """When the oldest waiting message was written. Raises ``DatabaseAway``."""
    with database_errors():
        since: datetime | None = await pool.fetchval(_SQL["oldest_waiting"])
    return since


async def purge(pool: Pool, delivered_before: datetime) -> bool:
    """Remove a portion of what was delivered so long ago; whether there may be more. Raises ``DatabaseAway``.

    What waits and what was refused stays.
    """
    with database_errors():
        removed = await pool.execute(_SQL["purge_delivered"], delivered_before, _PURGED_AT_A_TIME, timeout=60)
    return int(removed.rpartition(" ")[2]) >= _PURGED_AT_A_TIME


async def sender(pool: Pool) -> Sender:
    """Whose outbox this is. Raises ``DatabaseAway``."""
    with database_errors():
        row = await pool.fetchrow(_SQL["sender"])
    return Sender(row["node_id"], row["laboratory"])
