"""Registrations as series and totals: by time, by whom, by template; what is summed already and what is not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import pytest

from admin.statistics.added_up import added_up_differ
from admin.statistics.enterprises import enterprise_figures, enterprise_series
from admin.statistics.registrations import (
    RegistrationQuestion,
    RegistrationRow,
    RegistrationsBy,
    live_total,
    new_in_year,
    series,
)
from node.china_time import midnight
from node.database import Pool, transaction
from registry.tallies import RegistrationCounts, sum_registrations
from tests.support.world import PUMP, Clock, World

By = RegistrationsBy
T = TypeVar("T")
SINCE, UNTIL = date(2026, 10, 1), date(2027, 2, 28)


@pytest.fixture
async def world(pool: Pool) -> World:
    """Three prefixes of two enterprises, two templates."""
    world = World(pool, Clock(datetime(2026, 10, 1, tzinfo=UTC)))
    first = await world.holder(2001)
    await world.holder(2002)
    third = await world.holder(2003)
    await pool.execute(
        "UPDATE prefix SET enterprise_id = $1 WHERE prefix = $2", first.account.enterprise_id, third.prefix.key
    )
    await pool.execute("UPDATE enterprise SET industry_code = '2611' WHERE name LIKE '%2002'")
    await world.template()
    await world.template({**PUMP, "name": "part"})
    return world


async def tally(pool: Pool, at: datetime, prefix_id: int, template_id: int, **counts: int) -> None:
    """As a transaction writes it."""
    await pool.execute(
        "INSERT INTO registration_tally (at, prefix_id, template_id, registered, first_registered, deleted)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        at, prefix_id, template_id, counts.get("registered", 0), counts.get("first_registered", 0),
        counts.get("deleted", 0),
    )  # fmt: skip


async def asked(pool: Pool, by: RegistrationsBy, **narrowed: Any) -> list[RegistrationRow]:
    async with transaction(pool) as connection:
        return await series(connection, RegistrationQuestion(by, **{"since": SINCE, "until": UNTIL, **narrowed}))


def said(rows: list[RegistrationRow]) -> list[tuple[str, str, int, int]]:
    return [(row.key, row.name, row.counts.registered, row.counts.deleted) for row in rows]


@pytest.fixture
async def filled(world: World) -> World:
    """October: 5 and 3; the last second of 2026 in China: 2; a second later: 1, and 4 are deleted."""
    pool = world.pool
    year_end = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)
    await tally(pool, datetime(2026, 10, 2, 3, tzinfo=UTC), 1, 1, registered=5, first_registered=5)
    await tally(pool, datetime(2026, 10, 2, 4, tzinfo=UTC), 2, 2, registered=3, first_registered=2)
    async with transaction(pool) as connection:
        await sum_registrations(connection)
    await tally(pool, year_end, 3, 1, registered=2, first_registered=2)
    await tally(pool, year_end + timedelta(seconds=1), 1, 2, registered=1, deleted=4, first_registered=1)
    await tally(pool, datetime(2027, 3, 1, 2, tzinfo=UTC), 1, 1, registered=100, first_registered=100)
    return world


async def test_times_come_in_their_order_and_end_with_the_question(filled: World) -> None:
    assert said(await asked(filled.pool, By.DAY)) == [
        ("2026-10-02", "", 8, 0), ("2026-12-31", "", 2, 0), ("2027-01-01", "", 1, 4)
    ]  # fmt: skip
    assert said(await asked(filled.pool, By.MONTH)) == [
        ("2026-10", "", 8, 0), ("2026-12", "", 2, 0), ("2027-01", "", 1, 4)
    ]  # fmt: skip
    assert said(await asked(filled.pool, By.YEAR)) == [("2026", "", 10, 0), ("2027", "", 1, 4)]
    one_day = {"since": date(2026, 12, 31), "until": date(2026, 12, 31)}
    assert said(await asked(filled.pool, By.YEAR, **one_day)) == [("2026", "", 2, 0)]


async def test_everything_else_comes_by_registrations_most_first(filled: World) -> None:
    pool = filled.pool
    assert said(await asked(pool, By.PREFIX)) == [
        ("88.101.2001", "中山示例企业2001", 6, 4),
        ("88.101.2002", "中山示例企业2002", 3, 0),
        ("88.101.2003", "中山示例企业2001", 2, 0),
    ]
    owners = {row["name"][-4:]: str(row["enterprise_id"]) for row in await pool.fetch("SELECT * FROM enterprise")}
    assert said(await asked(pool, By.ENTERPRISE)) == [
        (owners["2001"], "中山示例企业2001", 8, 4), (owners["2002"], "中山示例企业2002", 3, 0)
    ]  # fmt: skip
    assert said(await asked(pool, By.INDUSTRY)) == [
        ("3441", "泵及真空设备制造", 8, 4), ("2611", "无机酸制造", 3, 0)
    ]  # fmt: skip
    assert said(await asked(pool, By.TEMPLATE)) == [("1", "pump@1", 7, 0), ("2", "part@1", 4, 4)]


async def test_a_question_may_be_narrowed_to_an_enterprise_a_prefix_and_a_template(filled: World) -> None:
    pool = filled.pool
    owner = await pool.fetchval("SELECT enterprise_id FROM prefix WHERE prefix_id = 1")
    assert said(await asked(pool, By.YEAR, enterprise_id=owner)) == [("2026", "", 7, 0), ("2027", "", 1, 4)]
    assert [row.key for row in await asked(pool, By.PREFIX, enterprise_id=owner)] == ["88.101.2001", "88.101.2003"]
    assert said(await asked(pool, By.TEMPLATE, prefix="88.101.2001")) == [
        ("1", "pump@1", 5, 0),
        ("2", "part@1", 1, 4),
    ]
    assert said(await asked(pool, By.DAY, prefix="88.101.2002")) == [("2026-10-02", "", 3, 0)]
    assert said(await asked(pool, By.YEAR, template_id=2)) == [("2026", "", 3, 0), ("2027", "", 1, 4)]
    assert said(await asked(pool, By.YEAR, template_id=1, enterprise_id=owner)) == [("2026", "", 7, 0)]
    assert said(await asked(pool, By.YEAR, prefix="88.101.2002", enterprise_id=owner)) == []
    assert said(await asked(pool, By.DAY, prefix="88.101.9999")) == []


async def test_what_is_summed_and_what_is_not_is_one_series(filled: World) -> None:
    before = {by: await asked(filled.pool, by) for by in By}
    async with transaction(filled.pool) as connection:
        while await sum_registrations(connection, 1):
            pass
    assert {by: await asked(filled.pool, by) for by in By} == before
    assert before[By.YEAR][1].counts == RegistrationCounts(registered=1, first_registered=1, deleted=4)
    assert before[By.YEAR][1].counts.net == -3


async def test_what_stands_and_what_is_new_in_the_year_follow_the_day(filled: World) -> None:
    owner = await filled.pool.fetchval("SELECT enterprise_id FROM prefix WHERE prefix_id = 2")
    async with transaction(filled.pool) as connection:

        async def live(day: date, enterprise_id: UUID | None = None) -> int:
            return await live_total(connection, day, enterprise_id)

        assert [await live(day) for day in (date(2026, 10, 1), date(2026, 10, 2), date(2026, 12, 31))] == [0, 8, 10]
        assert [await live(day) for day in (date(2027, 1, 1), date(2027, 3, 1))] == [7, 107]
        assert await live(date(2027, 3, 1), owner) == 3
        assert await new_in_year(connection, 2026, date(2026, 12, 30)) == 7
        assert await new_in_year(connection, 2026, date(2027, 3, 1)) == 9
        assert await new_in_year(connection, 2027, date(2027, 2, 28)) == 1
        assert await new_in_year(connection, 2027, date(2027, 3, 1)) == 101
        assert await new_in_year(connection, 2026, date(2026, 12, 31), owner) == 2


async def test_registrations_by_the_registry_are_the_figures(world: World) -> None:
    holder = await world.holder(2009)
    for suffix in ("P-0", "P-1", "P-2"):
        await world.identifiers.register(
            holder.account, holder.actor, holder.identifier(suffix), "pump", {"name": "泵"}
        )
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("P-1"), 1)
    rows = await asked(world.pool, By.ENTERPRISE)
    assert said(rows) == [(str(holder.account.enterprise_id), "中山示例企业2009", 3, 1)]
    async with transaction(world.pool) as connection:
        assert await live_total(connection, date(2026, 10, 1)) == 2
        assert await new_in_year(connection, 2026, UNTIL) == 3


# However the days change ------------------------------------------------------------------------------


async def test_whatever_changes_a_day_changes_its_month_and_the_totals(world: World, database_url: str) -> None:
    """Tallies that are summed and that wait, days lessened and removed by somebody with the owner's rights."""
    chance, owner, truth = Random(8), await asyncpg.connect(database_url), dict[tuple[date, int, int], int]()
    one = "WHERE day = $1 AND prefix_id = $2 AND template_id = $3"
    for _ in range(300):
        day = SINCE + timedelta(days=chance.randrange(100))
        key = day, chance.randrange(1, 4), chance.randrange(1, 3)
        kind = chance.random()
        if kind < 0.7 or key not in truth:
            number = chance.randrange(1, 50)
            truth[key] = truth.get(key, 0) + number
            at = midnight(day) + timedelta(hours=5)
            await tally(world.pool, at, *key[1:], registered=number, first_registered=number)
            continue
        async with transaction(world.pool) as connection:
            while await sum_registrations(connection, 7):
                pass
        truth[key] = truth[key] // 2 if kind < 0.9 else 0
        if truth[key]:
            changed = "UPDATE registration_day SET registered = $4, first_registered = $4"
            await owner.execute(f"{changed} {one}", *key, truth[key])
        else:
            await owner.execute(f"DELETE FROM registration_day {one}", *key)
    await owner.close()
    assert await world.pool.fetchval("SELECT count(*) FROM registration_tally") > 0
    enterprise = await world.pool.fetchval("SELECT enterprise_id FROM prefix WHERE prefix_id = 1")
    for _ in range(60):
        since = SINCE + timedelta(days=chance.randrange(-40, 100))
        until = since + timedelta(days=chance.randrange(120))
        template_id, enterprise_id = chance.choice([None, 2]), chance.choice([None, enterprise])
        meant = {
            key: number
            for key, number in truth.items()
            if since <= key[0] <= until
            and template_id in (None, key[2])
            and (enterprise_id is None or key[1] in (1, 3))
        }
        narrowed = {"since": since, "until": until, "template_id": template_id, "enterprise_id": enterprise_id}
        for by in (By.DAY, By.MONTH, By.PREFIX, By.TEMPLATE):
            sums = Counter[str]()
            for (day, prefix_id, of_template), number in meant.items():
                words = {By.DAY: str(day), By.MONTH: f"{day:%Y-%m}", By.PREFIX: f"88.101.{2000 + prefix_id}"}
                sums[words.get(by, str(of_template))] += number
            rows = await asked(world.pool, by, **narrowed)
            assert {row.key: row.counts.registered for row in rows} == +sums
        if template_id is None:
            async with transaction(world.pool) as connection:
                first = await new_in_year(connection, since.year, until, enterprise_id)
                live = await live_total(connection, until, enterprise_id)
            whose = {key: number for key, number in truth.items() if enterprise_id is None or key[1] in (1, 3)}
            assert live == sum(number for key, number in whose.items() if key[0] <= until)
            end = min(until, date(since.year, 12, 31))
            assert first == sum(n for key, n in whose.items() if date(since.year, 1, 1) <= key[0] <= end)
    async with transaction(world.pool) as connection:
        assert await added_up_differ(connection, SINCE, UNTIL) == []


