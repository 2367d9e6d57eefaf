"""PostgreSQL: pools bound to a role, transactions, and a listener that finds its way back.

Nothing here knows a table. A lost or silent database is always ``DatabaseAway``, one that does not let us in
``LoginRefused``; what a constraint means is said where the statement stands (``registry/store.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import structlog
from asyncpg import Connection as Connection
from asyncpg import Pool as Pool

from node import servers
from node.errors import Unavailable
from node.pause import pause

log = structlog.get_logger(__name__)

# What asyncpg raises when the server is gone, going, starting, full or silent.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.InterfaceError,
    # A connection that was told of a shutdown but not yet closed; asyncpg has no better name for it.
    # None of the servers of an address being the primary is one of these, too.
    asyncpg.InternalClientError,
    # A primary that became a standby: to write, another server has to be found.
    asyncpg.ReadOnlySQLTransactionError,
)


_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds between attempts to listen again
_PROBE_SECONDS = 1.0


class DatabaseAway(Unavailable):
    title_zh = "数据库暂时不可用"


class LoginRefused(Unavailable):
    title_zh = "数据库拒绝登录"


@contextlib.contextmanager
def database_errors() -> Iterator[None]:
    """A lost or silent database becomes ``DatabaseAway``, one that does not let us in ``LoginRefused``.

    Whoever is being cancelled stays so: the rollback that ran into its deadline on the way out is no news, and would
    be taken for a failure after which one tries again, for ever.
    """
    try:
        yield
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise LoginRefused(f"the database refuses this login: {error}") from error
    except AWAY as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        raise DatabaseAway("the database does not answer", cause=type(error).__name__) from error


async def open_pool(url: str, role: str, *, size: int, seconds: float, name: str, at_once: bool = True) -> Pool:
    """A pool whose sessions act as ``role``, on the primary of the servers in ``url``; unless ``at_once`` it connects
    when it is first used. Raises ``DatabaseAway``.
    """
    with database_errors():
        pool: Pool = await asyncpg.create_pool(
            url,
            connect=servers.connect,
            target=servers.PRIMARY,
            connection_class=_Session,
            min_size=0,  # a floor is kept by asyncpg itself, and each time it cannot it logs a traceback
            max_size=size,
            command_timeout=seconds,
            timeout=seconds,
            server_settings={"role": role, "application_name": name, "jit": "off", "timezone": "UTC"},
        )
        if at_once:
            async with pool.acquire(timeout=seconds):
                pass
        return pool


@contextlib.asynccontextmanager
async def transaction(pool: Pool, seconds: float = 5.0) -> AsyncIterator[Connection]:
    """One transaction on a pooled connection, acquired within ``seconds``. Raises ``DatabaseAway``."""
    with database_errors():
        async with (
            pool.acquire(timeout=seconds) as connection,
            leaving_silence(pool, connection),  # at BEGIN and COMMIT
            connection.transaction(),
            leaving_silence(pool, connection),  # before a ROLLBACK that would wait as long again
        ):
            yield connection


@contextlib.asynccontextmanager
async def leaving_silence(pool: Pool, connection: Connection) -> AsyncIterator[None]:
    """When a statement of the block ran out of time because its server has fallen silent, waste no more on it.

    The connection would keep us for its rollback and for its reset as long as the statement did; the pool's others
    lead to the same server, and are opened anew. A statement that was merely slow changes nothing.
    """
    try:
        yield
    except TimeoutError:
        try:
            await connection.execute("SELECT 1", timeout=_PROBE_SECONDS)
        except asyncpg.PostgresError:
            pass  # an answer: of a transaction that has failed
        except (OSError, asyncpg.InterfaceError):  # a TimeoutError is an OSError
            await pool.expire_connections()
            with contextlib.suppress(asyncpg.InterfaceError):  # its own cancellation may have ended it meanwhile
                connection.terminate()
        raise


class _Session(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection whose COPY ends with it: asyncpg's own waits for room to write, even if nobody is left to read.

    And one that can be closed though nobody answers: a pool closes those that ``expire_connections`` gave up in tasks
    of which it forgets the outcome.
    """

    copy_seconds = 60.0

    async def close(self, *, timeout: float | None = None) -> None:
        with contextlib.suppress(OSError, asyncpg.InterfaceError):  # a TimeoutError is an OSError; it is aborted then
            await super().close(timeout=timeout)

    async def copy_records_to_table(self, table_name: str, **options: Any) -> str:
        return await self._while_there(super().copy_records_to_table(table_name, **options))

    async def copy_to_table(self, table_name: str, **options: Any) -> str:
        return await self._while_there(super().copy_to_table(table_name, **options))

    async def _while_there(self, copy: Awaitable[str]) -> str:
        lost = asyncio.Event()

        def note(_: object) -> None:
            lost.set()

        self.add_termination_listener(note)
        copying = asyncio.ensure_future(copy)
        losing = asyncio.ensure_future(lost.wait())
        try:
            await asyncio.wait({copying, losing}, timeout=self.copy_seconds, return_when=asyncio.FIRST_COMPLETED)
            if copying.done():
                return copying.result()
            self.terminate()
            raise asyncpg.ConnectionDoesNotExistError("the connection was lost or fell silent amid a COPY")
        finally:
            self.remove_termination_listener(note)
            losing.cancel()
            copying.cancel()
            await asyncio.gather(copying, losing, return_exceptions=True)


class Listener:
    """LISTEN on one channel of the primary, for as long as it runs.

    ``on_lost`` is called when notices may be missed from now on, ``on_resumed`` when the channel is heard
    again: between the two the caller trusts nothing that it heard before. A connection that has fallen silent without
    being closed is lost after ``probe_seconds`` and ``silence_seconds`` at most: the answer to a probe comes behind
    the notices that were there before it.
    """

    def __init__(
        self,
        url: str,
        channel: str,
        *,
        on_notice: Callable[[str], None],
        on_lost: Callable[[], None],
        on_resumed: Callable[[], None],
        probe_seconds: float = 1.0,
        silence_seconds: float = 2.0,
    ) -> None:
        self._url = url
        self._channel = channel
        self._on_notice = on_notice
        self._on_lost = on_lost
        self._on_resumed = on_resumed
        self._probe_seconds = probe_seconds
        self._silence_seconds = silence_seconds

    async def run(self) -> None:
        """Listen until cancelled; every loss is followed by a new attempt, at most a second apart."""
        pause = _FIRST_PAUSE
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._listen()
            except (*AWAY, asyncpg.PostgresError) as error:  # also a database that is not there yet, or a standby
                log.warning("listener_lost", channel=self._channel, cause=type(error).__name__)
            if asyncio.get_running_loop().time() - began > self._probe_seconds:
                pause = _FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _listen(self) -> None:
        connection = await servers.connect(
            self._url,
            timeout=5,
            target=servers.PRIMARY,
            server_settings={"role": "biaoshi_reader", "application_name": "biaoshi listener"},
        )
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        try:
            await connection.add_listener(self._channel, lambda *heard: self._on_notice(str(heard[3])))
            self._on_resumed()
            try:
                await self._probe_until(connection, gone)
            finally:
                self._on_lost()
        finally:
            connection.terminate()

    async def _probe_until(self, connection: Connection, gone: asyncio.Event) -> None:
        # A server that vanished without closing the socket shows only through a question it does not answer.
        while not await pause(gone, self._probe_seconds):
            await connection.execute("SELECT 1", timeout=self._silence_seconds)
