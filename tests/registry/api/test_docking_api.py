"""``/v1/docking`` on a whole node, with an enterprise node in front of its desk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.national.access import ApplicationState
from registry.downward.passing_down import pass_down
from registry.transitions import Verb
from tests.support.node import Node, running_node
from tests.support.node_below import NodeBelow, desk_open
from tests.support.world import World, actor


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


@pytest.fixture
async def below(node: Node) -> AsyncIterator[NodeBelow]:
    """The node of the first enterprise, which has applied for nothing yet."""
    world: World = node.world
    holder = node.holder.account.enterprise_id
    assert holder is not None
    enterprise = await world.enterprises.get(world.administrator, holder)
    async with desk_open(world, world.pool) as url:
        yield NodeBelow(world, node.session, url, node.holder.prefix.key, enterprise.facts.credit_code)


async def test_an_application_is_listed_approved_and_then_a_node_with_its_key(node: Node, below: NodeBelow) -> None:
    application = await below.apply()
    listed = (await node("GET", "/v1/docking/applications", query={"state": "pending"}, by="auditor")).json
    (item,) = listed["items"]
    assert (item["prefix"], item["contact"], item["version"]) == (below.prefix, "值班室", "0.7")
    assert "secret" not in str(listed)
    path = f"/v1/docking/applications/{application.application_id}"
    assert (await node("POST", f"{path}/approve", by="administrator")).code == "not_allowed"
    approved = await node("POST", f"{path}/approve", by="reviewer")
    assert (approved.status, approved.json["state"]) == (200, "approved")
    assert (await node("POST", f"{path}/approve", by="reviewer")).code == "application_decided"
    assert (await below.status(application)).state is ApplicationState.APPROVED
    assert below.keys is not None
    await below.report("docking_test.probe", {})
    (docked,) = (await node("GET", "/v1/docking/nodes")).json["items"]
    assert (docked["node_id"], docked["prefix"], docked["laboratory"]) == (str(below.node_id), below.prefix, False)
    (key,) = (await node("GET", "/v1/docking/keys")).json["items"]
    assert (key["access_key"], key["prefix"]) == (below.keys.access_key, below.prefix)
    assert below.keys.secret_key not in str(key)
    assert (await node("POST", f"/v1/docking/keys/{below.keys.access_key}/revoke")).status == 204
    assert (await node("POST", "/v1/docking/keys/nobody/revoke")).code == "key_unknown"


async def test_a_rejection_needs_a_reason_and_is_told(node: Node, below: NodeBelow) -> None:
    application = await below.apply()
    path = f"/v1/docking/applications/{application.application_id}/reject"
    assert (await node("POST", path, by="reviewer", json={})).code == "invalid_input"
    rejected = await node("POST", path, by="reviewer", json={"reason": "联系人不符"})
    assert (rejected.json["state"], rejected.json["reason"]) == ("rejected", "联系人不符")
    assert (await below.status(application)).reason == "联系人不符"


async def test_instructions_are_listed_with_their_answers_the_newest_first(node: Node, below: NodeBelow) -> None:
    await _docked(node, below)
    asked = {"prefix": below.prefix, "kind": "verify", "body": {"prefix": below.prefix}}
    issued = await node("POST", "/v1/docking/instructions", json=asked)
    assert (issued.status, issued.json["body"]["prefix"]) == (201, below.prefix)
    world = node.world
    admin = world.administrator
    await world.prefixes.move(admin, actor(admin), node.holder.prefix, Verb.SUSPEND, "欠费")
    await pass_down(world.pool, world.seal, world.clock(), at_once=False)
    (told, _) = await below.instructions()
    answer = {"instruction_id": str(told.instruction_id), "sequence": told.sequence, "outcome": "done", "result": {}}
    await below.report("instruction.answered", answer)
    listed: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        page = (
            await node("GET", "/v1/docking/instructions", query={"limit": 1, "prefix": below.prefix, **cursor})
        ).json
        listed += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert [(one["kind"], one["outcome"]) for one in listed] == [("suspend", None), ("verify", "done")]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"kind": "suspend", "body": {"prefix": "88.101.2001", "reason": "x"}}, "order_not_by_hand"),
        ({"kind": "query", "body": {"what": "weather"}}, "instruction_unfit"),
        ({"kind": "sing"}, "invalid_input"),
        ({"kind": "probe", "prefix": "88.101.2002"}, "node_not_docked"),
        ({"kind": "probe", "prefix": "x"}, "invalid_prefix"),
    ],
)
async def test_what_cannot_be_told_is_refused_by_name(
    node: Node, below: NodeBelow, asked: dict[str, Any], code: str
) -> None:
    await _docked(node, below)
    answer = await node("POST", "/v1/docking/instructions", json={"prefix": below.prefix, **asked})
    assert answer.code == code


@pytest.mark.parametrize("listing", ["applications", "nodes", "instructions"])
async def test_a_cursor_of_another_list_is_refused(node: Node, listing: str) -> None:
    assert (await node("GET", f"/v1/docking/{listing}", query={"cursor": "eA"})).status == 400


async def _docked(node: Node, below: NodeBelow) -> None:
    application = await below.apply()
    path = f"/v1/docking/applications/{application.application_id}/approve"
    assert (await node("POST", path, by="reviewer")).status == 200
    await below.status(application)
