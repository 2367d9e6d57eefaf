"""``/v1/identifiers`` over HTTP: every spelling finds its way, every digit stays, every conflict has a name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, unquote

import pytest

from registry.api.v1.paging import write_cursor
from tests.support.node import Answer, Node, running_node

PREFIX = "88.101.2001"
ODD_SUFFIXES = [
    "PUMP-1", "a/b", "a//b", "/", "//", "a/", "/a", "a/../b", "..", ".", "./a", "../../v1/me", "50%", "%", "%%",
    "%2F", "%252F", "a%41", "a+b", "+", "a b", "a  b", "离心泵/型号·一", "ä", "😀", "a?b=c", "?", "#", "a#b", "&",
    "=", "a;b", "a:b", "@", "~", "'", "\"", "<script>", "\\", "a\\b", "|", "{}", "[1]", "^", "`", "x" * 200,
    "号" * 200,
]  # fmt: skip


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


async def register(
    node: Node,
    suffix: str,
    *,
    by: str | None = "application",
    prefix: str = PREFIX,
    template: str = "pump",
    **attributes: Any,
) -> Answer:
    body = {"prefix": prefix, "suffix": suffix, "template": template, "attributes": {"name": "离心泵", **attributes}}
    return await node("POST", "/v1/identifiers", by=by, json=body)


def path(suffix: str, family: str = "identifiers", prefix: str = PREFIX) -> str:
    return f"/v1/{family}/{prefix}/{quote(suffix, safe='')}"


async def update(node: Node, suffix: str, version: int, **attributes: Any) -> Answer:
    return await node("PUT", path(suffix), by="application", json={"version": version, "attributes": attributes})


async def raw_post(node: Node, body: str) -> Answer:
    headers = {"Content-Type": "application/json"}
    return await node("POST", "/v1/identifiers", by="application", data=body.encode(), headers=headers)


# One identifier ---------------------------------------------------------------------------------------


async def test_an_identifier_is_registered_read_changed_and_deleted(node: Node) -> None:
    made = await register(node, "PUMP-1", weight_kg=7, passed=True, made_on="2026-03-02")
    assert made.status == 201
    assert made.json["identifier"] == "88.101.2001/PUMP-1"
    assert made.json["attributes"] == {"name": "离心泵", "weight_kg": "7", "passed": "true", "made_on": "2026-03-02"}
    assert (made.json["version"], made.json["template"]) == (1, "pump")
    assert (await node("GET", made.headers["Location"])).json == made.json
    changed = await update(node, "PUMP-1", 1, name="新泵")
    assert (changed.status, changed.json["version"], changed.json["attributes"]) == (200, 2, {"name": "新泵"})
    gone = await node("DELETE", path("PUMP-1") + "?version=2", by="application")
    assert (gone.status, gone.body) == (204, b"")
    for answer in (await node("GET", path("PUMP-1")), await update(node, "PUMP-1", 3, name="x")):
        assert (answer.status, answer.code) == (404, "identifier_unknown")


async def test_history_stays_and_is_told_from_the_newest_back(node: Node) -> None:
    await register(node, "PUMP-1", model="CP-1")
    await update(node, "PUMP-1", 1, name="新泵")
    await node("DELETE", path("PUMP-1") + "?version=2", by="enterprise_user")
    await register(node, "PUMP-1", model="CP-9")
    versions = (await node("GET", path("PUMP-1", "identifier-history"), by="auditor")).json["items"]
    assert [(version["version"], version["change"]) for version in versions] == [
        (4, "register"), (3, "delete"), (2, "update"), (1, "register"),
    ]  # fmt: skip
    assert [version["account_id"] for version in versions] == [
        node.account_ids[who] for who in ("application", "enterprise_user", "application", "application")
    ]
    texts = [[value["data"] for value in version["before"] or ()] for version in versions]
    assert texts == [[], ["新泵"], ["离心泵", "CP-1"], []]
    assert {version["interface"] for version in versions} == {"v1"}


async def test_history_comes_in_pages(node: Node) -> None:
    await register(node, "PUMP-1")
    for version in range(1, 8):
        await update(node, "PUMP-1", version, name=f"泵 {version}")
    seen: list[int] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = await node("GET", path("PUMP-1", "identifier-history"), query={"limit": 3, **cursor})
        seen += [version["version"] for version in answer.json["items"]]
        if answer.json["next_cursor"] is None:
            break
        cursor = {"cursor": answer.json["next_cursor"]}
    assert seen == [8, 7, 6, 5, 4, 3, 2, 1]


async def test_every_spelling_finds_its_way_back(node: Node) -> None:
    for number, suffix in enumerate(ODD_SUFFIXES):
        made = await register(node, suffix, serial=f"S-{number}")
        assert made.status == 201, (suffix, made.body)
        location = made.headers["Location"]
        assert location.isascii()
        assert location == path(suffix)
        assert unquote(location) == f"/v1/identifiers/{PREFIX}/{suffix}"
        for address in (location, f"/v1/identifiers/{PREFIX}/{quote(suffix, safe='/')}"):
            found = await node("GET", address)
            assert (found.status, found.json["suffix"]) == (200, suffix), address
            assert found.json["attributes"]["serial"] == f"S-{number}"
        changed = await update(node, suffix, 1, name="新泵", serial=f"T-{number}")
        assert (changed.status, changed.json["suffix"]) == (200, suffix)
        history = await node("GET", path(suffix, "identifier-history"))
        assert [version["version"] for version in history.json["items"]] == [2, 1]
    for suffix in ODD_SUFFIXES:
        assert (await node("DELETE", path(suffix) + "?version=2", by="application")).status == 204, suffix
    assert (await node("GET", "/v1/identifiers", query={"prefix": PREFIX})).json["items"] == []


async def test_another_case_is_the_same_identifier(node: Node) -> None:
    await register(node, "Pump-ä1")
    found = await node("GET", path("pUMP-ä1"))
    assert (found.status, found.json["suffix"]) == (200, "Pump-ä1")
    again = await register(node, "PUMP-ä1", model="CP-2")
    assert (again.status, again.code) == (409, "identifier_exists")
    assert (await node("GET", path("pump-Ä1"))).status == 404


NO_SUFFIXES = [
    "%", "a%zz", "%ff%fe", "%00", "a%0Ab", "%E2%80%AEtxt", "%20a", "a%20", "a%CC%88", "%ED%A0%80", "a%C2%A0b",
    "x" * 300,
]  # fmt: skip


async def test_what_is_no_suffix_is_refused_by_name(node: Node) -> None:
    for raw in NO_SUFFIXES:
        for method, query in (("GET", ""), ("DELETE", "?version=1")):
            answer = await node(method, f"/v1/identifiers/{PREFIX}/{raw}{query}")
            assert (answer.status, answer.code) in {
                (400, "invalid_suffix"), (400, "invalid_identifier"), (404, "identifier_unknown"),
            }, raw  # fmt: skip


# Conflicts and rights -----------------------------------------------------------------------------------


async def test_what_exists_is_not_made_again(node: Node) -> None:
    await register(node, "PUMP-1")
    answer = await register(node, "PUMP-1", model="CP-2")
    assert (answer.status, answer.code, answer.json["identifier"]) == (409, "identifier_exists", "88.101.2001/PUMP-1")


async def test_the_same_registration_again_changes_nothing(node: Node) -> None:
    made = await register(node, "PUMP-1", serial="S-1")
    await register(node, "PUMP-1", serial="S-1")
    assert (await node("GET", path("PUMP-1"))).json == made.json
    assert len((await node("GET", path("PUMP-1", "identifier-history"))).json["items"]) == 1


async def test_a_unique_value_belongs_to_one_identifier(node: Node) -> None:
    await register(node, "PUMP-1", serial="S-1")
    taken = await register(node, "PUMP-2", serial="S-1")
    assert (taken.status, taken.code) == (409, "value_taken")
    await register(node, "PUMP-3", serial="S-3")
    moved = await update(node, "PUMP-3", 1, name="x", serial="S-1")
    assert (moved.status, moved.code) == (409, "value_taken")
    assert (await update(node, "PUMP-1", 1, name="x")).status == 200
    assert (await update(node, "PUMP-3", 1, name="x", serial="S-1")).status == 200


async def test_an_old_version_is_not_overwritten(node: Node) -> None:
    await register(node, "PUMP-1")
    assert (await update(node, "PUMP-1", 1, name="first")).status == 200
    late = await update(node, "PUMP-1", 1, name="second")
    assert (late.status, late.code, late.json["expected"], late.json["found"]) == (409, "identifier_changed", 1, 2)
    gone = await node("DELETE", path("PUMP-1") + "?version=1", by="application")
    assert (gone.status, gone.code) == (409, "identifier_changed")


async def test_of_many_changes_to_one_version_one_wins(node: Node) -> None:
    await register(node, "PUMP-1")
    answers = await asyncio.gather(*(update(node, "PUMP-1", 1, name=f"泵 {n}") for n in range(12)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 11


async def test_of_many_registrations_of_one_identifier_one_wins(node: Node) -> None:
    answers = await asyncio.gather(*(register(node, "PUMP-1", model=f"CP-{n}") for n in range(12)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 11


async def test_another_enterprise_s_identifiers_are_not_touched(node: Node) -> None:
    await register(node, "PUMP-1")
    for answer in (
        await register(node, "PUMP-2", by="other"),
        await node("PUT", path("PUMP-1"), by="other", json={"version": 1, "attributes": {"name": "x"}}),
        await node("DELETE", path("PUMP-1") + "?version=1", by="other"),
    ):
        assert answer.status in (403, 404), answer.body
    assert (await node("GET", path("PUMP-1"))).json["version"] == 1


async def test_a_suspended_prefix_takes_no_changes(node: Node) -> None:
    await register(node, "PUMP-1")
    assert (await node("POST", f"/v1/prefixes/{PREFIX}/suspend", json={"reason": "检查"})).status == 200
    for answer in (
        await register(node, "PUMP-2"),
        await update(node, "PUMP-1", 1, name="x"),
        await node("DELETE", path("PUMP-1") + "?version=1", by="application"),
    ):
        assert (answer.status, answer.code) == (409, "prefix_not_enabled")
    assert (await node("GET", path("PUMP-1"))).status == 200


BAD_REGISTRATIONS: list[tuple[dict[str, Any], int, str]] = [
    ({"prefix": "88.101.9999"}, 404, "prefix_unknown"),
    ({"prefix": "99.1"}, 400, "invalid_prefix"),
    ({"template": "valve"}, 404, "template_unknown"),
    ({"suffix": "a\u202eb"}, 400, "invalid_suffix"),
    ({"suffix": "a" * 255}, 400, "invalid_identifier"),
    ({"suffix": "a\u0308"}, 400, "invalid_suffix"),
    ({"attributes": {}}, 400, "attributes_invalid"),
    ({"suffix": 7}, 400, "invalid_input"),
    ({"surprise": 7}, 400, "invalid_input"),
    ({"template": "pu\u0000mp"}, 400, "invalid_input"),
    ({"attributes": {"name": ["a"]}}, 400, "attributes_invalid"),
    ({"attributes": {"name": [["a"]]}}, 400, "invalid_input"),
    ({"attributes": {"name": ["a"] * 1001}}, 400, "invalid_input"),
    ({"attributes": {"name": {"a": 1}}}, 400, "invalid_input"),
]


async def test_a_bad_registration_is_refused_by_name(node: Node) -> None:
    for changed, status, code in BAD_REGISTRATIONS:
        body = {"prefix": PREFIX, "suffix": "A", "template": "pump", "attributes": {"name": "x"}, **changed}
        answer = await node("POST", "/v1/identifiers", by="application", json=body)
        assert (answer.status, answer.code) == (status, code), changed


async def test_all_faults_of_the_attributes_are_told_together(node: Node) -> None:
    answer = await register(
        node, "A", name="", weight_kg=-1, made_on="2026-02-30", grade="C", surprise=1, serial=7, passed="perhaps"
    )
    assert (answer.status, answer.code) == (400, "attributes_invalid")
    assert {(fault["field"], fault["code"]) for fault in answer.json["faults"]} == {
        ("name", "required"), ("weight_kg", "too_small"), ("made_on", "not_a_date"), ("grade", "not_a_choice"),
        ("surprise", "unknown_attribute"), ("serial", "not_text"), ("passed", "not_a_boolean"),
    }  # fmt: skip


async def test_a_nested_value_is_one_fault_with_its_place(node: Node) -> None:
    answer = await register(node, "A", weight_kg=[[1]], model={"x": 1})
    assert sorted((fault["field"], fault["code"]) for fault in answer.json["faults"]) == [
        ("attributes.model", "not_a_value"),
        ("attributes.weight_kg", "not_a_value"),
    ]


# Digits -------------------------------------------------------------------------------------------------


KEPT_NUMBERS = [
    ("1.10", "1.10"),
    ("0.10000000000000000000000001", "0.10000000000000000000000001"),
    ("123456789012345678901234567890.12", "123456789012345678901234567890.12"),
    ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
    ("100", "100"),
    ("1.0", "1.0"),
    ("1e3", "1000"),
    ("1.50e1", "15.0"),
    ("25e-2", "0.25"),
    ("0", "0"),
    ('"1.10"', "1.10"),
    ('" 007 "', "007"),
]


async def test_a_number_keeps_the_digits_it_was_sent_with(node: Node) -> None:
    for number, (written, kept) in enumerate(KEPT_NUMBERS):
        attributes = f'"attributes":{{"name":"x","weight_kg":{written}}}'
        made = await raw_post(node, f'{{"prefix":"{PREFIX}","suffix":"A-{number}","template":"pump",{attributes}}}')
        assert (made.status, made.json["attributes"]["weight_kg"]) == (201, kept)
        headers = {"Content-Type": "application/json"}
        body = f'{{"version":1,{attributes}}}'
        changed = await node("PUT", path(f"A-{number}"), by="application", headers=headers, data=body.encode())
        assert changed.json["attributes"]["weight_kg"] == kept
        found = await node("GET", f"/api/handles/{PREFIX}/A-{number}", by=None)
        assert kept in [value["data"]["value"] for value in found.json["values"]]


NO_NUMBERS = [
    "1e400", "1e-400", "1e99999999999999999999", "0.1e-99999999999999999999", "NaN", "Infinity", "1" * 39, "1" * 4400,
    "--1", "01", "1.",
]  # fmt: skip


async def test_a_number_beyond_all_measure_is_refused(node: Node) -> None:
    for written in NO_NUMBERS:
        attributes = f'"attributes":{{"name":"x","weight_kg":{written}}}'
        answer = await raw_post(node, f'{{"prefix":"{PREFIX}","suffix":"A","template":"pump",{attributes}}}')
        assert (answer.status, answer.code) in {(400, "invalid_input"), (400, "attributes_invalid")}, written


async def test_a_number_is_no_text(node: Node) -> None:
    for written in ("1.10", "110"):
        attributes = f'"attributes":{{"name":"x","serial":{written}}}'
        answer = await raw_post(node, f'{{"prefix":"{PREFIX}","suffix":"A","template":"pump",{attributes}}}')
        assert [(fault["field"], fault["code"]) for fault in answer.json["faults"]] == [("serial", "not_text")]


# Lists --------------------------------------------------------------------------------------------------


async def listed(node: Node, **query: Any) -> tuple[list[str], int]:
    """All suffixes page by page, and how many pages they took."""
    suffixes: list[str] = []
    pages = 0
    cursor: dict[str, Any] = {}
    while True:
        answer = await node("GET", "/v1/identifiers", query={"prefix": PREFIX, **query, **cursor})
        assert answer.status == 200, answer.body
        suffixes += [item["suffix"] for item in answer.json["items"]]
        pages += 1
        if answer.json["next_cursor"] is None:
            return suffixes, pages
        cursor = {"cursor": answer.json["next_cursor"]}


async def fill(node: Node, rows: int) -> list[str]:
    lines = [f"PUMP-{n:04d},泵 {n},CP-{n % 5}" for n in range(rows)]
    body = "suffix,name,model\n" + "\n".join(lines) + "\n"
    answer = await node(
        "POST", "/v1/batches", by="application", query={"prefix": PREFIX, "template": "pump"},
        headers={"Content-Type": "text/csv", "Idempotency-Key": f"fill-{rows}"}, data=body.encode(),
    )  # fmt: skip
    assert answer.json["registered"] == rows
    return [line.partition(",")[0] for line in lines]


async def test_a_list_is_read_to_its_end_without_gaps_or_repetitions(node: Node) -> None:
    suffixes = await fill(node, 500)
    assert await listed(node, limit=200) == (suffixes, 3)
    assert await listed(node, limit=100) == (suffixes, 5)
    assert await listed(node) == (suffixes, 10)


async def test_a_list_that_changes_meanwhile_neither_skips_nor_repeats(node: Node) -> None:
    suffixes = await fill(node, 60)
    first = await node("GET", "/v1/identifiers", query={"prefix": PREFIX, "limit": 30})
    await node("DELETE", path("PUMP-0029") + "?version=1", by="application")
    await register(node, "PUMP-0000-A")
    rest = await node("GET", "/v1/identifiers", query={"prefix": PREFIX, "cursor": first.json["next_cursor"]})
    assert [item["suffix"] for item in first.json["items"] + rest.json["items"]] == suffixes


async def test_a_listed_or_unique_attribute_is_found(node: Node) -> None:
    await fill(node, 40)
    await register(node, "OTHER", model="CP-3", serial="S-1")
    template = node.template.template_id
    found, _ = await listed(node, template_id=template, attribute="model", value="CP-3", limit=3)
    assert found == sorted(["OTHER", *(f"PUMP-{n:04d}" for n in range(40) if n % 5 == 3)])
    assert await listed(node, template_id=template, attribute="serial", value="S-1") == (["OTHER"], 1)
    assert await listed(node, template_id=template, attribute="serial", value="S-2") == ([], 1)
    assert sorted((await listed(node, template_id=template))[0]) == sorted(
        found + [f"PUMP-{n:04d}" for n in range(40) if n % 5 != 3]
    )


BAD_QUESTIONS: list[tuple[dict[str, Any], str]] = [
    ({"attribute": "model"}, "query_incomplete"),
    ({"value": "CP-1"}, "query_incomplete"),
    ({"attribute": "model", "value": "CP-1"}, "not_listed"),
    ({"attribute": "name", "value": "x", "template_id": 1}, "not_listed"),
    ({"attribute": "model", "value": "a\0b", "template_id": 1}, "invalid_input"),
    ({"attribute": "mo\0del", "value": "b", "template_id": 1}, "invalid_input"),
    ({"attribute": "model", "value": "b", "template_id": 2**40}, "invalid_input"),
    ({"limit": 0}, "invalid_input"),
    ({"limit": 201}, "invalid_input"),
    ({"surprise": 1}, "invalid_input"),
    ({"prefix": "99"}, "invalid_prefix"),
    ({"cursor": "!!!"}, "cursor_broken"),
    ({"cursor": "a"}, "cursor_broken"),
    ({"cursor": "AAAA"}, "cursor_broken"),
    ({"cursor": "/w=="}, "cursor_broken"),
    ({"cursor": "x" * 513}, "cursor_broken"),
    ({"cursor": "x" * 4097}, "invalid_input"),
]


async def test_a_bad_question_is_refused_by_name(node: Node) -> None:
    for query, code in BAD_QUESTIONS:
        answer = await node("GET", "/v1/identifiers", query={"prefix": PREFIX, **query})
        assert (answer.status, answer.code) == (400, code), query


async def test_a_cursor_of_history_is_a_number_or_broken(node: Node) -> None:
    await register(node, "PUMP-1")
    for key, status in [
        ("1", 200),
        ("2", 200),
        ("0", 200),
        ("-1", 400),
        ("9" * 18, 400),
        ("9" * 21, 400),
        ("abc", 400),
    ]:
        answer = await node("GET", path("PUMP-1", "identifier-history"), query={"cursor": write_cursor(key)})
        assert answer.status == status, key
        if status == 200:
            assert len(answer.json["items"]) == (key == "2")
        else:
            assert answer.code == "cursor_broken"


async def test_deleting_needs_the_version_and_nothing_else(node: Node) -> None:
    await register(node, "PUMP-1")
    for query in ("", "?version=", "?version=x", "?version=0", "?version=1&limit=3", "?version=1&version=1"):
        answer = await node("DELETE", path("PUMP-1") + query, by="application")
        assert (answer.status, answer.code) == (400, "invalid_input"), query
    assert (await node("GET", path("PUMP-1"))).status == 200
