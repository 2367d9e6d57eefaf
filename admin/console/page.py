"""What a page of the console is: one declaration feeds the router, the check of rights, the menu and the tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from node.auth import Action, Role

if TYPE_CHECKING:
    from admin.console.visit import Visit

STAFF = frozenset({Role.ADMINISTRATOR, Role.REVIEWER, Role.AUDITOR})
ENTERPRISE = frozenset({Role.ENTERPRISE_USER})
EVERYBODY = STAFF | ENTERPRISE
"""Applications have no console: they have keys."""


@dataclass(frozen=True, slots=True)
class Page:
    """``action`` is what a visitor must be allowed to do at all, ``roles`` to whom the page is of use."""

    method: str
    path: str
    handler: Callable[[Visit], Awaitable[web.StreamResponse]]
    action: Action
    roles: frozenset[Role] = EVERYBODY
