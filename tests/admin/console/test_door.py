"""The door: in by steps, out for good; sessions that end unused; forms of other sites refused."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp

from node.auth import Role
from tests.support.console import Browser, Dom, dom_of
from tests.support.node import PASSWORD, Node, running_node
from tests.support.world import actor

GOOD = "Zw8.Fluss-hafen"


def code_of(node: Node, secret: str) -> str:
    """What an authenticator shows now."""
    return pyotp.HOTP(secret).at(int(node.world.clock().timestamp()) // 30)


async def enrolled(node: Node, name: str) -> tuple[str, list[str]]:
    """A second factor for somebody: its secret and the recovery codes. The code of this step is used up."""
    secret = (await node("POST", "/v1/second-factor", by=name)).json["secret"]
    confirmed = await node("POST", "/v1/second-factor/confirm", by=name, json={"code": code_of(node, secret)})
    return secret, confirmed.json["recovery_codes"]


def codes_in(page: Dom) -> list[str]:
    """The recovery codes that a page tells."""
    return re.findall(r"[A-Z2-9]{5}-[A-Z2-9]{5}", page.text)


async def test_a_code_is_asked_for_after_the_password_and_never_twice(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node) as browser:
        secret, recovery = await enrolled(node, "auditor")
        used = code_of(node, secret)
        entered = await browser.sign_in("auditor")
        assert (entered.status, entered.headers["Location"]) == (303, "/console/sign-in/code")
        assert (await browser.get("/console")).status == 303  # half open is not in
        page = await browser.page("/console/sign-in/code")
        assert PASSWORD not in page.text
        assert page.all("input", type="password") == []
        again = await browser.send("/console/sign-in/code", {"code": used}, csrf="")
        assert again.status == 401
        assert "动态验证码错误或已使用" in dom_of(again).text
        node.world.clock.advance(seconds=30)
        right = await browser.send("/console/sign-in/code", {"code": f" {code_of(node, secret)} "}, csrf="")
        assert (right.status, right.headers["Location"]) == (303, "/console")
        assert "auditor" in (await browser.page("/console")).text
        # The half-open sign-in led on once: its cookie is gone, and so is its row.
        assert await node.world.pool.fetchval("SELECT count(*) FROM half_open_sign_in") == 0
        async with Browser(node) as elsewhere:
            assert (await elsewhere.send("/console/sign-in/code", {"code": "000000"}, csrf="")).status == 401
            await elsewhere.sign_in("auditor")
            code = recovery[0].lower().replace("-", " ")
            assert (await elsewhere.send("/console/sign-in/code", {"code": code}, csrf="")).status == 303
        async with Browser(node) as third:
            await third.sign_in("auditor")
            assert (await third.send("/console/sign-in/code", {"code": recovery[0]}, csrf="")).status == 401


async def test_wrong_codes_lock_like_wrong_passwords(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node) as browser:
        secret, _ = await enrolled(node, "auditor")
        node.world.clock.advance(seconds=30)
        await browser.sign_in("auditor")
        for _ in range(5):
            assert (await browser.send("/console/sign-in/code", {"code": "000000"}, csrf="")).status == 401
        shut = await browser.send("/console/sign-in/code", {"code": code_of(node, secret)}, csrf="")
        assert "暂时锁定" in dom_of(shut).text
        assert (await browser.get("/console")).status == 303


async def test_a_half_open_sign_in_is_over_after_five_minutes(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node) as browser:
        secret, _ = await enrolled(node, "auditor")
        await browser.sign_in("auditor")
        node.world.clock.advance(minutes=5)
        late = await browser.send("/console/sign-in/code", {"code": code_of(node, secret)}, csrf="")
        assert late.status == 401
        assert "登录已超时" in dom_of(late).text


async def test_an_expired_password_is_changed_before_anything_else(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node) as browser:
        node.world.clock.advance(days=90)
        entered = await browser._send(
            "POST", "/console/sign-in?next=/console/prefixes", data={"name": "auditor", "password": PASSWORD}
        )
        step = "/console/sign-in/password?next=%2Fconsole%2Fprefixes"
        assert (entered.status, entered.headers["Location"]) == (303, step)
        assert (await browser.get("/console")).status == 303
        assert "至少 12 个字符" in (await browser.page(step)).text
        # Nobody goes past the step that is next.
        ahead = await browser.get("/console/sign-in/second-factor")
        assert (ahead.status, ahead.headers["Location"]) == (303, "/console/sign-in/password")
        for password, again, told in (
            (GOOD, GOOD + "x", "两次输入的口令不一致"),
            (PASSWORD, PASSWORD, "与最近 5 个口令之一相同"),
            ("short", "short", "应为 12 至 128 个字符，现为 5 个；"),
        ):
            refused = await browser.send(step, {"password": password, "again": again}, csrf="")
            assert refused.status == 400
            assert told in dom_of(refused).text
        changed = await browser.send(step, {"password": GOOD, "again": GOOD}, csrf="")
        assert (changed.status, changed.headers["Location"]) == (303, "/console/prefixes")
        assert (await browser.page("/console")).text
        async with Browser(node, "auditor", GOOD):
            pass
        async with Browser(node) as old:
            assert (await old.sign_in("auditor", PASSWORD)).status == 401


async def test_staff_without_a_second_factor_are_led_to_set_one_up(database_url: str) -> None:
    rules = {"second_factor": "staff"}
    async with running_node(database_url, populated=False, accounts=rules) as node:
        admin, holder = node.world.administrator, await node.world.holder()
        await node.accounts.create(admin, actor(admin), "auditor", Role.AUDITOR, None, PASSWORD)
        owner = holder.account.enterprise_id
        await node.accounts.create(admin, actor(admin), "user", Role.ENTERPRISE_USER, owner, PASSWORD)
        body = {"name": "auditor", "password": PASSWORD}
        assert (await node("POST", "/v1/tokens", by=None, json=body)).code == "second_factor_demanded"
        async with Browser(node) as browser, Browser(node, "user") as user:
            assert (await user.page("/console/me")).text
            entered = await browser.sign_in("auditor")
            assert entered.headers["Location"] == "/console/sign-in/second-factor"
            page = await browser.page("/console/sign-in/second-factor")
            (picture,) = page.all("img")
            assert (picture["src"] or "").startswith("data:image/svg+xml")
            secret = page.text.split("手工输入密钥：")[1].split()[0]
            wrong = await browser.send("/console/sign-in/second-factor", {"code": "000000"}, csrf="")
            assert (wrong.status, dom_of(wrong).all("img")) == (401, [])
            confirmed = await browser.send("/console/sign-in/second-factor", {"code": code_of(node, secret)}, csrf="")
            assert confirmed.status == 200
            assert len(codes_in(dom_of(confirmed))) == 10
            assert (await browser.page("/console/me")).text
            node.world.clock.advance(seconds=30)
            issued = await node("POST", "/v1/tokens", by=None, json={**body, "code": code_of(node, secret)})
            assert issued.status == 201


async def test_a_session_ends_unused_after_half_an_hour_and_used_after_twelve(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "auditor") as browser:
        clock = node.world.clock
        for _ in range(2):
            clock.advance(minutes=29)
            assert (await browser.get("/console")).status == 200
        clock.advance(minutes=30)
        gone = await browser.get("/console")
        assert (gone.status, gone.headers["Location"]) == (303, "/console/sign-in?next=%2Fconsole")
        assert (await browser.get("/console/v1/me")).code == "session_idle"
        assert "会话已结束" in (await browser.page("/console/sign-in?next=%2Fconsole")).text
        await browser.sign_in("auditor")
        began = clock()
        while clock() + timedelta(minutes=20) < began + timedelta(hours=12):
            clock.advance(minutes=20)
            assert (await browser.get("/console/me")).status == 200
        clock.advance(minutes=20)
        assert (await browser.get("/console/v1/me")).code == "token_expired"


async def test_signing_out_ends_the_session_everywhere_and_a_sign_in_makes_another(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node) as browser:
        planted = "bst_" + "0" * 32 + "_" + "A" * 43
        browser._session.cookie_jar.update_cookies({"session": planted})
        await browser.sign_in("auditor")
        first = {cookie.key: cookie.value for cookie in browser._session.cookie_jar}["session"]
        assert first != planted
        await browser.send("/console/sign-out")
        async with Browser(node) as thief:
            thief._session.cookie_jar.update_cookies({"session": first})
            assert (await thief.get("/console/v1/me")).code == "token_revoked"
            # A token for programs is no session: it would neither end unused nor stand in the list.
            thief._session.cookie_jar.update_cookies({"session": node.tokens["auditor"]})
            assert (await thief.get("/console/v1/me")).code == "no_session"
        await browser.sign_in("auditor")
        second = {cookie.key: cookie.value for cookie in browser._session.cookie_jar}["session"]
        assert second != first


async def test_a_form_of_another_site_signs_nobody_in(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node) as browser:
        data = {"name": "auditor", "password": PASSWORD}
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site", "Origin": node.url},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ):
            forged = await browser._send("POST", "/console/sign-in", data=data, headers=headers)
            assert forged.status == 403
            assert "不是从本节点的登录页面发出的" in dom_of(forged).text
            assert "Set-Cookie" not in forged.headers
        # The page speaks English from here on, its refusals too.
        assert (await browser.page("/console/sign-in?lang=en")).all("html")[0]["lang"] == "en"
        assert "wrong" in dom_of(await browser.sign_in("auditor", "wrong")).text
        for headers in ({"Sec-Fetch-Site": "same-origin", "Origin": node.url}, {"Origin": node.url}):
            own = await browser._send("POST", "/console/sign-in", data=data, headers=headers)
            assert own.status == 303
            assert "HttpOnly" in own.headers["Set-Cookie"]


async def test_a_network_signs_in_so_often_and_no_more(database_url: str) -> None:
    async with running_node(database_url, accounts={"sign_ins_per_minute": 6}) as node, Browser(node) as browser:
        for _ in range(6):
            assert (await browser.sign_in("nobody", "wrong")).status == 401
        refused = await browser.sign_in("auditor")
        assert refused.status == 429
        assert "请求过于频繁" in dom_of(refused).text
        body = {"name": "auditor", "password": PASSWORD}
        assert (await node("POST", "/v1/tokens", by=None, json=body)).code == "too_many_requests"


async def test_an_access_key_opens_no_console(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node) as browser:
        account_id = node.account_ids["other"]
        key = (await node("POST", f"/v1/accounts/{account_id}/access-keys", by="other", json={})).json
        assert (await browser.sign_in(key["access_key"], key["secret_key"])).status == 401
