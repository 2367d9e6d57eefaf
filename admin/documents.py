"""The public pages of the node's documents (管理规范): the list at ``/documents``, each at ``/documents/{name}``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from admin.pages import NodeFace
from admin.public import public_page
from registry.documents.documents import DocumentKind, Documents, DocumentUnknown

_MOST = 200
_HEADINGS = 3

KINDS: dict[DocumentKind, tuple[str, str]] = {
    DocumentKind.CODING_RULE: ("编码规则", "Coding rules"),
    DocumentKind.TECHNICAL_STANDARD: ("技术标准", "Technical standards"),
    DocumentKind.MANAGEMENT: ("管理规范", "Rules of management"),
    DocumentKind.OPERATION: ("运营规范", "Rules of operation"),
}


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a list, or a heading (``level`` 1 to 3) of a document."""

    kind: str
    lines: tuple[str, ...]
    level: int = 0


def add_routes(router: web.UrlDispatcher, face: NodeFace, documents: Documents) -> None:
    """What is in force, for everybody."""

    async def listing(request: web.Request) -> web.Response:
        found = await documents.list(None, limit=_MOST)
        groups = [(*titles, [one for one in found if one.kind is kind]) for kind, titles in KINDS.items()]
        return public_page(request, "documents.html", face, groups=[group for group in groups if group[2]])

    async def one(request: web.Request) -> web.Response:
        try:
            document = await documents.published(request.match_info["name"])
        except DocumentUnknown:
            return public_page(request, "document.html", face, status=404, document=None, kind=("", ""), blocks=[])
        blocks = list(blocks_of(document.body))
        return public_page(
            request, "document.html", face, document=document, kind=KINDS[document.kind], blocks=blocks
        )

    router.add_get("/documents", listing)
    router.add_get("/documents/{name}", one)


def blocks_of(body: str) -> Iterable[Block]:
    """The blocks of a text; nothing in a line is markup but what it begins with."""
    lines: list[str] = []
    kind = ""
    for line in (*map(str.strip, body.split("\n")), ""):
        level = len(line) - len(line.lstrip("#"))
        heading = 1 <= level <= _HEADINGS and line[level : level + 1] == " "
        item = line.startswith("- ")
        now = "" if heading or not line else "list" if item else "paragraph"
        if lines and now != kind:
            yield Block(kind, tuple(lines))
            lines = []
        kind = now
        if heading:
            yield Block("heading", (line[level:].strip(),), level)
        elif now:
            lines.append(line[2:].strip() if item else line)
