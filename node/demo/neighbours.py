"""The demo's neighbours: another secondary node and, below it, an enterprise's own node; resolved through ours.

    demo 88.101 ── asks ──> mock national node ── delegates ──> 88.102 ── delegates ──> 88.102.7, the enterprise's own

Both are the same program as the demo's node, each with a database of its own. The enterprise node applies for access
to the secondary node above it; what is registered there is known nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from node import config
from node.client import Client, connect
from node.demo.scene import NodeRunning, Scene, Started, make_database
from node.demo.settings import DemoNode, above, kept_secret, recursion, write_private
from node.demo.story import Cast, Say, State, Table, make_reviewer, new_state, signed_in
from node.demo.workload import SampleEnterprise, template
from node.errors import Unavailable

PORTS = 4
"""HTTP and Handle of the secondary node, then of the enterprise node."""
IDENTIFIER = "88.102.7/PUMP-26-000123"
_PREFIX = "88.102.7"
_ENTERPRISE = SampleEnterprise(
    {
        "name": "宁波示例泵业有限公司",
        "name_en": "Ningbo Sample Pumps",
        "credit_code": "91330212MAD000772K",
        "division_code": "330212",
        "industry_code": "3441",
        "address": "鄞州区示例路 77 号",
        "contact_name": "标识管理员",
        "contact_phone": "0574-00000077",
        "contact_email": "contact@e77.example",
    },
    _PREFIX,
)
_ATTRIBUTES = {"gtin": "06901234000016", "name": "离心泵 PUMP-26", "brand": "示例泵业"}
_SECONDS = 60.0


class NeighbourMissing(Unavailable):
    title_zh = "邻节点未就绪"


@dataclass(frozen=True, slots=True)
class _Issued:
    """What the national node issued to the other secondary node."""

    access_key: str
    prefix: str

    def secret(self, folder: Path) -> str:
        return kept_secret(folder / "neighbour.key")

    def issued(self, folder: Path) -> str:
        """As the mock's command line takes it."""
        return f"{self.access_key}:{self.secret(folder)}:{self.prefix}"


NEIGHBOUR = _Issued("demo-neighbour", "88.102")


@dataclass(frozen=True, slots=True)
class Neighbours:
    """``port`` is the first of ``PORTS``; ``national`` and ``root`` are the addresses of the mock national node."""

    folder: Path
    port: int
    national: str
    root: str

    @contextlib.asynccontextmanager
    async def met(self, node_running: NodeRunning, scene: Scene, table: Table, say: Say) -> AsyncIterator[None]:
        """Both nodes while the block lasts; ``table`` gets the way to an identifier of the enterprise node.

        Raises ``NeighbourMissing`` and what nodes raise that do not start.
        """
        say("另一二级节点 88.102 及其企业节点 88.102.7 · another secondary node, and an enterprise node below it")
        secondary = DemoNode(
            self.folder / "neighbour", "neighbour", "88.102", "secondary", 1, self.port, self.port + 1
        )
        enterprise = DemoNode(
            self.folder / "enterprise", "pumps", _PREFIX, "enterprise", 1, self.port + 2, self.port + 3
        )
        file = secondary.write(
            await make_database(scene.server, "neighbour"),
            above(self.national, NEIGHBOUR.access_key, NEIGHBOUR.secret(self.folder)),
            '[downward]\napprove = "known"\n',
            recursion(self.root),
        )
        async with node_running(config.load(file), file) as upper, connect(upper.url) as client:
            await self._bring_in(secondary.folder, upper, client, say)
            file = enterprise.write(
                await make_database(scene.server, "enterprise"),
                above(f"{upper.url}/docking") + f'credit_code = "{_ENTERPRISE.form["credit_code"]}"\n',
            )
            async with node_running(config.load(file), file) as own, connect(own.url) as below:
                await self._register(enterprise.folder, own, below)
                say(f"经本节点递归解析 {IDENTIFIER} · resolved recursively through our node")
                table.trace = await _traced(scene.client)
                yield

    async def _bring_in(self, folder: Path, node: Started, client: Client, say: Say) -> None:
        """The enterprise, reviewed by the other secondary node, with a verified prefix."""
        state = _state_of(folder, node)
        administrator = await signed_in(client, "admin", state.administrator_password)
        await Cast(administrator, await make_reviewer(client, administrator, state), say).bring_in([_ENTERPRISE])

    async def _register(self, folder: Path, node: Started, client: Client) -> None:
        """One identifier on the enterprise's own node, once it has been granted access and its prefix verified."""
        state = _state_of(folder, node)
        administrator = await signed_in(client, "admin", state.administrator_password)
        await _until_enabled(administrator)
        prefix, _, suffix = IDENTIFIER.partition("/")
        if (await administrator.get("/v1/identifiers", prefix=prefix))["items"]:
            return
        drawn = template()
        templates = await administrator.get("/v1/templates")
        stored = next((one for one in templates["items"] if one["name"] == drawn["name"]), None)
        if stored is None:
            stored = await administrator.post("/v1/templates", drawn)
            await administrator.post(f"/v1/templates/{stored['template_id']}/publish")
        body = {"prefix": prefix, "suffix": suffix, "template": drawn["name"], "attributes": _ATTRIBUTES}
        await administrator.post("/v1/identifiers", body)


async def _until_enabled(administrator: Client) -> None:
    deadline = time.monotonic() + _SECONDS
    while not (await administrator.get("/v1/prefixes", state="enabled"))["items"]:
        if time.monotonic() > deadline:
            raise NeighbourMissing(f"the prefix {_PREFIX} of the enterprise node was not verified in time")
        await asyncio.sleep(0.1)


async def _traced(client: Client) -> dict[str, Any]:
    """The way through the demo's node; the answer must be the record."""
    deadline = time.monotonic() + _SECONDS
    while True:
        answer: dict[str, Any] = await client.get("/v1/public/trace", identifier=IDENTIFIER)
        if answer["came"] == "record":
            return answer
        if time.monotonic() > deadline:
            raise NeighbourMissing(f"{IDENTIFIER} did not resolve: {answer['detail'] or answer['came']}")
        await asyncio.sleep(0.5)


def _state_of(folder: Path, node: Started) -> State:
    """Passwords of a neighbour, remembered from its first start on."""
    file = folder / "state.json"
    if node.administrator_password is not None:
        state = new_state(node.administrator_password)
        write_private(file, msgspec.json.encode(state).decode())
        return state
    return msgspec.json.decode(file.read_bytes(), type=State)
