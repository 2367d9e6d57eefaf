"""The management API of accounts, enterprises, prefixes and templates over HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from node.auth import MAY, Role
from node.openapi import document
from registry import credit_code
from registry.api.v1.paging import CursorBroken, number_cursor, text_cursor, uuid_cursor, write_cursor
from tests.support.door import PASSWORD, Door, business_routes
from tests.support.office import Office


def facts(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "credit_code": credit_code.complete(f"91330212{number:08d}"),
        "name": f"示例阀门{number}有限公司",
        "division_code": "330212",
        "industry_code": "3443",
        "contact_phone": "13800000000",
        **changed,
    }


PUMP = {
    "name": "pump",
    "title_zh": "水泵",
    "attributes": [
        {"name": "serial", "title_zh": "序列号", "unique": True, "max_length": 40},
        {"name": "power", "title_zh": "功率", "kind": "number", "minimum": 0.5, "maximum": 1000},
        {"name": "grade", "title_zh": "等级", "kind": "enum", "choices": ["甲", "乙"]},
    ],
}


async def approved(door: Door, number: int) -> str:
    """An approved enterprise with a user named after its number, over HTTP from end to end."""
    created = await door("POST", "/v1/enterprises", facts(number))
    assert created.status == 201
    one = created.headers["Location"]
    assert (await door("POST", f"{one}/submit")).json["state"] == "submitted"
    assert (await door("POST", f"{one}/approve", by="reviewer")).json["state"] == "approved"
    enterprise_id = str(created.json["enterprise_id"])
    await door.admit(f"user{number}", Role.ENTERPRISE_USER, created.json["enterprise_id"])
    return enterprise_id


async def test_an_enterprise_goes_from_draft_to_prefix_and_template(door: Door, office: Office) -> None:
    enterprise_id = await approved(door, 1)
    applied = await door("POST", "/v1/prefixes", {"prefix": "88.101.ab1", "purpose": "产品追溯"}, by="user1")
    assert applied.status == 201
    assert (applied.json["prefix"], applied.json["enterprise_id"]) == ("88.101.AB1", enterprise_id)
    one = applied.headers["Location"]
    assert (await door("POST", f"{one}/approve", by="reviewer")).json["state"] == "reviewed"
    await office.prefixes.apply_verdict((await office.prefixes.list(office.admin))[0].prefix, True, "", enable=False)
    assert (await door("POST", f"{one}/enable")).json["state"] == "enabled"
    suspended = await door("POST", f"{one}/suspend", {"reason": "投诉核查"})
    assert (suspended.json["state"], suspended.json["reason"]) == ("suspended", "投诉核查")
    assert (await door("POST", f"{one}/resume")).json["state"] == "enabled"
    history = await door("GET", f"{one}/history?limit=3", by="user1")
    assert [act["action"] for act in history.json["items"]] == ["prefix.resume", "prefix.suspend", "prefix.enable"]
    rest = await door("GET", f"{one}/history?cursor={history.json['next_cursor']}", by="user1")
    assert [act["action"] for act in rest.json["items"]] == ["prefix.verify", "prefix.approve", "prefix.apply"]
    assert (rest.json["items"][0]["account_id"], rest.json["items"][0]["interface"]) == (None, "steward")
    assert rest.json["next_cursor"] is None

    made = await door("POST", "/v1/templates", PUMP, by="user1")
    assert made.status == 201
    assert made.json["enterprise_id"] == enterprise_id
    assert made.json["definition"]["attributes"][0]["index"] == 2000
    one = made.headers["Location"]
    changed = await door("PUT", one, {**PUMP, "title_zh": "离心泵", "version": 1}, by="user1")
    assert (changed.json["definition"]["title_zh"], changed.json["version"]) == ("离心泵", 2)
    assert (await door("POST", f"{one}/publish", by="user1")).json["state"] == "published"
    assert (await door("PUT", one, {**PUMP, "version": 3}, by="user1")).code == "template_not_editable"
    revised = await door("POST", f"{one}/revise", by="user1")
    assert (revised.status, revised.json["template_version"], revised.json["state"]) == (201, 2, "draft")
    assert (await door("POST", f"{one}/withdraw", by="user1")).json["state"] == "withdrawn"


async def test_an_answer_about_an_enterprise_names_its_codes_and_warns_of_unknown_ones(door: Door) -> None:
    known = await door("POST", "/v1/enterprises", facts(1))
    assert (known.json["division_name"], known.json["industry_name"]) == ("鄞州区", "阀门和旋塞制造")
    assert known.json["warnings"] == []
    odd = await door("POST", "/v1/enterprises", facts(2, division_code="339999", industry_code="9999"))
    assert [(warning["field"], warning["code"]) for warning in odd.json["warnings"]] == [
        ("division_code", "division_unknown"),
        ("industry_code", "industry_unknown"),
    ]
    assert (odd.status, odd.json["division_name"], odd.json["industry_name"]) == (201, None, None)


REFUSALS: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("POST", "/v1/enterprises", facts(1, credit_code="91350100M000100Y44"), 400, "credit_code_invalid"),
    ("POST", "/v1/enterprises", facts(1, division_code="3302"), 400, "division_code_invalid"),
    ("POST", "/v1/enterprises", facts(1, industry_code="C344"), 400, "industry_code_invalid"),
    ("POST", "/v1/enterprises", facts(1, name="示例\u202e公司"), 400, "invalid_input"),
    ("POST", "/v1/enterprises", facts(1, name="Cafe\u0301"), 400, "invalid_input"),
    ("POST", "/v1/enterprises", facts(1, name=" 示例公司"), 400, "invalid_input"),
    ("POST", "/v1/enterprises", facts(1, name="示例\0公司"), 400, "invalid_input"),
    ("POST", "/v1/enterprises", facts(1, name="示" * 201), 400, "invalid_input"),
    ("POST", "/v1/enterprises", facts(1, state="approved"), 400, "invalid_input"),
    ("POST", "/v1/prefixes", {"prefix": "88.101.x y"}, 400, "invalid_prefix"),
    ("POST", "/v1/prefixes", {"prefix": "88.101.1"}, 400, "enterprise_not_named"),
    ("POST", "/v1/prefixes", {"prefix": "88.102.1", "enterprise_id": str(uuid4())}, 400, "prefix_outside_node"),
    ("POST", "/v1/prefixes", {"prefix": "88.101.1", "enterprise_id": str(uuid4())}, 404, "enterprise_unknown"),
    ("POST", "/v1/prefixes/88.101.1/enable", {}, 404, "prefix_unknown"),
    ("POST", "/v1/templates", {**PUMP, "name": "a b"}, 400, "invalid_template"),
    ("POST", "/v1/templates", {**PUMP, "attributes": []}, 400, "invalid_template"),
    ("POST", "/v1/templates", {**PUMP, "enterprise_id": str(uuid4())}, 404, "enterprise_unknown"),
    ("POST", "/v1/accounts", {"name": "liwei", "role": "reviewer", "password": "short"}, 400, "password_too_weak"),
    ("POST", "/v1/accounts", {"name": "li w", "role": "reviewer", "password": PASSWORD}, 400, "account_name_invalid"),
    ("POST", "/v1/accounts", {"name": "liwei", "role": "king", "password": PASSWORD}, 400, "invalid_input"),
    ("POST", "/v1/accounts", {"name": "Admin", "role": "reviewer", "password": PASSWORD}, 409, "account_name_taken"),
    (
        "POST", "/v1/accounts", {"name": "liwei", "role": "application", "password": PASSWORD}, 400,
        "role_needs_enterprise",
    ),
    ("POST", "/v1/tokens", {"name": "admin", "password": "wrong"}, 401, "sign_in_refused"),
    ("POST", "/v1/tokens", {"name": "admin", "password": PASSWORD, "hours": 25}, 400, "token_life_too_long"),
    ("POST", "/v1/tokens", {"name": "admin", "password": PASSWORD, "hours": -1}, 400, "invalid_input"),
    ("POST", "/v1/tokens", {"name": "a\0", "password": PASSWORD}, 400, "invalid_input"),
]  # fmt: skip


async def test_every_bad_request_gets_its_named_refusal(door: Door) -> None:
    for method, path, body, status, code in REFUSALS:
        answer = await door(method, path, body or None)
        assert (answer.status, answer.code) == (status, code), (path, body)
        assert re.search("[\u4e00-\u9fff]", answer.json["title"])
    malformed = await door("POST", "/v1/tokens", raw=b'{"name": "admin", "password": "\\ud800"}', by=None)
    assert malformed.code == "invalid_input"
    nan = await door("POST", "/v1/tokens", raw=b'{"name": "admin", "password": "x", "hours": NaN}', by=None)
    assert nan.code == "invalid_input"


async def test_the_faults_of_a_form_come_all_at_once_and_without_what_was_sent(door: Door) -> None:
    answer = await door("POST", "/v1/accounts", {"name": "x", "role": "king", "password": "", "extra": "secretive"})
    assert {fault["field"] for fault in answer.json["faults"]} == {"name", "role", "password", "extra"}
    assert "secretive" not in str(answer.json)


async def test_a_refused_transition_names_state_verb_and_ways_out(door: Door) -> None:
    one = (await door("POST", "/v1/enterprises", facts(1))).headers["Location"]
    answer = await door("POST", f"{one}/approve", by="reviewer")
    assert (answer.status, answer.code) == (409, "transition_refused")
    assert (answer.json["state"], answer.json["verb"]) == ("draft", "approve")
    assert set(answer.json["allowed"]) == {"edit", "amend", "submit", "close"}


async def test_a_reason_is_part_of_the_form_where_it_is_needed(door: Door) -> None:
    one = (await door("POST", "/v1/enterprises", facts(1))).headers["Location"]
    for body in ({}, {"reason": ""}, {"reason": "行\n二"}):
        assert (await door("POST", f"{one}/close", body)).code == "invalid_input"
    assert (await door("POST", f"{one}/close", {"reason": "重复"})).json["state"] == "closed"


async def test_an_edit_needs_the_version_that_was_read(door: Door) -> None:
    one = (await door("POST", "/v1/enterprises", facts(1))).headers["Location"]
    first = await door("PUT", one, {**facts(1, address="示例路1号"), "version": 1})
    assert (first.json["address"], first.json["version"]) == ("示例路1号", 2)
    again = await door("PUT", one, {**facts(1, address="示例路2号"), "version": 1})
    assert (again.status, again.code, again.json["expected"], again.json["found"]) == (409, "version_changed", 1, 2)
    assert (await door("PUT", one, facts(1))).code == "invalid_input"


async def test_lists_go_page_by_page_and_a_broken_cursor_is_named(door: Door) -> None:
    for number in range(5):
        await door("POST", "/v1/enterprises", facts(number))
        door.office.clock.turn(seconds=1)
    names: list[str] = []
    cursor = ""
    while True:
        page = await door("GET", f"/v1/enterprises?limit=2{cursor}", by="auditor")
        names += [item["name"] for item in page.json["items"]]
        if page.json["next_cursor"] is None:
            break
        cursor = f"&cursor={page.json['next_cursor']}"
    assert names == [facts(number)["name"] for number in range(5)]
    for path in ("/v1/enterprises", "/v1/prefixes", "/v1/templates", "/v1/tokens"):
        for broken in ("x", "!!", "bm90IGEga2V5", "AAAA", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "a" * 513):
            answer = await door("GET", f"{path}?cursor={broken}")
            assert answer.status == 400, (path, broken)
            assert answer.code in ("cursor_broken", "invalid_input")
    for limit in ("0", "201", "x", "-1", "1e3"):
        assert (await door("GET", f"/v1/enterprises?limit={limit}")).code == "invalid_input"
    assert (await door("GET", "/v1/enterprises?order=name")).code == "invalid_input"


def test_a_cursor_gives_back_its_key_and_nothing_else_passes() -> None:
    key = uuid4()
    assert uuid_cursor(write_cursor(str(key))) == key
    assert number_cursor(write_cursor("42")) == 42
    assert text_cursor(write_cursor("阀门")) == "阀门"
    assert uuid_cursor(None) is None
    readers: list[Callable[[str], object]] = [uuid_cursor, number_cursor]
    for reader in readers:
        for cursor in (
            "",
            "====",
            "é",
            write_cursor("x"),
            write_cursor("-1"),
            write_cursor("٣"),
            write_cursor("1" * 19),
        ):
            with pytest.raises(CursorBroken):
                reader(cursor)
    for cursor in (write_cursor("a\0b"), "_w", "a"):
        with pytest.raises(CursorBroken):
            text_cursor(cursor)


async def test_a_token_is_shown_once_listed_revoked_and_then_refused(door: Door) -> None:
    issued = await door(
        "POST", "/v1/tokens", {"name": "admin", "password": PASSWORD, "label": "ci", "hours": 1}, by=None
    )
    assert issued.headers["Cache-Control"] == "no-store"
    door.tokens["ci"] = issued.json["token"]
    me = await door("GET", "/v1/me", by="ci")
    assert (me.json["name"], me.json["role"], me.json["enterprise_id"]) == ("admin", "administrator", None)
    listed = await door("GET", "/v1/tokens", by="ci")
    assert {token["label"] for token in listed.json["items"]} == {"ci", ""}
    assert issued.json["token"].split("_", 2)[2] not in str(listed.json)
    revoked = await door("DELETE", f"/v1/tokens/{issued.json['token_id']}", by="ci")
    assert (revoked.status, revoked.json) == (204, None)
    refused = await door("GET", "/v1/me", by="ci")
    assert (refused.status, refused.code) == (401, "token_revoked")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await door("DELETE", f"/v1/tokens/{uuid4()}")).code == "token_not_found"


async def test_tokens_that_are_none_are_refused_and_so_is_no_token(door: Door) -> None:
    assert (await door("GET", "/v1/me", by=None)).code == "not_signed_in"
    for text in ("x", "bst_" + "0" * 32 + "_" + "A" * 43, "bst_"):
        door.tokens["wrong"] = text
        answer = await door("GET", "/v1/me", by="wrong")
        assert (answer.status, answer.code) == (401, "token_unknown")
    door.office.clock.turn(hours=24)
    assert (await door("GET", "/v1/me")).code == "token_expired"


async def test_accounts_are_made_disabled_enabled_and_given_passwords(door: Door) -> None:
    created = await door("POST", "/v1/accounts", {"name": "liwei", "role": "auditor", "password": PASSWORD})
    assert (created.status, created.json["state"]) == (201, "active")
    assert PASSWORD not in str(created.json)
    one = created.headers["Location"]
    assert (await door("GET", one, by="auditor")).json == created.json
    listed = await door("GET", "/v1/accounts?limit=3", by="auditor")
    assert [item["name"] for item in listed.json["items"]] == ["admin", "auditor", "liwei"]
    rest = await door("GET", f"/v1/accounts?cursor={listed.json['next_cursor']}", by="auditor")
    assert [item["name"] for item in rest.json["items"]] == ["reviewer"]
    assert (await door("POST", f"{one}/disable")).json["state"] == "disabled"
    assert (await door("POST", "/v1/tokens", {"name": "liwei", "password": PASSWORD}, by=None)).status == 401
    assert (await door("POST", f"{one}/enable")).json["state"] == "active"
    changed = await door("POST", f"{one}/password", {"password": "Zw8.Fluss-hafen"})
    assert (changed.status, changed.json) == (204, None)
    me = (await door("GET", "/v1/me", by="reviewer")).json["account_id"]
    wrong = await door("POST", f"/v1/accounts/{me}/password", {"password": "Zw8.Fluss-hafen"}, by="reviewer")
    assert (wrong.status, wrong.code) == (403, "old_password_wrong")
    foreign = await door("POST", f"{one}/password", {"password": "Zw8.Fluss-hafen"}, by="reviewer")
    assert (foreign.status, foreign.code) == (403, "not_allowed")
    own = await door(
        "POST", f"/v1/accounts/{me}/password", {"password": "Zw8.Fluss-hafen", "old": PASSWORD}, by="reviewer"
    )
    assert own.status == 204
    last = (await door("GET", "/v1/me")).json["account_id"]
    assert (await door("POST", f"/v1/accounts/{last}/disable")).code == "last_administrator"


async def test_what_belongs_to_another_enterprise_stays_its_own(door: Door) -> None:
    mine, theirs = await approved(door, 1), await approved(door, 2)
    await door("POST", "/v1/prefixes", {"prefix": "88.101.1"}, by="user1")
    template = (await door("POST", "/v1/templates", PUMP, by="user1")).headers["Location"]
    for method, path, body in [
        ("GET", f"/v1/enterprises/{mine}", None),
        ("GET", f"/v1/enterprises/{mine}/history", None),
        ("PUT", f"/v1/enterprises/{mine}", {**facts(1), "version": 3}),
        ("POST", f"/v1/enterprises/{mine}/submit", None),
        ("POST", "/v1/prefixes", {"prefix": "88.101.2", "enterprise_id": mine}),
        ("GET", "/v1/prefixes/88.101.1", None),
        ("GET", "/v1/prefixes/88.101.1/history", None),
        ("GET", f"/v1/prefixes?enterprise_id={mine}", None),
        ("POST", "/v1/templates", {**PUMP, "enterprise_id": mine}),
        ("GET", template, None),
        ("PUT", template, {**PUMP, "version": 1}),
        ("POST", f"{template}/publish", None),
        ("POST", f"{template}/revise", None),
    ]:
        answer = await door(method, path, body, by="user2")
        assert (answer.status, answer.code) == (403, "not_allowed"), path
        assert mine not in str(answer.json)
    for path in ("/v1/prefixes", "/v1/templates"):
        assert (await door("GET", path, by="user2")).json["items"] == []
    assert [item["enterprise_id"] for item in (await door("GET", "/v1/enterprises", by="user2")).json["items"]] == [
        theirs
    ]
    taken = await door("POST", "/v1/prefixes", {"prefix": "88.101.1"}, by="user2")
    assert (taken.status, taken.code) == (409, "prefix_taken")
    assert mine not in str(taken.json)


async def test_each_route_turns_away_every_role_that_its_action_names_not(door: Door) -> None:
    enterprise_id = await approved(door, 1)
    await door.admit("machine", Role.APPLICATION, enterprise_id)
    roles = {
        "admin": Role.ADMINISTRATOR, "reviewer": Role.REVIEWER, "auditor": Role.AUDITOR,
        "user1": Role.ENTERPRISE_USER, "machine": Role.APPLICATION,
    }  # fmt: skip
    for route in business_routes(door.office):
        path = re.sub(r"\{template_id\}", "1", re.sub(r"\{prefix\}", "88.101.1", route.path))
        path = re.sub(r"\{\w+\}", str(uuid4()), path)
        if route.action is None:
            assert (route.method, route.path) == ("POST", "/v1/tokens")
            continue
        assert (await door(route.method, path, by=None)).code == "not_signed_in"
        for by, role in roles.items():
            answer = await door(route.method, path, {} if route.body else None, by=by)
            if role not in MAY[route.action]:
                assert (answer.status, answer.code) == (403, "not_allowed"), (route.path, by)
            else:
                assert answer.status in (200, 201, 204, 400, 403, 404, 409), (route.path, by, answer)


async def test_two_reviewers_at_once_over_http(door: Door) -> None:
    await door.admit("second", Role.REVIEWER)
    one = (await door("POST", "/v1/enterprises", facts(1))).headers["Location"]
    await door("POST", f"{one}/submit")
    answers = await asyncio.gather(
        door("POST", f"{one}/approve", by="reviewer"), door("POST", f"{one}/approve", by="second")
    )
    assert sorted(answer.status for answer in answers) == [200, 409]


async def test_the_document_of_these_routes_names_every_operation_and_its_refusals(office: Office) -> None:
    routes = business_routes(office)
    made = document(routes, title="t", version="1", description="d")
    operations = [operation for path in made["paths"].values() for operation in path.values()]
    assert len(operations) == len(routes) == 49
    assert len({operation["operationId"] for operation in operations}) == len(routes)
    approve = made["paths"]["/v1/prefixes/{prefix}/approve"]["post"]
    assert "transition_refused" in approve["responses"]["409"]["description"]
