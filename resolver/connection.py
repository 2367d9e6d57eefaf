"""The resolver's one connection for look-ups: read-only, quick to give up, mended in the background.

After a failure every question is refused at once, so that no request waits behind a time-out; meanwhile one
attempt at a time tries to connect again. A connection that was merely closed is replaced within the question.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog

from node.database import AWAY, Connection
from node.servers import connect
from resolver.answer import ResolverAway

log = structlog.get_logger("resolver")

_PAUSE = 0.2  # seconds between attempts to connect

# A look-up finds each row by its key. Plans made before the tables were filled and analysed would scan them.
SESSION = {
    "role": "biaoshi_reader",
    "application_name": "biaoshi resolver",
    "default_transaction_read_only": "on",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "timezone": "UTC",
}

# Besides a lost server, a server that refuses: restoring, migrating, out of memory. None of it is an answer.
_FAILURES = (*AWAY, asyncpg.PostgresError, asyncpg.InternalClientError)


class ReaderConnection:
    """Questions are asked one after the other, each within ``seconds``, connecting included.

    Of several servers in ``url`` the one that is ``target`` is asked; without it, the one that ``url`` wants.
    """

    def __init__(self, url: str, *, seconds: float, target: str | None = None) -> None:
        self._url = url
        self._target = target
        self.seconds = seconds
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None
        self._mending: asyncio.Task[None] | None = None
        self.connected = 0
        """How often a connection was made: another number means perhaps another server."""
        self.on_connected: Callable[[], None] = lambda: None

    @property
    def works(self) -> bool:
        """False from a failure until the connection is mended."""
        return self._mending is None

    async def fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """The rows of one statement. Raises ``ResolverAway``, at once while the connection is being mended."""
        deadline = time.monotonic() + self.seconds
        try:
            async with asyncio.timeout(self.seconds), self._turn:
                if not self.works:
                    raise ResolverAway
                return await self._ask(statement, arguments, deadline)
        except _FAILURES as error:
            if self.works:
                log.warning("look_up_failed", cause=type(error).__name__, message=str(error)[:200])
                self._mending = asyncio.create_task(self._mend(), name="mend the reader's connection")
            raise ResolverAway from error

    async def _ask(self, statement: str, arguments: tuple[Any, ...], deadline: float) -> list[asyncpg.Record]:
        if self._connection is None:
            return await self._ask_once(statement, arguments, deadline)
        # A kept connection may have been closed long ago by a server that is quite well now, or lead to one that has
        # fallen silent while another answers: half of the time is left for a new one.
        try:
            return await self._ask_once(statement, arguments, (time.monotonic() + deadline) / 2)
        except _FAILURES:
            if time.monotonic() >= deadline:
                raise
            return await self._ask_once(statement, arguments, deadline)

    async def _ask_once(self, statement: str, arguments: tuple[Any, ...], deadline: float) -> list[asyncpg.Record]:
        try:
            if self._connection is None:
                self._connection = await self._connect(deadline - time.monotonic())
            seconds = deadline - time.monotonic()
            rows: list[asyncpg.Record] = await self._connection.fetch(statement, *arguments, timeout=seconds)
        except BaseException:  # also when cancelled: an answer still under way must not meet the next question
            self._drop()
            raise
        return rows

    async def _connect(self, seconds: float) -> Connection:
        connection = await connect(self._url, timeout=seconds, target=self._target, server_settings=SESSION)
        self.connected += 1
        self.on_connected()
        return connection

    async def _mend(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE)
            try:
                self._connection = await self._connect(self.seconds)
            except _FAILURES as error:
                log.debug("still_away", cause=type(error).__name__)
                continue
            log.info("look_up_mended")
            self._mending = None
            return

    def renew(self) -> None:
        """Ask over a new connection: this one may lead to a silent server, or to one that is the primary no more."""
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """End the connection and any attempt to mend it."""
        if self._mending is not None:
            self._mending.cancel()
            await asyncio.gather(self._mending, return_exceptions=True)
        self._drop()
