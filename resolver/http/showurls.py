"""``?action=showurls``: all places of a record as XML, the way the Handle System's proxy lists them.

Only attributes that a 10320/loc value gave its places are written, as data; what looks like an address in them is
not followed by anybody here.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from aiohttp import web

from resolver.answer import Found
from resolver.http.caching import kept_for
from resolver.http.redirects import Places

# A browser shows the list as a tree and lets nothing in it act.
_HEADERS = {
    "Content-Type": "text/xml;charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def listed(found: Found, places: Places, now: float) -> web.Response:
    """The places with ``href`` filled in where a template stood for it; those without a web address are left out."""
    body = f"<locations>\n{''.join(_elements(places))}</locations>\n".encode()
    return web.Response(body=body, headers={**_HEADERS, **kept_for(found, places.values, now)})


def _elements(places: Places) -> Iterator[str]:
    for place in places.places:
        address = place.address(places.handle)
        if address is None:
            continue
        attributes = {**place.attributes, "href": address}
        yield f"<location{''.join(f' {name}={quoteattr(text)}' for name, text in attributes.items())}/>\n"
