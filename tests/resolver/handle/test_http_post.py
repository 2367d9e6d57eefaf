"""Native messages in HTTP requests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from node.record import Value
from resolver.handle.codes import OpCode
from resolver.handle.http_post import MEDIA_TYPE
from tests.support.handle import connected, request, resolution, told
from tests.support.node import Answer, Node, running_node
from tests.support.shelf import shelf_at

HEADERS = {"Content-Type": MEDIA_TYPE}


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with shelf_at(database_url) as shelf:
        await shelf.prefix()
        await shelf.register("88.101.1/Pump-1", [Value(1, "URL", b"https://example.com/")])
    async with running_node(database_url, populated=False, log={"requests": False}) as node:
        yield node


async def post(node: Node, body: bytes, path: str = "/") -> Answer:
    return await node("POST", path, by=None, headers=HEADERS, data=body)


@pytest.mark.parametrize("path", ["/", "/api", "/api/"])
async def test_a_message_is_answered_as_by_tcp(node: Node, path: str) -> None:
    asked = [
        resolution("88.101.1/Pump-1", 3),
        resolution("88.101.1/none", 4),
        request(OpCode.GET_SITE_INFO, b"\0\0\0\1/"),
    ]
    async with connected(node.handle_port) as peer:
        for _ in range(2):
            for one in asked:
                answer = await post(node, one, path)
                assert (answer.status, answer.headers["Content-Type"]) == (200, MEDIA_TYPE)
                assert told(answer.body) == await peer.ask(one)


async def test_a_resolution_counts_for_its_own_door(node: Node) -> None:
    for number in range(3):
        await post(node, resolution("88.101.1/Pump-1", number + 1))
    await node.counter.write()
    rows = await node.world.pool.fetch("SELECT interface, outcome, resolutions FROM resolution_count")
    assert [tuple(row.values()) for row in rows] == [(8, 1, 3)]


@pytest.mark.parametrize(
    "body", [resolution("88.101.1/Pump-1")[:-1], resolution("88.101.1/Pump-1") * 2, b"GET / HTTP/1.1" * 4]
)
async def test_what_is_no_message_is_told_so(node: Node, body: bytes) -> None:
    answer = await post(node, body)
    assert answer.status == 200
    assert answer.body[24:28] == b"\0\0\0\4"


async def test_what_is_no_request_for_it_is_refused_by_http(node: Node) -> None:
    assert (await post(node, b"\2" * 19)).code == "invalid_input"
    assert (await post(node, bytes(300_000))).code == "body_too_large"
    assert (await node("POST", "/", by=None, data=b"x", headers={"Content-Type": "text/plain"})).code == (
        "unsupported_media_type"
    )
    assert (await node("GET", "/", by=None)).status == 200
