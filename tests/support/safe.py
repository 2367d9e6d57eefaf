"""A node that goes into a safe and comes back: what is in it, where packages go, a database to come back in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.database import Pool
from registry.escrow.export import Beside, Order, export
from registry.escrow.package import Package
from registry.escrow.restore import Places, Restored, restore
from resolver.counting.folder import CountingFolder
from tests.support.world import Holder, World

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
SEAL_KEY = b"5e" * 32 + b"\n"
SITE_KEY = b"-----BEGIN PRIVATE KEY-----\nnot really\n-----END PRIVATE KEY-----\n"


@dataclass
class Safe:
    """A node with something in it, where its packages go, and where it may come back."""

    url: str
    other_url: str
    pool: Pool
    world: World
    holder: Holder
    home: Path
    folder: CountingFolder
    signer: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    recipient: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    made: list[Path] = field(default_factory=list)

    async def register(self, *suffixes: str) -> None:
        for suffix in suffixes:
            said = {"name": "多级离心泵", "serial": suffix}
            identifier = self.holder.identifier(suffix)
            await self.world.identifiers.register(self.holder.account, self.holder.actor, identifier, "pump", said)

    async def export(self, *, after: Path | None = None, name: str | None = None) -> Package:
        target = self.home / "safe" / (name or f"package-{len(self.made) + 1}")
        order = Order(self.signer, self.recipient.public_key(), "88.101", "0", after)
        keys = {"seal.key": self.home / "seal.key", "handle-key.pem": self.home / "handle-key.pem"}
        package = await export(self.url, target, order, Beside(keys, lambda _: self.folder), AT)
        self.made.append(target)
        return package

    @property
    def places(self) -> Places:
        new = self.home / "new"
        keys = {"seal.key": new / "seal.key", "handle-key.pem": new / "handle-key.pem"}
        return Places(keys, new / "counting")

    async def restore(self, *packages: Path) -> Restored:
        return await restore(
            self.other_url, packages or self.made, self.signer.public_key(), self.recipient, self.places,
            AT + timedelta(hours=1),
        )  # fmt: skip


async def contents(url: str) -> dict[str, list[str]]:
    """Every row of every table as text."""
    connection = await asyncpg.connect(url)
    try:
        names = [row[0] for row in await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        )]  # fmt: skip
        return {
            name: [row[0] for row in await connection.fetch(f"SELECT t::text FROM {name} t ORDER BY 1")]
            for name in names
            if name not in ("escrow_package", "counting_gap", "day_to_close")
        }
    finally:
        await connection.close()


async def schema(url: str) -> list[str]:
    """Constraints and triggers, as they stand."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated) FROM"
            " pg_constraint UNION ALL SELECT pg_get_triggerdef(oid) || tgenabled::text FROM pg_trigger"
            " WHERE NOT tgisinternal"
        )
        return sorted(row[0] for row in rows)
    finally:
        await connection.close()
