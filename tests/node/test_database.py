"""A database that goes away, falls silent and comes back, with a server of our own to do it to."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from node import database, embedded
from node.database import DatabaseAway, Listener, LoginRefused, Pool, database_errors, open_pool, transaction
from node.embedded import EmbeddedPostgres
from node.migrate import migrate
from tests.support.docking import until
from tests.support.silence import silent

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
# Commits are written before they are answered: what was migrated must outlive the kill -9 of these tests.
QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[EmbeddedPostgres]:
    """A server that every test leaves running."""
    with tempfile.TemporaryDirectory(prefix="biaoshi-away-") as folder:
        Path(folder).chmod(0o755)
        async with embedded.start(Path(folder) / "pg", settings=QUICK) as server:
            await migrate(server.url())
            yield server


@pytest_asyncio.fixture(loop_scope="module")
async def pool(server: EmbeddedPostgres) -> AsyncIterator[Pool]:
    pool = await open_pool(server.url(), "biaoshi_writer", size=2, seconds=1, name="test")
    yield pool
    pool.terminate()


async def ask(pool: Pool) -> int:
    async with transaction(pool, 1) as connection:
        return int(await connection.fetchval("SELECT 42"))


async def test_a_session_acts_as_its_role_in_universal_time(pool: Pool) -> None:
    row = await pool.fetchrow("SELECT current_user, current_setting('timezone'), current_setting('application_name')")
    assert tuple(row) == ("biaoshi_writer", "UTC", "test")


async def test_a_transaction_is_whole(pool: Pool) -> None:
    insert = (
        "INSERT INTO outbox (message_id, stream, kind, body, created_at)"
        " VALUES (gen_random_uuid(), 's', 'k', '{}', now())"
    )
    async with transaction(pool) as connection:
        await connection.execute(insert)
    with pytest.raises(ZeroDivisionError):
        await interrupted(pool, insert)
    assert await pool.fetchval("SELECT count(*) FROM outbox") == 1


async def interrupted(pool: Pool, insert: str) -> None:
    async with transaction(pool) as connection:
        await connection.execute(insert)
        raise ZeroDivisionError


async def test_a_fault_of_ours_is_not_taken_for_an_absence(pool: Pool) -> None:
    for statement, fault in [
        ("SELECT * FROM nowhere", asyncpg.UndefinedTableError),
        ("SELECT 1 / 0", asyncpg.DivisionByZeroError),
        ("DELETE FROM identifier", asyncpg.InsufficientPrivilegeError),
    ]:
        with pytest.raises(fault):
            async with transaction(pool) as connection:
                await connection.execute(statement)


async def test_a_value_that_does_not_fit_is_not_taken_for_an_absence(pool: Pool) -> None:
    with pytest.raises(asyncpg.DataError):
        async with transaction(pool) as connection:
            await connection.fetchval("SELECT $1::int4", 2**40)


async def test_a_server_that_only_reads_is_away_for_whoever_writes(pool: Pool) -> None:
    async def write_to_a_standby() -> None:
        async with transaction(pool) as connection:
            await connection.execute("SET TRANSACTION READ ONLY")
            await connection.execute("INSERT INTO event (leaf) VALUES ('')")

    with pytest.raises(DatabaseAway) as raised:
        await write_to_a_standby()
    assert raised.value.evidence["cause"] == "ReadOnlySQLTransactionError"


async def test_whoever_is_cancelled_on_a_silent_server_stays_cancelled(server: EmbeddedPostgres, pool: Pool) -> None:
    entered = asyncio.Event()

    async def work() -> None:
        async with transaction(pool, 1) as connection:
            await connection.execute("SELECT 1")
            entered.set()
            await asyncio.sleep(60)

    working = asyncio.create_task(work())
    await entered.wait()
    with silent(server):
        working.cancel()
        await asyncio.wait({working})
    assert working.cancelled()


async def test_a_connection_that_fell_silent_is_left_with_all_others_of_its_pool(
    server: EmbeddedPostgres, pool: Pool
) -> None:
    async with pool.acquire() as one, pool.acquire() as other:
        before = {one.get_server_pid(), other.get_server_pid()}

    async def ask_for(statement: str) -> None:
        async with transaction(pool, 1) as connection:
            await connection.execute(statement)

    with pytest.raises(DatabaseAway):
        await ask_for("SELECT pg_sleep(3)")  # slow, and not silent
    async with pool.acquire() as one:
        assert one.get_server_pid() in before
    with silent(server), pytest.raises(DatabaseAway):
        await ask(pool)
    async with pool.acquire() as one, pool.acquire() as other:
        assert not before & {one.get_server_pid(), other.get_server_pid()}


async def test_whoever_leaves_a_silent_pool_leaves_nothing_to_complain_of(
    server: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    pool = await open_pool(server.url(), "biaoshi_writer", size=2, seconds=0.3, name="left")
    try:
        async with (
            transaction(pool),
            transaction(pool),
        ):  # two connections; one of them rests when the server falls silent
            pass
        with silent(server):
            with pytest.raises(DatabaseAway):
                async with transaction(pool) as connection:
                    await connection.execute("SELECT 1")
            for _ in range(2):  # one opens the other anew, and closes what there was
                with pytest.raises(DatabaseAway):
                    async with transaction(pool):
                        pass
            await asyncio.sleep(0.5)  # no answer to the last word of what was closed
        gc.collect()
        assert complaints == []
        assert caplog.record_tuples == []
    finally:
        asyncio.get_running_loop().set_exception_handler(None)
        pool.terminate()


async def test_a_stopped_server_is_away_and_heals(server: EmbeddedPostgres, pool: Pool) -> None:
    assert await ask(pool) == 42
    await server.stop()
    for _ in range(3):
        with pytest.raises(DatabaseAway):
            await ask(pool)
    with pytest.raises(DatabaseAway):
        await open_pool(server.url(), "biaoshi_writer", size=2, seconds=1, name="test")
    await server.restart()
    assert await ask(pool) == 42


@pytest.mark.parametrize("amid", ["a statement", "a transaction"])
async def test_a_server_killed_amid_work_is_away_and_heals(server: EmbeddedPostgres, pool: Pool, amid: str) -> None:
    async def work() -> None:
        async with transaction(pool) as connection:
            await connection.execute("SELECT 1")
            begun.set()
            await (connection.execute("SELECT pg_sleep(0.9)") if amid == "a statement" else killed.wait())
            await connection.execute("SELECT 2")

    begun, killed = asyncio.Event(), asyncio.Event()
    working = asyncio.create_task(work())
    await begun.wait()
    await asyncio.sleep(0.05)
    server.kill()
    killed.set()
    with pytest.raises(DatabaseAway) as caught:
        await working
    assert caught.value.evidence["cause"]
    await server.restart()
    assert await ask(pool) == 42


WIDE = "x" * 100_000
COLUMNS = ("message_id", "stream", "kind", "body", "created_at")


async def copy_records(pool: Pool) -> None:
    """A COPY far larger than what fits between us and the server."""
    rows = [(uuid4(), WIDE, "k", "{}", AT) for _ in range(1000)]
    async with transaction(pool) as connection:
        await connection.copy_records_to_table("outbox", columns=COLUMNS, records=rows)


async def copy_octets(pool: Pool) -> None:
    """Another, a piece at a time."""

    async def rows() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield f"{uuid4()}\t{WIDE}\tk\t{{}}\t{AT}\n".encode()

    async with transaction(pool) as connection:
        await connection.copy_to_table("outbox", columns=COLUMNS, source=rows())


COPIES = pytest.mark.parametrize("copy", [copy_records, copy_octets])
Copy = Callable[[Pool], Coroutine[None, None, None]]


@COPIES
async def test_a_server_killed_amid_a_copy_is_away_and_heals(
    server: EmbeddedPostgres, pool: Pool, copy: Copy
) -> None:
    for pause in (0.02, 0.05, 0.1):
        copying = asyncio.create_task(copy(pool))
        await asyncio.sleep(pause)
        server.kill()
        with pytest.raises(DatabaseAway):
            await asyncio.wait_for(copying, 5)
        await server.restart()
        assert await ask(pool) == 42


@COPIES
async def test_a_server_that_falls_silent_amid_a_copy_is_away(
    server: EmbeddedPostgres, pool: Pool, monkeypatch: pytest.MonkeyPatch, copy: Copy
) -> None:
    monkeypatch.setattr(database._Session, "copy_seconds", 0.5)
    copying = asyncio.create_task(copy(pool))
    await asyncio.sleep(0.03)
    with silent(server), pytest.raises(DatabaseAway):
        await asyncio.wait_for(copying, 5)
    assert await ask(pool) == 42


@COPIES
async def test_a_copy_that_is_given_up_takes_nothing_with_it(
    server: EmbeddedPostgres, pool: Pool, copy: Copy
) -> None:
    copying = asyncio.create_task(copy(pool))
    await asyncio.sleep(0.03)
    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying
    assert await ask(pool) == 42
    with pytest.raises(asyncpg.UniqueViolationError):
        async with transaction(pool) as connection:
            await connection.copy_records_to_table(
                "outbox", columns=COLUMNS, records=[(UUID(int=1), "s", "k", "{}", AT)] * 2
            )
    assert await ask(pool) == 42


async def test_a_shutdown_amid_work_is_an_absence(server: EmbeddedPostgres, pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("SELECT 1")
        await server.stop()
        with pytest.raises(DatabaseAway), database_errors():
            await connection.fetchval("SELECT 1")
    await server.restart()
    assert await ask(pool) == 42


async def test_a_silent_server_is_away_within_the_deadline(server: EmbeddedPostgres, pool: Pool) -> None:
    assert await ask(pool) == 42
    began = asyncio.get_running_loop().time()
    with silent(server):
        with pytest.raises(DatabaseAway):
            await ask(pool)
        assert asyncio.get_running_loop().time() - began < 5
    assert await ask(pool) == 42


async def test_a_statement_beyond_its_deadline_is_an_absence(pool: Pool) -> None:
    with pytest.raises(DatabaseAway):
        async with transaction(pool) as connection:
            await connection.execute("SELECT pg_sleep(30)")
    assert await ask(pool) == 42


async def test_a_pool_without_a_free_connection_is_an_absence(pool: Pool) -> None:
    async with pool.acquire(), pool.acquire():
        with pytest.raises(DatabaseAway):
            await ask(pool)


@pytest.mark.parametrize("url", ["postgresql://biaoshi@/nothing?host=/nowhere", "postgresql://biaoshi@127.0.0.1:1/x"])
async def test_nobody_at_the_address_is_an_absence(url: str) -> None:
    with pytest.raises(DatabaseAway):
        await open_pool(url, "biaoshi_writer", size=2, seconds=1, name="test")


async def test_a_door_that_stays_shut_is_told_from_an_absence(server: EmbeddedPostgres) -> None:
    with pytest.raises(LoginRefused, match="no_such_database"):
        await open_pool(server.url("no_such_database"), "biaoshi_writer", size=2, seconds=1, name="test")
    with pytest.raises(LoginRefused, match="nobody"):
        await open_pool(server.url().replace("biaoshi@", "nobody@"), "biaoshi_writer", size=2, seconds=1, name="test")


# Listening ------------------------------------------------------------------------------------------


class Ear:
    """A listener with a diary."""

    def __init__(self, url: str) -> None:
        self.diary: list[str] = []
        self.listener = Listener(
            url,
            "biaoshi_change",
            on_notice=self.diary.append,
            on_lost=lambda: self.diary.append("(lost)"),
            on_resumed=lambda: self.diary.append("(resumed)"),
            probe_seconds=0.3,
            silence_seconds=0.3,
        )

    async def hears(self, *diary: str) -> None:
        await until(lambda: self.diary == list(diary))

    async def has(self, entry: str, times: int = 1) -> None:
        await until(lambda: self.diary.count(entry) >= times)


@pytest_asyncio.fixture(loop_scope="module")
async def ear(server: EmbeddedPostgres) -> AsyncIterator[Ear]:
    ear = Ear(server.url())
    task = asyncio.create_task(ear.listener.run())
    yield ear
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def notify(pool: Pool, words: str) -> None:
    await pool.execute("SELECT pg_notify('biaoshi_change', $1)", words)


async def test_notices_are_heard_in_order(pool: Pool, ear: Ear) -> None:
    await ear.hears("(resumed)")
    for words in ("one", "two", "三"):
        await notify(pool, words)
    await ear.hears("(resumed)", "one", "two", "三")


async def test_a_listener_whose_session_was_ended_listens_again(
    pool: Pool, ear: Ear, server: EmbeddedPostgres
) -> None:
    await ear.hears("(resumed)")
    administrator = await asyncpg.connect(server.url())
    await administrator.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'biaoshi listener'"
    )
    await administrator.close()
    await ear.hears("(resumed)", "(lost)", "(resumed)")
    await notify(pool, "again")
    await ear.hears("(resumed)", "(lost)", "(resumed)", "again")


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_a_listener_finds_its_way_back_to_a_server_that_was_away(
    pool: Pool, ear: Ear, server: EmbeddedPostgres, how: str
) -> None:
    await ear.hears("(resumed)")
    if how == "kill":
        server.kill()
    else:
        await server.stop()
    await ear.hears("(resumed)", "(lost)")
    await asyncio.sleep(0.5)
    assert ear.diary == ["(resumed)", "(lost)"]
    await server.restart()
    await ear.hears("(resumed)", "(lost)", "(resumed)")
    await ask(pool)
    await notify(pool, "again")
    await ear.has("again")


async def test_a_listener_notices_that_the_server_has_fallen_silent(
    pool: Pool, ear: Ear, server: EmbeddedPostgres
) -> None:
    await ear.hears("(resumed)")
    began = asyncio.get_running_loop().time()
    with silent(server):
        await ear.has("(lost)")
        assert asyncio.get_running_loop().time() - began < 3
    await ear.has("(resumed)", times=2)
    await notify(pool, "again")
    await ear.has("again")


async def test_a_listener_waits_for_a_server_that_is_not_there_yet(server: EmbeddedPostgres, pool: Pool) -> None:
    await server.stop()
    ear = Ear(server.url())
    task = asyncio.create_task(ear.listener.run())
    await asyncio.sleep(0.3)
    assert ear.diary == []
    await server.restart()
    await ear.hears("(resumed)")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert ear.diary == ["(resumed)", "(lost)"]
