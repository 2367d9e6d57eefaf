from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
import structlog

from admin.statistics.rollup import sum_all
from mocknational.faults import Faults
from node.database import DatabaseAway, open_pool
from node.errors import Conflict
from node.journal import Interface
from node.national.backoff import Patience
from node.national.desk import WAITING
from node.national.link import LAST_CONTACT
from node.national.signature import KeyPairInvalid
from node.national.steward import Docking, run_steward
from node.resolutions import Outcome
from tests.support.counting import MINUTE_DAYS, write
from tests.support.docking import SEAL, DockedNode, kill, now, until


async def test_a_reported_prefix_comes_back_verified_and_is_applied_once(world: DockedNode) -> None:
    enterprise = uuid4()
    async with world.mock() as mock, world.steward(mock.url):
        # The prefix may well arrive first: it is another stream.
        await world.report_prefix("88.101.1", enterprise)
        await world.report_prefix("88.102.1", enterprise)
        await world.report_enterprise(enterprise)
        await until(lambda: len(world.verdicts) == 2)
        await asyncio.sleep(0.4)
    assert world.verdicts[0][:2] == ("88.102.1", False) or world.verdicts[1][:2] == ("88.102.1", False)
    assert ("88.101.1", True) in [verdict[:2] for verdict in world.verdicts]
    assert await world.pool.fetchval("SELECT last_verdict FROM national_state") == 2
    async with world.mock() as mock, world.steward(mock.url):
        await asyncio.sleep(0.5)
    assert len(world.verdicts) == 2


async def test_a_verdict_is_remembered_only_after_it_was_applied(world: DockedNode) -> None:
    enterprise, tries = uuid4(), []

    async def apply(prefix: str, passed: bool, reason: str, application: int) -> None:
        tries.append(prefix)
        if len(tries) < 4:
            raise DatabaseAway("not now")

    async with world.mock() as mock, world.steward(mock.url, apply_verdict=apply):
        await world.report_enterprise(enterprise)
        await world.report_prefix("88.101.1", enterprise)
        await until(lambda: len(tries) == 3)
        assert await world.pool.fetchval("SELECT last_verdict FROM national_state") == 0
        await until(lambda: len(tries) == 4)
    assert await world.pool.fetchval("SELECT last_verdict FROM national_state") == 1
    assert tries == ["88.101.1"] * 4


async def test_a_verdict_that_can_never_be_applied_does_not_hold_up_the_next(world: DockedNode) -> None:
    enterprise = uuid4()

    async def apply(prefix: str, passed: bool, reason: str, application: int) -> None:
        if prefix == "88.101.1":
            raise Conflict("withdrawn meanwhile")
        await world.apply_verdict(prefix, passed, reason, application)

    async with world.mock() as mock, world.steward(mock.url, apply_verdict=apply):
        await world.report_enterprise(enterprise)
        for number in range(1, 4):
            await world.report_prefix(f"88.101.{number}", enterprise)
        await until(lambda: len(world.verdicts) == 2)
    assert [prefix for prefix, _, _ in world.verdicts] == ["88.101.2", "88.101.3"]


async def test_a_loop_that_breaks_is_logged_and_turns_again(world: DockedNode) -> None:
    enterprise, tries = uuid4(), []

    async def apply(prefix: str, passed: bool, reason: str, application: int) -> None:
        tries.append(prefix)
        if len(tries) == 1:
            raise RuntimeError("a fault of ours")

    with structlog.testing.capture_logs() as logs:
        async with world.mock() as mock, world.steward(mock.url, apply_verdict=apply):
            await world.report_enterprise(enterprise)
            await world.report_prefix("88.101.1", enterprise)
            await until(lambda: len(tries) == 2)
    assert [entry["loop"] for entry in logs if entry["event"] == "reporting_broken"] == ["poll"]


