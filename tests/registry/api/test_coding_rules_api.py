"""``/v1/mappings`` and ``/v1/coding-rules`` over HTTP, and registration by a coding rule."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from registry.coding.check_digits import Check, check_characters
from tests.support.node import Answer, Node, running_node

PREFIX = "88.101.2001"
SEGMENTS: list[dict[str, Any]] = [
    {"kind": "literal", "text": "P"},
    {"kind": "value", "name": "model", "width": 4, "pad": "0", "case": "upper"},
    {"kind": "date", "format": "YYMM"},
    {"kind": "serial", "width": 4, "period": "month"},
    {"kind": "check", "method": "mod_37_36"},
]
MAPPING: dict[str, Any] = {
    "suffix": {"coding_rule": "pump", "values": {"line": {"column": "产线", "trim": True}}},
    "attributes": {
        "name": "品名",
        "model": {"columns": ["系列", "口径"], "join": "-", "case": "upper"},
        "made_on": {"column": "日期", "date_format": "YYYY/M/D"},
        "grade": {"column": "等级", "lookup": {"优": "A"}, "otherwise": "B"},
        "passed": {"constant": True},
    },
}


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


async def save(node: Node, family: str, definition: Any, name: str = "pump", by: str = "enterprise_user") -> Answer:
    return await node("POST", f"/v1/{family}", by=by, json={"name": name, "definition": definition})


async def register(node: Node, **body: Any) -> Answer:
    sent = {"prefix": PREFIX, "template": "pump", "attributes": {"name": "泵", "model": "d5"}, **body}
    return await node("POST", "/v1/identifiers", by="application", json=sent)


@pytest.mark.parametrize(
    ("family", "definition", "other"),
    [
        ("mappings", MAPPING, {"suffix": "编号", "attributes": {}}),
        ("coding-rules", {"segments": [{"kind": "serial", "width": 4, "start": 1, "period": "none"}]},
         {"segments": [{"kind": "serial", "width": 6, "start": 7, "period": "none"}]}),
    ],
)  # fmt: skip
async def test_a_definition_is_saved_read_listed_replaced_and_deleted(
    node: Node, family: str, definition: Any, other: Any
) -> None:
    made = await save(node, family, definition)
    assert made.status == 201, made.body
    one = made.headers["Location"]
    assert (made.json["name"], made.json["definition"], made.json["version"]) == ("pump", definition, 1)
    read = await node("GET", one, by="auditor")
    assert read.json == made.json
    body = {"name": "valve", "definition": other, "version": 1}
    replaced = await node("PUT", one, by="enterprise_user", json=body)
    assert (replaced.json["name"], replaced.json["definition"], replaced.json["version"]) == ("valve", other, 2)
    stale = await node("PUT", one, by="enterprise_user", json=body)
    assert (stale.status, stale.code) == (409, "version_changed")
    second = await save(node, family, definition)
    first_page = await node("GET", f"/v1/{family}", by="application", query={"limit": 1})
    assert [item["name"] for item in first_page.json["items"]] == ["valve"]
    rest = await node(
        "GET", f"/v1/{family}", by="application", query={"limit": 1, "cursor": first_page.json["next_cursor"]}
    )
    assert (rest.json["items"], rest.json["next_cursor"]) == ([second.json], None)
    history = await node("GET", f"{one}/history", by="enterprise_user")
    assert [act["action"].rpartition(".")[2] for act in history.json["items"]] == ["edit", "create"]
    refused = await node("DELETE", one, by="enterprise_user", query={"version": 1})
    assert (refused.status, refused.code) == (409, "version_changed")
    assert (await node("DELETE", one, by="enterprise_user", query={"version": 2})).status == 204
    assert (await node("GET", one)).status == 404


@pytest.mark.parametrize(("family", "definition"), [("mappings", MAPPING), ("coding-rules", {"segments": SEGMENTS})])
async def test_another_enterprise_sees_and_changes_nothing(node: Node, family: str, definition: Any) -> None:
    made = await save(node, family, definition)
    one = made.headers["Location"]
    for by in ("other", None):
        for method, path in (("GET", one), ("GET", f"{one}/history"), ("DELETE", f"{one}?version=1")):
            assert (await node(method, path, by=by)).status == (403 if by else 401)
    assert (await node("GET", f"/v1/{family}", by="other")).json["items"] == []
    owner = made.json["enterprise_id"]
    assert (await node("GET", f"/v1/{family}", by="other", query={"enterprise_id": owner})).status == 403
    assert len((await node("GET", f"/v1/{family}", query={"enterprise_id": owner})).json["items"]) == 1
    assert (await save(node, family, definition, by="application")).code == "not_allowed"
    nameless = await save(node, family, definition, by="administrator")
    assert (nameless.status, nameless.code) == (400, "enterprise_not_named")
    assert (await save(node, family, definition)).code.endswith("name_taken")


async def test_everything_wrong_with_a_definition_is_said_at_once(node: Node) -> None:
    bad_mapping = {
        "suffix": {"column": "a", "split": ","},
        "attributes": {"x": {"case": "upper"}, "y": {"join": "-"}},
    }
    refused = await save(node, "mappings", bad_mapping)
    assert (refused.status, refused.code) == (400, "invalid_mapping")
    assert [(fault["field"], fault["code"]) for fault in refused.json["faults"]] == [
        ("suffix.split", "suffix_is_one"),
        ("attributes.x", "one_origin"),
        ("attributes.y", "one_origin"),
        ("attributes.y.join", "join_without_columns"),
    ]
    bad_rule = {"segments": [{"kind": "serial", "width": 19}, {"kind": "date", "format": "x"}]}
    refused = await save(node, "coding-rules", bad_rule)
    assert (refused.status, refused.code) == (400, "invalid_coding_rule")
    assert [(fault["field"], fault["code"]) for fault in refused.json["faults"]] == [
        ("segments[0].width", "bad_number"),
        ("segments[1].format", "bad_date_format"),
    ]


async def test_a_preview_shows_the_suffix_and_takes_no_number(node: Node) -> None:
    one = (await save(node, "coding-rules", {"segments": SEGMENTS})).headers["Location"]
    preview = await node("POST", f"{one}/preview", by="application", json={"values": {"model": "d5"}})
    body = "P00D526110001"
    assert preview.json == {"suffix": body + check_characters(Check.MOD_37_36, body), "serial": 1}
    later = await node("POST", f"{one}/preview", by="reviewer", json={"values": {"model": "d5"}, "serial": 9999})
    assert later.json["suffix"].startswith("P00D526119999")
    refused = await node("POST", f"{one}/preview", by="application", json={})
    assert (refused.status, refused.code) == (400, "suffix_not_made")
    assert refused.json["faults"][0]["code"] == "coding_value_missing"
    made = await register(node, coding_rule="pump")
    assert made.json["suffix"] == preview.json["suffix"]


async def test_a_registration_gets_its_suffix_from_the_rule(node: Node) -> None:
    await save(node, "coding-rules", {"segments": SEGMENTS})
    made = [await register(node, coding_rule="pump") for _ in range(3)]
    assert [answer.status for answer in made] == [201] * 3
    assert [answer.json["suffix"][:-1] for answer in made] == ["P00D526110001", "P00D526110002", "P00D526110003"]
    assert (await node("GET", made[2].headers["Location"])).json["suffix"] == made[2].json["suffix"]


async def test_a_refused_registration_takes_no_number(node: Node) -> None:
    await save(node, "coding-rules", {"segments": SEGMENTS})
    refusals = [
        (await register(node, coding_rule="pump", attributes={"model": "d5"}), 400, "attributes_invalid"),
        (await register(node, coding_rule="pump", attributes={"name": "x"}), 400, "suffix_not_made"),
        (await register(node, coding_rule="pump", template="none"), 404, "template_unknown"),
        (await register(node, coding_rule="none"), 404, "coding_rule_unknown"),
        (await register(node, coding_rule="pump", suffix="x"), 400, "suffix_or_coding_rule"),
        (await register(node), 400, "suffix_or_coding_rule"),
    ]
    assert [(answer.status, answer.code) for answer, _, _ in refusals] == [
        (status, code) for _, status, code in refusals
    ]
    assert (await register(node, coding_rule="pump")).json["suffix"].startswith("P00D526110001")


async def test_a_suffix_that_stands_already_is_passed_over(node: Node) -> None:
    await save(node, "coding-rules", {"segments": [{"kind": "serial", "width": 3}]})
    for suffix in ("001", "002", "004"):
        assert (await register(node, suffix=suffix)).status == 201
    made = [await register(node, coding_rule="pump") for _ in range(2)]
    assert [answer.status for answer in made] == [201, 201]
    assert made[0].json["suffix"] == "003"
    assert made[1].json["suffix"] not in ("001", "002", "003", "004")


async def test_registrations_at_once_all_get_suffixes_of_their_own(node: Node) -> None:
    await save(node, "coding-rules", {"segments": [{"kind": "serial", "width": 6}]})
    made = await asyncio.gather(*(register(node, coding_rule="pump") for _ in range(30)))
    assert {answer.status for answer in made} == {201}
    assert sorted(answer.json["suffix"] for answer in made) == [f"{number:06d}" for number in range(1, 31)]


async def test_a_batch_maps_and_names_its_rows_as_saved(node: Node) -> None:
    await save(node, "coding-rules", {"segments": [{"kind": "value", "name": "line"}, *SEGMENTS]})
    await save(node, "mappings", MAPPING, name="erp")
    rows = (
        "产线,品名,系列,口径,日期,等级\n"
        " L1 ,泵,d,5,2026/1/9,优\n"
        "L2,泵,d,6,2026/2/30,中\n"
        "L3,泵,d,7,2026/1/11,中\n"
        ",泵,d,8,2026/1/11,中\n"
    )
    batch = await node(
        "POST", "/v1/batches", by="application", data=rows.encode(),
        query={"prefix": PREFIX, "template": "pump", "mapping_name": "erp"},
        headers={"Content-Type": "text/csv", "Idempotency-Key": "rule"},
    )  # fmt: skip
    assert (batch.status, batch.json["registered"], batch.json["rejected"]) == (200, 2, 2), batch.body
    listed = await node("GET", "/v1/identifiers", query={"prefix": PREFIX})
    found = {item["suffix"][:-1]: item["attributes"] for item in listed.json["items"]}
    assert found.keys() == {"L1P0D-526110001", "L3P0D-726110002"}
    assert found["L1P0D-526110001"] == {
        "name": "泵", "model": "D-5", "made_on": "2026-01-09", "passed": "true", "grade": "A",
    }  # fmt: skip
    rejections = await node("GET", f"/v1/batches/{batch.json['batch_id']}/rejections", by="application")
    assert "date_format_mismatch" in rejections.body.decode()
    assert "coding_value_missing" in rejections.body.decode()
