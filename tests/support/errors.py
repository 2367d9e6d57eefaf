"""Every error class of the node itself, and an example of each."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from node.errors import CATEGORIES, NodeError

ROOT = Path(__file__).parents[2]
PACKAGES = ("node", "registry", "resolver", "admin")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def descendants(kind: type[NodeError]) -> Iterator[type[NodeError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def kinds() -> list[type[NodeError]]:
    """All error classes of the node itself, once each."""
    for path in FILES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    found = {kind for kind in descendants(NodeError) if kind.__module__.partition(".")[0] in PACKAGES}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


KINDS = kinds()
FACTS = [kind for kind in KINDS if kind not in CATEGORIES]


def example(kind: type[NodeError]) -> NodeError:
    """One of the kind, whatever its constructor asks for."""
    made = kind.__new__(kind)
    NodeError.__init__(made, "so it is", where="here")
    return made
