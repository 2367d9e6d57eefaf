"""Counting resolutions: each once, after its answer left, by minute, prefix, interface and outcome.

``count`` only notes a resolution; the next turn of the event loop, when its answer has left, books all that were
noted: first into the event file, then into the totals. Both are mapped files, so a process that is killed loses
nothing that it booked. Every ``seconds`` the totals so far are written under the number of their start (``boot_id``),
so that a write repeated or late changes nothing; while the database is away they wait.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

import structlog
from prometheus_client import Counter

from node.china_time import day_of, midnight
from node.client_address import Network
from node.database import Pool, transaction
from node.errors import Unavailable
from node.journal import Interface
from node.pause import pause
from node.resolutions import Outcome, tenant_of
from resolver import metrics
from resolver.counting.counters_format import Total
from resolver.counting.event_file import Booked
from resolver.counting.folder import CountingFolder
from resolver.counting.never import NeverCounts
from resolver.counting.sources import Client, ClientKeys, Sources
from resolver.counting.start import Facts, Start, begin
from resolver.counting.totals import OUTCOME_BITS, Slot
from resolver.counting.writing import Gap, note_gap, write_totals

log = structlog.get_logger("resolver")

_SYNC_SECONDS = 1.0
_TENANT_SECONDS = 3600
_TENANTS = 10_000

_Changes = list[tuple[Slot, Total]]


class ResolutionCounter:
    """Books what was answered and writes every ``seconds``; ``async with`` runs it and writes a last time at the end.

    ``folder`` is where totals and events outlive the process; without one they are in memory alone. ``clock`` is Unix
    time, ``bots`` the networks of known bots, ``client_addresses`` "hashed" or "kept".
    """

    def __init__(
        self,
        pool: Pool,
        folder: CountingFolder | None,
        *,
        never: NeverCounts,
        seconds: float,
        keys: ClientKeys | None = None,
        bots: Sequence[Network] = (),
        laboratory: bool = False,
        client_addresses: str = "hashed",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.never = never
        self._pool = pool
        self._folder = folder
        self._seconds = seconds
        self._clock = clock
        self._keys = keys or ClientKeys()
        self._sources = Sources(never, self._keys, bots)
        self._facts = Facts(laboratory, never.told, client_addresses)
        self._pending: list[Booked] = []
        self._soon: Callable[[Callable[[], None]], object] | None = None
        self._settle = self.settle  # bound once: it is asked for with every answer
        self._minute = 0
        self._minute_begins = self._minute_ends = self._day_begins = self._day_ends = 0.0
        self._words: dict[tuple[str, int], int] = {}
        self._tenants: set[tuple[str, int]] = set()
        self._tenants_seen: dict[tuple[str, int], float] = {}
        self._shown: dict[int, Counter] = {}
        self._gaps: list[Gap] = []
        self._away = False
        self._syncing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._running: list[asyncio.Task[None]] = []
        self._retired: list[Start] = []
        self._start = begin(folder, self._facts, _micros(clock()))

    @property
    def writes(self) -> bool:
        """Whether the totals reach the database; while they do not, they wait in the mapped files."""
        return not self._away

    # Noting and booking ---------------------------------------------------------------------------------------

    def count(
        self,
        key: tuple[str, str],
        interface: Interface,
        outcome: Outcome,
        source: str,
        micros: int = 0,
        tenant: int = 0,
        marks: int = 0,
    ) -> None:
        """Note one resolution, as ``CountResolution`` has it. Call within a running event loop."""
        pending = self._pending
        pending.append((key, interface, outcome, source, micros, tenant, marks))
        if len(pending) == 1:
            if self._soon is None:
                self._soon = asyncio.get_running_loop().call_soon
            self._soon(self._settle)

    def count_left(self, events: Sequence[Booked]) -> None:
        """As ``count``, of resolutions whose answers have left already: booked at once.

        The event loop's turn that ``count`` waits for costs 2 µs and a system call, as much as all the rest.
        """
        if self._pending:
            self.settle()
        self._book(events)

    def note_tenant(self, source: str, enterprise_id: UUID) -> None:
        """An account of an enterprise acted from an address: event files say so, at most once an hour for each."""
        self._tenants.add((source, tenant_of(enterprise_id)))

    def settle(self) -> None:
        """Book what was noted."""
        pending, self._pending = self._pending, []
        self._book(pending)

    def _book(self, pending: Sequence[Booked]) -> None:
        now = self._clock()
        if not self._minute_begins <= now < self._minute_ends:
            self._turn(now)
        if self._tenants:
            self._book_tenants(now)
        known, words = self._sources.known, self._words
        booked: list[tuple[Booked, Client]] = []
        chosen: list[int] = []
        for event in pending:
            key, interface, outcome, source, _, _, _ = event
            try:
                client = known[source]
            except KeyError:
                client = self._sources.client_of(source, now)
            if client is None:
                continue
            booked.append((event, client))
            kind = interface << OUTCOME_BITS | outcome
            try:
                chosen.append(words[key[0], kind])
            except KeyError:
                word = words[key[0], kind] = self._start.totals.place(self._minute, key[0], kind)
                chosen.append(word)
        if booked:
            start = self._start
            start.files.record(booked, int(now * 1_000_000))
            totals = start.totals.words
            for word in chosen:
                totals[word] += 1

    def _book_tenants(self, now: float) -> None:
        tenants, self._tenants = self._tenants, set()
        if len(self._tenants_seen) >= _TENANTS:
            self._tenants_seen.clear()
        for source, tenant in tenants:
            noted_at = self._tenants_seen.get((source, tenant))
            if noted_at is not None and 0 <= now - noted_at < _TENANT_SECONDS:
                continue
            self._tenants_seen[source, tenant] = now
            client = self._sources.client_of(source, now)
            if client is not None:
                self._start.files.record_tenant(tenant, client, _micros(now))

    def _turn(self, now: float) -> None:
        """Count in another minute, and perhaps in another day."""
        if not self._day_begins <= now < self._day_ends:
            self._turn_day(now)
        minute = int(now // 60)
        if self._start.gave_up(minute):
            log.warning("clock_went_back", minutes=self._start.latest - minute)
            self._retired.append(self._start)
            self._start = begin(self._folder, self._facts, _micros(now))
        self._start.turn_to(minute)
        self._minute, self._words = minute, {}
        self._minute_begins, self._minute_ends = minute * 60.0, minute * 60.0 + 60.0

    def _turn_day(self, now: float) -> None:
        """Another day of Asia/Shanghai: its events stand in files of their own, and the keys may be others."""
        day = day_of(datetime.fromtimestamp(now, UTC))
        self._day_begins, self._day_ends = midnight(day).timestamp(), midnight(day + timedelta(days=1)).timestamp()
        self._sources.forget()
        self._tenants_seen.clear()
        self._start.files.rotate_if_used(_micros(now))

    # Writing --------------------------------------------------------------------------------------------------

    async def write(self, *, last: bool = False) -> None:
        """Write the totals that changed. Raises ``DatabaseAway``; they are then written the next time."""
        self.settle()
        now = self._clock()
        retired = self._retired[:]
        taken: list[tuple[Start, set[int], _Changes]] = []
        for start in (*retired, self._start):
            minutes, changes = start.take_unwritten(None if start in retired else self._minute)
            taken.append((start, minutes, changes))
            self._show(changes)
            blind = start.files.take_blind(_micros(now), last=last or start in retired)
            if blind is not None:
                began, ended = (datetime.fromtimestamp(each / 1e6, UTC) for each in blind)
                self._gaps.append(Gap(start.recorder_id, start.boot_id, "no_evidence", began, ended))
        try:
            await self._write(taken, now)
        except BaseException:
            for start, minutes, _ in taken:
                start.touched |= minutes
            raise
        for start, _, changes in taken:
            start.written(changes)
        for start in retired:
            await self._end(start, now)

    async def _write(self, taken: Sequence[tuple[Start, set[int], _Changes]], now: float) -> None:
        for start, _, changes in taken:
            if changes:
                # Each in a transaction of its own: the marks of hours are taken in their order, within one start.
                async with transaction(self._pool) as connection:
                    await write_totals(connection, start.boot_id, [total for _, total in changes])
        gaps = self._gaps[:]
        if gaps:
            async with transaction(self._pool) as connection:
                for gap in gaps:
                    await note_gap(connection, gap, datetime.fromtimestamp(now, UTC))
            del self._gaps[: len(gaps)]

    async def _end(self, start: Start, now: float) -> None:
        self._retired.remove(start)
        async with self._syncing:
            await start.files.finish(_micros(now))
            start.totals.finish(written=True)

    def _show(self, changes: _Changes) -> None:
        """Tell the metrics; for each resolution it would cost as much as all the rest."""
        more: Tally[int] = Tally()
        for slot, total in changes:
            more[slot.kind] += total.resolutions - slot.shown
            slot.shown = total.resolutions
        for kind, resolutions in more.items():
            shown = self._shown.get(kind)
            if shown is None:
                interface, outcome = Interface(kind >> OUTCOME_BITS), Outcome(kind & (1 << OUTCOME_BITS) - 1)
                shown = metrics.RESOLUTIONS.labels(interface.name.lower(), outcome.name.lower())
                self._shown[kind] = shown
            shown.inc(resolutions)

    # Running --------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._read_keys()
        self._running = [
            asyncio.create_task(self._write_often(), name="write counts"),
            asyncio.create_task(self._sync_often(), name="sync counts"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        await asyncio.gather(*self._running)
        written = await self._try_to_write(last=True)
        now = self._clock()
        for start in (*self._retired, self._start):
            await start.files.finish(_micros(now))
            start.totals.finish(written=written)

    async def _write_often(self) -> None:
        while not await pause(self._stopping, self._seconds):
            await self._try_to_write()
            await self._read_keys()

    async def _try_to_write(self, *, last: bool = False) -> bool:
        waiting = sum(len(start.totals) for start in (*self._retired, self._start))
        try:
            await self.write(last=last)
        except Unavailable as error:
            if not self._away:
                log.warning("counts_wait", keys=waiting, cause=error.evidence.get("cause"))
            self._away = True
        except Exception:
            log.exception("counts_not_written", keys=waiting)
        else:
            if self._away:
                log.info("counts_written_again")
            self._away = False
            return True
        return False

    async def _sync_often(self) -> None:
        while not await pause(self._stopping, _SYNC_SECONDS):
            try:
                await self._sync()
            except OSError as error:
                log.warning("counts_not_synced", cause=error.strerror)

    async def _sync(self) -> None:
        """Everything booked up to now reaches the disk: a lost machine costs a second. Raises OSError."""
        async with self._syncing:
            self.settle()
            start, at = self._start, _micros(self._clock())
            start.totals.alive(at)
            start.files.alive(at)
            freed = start.totals.take_freed()
            await start.files.keep(at)
            await asyncio.to_thread(start.totals.sync)
            start.totals.synced(at, freed)

    async def _read_keys(self) -> None:
        now = self._clock()
        if self._keys.known(now):
            return
        try:
            await self._keys.read(self._pool, now)
        except Unavailable as error:
            log.info("client_keys_wait", cause=error.evidence.get("cause"))
        else:
            self._sources.forget()


def _micros(at: float) -> int:
    return int(at * 1_000_000)
