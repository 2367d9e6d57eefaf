from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from node import backup as backups
from node import embedded
from node.backup import backup, restore
from node.backup_archive import ClientMissing, RowCounter, client_for
from node.database import DatabaseAway, LoginRefused
from node.embedded_processes import status_of
from node.embedded_runtime import Runtime, locate_runtime
from node.migrate import ROLES, migrate

pytestmark = [pytest.mark.database, pytest.mark.asyncio(loop_scope="module")]

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
RUNTIMES = [locate_runtime(), *([Runtime.at(DEBIAN_15)] if (DEBIAN_15 / "postgres").is_file() else [])]
QUICK = {"fsync": "off", "shared_buffers": "16MB"}
PASSWORD = "p@ss:/?#[]%& 密码+"


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    """A directory that the database's user can walk through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="biaoshi-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(base: Path) -> AsyncIterator[embedded.EmbeddedPostgres]:
    async with embedded.start(base / "data", settings=QUICK) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def empty(server: embedded.EmbeddedPostgres) -> str:
    """The address of an empty database."""
    return await new_database(server, "empty")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pristine(server: embedded.EmbeddedPostgres) -> str:
    """The name of a database with the node's schema and some rows, to be copied."""
    await fill(await new_database(server, "pristine"))
    return "pristine"


@pytest_asyncio.fixture(loop_scope="module")
async def filled(server: embedded.EmbeddedPostgres, pristine: str) -> str:
    """The address of a copy of it."""
    return await new_database(server, "filled", pristine)


async def new_database(server: embedded.EmbeddedPostgres, name: str, template: str = "template1") -> str:
    async with connected(server.url("postgres")) as connection:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return server.url(name)


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


AWKWARD = ["标识", "two\nlines", "\\.", "\n\\.\n", "tab\there", "COPY a.b (c) FROM stdin;", ""]


async def fill(url: str) -> None:
    await migrate(url)
    async with connected(url) as connection:
        await connection.execute(
            'CREATE SCHEMA "Odd.Schema"; CREATE TABLE "Odd.Schema"."a ""table"".x" (id serial, text text);'
            "CREATE TABLE nothing_in_it (id int); CREATE VIEW a_view AS SELECT 1 AS one;"
            "CREATE TABLE plenty AS SELECT n, repeat('x', 50) AS filler FROM generate_series(1, 30000) AS n;"
            "GRANT SELECT ON plenty TO biaoshi_reader"
        )
        for text in AWKWARD:
            await connection.execute('INSERT INTO "Odd.Schema"."a ""table"".x" (text) VALUES ($1)', text)


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) * 9 // 10] ^= 0xFF  # among the rows: the beginning only describes the tables
    path.write_bytes(content)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def modes_of(*paths: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in paths}


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda runtime: f"from-postgresql-{runtime.major}")
async def test_a_backup_comes_back_whole_in_this_or_a_newer_postgresql(
    base: Path, tmp_path: Path, empty: str, runtime: Runtime
) -> None:
    async with embedded.start(base / f"source-{runtime.major}", runtime, settings=QUICK) as source:
        await fill(source.url())
        report = await backup(source.url(), tmp_path / "备份 1.dump", source.runtime)
    assert report.manifest.server.startswith(f"{runtime.major}.")
    assert report.manifest.client.startswith(f"{runtime.major}.")
    assert report.manifest.tables["public.plenty"] == 30_000
    assert report.manifest.tables["public.nothing_in_it"] == 0
    assert report.manifest.tables['Odd.Schema.a "table".x'] == len(AWKWARD)
    assert names_in(tmp_path) == ["备份 1.dump", "备份 1.dump.json"]
    assert modes_of(report.path, report.manifest_path) == {0o600}
    written = msgspec.json.decode(report.manifest_path.read_bytes(), type=backups.Manifest)
    assert written == report.manifest

    restored = await restore(empty, report.path)
    assert restored.verified
    assert restored.tables == report.manifest.tables
    assert await migrate(empty) == []
    async with connected(empty) as connection:
        texts = await connection.fetch('SELECT text FROM "Odd.Schema"."a ""table"".x" ORDER BY id')
        assert [row["text"] for row in texts] == AWKWARD
        assert await connection.fetchval("SELECT has_table_privilege('biaoshi_reader', 'plenty', 'SELECT')")
        for role in ROLES:
            assert await connection.fetchval("SELECT pg_has_role(current_user, $1, 'MEMBER')", role)


