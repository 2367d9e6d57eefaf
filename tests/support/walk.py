"""Walking through the console by its links, without a browser: a page takes a tenth of the time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests

from admin.console.console import ANYTHING_ELSE, console_pages
from tests.support.chromium import Visitor
from tests.support.console import Dom

PAGES = {
    page.path: re.compile(re.sub(r"\{\w+(:[^}]*)?\}", r"[^/]+", page.path))
    for page in console_pages() if page.method == "GET" and page.path != ANYTHING_ELSE
}  # fmt: skip
NOT_PAGES = ("/console/v1/", "/console/wall/events", "/console/labels/code")
_LOOKED_AT = 3
"""Addresses of one page: not every one leads on to the same."""


def pattern_of(address: str) -> str | None:
    """Which page an address is; a page without parameters before one with."""
    path = urlsplit(address).path
    return path if path in PAGES else next((name for name, form in PAGES.items() if form.fullmatch(path)), None)


def walk(visitor: Visitor) -> Iterator[tuple[str, Dom]]:
    """An address of every page that the visitor can reach from the first, and what stands there.

    A page that is not there, or that no page is known for, is a trouble of the visitor's.
    """
    with requests.Session() as session:
        for cookie in visitor.page.context.cookies():
            session.cookies.set(cookie["name"], cookie["value"])
        known = {"/console"}
        waiting, seen = ["/console"], Counter({"/console": 1})
        while waiting:
            address = waiting.pop(0)
            answer = session.get(visitor.base + address, timeout=30, allow_redirects=False)
            if answer.status_code == 303 and (to := answer.headers["Location"]).startswith("/console/"):
                waiting.append(to)
                continue
            if answer.status_code != 200:
                visitor.troubles.append(f"{address}: {answer.status_code}")
                continue
            if not answer.headers["Content-Type"].startswith("text/html"):
                visitor.troubles.append(f"{address} is no page")
                continue
            dom = Dom()
            dom.feed(answer.text)
            dom.close()
            yield address, dom
            asked = [form["action"] or "" for form in dom.all("form", method="get")]
            for link in [*dom.links, *asked]:
                if not link.startswith("/console") or link.startswith(NOT_PAGES):
                    continue
                pattern = pattern_of(link)
                if pattern is None:
                    visitor.troubles.append(f"{address} leads to {link}, which is no page")
                elif seen[pattern] < _LOOKED_AT and link not in known:
                    known.add(link)
                    seen[pattern] += 1
                    waiting.append(link)
