"""The public page of complaints: without an account, without scripts, with the limits of the interface."""

from __future__ import annotations

import re
from collections.abc import Mapping

import aiohttp
from aiohttp import web

import admin.complaints
from admin.pages import NodeFace
from node.auth import Account
from node.database import Pool
from node.rate_limit import RateLimit
from node.routes import NotSignedIn
from node.web import WebSettings, make_app
from registry.service.complaints import Complaints
from registry.service.stored import Deadlines
from tests.support.console import Dom, dom_of
from tests.support.node import Answer, Node, running_node
from tests.support.world import World

COMPLAINT = {
    "subject": "扫码后信息不符", "about": "88.101.2001/PUMP-1", "said": "名称不符\r\n请核对",
    "name": "张三", "phone": "13800000000", "email": "",
}  # fmt: skip


async def no_account(_: str) -> Account:
    raise NotSignedIn("nobody signs in here")


async def send(node: Node, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
    return await node("POST", path, by=None, data=fields, headers=headers)


def key_of(filed: Dom) -> dict[str, str]:
    """Number and code as the page tells them."""
    told = re.search(r"(C2026\d{4}-[A-Z2-7]{8})\D*?([A-Z2-7]{24})", filed.text, re.ASCII)
    assert told is not None, filed.text
    return {"number": told[1], "code": told[2]}


async def test_a_complaint_is_filed_answered_and_added_to_on_the_page(database_url: str) -> None:
    async with running_node(database_url) as node:
        answer = await send(node, "/complaints", COMPLAINT)
        assert answer.status == 201
        key = key_of(dom_of(answer))
        waiting = (await node("GET", "/v1/service-requests")).json["items"]
        assert [one["subject"] for one in waiting] == ["扫码后信息不符"]
        number = waiting[0]["service_request_id"]
        contact = (await node("GET", f"/v1/service-requests/{number}/contact")).json
        assert contact == {"name": "张三", "phone": "13800000000", "email": ""}
        page = dom_of(await send(node, "/complaints/answer", key))
        assert "待处理" in page.text
        assert "名称不符\n请核对" in page.text
        await node("POST", f"/v1/service-requests/{number}/answer", json={"said": "已更正"})
        page = dom_of(await send(node, "/complaints/answer", {**key, "code": key["code"].lower()}))
        assert "已答复" in page.text
        assert "已更正" in page.text
        page = dom_of(await send(node, "/complaints/answer?lang=en", {**key, "said": "还有一处"}))
        assert "What you added has arrived." in page.text
        assert "in progress" in page.text
        again = await node("GET", "/complaints/answer?lang=en", by=None)
        assert (again.status, again.headers["Location"]) == (303, "/complaints?lang=en")


async def test_what_is_wrong_is_told_beside_its_field_and_nothing_is_lost(database_url: str) -> None:
    async with running_node(database_url) as node:
        written = {**COMPLAINT, "subject": "", "phone": "1" * 33, "said": "<script>alert(1)</script>"}
        answer = await send(node, "/complaints", written)
        page = dom_of(answer)
        assert answer.status == 400
        assert page.all("input", name="subject")[0]["aria-invalid"] == "true"
        assert page.all("input", name="phone")[0]["aria-invalid"] == "true"
        assert page.all("input", name="about")[0]["value"] == COMPLAINT["about"]
        assert "<script>alert(1)</script>" in page.text
        assert not page.all("script")
        wrong = await send(node, "/complaints/answer", {"number": "C20261121-AAAAAAAA", "code": "A" * 24})
        assert wrong.status == 404
        assert "投诉编号或查询码有误" in dom_of(wrong).text
        prefilled = dom_of(await node("GET", "/complaints?about=88.101.2001/X", by=None))
        assert prefilled.all("input", name="about")[0]["value"] == "88.101.2001/X"


async def test_a_form_of_another_site_or_no_form_at_all_files_nothing(database_url: str) -> None:
    async with running_node(database_url) as node:
        foreign = await send(node, "/complaints", COMPLAINT, **{"Sec-Fetch-Site": "cross-site"})
        assert foreign.status == 403
        assert "请在本站页面上填写表单" in dom_of(foreign).text
        for body in (b"\xff\xfe=%FF", b"&".join(b"a%d=1" % number for number in range(50)), b"x" * 70_000):
            answer = await node("POST", "/complaints", by=None, data=body)
            assert 400 <= answer.status < 500
        assert (await node("GET", "/v1/service-requests")).json["items"] == []


async def test_a_network_that_complains_too_often_is_told_to_wait(pool: Pool) -> None:
    world = World(pool)
    limit = RateLimit(per_minute=1, burst=2, most_sources=10, clock=lambda: 0.0)
    complaints = Complaints(pool, world.clock, world.seal, Deadlines(), limit)
    app = make_app([], authenticate=no_account, settings=WebSettings(log_requests=False))
    admin.complaints.add_routes(app.router, NodeFace("示例二级节点", "88.101", laboratory=True), complaints)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    statuses = []
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        for _ in range(3):
            async with session.post("/complaints", data=COMPLAINT) as answer:
                statuses.append(answer.status)
                text = await answer.text()
    await runner.cleanup()
    assert statuses == [201, 201, 429]
    assert "请求过于频繁" in text
    assert COMPLAINT["subject"] in text
