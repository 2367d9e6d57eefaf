"""Where this node is, in the Handle System's words: its own HS_SITE, from which clients learn addresses and key.

IPv4 addresses stand in HS_SITE, IPv6 in HS_SITE.6, each a server of one primary site; they are all this node.
Reference: RFC 3651 section 3.2.2; the bytes of tests/vectors.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from node.errors import Malformed
from node.handle_data import Interface, Protocol, Server, Site, encode_site
from node.identifier import Prefix, fold
from node.record import Record, Value

PROTOCOL_VERSION = (2, 11)

_INDEX = {"HS_SITE": 1, "HS_SITE.6": 6}


class InvalidPublicAddress(Malformed):
    """Evidence: ``address``."""

    title_zh = "节点公开地址有误"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the node listens; ``None``: not at all."""

    tcp: int
    udp: int | None
    http: int | None
    https: int | None


@dataclass(frozen=True, slots=True)
class OwnSite:
    """``values`` are HS_SITE and HS_SITE.6, or the one that there is an address for; ``prefix`` is the node's own."""

    prefix: Prefix
    serial: int
    values: Record

    @property
    def handle(self) -> str:
        """The site handle, ``0.SITE/<prefix>``."""
        return f"0.SITE/{self.prefix.key}"

    @property
    def data(self) -> bytes:
        """The site information that clients ask for without naming a handle."""
        return self.values[0].data

    def is_named_by(self, value: Value) -> bool:
        """Whether a value that names a service, HS_SITE… or HS_SERV…, names this node."""
        if fold(value.type).startswith("HS_SERV"):
            return value.data.upper() == self.handle.encode()
        return any(value.data == own.data for own in self.values)


def own_site(
    prefix: Prefix, name: str, addresses: Sequence[str], ports: Ports, serial: int, public_key: bytes
) -> OwnSite:
    """The node's site; ``public_key`` is the data of an HS_PUBKEY value, ``serial`` below 65,535.

    Raises ``InvalidPublicAddress`` when an address is none, or none is given.
    """
    known = [_address(address) for address in addresses]
    if not known:
        raise InvalidPublicAddress("handle.public_addresses names no address", address="")
    interfaces = _interfaces(ports)
    by_type: dict[str, list[Server]] = {}
    for address in known:
        servers = by_type.setdefault("HS_SITE" if address.version == 4 else "HS_SITE.6", [])
        servers.append(Server(len(servers) + 1, address, public_key, interfaces))
    values = []
    for kind in sorted(by_type):
        site = Site(
            protocol=PROTOCOL_VERSION,
            serial=serial,
            primary=True,
            multi_primary=False,
            attributes=(("desc", name),),
            servers=tuple(by_type[kind]),
        )
        values.append(Value(_INDEX[kind], kind, encode_site(site)))
    return OwnSite(prefix, serial, tuple(values))


def _interfaces(ports: Ports) -> tuple[Interface, ...]:
    """By UDP only questions: administration needs a proof of identity, and a source that is not forged."""
    offered = (
        (Protocol.TCP, ports.tcp),
        (Protocol.UDP, ports.udp),
        (Protocol.HTTP, ports.http),
        (Protocol.HTTPS, ports.https),
    )
    return tuple(
        Interface(admin=protocol is not Protocol.UDP, query=True, protocol=protocol, port=port)
        for protocol, port in offered
        if port is not None
    )


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise InvalidPublicAddress(f"handle.public_addresses: {text} is no IP address", address=text) from None
    if address.version == 6 and address.packed.startswith(bytes(12)):
        # The encoding writes IPv4 with these twelve bytes in front: ::1 would be read as 0.0.0.1.
        raise InvalidPublicAddress(f"handle.public_addresses: a site cannot name {text}", address=text)
    return address
