"""How long others may keep an answer, and what tells them that it is stale (RFC 9110, 9111, 9211)."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from node.record import TTL_RELATIVE, Value
from resolver.answer import Found

_STALE_SECONDS = 5  # a stale answer is asked for again soon, for the database may be back

NOT_KEPT = {"Cache-Control": "no-store"}
"""For refusals: what is missing now may be registered the next moment."""


def smallest_ttl(values: Iterable[Value], now: float) -> int:
    """Seconds for which all of the values hold, from ``now`` (Unix time)."""
    return max(0, min(value.ttl if value.ttl_type == TTL_RELATIVE else value.ttl - int(now) for value in values))


def kept_for(found: Found, values: Iterable[Value], now: float) -> dict[str, str]:
    """Headers for an answer made of these values, which are not empty."""
    seconds = smallest_ttl(values, now)
    if found.age is None:
        return {"Cache-Control": f"public, max-age={seconds}"}
    return {
        "Cache-Control": f"public, max-age={min(seconds, _STALE_SECONDS)}",
        "Age": str(int(found.age)),
        "Cache-Status": "biaoshi; hit; detail=stale",
    }


def is_current(request: web.Request, etag: str) -> bool:
    """Whether the client's copy has this tag (weak comparison, RFC 9110 section 13.1.2)."""
    return any(tag.value in (etag, "*") for tag in request.if_none_match or ())
