"""Where somebody answers: the servers that a delegation names, and the roots that the operator names.

A site with several servers shares its names out among them by a hash, so of each site one server is asked.
Reference: RFC 3651 section 3.2.2, RFC 3652 section 3.2.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from node.errors import Malformed
from node.handle_data import Protocol, Server, Site, decode_site
from node.identifier import PROTOCOL_LIMIT, fold
from node.record import InvalidRecord, Record

SITES = frozenset({"HS_SITE", "HS_SITE.6"})
"""Types of the values that say where the names of a prefix are answered."""
SITES_BELOW = frozenset({"HS_SITE.PREFIX", "HS_NA_DELEGATE"})
"""Likewise, where the prefixes derived from it are."""

_ROOT = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[0-9A-Za-z._-]+)):(?P<port>[0-9]{1,5})")
_MOST_SITES = 8
_BY_PREFIX, _BY_SUFFIX = 0, 1


class RootUnreadable(Malformed):
    """Evidence: ``root``."""

    title_zh = "递归起点地址有误"


@dataclass(frozen=True, slots=True)
class Target:
    """One server by TCP; ``public_key`` is the data of an HS_PUBKEY value, empty when none is known.

    ``configured``: the operator named it, so its host may be a name and its network is his choice.
    """

    host: str
    port: int
    public_key: bytes = b""
    configured: bool = False

    @property
    def text(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Delegation:
    """Who answers for ``prefix``, in upper case; empty: for all, as the roots do.

    ``below``: there the records of the prefixes derived from it are asked for, and not yet the names themselves.
    """

    prefix: str
    sites: tuple[Site, ...] = ()
    targets: tuple[Target, ...] = ()
    below: bool = False

    def toward(self, handle: str) -> tuple[Target, ...]:
        """The servers that know about a handle, in the order in which they are asked."""
        chosen = filter(None, (_target(site, handle) for site in self.sites))
        return tuple(dict.fromkeys((*self.targets, *chosen)))


def delegation_of(prefix: str, values: Record, *, below: bool = False) -> Delegation:
    """The delegation that the public values of ``0.NA/<prefix>`` are; without sites when they name none.

    ``below``: sites of derived prefixes are wanted, and those of the prefix's own names where there are no such.
    """
    sites = (_sites(values, SITES_BELOW) if below else ()) or _sites(values, SITES)
    return Delegation(fold(prefix), sites, below=below)


def roots_of(texts: Sequence[str]) -> tuple[Target, ...]:
    """Servers from ``HOST:PORT``, ``[IPv6]:PORT``. Raises ``RootUnreadable``."""
    targets = []
    for text in texts:
        match = _ROOT.fullmatch(text.strip())
        port = int(match["port"]) if match else 0
        if not match or not 0 < port < 65_536:
            raise RootUnreadable(f"{text} is not HOST:PORT", root=text)
        targets.append(Target(match["six"] or match["host"], port, configured=True))
    return tuple(targets)


def service_of(values: Record, *, below: bool = False) -> str | None:
    """The handle that names the servers of a prefix, where its record names them so."""
    types = {"HS_SERV.PREFIX", "HS_SERV"} if below else {"HS_SERV"}
    service = next((value for value in values if fold(value.type) in types), None)
    if service is None or len(service.data) > PROTOCOL_LIMIT:
        return None
    return service.data.decode(errors="replace")


def _sites(values: Record, types: frozenset[str]) -> tuple[Site, ...]:
    """The sites that values of these types name; one that cannot be read names nothing."""
    sites = []
    for value in values:
        if fold(value.type) in types:
            with contextlib.suppress(InvalidRecord, ValueError):
                sites.append(decode_site(value.data))
    return tuple(sites[:_MOST_SITES])


def _target(site: Site, handle: str) -> Target | None:
    """The server of a site that has a handle, where it answers questions by TCP."""
    if not site.servers:
        return None
    server = site.servers[_place(site.hash_option, handle) % len(site.servers)]
    port = _tcp_port(server)
    return Target(str(server.address), port, server.public_key) if port else None


def _place(hash_option: int, handle: str) -> int:
    prefix, _, suffix = handle.partition("/")
    part = prefix if hash_option == _BY_PREFIX else suffix if hash_option == _BY_SUFFIX else handle
    digest = hashlib.md5(fold(part).encode(), usedforsecurity=False).digest()
    return abs(int.from_bytes(digest[-4:], "big", signed=True))


def _tcp_port(server: Server) -> int:
    return next((each.port for each in server.interfaces if each.query and each.protocol is Protocol.TCP), 0)
