"""Our client at our node: everything that an administrator does by TCP, and what anybody asks by UDP."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from loadtest.handle_client import HandleClient, HandleRefused, ReplyUnproven, by_tcp, by_udp
from loadtest.handle_identity import HMAC_SHA256, PBKDF2_HMAC_SHA1, RsaSigner, SecretSigner, Signer
from loadtest.handle_peer import TcpPeer
from node.database import Pool
from node.handle_data import AdminData, encode_admin
from node.http_server import Bounds
from node.record import ADMIN_READ, ADMIN_WRITE, Record, Value
from node.site_key import public_key_data
from registry.handle.administration import HandleAdministration
from resolver.counting.counter import ResolutionCounter
from resolver.counting.never import NeverCounts
from resolver.handle.conversation import Place
from resolver.handle.guard import GuardLimits
from resolver.handle.ports import bind
from resolver.handle.service import HandleService, Listening
from tests.support.desk import SITE, key_of
from tests.support.registrar import Registrar, admin_value, administer, opened
from tests.support.shelf import resolver_of
from tests.support.world import NODE_PREFIX, World

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
SECRET = b"a secret that is long enough"
URL = "https://example.org/pump/1"


@dataclass(frozen=True)
class House:
    registrar: Registrar
    port: int

    @property
    def prefix(self) -> str:
        return self.registrar.holder.prefix.text

    @property
    def prefix_handle(self) -> str:
        return f"0.NA/{self.prefix}"

    @property
    def by_key(self) -> RsaSigner:
        return RsaSigner(self.prefix_handle, 300, key_of("administrator"))

    def by_secret(self, form: int, secret: bytes = SECRET) -> SecretSigner:
        return SecretSigner(self.prefix_handle, 301, secret, form)

    def handle(self, suffix: str) -> str:
        return f"{self.prefix}/{suffix}"

    @asynccontextmanager
    async def client(self, signer: Signer | None = None) -> AsyncIterator[HandleClient]:
        async with by_tcp("127.0.0.1", self.port, signer) as client:
            yield client


@pytest.fixture
async def house(database_url: str, pool: Pool, tmp_path: Path) -> AsyncIterator[House]:
    world = World(pool)
    registrar = await opened(world, free_values=True)
    prefix = registrar.holder.prefix
    key = Value(300, "HS_PUBKEY", public_key_data(key_of("administrator")))
    await administer(world, prefix, admin_value(f"0.NA/{prefix.text}", 0), key)
    counter = ResolutionCounter(pool, None, never=NeverCounts(()), seconds=3600)
    administration = HandleAdministration(pool, world.clock, NODE_PREFIX, Random(7))
    limits = GuardLimits(
        challenge_seconds=60, session_seconds=3600, iterations=100_000, legacy_proofs=False, login_networks=LOOPBACK
    )
    ports = bind("127.0.0.1", 0, udp=True)
    bounds = Bounds(30, 600, 64, 64)
    listening = Listening(ports, bounds, 64, udp_ratio=4, udp_answers=1000, udp_slip=2, udp_reassemblies=16,
                          udp_reassembly_seconds=5)  # fmt: skip
    async with resolver_of(database_url, site=SITE) as resolver:
        service = HandleService(
            resolver, counter, administration, SITE, key_of("node"), world.clock, limits,
            listening=listening, place=Place(), directory=tmp_path,
        )  # fmt: skip
        async with service:
            yield House(registrar, ports.number)


def pump(url: str = URL) -> Record:
    return Value(1, "URL", url.encode()), Value(2000, "NAME", "泵".encode())


Told = dict[int, bytes] | int
"""The data of a handle's values by their indexes, or the response code of the refusal."""


async def read(client: HandleClient, handle: str, *, everything: bool = False) -> Told:
    try:
        return {value.index: value.data for value in await client.resolve(handle, everything=everything)}
    except HandleRefused as refusal:
        return refusal.response_code


async def becomes(client: HandleClient, handle: str, expected: Told) -> None:
    """At once: whoever writes reads what he wrote."""
    assert await read(client, handle) == expected


async def test_an_administrator_creates_changes_and_deletes_with_his_key(house: House) -> None:
    handle = house.handle("Pump-1")
    first = {1: URL.encode(), 2000: "泵".encode()}
    async with house.client(house.by_key) as client:
        assert await client.create(handle, pump()) == handle
        await becomes(client, handle, first)
        await client.add(handle, (Value(9, "EMAIL", b"a@example.org"),))
        await becomes(client, handle, first | {9: b"a@example.org"})
        await client.modify(handle, (Value(1, "URL", b"https://example.org/2"),))
        await becomes(client, handle, first | {1: b"https://example.org/2", 9: b"a@example.org"})
        await client.remove(handle, (9,))
        await client.create(handle, pump(), overwrite=True)
        await becomes(client, handle, first)
        await client.delete(handle)
        await becomes(client, handle, 100)


