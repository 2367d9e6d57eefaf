"""What a handle names in the registry: the record of a prefix (``0.NA/88.101.2001``), or an identifier."""

from __future__ import annotations

import re

from node.administration import PrefixElsewhere
from node.identifier import Identifier, InvalidPrefix, Prefix, fold

_PREFIX_SPACE = "0.NA"
_ELSEWHERE = re.compile(r"[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)*")


def named(handle: str) -> Prefix | Identifier:
    """A prefix for the handle of a prefix (a name without slash is short for one), else the identifier.

    Prefixes may be derived ones. Raises InvalidPrefix, InvalidSuffix, InvalidIdentifier, and ``PrefixElsewhere`` for
    the well-formed prefixes of other parts of the Handle System.
    """
    space, slash, rest = handle.partition("/")
    if not slash:
        return _prefix(handle)
    if fold(space) == _PREFIX_SPACE:
        return _prefix(rest)
    return Identifier.of(_prefix(space), rest)


def prefix_handle(prefix: Prefix) -> str:
    """``0.NA/<prefix>``, in upper case as the Handle System stores it."""
    return f"{_PREFIX_SPACE}/{prefix.key}"


def handle_key(handle: str) -> str:
    """The form in which two handles are the same: without ASCII case, a name without slash in full."""
    return fold(handle) if "/" in handle else f"{_PREFIX_SPACE}/{fold(handle)}"


def chain(prefix: Prefix, node_prefix: Prefix) -> list[Prefix]:
    """The prefix, those above it, and last the node's own, to which all that are served here belong."""
    found = [prefix]
    above = prefix.parent
    while above is not None and above != node_prefix and above.is_under(node_prefix):
        found.append(above)
        above = above.parent
    return found if prefix == node_prefix else [*found, node_prefix]


def _prefix(text: str) -> Prefix:
    try:
        return Prefix.parse_derived(text)
    except InvalidPrefix as fault:
        if fault.evidence["reason"] in ("root", "segments") and _ELSEWHERE.fullmatch(text):
            raise PrefixElsewhere(f"the prefix {text} is not served by this node", prefix=text) from fault
        raise