async def test_heartbeats_and_counts_arrive(world: DockedNode, upper: asyncpg.Connection) -> None:
    at = datetime(2026, 3, 1, 17, 30, tzinfo=UTC)  # half past one in the morning of the 2nd in China
    json_hit, page_hit = (("88.101.1", kind, Outcome.HIT) for kind in (Interface.HANDLE_JSON, Interface.PAGE))
    five_ago = at - timedelta(minutes=5)
    still_the_1st = at - timedelta(hours=2)
    await write(
        world.pool,
        {
            (still_the_1st, json_hit): 10,
            (five_ago, json_hit): 20,
            (five_ago, page_hit): 3,
            (at - timedelta(days=3), json_hit): 1000,
        },
    )
    await write(world.pool, {(five_ago, json_hit): 1})
    await sum_all(world.pool, at, minute_days=MINUTE_DAYS)
    await world.pool.executemany(
        "INSERT INTO registration_tally (at, prefix_id, template_id, registered, updated, suspended, resumed)"
        " VALUES ($1, 1, $2, $3, 1, $4, $5)",
        [
            (at, 1, 7, 3, 1),
            (at - timedelta(hours=2), 1, 5, 0, 0),
            (at, 2, 11, 2, 0),
            (at - timedelta(days=2), 1, 999, 9, 0),
        ],
    )
    contact_before = LAST_CONTACT._value.get()
    async with world.mock(clock=lambda: at) as mock, world.steward(mock.url, clock=lambda: at):

        async def all_there() -> bool:
            rows = await upper.fetchval("SELECT count(*) FROM docked_count WHERE period = 'day'")
            beats = await upper.fetchval(
                "SELECT count(*) FROM request WHERE head LIKE 'POST /v1/heartbeats %'::bytea AND status = 200"
            )
            marks = await world.pool.fetchval("SELECT count(*) FROM count_to_state")
            contact = await world.pool.fetchval("SELECT last_contact_at FROM national_state")
            return bool(rows == 3 and beats >= 2 and marks == 0 and contact is not None)

        await until(all_there)
    days = await upper.fetch(
        "SELECT (at AT TIME ZONE 'Asia/Shanghai')::date::text, registered, updated, suspended, resumed, resolutions"
        " FROM docked_count WHERE period = 'day' ORDER BY at"
    )
    # Yesterday and today are always stated; of three days ago something had been counted late.
    assert [tuple(row)[:5] for row in days] == [
        ("2026-02-27", 0, 0, 0, 0), ("2026-03-01", 5, 1, 0, 0), ("2026-03-02", 18, 2, 5, 1),
    ]  # fmt: skip
    assert [json.loads(row["resolutions"]) for row in days] == [
        [{"interface": 4, "outcome": 1, "resolutions": 1000}],
        [{"interface": 4, "outcome": 1, "resolutions": 10}],
        [{"interface": 4, "outcome": 1, "resolutions": 21}, {"interface": 5, "outcome": 1, "resolutions": 3}],
    ]
    beat = json.loads(await upper.fetchval("SELECT heartbeat FROM docked_node"))
    assert (beat["state"], beat["version"], beat["laboratory"]) == ("running", "0", False)
    assert await world.pool.fetchval("SELECT last_contact_at FROM national_state") == at
    assert contact_before != LAST_CONTACT._value.get() == at.timestamp()


async def test_everything_a_laboratory_node_says_is_marked(world: DockedNode, upper: asyncpg.Connection) -> None:
    await world.pool.execute("UPDATE node_state SET laboratory = true")
    await world.report_many(["a"], 2)
    async with world.mock() as mock, world.steward(mock.url):

        async def all_there() -> bool:
            return bool(
                await upper.fetchval(
                    "SELECT (SELECT count(*) FROM docked_message) = 2"
                    " AND (SELECT count(*) FROM docked_count WHERE period = 'day') = 2"
                )
            )

        await until(all_there)
    bodies = await upper.fetch("SELECT body FROM request WHERE head LIKE 'POST %'::bytea")
    assert all(json.loads(row["body"])["laboratory"] is True for row in bodies)
    assert await upper.fetchval(
        "SELECT (SELECT bool_and(laboratory) FROM docked_message) AND (SELECT bool_and(laboratory) FROM docked_count)"
    )


