"""Packages on their way to the node above, which keeps them unread and gives a receipt for every file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from mocknational.mock import Mock
from node.founding import found
from node.national.client import NationalClient, NationalRefusal, NationalSilent
from node.national.docking import Docking, docked
from registry.connection.logs import GAP
from registry.escrow.deliver import DeliveryInOrder, PackageUnknown, Sent, deliver
from registry.escrow.export import Beside, Order, export
from registry.escrow.package import Package
from registry.escrow.verify import verify
from tests.support.docking import KEYS, SEAL, DockedNode
from tests.support.docking_fixtures import world as world

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@dataclass
class Sender:
    node: DockedNode
    mock: Mock
    client: NationalClient
    home: Path
    signer: Ed25519PrivateKey
    recipient: X25519PrivateKey

    async def package(self, name: str, after: Path | None = None) -> Package:
        order = Order(self.signer, self.recipient.public_key(), "88.101", "0", after)
        return await export(self.node.database_url, self.home / name, order, Beside({}, lambda _: None), AT)

    async def deliver(self, package: Package, client: NationalClient | None = None) -> list[Sent]:
        return await deliver(self.node.pool, client or self.client, package, lambda: AT)


@pytest.fixture
async def sender(world: DockedNode, tmp_path: Path) -> AsyncIterator[Sender]:
    async with world.mock() as mock:
        docking = Docking(mock.url, KEYS.access_key, KEYS.secret_key)
        async with docked(world.pool, docking, SEAL, clock=lambda: datetime.now(UTC)) as client:
            signer, recipient = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
            yield Sender(world, mock, client, tmp_path, signer, recipient)


async def test_what_the_node_above_keeps_is_the_package_byte_for_byte(sender: Sender, tmp_path: Path) -> None:
    full = await sender.package("full")
    increment = await sender.package("increment", full.directory)
    sent = await sender.deliver(full) + await sender.deliver(increment)
    assert [file.number for file in sent] == list(range(1, len(sent) + 1))
    assert [file.name for file in sent] == ["000001.part", "manifest.json.sig", "manifest.json"] * 2
    assert all(file.receipt for file in sent)

    back = tmp_path / "back"
    for row in await sender.mock.pool.fetch("SELECT manifest::text, content FROM docked_file WHERE kind = 'escrow'"):
        package_id, name = json.loads(row["manifest"])["about"].split("/")
        (back / package_id).mkdir(parents=True, exist_ok=True)
        (back / package_id / name).write_bytes(row["content"])
    packages = [back / str(package.manifest.package_id) for package in (full, increment)]
    assert verify(packages, sender.signer.public_key(), sender.recipient).opened


async def test_receipts_are_kept_and_nothing_is_sent_twice(sender: Sender) -> None:
    package = await sender.package("full")
    sent = await sender.deliver(package)
    assert await sender.deliver(package) == sent
    receipt = json.loads(await sender.node.pool.fetchval("SELECT receipt::text FROM escrow_package"))
    assert [file["receipt"] for file in receipt["files"]] == [file.receipt for file in sent]
    assert receipt["delivered_at"] is not None
    assert await sender.mock.pool.fetchval("SELECT count(*) FROM docked_file") == len(sent)


async def test_an_interrupted_delivery_goes_on_with_the_same_numbers_before_any_other(sender: Sender) -> None:
    full = await sender.package("full")
    increment = await sender.package("increment", full.directory)
    signature = full.directory / "manifest.json.sig"
    kept = signature.read_bytes()
    numbered = await sender.deliver(full)
    await sender.node.pool.execute(
        "UPDATE escrow_package SET receipt = jsonb_set(jsonb_set(receipt, '{files,2,receipt}', '\"\"'),"
        " '{delivered_at}', 'null') WHERE after_id IS NULL"
    )  # as it stands when the process ended between the last answer and its receipt
    with pytest.raises(DeliveryInOrder):
        await sender.deliver(increment)
    nobody = Docking("http://127.0.0.1:9", KEYS.access_key, KEYS.secret_key)
    async with docked(sender.node.pool, nobody, SEAL, clock=lambda: datetime.now(UTC)) as silent:
        with pytest.raises(NationalSilent):
            await sender.deliver(full, silent)
    assert await sender.deliver(full) == numbered
    assert [file.number for file in await sender.deliver(increment)] == [4, 5, 6]
    assert hashlib.sha256(kept).hexdigest() == numbered[1].sha256


async def test_a_package_that_this_node_has_not_made_is_not_sent(sender: Sender, other_database_url: str) -> None:
    await found(other_database_url, laboratory=False, at=AT)
    order = Order(sender.signer, sender.recipient.public_key(), "88.101", "0")
    foreign = await export(other_database_url, sender.home / "foreign", order, Beside({}, lambda _: None), AT)
    with pytest.raises(PackageUnknown):
        await sender.deliver(foreign)


async def test_a_node_that_was_restored_from_before_its_last_delivery_begins_a_chain_anew(sender: Sender) -> None:
    await sender.deliver(await sender.package("delivered"))
    await sender.node.pool.execute("UPDATE escrow_package SET receipt = NULL")  # as a restored node knows it
    sent = await sender.deliver(await sender.package("again"))
    assert [file.number for file in sent] == [GAP + 1, GAP + 2, GAP + 3]


async def test_what_the_node_above_refuses_has_no_receipt(sender: Sender) -> None:
    package = await sender.package("full")
    await sender.mock.pool.execute("UPDATE docking_key SET revoked_at = now()")
    with pytest.raises(NationalRefusal):
        await sender.deliver(package)
    assert await sender.mock.pool.fetchval("SELECT count(*) FROM docked_file") == 0
