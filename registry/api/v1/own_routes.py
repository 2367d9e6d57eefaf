"""Which part of ``/v1`` an enterprise's own node answers: what it registers, and who may; the rest is its secondary
node's business (enterprises and prefixes under review, numbering, hosting, transfers, commerce, service, filing).
"""

from __future__ import annotations

from collections.abc import Iterable

from node.routes import Route

_OWN = frozenset(
    {
        "tokens", "accounts", "templates", "template-categories", "mappings", "coding-rules", "identifiers",
        "references", "application-identities", "identity-groups", "data-grants", "notifications", "files",
        "batches", "exports", "labels", "statistics", "monitoring", "national",
    }
)  # fmt: skip
# The enterprise and its prefix are decided above: here they are looked at.
_LOOKED_AT = frozenset({"enterprises", "prefixes"})
_DECIDED_HERE = frozenset({"handle-policy", "suffix-rule"})
"""What stands below a prefix and is the enterprise's own affair all the same."""
_NOT_HERE = frozenset({"route"})


def own_routes(routes: Iterable[Route]) -> list[Route]:
    """The routes of an enterprise node among all, in their order."""
    return [route for route in routes if _answered(route)]


def _answered(route: Route) -> bool:
    last = route.document_path.rpartition("/")[2]
    if last in _DECIDED_HERE:
        return True
    return route.tag in _OWN or (route.tag in _LOOKED_AT and route.method == "GET" and last not in _NOT_HERE)
