"""Whose address a request came from, when proxies stand before us.

``X-Forwarded-For`` is believed from trusted networks only, read from its right end: the first address that is
not a trusted proxy itself is the client. Whatever stands left of it anybody could have written.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SOURCES = 10_000  # whose verdict is remembered


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address without zone, IPv4-mapped forms unwrapped; ``None`` when it is none."""
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: Sequence[Network]) -> bool:
    """Whether any of the networks holds the address."""
    return any(address in network for network in networks)


class KnownNetworks:
    """Which sources are in one of some networks; verdicts are remembered, for the same sources come again."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)
        self._verdicts: dict[str, bool] = {}

    def __contains__(self, source: str) -> bool:
        verdict = self._verdicts.get(source)
        if verdict is None:
            address = parse_address(source)
            verdict = address is not None and within(address, self._networks)
            if len(self._verdicts) >= _SOURCES:
                self._verdicts.clear()
            self._verdicts[source] = verdict
        return verdict


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The client's address as text; the peer's own when no trusted proxy vouches for another.

    ``peer`` is the socket's far end, ``forwarded_for`` the joined X-Forwarded-For values (may be empty).
    """
    address = parse_address(peer)
    if address is None:
        return peer
    if not trusted or not forwarded_for:
        return str(address)
    for hop in reversed(forwarded_for.split(",")):
        if not within(address, trusted):
            break
        following = parse_address(hop)
        if following is None:
            break
        address = following
    return str(address)
