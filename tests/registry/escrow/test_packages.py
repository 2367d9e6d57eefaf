"""What stands in a package, who can read it, and what making and reading it takes."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tracemalloc
from uuid import UUID

import asyncpg
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.packing import unpacked
from registry.escrow import content
from registry.escrow.package import Package
from registry.escrow.verify import verify
from tests.support.safe import SEAL_KEY, Safe, contents


async def test_every_table_goes_in_but_the_keys_that_are_destroyed_in_time(safe: Safe) -> None:
    connection = await asyncpg.connect(safe.url)
    await connection.execute("INSERT INTO counting_key VALUES ('2026-11-01', $1, now())", bytes(range(32)))
    tables = {row[0] for row in await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    )}  # fmt: skip
    keyless = await connection.fetch(
        "SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        " AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary)"
    )
    await connection.close()
    package = await safe.export()
    assert set(package.manifest.tables) == tables - {"migration", "counting_key"}
    assert keyless == []
    assert bytes(range(32)).hex() not in "".join(in_the_open(package, safe.recipient).values())


async def test_only_the_recipient_reads_what_is_inside_and_people_stay_sealed_even_there(safe: Safe) -> None:
    await safe.register("A-1")
    package = await safe.export()
    outside = b"".join(file.read_bytes() for file in sorted(package.directory.iterdir()))
    for secret in (b"A-1", SEAL_KEY.strip(), "示例联系人".encode(), b"13800000000", "多级离心泵".encode()):
        assert secret not in outside
    inside = in_the_open(package, safe.recipient)
    assert inside["keys/seal.key"] == SEAL_KEY.decode()
    assert "A-1" in inside["tables/identifier/000001"]
    people = [text for text in inside.values() if "13800000000" in text or "示例联系人" in text]
    assert people == []


def in_the_open(package: Package, recipient: X25519PrivateKey) -> dict[str, str]:
    """What a package holds, read by what docs/escrow.md says of it and by none of the code that writes it."""
    manifest = json.loads((package.directory / "manifest.json").read_bytes())
    sender = bytes.fromhex(manifest["sender"])
    shared = recipient.exchange(X25519PublicKey.from_public_bytes(sender))
    salt = sender + recipient.public_key().public_bytes_raw()
    frame = b""
    for number, part in enumerate(manifest["parts"], 1):
        info = b"biaoshi-escrow-1" + UUID(manifest["package_id"]).bytes + number.to_bytes(4, "big")
        cipher = AESGCM(HKDF(hashes.SHA256(), 32, salt, info).derive(shared))
        sealed = (package.directory / part["name"]).read_bytes()
        assert hashlib.sha256(sealed).hexdigest() == part["sha256"]
        chunks = [sealed[at : at + (1 << 20) + 16] for at in range(0, len(sealed), (1 << 20) + 16)]
        for place, chunk in enumerate(chunks):
            nonce = place.to_bytes(11, "big") + bytes([place == len(chunks) - 1])
            frame += cipher.decrypt(nonce, chunk, None)
    found = {}
    with tarfile.open(fileobj=io.BytesIO(unpacked(frame, 1 << 30))) as tar:
        for one in tar.getmembers():
            file = tar.extractfile(one)
            assert file is not None
            found[one.name] = file.read().decode(errors="replace")
    return found


async def test_a_package_cut_into_many_parts_is_read_again(safe: Safe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "PART_CHUNKS", 2)
    connection = await asyncpg.connect(safe.url)
    await connection.execute(
        "INSERT INTO stored_content SELECT 'file/' || n, sha256(n::text::bytea) ||"
        " (SELECT string_agg(sha256((n * 1000 + m)::text::bytea), '') FROM generate_series(1, 900) m)"
        " FROM generate_series(1, 200) n"
    )
    await connection.close()
    package = await safe.export()
    assert len(package.manifest.parts) > 2
    assert {part.bytes for part in package.manifest.parts[:-1]} == {2 * ((1 << 20) + 16)}
    assert verify(safe.made, safe.signer.public_key(), safe.recipient).opened
    before = await contents(safe.url)
    await safe.restore()
    assert await contents(safe.other_url) == before


async def test_exporting_and_restoring_take_the_same_memory_however_much_there_is(safe: Safe) -> None:
    connection = await asyncpg.connect(safe.url)
    await connection.execute(
        "INSERT INTO identifier (prefix_id, template_id, version, registered_at, updated_at, suffix_key, record)"
        " SELECT 1, 1, 1, now(), now(), 'BULK-' || n, sha512((n || 'a')::bytea) || sha512((n || 'b')::bytea)"
        " || sha512((n || 'c')::bytea) FROM generate_series(1, 80000) n"
    )
    await connection.close()
    tracemalloc.start()
    try:
        package = await safe.export()
        exporting = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        await safe.restore()
        restoring = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(part.bytes for part in package.manifest.parts) > 15 << 20
    assert exporting < 24 << 20
    assert restoring < 24 << 20
