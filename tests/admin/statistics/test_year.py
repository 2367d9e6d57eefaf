"""A year of resolutions: what is asked of it comes from sums, and these are right however the days change."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import asyncpg

from admin.statistics.added_up import added_up_differ
from admin.statistics.questions import ResolutionQuestion, ResolutionsBy, Span
from admin.statistics.resolutions import SQL, series
from node.china_time import CHINA, day_of, midnight
from node.database import Pool
from node.resolutions import VALID

FIRST, LAST = date(2025, 11, 21), date(2026, 11, 20)
YEAR = Span(FIRST, LAST)
PREFIXES = 100
ADD_DAY = "INSERT INTO resolution_day (day, prefix, interface, outcome, resolutions) VALUES ($1, $2, $3, $4, $5)"
_ONE = "WHERE day = $1 AND prefix = $2 AND interface = $3 AND outcome = $4"
CORRECT = f"UPDATE resolution_day SET resolutions = $5 {_ONE}"
REMOVE = f"DELETE FROM resolution_day {_ONE}"
SET_HOUR = """
    INSERT INTO resolution_hour (hour, prefix, interface, outcome, resolutions) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (hour, prefix, interface, outcome) DO UPDATE SET resolutions = excluded.resolutions
"""
REMOVE_HOUR = f"DELETE FROM resolution_hour {_ONE.replace('day', 'hour')}"


async def generate(pool: Pool, prefixes: int) -> int:
    """A year of prefixes, each with four kinds of resolutions a day; how many resolutions in all."""
    await pool.execute(
        """
        INSERT INTO resolution_day (day, prefix, interface, outcome, resolutions)
        SELECT day::date, '88.101.' || number, interface, outcome, 1 + (number * 7 + extract(day FROM day)::int) % 13
        FROM generate_series($1::date, $2::date, INTERVAL '1 day') AS day,
             generate_series(2000, 1999 + $3::int) AS number,
             (VALUES (4, 1), (5, 1), (6, 2), (4, 3)) AS kind (interface, outcome)
        """,
        FIRST, LAST, prefixes,
    )  # fmt: skip
    return int(await pool.fetchval("SELECT sum(resolutions) FROM resolution_day"))


async def test_a_year_is_read_from_totals_and_whole_months(pool: Pool, database_url: str) -> None:
    total = await generate(pool, PREFIXES)
    owner = await asyncpg.connect(database_url)
    await owner.execute("VACUUM ANALYZE")
    await owner.close()
    begin, end = YEAR.half_open
    months = YEAR.months
    assert months == (date(2025, 12, 1), date(2026, 11, 1))
    async with pool.acquire() as connection:
        by_day = await plan(connection, SQL["resolution_days"], FIRST, LAST)
        by_prefix = await plan(connection, SQL["resolutions_by_prefix"], *months, begin, end, None, None)
        of_one = await plan(
            connection, SQL["resolutions_of_prefixes"], *months, begin, end, None, None, ["88.101.2007"]
        )
        assert by_day.keys() == {"resolution_total"}
        assert by_prefix["resolution_month"] + by_prefix["resolution_day"] < 0.15 * PREFIXES * 365 * 4
        assert of_one.keys() == {"resolution_month", "resolution_day"}
        assert sum(of_one.values()) <= 2 * 4 * 31 + 11 * 4
        for by in ResolutionsBy:
            if by not in (ResolutionsBy.MINUTE, ResolutionsBy.HOUR):
                began = time.perf_counter()
                rows = await series(connection, ResolutionQuestion(by, YEAR))
                print(f"a year by {by}: {(time.perf_counter() - began) * 1000:.0f} ms, {len(rows)} rows")
                assert sum(row.raw for row in rows) == total


async def test_whatever_changes_a_day_changes_its_month_and_the_total(pool: Pool, database_url: str) -> None:
    """Late data raise a day, corrections lessen it, somebody with the owner's rights removes one."""
    chance = Random(6)
    truth: dict[tuple[date, str, int, int], int] = {}
    owner = await asyncpg.connect(database_url)
    for _ in range(300):
        key = (
            FIRST + timedelta(days=chance.randrange(100)),
            chance.choice(["88.101.1", "88.101.2", ""]),
            chance.choice([4, 5]),
            chance.choice([1, 2, 3]),
        )
        if key not in truth:
            truth[key] = chance.randrange(1, 50)
            await pool.execute(ADD_DAY, *key, truth[key])
        elif chance.random() < 0.8:
            truth[key] = chance.randrange(50)
            await pool.execute(CORRECT, *key, truth[key])
        else:
            del truth[key]
            await owner.execute(REMOVE, *key)
    await owner.close()
    async with pool.acquire() as connection:
        for _ in range(40):
            first = FIRST + timedelta(days=chance.randrange(-40, 100))
            span = Span(first, first + timedelta(days=chance.randrange(120)))
            inside = {key: number for key, number in truth.items() if span.since <= key[0] <= span.until and number}
            for by, place in ((ResolutionsBy.DAY, 0), (ResolutionsBy.PREFIX, 1)):
                rows = await series(connection, ResolutionQuestion(by, span))
                raw, valid = Counter[str](), Counter[str]()
                for key, number in inside.items():
                    raw[str(key[place])] += number
                    valid[str(key[place])] += number if key[3] in VALID else 0
                assert {row.key: (row.raw, row.valid) for row in rows} == {key: (raw[key], valid[key]) for key in raw}


