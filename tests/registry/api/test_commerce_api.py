"""Documents, quotas, plans, orders, statements and drawn suffixes over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.support.node import PASSWORD, Answer, Node, running_node

PREFIX = "88.101.2001"
TERMS = {"monthly_fee": 100_00, "prices": {"registrations": {"included": 0, "unit": 10, "price": 5}}}


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


async def made(node: Node, path: str, by: str, body: Any) -> Any:
    answer = await node("POST", path, by=by, json=body)
    assert answer.status in (200, 201), answer.body
    return answer.json


async def register(node: Node, suffix: str) -> Answer:
    body = {"prefix": PREFIX, "suffix": suffix, "template": "pump", "attributes": {"name": "泵"}}
    return await node("POST", "/v1/identifiers", by="application", json=body)


async def test_suffixes_are_drawn_checked_and_enforced(node: Node) -> None:
    segments = [
        {"kind": "choice", "name": "line", "choices": ["A", "B"]}, {"kind": "serial", "width": 3},
        {"kind": "check", "method": "mod_37_36"},
    ]  # fmt: skip
    shipped = await made(node, "/v1/coding-rules", "administrator", {
        "of_node": True, "name": "lines", "definition": {"segments": segments, "scope": {"industry": "C"}},
    })  # fmt: skip
    assert shipped["enterprise_id"] is None
    copied = await made(
        node, f"/v1/coding-rules/{shipped['coding_rule_id']}/copies", "enterprise_user", {"name": "mine"}
    )
    assert copied["definition"]["segments"] == shipped["definition"]["segments"]
    one = f"/v1/coding-rules/{copied['coding_rule_id']}"
    drawn = await made(node, f"{one}/draws", "application", {"prefix": PREFIX, "count": 3, "values": {"line": "a"}})
    assert (drawn["first_serial"], drawn["last_serial"], len(set(drawn["suffixes"]))) == (1, 3, 3)
    assert [suffix[:4] for suffix in drawn["suffixes"]] == ["A001", "A002", "A003"]
    checked = await made(node, f"{one}/checks", "auditor", {"suffixes": [*drawn["suffixes"], "C0010"]})
    assert (checked["fit"], [fault["position"] for fault in checked["faults"]]) == (3, [3])
    rule = await node("GET", f"/v1/prefixes/{PREFIX}/suffix-rule", by="enterprise_user")
    body = {"coding_rule": "mine", "version": rule.json["version"]}
    set_rule = await node("PUT", f"/v1/prefixes/{PREFIX}/suffix-rule", by="enterprise_user", json=body)
    assert (set_rule.status, set_rule.json["coding_rule"]) == (200, "mine")
    refused = await register(node, "free")
    assert (refused.status, refused.code, refused.json["faults"][0]["code"]) == (
        400, "attributes_invalid", "suffix_not_by_rule",
    )  # fmt: skip
    assert (await register(node, drawn["suffixes"][0])).status == 201
    too_many = await node("POST", f"{one}/draws", by="application", json={"prefix": PREFIX, "count": 10_001})
    assert (too_many.status, too_many.code) == (400, "invalid_input")
    foreign = await node("POST", f"{one}/draws", by="other", json={"prefix": "88.101.2002", "count": 1})
    assert (foreign.status, foreign.code) == (404, "coding_rule_unknown")


async def test_a_quota_is_set_reached_and_removed(node: Node) -> None:
    path = f"/v1/prefixes/{PREFIX}/quota"
    assert (await node("GET", path)).code == "quota_unknown"
    assert (await node("PUT", path, by="enterprise_user", json={"identifiers": 1})).status == 403
    quota = await node("PUT", path, json={"identifiers": 1, "daily_registrations": 5})
    assert (quota.status, quota.json["registered"], quota.json["version"]) == (200, 0, 1)
    assert (await register(node, "a")).status == 201
    refused = await register(node, "b")
    assert (refused.status, refused.code) == (429, "quota_reached")
    seen = await node("GET", path, by="application")
    assert (seen.json["registered"], seen.json["registered_today"]) == (1, 1)
    assert (await node("PUT", path, json={"identifiers": 2})).code == "version_changed"
    assert (await node("DELETE", path, query={"version": 1})).status == 204
    assert (await register(node, "b")).status == 201


async def test_a_document_is_drafted_published_and_read_by_anybody(node: Node) -> None:
    body = {"kind": "management", "name": "rules", "title_zh": "管理规范", "body": "# 一\n\n- 甲\n"}
    draft = await made(node, "/v1/document-versions", "administrator", body)
    assert (draft["state"], draft["document_version"]) == ("draft", 1)
    one = f"/v1/document-versions/{draft['document_id']}"
    assert (await node("GET", "/v1/documents/rules", by=None)).status == 404
    assert (await node("GET", one, by="enterprise_user")).status == 403
    edit = {**{name: body[name] for name in ("kind", "title_zh")}, "body": "正文", "version": 1}
    assert (await node("PUT", one, json=edit)).status == 200
    assert (await made(node, f"{one}/publish", "administrator", None))["state"] == "published"
    read = await node("GET", "/v1/documents/rules", by=None)
    assert (read.status, read.json["body"], read.json["kind"]) == (200, "正文", "management")
    listed = (await node("GET", "/v1/documents", by=None, query={"kind": "management"})).json
    assert ([item["name"] for item in listed["items"]], listed["next_cursor"]) == (["rules"], None)
    assert "body" not in listed["items"][0]
    for wrong in ({"body": "a\u202eb"}, {"body": "a\rb"}, {"name": "Rules"}, {"kind": "novel"}, {"body": ""}):
        assert (await node("POST", "/v1/document-versions", json={**body, **wrong})).status == 400, wrong
    history = await node("GET", f"{one}/history", by="auditor")
    assert [act["action"] for act in history.json["items"]] == [
        "document.publish", "document.edit", "document.create",
    ]  # fmt: skip


async def test_a_plan_is_offered_ordered_confirmed_and_charged(node: Node) -> None:
    plan = await made(
        node, "/v1/plans", "administrator", {"name": "standard", "title_zh": "标准方案", "terms": TERMS}
    )
    assert plan["terms"] == TERMS
    one = f"/v1/plans/{plan['fee_plan_id']}"
    assert (await node("GET", one, by="enterprise_user")).status == 404
    await made(node, f"{one}/offer", "administrator", None)
    assert len((await node("GET", "/v1/plans", by="enterprise_user")).json["items"]) == 1
    today = node.world.clock.now.date()
    order = {"fee_plan_id": plan["fee_plan_id"], "begins_on": str(today), "ends_on": str(today + timedelta(days=60))}
    placed = await made(node, "/v1/orders", "enterprise_user", order)
    assert (placed["state"], placed["terms"]) == ("placed", TERMS)
    mine = f"/v1/orders/{placed['plan_order_id']}"
    assert (await node("POST", f"{mine}/confirm", by="enterprise_user")).status == 403
    assert (await made(node, f"{mine}/confirm", "administrator", None))["state"] == "confirmed"
    assert (await node("GET", mine, by="other")).status == 403
    assert (await register(node, "a")).status == 201
    month, enterprise_id = f"{today:%Y-%m}", placed["enterprise_id"]
    usage = await node(
        "GET", "/v1/usage", by="enterprise_user", query={"first_day": str(today), "last_day": str(today)}
    )
    assert usage.json["total"] == {"registrations": 1, "changes": 0, "deletions": 0, "resolutions": 0}
    wanted = {"enterprise_id": enterprise_id, "month": month}
    early = await node("POST", "/v1/statements", json=wanted)
    assert (early.status, early.code) == (409, "month_not_over")
    node.world.clock.advance(days=31)
    for name in ("administrator", "enterprise_user", "auditor"):  # their tokens have expired
        node.tokens[name] = (await node.accounts.sign_in(name, PASSWORD)).text
    statement = await made(node, "/v1/statements", "administrator", wanted)
    assert statement["content"]["total"] > 0
    path = f"/v1/statements/{enterprise_id}/{month}"
    assert (await node("GET", path, by="enterprise_user")).json == statement
    assert (await node("GET", f"{path}/recomputed", by="enterprise_user")).json["same"] is True
    listed = await node("GET", "/v1/statements", by="enterprise_user", query={"limit": 1})
    assert listed.json["items"] == [statement]
    assert (await node("GET", "/v1/statements/" + enterprise_id + "/2026-99", by="auditor")).code == "month_unfit"
