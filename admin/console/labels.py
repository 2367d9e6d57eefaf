"""Labels (标签打印): choose identifiers, look at the first label, take a PDF, or one code as SVG or PNG."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from admin.console.choosing import by_name, definition_of, prefixes_of, published_templates
from admin.console.form import Refusal
from admin.console.page import Page
from admin.console.search_form import SearchForm
from admin.console.visit import Visit
from admin.labels.content import Content
from admin.labels.layouts import LAYOUTS
from admin.labels.selection import MOST
from admin.labels.symbol import CodeKind
from node.auth import Action
from node.errors import NodeError
from node.routes import Reply

_HERE = "/console/labels"
_SHOWN = 20
_BATCHES = 20
_SOURCES = ("list", "search", "batch")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an address or a form says: where the identifiers come from, and how their labels look."""

    source: str
    texts: str
    batch_id: str
    search: SearchForm
    kind: str
    content: str
    layout: str
    cursor: str

    @classmethod
    def of(cls, said: MultiMapping[Any]) -> _Asked:
        texts = "\n".join(str(one) for one in said.getall("identifier", []))
        found = "batch" if said.get("batch_id") else "search" if said.get("prefix") else "list"
        source = said.get("source", found)
        return cls(
            source=source if source in _SOURCES else found,
            texts=texts.replace("\r\n", "\n").strip(),
            batch_id=str(said.get("batch_id", "")).strip(),
            search=SearchForm.of(said),
            kind=said.get("kind", CodeKind.QR),
            content=said.get("content", Content.ADDRESS),
            layout=said.get("layout", next(iter(LAYOUTS))),
            cursor=said.get("cursor", ""),
        )

    @property
    def identifiers(self) -> list[str]:
        """One a line; empty lines are none."""
        return [line.strip() for line in self.texts.split("\n") if line.strip()]

    def selection(self) -> dict[str, Any] | None:
        """For the operations; ``None`` where nothing has been chosen yet."""
        match self.source:
            case "list" if self.identifiers:
                return {"identifiers": self.identifiers}
            case "batch" if self.batch_id:
                return {"batch_id": self.batch_id, "cursor": self.cursor or None}
            case "search" if self.search.texts.get("prefix"):
                filters: dict[str, Any] = self.search.asked()
                prefix, where = filters.pop("prefix"), filters.pop("where", "[]")
                search = {"prefix": prefix, "filters": {**filters, "attributes": json.loads(where)}}
                return {"search": search, "cursor": self.cursor or None}
        return None

    @property
    def code(self) -> dict[str, str]:
        """What the code of every label is."""
        return {"kind": self.kind, "content": self.content}


def label_pages() -> list[Page]:
    """``/console/labels``; ``?identifier=`` and ``?batch_id=`` come from other pages."""

    async def choose(visit: Visit) -> web.StreamResponse:
        return await _shown(visit, _Asked.of(visit.request.query))

    async def look(visit: Visit) -> web.StreamResponse:
        return await _shown(visit, _Asked.of(await visit.request.post()))

    async def sheet(visit: Visit) -> web.StreamResponse:
        asked = _Asked.of(await visit.request.post())
        selection = asked.selection()
        if selection is None:
            return await _shown(visit, asked)
        try:
            reply = await visit.reply(
                "POST /v1/labels/sheets", body={**selection, **asked.code, "layout": asked.layout}
            )
        except NodeError as error:
            return await _shown(visit, asked, error)
        return _as_download(reply)

    async def code(visit: Visit) -> web.StreamResponse:
        identifier = visit.request.query.get("identifier", "")
        return _as_download(await _code(visit, identifier, visit.query("kind", "content", "format", "scale")))

    return [
        Page("GET", _HERE, choose, Action.IDENTIFIER_READ),
        Page("POST", _HERE, look, Action.IDENTIFIER_READ),
        Page("POST", f"{_HERE}/sheet", sheet, Action.IDENTIFIER_READ),
        Page("GET", f"{_HERE}/code", code, Action.IDENTIFIER_READ),
    ]


async def _shown(visit: Visit, asked: _Asked, error: NodeError | None = None) -> web.Response:
    selected, code = None, ""
    selection = asked.selection()
    try:
        if selection is not None:
            selected = await visit.ask("POST /v1/labels/selections", body=selection)
            drawn = await _code(visit, selected.items[0].identifier, {**asked.code, "format": "svg"})
            assert isinstance(drawn.content, bytes), "a picture is octets"
            code = base64.b64encode(drawn.content).decode()
    except NodeError as found:
        error = error or found
    return visit.show(
        "labels.html", refusal=Refusal.of(error) if error else None, asked=asked, selected=selected, code=code,
        layouts=list(LAYOUTS.values()), layout=LAYOUTS.get(asked.layout), most=MOST, shown=_SHOWN,
        **await _sources(visit, asked),
    )  # fmt: skip


async def _sources(visit: Visit, asked: _Asked) -> Mapping[str, Any]:
    """What there is to choose from, for the one source that is shown."""
    prefixes, templates, batches = [], {}, []
    if asked.source == "search":
        prefixes = await prefixes_of(visit)
        prefix = asked.search.texts.get("prefix", "").upper()
        owner = next((one.enterprise_id for one in prefixes if one.prefix == prefix), None)
        templates = by_name(await published_templates(visit), owner)
    elif asked.source == "batch":
        batches = list((await visit.ask("GET /v1/batches", query={"limit": _BATCHES})).items)
    chosen = templates.get(asked.search.texts.get("template", ""))
    findable = [one for one in definition_of(chosen).attributes if one.indexed] if chosen else []
    return {"prefixes": prefixes, "templates": templates, "findable": findable, "batches": batches}


async def _code(visit: Visit, identifier: str, query: Mapping[str, str]) -> Reply:
    prefix, _, suffix = identifier.partition("/")
    return await visit.reply("GET /v1/labels/{prefix}/{suffix}", query=query, prefix=prefix, suffix=suffix)


def _as_download(reply: Reply) -> web.Response:
    assert isinstance(reply.content, bytes), "codes and sheets are octets"
    headers = {**reply.headers, "X-Content-Type-Options": "nosniff"}
    headers["Content-Disposition"] = headers["Content-Disposition"].replace("inline", "attachment", 1)
    return web.Response(body=reply.content, headers=headers, content_type=reply.content_type)
