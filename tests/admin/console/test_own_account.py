"""One's own account: password, second factor, sessions and tokens, access keys."""

from __future__ import annotations

import re

import pyotp

from tests.support.console import Browser, Dom, dom_of
from tests.support.node import PASSWORD, running_node

GOOD = "Zw8.Fluss-hafen"


def sessions(page: Dom) -> list[list[str]]:
    """The rows of sessions and tokens, their blanks made one."""
    return [[" ".join(cell.split()) for cell in row] for row in page.tables[-1][1:]]


async def test_the_own_password_is_changed_and_everything_signed_out(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        page = await browser.page("/console/me")
        assert "不与最近 5 个口令相同" in page.text
        assert page.text.split("口令有效期至")[1].split()[0] == "2027-02-19"
        for old, password, again, told in (
            ("wrong", GOOD, GOOD, "原口令错误"),
            (PASSWORD, GOOD, GOOD + "x", "两次输入的口令不一致"),
            (PASSWORD, "zhongshan-2001", "zhongshan-2001", "口令强度不足"),
        ):
            refused = await browser.send("/console/me/password", {"old": old, "password": password, "again": again})
            assert refused.status == 422
            assert told in dom_of(refused).text
        fields = {"old": PASSWORD, "password": GOOD, "again": GOOD}
        place, door = await browser.done("/console/me/password", fields)
        assert place == "/console/sign-in?told=password"
        assert "请用新口令登录" in door.text
        assert (await browser.get("/console/me")).status == 303
        assert (await node("GET", "/v1/me", by="enterprise_user")).code == "token_revoked"
        assert (await browser.sign_in("enterprise_user", GOOD)).status == 303


async def test_a_second_factor_is_set_up_by_a_picture_and_removed_by_a_code(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:

        def code(secret: str) -> str:
            return pyotp.HOTP(secret).at(int(node.world.clock().timestamp()) // 30)

        assert "未启用" in (await browser.page("/console/me")).text
        begun = dom_of(await browser.send("/console/me/second-factor"))
        (picture,) = begun.all("img", alt="验证器二维码")
        assert (picture["src"] or "").startswith("data:image/svg+xml")
        secret = begun.text.split("手工输入密钥：")[1].split()[0]
        wrong = await browser.send("/console/me/second-factor/confirm", {"code": "12"})
        assert wrong.status == 422
        assert "动态验证码错误" in dom_of(wrong).text
        confirmed = dom_of(await browser.send("/console/me/second-factor/confirm", {"code": code(secret)}))
        assert len(set(re.findall(r"[A-Z2-9]{5}-[A-Z2-9]{5}", confirmed.text))) == 10
        assert "恢复码只显示这一次" in confirmed.text
        page = await browser.page("/console/me")
        assert "剩余恢复码10" in "".join(page.text.split())
        assert secret not in page.text
        refused = await browser.send("/console/me/second-factor/remove", {"code": code(secret)})  # used already
        assert refused.status == 422
        node.world.clock.advance(seconds=30)
        _, page = await browser.done("/console/me/second-factor/remove", {"code": code(secret)})
        assert "动态验证码已停用" in page.text
        acts = await node.world.pool.fetch("SELECT after FROM act_history WHERE action = 'account.second_factor'")
        assert [row["after"] for row in acts] == ['{"second_factor": true}', '{"second_factor": false}']


async def test_sessions_are_listed_with_their_place_and_revoked(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        async with Browser(node) as elsewhere:
            node.world.clock.advance(seconds=1)
            agent = "Mozilla/5.0 <script>alert(1)</script> " + "x" * 300
            await elsewhere._send(
                "POST", "/console/sign-in", data={"name": "enterprise_user", "password": PASSWORD},
                headers={"User-Agent": agent},
            )  # fmt: skip
            rows = sessions(await browser.page("/console/me"))
            assert sorted(row[0] for row in rows) == ["令牌", "控制台会话", "控制台会话"]
            assert rows[0][1:3] == ["127.0.0.1", agent[:200]]
            assert sorted(row[-1] for row in rows) == ["当前会话", "撤销", "撤销"]
            token_id = (await node("GET", "/v1/tokens", by="enterprise_user")).json["items"][0]["token_id"]
            _, page = await browser.done(f"/console/me/tokens/{token_id}/revoke")
            assert sessions(page)[0][-1] == "已撤销"
            assert (await elsewhere.get("/console/me")).status == 303
        async with Browser(node, "auditor") as other:
            place = (await other.send(f"/console/me/tokens/{token_id}/revoke")).headers["Location"]
            assert "凭证不存在" in (await other.page(place)).text
        english = await browser.page("/console/me?lang=en")
        assert "this session" in [row[-1] for row in sessions(english)]


async def test_access_keys_are_made_told_once_and_revoked(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        assert "没有访问密钥" in (await browser.page("/console/me")).text
        made = dom_of(await browser.send("/console/me/access-keys", {"label": "MES <b>"}))
        access, secret = made.text.split("AccessKey")[1].split()[0], made.text.split("SecretKey")[-1].split()[0]
        assert (await node("POST", "/v1/tokens", by=None, json={"name": access, "password": secret})).status == 201
        page = await browser.page("/console/me")
        assert (access in page.text, "MES <b>" in page.text, secret in page.text) == (True, True, False)
        refused = await browser.send("/console/me/access-keys", {"label": "x" * 65})
        assert refused.status == 422
        _, page = await browser.done(f"/console/me/access-keys/{access}/revoke")
        assert access not in page.text
        gone = await node("POST", "/v1/tokens", by=None, json={"name": access, "password": secret})
        assert gone.code == "sign_in_refused"
        # Reviewers and auditors act in person: they have no keys.
        async with Browser(node, "reviewer") as reviewer:
            assert "访问密钥" not in (await reviewer.page("/console/me")).text.split("不受影响")[1]
            assert (await reviewer.send("/console/me/access-keys", {"label": "x"})).status == 403
