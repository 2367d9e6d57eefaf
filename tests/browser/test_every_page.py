"""Every page of the console is reached by links from the menu, and is looked at as its visitors would.

On a furnished node: nothing to complain about for the browser or for axe-core, and nothing wider than a phone. On a
node on which people wrote nothing but markup, in English: no markup does anything, and no word of ours is Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from node.auth import Role
from tests.support.chromium import Visit, Visitor, visits
from tests.support.console import Dom
from tests.support.databases import Clone
from tests.support.node import Node, node_of_its_own
from tests.support.scene import furnish
from tests.support.walk import PAGES, pattern_of, walk

ROLES = (Role.ADMINISTRATOR, Role.REVIEWER, Role.AUDITOR, Role.ENTERPRISE_USER)
PHONE = 390
OURS = {"th", "label", "button", "h1", "h2", "h3", "legend", "summary", "dt", "figcaption"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ELSEWHERE = {"/console/labels/code", "/console/statistics/days/{day}"}
"""A picture, and what a steward makes at midnight; their own tests look at them."""
THEIRS = "中山示例企业"
"""How the enterprises are called that every test's node has."""
MARKUP = "'\"></title><img src=x onerror=alert(1)><b class=injected>{{7*7}}"


@pytest.fixture(scope="module")
def hostile_node(clone: Clone) -> Iterator[Node]:
    """A node on which everything that users write is markup."""
    settings = {"node": {"laboratory": True}, "log": {"requests": False}}
    with node_of_its_own(clone, **settings) as node:
        furnish(node, hostile=MARKUP)
        yield node


@pytest.fixture(scope="module")
def chromium(hostile_node: Node, chromium: Browser) -> Browser:
    """The browser comes after both nodes: it keeps an event loop in this thread."""
    return chromium


def found_by(visit: Visit, language: str) -> dict[str, tuple[Visitor, str, Dom]]:
    """One address of each page, with the first visitor who reaches it."""
    found: dict[str, tuple[Visitor, str, Dom]] = {}
    for role in ROLES:
        visitor = visit(role, language)
        for address, dom in walk(visitor):
            found.setdefault(pattern_of(address) or address, (visitor, address, dom))
    return found


def faults_on(visitor: Visitor) -> Iterator[str]:
    """What is wrong with the page on which the visitor stands, at a desk and on a phone."""
    yield from visitor.scan()
    visitor.page.set_viewport_size({"width": PHONE, "height": 800})
    if wider := visitor.wider_than_the_screen():
        yield f"{wider} pixels wider than a phone"
    visitor.page.set_viewport_size({"width": 1280, "height": 900})


def test_every_page_is_reached_and_nothing_is_wrong_with_it(node: Node, chromium: Browser) -> None:
    furnish(node)
    faults = []
    with visits(chromium, node.url) as visit:
        found = found_by(visit, "zh")
        for visitor, address, _ in found.values():
            visitor.go(address)
            faults += [f"{address}: {fault}" for fault in faults_on(visitor)]
    assert not faults, "\n".join(faults)
    assert set(PAGES) - set(found) == ELSEWHERE, "pages that nobody reaches"


def test_markup_is_shown_and_never_done_and_in_english_our_words_are_english(
    hostile_node: Node, chromium: Browser
) -> None:
    faults, shown_on = [], set()
    with visits(chromium, hostile_node.url) as visit:
        for pattern, (visitor, address, dom) in found_by(visit, "en").items():
            words = (word for word in dom.words(OURS) if THEIRS not in word)
            faults += [f"{address}: {word}" for word in words if CHINESE.search(word)]
            page = visitor.go(address)
            if page.locator(".injected, img[src=x]").count():
                faults.append(f"{address}: markup became part of the page")
            if "onerror=alert(1)" in page.inner_text("body"):
                shown_on.add(pattern)
    assert not faults, "\n".join(faults)
    # The walk would prove nothing if nobody showed what was written.
    assert len(shown_on) >= len(PAGES) // 4, shown_on
