"""Accounts for the node's staff: who there is, in which role, locked or not; made, shut, opened, given a password."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from admin.console.enterprise_choice import names_of, sought, to_choose
from admin.console.form import Form, Refusal
from admin.console.page import STAFF, Page
from admin.console.password_form import new_password_in
from admin.console.visit import Visit, address
from node.auth import Action, Role
from node.errors import NodeError

_ALL = "/console/accounts"
_ONE = "/console/accounts/{account_id}"
_ASKED = ("name", "role", "enterprise_id", "cursor")


def account_pages() -> list[Page]:
    """``/console/accounts`` and below."""
    change = Action.ACCOUNT_CHANGE
    return [
        Page("GET", _ALL, _list, Action.ACCOUNT_READ, STAFF),
        Page("GET", _ALL + "/new", _make, Action.ACCOUNT_CREATE, STAFF),
        Page("POST", _ALL + "/new", _make, Action.ACCOUNT_CREATE, STAFF),
        Page("GET", _ONE, _look, Action.ACCOUNT_READ, STAFF),
        Page("POST", _ONE + "/disable", _disable, change, STAFF),
        Page("POST", _ONE + "/enable", _enable, change, STAFF),
        Page("POST", _ONE + "/password", _set_password, change, STAFF),
        Page("POST", _ONE + "/sign-out", _sign_out, change, STAFF),
        Page("POST", _ONE + "/second-factor/remove", _remove_factor, change, STAFF),
        Page("POST", _ONE + "/access-keys", _make_key, Action.ACCESS_KEY_CREATE, STAFF),
        Page("POST", _ONE + "/access-keys/{access_key}/revoke", _revoke_key, Action.ACCESS_KEY_REVOKE, STAFF),
    ]


async def _list(visit: Visit) -> web.StreamResponse:
    found = await visit.ask("GET /v1/accounts", query=visit.query(*_ASKED))
    names = await names_of(visit, [account.enterprise_id for account in found.items])
    return visit.show("accounts.html", found=found, names=names, roles=list(Role))


async def _make(visit: Visit) -> web.StreamResponse:
    if visit.request.method == "GET":
        return await _new_shown(visit, Form(visit.request.query))
    form = await visit.form()
    try:
        body = {
            **form.given("name", "role", "enterprise_id", "email", "mobile", "remarks"),
            "password": await new_password_in(visit.request),
        }
        made = await visit.ask("POST /v1/accounts", body=body)
    except NodeError as error:
        return await _new_shown(visit, form, error)
    return visit.go(address(_ONE, account_id=made.account_id), ("账号已新建", "Account made"))


async def _look(visit: Visit) -> web.StreamResponse:
    return await _one_shown(visit)


async def _set_password(visit: Visit) -> web.StreamResponse:
    try:
        body = {"password": await new_password_in(visit.request)}
        await visit.ask("POST /v1/accounts/{account_id}/password", account_id=visit.text("account_id"), body=body)
    except NodeError as error:
        return await _one_shown(visit, "password", error)
    return visit.go(_here(visit), ("口令已设置，该账号须重新登录", "Password set; the account has to sign in again"))


async def _make_key(visit: Visit) -> web.StreamResponse:
    try:
        issued = await visit.ask(
            "POST /v1/accounts/{account_id}/access-keys",
            account_id=visit.text("account_id"),
            body={"label": (await visit.form()).text("label")},
        )
    except NodeError as error:
        return await _one_shown(visit, "key", error)
    return visit.show("access_key.html", issued=issued, back=_here(visit))


async def _disable(visit: Visit) -> web.StreamResponse:
    return await _pressed(visit, "POST /v1/accounts/{account_id}/disable", ("账号已停用", "Account disabled"))


async def _enable(visit: Visit) -> web.StreamResponse:
    done = ("账号已启用，锁定已解除", "Account enabled, its lock has ended")
    return await _pressed(visit, "POST /v1/accounts/{account_id}/enable", done)


async def _sign_out(visit: Visit) -> web.StreamResponse:
    done = ("全部会话与令牌已撤销", "All its sessions and tokens are revoked")
    return await _pressed(visit, "DELETE /v1/accounts/{account_id}/tokens", done)


async def _remove_factor(visit: Visit) -> web.StreamResponse:
    done = ("动态验证码已移除", "Its second factor is removed")
    return await _pressed(visit, "DELETE /v1/accounts/{account_id}/second-factor", done)


async def _revoke_key(visit: Visit) -> web.StreamResponse:
    return await visit.press(
        "DELETE /v1/accounts/{account_id}/access-keys/{access_key}",
        _here(visit),
        ("访问密钥已撤销", "Access key revoked"),
        account_id=visit.text("account_id"),
        access_key=visit.text("access_key"),
    )


async def _new_shown(visit: Visit, form: Form, error: NodeError | None = None) -> web.Response:
    return visit.show(
        "account_new.html",
        refusal=Refusal.of(error) if error else None,
        form=form,
        roles=list(Role),
        sought=sought(visit),
        enterprises=await to_choose(visit, form.text("enterprise_id")),
        policy=await visit.ask("GET /v1/password-policy"),
    )


async def _one_shown(visit: Visit, refused_form: str = "", error: NodeError | None = None) -> web.Response:
    """The page; ``refused_form`` is the one of its forms that was refused."""
    account_id = visit.text("account_id")
    account = await visit.ask("GET /v1/accounts/{account_id}", account_id=account_id)
    keys: list[Any] = []
    if visit.may(Action.ACCESS_KEY_READ):
        found = await visit.ask("GET /v1/accounts/{account_id}/access-keys", account_id=account_id)
        keys = [key for key in found.items if key.revoked_at is None]
    return visit.show(
        "account.html",
        refusal=Refusal.of(error) if error else None,
        refused_form=refused_form,
        account=account,
        names=await names_of(visit, [account.enterprise_id]),
        policy=await visit.ask("GET /v1/password-policy"),
        keys=keys,
    )


async def _pressed(visit: Visit, operation: str, done: tuple[str, str]) -> web.Response:
    return await visit.press(operation, _here(visit), done, account_id=visit.text("account_id"))


def _here(visit: Visit) -> str:
    return address(_ONE, account_id=visit.text("account_id"))
