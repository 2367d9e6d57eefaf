"""The node's own REST interface, ``/v1``: one module of routes per noun, declared as ``node.routes.Route``.

To add a route, add it to the list of its noun's module; ``all_routes`` is everything that the node serves under /v1.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.routes import Route
from registry.accounts import Accounts
from registry.api.v1.accounts import account_routes
from registry.api.v1.batches import batch_routes
from registry.api.v1.enterprises import enterprise_routes
from registry.api.v1.identifiers import identifier_routes
from registry.api.v1.prefixes import prefix_routes
from registry.api.v1.templates import template_routes
from registry.batches import Batches
from registry.enterprises import Enterprises
from registry.identifiers import Identifiers
from registry.prefixes import Prefixes
from registry.template_store import Templates


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """The writer's use cases; ``batch_bytes`` and ``batch_seconds`` bound a bulk body and its pauses."""

    accounts: Accounts
    enterprises: Enterprises
    prefixes: Prefixes
    templates: Templates
    identifiers: Identifiers
    batches: Batches
    batch_bytes: int
    batch_seconds: float


def all_routes(cases: UseCases) -> list[Route]:
    """Every route of the interface."""
    return [
        *account_routes(cases.accounts),
        *enterprise_routes(cases.enterprises),
        *prefix_routes(cases.prefixes),
        *template_routes(cases.templates),
        *identifier_routes(cases.identifiers),
        *batch_routes(cases.batches, most_bytes=cases.batch_bytes, patience=cases.batch_seconds),
    ]
