"""Announcements as the staff manages them: drafted, published, withdrawn."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDict

from admin.console.form import Form, Refusal
from admin.console.page import STAFF, Page
from admin.console.timeline import timeline
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError

_ALL = "/console/announcements"
_ONE = f"{_ALL}/{{announcement_id}}"
_OPERATION = "/v1/managed-announcements/{announcement_id}"
_FIELDS = ("title_zh", "title_en", "body")


def announcement_pages() -> list[Page]:
    """``/console/announcements`` and one page an announcement."""

    async def listing(visit: Visit) -> web.StreamResponse:
        query = visit.query("cursor", "state")
        found = await visit.ask("GET /v1/managed-announcements", query=query)
        return visit.show("announcements.html", found=found, state=query.get("state", ""))

    async def blank(visit: Visit) -> web.StreamResponse:
        return visit.show("announcement_new.html", form=Form(MultiDict()))

    async def create(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        try:
            made = await visit.ask("POST /v1/managed-announcements", body=form.given(*_FIELDS))
        except NodeError as error:
            return visit.show("announcement_new.html", form=form, refusal=Refusal.of(error))
        return visit.go(
            address(_ONE, announcement_id=made.announcement_id),
            ("草稿已保存，核对后发布", "The draft is saved: look at it, then publish it"),
        )

    async def shown(visit: Visit, form: Form | None = None, refusal: Refusal | None = None) -> web.Response:
        number = visit.text("announcement_id")
        one = await visit.ask(f"GET {_OPERATION}", announcement_id=number)
        query = {"limit": 20, **visit.query("cursor")}
        history = await visit.ask(f"GET {_OPERATION}/history", announcement_id=number, query=query)
        return visit.show(
            "announcement.html", one=one, form=form or _form_of(one), refusal=refusal,
            deeds=await timeline(visit, history), older=history.next_cursor,
        )  # fmt: skip

    async def one(visit: Visit) -> web.StreamResponse:
        return await shown(visit)

    async def edit(visit: Visit) -> web.StreamResponse:
        form, number = await visit.form(), visit.text("announcement_id")
        body = {**form.given(*_FIELDS), "version": form.number("version")}
        try:
            await visit.ask(f"PUT {_OPERATION}", announcement_id=number, body=body)
        except NodeError as error:
            return await shown(visit, form, Refusal.of(error))
        return visit.go(address(_ONE, announcement_id=number), ("已保存", "Saved"))

    return [
        Page("GET", _ALL, listing, Action.ANNOUNCEMENT_READ, STAFF),
        Page("GET", f"{_ALL}/new", blank, Action.ANNOUNCEMENT_EDIT, STAFF),
        Page("POST", f"{_ALL}/new", create, Action.ANNOUNCEMENT_EDIT, STAFF),
        Page("GET", _ONE, one, Action.ANNOUNCEMENT_READ, STAFF),
        Page("POST", _ONE, edit, Action.ANNOUNCEMENT_EDIT, STAFF),
        _button("publish", ("公告已发布", "The announcement is published")),
        _button("withdraw", ("公告已撤回", "The announcement is withdrawn")),
    ]


def _form_of(one: Any) -> Form:
    return Form(MultiDict({name: getattr(one, name) for name in _FIELDS}))


def _button(verb: str, done: tuple[str, str]) -> Page:
    async def press(visit: Visit) -> web.StreamResponse:
        number = visit.text("announcement_id")
        back = address(_ONE, announcement_id=number)
        return await visit.press(f"POST {_OPERATION}/{verb}", back, done, announcement_id=number)

    return Page("POST", f"{_ONE}/{verb}", press, Action.ANNOUNCEMENT_EDIT, STAFF)
