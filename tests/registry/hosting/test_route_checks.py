"""Whether a route can be reached: asked of a running node, of nobody, of the silent, of those who talk nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network

import pytest

from node.handle_data import Protocol
from node.outward import AddressRefused, Outward
from node.rate_limit import RateLimit, TooManyRequests
from registry.hosting.probe import DEADLINE_SECONDS, Reach, probe
from registry.hosting.routes import PrefixRoutes, RouteUnknown
from registry.hosting.sites import read_site
from tests.support.node import running_node
from tests.support.office import Office, acting

HERE = ip_address("127.0.0.1")
OUTWARD = Outward((ip_network("127.0.0.1/32"),))
ALL = (Protocol.TCP, Protocol.UDP, Protocol.HTTP)


@asynccontextmanager
async def peer(says: bytes | None) -> AsyncIterator[int]:
    """Somebody who says the same to everything by TCP and UDP, or nothing at all; its port."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if says is not None:
            writer.write(says)
        await reader.read(-1)
        writer.close()

    class Echo(asyncio.DatagramProtocol):
        transport: asyncio.DatagramTransport

        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # UDP's
            self.transport = transport

        def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:  # noqa: ARG002
            if says is not None:
                self.transport.sendto(says, address)

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=("127.0.0.1", port))
    try:
        yield port
    finally:
        transport.close()
        server.close()


async def asked(port: int, *protocols: Protocol) -> list[Reach]:
    return await asyncio.gather(
        *(probe(OUTWARD, protocol, HERE, port, "0.NA/88.101.2001", 7) for protocol in protocols)
    )


async def test_a_running_node_is_reached_by_tcp_udp_and_http(database_url: str) -> None:
    async with running_node(database_url, log={"requests": False}) as node:
        holder = node.holder
        site = read_site("127.0.0.1", tcp_port=node.handle_port, udp_port=node.handle_port, http_port=node.port)
        await node.world.prefix_routes.set(holder.account, holder.actor, holder.prefix, [site])
        found = await node.world.prefix_routes.check(holder.account, holder.prefix)
        assert [(one.protocol, one.reachable, one.code, one.error) for one in found] == [
            (Protocol.TCP, True, 1, ""), (Protocol.UDP, True, 1, ""), (Protocol.HTTP, True, 200, ""),
        ]  # fmt: skip
        assert all(0 <= one.milliseconds < 1000 for one in found)
        answer = await node("POST", f"/v1/prefixes/{holder.prefix}/route/checks")
        assert (answer.status, answer.json["reachable"]) == (200, True)
        assert [one["protocol"] for one in answer.json["checks"]] == ["tcp", "udp", "http"]


async def test_nobody_and_the_silent_are_told_apart(unused_tcp_port: int) -> None:
    assert [one.error for one in await asked(unused_tcp_port, *ALL)] == ["refused"] * 3
    async with peer(None) as port:
        found = await asked(port, *ALL)
    assert [(one.reachable, one.error) for one in found] == [(False, "timeout")] * 3
    assert all(abs(one.milliseconds - DEADLINE_SECONDS * 1000) < 500 for one in found)


@pytest.mark.parametrize("says", [b"\x00" * 44, b"220 mail.example.com ESMTP ready for whatever you may want\r\n"])
async def test_who_answers_in_other_words_does_not_count_as_reached(says: bytes) -> None:
    async with peer(says) as port:
        found = await asked(port, Protocol.TCP, Protocol.UDP)
        assert [(one.reachable, one.code, one.error) for one in found] == [(False, None, "not_that_protocol")] * 2
        if says.endswith(b"\n"):
            assert (await asked(port, Protocol.HTTP))[0].error == "not_that_protocol"


async def test_a_status_line_without_end_is_read_no_further_than_a_stream_s_bound() -> None:
    async with peer(b"HTTP/1.1 200" + b"x" * 200_000) as port:
        assert [one.error for one in await asked(port, Protocol.HTTP)] == ["unreachable"]


async def test_addresses_of_inner_networks_are_not_asked(office: Office) -> None:
    grant = await office.grant()
    for address in ("10.0.0.1", "169.254.169.254", "fd00::1"):
        await office.routes.set(office.admin, acting(office.admin), grant.prefix, [read_site(address, tcp_port=80)])
        with pytest.raises(AddressRefused):
            await office.routes.check(office.admin, grant.prefix)
    with pytest.raises(AddressRefused):
        await probe(Outward(), Protocol.TCP, HERE, 80, "0.NA/88.101", 1)


async def test_a_prefix_without_route_has_nothing_to_check_and_checks_are_bounded(
    office: Office, unused_tcp_port: int
) -> None:
    grant = await office.grant()
    limit = RateLimit(per_minute=1, burst=2, most_sources=10, clock=lambda: 0.0)
    routes = PrefixRoutes(office.pool, office.clock, OUTWARD, limit)
    with pytest.raises(RouteUnknown):
        await routes.check(office.admin, grant.prefix)
    site = read_site("127.0.0.1", tcp_port=unused_tcp_port)
    await routes.set(office.admin, acting(office.admin), grant.prefix, [site])
    for _ in range(2):
        assert [one.error for one in await routes.check(office.admin, grant.prefix)] == ["refused"]
    with pytest.raises(TooManyRequests):
        await routes.check(office.admin, grant.prefix)
    user = office.user(await office.enterprises.get(office.admin, grant.enterprise_id))
    assert [one.error for one in await routes.check(user, grant.prefix)] == ["refused"]
