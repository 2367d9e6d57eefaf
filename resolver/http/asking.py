"""What a request asks for: the identifier as it was spelled, which values, and in which dress.

The path is decoded here, once, from the raw bytes: ``%2F`` in a suffix is a slash, ``%252F`` is the three
characters ``%2F``, ``+`` is a plus, and what is not UTF-8 is refused rather than repaired.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from aiohttp import web
from multidict import MultiMapping

from node.errors import Malformed
from node.identifier import InvalidIdentifier
from resolver.http.handle_json import callback_name

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_INDEX = re.compile(r"[0-9]{1,10}", re.ASCII)
_NO = frozenset({"false", "no", "0"})
_YES = frozenset({"", "true", "yes"})  # what Handle.Net takes for yes


class InvalidQuery(Malformed):
    """A query parameter that cannot be understood. Evidence: ``parameter``."""

    title_zh = "查询参数有误"


@dataclass(frozen=True, slots=True)
class Question:
    """Which values of a record: of a listed type or index, all when none is listed.

    ``referrals``: others may be named that know the answer; ``anew``: by a question to the database that begins now
    (``auth``); ``public_only`` is ``None`` when nothing was said; ``recursive``: others may be asked.
    """

    types: tuple[str, ...] = ()
    indexes: tuple[int, ...] = ()
    referrals: bool = True
    anew: bool = False
    public_only: bool | None = None
    recursive: bool = True


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


def indexes_of(parameters: MultiMapping[str]) -> tuple[int, ...]:
    """Repeated ``index=`` parameters. Raises ``InvalidQuery``."""
    indexes = []
    for text in parameters.getall("index", ()):
        if not _INDEX.fullmatch(text) or int(text) >= 2**31:
            raise InvalidQuery("An index is a number from 0 to 2147483647.", parameter="index")
        indexes.append(int(text))
    return tuple(indexes)


def question_of(parameters: MultiMapping[str]) -> Question:
    """What the parameters of a request ask for. Raises ``InvalidQuery``."""
    return Question(
        types=tuple(parameters.getall("type", ())),
        indexes=indexes_of(parameters),
        referrals=not yes(parameters, "doNotRefer"),
        anew=bool(yes(parameters, "auth")),
        public_only=yes(parameters, "publicOnly"),
        recursive=yes(parameters, "recursive") is not False,
    )


def yes(parameters: MultiMapping[str], name: str) -> bool | None:
    """A parameter that is yes or no, as Handle.Net reads it; ``None`` when it is not there."""
    return parameters[name].lower() in _YES if name in parameters else None


def dress(request: web.Request) -> Dress:
    """``pretty`` and ``callback``. Raises ``InvalidCallback``."""
    query = request.query
    callback = query.get("callback")
    return Dress(
        pretty="pretty" in query and query["pretty"].lower() not in _NO,
        callback=callback_name(callback) if callback else None,
    )
