"""PostgreSQL for the tests: one embedded server a session, one migrated template, one clone a test.

``BIAOSHI_DATABASE_URL`` names another server to test against (``make test-external``); its login must be a
superuser, for the tests create and drop databases.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from node import embedded
from node.database import Pool, open_pool
from node.migrate import migrate
from tests.support.databases import Clone

# What a test database need not do is survive a power cut; where there is plenty of memory it stands in memory, for a
# clone is made in a tenth of the time there.
_IN_MEMORY = Path("/dev/shm")
_PLENTY = 8 << 30
_ROOT = Path(__file__).parents[1]
_QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rows", type=int, default=20_000, help="rows of each import that is killed")
    parser.addoption("--rounds", type=int, default=2, help="kill -9 rounds of an import")
    parser.addoption("--events", type=int, default=100_000, help="known resolutions that are booked")
    parser.addoption("--kills", type=int, default=20, help="kill -9 of processes that book them")
    parser.addoption("--torn", type=int, default=40, help="kill -9 of a process amid its stores")
    parser.addoption("--link-events", type=int, default=3_000, help="events reported through all kinds of trouble")
    parser.addoption("--link-kills", type=int, default=7, help="kill -9 of the steward meanwhile")
    parser.addoption("--contract-whole", action="store_true", help="the borders of every operation's schema")
    parser.addoption("--docking-whole", action="store_true", help="docking test cases that wait for long, too")
    parser.addoption("--sequences", type=int, default=20, help="sequences of acts against the dictionary model")
    parser.addoption("--frames", type=int, default=50_000, help="damaged messages of the Handle protocol")
    parser.addoption("--acts", type=int, default=30, help="acts of each sequence")


def pytest_configure(config: pytest.Config) -> None:
    """The suite starts hundreds of interpreters; none compiles again what another has compiled, and what is compiled
    lies where ``make clean`` removes it, also where the environment wants nothing compiled kept.
    """
    compiled = str(_ROOT / ".pytest_cache" / "compiled")
    sys.dont_write_bytecode, sys.pycache_prefix = False, compiled
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = compiled


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that takes a database is a database test, whether it says so or not.

    Those that start whole processes come first: a long one that begins last would leave the other cores idle. The
    tests of a file stay together (``--dist loadfile``), for they share what it sets up.
    """
    for item in items:
        if {"database_url", "server_url"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.database)
    items.sort(key=lambda item: item.get_closest_marker("system") is None)


def pytest_collection_finish() -> None:
    """What is collected stays to the end: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


def quick_folder() -> str | None:
    """Where a server of the tests keeps its data; ``None`` is the usual place of temporary files."""
    roomy = _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free >= _PLENTY
    return str(_IN_MEMORY) if roomy else None


@pytest.fixture(scope="session")
def server_url() -> Iterator[Callable[[str], str]]:
    """A function from a database's name to its URL on the server under test."""
    external = os.environ.get("BIAOSHI_DATABASE_URL")
    if external:
        parts = urlsplit(external)
        yield lambda name: urlunsplit(parts._replace(path=f"/{name}"))
        return
    with (
        tempfile.TemporaryDirectory(prefix="biaoshi-test-", dir=quick_folder()) as folder,
        asyncio.Runner() as runner,
    ):
        Path(folder).chmod(0o755)
        running = embedded.start(Path(folder) / "pg", settings=_QUICK)
        server = runner.run(running.__aenter__())
        try:
            yield server.url
        finally:
            runner.run(running.__aexit__(None, None, None))


@pytest.fixture(scope="session")
def execute(server_url: Callable[[str], str]) -> Iterator[Callable[[str], None]]:
    """A statement on the server itself, by one connection for all: one for each would cost a test 8 ms of CPU."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(server_url("postgres")))
        yield lambda statement: runner.run(connection.execute(statement))
        runner.run(connection.close())


@pytest.fixture(scope="session")
def template_database(server_url: Callable[[str], str], execute: Callable[[str], None]) -> Iterator[str]:
    """The name of a database with the newest schema and no rows."""
    name = f"template_{uuid4().hex[:12]}"
    execute(f'CREATE DATABASE "{name}"')
    asyncio.run(migrate(server_url(name)))
    yield name
    execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def clone(server_url: Callable[[str], str], template_database: str, execute: Callable[[str], None]) -> Clone:
    """Makes fresh databases with the newest schema, each dropped when its context ends."""

    @contextlib.contextmanager
    def clone() -> Iterator[str]:
        name = f"test_{uuid4().hex[:12]}"
        execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}" STRATEGY file_copy')
        try:
            yield server_url(name)
        finally:
            execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    return clone


@pytest.fixture
def database_url(clone: Clone) -> Iterator[str]:
    """A fresh database with the newest schema, dropped after the test."""
    with clone() as url:
        yield url


@pytest.fixture
def other_database_url(clone: Clone) -> Iterator[str]:
    """Another one, for a second node."""
    with clone() as url:
        yield url


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool that may do what the writer may do."""
    pool = await open_pool(database_url, "biaoshi_writer", size=10, seconds=10, name="test writer")
    yield pool
    pool.terminate()


@pytest.fixture
async def reader_pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool that may do what the resolver may do."""
    pool = await open_pool(database_url, "biaoshi_reader", size=4, seconds=10, name="test reader")
    yield pool
    pool.terminate()