async def test_a_minted_handle_is_new_each_time(house: House) -> None:
    async with house.client(house.by_key) as client:
        minted = {await client.create(house.handle("P-"), pump(), mint=True) for _ in range(3)}
    assert len(minted) == 3
    assert all(handle.startswith(house.handle("P-")) for handle in minted)


@pytest.mark.parametrize("form", [PBKDF2_HMAC_SHA1, HMAC_SHA256])
async def test_a_secret_key_registered_by_the_protocol_proves_its_holder(house: House, form: int) -> None:
    async with house.client(house.by_key) as client:
        await client.add(
            house.prefix_handle, (Value(301, "HS_SECKEY", SECRET, permissions=ADMIN_READ | ADMIN_WRITE),)
        )
        told = await read(client, house.prefix_handle, everything=True)
        assert isinstance(told, dict)
        assert SECRET not in told.values()
    async with house.client(house.by_secret(form)) as client:
        assert await client.create(house.handle("Pump-2"), pump()) == house.handle("Pump-2")
    async with house.client(house.by_secret(form, b"another secret of some length")) as client:
        with pytest.raises(HandleRefused) as refusal:
            await client.delete(house.handle("Pump-2"))
    assert refusal.value.response_code == 403


async def test_a_teleinfo_client_logs_in_once_and_is_known_on_that_connection(house: House) -> None:
    handle = house.handle("Pump-3")
    async with house.client(house.by_key) as client:
        await client.login(house.prefix_handle, 300)
        client.signer = None
        assert await client.create(handle, pump()) == handle
        await client.delete(handle)
    async with house.client() as client:
        client.session_id = 10_001
        with pytest.raises(HandleRefused):
            await client.create(handle, pump())


async def test_a_list_comes_in_several_replies(house: House) -> None:
    suffixes = [f"PUMP-{number:04d}" for number in range(40)]
    async with house.client(house.by_key) as client:
        await client.login(house.prefix_handle, 300)
        for suffix in suffixes:
            await client.create(house.handle(suffix), pump())
        listed = [handle async for handle in client.handles(house.prefix_handle)]
    assert listed == [house.handle(suffix) for suffix in suffixes]
    async with house.client() as client:
        with pytest.raises(HandleRefused) as refusal:
            [_ async for _ in client.handles(house.prefix_handle)]
    assert refusal.value.response_code == 402


async def test_a_stranger_s_key_registers_nothing(house: House) -> None:
    async with house.client(RsaSigner(house.prefix_handle, 300, key_of("stranger"))) as client:
        with pytest.raises(HandleRefused) as refusal:
            await client.create(house.handle("Pump-4"), pump())
        await becomes(client, house.handle("Pump-4"), 100)
    assert refusal.value.response_code == 403


async def test_replies_are_signed_with_the_key_of_the_site(house: House) -> None:
    async with house.client(house.by_key) as client:
        await client.create(house.handle("Pump-5"), pump())
        key = (await client.site()).servers[0].public_key
    with closing(TcpPeer("127.0.0.1", house.port)) as peer:
        client = HandleClient(peer, house.by_key, server_key=key)
        assert await client.resolve(house.handle("Pump-5"), (1,))
        await client.delete(house.handle("Pump-5"))
        await becomes(client, house.handle("Pump-5"), 100)
    with closing(TcpPeer("127.0.0.1", house.port)) as peer:
        other = HandleClient(peer, server_key=public_key_data(key_of("stranger")))
        with pytest.raises(ReplyUnproven):
            await other.site()


async def test_a_long_answer_by_udp_is_put_together(house: House) -> None:
    handle, long = house.handle("Pump-6"), Value(9, "DESC", b"x" * 1500)
    async with house.client(house.by_key) as client:
        await client.create(handle, (*pump(), long))
    async with by_udp("127.0.0.1", house.port) as client:
        (value,) = await client.resolve(handle, (9,))
        assert value.data == long.data
        assert (await client.site()).serial == SITE.serial
        with pytest.raises(HandleRefused) as refusal:
            await client.delete(handle)
    assert refusal.value.response_code == 5


async def test_who_administers_is_there_for_everybody_to_read(house: House) -> None:
    admin = AdminData(house.prefix_handle, 0, 0xFFF)
    async with house.client() as client:
        (value,) = await client.resolve(house.prefix_handle, types=("HS_ADMIN",))
    assert value.data == encode_admin(admin)
