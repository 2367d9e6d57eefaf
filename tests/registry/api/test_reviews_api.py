"""Reviews, service requests, complaints and announcements over HTTP, as the node serves them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.auth import Role
from registry import credit_code
from tests.support.node import Answer, Node, running_node

R = Role.REVIEWER


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


def facts(number: int) -> dict[str, Any]:
    return {
        "credit_code": credit_code.complete(f"91330212{number:08d}"),
        "name": f"示例阀门{number}有限公司",
        "division_code": "330212",
        "industry_code": "3443",
        "contact_phone": "13800000000",
    }


async def submitted(node: Node, number: int) -> str:
    created = await node("POST", "/v1/enterprises", json=facts(number))
    assert created.status == 201, created.body
    location = created.headers["Location"]
    assert (await node("POST", f"{location}/submit")).status == 200
    return str(created.json["enterprise_id"])


async def open_review(node: Node, enterprise_id: str) -> str:
    queue = await node("GET", "/v1/reviews", by=R, query={"enterprise_id": enterprise_id})
    (review,) = queue.json["items"]
    return f"/v1/reviews/{review['review_id']}"


async def test_a_review_is_claimed_checked_and_returned_and_the_next_approved(node: Node) -> None:
    enterprise_id = await submitted(node, 71)
    one = await open_review(node, enterprise_id)
    claimed = await node("POST", f"{one}/claim", by=R)
    assert claimed.json["claimed_by"] == node.account_ids[R]
    mine = await node("GET", "/v1/reviews", by=R, query={"mine": "true"})
    assert [review["subject"] for review in mine.json["items"]] == [f"/v1/enterprises/{enterprise_id}"]
    checked = await node("POST", f"{one}/checks", by=R)
    assert [(check["verifier"], check["outcome"]) for check in checked.json["items"]] == [("form", "form_only")]
    detail = (await node("GET", one, by=Role.AUDITOR)).json
    assert detail["facts"]["credit_code"] == facts(71)["credit_code"]
    assert (detail["facts"]["state"], detail["checks"]) == ("submitted", checked.json["items"])
    assert "13800000000" not in str(detail)

    refused = await node("POST", f"{one}/decision", by=R, json={"verdict": "return"})
    assert (refused.status, refused.code) == (400, "reason_missing")
    reasons = [{"text": "与营业执照不符", "field": "name", "code": "differs"}]
    returned = await node("POST", f"{one}/decision", by=R, json={"verdict": "return", "reasons": reasons})
    assert (returned.json["state"], returned.json["outcome"], returned.json["reasons"]) == (
        "decided", "return", reasons,
    )  # fmt: skip
    again = await node("POST", f"{one}/decision", by=R, json={"verdict": "approve"})
    assert (again.status, again.code) == (409, "review_decided")
    history = await node("GET", f"{one}/history", by=R)
    assert [act["action"] for act in history.json["items"]] == ["review.check", "review.claim"]

    await node("POST", f"/v1/enterprises/{enterprise_id}/submit")
    second = await open_review(node, enterprise_id)
    approved = await node("POST", f"{second}/decision", by=R, json={"verdict": "approve"})
    assert approved.json["outcome"] == "approve"
    assert (await node("GET", f"/v1/enterprises/{enterprise_id}")).json["state"] == "approved"


async def test_the_queue_goes_page_by_page(node: Node) -> None:
    made = []
    for number in (81, 82, 83):
        made.append(await submitted(node, number))
        node.world.clock.advance(seconds=1)
    first = (await node("GET", "/v1/reviews", by=R, query={"kind": "enterprise", "limit": 2})).json
    rest = (await node("GET", "/v1/reviews", by=R, query={"kind": "enterprise", "cursor": first["next_cursor"]})).json
    assert [review["enterprise_id"] for review in first["items"] + rest["items"]] == made
    assert rest["next_cursor"] is None


async def test_a_service_request_goes_from_the_enterprise_to_the_staff_and_back(node: Node) -> None:
    body = {
        "kind": "service",
        "subject": "无法批量注册",
        "said": "第三行被驳回。\n文件见附件。",
        "about": "88.101.2001",
    }
    filed = await node("POST", "/v1/service-requests", by=Role.ENTERPRISE_USER, json=body)
    assert (filed.status, filed.json["overdue"]) == (201, False)
    one = filed.headers["Location"]
    assert (await node("POST", f"{one}/take")).json["request"]["state"] == "in_progress"
    await node("POST", f"{one}/entries", json={"said": "与运营核实", "internal": True})
    await node("POST", f"{one}/answer", json={"said": "表头缺少后缀列"})
    seen = (await node("GET", one, by=Role.ENTERPRISE_USER)).json
    assert [(entry["speaker"], entry["said"], entry["account_id"]) for entry in seen["entries"]] == [
        ("enterprise", body["said"], node.account_ids[Role.ENTERPRISE_USER]),
        ("staff", "表头缺少后缀列", None),
    ]
    told = (await node("GET", one)).json["entries"]
    assert [entry["internal"] for entry in told] == [False, True, False]
    assert told[1]["account_id"] == node.account_ids[Role.ADMINISTRATOR]
    assert (await node("GET", one, by="other")).code == "not_allowed"
    assert (await node("POST", f"{one}/close", by=Role.ENTERPRISE_USER)).json["request"]["state"] == "closed"
    listed = await node("GET", "/v1/service-requests", by=Role.ENTERPRISE_USER)
    assert [request["number"] for request in listed.json["items"]] == [filed.json["number"]]
    assert (await node("GET", "/v1/service-requests", by="other")).json["items"] == []


async def test_requests_are_listed_page_by_page_and_a_foreign_cursor_is_refused(node: Node) -> None:
    body = {"kind": "complaint", "subject": "投诉", "said": "慢"}
    made = [
        (await node("POST", "/v1/service-requests", by=Role.ENTERPRISE_USER, json=body)).json["number"]
        for _ in range(3)
    ]
    first = (await node("GET", "/v1/service-requests", query={"limit": 2})).json
    rest = (await node("GET", "/v1/service-requests", query={"cursor": first["next_cursor"]})).json
    assert sorted(one["number"] for one in first["items"] + rest["items"]) == sorted(made)
    foreign = (await node("GET", "/v1/enterprises", query={"limit": 1})).json["next_cursor"]
    assert (await node("GET", "/v1/service-requests", query={"cursor": foreign})).code == "cursor_broken"


async def complain(node: Node, **changed: Any) -> Answer:
    body = {"subject": "二维码无法识别", "said": "显示他人商品", "contact": {"phone": "13900000000"}, **changed}
    return await node("POST", "/v1/complaints", by=None, json=body)


async def test_anybody_complains_without_an_account_and_looks_again_by_number_and_code(node: Node) -> None:
    filed = await complain(node)
    assert filed.status == 201
    key = {"number": filed.json["complaint"]["number"], "code": filed.json["code"]}
    one = f"/v1/service-requests/{filed.json['complaint']['service_request_id']}"
    assert (await node("GET", f"{one}/contact")).json == {"name": "", "phone": "13900000000", "email": ""}
    assert "13900000000" not in (await node("GET", one)).body.decode()
    await node("POST", f"{one}/answer", json={"said": "已下线"})
    seen = (await node("POST", "/v1/complaints/look-up", by=None, json=key)).json
    assert (seen["request"]["state"], seen["entries"][-1]["said"]) == ("answered", "已下线")
    assert [entry["account_id"] for entry in seen["entries"]] == [None, None]
    added = await node("POST", "/v1/complaints/statements", by=None, json={**key, "said": "仍然如此"})
    assert added.json["request"]["state"] == "in_progress"
    wrong = await node("POST", "/v1/complaints/look-up", by=None, json={**key, "code": "WRONG"})
    assert (wrong.status, wrong.code) == (404, "complaint_unknown")
    assert (await node("GET", one, by=Role.ENTERPRISE_USER)).code == "not_allowed"


@pytest.mark.parametrize(
    "changed", [{"said": "a\u202eb"}, {"said": "x" * 4001}, {"subject": "两\n行"}, {"said": ""}, {"unknown": 1}]
)
async def test_what_is_no_complaint_is_refused(node: Node, changed: dict[str, Any]) -> None:
    refused = await complain(node, **changed)
    assert (refused.status, refused.code) == (400, "invalid_input")


async def test_announcements_are_drafted_published_and_read_by_everybody(node: Node) -> None:
    body = {"title_zh": "系统维护公告", "title_en": "Maintenance", "body": "本周六维护。\n\n<b>解析不受影响</b>。"}
    made = await node("POST", "/v1/managed-announcements", json=body)
    assert (made.status, made.json["state"]) == (201, "draft")
    one = made.headers["Location"]
    number = made.json["announcement_id"]
    assert (await node("GET", f"/v1/announcements/{number}", by=None)).code == "announcement_unknown"
    edited = await node("PUT", one, json={**body, "title_en": "", "version": 1})
    assert edited.json["version"] == 2
    assert (await node("POST", f"{one}/publish")).json["state"] == "published"
    read = (await node("GET", f"/v1/announcements/{number}", by=None)).json
    assert (read["title_zh"], read["body"]) == (body["title_zh"], body["body"])
    assert [item["announcement_id"] for item in (await node("GET", "/v1/announcements", by=None)).json["items"]] == [
        number
    ]
    assert (await node("POST", f"{one}/withdraw")).json["state"] == "withdrawn"
    assert (await node("GET", "/v1/announcements", by=None)).json["items"] == []
