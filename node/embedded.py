"""The embedded PostgreSQL: a server of our own, started and stopped with us, reached through a unix socket.

    async with embedded.start(data_dir) as server:
        pool = await asyncpg.create_pool(server.url())

Nothing listens on the network. The server is our direct child and owns a session of its own, so that Ctrl-C
reaches us first. A killed node leaves its server behind; the next start stops it and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from signal import SIGINT, SIGQUIT
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

import asyncpg
import structlog

from node.embedded_directory import (
    PORT,
    USER,
    AnotherInstance,
    DataDirectory,
    DiskLow,
    Prepared,
    of_another_user,
    open_private,
    prepare,
)
from node.embedded_processes import kill_postmaster, processes_of, recorded_pid, works_in
from node.embedded_runtime import EmbeddedError, Runtime, has_lz4, locate_runtime, process_of
from node.embedded_sizes import sizes_for

log = structlog.get_logger(__name__)

DATABASE = "biaoshi"
# Fewer checkpoints than the default carry bulk registration; node/embedded_sizes.py adds what depends on the machine.
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "max_connections": "100",
        "checkpoint_timeout": "15min",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
)
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
_START_SECONDS = 300.0  # recovery replays up to max_wal_size
_SURVIVOR_SECONDS = 5.0
_STOP_SECONDS = 60.0
_RESTART_SECONDS = 5.0
_LOG_BYTES = 8 << 20
_LOG_CHECK_SECONDS = 30.0


class SurvivorsHoldMemory(EmbeddedError):
    title_zh = "上次崩溃遗留的数据库进程仍在运行"


class ServerFailed(EmbeddedError):
    title_zh = "内置数据库启动失败"


@contextlib.asynccontextmanager
async def start(
    data_dir: Path, runtime: Runtime | None = None, *, settings: Mapping[str, str] = _NO_SETTINGS
) -> AsyncIterator[EmbeddedPostgres]:
    """Run PostgreSQL on ``data_dir`` until the block ends; an empty or missing directory becomes a new cluster.

    ``settings`` override ``SETTINGS`` and what fits the machine. Raises the subclasses of ``EmbeddedError``.
    """
    chosen = runtime or locate_runtime()
    durable = settings.get("fsync") != "off"
    preparing = asyncio.ensure_future(asyncio.to_thread(prepare, data_dir, chosen, durable=durable))
    try:
        prepared = await asyncio.shield(preparing)
    except asyncio.CancelledError:
        # A thread cannot be cancelled, and what it took has to be given back.
        with contextlib.suppress(EmbeddedError):
            (await preparing).release()
        raise
    server = EmbeddedPostgres(prepared, chosen, settings)
    try:
        await server.restart()
        keeper = asyncio.create_task(server.bound_log())
        try:
            yield server
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
    finally:
        try:
            await server.stop()
        finally:
            prepared.release()


def running_url(data_dir: Path, database: str = DATABASE) -> str | None:
    """Address of the server that another process runs on ``data_dir``; ``None`` while none runs.

    For commands beside a running node, such as a backup. Raises ``DirectoryOfAnotherUser``.
    """
    directory = DataDirectory(Path(os.path.abspath(data_dir)))  # noqa: PTH100 - as in prepare
    try:
        pid = recorded_pid(directory.cluster)
    except PermissionError:
        raise of_another_user(directory.root, directory.root) from None
    return _address(directory, database) if pid is not None and works_in(pid, directory.cluster) else None


@contextlib.asynccontextmanager
async def kept(data_dir: Path) -> AsyncIterator[EmbeddedPostgres]:
    """``start``, and start again whenever the server ends before the block does: what a node runs on."""
    async with start(data_dir) as server:
        keeper = asyncio.create_task(server.keep_alive())
        try:
            yield server
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)


class EmbeddedPostgres:
    """A server on a data directory that this process holds; made by ``start``."""

    def __init__(self, prepared: Prepared, runtime: Runtime, settings: Mapping[str, str]) -> None:
        self.runtime = runtime  # with every client program, even where the server runs from a copy
        self.directory = prepared.directory
        self._prepared = prepared
        packed = {"wal_compression": "lz4"} if has_lz4(runtime) else {}
        self._settings = {**SETTINGS, **sizes_for(prepared.directory.root), **packed, **settings}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def major(self) -> int:
        return self.runtime.major

    @property
    def pid(self) -> int:
        """The postmaster's process id. Raises ``ServerFailed`` while no server runs."""
        if self._process is None or self._process.poll() is not None:
            raise ServerFailed("the embedded PostgreSQL is not running", directory=str(self.directory.root))
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def url(self, database: str = DATABASE) -> str:
        """Address for asyncpg and libpq; any path survives because it travels percent-encoded."""
        return _address(self.directory, database)

    async def exited(self) -> None:
        """Return when the server has ended, for whatever reason: what a supervisor waits for."""
        pause = 0.01  # no event tells a child's end under every loop and in every container
        while self.running:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.25)

    async def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """End the server: ``fast`` with a checkpoint, ``immediate`` as in a crash. Nothing to do if it ended."""
        if self._process is None or not self.running:
            return
        self._process.send_signal(SIGINT if mode == "fast" else SIGQUIT)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await self.exited()
        finally:
            # Out of patience or cancelled: committed data survives kill -9 as well.
            self.kill()

    def kill(self) -> None:
        """kill -9 of the server and all its children, as a fault."""
        process = self._process
        if process is not None and process.poll() is None:
            kill_postmaster(process.pid, process.wait)

    async def restart(self) -> None:
        """Stop the server if it runs, start it on the same directory and wait until it answers."""
        await self.stop()
        survivors_until = time.monotonic() + _SURVIVOR_SECONDS
        while True:
            try:
                await self._launch()
                break
            except SurvivorsHoldMemory:
                # Children of a killed server notice its death a moment later.
                if time.monotonic() > survivors_until:
                    raise
                await asyncio.sleep(0.2)
        await self._make_database()

    async def keep_alive(self) -> None:
        """Start the server again whenever it ends, for as long as it runs; cancel it before ``stop``."""
        while True:
            await self.exited()
            log.error("database_ended", directory=str(self.directory.root))
            try:
                await self.restart()
            except EmbeddedError as error:
                log.error("database_not_restarted", code=error.code, detail=error.detail)  # noqa: TRY400 - said whole
                await asyncio.sleep(_RESTART_SECONDS)

    async def bound_log(self) -> None:
        """Keep the log and one predecessor below a bound each, for as long as it runs."""
        while True:
            try:
                self._cut_log()
            except OSError as error:
                log.warning("database_log_not_cut", path=str(self.directory.log), cause=str(error))
            await asyncio.sleep(_LOG_CHECK_SECONDS)

    async def _launch(self) -> None:
        process, heard = self._spawn()
        deadline = time.monotonic() + _START_SECONDS
        try:
            while not self._ready(process):
                if process.poll() is not None or time.monotonic() > deadline:
                    break
                await asyncio.sleep(0.01)
            else:
                return
        except BaseException:
            self.kill()
            raise
        self.kill()
        raise self._failure(heard)

    def _spawn(self) -> tuple[subprocess.Popen[bytes], int]:
        """The server as our child, and how long its log was before."""
        output = open_private(self.directory.log, os.O_WRONLY | os.O_APPEND)
        try:
            heard = os.fstat(output).st_size
            self._process = subprocess.Popen(
                self._command(), stdout=output, stderr=output, **process_of(self._prepared.owner)
            )
            return self._process, heard
        finally:
            os.close(output)

    def _command(self) -> list[str]:
        fixed = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": '"{}"'.format(str(self.directory.run).replace('"', '""')),
            "unix_socket_permissions": "0700",
            "logging_collector": "off",
            "log_destination": "stderr",
            "log_line_prefix": "%m [%p] ",
        }
        options = [part for item in {**self._settings, **fixed}.items() for part in ("-c", "=".join(item))]
        return [str(self._prepared.runtime.bin / "postgres"), "-D", str(self.directory.cluster), *options]

    def _ready(self, process: subprocess.Popen[bytes]) -> bool:
        # After kill -9 the file still says "ready": only the line of our own child counts.
        try:
            lines = (self.directory.cluster / "postmaster.pid").read_bytes().split(b"\n")
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == b"%d" % process.pid and lines[7].strip() in (b"ready", b"standby")

    def _failure(self, heard: int) -> EmbeddedError:
        """The reason of a failed start, from what the server said after ``heard`` bytes of log."""
        root, path = self.directory.root, self.directory.log
        with path.open("rb") as output:
            output.seek(heard)
            said = output.read(1 << 20).decode(errors="replace")
        if "pre-existing shared memory block" in said:
            survivors = processes_of(self.directory.cluster)
            return SurvivorsHoldMemory(
                f"processes of a killed PostgreSQL still hold {root}: {survivors}; end them and start again",
                directory=str(root),
                pids=survivors,
            )
        if "Is another postmaster" in said:
            return AnotherInstance(f"another PostgreSQL runs on {root}; stop it first", directory=str(root))
        if "No space left on device" in said:
            return DiskLow(f"the disk of {root} is full; make room", directory=str(root))
        lines = [line for line in said.splitlines() if "FATAL:" in line or "PANIC:" in line]
        reason = lines[0].partition("  ")[2] if lines else f"not ready within {_START_SECONDS:.0f} s"
        return ServerFailed(
            f"PostgreSQL does not start on {root}: {reason} (log: {path})", reason=reason, log=str(path)
        )

    async def _make_database(self) -> None:
        connection = await asyncpg.connect(self.url("postgres"), timeout=30)
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()

    def _cut_log(self) -> None:
        # Copied and emptied rather than renamed: the server keeps its descriptor and appends.
        path = self.directory.log
        if path.stat().st_size <= _LOG_BYTES:
            return
        old = open_private(path.with_suffix(".log.1"), os.O_WRONLY | os.O_TRUNC)
        with path.open("rb") as output, os.fdopen(old, "wb") as kept:
            output.seek(-_LOG_BYTES, os.SEEK_END)
            kept.write(output.read(_LOG_BYTES))
        os.truncate(path, 0)


def _address(directory: DataDirectory, database: str) -> str:
    # The port is written out because asyncpg would otherwise take PGPORT.
    host = quote(os.fsencode(directory.run), safe="")
    return f"postgresql://{USER}@/{quote(database, safe='')}?host={host}&port={PORT}"
