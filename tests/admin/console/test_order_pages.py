"""Plans, orders and statements from draft to bill, by the pages alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from admin.console.money import fen_of, yuan_of
from tests.support.console import Browser, dom_of
from tests.support.node import running_node

TERMS = {
    "title_zh": "基础套餐", "title_en": "Basic", "name": "basic", "description": "含注册\r\n与解析",
    "terms.monthly_fee": "99.5", "terms.prices.registrations.included": "100",
    "terms.prices.registrations.unit": "10", "terms.prices.registrations.price": "0.50",
}  # fmt: skip
PLANS = "/console/orders/plans"


@pytest.mark.parametrize(
    ("text", "fen"),
    [("", None), ("0", 0), ("99", 9900), ("99.5", 9950), ("0.05", 5), ("0.055", "0.055"), ("-1", "-1"), ("一", "一")],
)
def test_amounts_are_written_in_yuan_and_kept_in_fen(text: str, fen: int | str | None) -> None:
    assert fen_of(text) == fen
    if isinstance(fen, int):
        assert fen_of(yuan_of(fen)) == fen


async def test_a_plan_is_drafted_offered_ordered_confirmed_and_ended(database_url: str) -> None:
    async with running_node(database_url) as node:
        today = node.world.clock().date()
        async with Browser(node, "administrator") as staff, Browser(node, "enterprise_user") as enterprise:
            refused = await staff.send(f"{PLANS}/new", {**TERMS, "terms.monthly_fee": "9.999", "name": ""})
            shown = dom_of(refused)
            assert refused.status == 422
            for name in ("terms.monthly_fee", "name"):
                assert shown.all("input", name=name)[0]["aria-invalid"] == "true"
            assert shown.all("input", name="title_zh")[0]["value"] == "基础套餐"

            plan, page = await staff.done(f"{PLANS}/new", TERMS)
            assert ["注册", "100", "10", "0.50"] in page.tables[0]
            assert "99.50" in page.text
            assert "基础套餐" not in (await enterprise.page(PLANS)).text
            version = page.all("input", name="version")[0]["value"]
            await staff.done(plan, {**TERMS, "terms.monthly_fee": "120", "version": version})
            _, page = await staff.done(f"{plan}/offer")
            assert "套餐已发布" in page.text
            assert not page.all("input", name="version")

            days = {"begins_on": str(today), "ends_on": str(today + timedelta(days=90))}
            number = plan.rpartition("/")[2]
            too_early = {"fee_plan_id": number, "begins_on": "2020-01-01", "ends_on": "2020-02-01"}
            assert (await enterprise.send("/console/orders/new", too_early)).status == 422
            order, page = await enterprise.done("/console/orders/new", {"fee_plan_id": number, **days})
            assert "待确认" in page.text
            assert (await enterprise.send(f"{order}/confirm")).status == 403
            rows = (await staff.page("/console/orders?state=placed")).tables[0]
            assert rows[1][:3] == ["basic", "中山示例企业2001", "待确认"]
            _, page = await staff.done(f"{order}/confirm")
            assert "订单已确认" in page.text
            refused = await staff.send(f"{order}/end", {"last_day": "2020-01-01", "reason": "不再使用"})
            assert refused.status == 422
            _, page = await staff.done(f"{order}/end", {"last_day": str(today), "reason": "不再使用"})
            assert "已终止" in page.text
            assert "不再使用" in (await enterprise.page(order)).text
            _, page = await staff.done(f"{plan}/withdraw")
            assert "已停售" in page.text


async def test_staff_orders_for_an_enterprise_found_by_its_name_and_takes_it_back(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as staff:
        plan, _ = await staff.done(f"{PLANS}/new", TERMS)
        await staff.done(f"{plan}/offer")
        page = await staff.page("/console/orders/new?enterprise=2002")
        choices = [one["value"] for one in page.all("option")]
        assert str(node.other.account.enterprise_id) in choices
        assert str(node.holder.account.enterprise_id) not in choices
        today = node.world.clock().date()
        fields = {
            "enterprise_id": node.other.account.enterprise_id, "fee_plan_id": plan.rpartition("/")[2],
            "begins_on": today, "ends_on": today,
        }  # fmt: skip
        order, _ = await staff.done("/console/orders/new", {name: str(value) for name, value in fields.items()})
        _, page = await staff.done(f"{order}/cancel")
        assert "已取消" in page.text


async def test_a_statement_is_drawn_up_and_worked_out_again(database_url: str) -> None:
    async with running_node(database_url) as node:
        owner = str(node.holder.account.enterprise_id)
        ended = node.world.clock().date().replace(day=1) - timedelta(days=1)
        month = f"{ended:%Y-%m}"
        async with Browser(node, "administrator") as staff:
            assert "请先选择企业" in (await staff.page("/console/orders/statements")).text
            now = f"{node.world.clock():%Y-%m}"
            refused = await staff.send("/console/orders/statements", {"enterprise_id": owner, "month": now})
            assert refused.status == 422
            place, page = await staff.done("/console/orders/statements", {"enterprise_id": owner, "month": month})
            assert "0.00" in page.text
            assert "按计数重算，与所出具的一致" in (await staff.page(f"{place}?compare=yes")).text
        async with Browser(node, "enterprise_user") as enterprise:
            page = await enterprise.page("/console/orders/statements")
            assert [row[:2] for row in page.tables[1][1:]] == [[month, "0.00"]]
            assert len(page.tables[0]) == 31
            assert (await enterprise.get(place)).status == 200
            assert (await enterprise.send("/console/orders/statements", {"month": month})).status == 403
        async with Browser(node, "other") as other:
            assert (await other.get(place)).status == 403


async def test_the_pages_of_business_speak_english_too(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        await browser.done("/console/language", {"lang": "en"})
        for path, said in {
            "/console/orders": "Plans and orders", PLANS: "There are no plans yet", f"{PLANS}/new": "Monthly fee",
            "/console/quotas": "State of the prefix", "/console/requests": "There are no requests or complaints",
            "/console/documents": "Rules and standards", "/console/announcements": "There are no announcements",
            "/console/notifications": "There are no messages",
        }.items():  # fmt: skip
            page = await browser.page(path)
            assert said in page.text, path
