"""What a request asks for: the identifier as it was spelled, which values, and in which dress.

The path is decoded here, once, from the raw bytes: ``%2F`` in a suffix is a slash, ``%252F`` is the three
characters ``%2F``, ``+`` is a plus, and what is not UTF-8 is refused rather than repaired.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from aiohttp import web

from node.errors import Malformed
from node.identifier import InvalidIdentifier
from resolver.http.handle_json import callback_name

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_INDEX = re.compile(r"[0-9]{1,10}", re.ASCII)
_NO = frozenset({"false", "no", "0"})


class InvalidQuery(Malformed):
    """A query parameter that cannot be understood. Evidence: ``parameter``."""

    title_zh = "查询参数有误"


@dataclass(frozen=True, slots=True)
class Dress:
    """How the JSON is to look: indented, or wrapped into a call of ``callback``."""

    pretty: bool = False
    callback: str | None = None


def spelling(raw: str) -> str:
    """The identifier in a raw piece of a path, decoded once. Raises ``InvalidIdentifier``."""
    broken = _BROKEN_ESCAPE.search(raw)
    if broken:
        raise InvalidIdentifier("The identifier holds a % that begins no escape.", reason="percent")
    try:
        return unquote_to_bytes(raw.encode("utf-8", "surrogateescape")).decode("utf-8")
    except UnicodeError:
        raise InvalidIdentifier("The identifier is not UTF-8.", reason="encoding") from None


def types_and_indexes(request: web.Request) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Repeated ``type=`` and ``index=`` parameters. Raises ``InvalidQuery``."""
    indexes = []
    for text in request.query.getall("index", ()):
        if not _INDEX.fullmatch(text) or int(text) >= 2**31:
            raise InvalidQuery("An index is a number from 0 to 2147483647.", parameter="index")
        indexes.append(int(text))
    return tuple(request.query.getall("type", ())), tuple(indexes)


def dress(request: web.Request) -> Dress:
    """``pretty`` and ``callback``. Raises ``InvalidCallback``."""
    query = request.query
    callback = query.get("callback")
    return Dress(
        pretty="pretty" in query and query["pretty"].lower() not in _NO,
        callback=callback_name(callback) if callback else None,
    )
