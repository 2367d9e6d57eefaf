"""Who asks for identifiers below a prefix of their own, as identities of the Handle protocol show it."""

from __future__ import annotations

from node.administration import Identity
from node.identifier import fold
from node.resolutions import OWN

_PREFIX_HANDLES = "0.NA/"


def marks_of_identity(identity: Identity | None, prefix: str) -> int:
    """``OWN`` for who stands below the prefix asked for (its key), or is that prefix itself; else 0."""
    if identity is None or not prefix:
        return 0
    handle = fold(identity.handle)
    return OWN if handle.startswith(f"{prefix}/") or handle == f"{_PREFIX_HANDLES}{prefix}" else 0
