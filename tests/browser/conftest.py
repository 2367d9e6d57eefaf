"""A node and a browser for each file, visitors for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support import chromium as chromiums
from tests.support.chromium import Visit
from tests.support.databases import Clone
from tests.support.node import Node, node_of_its_own


@pytest.fixture(scope="module")
def node(clone: Clone) -> Iterator[Node]:
    """A laboratory node of this file's own."""
    settings = {"node": {"laboratory": True}, "log": {"requests": False}}
    with node_of_its_own(clone, **settings) as node:
        yield node


@pytest.fixture(scope="module")
def chromium(node: Node) -> Iterator[Browser]:
    """The browser: Playwright keeps an event loop in this thread, so it goes before the node does."""
    with chromiums.chromium() as browser:
        yield browser


@pytest.fixture
def visit(chromium: Browser, node: Node) -> Iterator[Visit]:
    """Makes visitors, and watches them."""
    with chromiums.visits(chromium, node.url) as visit:
        yield visit
