"""What a client would rather have: JSON, a page, or no opinion (RFC 9110 section 12)."""

from __future__ import annotations

import re
from enum import Enum

_QUALITY = re.compile(r"q=([01](?:\.[0-9]{0,3})?)")
_MEMBERS = 64  # of a header; more is nobody's wish
_SHOWN = ("image/", "audio/", "video/")


class Wish(Enum):
    """What the Accept header asks for by name; wildcards are no opinion."""

    JSON = "json"
    PAGE = "page"
    ANY = "any"


_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})


def wish(accept: str) -> Wish:
    """The better-liked of JSON and a page, at equal liking the one named first."""
    best, liking = Wish.ANY, 0.0
    for kind, quality in _weighted(accept):
        wanted = _wanted(kind)
        if wanted is not None and quality > liking:
            best, liking = wanted, quality
    return best


def wants_data(accept: str) -> bool:
    """Whether something is liked better than whatever a browser shows: then a page is not what is meant."""
    weighted = [(kind, quality) for kind, quality in _weighted(accept) if kind]
    most = max((quality for _, quality in weighted), default=0.0)
    shown = max((quality for kind, quality in weighted if _shown(kind)), default=0.0)
    return shown < most


def by_liking(header: str) -> tuple[str, ...]:
    """The members that an Accept or Accept-Language header names, in lower case, the best-liked first."""
    named = [(name, quality) for name, quality in _weighted(header) if quality > 0 and name and "*" not in name]
    return tuple(name for name, _ in sorted(named, key=lambda member: -member[1]))


def prefers_english(accept_language: str) -> bool:
    """Whether the best-liked language is English; without a header it is not."""
    best, liking = "", 0.0
    for language, quality in _weighted(accept_language):
        if quality > liking:
            best, liking = language, quality
    return best == "en" or best.startswith("en-")


def _wanted(kind: str) -> Wish | None:
    if kind in _PAGE_TYPES:
        return Wish.PAGE
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return Wish.JSON
    return None


def _shown(kind: str) -> bool:
    """What browsers show themselves, and whatever a wildcard may be."""
    return kind in _PAGE_TYPES or kind == "application/pdf" or "*" in kind or kind.startswith(_SHOWN)


def _weighted(header: str) -> list[tuple[str, float]]:
    """The members of a header with their quality, 1 where none is said and 0 where it cannot be read."""
    weighted = []
    for member in header.split(",")[:_MEMBERS]:
        name, *parameters = (part.strip().lower() for part in member.split(";"))
        said = next((part for part in parameters if part.startswith("q=")), "q=1")
        match = _QUALITY.fullmatch(said)
        weighted.append((name, float(match[1]) if match else 0.0))
    return weighted
