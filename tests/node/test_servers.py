"""Several servers behind one address: a closed and a silent one beside one that answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
import pytest
import pytest_asyncio

from node.servers import PRIMARY, connect, servers_of


def host_of(url: str) -> str:
    """Login and host of the test's server as they stand in the host part, be it a unix socket."""
    parts = urlsplit(url)
    socket_directory = parse_qs(parts.query).get("host")
    if not socket_directory:
        return parts.netloc
    port = parse_qs(parts.query).get("port", ["5432"])[-1]
    user = parts.netloc.rpartition("@")[0] or parse_qs(parts.query).get("user", ["postgres"])[-1]
    return f"{user}@{quote(socket_directory[-1], safe='')}:{port}"


def beside(url: str, *others: int) -> str:
    """The address of ports of the loopback and, last, of the test's server."""
    login, _, host = host_of(url).rpartition("@")
    hosts = ",".join([*(f"127.0.0.1:{port}" for port in others), host])
    return f"postgresql://{login}@{hosts}{urlsplit(url).path}"


@pytest_asyncio.fixture
async def silent() -> AsyncIterator[int]:
    """A port where connections are taken and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def closed() -> int:
    with socket.create_server(("127.0.0.1", 0)) as passing:
        return int(passing.getsockname()[1])


def test_every_server_keeps_login_database_and_query() -> None:
    assert servers_of("postgresql://me:p%40ss@one:5432,[::1]:5433,two/node?application_name=x") == [
        "postgresql://me:p%40ss@one:5432/node?application_name=x",
        "postgresql://me:p%40ss@[::1]:5433/node?application_name=x",
        "postgresql://me:p%40ss@two/node?application_name=x",
    ]


async def test_neither_a_closed_nor_a_silent_server_keeps_from_the_one_that_answers(
    database_url: str, silent: int, closed: int
) -> None:
    # One after the other the silent one would use up the deadline.
    connection = await connect(beside(database_url, closed, silent), timeout=10, target=PRIMARY)
    try:
        assert await connection.fetchval("SELECT pg_is_in_recovery()") is False
    finally:
        await connection.close()


async def test_where_no_standby_answers_the_primary_will_do(database_url: str, silent: int) -> None:
    address = f"{beside(database_url, silent)}?target_session_attrs=prefer-standby"
    connection = await connect(address, timeout=30)
    try:
        assert await connection.fetchval("SELECT pg_is_in_recovery()") is False
    finally:
        await connection.close()


async def test_no_server_that_is_wanted_is_said_so(database_url: str, closed: int) -> None:
    with pytest.raises((asyncpg.TargetServerAttributeNotMatched, OSError)):
        await connect(beside(database_url, closed), timeout=10, target="standby")
    with pytest.raises(OSError, match=str(closed)):
        await connect(f"postgresql://me@127.0.0.1:{closed},127.0.0.1:{closed}/node", timeout=10)


async def test_all_silent_ends_with_the_deadline(silent: int) -> None:
    with pytest.raises(TimeoutError):
        await connect(f"postgresql://me@127.0.0.1:{silent},127.0.0.1:{silent}/node", timeout=0.2)


async def test_who_came_second_leaves_no_connection_behind(database_url: str) -> None:
    host = host_of(database_url)
    twice = f"postgresql://{host},{host.rpartition('@')[2]}{urlsplit(database_url).path}"
    racing = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'racing'"
    connection = await connect(twice, timeout=10, target=PRIMARY, server_settings={"application_name": "racing"})
    try:
        async with asyncio.timeout(10):
            while await connection.fetchval(racing) > 1:  # noqa: ASYNC110 - the server ends them
                await asyncio.sleep(0.01)
    finally:
        await connection.close()
