"""Onboarding (入驻): an enterprise with its user and its prefix entered by an administrator in one go."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from admin.console.enterprise_forms import empty_record, entered, refusal_of, to_fill_in
from admin.console.enterprise_page import WORDS
from admin.console.form import Form
from admin.console.page import STAFF, Page
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError

_PATH = "/console/enterprises/onboarding"


def onboarding_pages() -> list[Page]:
    """``/console/enterprises/onboarding``."""

    async def asked(visit: Visit) -> web.StreamResponse:
        return _shown(visit, empty_record(), {})

    async def enter(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        record, beside = entered(form), _beside(form)
        if form.has("more"):
            return _shown(visit, record, beside)
        account = {**beside["account"], "password": form.text("account.password")}
        try:
            made = await visit.ask("POST /v1/onboarding", body={**beside, "account": account, "enterprise": record})
        except NodeError as error:
            return _shown(visit, record, beside, error)
        place = address("/console/enterprises/{enterprise_id}", enterprise_id=made.enterprise_id)
        return visit.go(
            place,
            (
                f"企业已入驻：账号 {made.account.name}，前缀 {made.prefix}，等待审核",
                f"Entered: account {made.account.name}, prefix {made.prefix}, awaiting review",
            ),
        )

    return [
        Page("GET", _PATH, asked, Action.ONBOARD, STAFF),
        Page("POST", _PATH, enter, Action.ONBOARD, STAFF),
    ]


def _beside(form: Form) -> dict[str, Any]:
    """What stands beside the record; the password is not shown again."""
    account = {name: form.text(f"account.{name}") for name in ("name", "email", "mobile", "remarks")}
    return {
        "account": account,
        "prefix": form.text("prefix") or None,
        "purpose": form.text("purpose"),
        "hosting": form.text("hosting") or "hosted",
    }


def _shown(
    visit: Visit, record: dict[str, Any], beside: dict[str, Any], error: NodeError | None = None
) -> web.Response:
    return visit.show(
        "onboarding.html", record=to_fill_in(record), beside={"account": {}, **beside}, words=WORDS,
        refusal=refusal_of(error) if error else None,
    )  # fmt: skip
