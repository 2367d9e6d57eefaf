"""Standby records (接管备用数据): what this node answers lies with the node above too, for the day it has to answer.

First a snapshot, page by page in the order of names, as of a settled position in history; from there on what history
says has changed, as it is now; and beside it what is answered otherwise without an entry in history (a prefix is
suspended, an attribute hidden, an identifier blocked), which triggers note in ``standby_due``. The node above says
how far it is, so there is nothing to remember here but the furthest position ever sent: one further above comes of a
backup that was restored here, and then the snapshot begins anew, but not while the node above answers from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from prometheus_client import Gauge

from node.database import Connection, Pool, database_errors
from node.errors import Unavailable
from node.identifier import fold
from node.national import outbox
from node.national.bulk import StandbyPage, StandbyRecord, StandbyState
from node.national.client import NationalClient, NationalRefusal
from node.national.duties import Duty
from node.national.instructions import Compared
from node.sql import statements_beside
from registry.connection.standby_page import page_of, standby_records
from registry.export.exports import settled_position

log = structlog.get_logger("standby")

BEHIND = Gauge(
    "biaoshi_standby_behind",
    "Changes that the standby records above do not have yet, -1 while a snapshot is not whole",
    multiprocess_mode="livemostrecent",
)

_SQL = statements_beside(__file__, "standby.sql")
_IDLE_SECONDS = 2.0
_HOLD_SECONDS = 0.25
_ASK_SECONDS = 60.0
_COMPARISON_SECONDS = 60.0
_OCTETS = 8 << 20
_PREFIXES = 100
_SUMMARY = 50_000  # positions after which the range index of history is brought up to date
_NEWER = 20  # records of a page beside the others: they may be of the largest kind
_PAGE_SECONDS = 60.0


class StandbyAhead(Unavailable):
    """Evidence: ``above``, the position there."""

    title_zh = "上级节点的备用数据比本节点新"


class StandbyOutOfReach(Unavailable):
    title_zh = "备用数据无法同步"


@dataclass(frozen=True, slots=True)
class _Due:
    prefix_id: int
    suffix_key: str
    transaction_id: str


@dataclass(frozen=True, slots=True)
class _Page:
    """``due`` is settled when the page is above; ``began``: it begins a snapshot, and no older transaction is open;
    ``after``: where the walk through the prefix of ``due`` goes on, if it does."""

    kind: str
    to: int
    records: Sequence[StandbyRecord]
    since: int = 0
    snapshot_id: UUID | None = None
    snapshot_after: str = ""
    last: bool = False
    due: Sequence[_Due] = ()
    began: str | None = None
    walk: tuple[_Due, str] | None = None


class Standby:
    """One for each steward; ``rows`` is the number of records of a page at most."""

    def __init__(
        self,
        pool: Pool,
        clock: Callable[[], datetime],
        *,
        rows: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._rows = rows
        self._monotonic = monotonic
        self._turn = asyncio.Lock()
        self._state: StandbyState | None = None
        self._asked_at = 0.0
        self._settled = 0
        self._summed_up = -_SUMMARY
        self._walk: tuple[_Due, str] | None = None

    def duty(self) -> Duty:
        """What the steward does turn after turn."""
        return Duty("standby", "standby", self.turn)

    async def turn(self, client: NationalClient) -> float:
        """Send one page; the seconds until the next.

        Raises ``DatabaseAway``, ``PositionUnsettled``, ``StandbyAhead``, ``StandbyOutOfReach`` and what the client
        raises.
        """
        async with self._turn:
            since = self._clock() - timedelta(seconds=_COMPARISON_SECONDS)
            with database_errors():
                if await self._pool.fetchval(_SQL["comparison_waits"], since):
                    return _HOLD_SECONDS
            return 0.0 if await self._step(client) else _IDLE_SECONDS

    @contextlib.asynccontextmanager
    async def compared(self, client: NationalClient, sample: Sequence[str]) -> AsyncIterator[Compared]:
        """Bring the records above up to date and say how the sample is answered; nothing is sent within the block.

        Raises what ``turn`` raises.
        """
        async with self._turn:
            state = await self._catch_up(client)
            digests, newer = await self._digests(state.position or 0, sample)
            for first in range(0, len(newer), _NEWER):
                # What changed since is sent as it was read, so that both sides have the same.
                page = _Page("changes", state.position or 0, newer[first : first + _NEWER], since=state.position or 0)
                state = await self._send(client, page, state)
            yield Compared(position=state.position or 0, records=state.records, digests=digests)

    async def _catch_up(self, client: NationalClient) -> StandbyState:
        """Until everything that is settled now lies above."""
        async with self._connection() as connection:
            target = await settled_position(connection)
        self._state = None  # what the node above says now counts, not what it said a while ago
        while True:
            state = await self._known(client)
            if state.snapshot_id is None and state.position is not None and state.position >= target:
                async with self._connection() as connection:
                    known = state.position <= await connection.fetchval(_SQL["furthest_sent"])
                    if known and not await connection.fetch(_SQL["due"], 1):
                        return state
            await self._step(client)

    async def _known(self, client: NationalClient) -> StandbyState:
        now = self._monotonic()
        if self._state is None or now - self._asked_at > _ASK_SECONDS:
            self._state = await client.standby()
            self._asked_at = now
            async with self._connection() as connection:
                await self._note(connection, self._state)
        return self._state

    async def _step(self, client: NationalClient) -> bool:
        """Send one page, or learn that the state is another; False when there was nothing to do."""
        state = await self._known(client)
        page = await self._next_page(client, state)
        if page is None:
            return False
        self._state = None  # should anything go wrong from here on: the node above knows
        try:
            answer = await self._send(client, page, state)
        except NationalRefusal as refusal:
            if refusal.evidence["refusal"] != "standby_out_of_step":
                raise
            log.warning("standby_out_of_step", detail=refusal.detail, position=state.position)
            if await self._known(client) == state:
                raise StandbyOutOfReach("the node above refuses the page that fits to its own state") from refusal
            return True
        async with self._connection() as connection, connection.transaction():
            if page.began is not None:
                await connection.execute(_SQL["note_sending"], page.to)
                await connection.execute(_SQL["settle_due_before"], page.began)
            await _settle(connection, page.due)
            await self._note(connection, answer)
        self._state, self._walk = answer, page.walk
        return True

    async def _send(self, client: NationalClient, page: _Page, state: StandbyState) -> StandbyState:
        if page.kind == "changes" and not page.records and page.to == page.since:
            return state  # what is due is not registered at all
        sender = await outbox.sender(self._pool)
        head = StandbyPage(
            node=sender.node_id,
            laboratory=sender.laboratory,
            kind=page.kind,  # type: ignore[arg-type]  # one of two words
            snapshot_id=page.snapshot_id,
            after=page.snapshot_after,
            since=page.since,
            to=page.to,
            rows=len(page.records),
            last=page.last,
        )
        return await client.put_standby(await asyncio.to_thread(page_of, head, page.records))

    async def _next_page(self, client: NationalClient, state: StandbyState) -> _Page | None:
        under_way, position = state.snapshot_id, state.position
        async with self._connection() as connection:
            furthest = await connection.fetchval(_SQL["furthest_sent"])
            if under_way is not None and state.snapshot_position is not None and state.snapshot_position <= furthest:
                return await self._snapshot(connection, under_way, state.snapshot_position, state.snapshot_after)
            if under_way is None and position is not None and position <= furthest:
                return await self._due(connection, position) or await self._changes(connection, position)
        if position is not None and position > furthest:
            await self._check_nobody_needs_them(client, position)
        async with self._connection() as connection:
            oldest = await connection.fetchval(_SQL["oldest_transaction"])
            to = await settled_position(connection)
            log.info("standby_snapshot_begins", position=to, above=position)
            return await self._snapshot(connection, uuid4(), to, "", began=oldest)

    async def _check_nobody_needs_them(self, client: NationalClient, position: int) -> None:
        """Whether records above, of changes that this database has lost, may be replaced: not while they answer."""
        async with self._connection() as connection:
            told = await connection.fetchrow(_SQL["told_from_above"])
        if told["needed"] or (await client.instructions(told["last_instruction"])).instructions:
            raise StandbyAhead(
                "the node above has changes that this database has lost; they stay while a takeover lasts or "
                "instructions wait",
                above=position,
            )

    async def _snapshot(
        self, connection: Connection, snapshot_id: UUID, to: int, after: str, *, began: str | None = None
    ) -> _Page:
        rows: list[Any] = []
        octets, (prefix, _, suffix_key) = 0, fold(after).partition("/")
        begin, last = prefix and prefix + "/", False
        while not last and len(rows) < self._rows and octets < _OCTETS:
            prefixes = await connection.fetch(_SQL["answered_prefixes"], begin, _PREFIXES)
            last = len(prefixes) < _PREFIXES
            for held in prefixes:
                start = suffix_key if held["prefix"] == prefix else ""
                limit = self._rows - len(rows)
                page, cut = await _page_of_prefix(
                    connection, held["prefix_id"], start, limit, _OCTETS - octets, False
                )
                rows += page
                octets += sum(len(row["record"]) for row in page)
                begin = held["prefix"] + "/"
                if cut:
                    last = False
                    break
                begin += "\x01"  # after it; no prefix holds that character
        records = await asyncio.to_thread(standby_records, rows)
        return _Page("snapshot", to, records, snapshot_id=snapshot_id, snapshot_after=after, last=last, began=began)

    async def _due(self, connection: Connection, position: int) -> _Page | None:
        rows = await connection.fetch(_SQL["due"], self._rows)
        if not rows:
            return None
        due = [_Due(row["prefix_id"], row["suffix_key"], row["transaction_id"]) for row in rows]
        whole = due[0]
        if whole.suffix_key:
            found = await connection.fetch(
                _SQL["due_records"], [one.prefix_id for one in due], [one.suffix_key for one in due], _OCTETS
            )
            late = {(row["prefix_id"], row["suffix_key"]) for row in found if row["left_out"]}
            records = await asyncio.to_thread(standby_records, [row for row in found if not row["left_out"]])
            sent = [one for one in due if (one.prefix_id, one.suffix_key) not in late]
            return _Page("changes", position, records, since=position, due=sent)
        after = self._walk[1] if self._walk is not None and self._walk[0] == whole else ""
        page, more = await _page_of_prefix(connection, whole.prefix_id, after, self._rows, _OCTETS, True)
        records = await asyncio.to_thread(standby_records, page)
        if more:
            return _Page("changes", position, records, since=position, walk=(whole, page[-1]["suffix_key"]))
        return _Page("changes", position, records, since=position, due=(whole,))

    async def _changes(self, connection: Connection, position: int) -> _Page | None:
        if position >= self._settled:
            self._settled = await settled_position(connection)
        BEHIND.set(max(0, self._settled - position))
        if position >= self._settled:
            return None
        async with connection.transaction():
            await connection.execute(_SQL["go_through_ranges"])
            if self._settled - self._summed_up >= _SUMMARY:
                await connection.execute(_SQL["sum_ranges_up"])
                self._summed_up = self._settled
            rows: list[Any] = []
            until, stretch = position, self._rows
            while not rows and until < self._settled:
                until = min(until + stretch, self._settled)
                rows = await connection.fetch(
                    _SQL["page_of_changes"], position, until, _OCTETS, self._rows, timeout=_PAGE_SECONDS
                )
                stretch *= 10  # positions that nothing came of; after a restore there may be very many
        fits = next((place for place, row in enumerate(rows) if row["left_out"]), None)
        if fits is not None:
            until = rows[fits]["position"] - 1
            rows = rows[:fits]
        await connection.execute(_SQL["note_sending"], until)
        once = {row["name"]: row for row in rows}  # whatever happened to it, it is what it is now
        return _Page("changes", until, await asyncio.to_thread(standby_records, once.values()), since=position)

    async def _digests(self, position: int, sample: Sequence[str]) -> tuple[dict[str, str], list[StandbyRecord]]:
        """How the sample is answered now, and the records of those of it that have changed since a position."""
        split = [name.partition("/") for name in sample]
        prefixes, suffix_keys = [fold(name[0]) for name in split], [fold(name[2]) for name in split]
        async with self._connection() as connection:
            rows = await connection.fetch(_SQL["sample"], prefixes, suffix_keys, position)
        digests, newer = dict.fromkeys(sample, ""), dict[str, StandbyRecord]()
        for row, record in zip(rows, standby_records(rows), strict=True):
            if record.record:
                digests[sample[row["place"] - 1]] = hashlib.sha256(record.record).hexdigest()
            if row["newer"]:
                newer[record.name] = record
        return digests, list(newer.values())

    async def _note(self, connection: Connection, state: StandbyState) -> None:
        await connection.execute(_SQL["note_standing"], state.position, self._clock())
        if state.position is None or state.snapshot_id is not None:
            BEHIND.set(-1)

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        with database_errors():
            async with self._pool.acquire(timeout=5) as connection:
                yield connection


async def _page_of_prefix(
    connection: Connection, prefix_id: int, after: str, limit: int, octets: int, ended: bool
) -> tuple[list[Any], bool]:
    """The next rows of a prefix, and whether there may be more."""
    async with connection.transaction():
        await connection.execute(_SQL["walk_by_key"])
        rows = await connection.fetch(
            _SQL["page_of_prefix"], prefix_id, after, limit, octets, ended, timeout=_PAGE_SECONDS
        )
    fit = [row for row in rows if not row["left_out"]]
    return fit, len(rows) == limit or len(fit) < len(rows)


async def _settle(connection: Connection, due: Sequence[_Due]) -> None:
    if due:
        await connection.execute(
            _SQL["settle_due"],
            [one.prefix_id for one in due],
            [one.suffix_key for one in due],
            [one.transaction_id for one in due],
        )
