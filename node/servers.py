"""One database on several servers (``postgresql://login@one:5432,two:5432/node``), of which one is the primary.

asyncpg asks the servers of an address one after the other within a single deadline, so that one that has fallen
silent would use up the time of all. Here all are asked at once, and the first that is what is wanted is taken.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg

PRIMARY = "primary"
"""What whoever writes or listens asks for: a server in recovery refuses both."""

_STANDBY = "standby"
_PREFERENCE_SECONDS = 0.5  # how long a standby is waited for before any server will do
_ROUND_SECONDS = 2.0  # after which all are asked again: while one is silent another may have become the primary


def servers_of(url: str) -> list[str]:
    """The address of each server that ``url`` names, in its order; nothing else in them differs."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=f"{login}{at}{host}").geturl() for host in hosts.split(",")]


async def connect(url: str, *, timeout: float, target: str | None = None, **options: Any) -> asyncpg.Connection:
    """A connection to the server that is ``target``, a word of ``target_session_attrs``, or else what ``url`` says.

    ``prefer-standby`` is content with the primary where no standby answers within half a second. ``timeout`` is in
    seconds, for all servers together. Raises what ``asyncpg.connect`` raises, of the server whose refusal came last;
    ``asyncpg.TargetServerAttributeNotMatched`` where none is wanted.
    """
    wanted = target or parse_qs(urlsplit(url).query).get("target_session_attrs", ["any"])[-1]
    servers = servers_of(url)
    if len(servers) == 1:
        return await asyncpg.connect(url, timeout=timeout, target_session_attrs=wanted, **options)
    async with asyncio.timeout(timeout):
        if wanted == "prefer-standby":
            try:
                return await _first(servers, _STANDBY, _PREFERENCE_SECONDS, options)
            except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError):  # a TimeoutError is an OSError
                wanted = "any"
        while True:
            with contextlib.suppress(TimeoutError):
                return await _first(servers, wanted, _ROUND_SECONDS, options)


async def _first(servers: list[str], wanted: str, seconds: float, options: dict[str, Any]) -> asyncpg.Connection:
    """Raises ``TimeoutError`` when the last that could be it has said nothing within ``seconds``."""
    asked = [
        asyncio.create_task(asyncpg.connect(url, timeout=seconds, target_session_attrs=wanted, **options))
        for url in servers
    ]
    chosen = None
    try:
        for done in asyncio.as_completed(asked):
            try:
                chosen = await done
            except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError) as error:
                refusal = error
                continue
            return chosen
        raise refusal
    finally:
        for task in asked:
            task.cancel()
        for connection in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(connection, asyncpg.Connection) and connection is not chosen:
                connection.terminate()