async def test_of_two_stewards_one_leads_and_the_other_takes_over(
    world: DockedNode, upper: asyncpg.Connection, lower: asyncpg.Connection
) -> None:
    second_pool = await open_pool(world.database_url, "biaoshi_writer", size=6, seconds=5, name="second steward")

    async def leads(name: str) -> bool:
        names = await lower.fetch(
            "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
        )
        return [row["application_name"] for row in names] == [name]

    async with world.mock() as mock, world.steward(mock.url):
        await until(lambda: leads("test writer"))
        async with world.steward(mock.url, pool=second_pool):
            await asyncio.sleep(1.2)
            assert await leads("test writer")
            await lower.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
            )
            await until(lambda: leads("second steward"))
            await world.report_many(["a"], 50)

            async def arrived() -> bool:
                return bool(await upper.fetchval("SELECT count(*) = 50 FROM docked_message"))

            await until(arrived)
    second_pool.terminate()
    assert await upper.fetchval("SELECT sum(disordered) FROM docked_stream") == 0


async def test_a_steward_killed_at_any_moment_loses_nothing_and_repeats_nothing(
    world: DockedNode, upper: asyncpg.Connection
) -> None:
    enterprise = uuid4()
    streams = ["enterprise", "prefix", "registration"]
    async with world.mock() as mock:
        await world.report_enterprise(enterprise)
        for turn in range(6):
            steward = await world.start_steward(mock.url)
            await world.report_prefix(f"88.101.{turn}", enterprise)
            await world.report_many(streams, 300)
            await asyncio.sleep(0.15 + turn * 0.05)
            await kill(steward)
        steward = await world.start_steward(mock.url)

        async def settled() -> bool:
            applied = await world.pool.fetchval("SELECT count(DISTINCT subject_id) FROM act_history")
            return applied == 6 and await world.waiting() == 0

        await until(settled, seconds=30)
        await kill(steward)
    sent = await world.pool.fetch("SELECT stream, outbox_id FROM outbox ORDER BY stream, outbox_id")
    came = await upper.fetch("SELECT stream, sequence FROM docked_message ORDER BY stream, arrival")
    assert len(sent) == 6 * 900 + 7
    assert [tuple(row) for row in came] == [tuple(row) for row in sent]


async def test_told_to_stop_the_steward_finishes_the_delivery_under_way(
    world: DockedNode, upper: asyncpg.Connection
) -> None:
    async with world.mock(Faults(delay_ms=600)) as mock:
        async with world.steward(mock.url):
            await world.report_many(["a"], 150)
            await asyncio.sleep(0.6)
        assert await world.waiting() == 0
    assert await upper.fetchval("SELECT count(*) FROM request WHERE head LIKE 'POST /v1/messages %'::bytea") == 1


async def test_told_to_stop_the_steward_does_not_wait_for_a_far_side_that_never_answers(world: DockedNode) -> None:
    async with world.mock(Faults(delay_ms=60_000)) as mock:
        await world.report_many(["a"], 1)
        async with world.steward(mock.url, docking={"deadline_seconds": 0.5}) as steward:
            await asyncio.sleep(0.3)
        assert steward.done()
    assert await world.waiting() == 1


async def test_without_a_national_node_reports_wait_and_are_counted(world: DockedNode) -> None:
    await world.report_many(["a"], 4)
    with structlog.testing.capture_logs() as logs:
        async with world.steward(None):
            await until(lambda: WAITING._value.get() == 4)
    assert [entry["event"] for entry in logs].count("national_node_not_configured") == 1
    assert await world.waiting() == 4


async def test_an_address_without_keys_is_refused(world: DockedNode) -> None:
    with pytest.raises(KeyPairInvalid):
        await run_steward(
            world.pool, Docking("http://127.0.0.1:9"), world.apply_verdict, seal=SEAL, version="0", clock=now,
            stop=asyncio.Event(), patience=Patience(),
        )  # fmt: skip


async def test_the_steward_survives_databases_that_come_and_go(
    world: DockedNode, upper: asyncpg.Connection, lower: asyncpg.Connection
) -> None:
    async with world.mock() as mock, world.steward(mock.url):
        for turn in range(3):
            await world.report_many(["a"], 100)
            for side in (upper, lower):
                await side.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            total = (turn + 1) * 100

            async def arrived(total: int = total) -> bool:
                return bool(await upper.fetchval("SELECT count(*) = $1 FROM docked_message", total))

            await until(arrived)
    assert await upper.fetchval("SELECT sum(disordered) FROM docked_stream") == 0