async def test_roles_that_the_target_lacks_are_made(base: Path, filled: str, tmp_path: Path) -> None:
    report = await backup(filled, tmp_path / "a.dump")
    async with embedded.start(base / "another", settings=QUICK) as other:
        assert (await restore(other.url(), report.path)).verified
        async with connected(other.url()) as connection:
            logins = await connection.fetch("SELECT rolcanlogin FROM pg_roles WHERE rolname = ANY ($1)", ROLES)
            assert [row["rolcanlogin"] for row in logins] == [False] * len(ROLES)


async def test_rows_written_meanwhile_are_not_half_in_the_backup(filled: str, empty: str, tmp_path: Path) -> None:
    async def keep_writing(connection: asyncpg.Connection) -> None:
        while True:
            await connection.execute("INSERT INTO plenty VALUES (0, 'meanwhile')")

    async with connected(filled) as connection:
        writing = asyncio.create_task(keep_writing(connection))
        report = await backup(filled, tmp_path / "a.dump")
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
    assert (await restore(empty, report.path)).tables == report.manifest.tables


async def test_a_backup_never_overwrites_another(filled: str, tmp_path: Path) -> None:
    await backup(filled, tmp_path / "a.dump")
    before = (tmp_path / "a.dump").read_bytes()
    with pytest.raises(backups.BackupExists, match=r"a\.dump exists"):
        await backup(filled, tmp_path / "a.dump")
    assert (tmp_path / "a.dump").read_bytes() == before
    assert (tmp_path / "a.dump.json").is_file()


async def test_a_cancelled_backup_ends_its_program_and_leaves_no_file(filled: str, tmp_path: Path) -> None:
    async with connected(filled) as connection, connection.transaction():
        # pg_dump waits for the parent's lock, while the rows can still be counted.
        await connection.execute("CREATE TABLE parent (id int) PARTITION BY RANGE (id)")
    async with connected(filled) as connection, connection.transaction():
        await connection.execute("LOCK TABLE ONLY parent IN ACCESS EXCLUSIVE MODE")
        address = filled.replace("biaoshi@", f"biaoshi:{quote(PASSWORD, safe='')}@")
        running = asyncio.create_task(backup(address, tmp_path / "a.dump"))
        pid = await child_with(b"--format=custom")
        command = read_process(pid, "cmdline")
        assert PASSWORD.encode() not in command
        assert quote(PASSWORD, safe="").encode() not in command
        assert b"PGPASSWORD=" + PASSWORD.encode() in read_process(pid, "environ").split(b"\0")
        assert names_in(tmp_path) == ["a.dump.partial"]
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, 10)
        assert status_of(pid) is None
    assert names_in(tmp_path) == []


def read_process(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


def children() -> list[int]:
    me = os.getpid()
    found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in found if (status := status_of(pid)) is not None and status.parent == me]


async def child_with(argument: bytes) -> int:
    for _ in range(500):
        for pid in children():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it may end while we look
                if argument in read_process(pid, "cmdline").split(b"\0"):
                    return pid
        await asyncio.sleep(0.01)
    return pytest.fail(f"no child with {argument!r} within 5 s")


