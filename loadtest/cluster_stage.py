"""What stands on a cluster when it is tried: a node that registers, one that resolves from the standby."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from loadtest.bench_node import free_port
from loadtest.cluster import DATABASE, HOST, LOGIN, Addresses, Cluster
from loadtest.cluster_load import Registrar, Written
from loadtest.corpus import template
from node import config, embedded
from node.client import connect
from node.demo.scene import make_database
from node.demo.settings import DemoNode, above, kept_secret
from node.demo.story import Cast, make_enterprise_user, make_reviewer, new_state, signed_in
from node.demo.workload import enterprises
from node.serve import node_running
from node.servers import PRIMARY
from node.servers import connect as connect_to_database
from node.supervisor import ChildSpec, children

_KNOWN = 500  # identifiers that both nodes have answered before
_ACCESS_KEY = "exercise"
_ROLES = """
CREATE ROLE biaoshi_owner NOLOGIN; CREATE ROLE biaoshi_writer NOLOGIN; CREATE ROLE biaoshi_reader NOLOGIN;
CREATE ROLE {login} LOGIN PASSWORD '{password}';
GRANT biaoshi_owner, biaoshi_writer, biaoshi_reader TO {login};
"""


@dataclass(frozen=True, slots=True)
class ClusterStage:
    """The cluster, who registers at the first node, where the second resolves, what both have answered before."""

    cluster: Cluster
    registrar: Registrar
    resolver_url: str
    known: Sequence[str]


@contextlib.asynccontextmanager
async def set_up(folder: Path, servers: Cluster, addresses: Addresses) -> AsyncIterator[ClusterStage]:
    """Until the block ends; the mock national node has a PostgreSQL of its own, which never falls."""
    await _make_login(servers)
    national_port, secret = free_port(), kept_secret(folder / "national.key")
    async with contextlib.AsyncExitStack() as stack:
        own = await stack.enter_async_context(embedded.start(folder / "national"))
        mock = [
            sys.executable, "-m", "node.cli", "mock-national", "--database-url", await make_database(own, "national"),
            "--access-key", _ACCESS_KEY, "--host", HOST, "--port", str(national_port), "--handle-port", "0",
        ]  # fmt: skip
        await stack.enter_async_context(children([ChildSpec("mock", mock, {"BIAOSHI_MOCK_SECRET_KEY": secret})]))
        first = _node(folder / "registering").write(
            addresses.writing, above(f"http://{HOST}:{national_port}", _ACCESS_KEY, secret)
        )
        registering = await stack.enter_async_context(node_running(config.load(_quiet(first)), first))
        client = await stack.enter_async_context(connect(registering.url))
        state, sample = new_state(str(registering.administrator_password)), enterprises()[0]
        admin = await signed_in(client, "admin", state.administrator_password)
        cast = Cast(admin, await make_reviewer(client, admin, state), lambda _words: None)
        await cast.bring_in([sample])
        await cast.publish(template())
        user = await make_enterprise_user(admin, sample)
        second = _resolving(_node(folder / "resolving").write(addresses.writing), addresses.reading)
        resolving = await stack.enter_async_context(node_running(config.load(_quiet(second)), second))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        marker = f"X{secrets.token_hex(2).upper()}"
        registrar = Registrar(session, registering.url, user.token, sample.prefix, str(template()["name"]), marker)
        yield ClusterStage(servers, registrar, resolving.url, await _known(registrar, resolving.url))


def _node(folder: Path) -> DemoNode:
    return DemoNode(folder, folder.name, "88.101", "secondary", 1, free_port(), free_port())


def _resolving(file: Path, reader_url: str) -> Path:
    """The settings of a node that resolves only, from the standby."""
    return _changed(_changed(file, "[node]", 'roles = ["resolver"]'), "[database]", f'reader_url = "{reader_url}"')


def _quiet(file: Path) -> Path:
    """That a database is away is said by every part of a node, again and again; here it is the plan."""
    return _changed(file, "[log]", 'requests = false\nlevel = "error"', instead_of='level = "warning"\n')


def _changed(file: Path, table: str, line: str, instead_of: str = "") -> Path:
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(f"{table}\n{instead_of}", f"{table}\n{line}\n"), encoding="utf-8")
    return file


async def _make_login(servers: Cluster) -> None:
    connection = await connect_to_database(servers.url("postgres", "postgres"), timeout=10, target=PRIMARY)
    try:
        await connection.execute(_ROLES.format(login=LOGIN, password=servers.passwords.login))
        await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {LOGIN}")
    finally:
        await connection.close()


async def _known(registrar: Registrar, resolver_url: str) -> list[str]:
    """Identifiers that both nodes have answered: what their caches hold when the servers fall."""
    stop, written = asyncio.Event(), Written()
    clients = [asyncio.create_task(registrar.run(itertools.count(10**6 * n), written, stop)) for n in range(1, 5)]
    try:
        async with asyncio.timeout(120):
            while len(written.acknowledged) < _KNOWN:  # noqa: ASYNC110 - clients count
                await asyncio.sleep(0.1)
    finally:
        stop.set()
        await asyncio.gather(*clients)
    known = list(written.acknowledged)
    await asyncio.sleep(1)  # the standby applies the last of them
    for url in (registrar.url, resolver_url):
        for identifier in known:
            async with registrar.session.get(f"{url}/api/handles/{identifier}") as answer:
                answer.raise_for_status()
    return known
