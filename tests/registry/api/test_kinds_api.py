"""Arrays, units, references and files from the template to the page, through a whole node."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.node import Node, running_node

PDF = b"%PDF-1.7\n..."
FILE = f"sha256-{hashlib.sha256(PDF).hexdigest()}"
MOTOR: dict[str, Any] = {
    "name": "motor",
    "title_zh": "电机",
    "attributes": [
        {"name": "name", "title_zh": "名称", "required": True},
        {"name": "power", "title_zh": "功率", "kind": "number", "unit": "kW", "listed": True},
        {"name": "colours", "title_zh": "颜色", "many": True, "max_items": 5},
        {"name": "parts", "title_zh": "零件", "kind": "reference", "many": True},
        {"name": "manual", "title_zh": "说明书", "kind": "file"},
    ],
}
PREFIX = "88.101.2001"


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        made = await node("POST", "/v1/templates", by="enterprise_user", json=MOTOR)
        assert made.status == 201, made.body
        template_id = made.json["template_id"]
        assert made.json["definition"]["attributes"][1]["unit"] == "kW"
        published = await node("POST", f"/v1/templates/{template_id}/publish", by="enterprise_user")
        assert published.status == 200
        yield node


async def register(node: Node, suffix: str, **attributes: Any) -> Any:
    body = {"prefix": PREFIX, "suffix": suffix, "template": "motor", "attributes": {"name": "电机", **attributes}}
    return await node("POST", "/v1/identifiers", by="application", json=body)


async def test_every_kind_goes_from_the_request_to_the_page(node: Node) -> None:
    sent = await node(
        "POST", "/v1/files", by="application", query={"name": "说明书.pdf"}, data=PDF,
        headers={"Content-Type": "application/pdf"},
    )  # fmt: skip
    assert (sent.status, sent.json["file_id"]) == (201, FILE)
    made = await register(
        node, "M-1", power="5500 W", colours=["红", "蓝"], parts=[f"{PREFIX}/bolt-1", "86.7.1/nut"], manual=FILE
    )
    assert made.status == 201, made.body
    stored = {"name": "电机", "power": "5.5", "colours": ["红", "蓝"], "parts": [f"{PREFIX}/bolt-1", "86.7.1/nut"],
              "manual": FILE}  # fmt: skip
    assert made.json["attributes"] == stored
    assert (await node("GET", f"/v1/identifiers/{PREFIX}/M-1")).json["attributes"] == stored
    page = await node("GET", f"/{PREFIX}/M-1", by=None, headers={"Accept": "text/html"})
    for said in ("5.5 kW", f'href="/{PREFIX}/bolt-1"', 'href="/86.7.1/nut"', f'href="/v1/files/{FILE}/content"'):
        assert said in page.body.decode()
    content = await node("GET", f"/v1/files/{FILE}/content", by=None)
    assert (content.status, content.body) == (200, PDF)


async def test_references_are_followed_both_ways(node: Node) -> None:
    await register(node, "M-1", parts=[f"{PREFIX}/bolt-1", "86.7.1/nut"])
    dangling = await node("GET", "/v1/references/dangling", by="enterprise_user", query={"prefix": PREFIX})
    assert [item["target"] for item in dangling.json["items"]] == [f"{PREFIX}/BOLT-1"]
    assert (dangling.json["looked_at"], dangling.json["foreign"]) == (2, 1)
    await register(node, "Bolt-1")
    dangling = await node("GET", "/v1/references/dangling", by="enterprise_user", query={"prefix": PREFIX})
    assert dangling.json["items"] == []
    referrers = await node("GET", f"/v1/references/referrers/{PREFIX}/BOLT-1", by="enterprise_user")
    assert [(item["suffix"], item["attribute"]) for item in referrers.json["items"]] == [("M-1", "parts")]


async def test_an_unknown_file_is_refused_by_name(node: Node) -> None:
    answer = await register(node, "M-2", manual=FILE)
    assert answer.status == 400, answer.body
    assert b"file_unknown" in answer.body
    assert (await node("GET", f"/v1/identifiers/{PREFIX}/M-2")).status == 404


async def test_all_faults_of_the_kinds_come_together(node: Node) -> None:
    answer = await register(
        node,
        "M-3",
        name=["a"],
        power="5 HP",
        colours=["a", "", "c"],
        parts=["88.101", "86.1/ok"],
        manual="说明书.pdf",
    )
    assert sorted((fault["field"], fault["code"]) for fault in answer.json["faults"]) == [
        ("colours", "empty_item"), ("manual", "not_a_file"), ("name", "one_value"), ("parts", "not_an_identifier"),
        ("power", "unknown_unit"),
    ]  # fmt: skip


async def test_numbers_in_arrays_keep_their_digits(node: Node) -> None:
    body = (
        f'{{"prefix": "{PREFIX}", "suffix": "D", "template": "motor", "attributes": '
        '{"name": "x", "power": 1.10, "colours": ["1.10"]}}'
    )
    answer = await node(
        "POST", "/v1/identifiers", by="application", data=body, headers={"Content-Type": "application/json"}
    )
    assert answer.json["attributes"]["power"] == "1.10"


async def test_a_definition_with_new_kinds_is_checked_as_a_whole(node: Node) -> None:
    attributes = [
        {"name": "biaoshi_line", "title_zh": "属性", "many": True, "unique": True},
        {"name": "b", "title_zh": "属性", "unit": "kW"},
        {"name": "c", "title_zh": "属性", "kind": "number", "unit": "hp", "max_items": 3},
    ]
    answer = await node(
        "POST",
        "/v1/templates",
        by="enterprise_user",
        json={"name": "t", "title_zh": "测试", "attributes": attributes},
    )
    assert {(fault["field"], fault["code"]) for fault in answer.json["faults"]} == {
        ("attributes[0].name", "reserved_name"), ("attributes[0].unique", "array_not_indexed"),
        ("attributes[1].unit", "not_for_kind"), ("attributes[2].unit", "unknown_unit"),
        ("attributes[2].max_items", "not_for_kind"),
    }  # fmt: skip
