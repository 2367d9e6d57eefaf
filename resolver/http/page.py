"""The public page of an identifier: readable on a phone, Chinese first, without script and without trust.

Every text comes out escaped (autoescape); only whole http and https addresses, and the identifiers and files that a
template says a value names, become links; and the headers forbid whatever the page does not need.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote, urlencode

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from node.problem import headers_of
from resolver.answer import Entry, Found, NotResponsible
from resolver.http.caching import NOT_KEPT, is_current, kept_for
from resolver.http.display import Section, display_of, shown_line, shown_text
from resolver.http.negotiation import prefers_english
from resolver.http.page_texts import CHINESE, ENGLISH, REFUSALS_EN, REFUSALS_ZH
from resolver.http.page_values import Line, own_lines
from resolver.http.verdict import Verdict
from resolver.local import UNKNOWN_FACE, TemplateFace
from resolver.names import PREFIX_SPACE

_HERE = Path(__file__).parent
_BEIJING = timezone(timedelta(hours=8))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # stands for a time that nobody knows

PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Type": "text/html;charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A time for people (Beijing time) and for programs."""

    text: str
    iso: str


@dataclass(frozen=True, slots=True)
class RecordView:
    """What the page of a found identifier says."""

    identifier: str
    title: str
    image: str | None  # its address on this node
    template: str
    enterprise: str
    enterprise_other: str
    alias_note: str
    sections: tuple[Section, ...]
    own_lines: tuple[Line, ...]
    is_systems: bool  # a handle of the Handle System itself: its own values are what it is about
    registered: Moment | None
    changed: Moment | None
    record_path: str
    note: str  # that the contents are old, or another node's


class Pages:
    """Renders the pages of one node, an ``enterprise``'s own or a secondary one, and serves their style."""

    STYLE_PATH = "/static/page.css"

    def __init__(self, *, laboratory: bool, enterprise: bool = False) -> None:
        self._laboratory = laboratory
        self._enterprise = enterprise
        self._style = (_HERE / "static" / "page.css").read_bytes()
        self._style_version = hashlib.blake2b(self._style, digest_size=6).hexdigest()
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def respond(
        self, request: web.Request, verdict: Verdict, face: TemplateFace | None, now: float, *, alias: str = ""
    ) -> web.Response:
        """The page for a verdict in the reader's language; 304 to a browser that has it already.

        ``alias`` is the identifier that was asked for, where the one found is another.
        """
        english = speaks_english(request)
        found = verdict.found
        if found is None or not found.values:
            return self._refuse(request, verdict, english)
        view = view_of(found, face or UNKNOWN_FACE, english, alias)
        body = self._render("record.html", request, english, view=view)
        etag = hashlib.blake2b(body, digest_size=12).hexdigest()
        headers = {**PAGE_HEADERS, **kept_for(found, found.values, now), "ETag": f'"{etag}"'}
        if is_current(request, etag):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, headers=headers)

    async def style(self, request: web.Request) -> web.Response:
        """The style sheet; under its own version it never changes."""
        known = request.query.get("v") == self._style_version
        headers = {
            "Content-Type": "text/css;charset=utf-8",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "public, max-age=31536000, immutable" if known else "no-cache",
            "ETag": f'"{self._style_version}"',
        }
        if is_current(request, self._style_version):
            return web.Response(status=304, headers=headers)
        return web.Response(body=self._style, headers=headers)

    def _refuse(self, request: web.Request, verdict: Verdict, english: bool) -> web.Response:
        refusal = verdict.refusal
        code = refusal.code if refusal is not None else "referred" if verdict.referral else "no_public_values"
        texts = REFUSALS_EN if english else REFUSALS_ZH
        heading, advice = texts.get(code, texts["internal"])
        # A browser's reader asked for something that is not here, whoever is responsible for it.
        elsewhere = isinstance(refusal, NotResponsible) or (refusal is None and verdict.referral is None)
        status = 404 if elsewhere else verdict.status
        identifier = shown_text(verdict.handle[:300])
        body = self._render("refusal.html", request, english, heading=heading, advice=advice, identifier=identifier)
        headers = {**PAGE_HEADERS, **NOT_KEPT, **(headers_of(refusal) if refusal is not None else {})}
        return web.Response(body=body, status=status, headers=headers)

    def _render(self, name: str, request: web.Request, english: bool, **values: object) -> bytes:
        page = self._templates.get_template(name)
        others = [(name, text) for name, text in request.query.items() if name != "lang"]
        return page.render(
            say=ENGLISH if english else CHINESE,
            language="en" if english else "zh-CN",
            other_language="zh-CN" if english else "en",
            other_query="?" + urlencode([("lang", "zh" if english else "en"), *others]),
            kept=f"?lang={request.query['lang']}" if request.query.get("lang") in ("zh", "en") else "",
            laboratory=self._laboratory,
            enterprise=self._enterprise,
            style=f"{self.STYLE_PATH}?v={self._style_version}",
            **values,
        ).encode()


def speaks_english(request: web.Request) -> bool:
    """``?lang=`` decides, else the browser's first language."""
    chosen = request.query.get("lang")
    if chosen in ("zh", "en"):
        return chosen == "en"
    return prefers_english(request.headers.get("Accept-Language", ""))


def view_of(found: Found, face: TemplateFace, english: bool, alias: str) -> RecordView:
    """Everything that the page of a found identifier says, as plain text."""
    entry = found.entry
    is_systems = entry.prefix.startswith("0.")
    display = display_of(found.values, face, english)
    said = ENGLISH if english else CHINESE
    unnamed = is_systems or found.elsewhere is not None
    name_zh = entry.enterprise or ("" if unnamed else said["under_review"])
    name_en = entry.enterprise_en or name_zh
    title = f"{said['prefix']} {shown_text(entry.suffix)}" if entry.prefix == PREFIX_SPACE else display.title
    return RecordView(
        identifier=shown_text(entry.text),
        title=title,
        image=display.image,
        template=(face.title_en or face.title_zh) if english else face.title_zh,
        enterprise=name_en if english else name_zh,
        enterprise_other="" if name_en == name_zh else (name_zh if english else name_en),
        alias_note=said["alias_of"].format(asked=shown_text(alias)) if alias else "",
        sections=display.sections,
        own_lines=tuple(map(shown_line, own_lines(found.values, english))),
        is_systems=is_systems,
        registered=moment(entry.registered_at) if entry.registered_at > _EPOCH else None,
        changed=moment(entry.updated_at) if entry.updated_at != entry.registered_at else None,
        record_path=record_path(entry),
        note=_note(found, said),
    )


def _note(found: Found, said: Mapping[str, str]) -> str:
    minutes = int((found.age or 0.0) // 60)
    if found.elsewhere is None:
        return "" if found.age is None else said["stale"].format(minutes=minutes)
    told = said["elsewhere"].format(server=shown_text(found.elsewhere.server))
    return told if found.age is None else f"{told} {said['stale_elsewhere'].format(minutes=minutes)}"


def moment(at: datetime) -> Moment:
    """A time to the minute as it is read in Beijing."""
    local = at.astimezone(_BEIJING)
    return Moment(local.strftime("%Y-%m-%d %H:%M"), local.isoformat(timespec="seconds"))


def record_path(entry: Entry) -> str:
    """Where the record stands as JSON."""
    return "/api/handles/" + quote(entry.text, safe="/")