async def test_a_total_or_month_of_registrations_that_was_written_into_is_found(filled: World) -> None:
    day = date(2026, 10, 2)
    async with transaction(filled.pool) as connection:
        assert await added_up_differ(connection, day, day) == []
        await connection.execute("UPDATE registration_total SET deleted = 9 WHERE template_id <> 2")
        await connection.execute("UPDATE registration_month SET registered = 0 WHERE prefix_id = 2")
        found = await added_up_differ(connection, day, day)
        assert [(one.what, one.day, one.key, one.counted, one.recounted) for one in found] == [
            ("total", day, "all registrations", "8/7/0/9/0/0/0/0", "8/7/0/0/0/0/0/0"),
            ("total", day, "template 1 registrations", "5/5/0/9/0/0/0/0", "5/5/0/0/0/0/0/0"),
            (
                "month", day.replace(day=1), "88.101.2002 template 2 registrations", "0/2/0/0/0/0/0/0",
                "3/2/0/0/0/0/0/0",
            ),
        ]  # fmt: skip
        assert await added_up_differ(connection, date(2026, 11, 1), date(2026, 12, 31)) == []


# A year of a large node ------------------------------------------------------------------------------


@pytest.fixture
async def large(pool: Pool, database_url: str) -> Pool:
    """A year of registrations under 1,000 prefixes of 400 enterprises, and what was resolved under them."""
    await pool.execute(
        "INSERT INTO enterprise (enterprise_id, credit_code, name, division_code, industry_code, state, created_at,"
        " updated_at) SELECT gen_random_uuid(), lpad(n::text, 18, '0'), '企业' || n, '442000', (2600 + n % 50)::text,"
        " 'approved', '2025-01-01', '2025-01-01' FROM generate_series(1, 400) n"
    )
    await pool.execute(
        "INSERT INTO prefix (prefix, enterprise_id, state, log_secret, created_at, updated_at)"
        " SELECT '88.101.' || 2000 + n, e.enterprise_id, 'enabled', decode(repeat('00', 32), 'hex'), '2025-01-01',"
        " '2025-01-01' FROM generate_series(1, 1000) n"
        " JOIN enterprise e ON e.credit_code = lpad((1 + n % 400)::text, 18, '0')"
    )
    await pool.execute(
        "INSERT INTO registration_day SELECT DATE '2026-01-01' + d, p, 1 + p % 7, 1 + (d * p) % 91, (d + p) % 17,"
        " 5, 1, 1, 1, 0, 0 FROM generate_series(0, 364) d, generate_series(1, 1000) p"
    )
    await pool.execute(
        "INSERT INTO resolution_day SELECT DATE '2026-12-02' + d, '88.101.' || 2000 + p, 4, o, 1 + d"
        " FROM generate_series(0, 29) d, generate_series(1, 1000) p, unnest('{1, 3}'::int[]) o"
    )
    await pool.execute(
        "INSERT INTO act_history (at, interface, action, subject_kind, subject_id, before, nonce)"
        " SELECT '2026-06-01', 1, 'enterprise.edit', 'enterprise', enterprise_id, '{\"state\": \"approved\"}',"
        " decode(repeat('00', 16), 'hex') FROM enterprise, generate_series(1, 20)"
    )
    await pool.execute("ANALYZE enterprise, prefix, registration_day, resolution_day, act_history")
    return pool


