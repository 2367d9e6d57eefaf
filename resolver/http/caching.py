"""How long others may keep an answer, and what tells them that it is stale (RFC 9110, 9111, 9211)."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from node.record import Value
from resolver.answer import Elsewhere, Found
from resolver.lifetime import smallest_ttl

_STALE_SECONDS = 5  # a stale answer is asked for again soon, for the database may be back

NOT_KEPT = {"Cache-Control": "no-store"}
"""For refusals: what is missing now may be registered the next moment."""


def kept_for(found: Found, values: Iterable[Value], now: float) -> dict[str, str]:
    """Headers for an answer made of these values, which are not empty."""
    seconds = smallest_ttl(values, now)
    if found.elsewhere is not None:
        return _kept_of_others(found.elsewhere, seconds)
    if found.age is None:
        return {"Cache-Control": f"public, max-age={seconds}"}
    return {
        "Cache-Control": f"public, max-age={min(seconds, _STALE_SECONDS)}",
        "Age": str(int(found.age)),
        "Cache-Status": "biaoshi; hit; detail=stale",
    }


def _kept_of_others(elsewhere: Elsewhere, seconds: int) -> dict[str, str]:
    """For an answer of another node: how old it is, for how long it still holds, whether it came just now."""
    left = int(elsewhere.seconds)
    if elsewhere.seconds < 0:
        longest, status = _STALE_SECONDS, f"hit; ttl={left}; detail=stale"
    else:
        longest, status = (
            int(elsewhere.age + elsewhere.seconds),
            f"{'hit' if elsewhere.age else 'fwd=miss'}; ttl={left}",
        )
    return {
        "Cache-Control": f"public, max-age={min(seconds, longest)}",
        "Age": str(int(elsewhere.age)),
        "Cache-Status": f"biaoshi; {status}",
    }


def is_current(request: web.Request, etag: str) -> bool:
    """Whether the client's copy has this tag (weak comparison, RFC 9110 section 13.1.2)."""
    return any(tag.value in (etag, "*") for tag in request.if_none_match or ())
