"""Prefixes in the console: applied for, reviewed, put to use; hosting and routes; numbers; transfers."""

from __future__ import annotations

from node.identifier import Prefix
from tests.support.console import Browser, dom_of
from tests.support.forms import values_of, wrong_fields
from tests.support.node import running_node


async def test_a_prefix_is_applied_for_reviewed_and_put_to_use(database_url: str) -> None:
    async with (
        running_node(database_url) as node,
        Browser(node, "enterprise_user") as user,
        Browser(node, "reviewer") as reviewer,
        Browser(node, "administrator") as administrator,
    ):
        refused = await user.send(
            "/console/prefixes/new", {"prefix": "88.999.1", "hosting": "hosted", "purpose": "泵"}
        )
        assert refused.status == 422
        assert values_of(refused, "/console/prefixes/new")["purpose"] == "泵"
        place, page = await user.done("/console/prefixes/new", {"prefix": "", "hosting": "hosted", "purpose": "水泵"})
        assert place == "/console/prefixes/88.101.2003"
        assert "待审核" in page.text
        assert page.all("form", action=f"{place}/enable") == []

        page = await reviewer.page("/console/reviews?kind=prefix")
        (review,) = (link for link in page.links if link.startswith("/console/reviews/"))
        assert "水泵" in (await reviewer.page(review)).text
        await reviewer.done(f"{review}/decision", {"verdict": "approve"})
        await node.world.prefixes.apply_verdict(Prefix.parse("88.101.2003"), True, "", False)

        page = await administrator.page(place)
        assert page.all("form", action=f"{place}/enable")[0]["data-ask"]
        _, page = await administrator.done(f"{place}/enable")
        assert "前缀已启用" in page.text
        _, page = await administrator.done(f"{place}/suspend", {"reason": "投诉"})
        assert "已停用 投诉" in " ".join(page.text.split())
        _, page = await administrator.done(f"{place}/resume")
        assert page.all("form", action=f"{place}/resume") == []
        assert (await user.send(f"{place}/suspend", {"reason": "x"})).status == 403
        for browser, seen in ((user, {"88.101.2001", "88.101.2003"}), (reviewer, {"88.101.2002"} | {"88.101.2001"})):
            rows = (await browser.page("/console/prefixes")).tables[0][1:]
            assert seen <= {row[0] for row in rows}
        assert "88.101.2002" not in (await user.page("/console/prefixes")).text
        _, page = await administrator.done(f"{place}/withdraw", {"reason": "企业申请"})
        assert "已收回" in page.text
        assert page.all("form", action=f"{place}/resume") == []


