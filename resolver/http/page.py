"""The public page of an identifier: readable on a phone, Chinese first, without script and without trust.

Every text comes out escaped (autoescape); only whole http and https addresses, and the identifiers and files that a
template says a value names, become links; and the headers forbid whatever the page does not need.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote, urlencode

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from node.problem import headers_of
from node.record import Record, Value
from resolver.answer import Entry, Found, NotResponsible
from resolver.http.caching import NOT_KEPT, is_current, kept_for
from resolver.http.meaning import Item, items_of
from resolver.http.negotiation import prefers_english
from resolver.http.page_texts import CHINESE, ENGLISH, REFUSALS_EN, REFUSALS_ZH
from resolver.http.page_values import Line, is_handle_systems, own_lines, references
from resolver.http.verdict import Verdict
from resolver.local import UNKNOWN_FACE, AttributeFace, TemplateFace
from resolver.names import PREFIX_SPACE

_HERE = Path(__file__).parent
_BEIJING = timezone(timedelta(hours=8))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # stands for a time that nobody knows
_TITLE_ATTRIBUTE = "name"
_SHOWN_CHARACTERS = 20_000  # of one value; the record itself is one link away

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
    template: str
    enterprise: str
    enterprise_other: str
    alias_note: str
    lines: tuple[Line, ...]
    own_lines: tuple[Line, ...]
    is_systems: bool  # a handle of the Handle System itself: its own values are what it is about
    registered: Moment | None
    changed: Moment | None
    record_path: str
    stale_minutes: int | None


class Pages:
    """Renders the pages of one node and serves their style."""

    STYLE_PATH = "/static/page.css"

    def __init__(self, *, laboratory: bool) -> None:
        self._laboratory = laboratory
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
            laboratory=self._laboratory,
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
    name = next((attribute for attribute in face.attributes if attribute.name == _TITLE_ATTRIBUTE), None)
    named = next((value for value in found.values if name is not None and value.index == name.index), None)
    said = ENGLISH if english else CHINESE
    name_zh = entry.enterprise or ("" if is_systems else said["under_review"])
    name_en = entry.enterprise_en or name_zh
    title = ", ".join(entry.text for entry in entries_of(named, name, english)) if named is not None else ""
    if entry.prefix == PREFIX_SPACE:
        title = f"{said['prefix']} {entry.suffix}"
    return RecordView(
        identifier=shown_text(entry.text),
        title=shown_text(title),
        template=(face.title_en or face.title_zh) if english else face.title_zh,
        enterprise=name_en if english else name_zh,
        enterprise_other="" if name_en == name_zh else (name_zh if english else name_en),
        alias_note=said["alias_of"].format(asked=shown_text(alias)) if alias else "",
        lines=tuple(lines_of(found.values, face, named, english)),
        own_lines=tuple(map(_shown_line, own_lines(found.values, english))),
        is_systems=is_systems,
        registered=moment(entry.registered_at) if entry.registered_at > _EPOCH else None,
        changed=moment(entry.updated_at) if entry.updated_at != entry.registered_at else None,
        record_path=record_path(entry),
        stale_minutes=None if found.age is None else int(found.age // 60),
    )


def lines_of(values: Record, face: TemplateFace, left_out: Value | None, english: bool) -> Iterator[Line]:
    """The values in the template's order, then those it does not know; the Handle System's own are left out."""
    attributes = {attribute.index: attribute for attribute in face.attributes}
    place = {index: number for number, index in enumerate(attributes)}
    for value in sorted(values, key=lambda value: (place.get(value.index, len(place)), value.index)):
        if value is left_out or is_handle_systems(value):
            continue
        attribute = attributes.get(value.index)
        entries = (*entries_of(value, attribute, english), *references(value, english))
        yield _shown_line(Line(title_of(attribute, value, english), entries))


def title_of(attribute: AttributeFace | None, value: Value, english: bool) -> str:
    """What a value is called: by its template, else by its type."""
    if attribute is None:
        return value.type
    return (attribute.title_en or attribute.title_zh) if english else attribute.title_zh


def entries_of(value: Value, attribute: AttributeFace | None, english: bool) -> tuple[Item, ...]:
    """The data as people read it, with its unit; what is no text is described, what is too long is cut."""
    said = ENGLISH if english else CHINESE
    items = items_of(value.data, attribute)
    if items is None:
        return (Item(said["binary"].format(bytes=len(value.data)), None),)
    room = _SHOWN_CHARACTERS
    entries = []
    for item in items:
        if room <= 0:
            entries.append(Item("…", None))
            break
        text = item.text if len(item.text) <= room else item.text[:room] + "…"
        room -= len(text)
        if attribute is not None and attribute.unit is not None:
            text = f"{text} {attribute.unit}"
        elif attribute is not None and attribute.kind == "file" and item.href is not None:
            text = f"{said['file']} {text[:15]}…"
        entries.append(Item(text, item.href))
    return tuple(entries)


def _shown_line(line: Line) -> Line:
    return Line(shown_text(line.title), tuple(Item(shown_text(item.text), item.href) for item in line.entries))


def shown_text(text: str) -> str:
    """The text with every character that a browser would obey rather than show replaced by U+FFFD."""
    if text.isprintable():
        return text
    return "".join("\ufffd" if _obeyed(character) else character for character in text)


def _obeyed(character: str) -> bool:
    if character in "\n\t\u200c\u200d":  # line ends are shown; joiners belong to some scripts
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs")


def moment(at: datetime) -> Moment:
    """A time to the minute as it is read in Beijing."""
    local = at.astimezone(_BEIJING)
    return Moment(local.strftime("%Y-%m-%d %H:%M"), local.isoformat(timespec="seconds"))


def record_path(entry: Entry) -> str:
    """Where the record stands as JSON."""
    return "/api/handles/" + quote(entry.text, safe="/")
