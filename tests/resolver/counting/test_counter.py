"""Counting: each resolution once, in the right row, whatever happens to the database or the clock meanwhile."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from node.database import DatabaseAway, Pool, open_pool
from node.journal import Interface
from node.resolutions import BOT, Outcome, tenant_of
from resolver import metrics
from resolver.counting.counter import ResolutionCounter
from resolver.counting.counters_format import read_counters
from resolver.counting.event_file import EventFile
from resolver.counting.event_format import Event, State, TenantSeen, read_addresses, read_header, read_records
from resolver.counting.folder import CountingFolder, open_folder
from resolver.counting.never import NeverCounts
from tests.support.shelf import Front, Shelf

MINUTE = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
PAGE, API = Interface.PAGE, Interface.HANDLE_JSON
VISITOR = "203.0.113.7"
PUMP = "88.101.1", "PUMP-1"


class Clock:
    def __init__(self) -> None:
        self.now = MINUTE + timedelta(seconds=30)

    def __call__(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> CountingFolder:
    return open_folder(tmp_path, uuid4())


def counter_on(
    pool: Pool, clock: Clock, folder: CountingFolder | None = None, never: tuple[str, ...] = (), **changed: Any
) -> ResolutionCounter:
    counted = NeverCounts(never, laboratory=changed.get("laboratory", False))
    return ResolutionCounter(pool, folder, never=counted, seconds=3600, clock=clock, **changed)


async def rows(pool: Pool) -> list[tuple[datetime, str, int, int, int]]:
    found = await pool.fetch(
        "SELECT minute, prefix, interface, outcome, sum(resolutions)::bigint FROM resolution_count"
        " GROUP BY minute, prefix, interface, outcome ORDER BY minute, prefix, outcome"
    )
    return [tuple(row.values()) for row in found]


def records(folder: CountingFolder) -> Iterator[Event | TenantSeen]:
    for file in folder.events_files():
        data = file.read_bytes()
        header, progress = read_header(data)
        yield from read_records(data, header, progress.head)


def events(folder: CountingFolder) -> list[Event]:
    return [record for record in records(folder) if isinstance(record, Event)]


# Totals -----------------------------------------------------------------------------------------------


async def test_each_resolution_counts_once_in_its_own_row(pool: Pool, clock: Clock) -> None:
    counter = counter_on(pool, clock)
    for _ in range(3):
        counter.count(PUMP, API, Outcome.HIT, VISITOR)
    counter.count(PUMP, API, Outcome.MISSING, VISITOR)
    counter.settle()
    clock.now += timedelta(minutes=1)
    counter.count(PUMP, PAGE, Outcome.HIT, VISITOR)
    await counter.write()
    assert await rows(pool) == [
        (MINUTE, "88.101.1", 4, 1, 3),
        (MINUTE, "88.101.1", 4, 3, 1),
        (MINUTE + timedelta(minutes=1), "88.101.1", 5, 1, 1),
    ]
    hours = [row["hour"] for row in await pool.fetch("SELECT hour FROM hour_to_sum")]
    assert hours == [MINUTE]


async def test_what_is_counted_is_booked_in_the_next_turn_of_the_loop(
    pool: Pool, clock: Clock, folder: CountingFolder
) -> None:
    counter = counter_on(pool, clock, folder)
    counter.count(PUMP, API, Outcome.HIT, VISITOR)
    assert events(folder) == []
    await asyncio.sleep(0)
    assert len(events(folder)) == 1


async def test_totals_grow_and_a_repeated_write_changes_nothing(pool: Pool, clock: Clock) -> None:
    counter = counter_on(pool, clock)
    counter.count(PUMP, API, Outcome.HIT, VISITOR)
    await counter.write()
    await counter.write()
    counter.count(PUMP, API, Outcome.HIT, VISITOR)
    await counter.write()
    assert await rows(pool) == [(MINUTE, "88.101.1", 4, 1, 2)]


async def test_each_process_start_has_rows_of_its_own(pool: Pool, clock: Clock) -> None:
    for _ in range(2):
        async with counter_on(pool, clock) as counter:
            counter.count(PUMP, API, Outcome.HIT, VISITOR)
    assert await pool.fetchval("SELECT count(*) FROM resolution_count") == 2
    assert await rows(pool) == [(MINUTE, "88.101.1", 4, 1, 2)]


async def test_some_networks_never_count(pool: Pool, clock: Clock, folder: CountingFolder) -> None:
    counter = counter_on(pool, clock, folder, ("127.0.0.0/8", "2001:db8::/32"))
    for source in ("127.0.0.1", "::ffff:127.0.0.1", "2001:db8::7", "127.0.0.1"):
        counter.count(PUMP, API, Outcome.HIT, source)
    counter.count(PUMP, API, Outcome.HIT, VISITOR)
    await counter.write()
    assert await rows(pool) == [(MINUTE, "88.101.1", 4, 1, 1)]
    assert len(events(folder)) == 1


async def test_while_the_database_is_away_totals_wait(database_url: str, pool: Pool, clock: Clock) -> None:
    lost = await open_pool(database_url, "biaoshi_writer", size=1, seconds=1, name="lost")
    counter = counter_on(lost, clock)
    counter.count(PUMP, API, Outcome.HIT, VISITOR)
    await pool.execute("SELECT 1")
    lost.terminate()
    with pytest.raises(DatabaseAway):
        await counter.write()
    clock.now += timedelta(minutes=2)
    counter.count(PUMP, API, Outcome.HIT, VISITOR)
    counter._pool = pool
    await counter.write()
    assert await rows(pool) == [
        (MINUTE, "88.101.1", 4, 1, 1),
        (MINUTE + timedelta(minutes=2), "88.101.1", 4, 1, 1),
    ]


async def test_the_metrics_are_told_when_totals_are_written(pool: Pool, clock: Clock) -> None:
    shown = metrics.RESOLUTIONS.labels("idhub", "error")
    before = shown._value.get()
    counter = counter_on(pool, clock)
    for times in (3, 2):
        for _ in range(times):
            counter.count(PUMP, Interface.IDHUB, Outcome.ERROR, VISITOR)
        await counter.write()
    assert shown._value.get() - before == 5


# The clock --------------------------------------------------------------------------------------------


async def test_a_clock_that_steps_back_a_little_counts_on(pool: Pool, clock: Clock) -> None:
    counter = counter_on(pool, clock)
    counter.count(PUMP, API, Outcome.HIT, VISITOR)
    counter.settle()
    clock.now += timedelta(minutes=5)
    await counter.write()
    clock.now -= timedelta(minutes=5)
    counter.count(PUMP, API, Outcome.HIT, VISITOR)
    await counter.write()
    assert await rows(pool) == [(MINUTE, "88.101.1", 4, 1, 2)]
    assert await pool.fetchval("SELECT count(*) FROM resolution_count") == 1


async def test_a_clock_that_goes_back_to_minutes_given_up_begins_a_new_start(
    pool: Pool, clock: Clock, folder: CountingFolder
) -> None:
    counter = counter_on(pool, clock, folder)
    for _ in range(3):
        counter.count(PUMP, API, Outcome.HIT, VISITOR)
        await counter.write()
        clock.now += timedelta(hours=1)
        counter.count(PUMP, API, Outcome.HIT, VISITOR)
        await counter.write()
        clock.now -= timedelta(hours=1)
    later = MINUTE + timedelta(hours=1)
    assert await rows(pool) == [(MINUTE, "88.101.1", 4, 1, 3), (later, "88.101.1", 4, 1, 3)]
    assert await pool.fetchval("SELECT count(DISTINCT boot_id) FROM resolution_count") == 3
    assert len(folder.counters_files()) == 1
    assert len({event.boot for event in events(folder)}) == 3


async def test_a_clock_that_goes_back_while_the_database_is_away_loses_nothing(
    database_url: str, pool: Pool, clock: Clock, folder: CountingFolder
) -> None:
    lost = await open_pool(database_url, "biaoshi_writer", size=1, seconds=1, name="lost")
    counter = counter_on(lost, clock, folder)
    lost.terminate()
    for hours in (1, -1, 1, -1):
        counter.count(PUMP, API, Outcome.HIT, VISITOR)
        with pytest.raises(DatabaseAway):
            await counter.write()
        clock.now += timedelta(hours=hours)
    assert len(folder.counters_files()) == 2
    counter._pool = pool
    await counter.write()
    assert await rows(pool) == [
        (MINUTE, "88.101.1", 4, 1, 2),
        (MINUTE + timedelta(hours=1), "88.101.1", 4, 1, 2),
    ]
    assert len(folder.counters_files()) == 1


async def test_settled_totals_are_forgotten_and_unwritten_ones_are_not(pool: Pool, clock: Clock) -> None:
    counter = counter_on(pool, clock)
    counter.count(PUMP, API, Outcome.HIT, VISITOR)
    counter.settle()
    clock.now += timedelta(hours=1)
    counter.settle()
    assert len(counter._start.totals) == 1
    await counter.write()
    assert len(counter._start.totals) == 0
    assert await rows(pool) == [(MINUTE, "88.101.1", 4, 1, 1)]


async def test_another_day_of_shanghai_stands_in_another_file(
    pool: Pool, clock: Clock, folder: CountingFolder
) -> None:
    counter = counter_on(pool, clock, folder)
    for hours in (7, 1, 1):  # 15:00 and 16:00 UTC lie on both sides of midnight
        clock.now += timedelta(hours=hours)
        counter.count(PUMP, API, Outcome.HIT, VISITOR)
        counter.settle()
    in_files = [len(list(read_records(d, *_until(d)))) for d in map(Path.read_bytes, folder.events_files())]
    assert in_files == [1, 2]


def _until(data: bytes) -> tuple[Any, int]:
    header, progress = read_header(data)
    return header, progress.head


# Events -----------------------------------------------------------------------------------------------


async def test_an_event_says_everything_about_a_resolution(pool: Pool, clock: Clock, folder: CountingFolder) -> None:
    enterprise = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    counter = counter_on(pool, clock, folder)
    counter.count(PUMP, API, Outcome.HIT, VISITOR, 250, tenant_of(enterprise), BOT)
    counter.count(("88.101.1", "泵/2号"), PAGE, Outcome.STALE_HIT, "203.0.113.8")
    counter.count(("", ""), PAGE, Outcome.MISSING, "2001:db8::1")
    counter.settle()
    first, second, third = events(folder)
    at = int(clock() * 1e6)
    assert first[:2] == (at, counter._start.boot_id)
    assert first[3:7] == ("88.101.1", "PUMP-1", API, Outcome.HIT)
    assert first[9:] == (tenant_of(enterprise), 250, BOT)
    assert second[3:7] == ("88.101.1", "泵/2号", PAGE, Outcome.STALE_HIT)
    assert third[3:7] == ("", "", PAGE, Outcome.MISSING)
    assert first.position < second.position < third.position
    assert first.network == second.network != third.network
    assert len({first.client, second.client, third.client}) == 3


async def test_a_header_says_what_holds_in_a_file(pool: Pool, clock: Clock, folder: CountingFolder) -> None:
    counter_on(pool, clock, folder, ("127.0.0.0/8", "account:probe"), laboratory=True)
    (file,) = folder.events_files()
    header, progress = read_header(file.read_bytes())
    assert (header.node_id, header.recorder_id, header.number) == (folder.node_id, folder.recorder_id, 1)
    assert (header.laboratory, header.never, header.client_addresses) == (True, ("account:probe",), "hashed")
    assert header.opened_at == progress.alive == int(clock() * 1e6)


async def test_the_same_client_has_the_same_hash_in_every_process_and_another_in_another_month(
    pool: Pool, clock: Clock, folder: CountingFolder
) -> None:
    clients = []
    for days in (0, 0, 31):
        clock.now += timedelta(days=days)
        async with counter_on(pool, clock, folder) as counter:
            counter.count(PUMP, API, Outcome.HIT, VISITOR)
        clients.append(max(events(folder), key=lambda event: event.at).client)
    assert len(set(clients)) == 2
    months = [row["month"].isoformat() for row in await pool.fetch("SELECT month FROM counting_key ORDER BY month")]
    assert months == ["2026-03-01", "2026-04-01", "2026-05-01"]


async def test_addresses_stand_in_event_files_only_where_they_are_to_be_kept(
    pool: Pool, clock: Clock, folder: CountingFolder
) -> None:
    for choice in ("hashed", "kept"):
        counter = counter_on(pool, clock, folder, client_addresses=choice)
        for source in (VISITOR, VISITOR, "2001:db8::1"):
            counter.count(PUMP, API, Outcome.HIT, source)
        counter.settle()
        data = folder.events_files(counter._start.boot_id)[0].read_bytes()
        told = dict(read_addresses(data, read_header(data)[1].head))
        assert sorted(told.values()) == (["2001:db8::1", VISITOR] if choice == "kept" else [])
        assert (VISITOR.encode() in data) == (choice == "kept")
        assert {event.client for event in read_records(data, *_until(data))} >= told.keys()


async def test_an_enterprise_seen_at_an_address_is_noted_once_an_hour(
    pool: Pool, clock: Clock, folder: CountingFolder
) -> None:
    enterprise = uuid4()
    counter = counter_on(pool, clock, folder)
    for minutes in (0, 30, 40):
        clock.now += timedelta(minutes=minutes)
        counter.note_tenant(VISITOR, enterprise)
        counter.count(PUMP, API, Outcome.HIT, VISITOR)
        counter.settle()
    told = list(records(folder))
    seen = [record for record in told if isinstance(record, TenantSeen)]
    assert {record.tenant for record in seen} == {tenant_of(enterprise)}
    assert [record.at for record in seen] == [told[0].at, told[-1].at]
    assert {record.client for record in seen} == {event.client for event in events(folder)}


async def test_networks_of_bots_mark_what_comes_from_them(pool: Pool, clock: Clock, folder: CountingFolder) -> None:
    bots = [NeverCounts(["203.0.113.0/24"])._networks._networks[0]]
    counter = counter_on(pool, clock, folder, bots=bots)
    for source in (VISITOR, "198.51.100.1"):
        counter.count(PUMP, API, Outcome.HIT, source)
    counter.settle()
    assert [event.marks for event in events(folder)] == [BOT, 0]


# Files ------------------------------------------------------------------------------------------------


async def test_events_go_on_in_the_next_file_when_one_is_full(
    pool: Pool, clock: Clock, folder: CountingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolver.counting.event_file.FILE_BYTES", 8192)
    counter = counter_on(pool, clock, folder)
    for number in range(200):
        counter.count((f"88.101.{number % 3}", f"P{number}"), API, Outcome.HIT, VISITOR)
    counter.settle()
    await counter._sync()
    written = events(folder)
    assert [event.suffix for event in written] == [f"P{number}" for number in range(200)]
    assert [event.prefix for event in written] == [f"88.101.{number % 3}" for number in range(200)]
    states = [read_header(file.read_bytes())[1].state for file in folder.events_files()]
    assert states == [State.FINISHED, State.FINISHED, State.OPEN, State.OPEN]  # the last is to spare
    assert [event.position for event in written] == sorted(event.position for event in written)


async def test_counters_hold_what_was_booked_before_anybody_writes_it(
    pool: Pool, clock: Clock, folder: CountingFolder
) -> None:
    counter = counter_on(pool, clock, folder)
    for number in range(20_000):  # more keys than there are slots at first
        counter.count((f"88.101.{number}", "A"), API, Outcome.HIT, VISITOR)
    counter.count(("88.101.7", "A"), API, Outcome.HIT, VISITOR)
    counter.settle()
    (file,) = folder.counters_files()
    header, progress, totals = read_counters(file.read_bytes())
    assert (header.boot_id, progress.state) == (counter._start.boot_id, State.OPEN)
    assert len(totals) == 20_000
    assert Counter(total.resolutions for total in totals) == {1: 19_999, 2: 1}
    assert {total.minute for total in totals} == {int(MINUTE.timestamp()) // 60}
    await counter.write()
    assert await pool.fetchval("SELECT sum(resolutions) FROM resolution_count") == 20_001


async def test_an_orderly_end_leaves_finished_event_files_and_no_counters(
    pool: Pool, clock: Clock, folder: CountingFolder
) -> None:
    async with counter_on(pool, clock, folder) as counter:
        counter.count(PUMP, API, Outcome.HIT, VISITOR)
    assert folder.counters_files() == []
    (file,) = folder.events_files()
    assert read_header(file.read_bytes())[1].state == State.FINISHED
    assert await pool.fetchval("SELECT count(*) FROM counting_gap") == 0


async def test_counters_that_could_not_be_written_stay_for_who_adopts_them(
    database_url: str, clock: Clock, folder: CountingFolder
) -> None:
    lost = await open_pool(database_url, "biaoshi_writer", size=1, seconds=1, name="lost")
    async with counter_on(lost, clock, folder) as counter:
        counter.count(PUMP, API, Outcome.HIT, VISITOR)
        lost.terminate()
    (file,) = folder.counters_files()
    _, progress, totals = read_counters(file.read_bytes())
    assert progress.state == State.FINISHED
    assert [total.resolutions for total in totals] == [1]


async def test_slots_of_settled_minutes_are_used_again_once_their_zeros_are_on_the_disk(
    pool: Pool, clock: Clock, folder: CountingFolder
) -> None:
    counter = counter_on(pool, clock, folder)
    for minute in range(40):
        for number in range(500):
            counter.count((f"88.101.{number}", "A"), API, Outcome.HIT, VISITOR)
        await counter.write()
        await counter._sync()
        clock.now += timedelta(minutes=1)
        assert len(counter._start.totals) <= 6_000, minute
    (file,) = folder.counters_files()
    assert file.stat().st_size < 1 << 20  # 20,000 slots would be 1.8 MB
    assert await pool.fetchval("SELECT sum(resolutions) FROM resolution_count") == 20_000


async def test_without_room_for_event_files_totals_go_on_and_a_gap_says_so(
    pool: Pool, clock: Clock, folder: CountingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = EventFile.__init__

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(EventFile, "__init__", full)
    counter = counter_on(pool, clock, folder)
    for seconds in (0, 3, 3):
        clock.now += timedelta(seconds=seconds)
        counter.count(PUMP, API, Outcome.HIT, VISITOR)
        await counter.write()
    began = MINUTE + timedelta(seconds=30)
    gaps = await pool.fetch("SELECT cause, began_at, ended_at, boot_id FROM counting_gap")
    assert [tuple(gap) for gap in gaps] == [("no_evidence", began, began, counter._start.boot_id)]
    monkeypatch.setattr(EventFile, "__init__", made)
    clock.now += timedelta(seconds=60)
    await counter._sync()
    counter.count(PUMP, API, Outcome.HIT, VISITOR)
    await counter.write()
    assert len(events(folder)) == 1
    ends = [row["ended_at"] for row in await pool.fetch("SELECT ended_at FROM counting_gap ORDER BY began_at")]
    assert ends == [began, began + timedelta(seconds=6)]
    assert await pool.fetchval("SELECT sum(resolutions) FROM resolution_count") == 4


# Over HTTP --------------------------------------------------------------------------------------------


async def test_what_the_web_asks_counts_by_door_and_outcome(
    front: Front, shelf: Shelf, pool: Pool, pump: str
) -> None:
    await shelf.prefix("88.101.2", state="suspended")
    api = "/api/handles/"
    asked: list[tuple[str, str, dict[str, str]]] = [
        ("GET", api + pump, {}),
        ("GET", api + pump, {"If-None-Match": "*"}),
        ("GET", f"{api}{pump}?type=NONE", {}),
        ("GET", f"{api}88.101.1/none", {}),
        ("GET", f"{api}88.999.1/none", {}),
        ("GET", f"{api}88.101.2/A", {}),
        ("GET", f"/{pump}", {"Accept": "text/html"}),
        ("GET", f"/{pump}", {}),
        ("GET", f"{api}99/x", {}),
        # What follows asks for no contents or cannot be understood.
        ("HEAD", api + pump, {}),
        ("OPTIONS", api + pump, {}),
        ("GET", f"{api}88.101.1/%FF", {}),
        ("GET", f"{api}{pump}?index=x", {}),
        ("GET", f"{api}{pump}?callback=1", {}),
        ("GET", "/static/page.css", {}),
    ]
    for method, path, headers in asked:
        async with front.session.request(method, path, headers=headers, allow_redirects=False) as answer:
            await answer.read()
    await front.counter.write()
    counted = {(prefix, interface, outcome): n for _, prefix, interface, outcome, n in await rows(pool)}
    assert counted == {
        ("88.101.1", API, Outcome.HIT): 1,
        ("88.101.1", API, Outcome.REVALIDATED): 1,
        ("88.101.1", API, Outcome.MISSING): 2,
        ("", API, Outcome.MISSING): 2,
        ("88.101.2", API, Outcome.DENIED): 1,
        ("88.101.1", PAGE, Outcome.HIT): 2,
    }
