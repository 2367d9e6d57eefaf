"""What an operator sees of the link to the node above, over HTTP, with a real node above."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from node.auth import Role
from tests.support.docking import DockedNode, until
from tests.support.node import Node, running_node


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(
        database_url, log={"requests": False}, national={"url": "http://127.0.0.1:9", "access_key": "test-node"}
    ) as node:
        yield node


@pytest.fixture
async def world(node: Node, other_database_url: str, database_url: str) -> DockedNode:
    return DockedNode(node.world.pool, database_url, other_database_url)


async def seen(node: Node, path: str = "", **query: str) -> Any:
    answer = await node("GET", f"/v1/national{path}", by=Role.ADMINISTRATOR, query=query)
    assert answer.status == 200, answer.body
    return answer.json


async def test_before_anything_was_asked_the_link_is_silent(node: Node) -> None:
    told = await seen(node)
    assert told["link"] == {
        "health": "silent", "url": "http://127.0.0.1:9", "last_contact_at": None, "failing_since": None,
        "last_error": "",
    }  # fmt: skip
    assert (told["key"], told["application"], told["offers"], told["takeover"]) == (None, None, None, None)
    assert told["log_files"] == {"files": 0, "rows": 0, "bytes": 0}


async def test_a_healthy_link_and_then_one_that_fails(node: Node, world: DockedNode) -> None:
    async with world.mock() as mock, world.steward(mock.url):

        async def up() -> bool:
            told = await seen(node)
            return bool(told["link"]["health"] == "up" and told["offers"] and not told["backlog"]["messages"])

        await until(up)
        told = await seen(node)
        assert told["offers"]["name"].startswith("模拟国家顶级节点")
        assert "instructions" in told["offers"]["parts"]
        assert (told["key"]["access_key"], told["key"]["age_days"]) == ("test-node", 0)
        assert "secret" not in json.dumps(told)
        url = mock.url
    await world.report_many(["a", "b"], 3)
    await world.pool.execute(
        "UPDATE outbox SET created_at = $1 WHERE stream = 'b'", node.world.clock() - timedelta(hours=30)
    )
    async with world.steward(url):

        async def failing() -> bool:
            return bool((await seen(node))["link"]["health"] == "failing")

        await until(failing)
    told = await seen(node)
    assert told["link"]["failing_since"] is not None
    assert "no answer" in told["link"]["last_error"]
    assert {one["stream"]: one["messages"] for one in told["backlog"]["streams"]} == {"a": 3, "b": 3}
    assert told["backlog"]["lag_seconds"] == pytest.approx(108_000, abs=60)


async def test_refused_messages_are_listed_with_their_reasons_the_newest_first(node: Node, world: DockedNode) -> None:
    async with world.mock() as mock, world.steward(mock.url):
        for number in range(5):
            await world.report("prefix", "prefix.reviewed", prefix="no fields", number=number)

        async def all_refused() -> bool:
            return bool((await seen(node))["backlog"]["refused"] == 5)

        await until(all_refused)
    first = await seen(node, "/refused", limit="3")
    second = await seen(node, "/refused", limit="3", cursor=first["next_cursor"])
    items = [*first["items"], *second["items"]]
    assert [item["body"]["number"] for item in items] == [4, 3, 2, 1, 0]
    assert second["next_cursor"] is None
    assert all("does not fit the kind" in item["reason"] for item in items)


async def test_instructions_are_listed_the_newest_first(node: Node) -> None:
    await node.world.pool.executemany(
        "INSERT INTO instruction (sequence, instruction_id, kind, body, issued_at, received_at, outcome, detail)"
        ' VALUES ($1, $2, \'suspend\', \'{"prefix": "88.101.1", "reason": "r"}\', now(), now(), $3, \'\')',
        [(1, uuid4(), "done"), (2, uuid4(), None), (7, uuid4(), None)],
    )
    first = await seen(node, "/instructions", limit="2")
    second = await seen(node, "/instructions", limit="2", cursor=first["next_cursor"])
    items = [*first["items"], *second["items"]]
    assert [(item["sequence"], item["outcome"]) for item in items] == [(7, None), (2, None), (1, "done")]
    assert items[0]["body"] == {"prefix": "88.101.1", "reason": "r"}
    assert (await seen(node))["instructions_open"] == 2


async def test_an_enterprise_does_not_see_the_link(node: Node) -> None:
    for path in ("", "/refused", "/instructions"):
        answer = await node("GET", f"/v1/national{path}", by=Role.ENTERPRISE_USER)
        assert (answer.status, answer.code) == (403, "not_allowed")