async def test_what_the_node_above_suspended_is_resumed_by_nobody_here(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        await node.world.pool.execute("UPDATE prefix SET state = 'suspended', suspended_from_above = true")
        page = await browser.page("/console/prefixes/88.101.2001")
        assert "上级节点停用" in page.text
        assert page.all("form", action="/console/prefixes/88.101.2001/resume") == []
        _, page = await browser.done("/console/prefixes/88.101.2001/resume")
        assert page.all("p", class_="alert alert-danger", role="alert")


async def test_identifiers_and_quota_of_a_prefix_are_told(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as user:
        holder = node.holder
        for number in range(3):
            await node.world.identifiers.register(
                holder.account, holder.actor, holder.identifier(f"P-{number}"), node.template.template_id,
                {"name": "泵"},
            )  # fmt: skip
        assert "标识数3" in "".join((await user.page("/console/prefixes/88.101.2001")).text.split())
        await node("PUT", "/v1/prefixes/88.101.2001/quota", json={"identifiers": 1000})
        assert "3 / 1,000" in " ".join((await user.page("/console/prefixes/88.101.2001")).text.split())


async def test_a_route_is_set_tried_and_given_up_for_hosting(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as user:
        place = "/console/prefixes/88.101.2001"
        faulty = {"sites.0.address": "10.0.0.x", "sites.0.tcp_port": "99999"}
        refused = await user.send(f"{place}/route", faulty)
        assert wrong_fields(refused) == {"sites.0.tcp_port"}
        assert values_of(refused, f"{place}/route")["sites.0.address"] == "10.0.0.x"
        site = {"sites.0.address": "127.0.0.1", "sites.0.tcp_port": str(node.handle_port), "sites.0.http_port": "1"}
        _, page = await user.done(f"{place}/route", site)
        assert "解析路由已保存" in page.text
        checked = dom_of(await user.send(f"{place}/route/checks"))
        assert [row[0:1] + row[3:4] for row in checked.tables[0][1:]] == [["tcp", "可达"], ["http", "拒绝连接"]]
        _, page = await user.done(f"{place}/hosting/apply")
        assert "托管申请中" in page.text
        async with Browser(node, "reviewer") as reviewer:
            _, page = await reviewer.done(f"{place}/hosting/reject", {"reason": "资料不全"})
            assert "托管被驳回" in page.text
            assert "资料不全" in page.text
        await user.done(f"{place}/hosting/apply")
        async with Browser(node, "reviewer") as reviewer:
            _, page = await reviewer.done(f"{place}/hosting/approve")
            assert "已托管" in page.text
        assert "由本节点应答" in (await user.page(place)).text


async def test_numbers_are_planned_previewed_and_kept_back(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        place = "/console/numbering"
        plan = {
            "written": "yes", "version": "0",
            "segments.0.kind": "region", "segments.0.digits": "4",
            "segments.1.kind": "serial", "segments.1.width": "5", "segments.1.first": "1",
        }  # fmt: skip
        asked = {"division_code": "330212", "industry_code": "3441"}
        page = dom_of(await browser.send(f"{place}/preview", {**plan, **asked}))
        assert "88.101.330200001" in page.text
        refused = await browser.send(place, {**plan, "segments.0.digits": "5"})
        assert refused.status == 422
        _, page = await browser.done(place, plan)
        assert "号段规划已保存" in page.text
        keeping = {"first_number": "330200001", "last_number": "330200002", "kind": "reserved", "reason": "留用"}
        refused = await browser.send(f"{place}/reserved", {**keeping, "first_number": "33A"})
        assert "first_number" in wrong_fields(refused)
        _, page = await browser.done(f"{place}/reserved", keeping)
        assert page.tables[0][1][:3] == ["330200001–330200002", "保留", "留用"]
        assert "88.101.330200003" in dom_of(await browser.send(f"{place}/preview", asked)).text
        actions = [form.get("action") or "" for form in page.all("form")]
        (release,) = (action for action in actions if action.endswith("/release"))
        _, page = await browser.done(release)
        assert "没有保留的号码" in page.text
        async with Browser(node, "auditor") as auditor:
            assert (await auditor.page(place)).all("form", action=place) == []
            assert (await auditor.send(place, plan)).status == 403


async def test_a_prefix_passes_to_another_enterprise(database_url: str) -> None:
    async with (
        running_node(database_url) as node,
        Browser(node, "enterprise_user") as giver,
        Browser(node, "other") as receiver,
        Browser(node, "reviewer") as reviewer,
    ):
        assert "88.101.2001" in (await giver.page("/console/transfers/new")).text
        new = "/console/transfers/new"
        offer = {"prefix": "88.101.2001", "to_enterprise_id": "unknown", "reason": "业务调整"}
        refused = await giver.send(new, offer)
        assert wrong_fields(refused) == {"to_enterprise_id"}
        assert "编号有误" in dom_of(refused).text
        offer["to_enterprise_id"] = str(node.other.account.enterprise_id)
        place, page = await giver.done(new, offer)
        assert [form["action"] for form in page.all("form", method="post")][-1] == f"{place}/cancel"
        page = await receiver.page(place)
        assert page.all("form", action=f"{place}/accept")
        assert page.all("form", action=f"{place}/cancel") == []
        _, page = await receiver.done(f"{place}/accept")
        assert "已接受" in page.text
        page = await reviewer.page("/console/reviews?kind=transfer")
        (review,) = (link for link in page.links if link.startswith("/console/reviews/"))
        assert "中山示例企业2002" in (await reviewer.page(review)).text
        await reviewer.done(f"{review}/decision", {"verdict": "approve"})
        assert (await giver.page("/console/transfers")).tables[0][1][3] == "已完成"
        assert "88.101.2001" in (await receiver.page("/console/prefixes")).text
        assert (await giver.get("/console/prefixes/88.101.2001")).status == 403
        async with Browser(node, "administrator") as administrator:
            page = await administrator.page(f"{new}?prefix=88.101.2002")
            assert "中山示例企业2001" in page.text
            assert page.all("form", action=new, method="post") == []
