"""Quotas: what is counted against what is allowed; set and removed by administrators alone."""

from __future__ import annotations

from tests.support.console import Browser, dom_of
from tests.support.node import running_node

ONE = "/console/quotas/88.101.2001"


async def test_an_administrator_sets_a_quota_changes_it_and_takes_it_away(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        holder = node.holder
        for number in range(3):
            await node.world.identifiers.register(
                holder.account, holder.actor, holder.identifier(f"P-{number}"), node.template.template_id,
                {"name": "离心泵"},
            )  # fmt: skip
        page = await browser.page("/console/quotas")
        assert [row[-1] for row in page.tables[0][1:]] == ["未设配额", "未设配额"]
        place, page = await browser.done(ONE, {"identifiers": "1000", "daily_registrations": "50"})
        assert place == ONE
        assert "配额已保存" in page.text
        rows = {row[0]: row for row in (await browser.page("/console/quotas")).tables[0][1:]}
        assert rows["88.101.2001"][3].startswith("3 / 1,000")
        assert rows["88.101.2001"][4].endswith("/ 50")

        version = (await browser.page(ONE)).all("input", name="version")[0]["value"]
        refused = await browser.send(ONE, {"identifiers": "many", "daily_registrations": "7", "version": version})
        shown = dom_of(refused)
        assert refused.status == 422
        assert "应为整数" in shown.text
        assert shown.all("input", name="identifiers")[0]["aria-invalid"] == "true"
        assert [found["value"] for found in shown.all("input", name="daily_registrations")] == ["7"]
        await browser.done(ONE, {"identifiers": "", "daily_registrations": "7", "version": version})
        stale = await browser.send(ONE, {"identifiers": "9", "daily_registrations": "", "version": version})
        assert stale.status == 422

        version = (await browser.page(ONE)).all("input", name="version")[0]["value"]
        _, page = await browser.done(f"{ONE}/remove", {"version": version})
        assert "未设配额" in page.text
        assert (await browser.get("/console/quotas?prefix=88.101.2002")).headers["Location"].endswith("/88.101.2002")


async def test_an_enterprise_sees_its_own_quota_and_sets_none(database_url: str) -> None:
    async with running_node(database_url) as node:
        async with Browser(node, "administrator") as browser:
            await browser.done(ONE, {"identifiers": "10", "daily_registrations": ""})
        async with Browser(node, "enterprise_user") as browser:
            page = await browser.page("/console/quotas")
            assert [row[0] for row in page.tables[0][1:]] == ["88.101.2001"]
            assert not (await browser.page(ONE)).all("input", name="identifiers")
            assert (await browser.send(ONE, {"identifiers": "10000"})).status == 403
            assert (await browser.get("/console/quotas/88.101.2002")).status in (403, 404)
