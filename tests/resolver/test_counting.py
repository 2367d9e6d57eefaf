"""Counting: each resolution once, in the right row, whatever happens to the database meanwhile."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest

from node.database import DatabaseAway, Pool, open_pool
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting import counter as counting
from resolver.counting.counter import ResolutionCounter
from tests.support.shelf import Front, Shelf

MINUTE = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
PAGE, API = Interface.PAGE, Interface.HANDLE_JSON
VISITOR = "203.0.113.7"


class Clock:
    def __init__(self) -> None:
        self.now = MINUTE + timedelta(seconds=30)

    def __call__(self) -> datetime:
        return self.now


def counter_on(pool: Pool, clock: Clock, *never: str) -> ResolutionCounter:
    return ResolutionCounter(pool, clock, never=[ipaddress.ip_network(text) for text in never], seconds=3600)


async def rows(pool: Pool) -> list[tuple[datetime, str, int, int, int]]:
    found = await pool.fetch(
        "SELECT minute, prefix, interface, outcome, resolutions FROM resolution_count"
        " ORDER BY minute, prefix, outcome"
    )
    return [tuple(row.values()) for row in found]


async def test_each_resolution_counts_once_in_its_own_row(pool: Pool) -> None:
    clock = Clock()
    counter = counter_on(pool, clock)
    for _ in range(3):
        counter.count("88.101.1", API, Outcome.HIT, VISITOR)
    counter.count("88.101.1", API, Outcome.MISSING, VISITOR)
    clock.now += timedelta(minutes=1)
    counter.count("88.101.1", PAGE, Outcome.HIT, VISITOR)
    await counter.write()
    assert await rows(pool) == [
        (MINUTE, "88.101.1", 4, 1, 3),
        (MINUTE, "88.101.1", 4, 3, 1),
        (MINUTE + timedelta(minutes=1), "88.101.1", 5, 1, 1),
    ]


async def test_totals_grow_and_a_repeated_write_changes_nothing(pool: Pool) -> None:
    counter = counter_on(pool, Clock())
    counter.count("88.101.1", API, Outcome.HIT, VISITOR)
    await counter.write()
    await counter.write()
    counter.count("88.101.1", API, Outcome.HIT, VISITOR)
    await counter.write()
    assert await rows(pool) == [(MINUTE, "88.101.1", 4, 1, 2)]


async def test_each_process_start_has_rows_of_its_own(pool: Pool) -> None:
    for _ in range(2):
        async with counter_on(pool, Clock()) as counter:
            counter.count("88.101.1", API, Outcome.HIT, VISITOR)
    assert await rows(pool) == [(MINUTE, "88.101.1", 4, 1, 1)] * 2


async def test_some_networks_never_count(pool: Pool) -> None:
    counter = counter_on(pool, Clock(), "127.0.0.0/8", "2001:db8::/32")
    for source in ("127.0.0.1", "::ffff:127.0.0.1", "2001:db8::7", "127.0.0.1"):
        counter.count("88.101.1", API, Outcome.HIT, source)
    counter.count("88.101.1", API, Outcome.HIT, VISITOR)
    await counter.write()
    assert await rows(pool) == [(MINUTE, "88.101.1", 4, 1, 1)]


async def test_while_the_database_is_away_totals_wait(database_url: str, pool: Pool) -> None:
    lost = await open_pool(database_url, "biaoshi_writer", size=1, seconds=1, name="lost")
    counter = counter_on(lost, Clock())
    counter.count("88.101.1", API, Outcome.HIT, VISITOR)
    await pool.execute("SELECT 1")
    lost.terminate()
    with pytest.raises(DatabaseAway):
        await counter.write()
    counter.count("88.101.1", API, Outcome.HIT, VISITOR)
    counter._pool = pool
    await counter.write()
    assert await rows(pool) == [(MINUTE, "88.101.1", 4, 1, 2)]


async def test_a_clock_that_steps_back_counts_on(pool: Pool) -> None:
    clock = Clock()
    counter = counter_on(pool, clock)
    counter.count("88.101.1", API, Outcome.HIT, VISITOR)
    clock.now += timedelta(minutes=5)
    await counter.write()
    clock.now -= timedelta(minutes=5)
    counter.count("88.101.1", API, Outcome.HIT, VISITOR)
    await counter.write()
    assert await rows(pool) == [(MINUTE, "88.101.1", 4, 1, 2)]


async def test_settled_totals_are_forgotten_and_unwritten_ones_are_not(pool: Pool) -> None:
    clock = Clock()
    counter = counter_on(pool, clock)
    counter.count("88.101.1", API, Outcome.HIT, VISITOR)
    clock.now += timedelta(hours=1)
    await counter.write()
    assert counter._totals == {}
    assert await rows(pool) == [(MINUTE, "88.101.1", 4, 1, 1)]


async def test_when_too_much_waits_the_prefix_is_given_up_and_not_the_count(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_KEYS", 2)
    counter = counter_on(pool, Clock())
    for number in range(5):
        counter.count(f"88.101.{number}", API, Outcome.HIT, VISITOR)
    await counter.write()
    assert await rows(pool) == [
        (MINUTE, "", 4, 1, 3),
        (MINUTE, "88.101.0", 4, 1, 1),
        (MINUTE, "88.101.1", 4, 1, 1),
    ]


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
