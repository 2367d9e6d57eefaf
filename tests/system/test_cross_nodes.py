"""Two secondary nodes, two enterprise nodes and the mock national node as processes: they resolve across each other.

The national node knows the secondary nodes, a secondary node the enterprise node below it; everybody else finds the
way by asking. What is registered and resolved anywhere is counted once above.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from node.handle_data import decode_site
from node.resolutions import Outcome
from registry.credit_code import complete
from resolver.handle.bodies import decode_referral
from resolver.handle.codes import Flag, ResponseCode
from resolver.handle.message import Message
from tests.support.databases import Clone
from tests.support.docking import until
from tests.support.handle import USUAL_FLAGS, connected, record_of, resolution
from tests.support.node_process import NodeProcess, mock_national, served
from tests.support.world import PUMP

pytestmark = pytest.mark.system

PASSWORD = "Tr7-lampe-Kran"
PATIENCE = 60.0
COUNT_PATIENCE = 200.0  # a node states its counts once a minute, and so does the one above it
FIRST, SECOND = "88.101.2001", "88.102.2001"
_QUICK = {"poll_seconds": 0.2, "heartbeat_seconds": 1, "count_seconds": 1}


@dataclass(frozen=True, slots=True)
class Network:
    """``national`` is the address of the mock, ``far`` the database it keeps everything in."""

    national: str
    far: asyncpg.Connection
    first: NodeProcess
    second: NodeProcess
    first_enterprise: NodeProcess
    second_enterprise: NodeProcess

    @property
    def everybody(self) -> list[NodeProcess]:
        return [self.first, self.second, self.first_enterprise, self.second_enterprise]


@pytest.fixture
def databases(clone: Clone) -> Iterator[list[str]]:
    """Five empty ones."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(clone()) for _ in range(5)]


