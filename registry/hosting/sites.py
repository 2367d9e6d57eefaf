"""A self-hosted route: the addresses and ports at which an enterprise answers for its prefix itself; pure.

An IPv4 address is an HS_SITE value of the prefix's handle, an IPv6 address an HS_SITE.6, each a site with one server.
Reference: RFC 3651 section 3.2.2.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from node.errors import Malformed
from node.handle_data import Interface, Protocol, Server, Site, decode_site, encode_site
from node.identifier import fold
from node.record import InvalidRecord, Record, Value
from node.site import PROTOCOL_VERSION

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PLACES = {4: (1, "HS_SITE"), 6: (6, "HS_SITE.6")}
_SITES = frozenset({"HS_SITE", "HS_SITE.6"})
_SERVICES = _SITES | {"HS_SERV"}
"""Types of the values that say which service answers for a prefix."""
_HIGHEST_SERIAL = 0xFFFE
_PORTS = range(1, 65536)


class RouteInvalid(Malformed):
    """Evidence: ``field``."""

    title_zh = "解析路由有误"


@dataclass(frozen=True, slots=True)
class RouteSite:
    """One address; a port is ``None`` where nothing listens."""

    address: Address
    tcp_port: int | None = None
    udp_port: int | None = None
    http_port: int | None = None

    @property
    def ports(self) -> Iterator[tuple[Protocol, int]]:
        """What it listens on."""
        named = ((Protocol.TCP, self.tcp_port), (Protocol.UDP, self.udp_port), (Protocol.HTTP, self.http_port))
        return ((protocol, port) for protocol, port in named if port is not None)

    def to_json(self) -> dict[str, Any]:
        """What goes upward and into history."""
        return {
            "address": str(self.address),
            "tcp_port": self.tcp_port,
            "udp_port": self.udp_port,
            "http_port": self.http_port,
        }


def read_site(
    address: str, *, tcp_port: int | None = None, udp_port: int | None = None, http_port: int | None = None
) -> RouteSite:
    """A site of what somebody wrote. Raises ``RouteInvalid``."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise RouteInvalid(f"{address} is no IP address", field="address") from None
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None or parsed.packed.startswith(bytes(12)):
            # The encoding writes IPv4 with these twelve bytes in front: ::1 would be read as 0.0.0.1.
            raise RouteInvalid(f"a site cannot name the address {address}", field="address")
        parsed = parsed.ipv4_mapped or parsed
    if parsed.is_unspecified or parsed.is_multicast:
        raise RouteInvalid(f"{address} is the address of no single server", field="address")
    site = RouteSite(parsed, tcp_port, udp_port, http_port)
    for protocol, port in site.ports:
        if port not in _PORTS:
            raise RouteInvalid("a port is 1 to 65,535", field=f"{protocol.name.lower()}_port")
    return site


def check_sites(sites: Sequence[RouteSite]) -> None:
    """One IPv4 address, one IPv6 address, or both, each with a port at least. Raises ``RouteInvalid``."""
    versions = [site.address.version for site in sites]
    if not sites or len(set(versions)) != len(versions):
        raise RouteInvalid("a route has one IPv4 address, one IPv6 address, or one of each", field="sites")
    if any(not list(site.ports) for site in sites):
        raise RouteInvalid("say at least one of tcp_port, udp_port and http_port", field="sites")


def with_route(record: Record, sites: Sequence[RouteSite], description: str, stamp: int) -> Record:
    """The record of a prefix with these sites instead of whatever said before which service answers for it.

    ``stamp`` is when, in Unix seconds.
    """
    rest = without_route(record)
    taken = {value.index for value in rest}
    serial = _next_serial(record)
    made = []
    for site in sites:
        index, kind = _PLACES[site.address.version]
        while index in taken:
            index += 1
        taken.add(index)
        made.append(Value(index, kind, encode_site(_site(site, serial, description)), timestamp=stamp))
    return tuple(sorted((*rest, *made), key=lambda value: value.index))


def without_route(record: Record) -> Record:
    """The record without the values that name a service: the node itself answers then."""
    return tuple(value for value in record if fold(value.type) not in _SERVICES)


def sites_of(record: Record) -> list[RouteSite]:
    """The addresses that the record names, however they came into it; several servers of a site one by one."""
    return [
        _of_server(server)
        for value in record
        if fold(value.type) in _SITES and (site := _decoded(value)) is not None
        for server in site.servers
    ]


def _site(site: RouteSite, serial: int, description: str) -> Site:
    # By UDP only questions, as for the node's own site.
    interfaces = tuple(
        Interface(admin=protocol is not Protocol.UDP, query=True, protocol=protocol, port=port)
        for protocol, port in site.ports
    )
    return Site(
        protocol=PROTOCOL_VERSION,
        serial=serial,
        primary=True,
        multi_primary=False,
        attributes=(("desc", description),),
        servers=(Server(1, site.address, b"", interfaces),),
    )


def _next_serial(record: Record) -> int:
    """Clients fetch a site again when its serial number changed."""
    known = [site.serial for value in record if fold(value.type) in _SITES and (site := _decoded(value)) is not None]
    return max(known, default=0) % _HIGHEST_SERIAL + 1


def _of_server(server: Server) -> RouteSite:
    ports = {interface.protocol: interface.port for interface in reversed(server.interfaces)}
    return RouteSite(server.address, ports.get(Protocol.TCP), ports.get(Protocol.UDP), ports.get(Protocol.HTTP))


def _decoded(value: Value) -> Site | None:
    try:
        return decode_site(value.data)
    except InvalidRecord:
        return None
