"""Connections that this node opens because somebody asked it to: never into networks that are not theirs to reach.

Whoever may name an address could make the node knock at its own doors, at the database's, or at a cloud's metadata
service. So only addresses of the public internet are connected to, and the networks that the operator names. What is
passed in is an address and never a name: what was checked is what is connected to.
Reference: the IANA registries of special-purpose addresses (RFC 6890).
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from node.errors import Forbidden

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
P = TypeVar("P", bound=asyncio.BaseProtocol)

# What Python's is_global lets through in one release or another: relays, translators, and former local addresses.
_NOT_PUBLIC: tuple[Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "64:ff9b:1::/48", "100::/64",
         "2001::/23", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fec0::/10"),
    )
)  # fmt: skip
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(Forbidden):
    """Evidence: ``address``."""

    title_zh = "不允许访问该地址"


@dataclass(frozen=True, slots=True)
class Outward:
    """``networks`` may be reached besides the public internet."""

    networks: Sequence[Network] = ()

    def check(self, address: Address) -> None:
        """Raises ``AddressRefused``."""
        meant = _meant(address)
        if any(meant in network for network in self.networks if network.version == meant.version):
            return
        if not _public(meant):
            raise AddressRefused(
                f"{address} is no address of the public internet; the operator can allow its network",
                address=str(address),
            )

    async def stream(self, address: Address, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TCP connection. Raises ``AddressRefused``, ``OSError``; the deadline is the caller's."""
        self.check(address)
        return await asyncio.open_connection(str(address), port)

    async def datagrams(
        self, address: Address, port: int, protocol: Callable[[], P]
    ) -> tuple[asyncio.DatagramTransport, P]:
        """A UDP socket that hears this peer only. Raises ``AddressRefused``, ``OSError``."""
        self.check(address)
        loop = asyncio.get_running_loop()
        return await loop.create_datagram_endpoint(protocol, remote_addr=(str(address), port))


def _meant(address: Address) -> Address:
    """The address that packets go to: IPv6 can carry one of IPv4."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(address.packed[12:])
    return address.ipv4_mapped or address


def _public(address: Address) -> bool:
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address in network for network in _NOT_PUBLIC if network.version == address.version)
