"""One's own account: password, second factor, sessions and tokens, access keys."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from admin.console.form import Refusal
from admin.console.page import Page
from admin.console.password_form import new_password_in, password_in, qr_code
from admin.console.session import drop_session
from admin.console.visit import Visit
from node.auth import Action
from node.errors import NodeError

_ME = "/console/me"
_TOKENS_SHOWN = 20


def own_account_pages() -> list[Page]:
    """``/console/me``."""
    return [
        Page("GET", _ME, _look, Action.TOKEN_READ),
        Page("POST", _ME + "/password", _change_password, Action.OWN_PASSWORD_CHANGE),
        Page("POST", _ME + "/second-factor", _begin_factor, Action.SECOND_FACTOR_EDIT),
        Page("POST", _ME + "/second-factor/confirm", _confirm_factor, Action.SECOND_FACTOR_EDIT),
        Page("POST", _ME + "/second-factor/remove", _remove_factor, Action.SECOND_FACTOR_EDIT),
        Page("POST", _ME + "/tokens/{token_id}/revoke", _revoke_token, Action.TOKEN_REVOKE),
        Page("POST", _ME + "/access-keys", _make_key, Action.ACCESS_KEY_CREATE),
        Page("POST", _ME + "/access-keys/{access_key}/revoke", _revoke_key, Action.ACCESS_KEY_REVOKE),
    ]


async def _look(visit: Visit) -> web.StreamResponse:
    return await _me_shown(visit)


async def _change_password(visit: Visit) -> web.StreamResponse:
    try:
        given = {
            "old": await password_in(visit.request, "old"),
            "password": await new_password_in(visit.request),
        }
        await visit.ask("POST /v1/accounts/{account_id}/password", account_id=_own(visit), body=given)
    except NodeError as error:
        return await _me_shown(visit, "password", error)
    # With the password all tokens have ended, this session too.
    answer = visit.go("/console/sign-in?told=password")
    drop_session(answer)
    return answer


async def _begin_factor(visit: Visit) -> web.StreamResponse:
    try:
        begun = await visit.ask("POST /v1/second-factor")
    except NodeError as error:
        return visit.go(_ME, refused=error)
    return visit.show("second_factor.html", picture=qr_code(begun.address), secret=begun.secret)


async def _confirm_factor(visit: Visit) -> web.StreamResponse:
    try:
        confirmed = await visit.ask("POST /v1/second-factor/confirm", body=await _code(visit))
    except NodeError as error:
        return visit.show("second_factor.html", refusal=Refusal.of(error), picture="", secret="")
    return visit.show("recovery_codes.html", codes=confirmed.recovery_codes)


async def _remove_factor(visit: Visit) -> web.StreamResponse:
    try:
        await visit.ask("POST /v1/second-factor/remove", body=await _code(visit))
    except NodeError as error:
        return await _me_shown(visit, "second_factor", error)
    return visit.go(_ME, ("动态验证码已停用", "One-time codes are no longer asked for"))


async def _revoke_token(visit: Visit) -> web.StreamResponse:
    return await visit.press(
        "DELETE /v1/tokens/{token_id}", _ME, ("已撤销", "Revoked"), token_id=visit.text("token_id")
    )


async def _make_key(visit: Visit) -> web.StreamResponse:
    label = (await visit.form()).text("label")
    try:
        issued = await visit.ask(
            "POST /v1/accounts/{account_id}/access-keys", account_id=_own(visit), body={"label": label}
        )
    except NodeError as error:
        return await _me_shown(visit, "key", error)
    return visit.show("access_key.html", issued=issued, back=_ME)


async def _revoke_key(visit: Visit) -> web.StreamResponse:
    return await visit.press(
        "DELETE /v1/accounts/{account_id}/access-keys/{access_key}", _ME, ("访问密钥已撤销", "Access key revoked"),
        account_id=_own(visit), access_key=visit.text("access_key"),
    )  # fmt: skip


async def _me_shown(visit: Visit, refused_form: str = "", error: NodeError | None = None) -> web.Response:
    """The page; ``refused_form`` is the one of its forms that was refused."""
    keys: list[Any] = []
    if visit.may(Action.ACCESS_KEY_READ):
        found = await visit.ask("GET /v1/accounts/{account_id}/access-keys", account_id=_own(visit))
        keys = [key for key in found.items if key.revoked_at is None]
    return visit.show(
        "me.html",
        refusal=Refusal.of(error) if error else None,
        refused_form=refused_form,
        me=await visit.ask("GET /v1/me"),
        policy=await visit.ask("GET /v1/password-policy"),
        factor=await visit.ask("GET /v1/second-factor"),
        tokens=await visit.ask("GET /v1/tokens", query={"limit": _TOKENS_SHOWN, **visit.query("cursor")}),
        keys=keys,
        label=(await visit.form()).text("label") if refused_form == "key" else "",
    )


def _own(visit: Visit) -> str:
    return str(visit.account.account_id)


async def _code(visit: Visit) -> dict[str, str]:
    return {"code": (await visit.form()).text("code")}
