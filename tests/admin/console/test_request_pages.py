"""Requests of enterprises and complaints of the public, from filing to the answer and its notification."""

from __future__ import annotations

from tests.support.console import Browser, dom_of
from tests.support.node import running_node

REQUEST = {"kind": "service", "subject": "批量导入报错", "said": "第 17 行报错", "about": "88.101.2001/PUMP-1"}
COMPLAINT = {
    "subject": "扫码后信息不符", "said": "名称不符", "about": "",
    "contact": {"name": "张三", "phone": "13800000000", "email": ""},
}  # fmt: skip


async def test_a_request_is_filed_taken_up_answered_reopened_and_closed(database_url: str) -> None:
    async with running_node(database_url) as node:
        async with Browser(node, "enterprise_user") as enterprise, Browser(node, "administrator") as staff:
            refused = await enterprise.send("/console/requests/new", {"kind": "service", "said": "第 17 行"})
            shown = dom_of(refused)
            assert refused.status == 422
            assert shown.all("input", name="subject")[0]["aria-invalid"] == "true"
            assert "第 17 行" in shown.text
            place, page = await enterprise.done("/console/requests/new", REQUEST)
            assert "已提交，编号 S" in page.text

            rows = (await staff.page("/console/requests")).tables[0]
            assert rows[1][1:5] == ["批量导入报错", "服务请求", "中山示例企业2001", "待受理"]
            _, page = await staff.done(f"{place}/take")
            assert "处理中" in page.text
            await staff.done(f"{place}/say", {"as": "note", "said": "内部：看日志"})
            assert (await enterprise.send(f"{place}/say", {"as": "note", "said": "x"})).status == 422
            assert (await enterprise.send(f"{place}/take")).status == 403
            await staff.done(f"{place}/say", {"as": "answer", "said": "名称为空"})
            page = await enterprise.page(place)
            assert "名称为空" in page.text
            assert "看日志" not in page.text

            told = await enterprise.page("/console/notifications?unread=true")
            assert "服务请求已答复" in told.text
            assert place in told.links
            assert told.all("span", class_="count")[0]["data-of"] == "enterprise_user"
            counted = await enterprise.get("/console/v1/notifications?unread=true&limit=100")
            assert len(counted.json["items"]) == len(told.tables[0]) - 1
            numbers = [one["value"] for one in told.all("input", name="notification_id")]
            await enterprise.done("/console/notifications/read", {"notification_id": numbers[0]})
            left = await enterprise.page("/console/notifications?unread=true")
            assert {one["value"] for one in left.all("input", name="notification_id")} == set(numbers) - {numbers[0]}

            await enterprise.done(f"{place}/say", {"as": "reopen", "said": "还是不行"})
            await staff.done(f"{place}/say", {"as": "answer", "said": "已修复"})
            _, page = await enterprise.done(f"{place}/close")
            assert "已关闭" in page.text
        async with Browser(node, "other") as other:
            assert (await other.get(place)).status in (403, 404)
            assert "没有服务请求" in (await other.page("/console/requests")).text


async def test_a_complaint_is_answered_and_its_contact_is_shown_on_demand_alone(database_url: str) -> None:
    async with running_node(database_url) as node:
        filed = (await node("POST", "/v1/complaints", by=None, json=COMPLAINT)).json
        place = f"/console/requests/{filed['complaint']['service_request_id']}"
        async with Browser(node, "administrator") as staff:
            assert "公众" in (await staff.page("/console/requests?kind=complaint")).tables[0][1]
            assert "13800000000" not in (await staff.page(place)).text
            looked = await staff.send(f"{place}/contact")
            assert looked.status == 200
            assert "13800000000" in dom_of(looked).text
            assert "查看联系方式明文" in (await staff.page(place)).text
        async with Browser(node, "auditor") as auditor:
            page = await auditor.page(place)
            assert not page.all("textarea")
            assert (await auditor.send(f"{place}/contact")).status == 403


async def test_what_is_overdue_is_marked(database_url: str) -> None:
    async with running_node(database_url) as node:
        async with Browser(node, "enterprise_user") as enterprise:
            await enterprise.done("/console/requests/new", REQUEST)
            assert "没有服务请求" in (await enterprise.page("/console/requests?overdue=true")).text
        node.world.clock.advance(days=11)
        async with Browser(node, "administrator") as staff:
            page = await staff.page("/console/requests?overdue=true")
            assert "已逾期" in page.tables[0][1][5]
            assert page.all("span", class_="bad-text")


async def test_what_people_write_stays_text(database_url: str) -> None:
    markup = "<img src=x onerror=alert(1)>'\"{{ 7 * 7 }}"
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as enterprise:
        place, page = await enterprise.done(
            "/console/requests/new", {**REQUEST, "subject": markup, "said": markup, "about": markup}
        )
        assert page.text.count(markup) >= 3
        images = [one["src"] for one in (await enterprise.page(place)).all("img")]
        assert "x" not in images
