"""Packages, databases and files that escrow refuses, and what it leaves of them: everything as it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.backup import DatabaseNotEmpty
from node.database import Pool
from node.founding import found
from registry.escrow.chain import ChainBroken
from registry.escrow.export import Beside, IncrementImpossible, NodeUnfounded, Order, PackageExists, export
from registry.escrow.package import PackageAltered, PackageMissing, SignerUnknown
from registry.escrow.restore import FileInTheWay, SchemaDiffers
from registry.escrow.sealing_parts import PartSealed
from registry.escrow.verify import verify
from tests.support.safe import AT, SEAL_KEY, Safe, contents


async def test_a_database_that_holds_anything_is_left_as_it_is(safe: Safe) -> None:
    await safe.export()
    await found(safe.other_url, laboratory=False, at=AT)
    before = await contents(safe.other_url)
    with pytest.raises(DatabaseNotEmpty):
        await safe.restore()
    assert await contents(safe.other_url) == before
    assert not (safe.home / "new" / "seal.key").exists()


async def test_a_database_of_another_schema_is_refused(safe: Safe) -> None:
    await safe.export()
    other = await asyncpg.connect(safe.other_url)
    await other.execute("DELETE FROM migration WHERE number = (SELECT max(number) FROM migration)")
    await other.close()
    with pytest.raises(SchemaDiffers):
        await safe.restore()


async def test_another_key_or_counting_folder_is_not_overwritten(safe: Safe) -> None:
    await safe.export()
    other = safe.places.keys["seal.key"]
    other.parent.mkdir()
    other.write_bytes(b"another")
    with pytest.raises(FileInTheWay):
        await safe.restore()
    assert other.read_bytes() == b"another"
    other.write_bytes(SEAL_KEY)
    mine = safe.places.evidence / str(safe.folder.node_id)
    mine.mkdir(parents=True)
    with pytest.raises(FileInTheWay):
        await safe.restore()
    mine.rmdir()
    assert (await safe.restore()).rows["node_state"] == 1


async def test_what_is_not_as_it_was_made_is_not_believed(safe: Safe) -> None:
    package = await safe.export(name="whole")
    signer, part = safe.signer.public_key(), package.manifest.parts[0].name

    def damaged(name: str, change: Callable[[Path], None]) -> Path:
        copy = safe.home / name
        shutil.copytree(package.directory, copy)
        change(copy)
        return copy

    def flip(file: Path) -> None:
        octets = bytearray(file.read_bytes())
        octets[len(octets) // 2] ^= 1
        file.write_bytes(octets)

    def rewrite(file: Path, old: bytes, new: bytes) -> None:
        text = file.read_bytes()
        assert old in text
        file.write_bytes(text.replace(old, new))

    for name, change in {
        "flipped": lambda copy: flip(copy / part),
        "cut": lambda copy: (copy / part).write_bytes((copy / part).read_bytes()[:-1]),
        "longer": lambda copy: (copy / part).write_bytes((copy / part).read_bytes() + b"\0"),
        "lost": lambda copy: (copy / part).unlink(),
        "other manifest": lambda copy: rewrite(copy / "manifest.json", b'"laboratory": true', b'"laboratory": false'),
        "other signature": lambda copy: (copy / "manifest.json.sig").write_bytes(b"AAAA\n"),
        "no json": lambda copy: (copy / "manifest.json").write_bytes(b"{"),
    }.items():
        copy = damaged(name, change)
        for key in (None, safe.recipient):
            with pytest.raises(PackageAltered):
                verify([copy], signer, key)
        with pytest.raises(PackageAltered):
            await safe.restore(copy)
    with pytest.raises(PackageMissing):
        verify([safe.home / "nowhere"], signer, None)
    with pytest.raises(SignerUnknown):
        verify([package.directory], Ed25519PrivateKey.generate().public_key(), None)
    with pytest.raises(PartSealed):
        verify([package.directory], signer, X25519PrivateKey.generate())
    other = await asyncpg.connect(safe.other_url)
    assert await other.fetchval("SELECT count(*) FROM enterprise") == 0
    await other.close()
    assert verify([package.directory], signer, safe.recipient).opened


async def test_a_chain_has_every_package_in_its_place(safe: Safe) -> None:
    full = (await safe.export()).directory
    first = (await safe.export(after=full)).directory
    second = (await safe.export(after=first)).directory
    another = (await safe.export()).directory
    signer = safe.signer.public_key()
    assert len(verify([full, first, second], signer, safe.recipient).packages) == 3
    for wrong in (
        [first],
        [full, second],
        [full, second, first],
        [full, first, first],
        [full, another],
        [another, first],
    ):
        with pytest.raises(ChainBroken):
            verify(wrong, signer, None)


async def test_an_increment_follows_a_package_of_the_same_database_only(safe: Safe, restored_pool: Pool) -> None:
    full = await safe.export()
    await safe.restore()
    order = Order(safe.signer, safe.recipient.public_key(), "88.101", "0", full.directory)
    with pytest.raises(IncrementImpossible):
        await export(safe.other_url, safe.home / "after", order, Beside({}, lambda _: None), AT)
    assert not (safe.home / "after").exists()
    assert [row["kind"] for row in await safe.pool.fetch("SELECT kind FROM escrow_package")] == ["full"]


async def test_nothing_is_left_of_a_package_that_failed(safe: Safe, other_database_url: str) -> None:
    order = Order(safe.signer, safe.recipient.public_key(), "88.101", "0")
    with pytest.raises(NodeUnfounded):
        await export(other_database_url, safe.home / "safe" / "a", order, Beside({}, lambda _: None), AT)
    await safe.export(name="b")
    with pytest.raises(PackageExists):
        await safe.export(name="b")
    assert [file.name for file in (safe.home / "safe").iterdir()] == ["b"]
