"""Simple requests: which requests the front answers by itself, told from all others.

A request is its beginning, its target and its block: all that stands behind the target. Clients repeat the block
of their first request in each that follows, so it is scanned once and compared afterwards. What is scanned strictly
here aiohttp would take in the same way; every doubt is a "no", for the answer is aiohttp's then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from node.errors import Malformed
from node.identifier import Identifier
from resolver.answer import Key, NotResponsible
from resolver.counting.bots import marks_of
from resolver.http.asking import spelling
from resolver.names import parse_name

BEGIN = b"GET /api/handles/"
END = b"\r\n\r\n"
LONGEST = 4096
"""Bytes of a simple request."""

_BLOCKS = 1000  # remembered; each is shorter than a request
_VERSION = b" HTTP/1.1\r\n"
_TARGET = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=:@/%-]+")
_HOST = re.compile(rb"[A-Za-z0-9._:\[\]-]+")
_PRINTABLE = re.compile(rb"[ -~]*")

# Headers that change nothing in an answer of Handle JSON, nor in how the connection goes on.
_WITHOUT_EFFECT = frozenset(
    {
        b"accept", b"accept-charset", b"accept-encoding", b"accept-language", b"cache-control",
        b"content-type", b"dnt", b"forwarded", b"from", b"pragma", b"priority", b"referer", b"save-data",
        b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform", b"sec-fetch-dest", b"sec-fetch-mode",
        b"sec-fetch-site", b"sec-fetch-user", b"sec-gpc", b"traceparent", b"tracestate",
        b"upgrade-insecure-requests", b"via", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto",
        b"x-real-ip",
    }
)  # fmt: skip
_HEEDED = frozenset({b"connection", b"host", b"user-agent", b"x-forwarded-for"})


@dataclass(frozen=True, slots=True)
class Block:
    """What a request says beside its target: the marks of its sender, for whom its sender vouches."""

    marks: int
    forwarded_for: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The identifier that a target names; ``handle`` as it was spelled."""

    handle: str
    identifier: Identifier
    key: Key


class Blocks:
    """Blocks of simple requests, of all connections; clients of a kind have the same."""

    def __init__(self) -> None:
        self._known: dict[bytes, Block] = {}

    def read(self, told: bytes) -> Block | None:
        """``None`` when a request that ends so is not simple."""
        block = self._known.get(told)
        if block is None:
            block = _scanned(told)
            if block is not None:
                if len(self._known) >= _BLOCKS:
                    self._known.clear()
                self._known[told] = block
        return block


def _scanned(told: bytes) -> Block | None:
    if not told.startswith(_VERSION):
        return None
    heeded: dict[bytes, bytes] = {}
    seen: set[bytes] = set()
    for line in told[len(_VERSION) : -len(END)].split(b"\r\n"):
        name, colon, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" ")
        if not colon or name in seen or not _PRINTABLE.fullmatch(value):
            return None
        seen.add(name)
        if name in _HEEDED:
            heeded[name] = value
        elif name not in _WITHOUT_EFFECT:
            return None
    if not _HOST.fullmatch(heeded.get(b"host", b"")):
        return None
    if heeded.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    agent, forwarded = (heeded.get(name, b"").decode() for name in (b"user-agent", b"x-forwarded-for"))
    return Block(marks_of(agent), forwarded)


def asked_in(target: bytes) -> Asked | None:
    """The identifier in what stands behind ``/api/handles/``; ``None`` when it is something else, or nothing."""
    if not _TARGET.fullmatch(target):
        return None
    try:
        handle = target.decode()
        if "%" in handle:
            handle = spelling(handle)
        name = parse_name(handle)
    except (Malformed, NotResponsible):
        return None
    if not isinstance(name, Identifier):
        return None
    return Asked(handle, name, (name.prefix.key, name.key))


def may_become_simple(begun: bytes, block: bytes) -> bool:
    """Whether a request that has not come whole can still be one that ends with this block."""
    if len(begun) <= len(BEGIN):
        return BEGIN.startswith(begun)
    if not begun.startswith(BEGIN) or len(begun) > LONGEST:
        return False
    target, space, rest = begun[len(BEGIN) :].partition(b" ")
    return bool(_TARGET.fullmatch(target)) and (not space or block.startswith(space + rest))
