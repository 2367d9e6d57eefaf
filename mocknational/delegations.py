"""Who answers for a name, as the national node knows it: an enterprise, a node, the national node itself, or nobody.

The longest prefix that is known decides. A prefix whose enterprise answers for it itself goes to that enterprise,
every other one to the node that it was delegated to; while a takeover of that node is active, here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import msgspec

from node.database import Connection
from node.handle_data import Interface, Protocol, Server, encode_site
from node.handle_data import Site as HandleSite
from node.identifier import fold
from node.national.access import Site
from node.record import Record, Value
from node.site import PROTOCOL_VERSION
from node.sql import statements_beside

_SQL = statements_beside(__file__, "delegations.sql")
_SITES = msgspec.json.Decoder(list[Site])
_TTL = 60
"""Seconds for which a delegation may be kept: a takeover has to be felt soon."""
_ENDED = frozenset({"suspended", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The service at ``values`` (HS_SITE) answers for ``prefix`` and what is derived from it."""

    prefix: str
    values: Record


@dataclass(frozen=True, slots=True)
class TakenOver:
    """The standby records of ``delegated_prefix`` answer."""

    prefix: str
    delegated_prefix: str
    takeover_id: UUID


@dataclass(frozen=True, slots=True)
class Suspended:
    prefix: str


@dataclass(frozen=True, slots=True)
class Unrouted:
    """The prefix is known; where it is answered was not reported yet."""

    prefix: str


Answering = Elsewhere | TakenOver | Suspended | Unrouted


async def who_answers(connection: Connection, prefix: str) -> Answering | None:
    """Who answers for the names below ``prefix``; ``None`` when nobody is known."""
    above = list(_with_those_above(fold(prefix)))
    rows = await connection.fetch(_SQL["who_answers"], above)
    by_kind = {kind: [row for row in rows if row["kind"] == kind] for kind in ("prefix", "takeover", "route", "key")}
    held = by_kind["prefix"][0] if by_kind["prefix"] else None
    if held is not None and held["state"] in _ENDED:
        return Suspended(held["prefix"])
    if held is not None and (values := _site_values(held)):
        return Elsewhere(held["prefix"], values)
    for row in by_kind["takeover"]:
        return TakenOver(held["prefix"] if held else row["prefix"], row["prefix"], row["takeover_id"])
    for row in by_kind["route"]:
        if values := _site_values(row):
            return Elsewhere(held["prefix"] if held else row["prefix"], values)
    known = held or next(iter(by_kind["key"]), None)
    return Unrouted(known["prefix"]) if known else None


def own_values(host: str, port: int) -> Record:
    """The HS_SITE of the national node itself, without a key."""
    return _values([Site(address=host, tcp_port=port, udp_port=port)], 1, b"")


def _with_those_above(prefix: str) -> Iterable[str]:
    """88.101.2001.7, 88.101.2001, 88.101."""
    while prefix.count("."):
        yield prefix
        prefix = prefix.rpartition(".")[0]


def _site_values(row: asyncpg.Record) -> Record:
    return _values(_SITES.decode(row["sites"]), row["serial"], row["public_key"] or b"")


def _values(sites: Iterable[Site], serial: int, public_key: bytes) -> Record:
    """HS_SITE for IPv4, HS_SITE.6 for IPv6; an address that is none, and one without a port, are passed over."""
    servers: dict[str, list[Server]] = {}
    for site in sites:
        try:
            address = ipaddress.ip_address(site.address)
        except ValueError:
            continue
        offered = ((Protocol.TCP, site.tcp_port), (Protocol.UDP, site.udp_port), (Protocol.HTTP, site.http_port))
        interfaces = tuple(
            Interface(admin=protocol is not Protocol.UDP, query=True, protocol=protocol, port=port)
            for protocol, port in offered
            if port
        )
        if interfaces:
            named = servers.setdefault("HS_SITE" if address.version == 4 else "HS_SITE.6", [])
            named.append(Server(len(named) + 1, address, public_key, interfaces))
    return tuple(
        Value(index, kind, encode_site(_site(serial, servers[kind])), _TTL)
        for index, kind in ((1, "HS_SITE"), (6, "HS_SITE.6"))
        if kind in servers
    )


def _site(serial: int, servers: list[Server]) -> HandleSite:
    return HandleSite(
        protocol=PROTOCOL_VERSION, serial=serial, primary=True, multi_primary=False, attributes=(),
        servers=tuple(servers),
    )  # fmt: skip
