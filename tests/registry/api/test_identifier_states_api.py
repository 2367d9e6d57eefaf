"""``/v1/identifier-states`` over HTTP: what is suspended does not resolve anywhere and stays its owner's to keep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from registry.identifiers.changes import Asked, Change
from tests.support.bench import Bench
from tests.support.node import Answer, Node, running_node

PREFIX = "88.101.2001"
ONE = f"/v1/identifiers/{PREFIX}/PUMP-1"


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        body = {"prefix": PREFIX, "suffix": "PUMP-1", "template": "pump", "attributes": {"name": "离心泵"}}
        assert (await node("POST", "/v1/identifiers", by="application", json=body)).status == 201
        yield node


async def turn(node: Node, state: str, version: Any, by: str = "application", suffix: str = "PUMP-1") -> Answer:
    path = f"/v1/identifier-states/{PREFIX}/{suffix}"
    return await node("PUT", path, by=by, json={"state": state, "version": version})


async def resolutions(node: Node, suffix: str = "PUMP-1") -> list[int]:
    """The status of every way to resolve it."""
    ways = [
        (f"/api/handles/{PREFIX}/{suffix}", {}),
        (f"/{PREFIX}/{suffix}", {"Accept": "application/json"}),
        (f"/{PREFIX}/{suffix}", {"Accept": "text/html"}),
    ]
    return [(await node("GET", path, by=None, headers=headers)).status for path, headers in ways]


async def heard() -> None:
    """The time that resolvers have to hear of a change."""
    await asyncio.sleep(0.1)


async def test_a_suspended_identifier_resolves_nowhere_until_it_is_resumed(node: Node) -> None:
    assert await resolutions(node) == [200, 200, 200]
    never = await node("GET", f"/{PREFIX}/NEVER", by=None, headers={"Accept": "text/html"})
    suspended = await turn(node, "suspended", 1)
    assert (suspended.status, suspended.json["state"], suspended.json["version"]) == (200, "suspended", 2)
    await heard()
    assert await resolutions(node) == [404, 404, 404]
    page = await node("GET", f"/{PREFIX}/PUMP-1", by=None, headers={"Accept": "text/html"})
    assert page.body.replace(b"PUMP-1", b"NEVER") == never.body, "the page says no more than of one that never was"
    resumed = await turn(node, "live", 2)
    assert (resumed.json["state"], resumed.json["version"]) == ("live", 3)
    await heard()
    assert await resolutions(node) == [200, 200, 200]


async def test_a_suspended_identifier_is_its_owners_to_read_change_and_delete(node: Node) -> None:
    await turn(node, "suspended", 1)
    read = (await node("GET", ONE, by="application")).json
    assert (read["state"], read["template_version"], read["attributes"]) == ("suspended", 1, {"name": "离心泵"})
    changed = await node("PUT", ONE, by="application", json={"version": 2, "attributes": {"name": "新泵"}})
    assert (changed.json["state"], changed.json["version"]) == ("suspended", 3)
    await heard()
    assert await resolutions(node) == [404, 404, 404]
    assert (await node("DELETE", ONE + "?version=3", by="application")).status == 204
    assert (await turn(node, "live", 4)).code == "identifier_unknown"


async def test_a_state_is_set_for_the_version_that_was_read(node: Node) -> None:
    late = await turn(node, "suspended", 7)
    assert (late.status, late.code, late.json["expected"], late.json["found"]) == (409, "identifier_changed", 7, 1)
    same = await turn(node, "live", 1)
    assert (same.status, same.json["version"]) == (200, 1)
    assert (await turn(node, "deleted", 1)).code == "invalid_input"
    assert (await turn(node, "suspended", 1, by="other")).status == 403
    assert (await turn(node, "suspended", 1, suffix="NEVER")).code == "identifier_unknown"


async def test_history_tells_what_each_version_replaced(node: Node) -> None:
    await turn(node, "suspended", 1)
    await turn(node, "live", 2)
    await node("DELETE", ONE + "?version=3", by="application")
    items = (await node("GET", f"/v1/identifier-history/{PREFIX}/PUMP-1")).json["items"]
    assert [(item["change"], item["before_state"], item["before"] is None) for item in items] == [
        ("delete", "live", False), ("resume", "suspended", True), ("suspend", "live", True), ("register", None, True),
    ]  # fmt: skip
    assert [item["before_template_id"] for item in items[:3]] == [node.template.template_id] * 3


async def test_a_thousand_suspensions_are_heard_within_a_tenth_of_a_second(node: Node) -> None:
    bench = Bench(node.world, node.holder)
    suffixes = [f"MANY-{number:05d}" for number in range(1000)]
    await bench.register(node.template, {suffix: {"name": "x", "serial": suffix} for suffix in suffixes})
    watched = [*suffixes[::400], "PUMP-1"]
    for suffix in watched:
        assert await resolutions(node, suffix) == [200, 200, 200]
    await bench.change(Change.SUSPEND, [Asked(suffix) for suffix in suffixes])
    committed = time.perf_counter()
    found = dict.fromkeys(watched[:-1], 200)
    while 200 in found.values() and time.perf_counter() - committed < 2:
        for suffix in found:
            found[suffix] = (await node("GET", f"/api/handles/{PREFIX}/{suffix}", by=None)).status
        heard = time.perf_counter() - committed
        await asyncio.sleep(0)
    assert set(found.values()) == {404}
    assert heard < 0.1
    assert await resolutions(node, "PUMP-1") == [200, 200, 200]
