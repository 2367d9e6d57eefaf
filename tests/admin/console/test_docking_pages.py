"""Nodes of enterprises as the staff see and run them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import aiohttp

from node.national.access import ApplicationState
from tests.support.console import Browser, Dom, dom_of
from tests.support.node import Node, running_node
from tests.support.node_below import NodeBelow, desk_open

ROOT = "/console/docking"


@contextlib.asynccontextmanager
async def node_below(node: Node) -> AsyncIterator[NodeBelow]:
    """The node of the enterprise that holds 88.101.2001, before it has applied."""
    world = node.world
    enterprise_id = node.holder.account.enterprise_id
    assert enterprise_id is not None
    enterprise = await world.enterprises.get(world.administrator, enterprise_id)
    async with desk_open(world, world.pool) as url, aiohttp.ClientSession() as session:
        yield NodeBelow(world, session, url, node.holder.prefix.key, enterprise.facts.credit_code)


def button_for(page: Dom, ends: str) -> dict[str, str | None]:
    """The form of the one button whose act ends so."""
    (found,) = (form for form in page.all("form") if (form.get("action") or "").endswith(ends))
    return found


async def test_a_reviewer_lets_a_node_in_and_an_administrator_runs_it(database_url: str) -> None:
    async with running_node(database_url) as node, node_below(node) as below:
        async with Browser(node, "reviewer") as reviewer:
            assert "还没有企业节点接入" in (await reviewer.page(ROOT)).text
            application = await below.apply()
            page = await reviewer.page(f"{ROOT}/applications")
            assert "示例企业节点" in page.text
            assert below.credit_code in page.text
            button = button_for(page, "/approve")
            assert button["data-ask"]
            _, page = await reviewer.done(button["action"] or "")
            assert "已通过" in page.text
            assert "没有这样的申请" in page.text
            assert "示例企业节点" in (await reviewer.page(f"{ROOT}/applications?state=approved")).text
            again = await reviewer.send(button["action"] or "")
            assert "alert-danger" in (await reviewer.get(again.headers["Location"])).body.decode()
            keys = await reviewer.page(f"{ROOT}/keys")
            assert keys.tables[0][0][-1] == "失效"
        assert (await below.status(application)).state is ApplicationState.APPROVED
        answered = {"instruction_id": "00000000-0000-7000-8000-000000000001", "sequence": 1, "outcome": "done"}
        await below.report("instruction.answered", answered)

        async with Browser(node, "administrator") as browser:
            (nodes, streams) = (await browser.page(ROOT)).tables
            assert nodes[1][0].startswith("88.101.2001")
            assert streams[1][:3] == ["instruction", "1", "1"]
            fields = {"prefix": "88.101.2001", "kind": "verify", "about": "88.101.2001"}
            _, page = await browser.done(f"{ROOT}/instructions", fields)
            assert [row[2] for row in page.tables[0][1:]] == ["重新核验"]
            assert "待答复" in page.tables[0][1][4]
            (told,) = await below.instructions()
            assert told.kind == "verify"
            await browser.done(
                f"{ROOT}/instructions", {"prefix": "88.101.2001", "kind": "key", "before": "2026-12-01"}
            )
            await browser.done(
                f"{ROOT}/instructions",
                {"prefix": "88.101.2001", "kind": "query", "what": "history", "about": "88.101.2001/A"},
            )
            assert [one.kind for one in await below.instructions()] == ["verify", "key", "query"]

            page = await browser.page(f"{ROOT}/keys")
            button = button_for(page, "/revoke")
            _, page = await browser.done(button["action"] or "")
            assert page.tables[0][1][3] == "已吊销"
            await browser.done("/console/language", {"lang": "en"})
            assert (await browser.page(f"{ROOT}/keys")).tables[0][1][3] == "revoked"


async def test_a_reviewer_turns_a_node_down_with_a_reason(database_url: str) -> None:
    async with running_node(database_url) as node, node_below(node) as below:
        application = await below.apply()
        async with Browser(node, "reviewer") as reviewer:
            action = f"{ROOT}/applications/{application.application_id}/reject"
            _, page = await reviewer.done(action, {"reason": ""})
            assert "待审核" in page.text
            assert page.all("p", role="alert")
            await reviewer.done(action, {"reason": "联系人不实"})
        status = await below.status(application)
        assert (status.state, status.reason) == (ApplicationState.REJECTED, "联系人不实")


async def test_what_no_node_can_be_told_is_said_and_each_role_has_its_own_buttons(database_url: str) -> None:
    async with running_node(database_url) as node:
        async with Browser(node, "administrator") as browser:
            for fields, wrong in (
                ({"prefix": "88.101.2002", "kind": "probe"}, "该前缀没有接入的企业节点"),
                ({"prefix": "x", "kind": "probe"}, "前缀"),
                ({"prefix": "88.101.2002", "kind": "key", "before": ""}, "指令内容有误"),
                ({"prefix": "88.101.2002", "kind": "takeover"}, "该指令不由人工下达"),
            ):
                answer = await browser.send(f"{ROOT}/instructions", fields)
                assert answer.status == 422
                assert wrong in dom_of(answer).text
                assert dom_of(answer).all("input", id="f-prefix")[0]["value"] == fields["prefix"]
            assert "接入申请由审核员决定" in (await browser.page(f"{ROOT}/applications")).text
            nobody = "00000000-0000-7000-8000-000000000007"
            assert (await browser.send(f"{ROOT}/applications/{nobody}/approve")).status == 403
        for name in ("reviewer", "auditor"):
            async with Browser(node, name) as looker:
                page = await looker.page(f"{ROOT}/instructions")
                assert "还没有指令" in page.text
                assert not page.all("form", action=f"{ROOT}/instructions")
                assert (await looker.send(f"{ROOT}/instructions", {})).status == 403
                assert (await looker.send(f"{ROOT}/keys/AK-1/revoke")).status == 403
        async with Browser(node, "enterprise_user") as user:
            assert (await user.get(ROOT)).status == 403