async def test_the_password_of_the_address_is_used_wherever_it_stands(
    server: embedded.EmbeddedPostgres, filled: str, tmp_path: Path
) -> None:
    access = server.directory.cluster / "pg_hba.conf"
    trusting = access.read_text()
    secret = quote(PASSWORD, safe="")
    try:
        access.write_text("local all guarded scram-sha-256\n" + trusting)
        async with connected(filled) as connection:
            await connection.execute("DROP ROLE IF EXISTS guarded")
            await connection.execute(f"CREATE ROLE guarded LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
            await connection.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(0.1)
        where = filled.partition("?")[2]
        for number, address in enumerate(
            (
                f"postgresql://guarded:{secret}@/filled?{where}",
                f"postgres:///filled?user=guarded&password={secret}&{where}",
                f"postgresql://?password={secret}&user=guarded&database=filled&{where}",
            )
        ):
            await backup(address, tmp_path / f"{number}.dump")
        with pytest.raises(LoginRefused, match="refuses this login"):
            await backup(filled.replace("biaoshi@", "guarded:wrong@"), tmp_path / "c.dump")
    finally:
        access.write_text(trusting)
        async with connected(filled) as connection:
            await connection.execute("SELECT pg_reload_conf()")
    assert not (tmp_path / "c.dump.partial").exists()


async def test_a_missing_folder_or_database_is_named(filled: str, tmp_path: Path) -> None:
    with pytest.raises(backups.BackupNotWritten, match="No such file or directory"):
        await backup(filled, tmp_path / "nowhere" / "a.dump")
    with pytest.raises(LoginRefused, match="no_such_database"):
        await backup(filled.replace("/filled?", "/no_such_database?"), tmp_path / "a.dump")
    with pytest.raises(DatabaseAway):
        await backup(f"postgresql://biaoshi@/biaoshi?host={quote(str(tmp_path), safe='')}", tmp_path / "a.dump")
    assert names_in(tmp_path) == []


async def test_an_archive_that_cannot_be_read_back_is_no_backup(filled: str, tmp_path: Path) -> None:
    report = await backup(filled, tmp_path / "a.dump")
    client = client_for(locate_runtime().major)
    one_more = {**report.manifest.tables, "public.plenty": 30_001}
    with pytest.raises(backups.BackupBroken, match=r"public\.plenty \(30001 rows expected, 30000 found\)"):
        await backups._check(client, report.path, one_more)
    flip_a_byte(report.path)
    with pytest.raises(backups.BackupBroken, match="cannot be read back"):
        await backups._check(client, report.path, report.manifest.tables)


async def test_an_altered_archive_is_refused_and_without_its_manifest_nothing_of_it_stays(
    filled: str, empty: str, tmp_path: Path
) -> None:
    report = await backup(filled, tmp_path / "a.dump")
    flip_a_byte(report.path)
    with pytest.raises(backups.ArchiveAltered, match="altered or cut short"):
        await restore(empty, report.path)
    report.manifest_path.write_text("{}")
    with pytest.raises(backups.ArchiveAltered, match="cannot be read"):
        await restore(empty, report.path)
    report.manifest_path.unlink()
    with pytest.raises(backups.ClientFailed) as caught:
        await restore(empty, report.path)
    assert caught.value.evidence["program"] == "pg_restore"
    async with connected(empty) as connection:
        assert await connection.fetchval(backups._STATEMENTS["first_relation"]) is None


async def test_a_manifest_that_promises_other_rows_is_found_out(filled: str, empty: str, tmp_path: Path) -> None:
    report = await backup(filled, tmp_path / "a.dump")
    manifest = msgspec.json.decode(report.manifest_path.read_bytes())
    manifest["tables"]["public.plenty"] += 1
    report.manifest_path.write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(backups.RestoreIncomplete, match=r"public\.plenty"):
        await restore(empty, report.path)


async def test_an_archive_without_its_manifest_is_restored_unverified(
    filled: str, empty: str, tmp_path: Path
) -> None:
    report = await backup(filled, tmp_path / "a.dump")
    report.manifest_path.unlink()
    restored = await restore(empty, report.path)
    assert not restored.verified
    assert restored.tables == report.manifest.tables


async def test_a_restore_goes_only_into_an_empty_database(filled: str, tmp_path: Path) -> None:
    report = await backup(filled, tmp_path / "a.dump")
    with pytest.raises(backups.DatabaseNotEmpty, match=r"Odd\.Schema\."):
        await restore(filled, report.path)


async def test_what_is_no_archive_is_refused(empty: str, tmp_path: Path) -> None:
    with pytest.raises(backups.ArchiveMissing):
        await restore(empty, tmp_path / "missing.dump")
    (tmp_path / "text.dump").write_text("CREATE TABLE a (b int);")
    with pytest.raises(backups.NotAnArchive):
        await restore(empty, tmp_path / "text.dump")


async def test_the_servers_own_major_comes_before_a_newer_client() -> None:
    newest = locate_runtime()
    assert client_for(newest.major, newest).bin == newest.bin
    assert client_for(16, newest).major == 16  # the wheel ships 16 beside the newest
    assert client_for(10).major >= 15
    with pytest.raises(ClientMissing, match="postgresql-client-99"):
        client_for(99, newest)


async def test_rows_are_counted_alike_however_the_stream_is_cut() -> None:
    text = (
        b"SET x = 1;\n\nCOPY public.plain (id, text) FROM stdin;\n1\tone\n2\t\\\\.\n\\.\n\n"
        b'COPY "Odd.Schema"."a ""table"".x" ("from stdin;") FROM stdin;\nCOPY a.b (c) FROM stdin;\n\n\\.\n'
        b"COPY public.none_in_it (id) FROM stdin;\n\\.\nSELECT pg_catalog.setval('s', 1);\n"
    )
    expected = {"public.plain": 2, 'Odd.Schema.a "table".x': 2, "public.none_in_it": 0}
    for cut in range(len(text) + 1):
        counter = RowCounter()
        counter.feed(text[:cut])
        counter.feed(text[cut:])
        assert counter.tables == expected, cut
    counter = RowCounter()
    for byte in text:
        counter.feed(bytes([byte]))
    assert counter.tables == expected
