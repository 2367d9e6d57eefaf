"""The queue of reviews in the console: seen, claimed, checked, decided; and by whom it is not."""

from __future__ import annotations

from uuid import UUID

from registry.credit_code import complete
from tests.support.console import Browser, dom_of
from tests.support.forms import values_of
from tests.support.node import Node, running_node

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)


async def submitted(node: Node, number: int) -> str:
    """An enterprise that waits for its review; its id."""
    node.world.clock.advance(seconds=1)
    facts = {
        "name": f"宁波待审企业{number}", "credit_code": complete(f"91330212MAD{number:05d}"),
        "division_code": "330212", "industry_code": "3441", "contact_name": "张三",
    }  # fmt: skip
    made = (await node("POST", "/v1/enterprises", json=facts)).json
    await node("POST", f"/v1/enterprises/{made['enterprise_id']}/submit")
    return str(made["enterprise_id"])


async def test_a_reviewer_works_through_the_queue(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "reviewer") as reviewer:
        assert "没有待审任务" in (await reviewer.page("/console/reviews")).text
        first, second = await submitted(node, 1), await submitted(node, 2)
        page = await reviewer.page("/console/reviews?kind=enterprise")
        assert [row[:3] for row in page.tables[0][1:]] == [
            ["宁波待审企业1", "企业资料", "新申请"], ["宁波待审企业2", "企业资料", "新申请"],
        ]  # fmt: skip
        one, other = (link for link in page.links if link.startswith("/console/reviews/"))

        _, page = await reviewer.done(f"{one}/claim")
        assert "已认领" in page.text
        assert "我" in (await reviewer.page("/console/reviews?mine=true")).tables[0][1][6]
        _, page = await reviewer.done(f"{one}/checks")
        assert page.tables[0][1][:2] == ["form", "仅核对形式"]
        assert "张三" not in page.text
        assert "张三" in dom_of(await reviewer.send(f"{one}/personal")).text

        refused = await reviewer.send(f"{one}/decision", {"verdict": "return", "field0": "name", "text0": ""})
        assert refused.status == 422
        assert "缺少理由" in dom_of(refused).text
        said = {"verdict": "return", "field0": "name", "text0": "与营业执照不符", "field1": "", "text1": "请补充"}
        place, page = await reviewer.done(f"{one}/decision", said)
        assert place == other
        assert "宁波待审企业1：已退回修改。以下是下一项" in page.text
        place, page = await reviewer.done(f"{other}/decision", {"verdict": "approve"})
        assert place == "/console/reviews"
        assert "没有其他待审任务" in page.text
        states = [(await node("GET", f"/v1/enterprises/{one}")).json["state"] for one in (first, second)]
        assert states == ["returned", "approved"]
        page = await reviewer.page(one)
        assert "与营业执照不符" in page.text
        assert page.all("form", action=f"{one}/decision") == []
        ended = await reviewer.page("/console/reviews?state=decided")
        assert [row[5] for row in ended.tables[0][1:3]] != []


async def test_an_amendment_is_shown_beside_what_was_approved(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "reviewer") as reviewer:
        async with Browser(node, "enterprise_user") as user:
            image = await user._session.post(
                node.url + "/console/v1/attachments?name=licence.png", data=PNG,
                headers={"X-CSRF-Token": (await user.page("/console")).csrf, "Content-Type": "image/png"},
            )  # fmt: skip
            number = (await image.json())["attachment_id"]
            fields = values_of(await user.get("/console/enterprise/edit"), "/console/enterprise/edit")
            fields |= {
                "name": "中山新名企业", "profile.papers.licence_image": str(number),
                "personal.legal_representative.name": "王五",
            }  # fmt: skip
            await user.done("/console/enterprise/edit", fields)
        page = await reviewer.page("/console/reviews")
        assert page.tables[0][1][2] == "变更"
        (one,) = (link for link in page.links if link.startswith("/console/reviews/"))
        page = await reviewer.page(one)
        assert [row for row in page.tables[0][1:] if row[0] != "营业执照"] == [
            ["企业名称", "中山示例企业2001", "中山新名企业"], ["法定代表人姓名", "—", "王*"],
        ]  # fmt: skip
        paper = page.all("a", href=f"/console/v1/attachments/{number}/content")
        assert paper[0]["data-paper"] == "营业执照"
        looked = await reviewer.get(f"/console/v1/attachments/{number}/content")
        assert (looked.status, looked.body[:4]) == (200, b"\x89PNG")


async def test_nobody_but_reviewers_decides(database_url: str) -> None:
    async with running_node(database_url) as node:
        await submitted(node, 1)
        for role in ("administrator", "auditor"):
            async with Browser(node, role) as browser:
                page = await browser.page("/console/reviews")
                (one,) = (link for link in page.links if link.startswith("/console/reviews/"))
                page = await browser.page(one)
                assert "审核结论由审核员作出" in page.text
                acts = [str(form["action"]) for form in page.all("form") if str(form.get("action")).startswith(one)]
                assert [act for act in acts if not act.endswith("/personal")] == []
                for step in ("decision", "claim", "release", "checks"):
                    assert (await browser.send(f"{one}/{step}", {"verdict": "approve"})).status == 403
        async with Browser(node, "enterprise_user") as user:
            assert (await user.get("/console/reviews")).status == 403


async def test_what_another_reviewer_has_claimed_is_not_the_next_one(database_url: str) -> None:
    async with running_node(database_url) as node:
        await submitted(node, 1)
        await submitted(node, 2)
        await submitted(node, 3)
        made = await node.accounts.create(
            node.world.administrator, node.holder.actor, "reviewer2", node.world.reviewer.role, None, "Tr7-lampe-Kran"
        )
        assert made.account.name == "reviewer2"
        async with Browser(node, "reviewer") as one, Browser(node, "reviewer2") as two:
            queue = (await one.page("/console/reviews")).links
            first, second, third = (link for link in queue if link.startswith("/console/reviews/"))
            await two.done(f"{second}/claim")
            refused = await one.send(f"{second}/decision", {"verdict": "approve"})
            assert refused.status == 422
            assert "他人正在审核" in dom_of(refused).text
            assert "reviewer2" in (await one.page(second)).text
            place, _ = await one.done(f"{first}/decision", {"verdict": "approve"})
            assert place == third
            english = await one.page(f"{third}?lang=en")
            assert "Decision" in english.text
            again = await one.get(f"{second}/decision")
            assert (again.status, again.headers["Location"]) == (303, second)

            await node.world.pool.execute(
                "UPDATE review SET state = 'seconding', first_approval_by = $1, first_approval_at = opened_at"
                " WHERE review_id = $2",
                UUID(node.account_ids["reviewer"]), UUID(third.rpartition("/")[2]),
            )  # fmt: skip
            page = await one.page(third)
            assert "须由另一名审核员复核" in page.text
            assert page.all("button", name="verdict", value="approve") == []
            page = await two.page(third)
            assert "双人复核" in page.text
            assert page.all("button", name="verdict", value="approve")
