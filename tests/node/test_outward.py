"""Which addresses the node connects to for others, and which never."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_network

import pytest

from node.outward import AddressRefused, Outward

INNER = (
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.8.9.1", "169.254.169.254", "172.16.0.1", "172.31.255.254",
    "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.1.2.3", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1",
    "ff02::1",
)  # fmt: skip
PUBLIC = ("1.1.1.1", "8.8.8.8", "36.112.1.1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2400:3200::1", "240e:1::1")


@pytest.mark.parametrize("text", INNER)
def test_an_address_of_an_inner_network_is_refused(text: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        Outward().check(ip_address(text))
    assert refusal.value.evidence == {"address": str(ip_address(text))}


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_of_the_public_internet_may_be_reached(text: str) -> None:
    Outward().check(ip_address(text))


def test_the_operator_allows_single_networks_also_in_ipv6_s_clothes() -> None:
    outward = Outward((ip_network("10.20.0.0/16"), ip_network("fd12:3456::/32")))
    for allowed in ("10.20.1.1", "::ffff:10.20.1.1", "64:ff9b::a14:101", "fd12:3456::7"):
        outward.check(ip_address(allowed))
    for refused in ("10.21.1.1", "::ffff:10.21.1.1", "fd12:3457::7", "127.0.0.1"):
        with pytest.raises(AddressRefused):
            outward.check(ip_address(refused))


async def test_nothing_is_sent_to_an_address_that_is_refused() -> None:
    heard = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append("connection")
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(AddressRefused):
            await Outward().stream(ip_address("127.0.0.1"), port)
        with pytest.raises(AddressRefused):
            await Outward().datagrams(ip_address("127.0.0.1"), port, asyncio.DatagramProtocol)
        assert heard == []
        reader, writer = await Outward((ip_network("127.0.0.1/32"),)).stream(ip_address("127.0.0.1"), port)
        assert await reader.read() == b""
        writer.close()
    assert heard == ["connection"]