@pytest.fixture
async def network(databases: list[str]) -> AsyncIterator[Network]:
    """All of them, each enterprise node docked and its prefix enabled."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="biaoshi-cross-")))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        url, root = await stack.enter_async_context(mock_national(databases[0], folder, "--approve"))
        recursion = {"enabled": True, "roots": [f"127.0.0.1:{root}"], "networks": ["127.0.0.0/8"]}

        async def node(number: int, above: str, prefix: str, *options: str, **national: str) -> NodeProcess:
            groups: dict[str, dict[str, Any]] = {
                "node": {"name": f"节点 {prefix}", "prefix": prefix},
                "database": {"url": databases[number]},
                "national": {"url": above, **_QUICK, **national},
                "downward": {"approve": "known"},
                "recursion": recursion,
            }
            return await stack.enter_async_context(served(folder, prefix, session, groups, *options))

        first, second = await asyncio.gather(node(1, url, "88.101"), node(2, url, "88.102"))

        async def enterprise_node(number: int, secondary: NodeProcess, prefix: str) -> NodeProcess:
            code, above = await grant(secondary, prefix), f"{secondary.url}/docking"
            started = await node(number, above, prefix, "--profile", "enterprise", credit_code=code)
            await enabled(started, prefix)
            return started

        enterprises = await asyncio.gather(enterprise_node(3, first, FIRST), enterprise_node(4, second, SECOND))
        far = await asyncpg.connect(databases[0])
        stack.push_async_callback(far.close)
        yield Network(url, far, first, second, *enterprises)


async def grant(node: NodeProcess, prefix: str) -> str:
    """An approved enterprise with the enabled prefix, as people do it; its credit code."""
    reviewer = {"name": "reviewer", "role": "reviewer", "enterprise_id": None, "password": PASSWORD}
    await node("POST", "/v1/accounts", json=reviewer)
    await node.sign_in("reviewer", PASSWORD)
    code = complete(f"91442000MAD{prefix.replace('.', '')[2:7]:0<5}")
    facts = {"credit_code": code, "name": f"示例企业 {prefix}", "division_code": "442000", "industry_code": "3441"}
    enterprise = f"/v1/enterprises/{(await node('POST', '/v1/enterprises', json=facts))['enterprise_id']}"
    await node("POST", f"{enterprise}/submit")
    await node("POST", f"{enterprise}/approve", by="reviewer")
    application = {"prefix": prefix, "enterprise_id": enterprise.rpartition("/")[2], "purpose": "自建企业节点"}
    await node("POST", "/v1/prefixes", json=application)
    await node("POST", f"/v1/prefixes/{prefix}/approve", by="reviewer")
    await enabled(node, prefix)
    return code


async def enabled(node: NodeProcess, prefix: str) -> None:
    async def stands() -> bool:
        listed = (await node("GET", "/v1/prefixes"))["items"]
        return {"prefix": prefix, "state": "enabled"} in [
            {"prefix": one["prefix"], "state": one["state"]} for one in listed
        ]

    try:
        await until(stands, PATIENCE)
    except TimeoutError:
        pytest.fail(f"{prefix} is not enabled at {node.url}: {node.log.read_text(encoding='utf-8')[-4000:]}")


async def register(node: NodeProcess, prefix: str, suffixes: Sequence[str]) -> list[str]:
    """A published template and identifiers of it."""
    made = await node("POST", "/v1/templates", json={name: PUMP[name] for name in PUMP if name != "version"})
    await node("POST", f"/v1/templates/{made['template_id']}/publish")
    for suffix in suffixes:
        wanted = {"prefix": prefix, "suffix": suffix, "template": "pump", "attributes": {"name": f"泵 {suffix}"}}
        await node("POST", "/v1/identifiers", json=wanted)
    return [f"{prefix}/{suffix}" for suffix in suffixes]


async def texts_at(node: NodeProcess, identifier: str) -> set[str]:
    """What the identifier says, as a program is told at that node."""
    status, answer = await node.asked(f"/api/handles/{identifier}")
    assert (status, answer["responseCode"]) == (200, 1), (identifier, node.url, answer)
    return {str(value["data"]["value"]) for value in answer["values"]}


async def by_native_protocol(node: NodeProcess, identifier: str, flags: int) -> Message:
    async with connected(node.handle_port) as peer:
        return await peer.ask(resolution(identifier, flags=flags))


async def counted_above(network: Network, prefix: str) -> tuple[int, int, int]:
    """What the national node has of the node of a prefix, of all days.

    Registrations, resolutions that found something there, and those that it made at others for its clients.
    """
    row = await network.far.fetchrow(
        "SELECT sum(c.registered)::int, coalesce(sum(r.found), 0)::int, coalesce(sum(r.recursed), 0)::int"
        " FROM docked_count c JOIN docked_node n USING (node_id) CROSS JOIN LATERAL ("
        "   SELECT sum((r->>'resolutions')::int) FILTER (WHERE (r->>'outcome')::int = $2) AS found,"
        "          sum((r->>'resolutions')::int) FILTER (WHERE (r->>'outcome')::int = $3) AS recursed"
        "   FROM jsonb_array_elements(c.resolutions) r) r"
        " WHERE n.delegated_prefix = $1 AND c.period = 'day'",
        prefix, int(Outcome.HIT), int(Outcome.RECURSED),
    )  # fmt: skip
    return tuple(row)


async def test_everybody_resolves_everything_and_it_is_counted_once_above(network: Network) -> None:
    first, second = await asyncio.gather(
        register(network.first_enterprise, FIRST, ["PUMP-1", "PUMP-2", "PUMP-3"]),
        register(network.second_enterprise, SECOND, ["PUMP-1", "PUMP-2"]),
    )
    _, docked_at = await network.first.asked("/docking/v1/interface")
    assert docked_at["prefix"] == "88.101"
    assert (await network.first_enterprise.asked("/docking/v1/interface"))[0] == 404
    for node in network.everybody:
        for identifier in (*first, *second):
            assert f"泵 {identifier.partition('/')[2]}" in await texts_at(node, identifier)

    # The same again is answered from what is remembered, and by the native protocol too.
    answered = await by_native_protocol(network.first, second[0], USUAL_FLAGS)
    assert "泵 PUMP-1".encode() in {value.data for value in record_of(answered)}
    # Who does not ask for recursion is told whom to ask: of one's own enterprise node.
    referred = await by_native_protocol(network.first, first[0], USUAL_FLAGS & ~Flag.RECURSIVE)
    assert referred.header.response_code == ResponseCode.SERVICE_REFERRAL
    assert network.first_enterprise.handle_port in ports_of(referred)

    status, missing = await network.first.asked(f"/api/handles/{SECOND}/NOBODY")
    assert (status, missing["responseCode"]) == (404, ResponseCode.HANDLE_NOT_FOUND)
    await assert_traced(network, second[0])
    await assert_suspension_reaches(network, second[1])
    await assert_counted(network)


async def assert_traced(network: Network, identifier: str) -> None:
    """From the national node to the enterprise node that answers, every hop told."""
    _, trace = await network.first.asked(f"/v1/public/trace?identifier={identifier}")
    assert trace["came"] == "record", trace
    assert trace["server"].endswith(f":{network.second_enterprise.handle_port}")
    assert len(trace["hops"]) >= 2
    assert all(hop["came"] in ("delegation", "referral", "record") for hop in trace["hops"])
    assert trace["hops"][-1]["question"] == identifier


async def assert_suspension_reaches(network: Network, identifier: str) -> None:
    """A prefix suspended at the secondary node is suspended at the enterprise's own, and resumed with it."""
    secondary, enterprise = network.second, network.second_enterprise
    for verb, state in (("suspend", "suspended"), ("resume", "enabled")):
        body = {"reason": "欠费"} if verb == "suspend" else None
        await secondary("POST", f"/v1/prefixes/{SECOND}/{verb}", json=body)

        async def reached(state: str = state) -> bool:
            return bool((await enterprise("GET", f"/v1/prefixes/{SECOND}"))["state"] == state)

        await until(reached, PATIENCE)
        status, answer = await enterprise.asked(f"/api/handles/{identifier}")
        assert (status == 200) is (state == "enabled"), answer

    async def answered() -> bool:
        told = (await secondary("GET", "/v1/docking/instructions"))["items"]
        return [(one["kind"], one["outcome"]) for one in told] == [("resume", "done"), ("suspend", "done")]

    await until(answered, PATIENCE)


