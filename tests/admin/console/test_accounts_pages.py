"""The accounts of the node on pages of the staff: looked at, made, locked, opened, shut, given passwords and keys."""

from __future__ import annotations

import pyotp

from tests.support.console import Browser, Dom, dom_of
from tests.support.node import PASSWORD, Node, running_node

GOOD = "Zw8.Fluss-hafen"


def row_of(page: Dom, name: str) -> list[str]:
    """The cells of the row of an account, their blanks made one."""
    (row,) = [row for row in page.tables[0] if row[0].strip() == name]
    return [" ".join(cell.split()) for cell in row]


def path_of(node: Node, name: str) -> str:
    return f"/console/accounts/{node.account_ids[name]}"


async def test_accounts_are_listed_with_role_enterprise_and_state(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "auditor") as browser:
        page = await browser.page("/console/accounts")
        assert [row[0].strip() for row in page.tables[0][1:]] == [
            "administrator", "application", "auditor", "enterprise_user", "other", "reviewer",
        ]  # fmt: skip
        assert row_of(page, "other")[1:4] == ["企业用户", "中山示例企业2002", "正常"]
        found = await browser.page("/console/accounts?name=TOR&role=auditor")
        assert [row[0].strip() for row in found.tables[0][1:]] == ["auditor"]
        assert "没有这样的账号" in (await browser.page("/console/accounts?name=nobody")).text
        # An auditor looks and changes nothing: neither buttons nor forms, and the pages refuse.
        one = await browser.page(path_of(node, "other"))
        assert not [form for form in one.all("form") if "/console/accounts/" in (form.get("action") or "")]
        assert (await browser.get("/console/accounts/new")).status == 403
        refused = await browser.send(path_of(node, "other") + "/disable")
        assert refused.status == 403
        async with Browser(node, "reviewer") as reviewer, Browser(node, "enterprise_user") as user:
            for stranger in (reviewer, user):
                assert (await stranger.get("/console/accounts")).status == 403


