"""Enterprises in the console: entered by a form, with a fault, seen masked and in clear, moved with a reason."""

from __future__ import annotations

from typing import Any

from registry.credit_code import complete
from tests.support.console import Browser, Dom, dom_of
from tests.support.forms import values_of, wrong_fields
from tests.support.node import running_node

RECORD = {
    "name": "宁波示例水泵有限公司", "credit_code": complete("91330212MAD00099"), "division_code": "330212",
    "industry_code": "3441", "address": "鄞州区示例路 1 号",
    "profile.nature": "private", "profile.capital": "500", "profile.established_on": "2015-06-01",
    "profile.description": "制造水泵\r\n与阀门",
    "profile.served_industries.0.subclass": "3441",
    "profile.licences.0.number": "浙B2-20250001", "profile.licences.0.kind": "value_added_telecom",
    "profile.licences.0.valid_until": "2030-01-31",
    "personal.contact.name": "张三", "personal.contact.phone": "13800001111",
    "personal.legal_representative.name": "李四",
}  # fmt: skip


def rows_of(page: Dom) -> list[list[str]]:
    """The rows of all its tables."""
    return [row for table in page.tables for row in table]


async def test_an_enterprise_is_entered_by_a_form_and_submitted(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        faulty = {**RECORD, "profile.capital": "many", "division_code": "33021", "personal.contact.name": ""}
        refused = await browser.send("/console/enterprises/new", faulty)
        page = dom_of(refused)
        assert refused.status == 422
        assert wrong_fields(refused) == {"profile.capital"}
        assert "应为整数" in page.text
        kept = values_of(refused, "/console/enterprises/new")
        assert (kept["name"], kept["profile.capital"]) == (RECORD["name"], "many")
        refused = await browser.send("/console/enterprises/new", {**RECORD, "division_code": "33021"})
        assert wrong_fields(refused) == {"division_code"}
        assert "行政区划代码有误" in dom_of(refused).text

        place, page = await browser.done("/console/enterprises/new", RECORD)
        enterprise_id = place.rpartition("/")[2]
        assert place == f"/console/enterprises/{enterprise_id}"
        assert "浙江省 宁波市 鄞州区 (330212)" in page.text
        assert "泵及真空设备制造 (C 3441)" in page.text
        assert ["浙B2-20250001", "增值电信业务经营", "2030-01-31"] in page.tables[0]
        stored = (await node("GET", f"/v1/enterprises/{enterprise_id}")).json
        assert stored["profile"]["served_industries"] == [
            {"category": "C", "division": "34", "group": "344", "subclass": "3441"}
        ]
        assert stored["profile"]["description"] == "制造水泵 与阀门"
        assert (stored["state"], stored["profile"]["capital"]) == ("draft", 500)

        _, page = await browser.done(f"{place}/submit")
        assert "已提交审核" in page.text
        assert page.all("a", href=f"{place}/edit") == []
        acts = (await node("GET", f"/v1/enterprises/{enterprise_id}/history")).json["items"]
        assert [(act["action"], act["interface"], act["account_role"]) for act in acts] == [
            ("enterprise.submit", "console", "administrator"), ("enterprise.create", "console", "administrator"),
        ]  # fmt: skip
        assert "平台管理员 administrator" in page.text
        assert ["状态", "草稿", "待审核"] in rows_of(page)


async def test_what_is_wrong_with_a_row_stands_beside_that_row(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        page = await browser.get("/console/enterprises/new")
        fields = {**values_of(page, "/console/enterprises/new"), **RECORD}
        assert fields["profile.deployments.1.system"] == "registration_data"
        fields |= {
            "profile.deployments.1.mode": "cloud", "profile.served_industries.0.subclass": "XY",
            "profile.licences.1.number": RECORD["profile.licences.0.number"],
            "profile.licences.1.kind": "domain_registry",
        }  # fmt: skip
        refused = await browser.send("/console/enterprises/new", fields)
        assert wrong_fields(refused) == {"profile.deployments.0.provider", "profile.served_industries.0.subclass"}
        kept = values_of(refused, "/console/enterprises/new")
        assert kept["profile.deployments.0.system"] == "registration_data"
        assert kept["profile.deployments.0.mode"] == "cloud"
        assert kept["profile.licences.2.number"] == ""
        said = dom_of(refused).text
        assert "部署信息缺少" in said
        assert "许可证编号重复" in said
        more = await browser.send("/console/enterprises/new", {**RECORD, "more": "yes"})
        assert more.status == 200
        assert values_of(more, "/console/enterprises/new")["profile.served_industries.1.subclass"] == ""


async def test_people_are_masked_until_they_are_asked_for_and_a_form_keeps_them(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        place, page = await browser.done("/console/enterprises/new", RECORD)
        assert "张三" not in page.text
        assert "138****1111" in page.text
        clear = dom_of(await browser.send(f"{place}/personal"))
        assert "张三" in clear.text
        assert "13800001111" in clear.text
        assert "查看个人信息明文" in (await browser.page(place)).text

        fields = values_of(await browser.get(f"{place}/edit"), f"{place}/edit")
        assert fields["personal.contact.phone"] == "138****1111"
        saved, page = await browser.done(f"{place}/edit", {**fields, "website": "https://pumps.example"})
        assert saved == place
        assert ["网址", "—", "https://pumps.example"] in rows_of(page)
        assert "13800001111" in dom_of(await browser.send(f"{place}/personal")).text
        stale = await browser.send(f"{place}/edit", {**fields, "website": "https://other.example"})
        assert stale.status == 422
        assert "https://other.example" in values_of(stale, f"{place}/edit")["website"]


async def test_an_enterprise_is_suspended_with_a_reason_and_resumed(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        place = f"/console/enterprises/{node.holder.account.enterprise_id}"
        page = await browser.page(place)
        assert page.all("form", action=f"{place}/suspend")[0]["data-ask"]
        assert page.tables[0][1][:3] == ["88.101.2001", "已启用", "已托管"]
        _, page = await browser.done(f"{place}/suspend")
        assert "输入有误" in page.text
        _, page = await browser.done(f"{place}/suspend", {"reason": "证照过期"})
        assert "企业已停用" in page.text
        assert "证照过期" in page.text
        assert page.tables[0][1][1] == "已停用"
        _, page = await browser.done(f"{place}/resume")
        assert page.tables[0][1][1] == "已启用"


async def test_the_list_is_filtered(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "auditor") as browser:
        page = await browser.page("/console/enterprises?name=2002")
        assert [row[0] for row in page.tables[0][1:]] == ["中山示例企业2002"]
        page = await browser.page("/console/enterprises?state=closed")
        assert page.tables == []
        assert "没有符合条件的企业" in page.text
        assert (await browser.get("/console/enterprises/new")).status == 403
        assert "企业入驻" not in page.text


async def test_an_enterprise_is_onboarded_with_its_user_and_prefix(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        path = "/console/enterprises/onboarding"
        assert (await browser.page(path)).all("input", name="account.password")
        entry: dict[str, Any] = {**RECORD, "account.name": "pumps", "account.password": "weak", "purpose": "水泵"}
        refused = await browser.send(path, {**entry, "hosting": "hosted"})
        assert refused.status == 422
        assert dom_of(refused).all("input", name="account.password")[0]["value"] == ""
        entry |= {"account.password": "Kran-7-lampe-Tor", "hosting": "hosted"}
        faulty = await browser.send(path, {**entry, "industry_code": "泵"})
        assert wrong_fields(faulty) == {"industry_code"}
        place, page = await browser.done(path, entry)
        assert "企业已入驻：账号 pumps，前缀 88.101.2003" in page.text
        assert page.tables[0][1][:2] == ["88.101.2003", "待审核"]
        async with Browser(node, "pumps", "Kran-7-lampe-Tor") as user:
            page = await user.page("/console/enterprise")
            assert "宁波示例水泵有限公司" in page.text
            assert place.rpartition("/")[2] in page.text


async def test_an_enterprise_edits_its_own_record_and_sees_nobody_elses(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as user:
        assert (await user.get(f"/console/enterprises/{node.other.account.enterprise_id}")).status == 403
        fields = values_of(await user.get("/console/enterprise/edit"), "/console/enterprise/edit")
        _, page = await user.done("/console/enterprise/edit", {**fields, "address": "中山市示例路 2 号"})
        assert "已保存" in page.text
        assert ["地址", "—", "中山市示例路 2 号"] in rows_of(page)
        fields = values_of(await user.get("/console/enterprise/edit"), "/console/enterprise/edit")
        _, page = await user.done("/console/enterprise/edit", {**fields, "name": "中山新名企业"})
        assert "并提交重新审核" in page.text
        assert "待审核" in page.text