async def assert_counted(network: Network) -> None:
    """Every node was asked for all five identifiers and asked their nodes; what else was asked is said below."""
    askers = len(network.everybody)
    traced = resumed = once_more = 1
    expected = {
        FIRST: (3, 3 * askers, 2),
        SECOND: (2, 2 * askers + traced + resumed, 3),
        "88.101": (0, 0, 5 + once_more),
        "88.102": (0, 0, 5),
    }

    async def stated() -> bool:
        return {prefix: await counted_above(network, prefix) for prefix in expected} == expected

    try:
        await until(stated, COUNT_PATIENCE)
    except TimeoutError:
        pytest.fail(str({prefix: await counted_above(network, prefix) for prefix in expected}))
    registered = await network.far.fetch(
        "SELECT prefix, sum(registered)::int AS times FROM docked_registration GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in registered] == [(FIRST, 3), (SECOND, 2)]
    templates = await network.far.fetch(
        "SELECT n.delegated_prefix FROM docked_template JOIN docked_node n USING (node_id)"
    )
    assert sorted(row[0] for row in templates) == [FIRST, SECOND]
    assert await network.far.fetchval("SELECT bool_and(laboratory) FROM docked_count")


def ports_of(referral: Message) -> set[int]:
    """The TCP ports of the sites that a referral names."""
    _, values = decode_referral(referral.body)
    sites = [decode_site(value.data) for value in values if value.type.startswith("HS_SITE")]
    return {one.port for site in sites for server in site.servers for one in server.interfaces}
