"""What somebody may ask for by name: an identifier, the handle of a prefix, a handle of the service itself.

    88.101.2001/Pump-1   an identifier; its prefix may be a derived one, 88.101.2001.7
    0.NA/88.101.2001     the record of that prefix; a name without slash is short for it
    0.SITE/88.101        computed by this node: where it is; likewise 0.SITE/status

Handles that begin with ``0.`` are the Handle System's own and compared without ASCII case as a whole.
Reference: RFC 3651 section 3, RFC 3652 section 3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from node.identifier import Identifier, InvalidPrefix, Prefix, fold
from resolver.answer import NotResponsible

PREFIX_SPACE = "0.NA"
SITE_SPACE = "0.SITE"

_HEARTBEAT = "0"  # the name that Teleinfo's programs ask for to see whether somebody is there
_PREFIXES = 4096  # remembered as they were spelled; those of a node are few
_ELSEWHERE = re.compile(r"[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)*")


@dataclass(frozen=True, slots=True)
class PrefixHandle:
    """``0.NA/<prefix>``; ``text`` is the spelling as given."""

    prefix: Prefix
    text: str


@dataclass(frozen=True, slots=True)
class ServiceHandle:
    """``0.SITE/…``, or the heartbeat's ``0.NA/0``; ``name`` is the whole in upper case, ``text`` as given."""

    text: str
    name: str


Name = Identifier | PrefixHandle | ServiceHandle


def parse_name(text: str) -> Name:
    """What a handle names.

    Raises InvalidIdentifier, InvalidPrefix, InvalidSuffix, and ``NotResponsible`` for the well-formed prefixes of
    other parts of the Handle System, such as 10.1000.
    """
    before, slash, behind = text.partition("/")
    if not slash:
        before, behind = PREFIX_SPACE, text
    space = fold(before)
    if space == SITE_SPACE or (space == PREFIX_SPACE and behind == _HEARTBEAT):
        return ServiceHandle(text, f"{space}/{fold(behind)}")
    if space == PREFIX_SPACE:
        return PrefixHandle(_prefix(behind), text)
    return Identifier.of(_prefix(before), behind)


def prefix_handle(prefix: Prefix) -> str:
    """``0.NA/<prefix>``, in upper case as the Handle System stores it."""
    return f"{PREFIX_SPACE}/{prefix.key}"


@lru_cache(_PREFIXES)
def _prefix(text: str) -> Prefix:
    try:
        return Prefix.parse_derived(text)
    except InvalidPrefix as fault:
        # 86 and 88 themselves belong to the national roots.
        if fault.evidence["reason"] in ("root", "segments") and _ELSEWHERE.fullmatch(text):
            raise NotResponsible(f"the prefix {text} is not served by this node", prefix=text) from fault
        raise
