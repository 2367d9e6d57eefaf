"""Numbering, hosting, routes and transfers over HTTP, and how soon a suspension is felt where identifiers resolve."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from registry.transitions import Verb
from tests.support.docking import until
from tests.support.node import Node, running_node
from tests.support.world import actor

FELT_MILLISECONDS = 100
SITES = [
    {"address": "203.0.113.10", "tcp_port": 2641, "udp_port": None, "http_port": 8081},
    {"address": "2001:db8::10", "tcp_port": None, "udp_port": 2641, "http_port": None},
]


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


async def code(node: Node, method: str, path: str, by: str = "administrator", **body: Any) -> tuple[int, str]:
    answer = await node(method, path, by=by, **body)
    return answer.status, answer.code


async def test_an_enterprise_that_names_no_prefix_gets_the_plan_s_next_number(node: Node) -> None:
    assert (await node("GET", "/v1/numbering-plan")).json == {
        "segments": [{"kind": "serial", "width": 4, "first": 2001}], "version": 0, "updated_at": None,
    }  # fmt: skip
    segments = [{"kind": "region", "digits": 2}, {"kind": "serial", "width": 4, "first": 1}]
    stands = await node("PUT", "/v1/numbering-plan", json={"segments": segments})
    assert (stands.status, stands.json["segments"], stands.json["version"]) == (200, segments, 1)
    reserved = await node(
        "POST", "/v1/reserved-numbers", json={"first_number": "440001", "kind": "vanity", "reason": "靓号"}
    )
    assert (reserved.status, reserved.json["last_number"]) == (201, "440001")
    asked = {"division_code": "442000", "industry_code": "3441"}
    preview = await node("POST", "/v1/numbering-plan/preview", by="reviewer", json=asked)
    assert preview.json == {"prefixes": ["88.101.440002", "88.101.440003", "88.101.440004"]}
    applied = await node("POST", "/v1/prefixes", by="enterprise_user", json={})
    assert (applied.status, applied.json["prefix"], applied.json["hosting"]) == (201, "88.101.440002", "hosted")
    wanted = {"prefix": "88.101.440001"}
    assert await code(node, "POST", "/v1/prefixes", "enterprise_user", json=wanted) == (409, "number_reserved")
    listed = (await node("GET", "/v1/reserved-numbers?kind=vanity")).json["items"]
    assert [one["reserved_number_id"] for one in listed] == [reserved.json["reserved_number_id"]]
    assert (await node("DELETE", reserved.headers["Location"])).status == 204
    assert (await node("POST", "/v1/prefixes", by="enterprise_user", json=wanted)).status == 201
    assert await code(node, "PUT", "/v1/numbering-plan", json={"segments": segments}) == (409, "version_changed")


async def test_a_prefix_is_self_hosted_with_a_route_and_hosted_again_after_review(node: Node) -> None:
    one = f"/v1/prefixes/{node.holder.prefix}"
    assert (await node("GET", f"{one}/route")).json == {"prefix": node.holder.prefix.key, "sites": []}
    stands = await node("PUT", f"{one}/route", by="enterprise_user", json={"sites": SITES})
    assert (stands.status, stands.json["sites"]) == (200, SITES)
    assert (await node("GET", one)).json["hosting"] == "self_hosted"
    resolved = (await node("GET", f"/api/handles/0.NA/{node.holder.prefix}", by=None)).json
    shown = {value["type"]: value["data"]["value"]["servers"][0]["address"] for value in resolved["values"]}
    assert shown == {"HS_SITE": "203.0.113.10", "HS_SITE.6": "2001:db8::10"}
    identifier = {"prefix": node.holder.prefix.text, "suffix": "A", "template": "pump", "attributes": {"name": "泵"}}
    refused = await code(node, "POST", "/v1/identifiers", "enterprise_user", json=identifier)
    assert refused == (409, "prefix_not_hosted")
    assert await code(node, "POST", f"{one}/route/checks", "enterprise_user") == (403, "address_refused")
    assert (await node("POST", f"{one}/hosting/apply", by="enterprise_user")).json["hosting"] == "applied"
    no = await node("POST", f"{one}/hosting/reject", by="reviewer", json={"reason": "材料不全"})
    assert (no.json["hosting"], no.json["hosting_reason"]) == ("rejected", "材料不全")
    assert (await node("POST", f"{one}/hosting/apply", by="enterprise_user")).json["hosting"] == "applied"
    assert (await node("POST", f"{one}/hosting/approve", by="reviewer")).json["hosting"] == "hosted"
    assert (await node("GET", f"{one}/route")).json["sites"] == []
    assert (await node("POST", "/v1/identifiers", by="enterprise_user", json=identifier)).status == 201
    assert await code(node, "DELETE", f"{one}/route", "enterprise_user") == (404, "route_unknown")
    history = (await node("GET", f"{one}/history")).json["items"]
    assert [act["action"] for act in history[:3]] == ["hosting.approve", "hosting.apply", "hosting.reject"]


async def test_a_batch_under_a_self_hosted_prefix_is_refused(node: Node) -> None:
    await node("PUT", f"/v1/prefixes/{node.holder.prefix}/route", json={"sites": SITES[:1]})
    refused = await node(
        "POST", f"/v1/batches?prefix={node.holder.prefix}&template=pump", by="enterprise_user",
        data=b'{"suffix": "A", "attributes": {"name": "x"}}\n',
        headers={"Content-Type": "application/x-ndjson", "Idempotency-Key": "one"},
    )  # fmt: skip
    assert (refused.status, refused.code) == (409, "prefix_not_hosted")


async def test_a_prefix_changes_hands_over_http(node: Node) -> None:
    receiver = str(node.other.account.enterprise_id)
    offer = {"to_enterprise_id": receiver, "reason": "业务合并"}
    made = await node("POST", f"/v1/prefixes/{node.holder.prefix}/transfers", by="enterprise_user", json=offer)
    assert (made.status, made.json["state"], made.json["to_enterprise_id"]) == (201, "offered", receiver)
    one = made.headers["Location"]
    assert await code(node, "POST", f"{one}/accept", "enterprise_user") == (403, "not_allowed")
    assert (await node("POST", f"{one}/accept", by="other")).json["state"] == "accepted"
    assert (await node("POST", f"{one}/approve", by="reviewer")).json["state"] == "done"
    assert (await node("GET", one, by="other")).json["version"] == 3
    assert (await node("GET", "/v1/transfers?state=done", by="other")).json["items"][0]["prefix"] == "88.101.2001"
    assert (await node("GET", f"/v1/prefixes/{node.holder.prefix}", by="other")).json["enterprise_id"] == receiver
    identifier = {"prefix": "88.101.2001", "suffix": "A", "template": "pump", "attributes": {"name": "泵"}}
    assert (await node("POST", "/v1/identifiers", by="other", json=identifier)).status == 201


async def test_suspension_is_felt_by_resolvers_within_a_tenth_of_a_second_and_is_reversible(node: Node) -> None:
    world, holder = node.world, node.holder
    await world.identifiers.register(holder.account, holder.actor, holder.identifier("A"), "pump", {"name": "泵"})

    async def resolves() -> bool:
        return (await node("GET", f"/api/handles/{holder.prefix}/A", by=None)).status == 200

    assert await resolves()  # from now on it stands in the cache
    took = []
    for verb, wanted in [(Verb.SUSPEND, False), (Verb.RESUME, True)] * 3:
        admin = world.administrator
        await world.prefixes.move(admin, actor(admin), holder.prefix, verb, "理由")
        began = time.perf_counter()

        async def felt(wanted: bool = wanted) -> bool:
            return await resolves() is wanted

        await until(felt, seconds=5)
        took.append((time.perf_counter() - began) * 1000)
    assert sorted(took)[len(took) // 2] < FELT_MILLISECONDS, took
