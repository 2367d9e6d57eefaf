"""The node's documents as the staff manages them: versions drafted, looked at, published, withdrawn."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDict

from admin.console.form import Form, Refusal
from admin.console.page import STAFF, Page
from admin.console.timeline import timeline
from admin.console.visit import Visit, address
from admin.documents import blocks_of
from node.auth import Action
from node.errors import NodeError
from registry.documents.documents import MOST_CHARACTERS, DocumentKind
from registry.transitions import DocumentState

_ALL = "/console/documents"
_ONE = f"{_ALL}/{{document_id}}"
_OPERATION = "/v1/document-versions/{document_id}"
_TEXTS = ("kind", "title_zh", "title_en", "body")


def document_pages() -> list[Page]:
    """``/console/documents`` and one page a version."""

    async def listing(visit: Visit) -> web.StreamResponse:
        query = visit.query("cursor", "state", "kind")
        found = await visit.ask("GET /v1/document-versions", query=query)
        return visit.show("documents.html", found=found, asked=query, states=list(DocumentState), **_choices())

    async def blank(visit: Visit) -> web.StreamResponse:
        """A new name, or the next version of what ``from`` names."""
        form = Form(MultiDict())
        number = visit.request.query.get("from", "")
        if number:
            form = _form_of(await visit.ask(f"GET {_OPERATION}", document_id=number))
        return _written(visit, form)

    async def create(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        if form.has("preview"):
            return _written(visit, form)
        try:
            made = await visit.ask("POST /v1/document-versions", body={**_body(form), "name": form.text("name")})
        except NodeError as error:
            return _written(visit, form, Refusal.of(error))
        return visit.go(
            address(_ONE, document_id=made.document_id),
            ("草稿已保存，核对后发布", "The draft is saved: look at it, then publish it"),
        )

    async def one(visit: Visit) -> web.StreamResponse:
        return await _shown(visit)

    async def edit(visit: Visit) -> web.StreamResponse:
        form, number = await visit.form(), visit.text("document_id")
        if form.has("preview"):
            return await _shown(visit, form)
        body = {**_body(form), "version": form.number("version")}
        try:
            await visit.ask(f"PUT {_OPERATION}", document_id=number, body=body)
        except NodeError as error:
            return await _shown(visit, form, Refusal.of(error))
        return visit.go(address(_ONE, document_id=number), ("已保存", "Saved"))

    return [
        Page("GET", _ALL, listing, Action.DOCUMENT_READ, STAFF),
        Page("GET", f"{_ALL}/new", blank, Action.DOCUMENT_EDIT, STAFF),
        Page("POST", f"{_ALL}/new", create, Action.DOCUMENT_EDIT, STAFF),
        Page("GET", _ONE, one, Action.DOCUMENT_READ, STAFF),
        Page("POST", _ONE, edit, Action.DOCUMENT_EDIT, STAFF),
        _button("publish", ("文件已发布，前一版被替代", "The version is in force; the one before is superseded")),
        _button("withdraw", ("文件已撤下", "The version is withdrawn")),
    ]


def _written(visit: Visit, form: Form, refusal: Refusal | None = None) -> web.Response:
    blocks = list(blocks_of(form.text("body"))) if form.has("preview") else None
    return visit.show("document_new.html", form=form, blocks=blocks, refusal=refusal, **_choices())


async def _shown(visit: Visit, form: Form | None = None, refusal: Refusal | None = None) -> web.Response:
    """The version, or what a form would make of it."""
    number = visit.text("document_id")
    document = await visit.ask(f"GET {_OPERATION}", document_id=number)
    query = {"limit": 20, **visit.query("cursor")}
    history = await visit.ask(f"GET {_OPERATION}/history", document_id=number, query=query)
    return visit.show(
        "document.html", document=document, form=form or _form_of(document), refusal=refusal,
        blocks=list(blocks_of((form or _form_of(document)).text("body"))), previewed=form is not None,
        deeds=await timeline(visit, history), older=history.next_cursor, **_choices(),
    )  # fmt: skip


def _choices() -> dict[str, Any]:
    return {"kinds": list(DocumentKind), "most": MOST_CHARACTERS}


def _body(form: Form) -> dict[str, Any]:
    return {**form.given(*_TEXTS), "coding_rule_id": form.number("coding_rule_id")}


def _form_of(document: Any) -> Form:
    said = {name: str(getattr(document, name)) for name in (*_TEXTS, "name")}
    if document.coding_rule_id is not None:
        said["coding_rule_id"] = str(document.coding_rule_id)
    return Form(MultiDict(said))


def _button(verb: str, done: tuple[str, str]) -> Page:
    async def press(visit: Visit) -> web.StreamResponse:
        number = visit.text("document_id")
        back = address(_ONE, document_id=number)
        return await visit.press(f"POST {_OPERATION}/{verb}", back, done, document_id=number)

    return Page("POST", f"{_ONE}/{verb}", press, Action.DOCUMENT_EDIT, STAFF)