async def test_an_account_is_made_for_an_enterprise_found_by_its_name(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        form = await browser.page("/console/accounts/new?enterprise=2001")
        offered = {option["value"] for option in form.all("option")}
        enterprise_id = str(node.holder.account.enterprise_id)
        assert enterprise_id in offered
        assert str(node.other.account.enterprise_id) not in offered
        fields = {
            "name": "pumps",
            "role": "enterprise_user",
            "enterprise_id": enterprise_id,
            "remarks": "<b>值班</b>",
        }
        refused = await browser.send(
            "/console/accounts/new", {**fields, "password": "Sunshine2024", "again": "Sunshine2024"}
        )
        assert refused.status == 422
        assert "容易被猜中" in dom_of(refused).text
        assert dom_of(refused).all("input", name="name")[0]["value"] == "pumps"
        assert "Sunshine2024" not in refused.body.decode()
        differ = await browser.send("/console/accounts/new", {**fields, "password": GOOD, "again": GOOD + "x"})
        assert "两次输入的口令不一致" in dom_of(differ).text
        place, page = await browser.done("/console/accounts/new", {**fields, "password": GOOD, "again": GOOD})
        assert place.startswith("/console/accounts/")
        assert "账号已新建" in page.text
        assert "<b>值班</b>" in page.text  # as text, not as markup
        async with Browser(node, "pumps", GOOD) as pumps:
            assert "pumps" in (await pumps.page("/console/me")).text


async def test_a_lock_is_seen_and_ended(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        async with Browser(node) as guesser:
            for _ in range(5):
                assert (await guesser.sign_in("other", "wrong")).status == 401
            assert (await guesser.sign_in("other", PASSWORD)).status == 401
        assert row_of(await browser.page("/console/accounts"), "other")[3] == "已锁定"
        page = await browser.page(path_of(node, "other"))
        assert "已锁定 至" in " ".join(page.text.split())
        _, opened = await browser.done(path_of(node, "other") + "/enable")
        assert "锁定已解除" in opened.text
        async with Browser(node, "other"):
            pass


async def test_an_account_is_shut_signed_out_and_opened_again(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        async with Browser(node, "other") as other:
            assert (await other.get("/console/me")).status == 200
            _, page = await browser.done(path_of(node, "other") + "/sign-out")
            assert "全部会话与令牌已撤销" in page.text
            assert (await other.get("/console/me")).status == 303
            assert (await node("GET", "/v1/me", by="other")).code == "token_revoked"
            await browser.done(path_of(node, "other") + "/disable")
            assert row_of(await browser.page("/console/accounts"), "other")[3] == "已停用"
            assert (await other.sign_in("other")).status == 401
            await browser.done(path_of(node, "other") + "/enable")
            assert (await other.sign_in("other")).status == 303
        refused = await browser.send(path_of(node, "administrator") + "/disable")
        assert "不能停用最后一个管理员" in (await browser.page(refused.headers["Location"])).text


async def test_the_administrator_sets_a_password_removes_a_lost_factor_and_makes_a_key(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        began = (await node("POST", "/v1/second-factor", by="other")).json
        code = pyotp.HOTP(began["secret"]).at(int(node.world.clock().timestamp()) // 30)
        assert (await node("POST", "/v1/second-factor/confirm", by="other", json={"code": code})).status == 200
        one = path_of(node, "other")
        weak = await browser.send(one + "/password", {"password": PASSWORD, "again": PASSWORD})
        assert "与最近 5 个口令之一相同" in dom_of(weak).text
        _, page = await browser.done(one + "/password", {"password": GOOD, "again": GOOD})
        assert "口令已设置" in page.text
        async with Browser(node) as other:
            assert (await other.sign_in("other", GOOD)).headers["Location"] == "/console/sign-in/code"
        _, page = await browser.done(one + "/second-factor/remove")
        assert "动态验证码已移除" in page.text
        async with Browser(node, "other", GOOD):
            pass
        made = dom_of(await browser.send(path_of(node, "application") + "/access-keys", {"label": "MES"}))
        access, secret = made.text.split("AccessKey")[1].split()[0], made.text.split("SecretKey")[-1].split()[0]
        pair = {"name": access, "password": secret}
        assert (await node("POST", "/v1/tokens", by=None, json=pair)).status == 201
        assert access in (await browser.page(path_of(node, "application"))).text
        await browser.done(f"{path_of(node, 'application')}/access-keys/{access}/revoke")
        assert (await node("POST", "/v1/tokens", by=None, json=pair)).code == "sign_in_refused"


async def test_the_pages_tell_the_rules_that_the_settings_make(database_url: str) -> None:
    rules = {"policy": "nist", "password_days": 30, "second_factor": "offered"}
    async with running_node(database_url, node={"name": "Qianhai Node"}, accounts=rules) as node:
        policy = (await node("GET", "/v1/password-policy", by="auditor")).json
        assert policy == {"policy": "nist", "least_length": 8, "kinds": 0, "remembered": 0, "days": None}
        assert (await node("GET", "/v1/me", by="auditor")).json["password_ends_at"] is None
        assert (await node("GET", "/v1/second-factor", by="auditor")).json["demanded"] is False
        async with Browser(node, "administrator") as browser:
            page = await browser.page("/console/accounts/new")
            assert "至少 8 个字符" in page.text
            assert "至少 3 类" not in page.text
            for password, told in (("kq-qianhai-7x", "包含本节点或企业的名称"), ("kq7-xw3", "现为 7 个")):
                fields = {"name": "wang.aud", "role": "auditor", "password": password, "again": password}
                assert told in dom_of(await browser.send("/console/accounts/new", fields)).text
            fields = {"name": "wang.aud", "role": "auditor", "password": "kd7fh2mb", "again": "kd7fh2mb"}
            place, _ = await browser.done("/console/accounts/new", fields)
            assert place.startswith("/console/accounts/")
