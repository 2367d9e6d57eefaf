"""Forms with files (RFC 7578), read whole: their sizes are bounded, and so is the time that a piece may take.

Clients of SNMS declare other types over such bodies (snms-api C-19): a boundary is enough.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from aiohttp import web

from node.errors import Malformed
from node.web import WEB_SETTINGS, body_blocks

_MOST_PARTS = 32
_LONGEST_BOUNDARY = 70  # RFC 2046 section 5.1.1
_PARAMETER = re.compile(r';\s*([\w!#$&+.^`|~-]+?)(\*?)=(?:"((?:[^"\\]|\\.)*)"|([^;\s"]*))')
_ESCAPED = re.compile(r"\\(.)")
_LONGEST_NAME = 255  # of a file; its end says what it is
_AROUND = 64 * 1024
"""Octets of a form beside its file."""


class FormBroken(Malformed):
    title_zh = "表单有误"


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of a form; ``part`` is what the form calls it, ``name`` what its sender does."""

    part: str
    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SentForm:
    """Text fields by name, and the files."""

    fields: dict[str, str]
    files: list[SentFile]


async def read_form(request: web.Request, longest: int) -> SentForm:
    """The form of a request whose files have ``longest`` octets at most, together.

    Raises ``FormBroken``, ``BodyTooLarge``, ``BodyTooSlow``, ``BodyBroken``.
    """
    boundary = _parameters(request.headers.get("Content-Type", "")).get("boundary", "")
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY or not boundary.isascii():
        raise FormBroken("send multipart/form-data with a boundary")
    seconds = request.app[WEB_SETTINGS].body_seconds
    content = b"".join([block async for block in body_blocks(request, longest + _AROUND, seconds)])
    return form_of(content, boundary)


def form_of(content: bytes, boundary: str) -> SentForm:
    """The parts of a body. Raises ``FormBroken``."""
    parts = (b"\r\n" + content).split(b"\r\n--" + boundary.encode(), _MOST_PARTS + 1)[1:]
    form = SentForm({}, [])
    for part in parts:
        if part.startswith(b"--"):
            return form
        opening, _, told = part.partition(b"\r\n")
        head, blank, body = told.partition(b"\r\n\r\n")
        if opening.strip() or not blank:
            break
        _take(form, head.decode(errors="replace"), body)
    raise FormBroken(f"the body is no whole form of at most {_MOST_PARTS} parts")


def _take(form: SentForm, head: str, body: bytes) -> None:
    lines = dict(line.split(":", 1) for line in head.split("\r\n") if ":" in line)
    told = next((value for name, value in lines.items() if name.strip().lower() == "content-disposition"), "")
    parameters = _parameters(told)
    name = parameters.get("name", "")
    if "filename" in parameters:
        visible = "".join(filter(str.isprintable, parameters["filename"]))
        form.files.append(SentFile(name, visible[-_LONGEST_NAME:], body))
    else:
        form.fields[name] = body.decode(errors="replace")


def _parameters(header: str) -> dict[str, str]:
    """The parameters of a header, as people read them; one that names its character set (RFC 5987) wins."""
    plain: dict[str, str] = {}
    starred: dict[str, str] = {}
    for name, star, quoted, bare in _PARAMETER.findall(header):
        text = _ESCAPED.sub(r"\1", quoted) if quoted else bare
        if star:
            charset, _, rest = text.partition("'")
            starred[name.lower()] = _decoded(rest.partition("'")[2], charset)
        else:
            plain[name.lower()] = text
    return plain | starred


def _decoded(text: str, charset: str) -> str:
    try:
        return unquote(text, encoding=charset or "utf-8", errors="replace")
    except (LookupError, ValueError):
        return unquote(text, errors="replace")