async def test_a_year_of_a_thousand_prefixes_adds_up_and_says_how_long_it_takes(
    large: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    until = date(2026, 12, 31)
    question = RegistrationQuestion(By.DAY, date(2026, 1, 1), until)
    owner = await large.fetchval("SELECT enterprise_id FROM enterprise ORDER BY credit_code LIMIT 1")
    taken: dict[str, float] = {}
    async with transaction(large) as connection:

        async def timed(name: str, asking: Awaitable[T]) -> T:
            began = time.perf_counter()
            answer = await asking
            taken[name] = 1000 * (time.perf_counter() - began)
            return answer

        for by in By:
            rows = await timed(f"by {by}", series(connection, replace(question, by=by)))
            wanted = sum(1 + (day * prefix) % 91 for day in range(365) for prefix in range(1, 1001))
            assert sum(row.counts.registered for row in rows) == wanted
        own = await timed("of one enterprise", series(connection, replace(question, enterprise_id=owner)))
        assert sum(row.counts.deleted for row in own) == 365 * 2
        live = await timed("live total", live_total(connection, until))
        assert live == wanted - 365_000
        first = await timed("new in year", new_in_year(connection, 2026, until))
        assert first == sum((day + prefix) % 17 for day in range(365) for prefix in range(1, 1001))
        figures = await timed("enterprises", enterprise_figures(connection, until))
        assert (figures.total, figures.connected, figures.active, figures.new_in_year) == (400, 400, 400, 400)
        days = await timed("enterprises of 60 days", enterprise_series(connection, date(2026, 11, 2), until))
        assert days[-1] == figures
        assert len(days) == 60
    with capsys.disabled():
        print("\n" + "".join(f"    {name:<24} {spent:7.1f} ms\n" for name, spent in taken.items()))
