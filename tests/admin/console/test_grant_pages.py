"""``/console/grants``: applications, groups, scopes and grants between two enterprises."""

from __future__ import annotations

from tests.support.console import Browser, dom_of
from tests.support.node import Node, running_node

GRANTS = "/console/grants"
OURS, THEIRS = "88.101.2001", "88.101.2002"


async def register(node: Node) -> None:
    holder = node.holder
    await node.world.identifiers.register(
        holder.account, holder.actor, holder.identifier("A"), node.template.template_id,
        {"name": "离心泵", "serial": "S-1", "model": "CP"},
    )  # fmt: skip


async def test_an_application_is_made_changed_disabled_and_let_in_again(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        page = await browser.page(f"{GRANTS}/identities")
        assert page.all("input", name="handle")[0]["value"] == f"{OURS}/App_"
        answer = await browser.send(f"{GRANTS}/identities", {"handle": f"{OURS}/mes", "title": "<b>系统"})
        refused = dom_of(answer)
        assert (answer.status, "标识" in refused.text) == (422, True)
        assert refused.all("input", name="title")[0]["value"] == "<b>系统"
        form = {"handle": f"{OURS}/App_mes", "title": "<b>系统", "password": "Tr7-lampe-Kran-2"}
        place, page = await browser.done(f"{GRANTS}/identities", form)
        assert place == f"{GRANTS}/identities/one?handle=88.101.2001%2FApp_mes"
        assert not page.all("b")
        assert not page.all("input", type="password")
        _, page = await browser.done(f"{GRANTS}/identities/one", {"handle": f"{OURS}/App_mes", "title": "制造系统"})
        assert page.all("input", name="title")[0]["value"] == "制造系统"
        bad = await browser.send(f"{GRANTS}/identities/one", {"handle": f"{OURS}/App_mes", "public_key": "no key"})
        assert bad.status == 422
        _, page = await browser.done(f"{GRANTS}/identities/turn", {"handle": f"{OURS}/App_mes"})
        assert "已停用，令牌与密钥即刻失效" in page.text
        _, page = await browser.done(f"{GRANTS}/identities/turn", {"handle": f"{OURS}/App_mes", "enable": "yes"})
        listed = await browser.page(f"{GRANTS}/identities?lang=en")
        assert listed.tables[0][1][:2] == [f"{OURS}/App_mes", "制造系统"]
        assert listed.tables[0][1][4] == "active"


async def test_what_is_hidden_is_granted_to_anothers_group_and_taken_back(database_url: str) -> None:
    async with running_node(database_url) as node:
        await register(node)
        async with Browser(node, "other") as them, Browser(node, "enterprise_user") as us:
            await them.done(f"{GRANTS}/identities", {"handle": f"{THEIRS}/App_erp", "title": "erp"})
            group = {"handle": f"{THEIRS}/Group_buyers", "title": "采购", "members": f"{THEIRS}/App_none"}
            assert (await them.send(f"{GRANTS}/groups", group)).status == 422
            place, page = await them.done(f"{GRANTS}/groups", {**group, "members": f"{THEIRS}/App_erp\r\n"})
            assert f"{THEIRS}/App_erp" in page.text

            page = await us.page(f"{GRANTS}/scopes")
            assert "全部公开" in page.text
            _, page = await us.done(
                f"{GRANTS}/scopes",
                {"template": "pump", "names": "model", "readable.*": "granted", "readable.model": "public"},
            )
            assert page.tables[0][1] == ["pump", "其余 ：仅授权可见； model ：公开"]
            assert page.all("select", name="readable.serial")

            grant = {"template": "pump", "attributes": "serial", "access": "read", "to": f"{THEIRS}/Group_buyers"}
            refused = await us.send(GRANTS, grant)
            assert refused.status == 422
            assert f"{THEIRS}/Group_buyers" in dom_of(refused).text
            _, page = await us.done(f"{GRANTS}/groups/import", {"handle": f"{THEIRS}/Group_buyers"})
            assert "已引入" in page.tables[0][1][2]
            _, page = await us.done(GRANTS, grant)
            given = page.tables[0][1]
            assert given[:4] == ["同类数据 pump", "serial", "查看", f"{THEIRS}/Group_buyers"]
            received = await them.page(f"{GRANTS}?received=true")
            assert received.tables[0][1][2:5] == ["serial", "查看", f"{THEIRS}/Group_buyers"]
            importers = await them.page(place)
            assert "引入它的企业" in importers.text
            assert "2001" in importers.text
            _, page = await us.done(f"{GRANTS}/groups/drop", {"handle": f"{THEIRS}/Group_buyers"})
            assert page.all("p", role="alert")
            _, page = await us.done(f"{GRANTS}/revoke", grant)
            assert "还没有给出授权" in page.text
            _, page = await us.done(f"{GRANTS}/groups/drop", {"handle": f"{THEIRS}/Group_buyers"})
            assert "还没有用户组" in page.text
            version = (await them.page(place)).all("input", name="version")[0]["value"] or ""
            fields = {"handle": f"{THEIRS}/Group_buyers", "title": "采购部", "members": "", "version": version}
            _, page = await them.done(f"{GRANTS}/groups/one", fields)
            assert "没有成员" in page.text
            assert (await them.send(f"{GRANTS}/groups/one", fields)).status == 422
            _, page = await them.done(f"{GRANTS}/groups/remove", {"handle": f"{THEIRS}/Group_buyers"})
            assert "用户组与对它的授权已删除" in page.text


async def test_one_identifier_gets_a_scope_and_a_grant_of_its_own(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        await register(node)
        await browser.done(f"{GRANTS}/identities", {"handle": f"{OURS}/App_mes"})
        grant = {"identifier": f"{OURS}/A", "access": "write", "offered": f"{OURS}/App_mes"}
        follows = await browser.send(GRANTS, grant)
        assert follows.status == 422
        assert dom_of(follows).all("input", name="identifier")[0]["value"] == f"{OURS}/A"
        scope = {"identifier": f"{OURS}/A", "readable": "granted"}
        _, page = await browser.done(f"{GRANTS}/scopes/identifier", scope)
        assert "现在：仅授权可见" in page.text
        _, page = await browser.done(GRANTS, grant)
        assert page.tables[0][1][:4] == [f"{OURS}/A", "全部", "编辑", f"{OURS}/App_mes"]
        _, page = await browser.done(f"{GRANTS}/scopes/identifier", {**scope, "readable": "class"})
        assert "还没有给出授权" in (await browser.page(GRANTS)).text
        missing = await browser.page(f"{GRANTS}/scopes?identifier={OURS}/none")
        assert "现在：随同类数据" in missing.text
        odd = await browser.get(f"{GRANTS}/scopes?identifier=nothing")
        assert odd.status == 422


async def test_the_staff_says_whose_data_it_looks_at(database_url: str) -> None:
    async with running_node(database_url) as node:
        owner = str(node.holder.account.enterprise_id)
        async with Browser(node, "administrator") as browser:
            assert "先选企业" in (await browser.page(f"{GRANTS}/scopes")).text
            form = {"template": "pump", "names": "", "readable.*": "granted", "enterprise_id": owner}
            place, page = await browser.done(f"{GRANTS}/scopes", form)
            assert f"enterprise_id={owner}" in place
            assert page.tables[0][1][0] == "pump"
            await browser.done(f"{GRANTS}/identities", {"handle": f"{OURS}/App_mes"})
            grant = {"template": "pump", "access": "read", "to": f"{OURS}/App_mes", "enterprise_id": owner}
            place, page = await browser.done(GRANTS, grant)
            assert place == f"{GRANTS}?enterprise_id={owner}"
            assert page.tables[0][1][2:4] == ["全部", "查看"]
        async with Browser(node, "auditor") as auditor:
            for path in ("", "/scopes", "/identities", "/groups"):
                page = await auditor.page(f"{GRANTS}{path}?enterprise_id={owner}&lang=en")
                actions = {one["action"] for one in page.all("form", method="post")}
                assert actions - {f"{GRANTS}/revoke"} == {"/console/language", "/console/sign-out"}, path
            assert not (await auditor.page(GRANTS)).all("form", action=f"{GRANTS}/revoke")
            assert (await auditor.send(f"{GRANTS}/revoke", grant)).status == 403
