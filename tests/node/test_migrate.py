"""Migrations: forward, once each, whole or not at all; and what the three roles may do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from node import migrate as migrating
from node.database import DatabaseAway, LoginRefused, Pool
from node.migrate import (
    ROLES,
    DatabaseNewer,
    MigrationEdited,
    RolesMissing,
    ServerTooOld,
    migrate,
    migrations,
)

FIRST = "CREATE TABLE shelf (shelf_id integer PRIMARY KEY);"
SECOND = "ALTER TABLE shelf ADD COLUMN colour text;"


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def fetch(url: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        found: list[asyncpg.Record] = await connection.fetch(query)
        return found
    finally:
        await connection.close()


@pytest.fixture
async def empty(server_url: Callable[[str], str]) -> AsyncIterator[str]:
    """The address of a database with nothing in it."""
    name = f"empty_{uuid4().hex[:12]}"
    await execute(server_url("postgres"), f'CREATE DATABASE "{name}"')
    yield server_url(name)
    await execute(server_url("postgres"), f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def stranger(server_url: Callable[[str], str], empty: str) -> AsyncIterator[str]:
    """The same database as a login with no rights over roles."""
    login = f"stranger_{uuid4().hex[:12]}"
    await execute(server_url("postgres"), f'CREATE ROLE "{login}" LOGIN')
    yield as_login(empty, login)
    await execute(server_url("postgres"), f'DROP ROLE "{login}"')


def as_login(url: str, login: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}"))


def folder(path: Path, *contents: str) -> Path:
    path.mkdir(exist_ok=True)
    for number, sql in enumerate(contents, 1):
        (path / f"{number:04d}_step.sql").write_text(sql)
    return path


async def test_an_empty_database_becomes_the_newest_and_stays_it(empty: str) -> None:
    assert await migrate(empty) == [migration.name for migration in migrations()]
    assert await migrate(empty) == []
    rows = await fetch(empty, "SELECT number, name, digest FROM migration ORDER BY number")
    assert [tuple(row) for row in rows] == [(one.number, one.name, one.digest) for one in migrations()]


async def test_only_what_is_new_is_applied(empty: str, tmp_path: Path) -> None:
    assert await migrate(empty, folder(tmp_path, FIRST)) == ["0001_step.sql"]
    assert await migrate(empty, folder(tmp_path, FIRST, SECOND)) == ["0002_step.sql"]
    assert await fetch(empty, "SELECT shelf_id, colour FROM shelf") == []


async def test_many_at_once_apply_each_file_once(empty: str, tmp_path: Path) -> None:
    steps = folder(tmp_path, FIRST, SECOND)
    applied = await asyncio.gather(*(migrate(empty, steps) for _ in range(6)))
    assert sorted(applied, key=len)[:5] == [[]] * 5
    assert sorted(applied, key=len)[5] == ["0001_step.sql", "0002_step.sql"]


async def test_a_step_that_fails_leaves_nothing_and_the_steps_before_it_stay(empty: str, tmp_path: Path) -> None:
    steps = folder(tmp_path, FIRST, SECOND + "CREATE TABLE board (board_id integer); SELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty, steps)
    names = [row["name"] for row in await fetch(empty, "SELECT name FROM migration")]
    assert names == ["0001_step.sql"]
    assert await fetch(empty, "SELECT 1 FROM pg_tables WHERE tablename = 'board'") == []
    assert await migrate(empty, folder(tmp_path, FIRST, SECOND)) == ["0002_step.sql"]


async def test_an_applied_file_is_never_edited(empty: str, tmp_path: Path) -> None:
    await migrate(empty, folder(tmp_path, FIRST))
    with pytest.raises(MigrationEdited, match=r"0001_step\.sql"):
        await migrate(empty, folder(tmp_path, FIRST + " "))


async def test_an_older_program_leaves_a_newer_database_alone(empty: str, tmp_path: Path) -> None:
    await migrate(empty, folder(tmp_path / "new", FIRST, SECOND))
    with pytest.raises(DatabaseNewer, match="2 migrations, this program knows 1"):
        await migrate(empty, folder(tmp_path / "old", FIRST))


@pytest.mark.parametrize(
    "names", [["0001_a.sql", "0003_b.sql"], ["0001_a.sql", "0001_b.sql"], ["0002_a.sql"], ["1_a.sql"], ["0001_A.sql"]]
)
def test_files_are_numbered_without_gaps(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text(FIRST)
    with pytest.raises(ValueError, match="migration"):
        migrations(tmp_path)


async def test_an_old_server_is_told_what_is_needed(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrating, "OLDEST_SERVER", 990000)
    with pytest.raises(ServerTooOld, match="15 or newer"):
        await migrate(empty)


async def test_a_login_outside_the_roles_is_told_what_to_run(stranger: str) -> None:
    with pytest.raises(RolesMissing, match="GRANT biaoshi_owner") as caught:
        await migrate(stranger)
    assert caught.value.evidence == {"role": "biaoshi_owner"}


async def test_a_missing_role_that_may_not_be_made_is_told(stranger: str, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = f"biaoshi_{uuid4().hex[:12]}"
    monkeypatch.setattr(migrating, "ROLES", (missing,))
    with pytest.raises(RolesMissing, match=f"CREATE ROLE {missing} NOLOGIN"):
        await migrate(stranger)


async def test_a_database_that_is_away_is_called_that(tmp_path: Path) -> None:
    with pytest.raises(DatabaseAway):
        await migrate(f"postgresql:///nothing?host={tmp_path}")


async def test_a_database_that_does_not_exist_is_named(server_url: Callable[[str], str]) -> None:
    with pytest.raises(LoginRefused, match="no_such_database"):
        await migrate(server_url("no_such_database"))


# What the roles may do --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO identifier VALUES (1, 1, 1, 1, now(), now(), 'A', NULL, '')",
        "UPDATE prefix SET state = 'enabled'",
        "DELETE FROM identifier",
        "SELECT * FROM account",
        "SELECT * FROM token",
        "SELECT * FROM act_history",
        "SELECT * FROM outbox",
        "CREATE TABLE shelf (n integer)",
    ],
)
async def test_the_reader_reads_what_is_resolved_and_nothing_else(reader_pool: Pool, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader_pool.execute(statement)


@pytest.mark.parametrize("table", ["enterprise", "prefix", "template", "identifier", "node_state"])
async def test_the_reader_reads_what_is_resolved(reader_pool: Pool, table: str) -> None:
    assert await reader_pool.fetch(f"SELECT * FROM {table}") == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM identifier",
        "DELETE FROM act_history",
        "UPDATE act_history SET reason = ''",
        "UPDATE event SET leaf = ''",
        "UPDATE identifier_history SET version = 2",
        "TRUNCATE identifier",
        "DROP TABLE identifier",
        "CREATE TABLE shelf (n integer)",
        "UPDATE migration SET name = ''",
    ],
)
async def test_the_writer_neither_removes_nor_rebuilds(pool: Pool, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement)


async def test_there_are_three_roles_that_nobody_logs_in_with(database_url: str) -> None:
    rows = await fetch(
        database_url, "SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE rolname ~ '^biaoshi_[a-z]+$'"
    )
    assert {tuple(row) for row in rows} >= {(role, False, False) for role in ROLES}