async def test_whatever_changes_an_hour_changes_that_of_the_whole_node(pool: Pool, database_url: str) -> None:
    chance = Random(7)
    truth: dict[tuple[datetime, str, int, int], int] = {}
    owner = await asyncpg.connect(database_url)
    for _ in range(300):
        key = (
            midnight(LAST) + timedelta(hours=chance.randrange(-30, 30)), chance.choice(["88.101.1", "88.101.2", ""]),
            chance.choice([4, 5]), chance.choice([1, 3]),
        )  # fmt: skip
        if key in truth and chance.random() < 0.2:
            del truth[key]
            await owner.execute(REMOVE_HOUR, *key)
        else:
            truth[key] = chance.randrange(50)
            await pool.execute(SET_HOUR, *key, truth[key])
    await owner.close()
    raw = Counter[str]()
    for key, number in truth.items():
        if day_of(key[0]) >= LAST and number:
            raw[key[0].astimezone(CHINA).isoformat(timespec="minutes")] += number
    async with pool.acquire() as connection:
        rows = await series(connection, ResolutionQuestion(ResolutionsBy.HOUR, Span(LAST, LAST + timedelta(days=1))))
        assert {row.key: row.raw for row in rows} == raw
        assert await added_up_differ(connection, LAST - timedelta(days=2), LAST + timedelta(days=2)) == []
        await connection.execute(
            "UPDATE resolution_hour_total SET resolutions = resolutions + 1 WHERE hour = $1", key[0]
        )
        assert {one.what for one in await added_up_differ(connection, FIRST, LAST + timedelta(days=2))} == {"total"}


async def test_a_total_or_month_that_was_written_into_is_found(pool: Pool) -> None:
    await generate(pool, 2)
    async with pool.acquire() as connection:
        assert await added_up_differ(connection, FIRST, LAST) == []
        await connection.execute(
            "UPDATE resolution_total SET resolutions = 9999 WHERE day = $1 AND interface = 5", LAST
        )
        await connection.execute(
            "UPDATE resolution_month SET resolutions = 0 WHERE month = '2026-11-01' AND outcome = 2"
        )
        await connection.execute("INSERT INTO digest_month VALUES ('2026-11-01', '88.101.2000', 5, 4, 3)")
        found = await added_up_differ(connection, date(2026, 11, 20), date(2026, 11, 20))
        assert [(one.what, one.day, one.key, one.counted) for one in found] == [
            ("total", LAST, "all page hit", 9999),
            ("month", date(2026, 11, 1), "88.101.2000 handle_udp stale_hit", 0),
            ("month", date(2026, 11, 1), "88.101.2001 handle_udp stale_hit", 0),
            ("month", date(2026, 11, 1), "88.101.2000 digests", "5/4/3"),
        ]
        assert await added_up_differ(connection, FIRST, date(2025, 11, 30)) == []


def test_the_whole_months_of_days_are_found() -> None:
    for since, until, months in (
        ((2026, 1, 1), (2026, 1, 31), ((2026, 1, 1), (2026, 2, 1))),
        ((2026, 1, 2), (2026, 1, 31), ((2026, 2, 1), (2026, 2, 1))),
        ((2026, 1, 2), (2026, 2, 28), ((2026, 2, 1), (2026, 3, 1))),
        ((2026, 1, 31), (2026, 3, 30), ((2026, 2, 1), (2026, 3, 1))),
        ((2025, 12, 31), (2026, 1, 30), ((2026, 1, 31), (2026, 1, 31))),
        ((2024, 2, 1), (2024, 2, 29), ((2024, 2, 1), (2024, 3, 1))),
    ):
        assert Span(date(*since), date(*until)).months == (date(*months[0]), date(*months[1]))


async def plan(connection: asyncpg.Connection, sql: str, *values: Any) -> Counter[str]:
    """Which tables a statement reads, and how many rows of each."""
    explained = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *values)
    found: Counter[str] = Counter()

    def look(node: dict[str, Any]) -> None:
        if "Relation Name" in node:
            found[node["Relation Name"]] += round(node["Actual Rows"] * node["Actual Loops"])
        for below in node.get("Plans", ()):
            look(below)

    look(json.loads(explained)[0]["Plan"])
    return found
