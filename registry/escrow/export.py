"""Making a package: everything of one moment (full), or what changed since another package (increment).

One transaction sees the whole database as of one moment and keeps nobody from writing. An increment takes every row
that a transaction wrote which the package before could not have seen yet: PostgreSQL keeps with each row the number
of that transaction (``xmin``). Some rows come twice that way, none is left out. A package appears under its name when
it is whole and on disk.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import asyncpg
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from node.database import Connection, database_errors
from node.errors import Conflict, Unavailable
from node.migrate import OWNER
from node.sql import statements_beside
from registry.escrow.content import FACTS, ContentWriter, PartsWriter, RowsWriter
from registry.escrow.package import (
    MANIFEST,
    SIGNATURE,
    After,
    Database,
    Manifest,
    Package,
    TableRows,
    opened,
    sign,
    write_durably,
)
from registry.escrow.sealing_parts import secret_for

SQL = statements_beside(__file__, "tables.sql")

_FARTHEST = 1 << 31
"""PostgreSQL tells the order of transactions that lie so far apart, and not farther."""


class PackageExists(Conflict):
    """Evidence: ``directory``."""

    title_zh = "托管包目录已存在"


class PackageUnwritable(Unavailable):
    """Evidence: ``directory``."""

    title_zh = "无法写入托管包"


class IncrementImpossible(Conflict):
    """Evidence: ``why``."""

    title_zh = "无法接续上一托管包，须做全量"


class NodeUnfounded(Conflict):
    title_zh = "节点尚未建立"


class EvidenceFolder(Protocol):
    """The counting folder, whose sealed event files go with the figures."""

    @property
    def path(self) -> Path: ...

    @property
    def recorder_id(self) -> UUID: ...

    def sealed_file(self, day: Any, boot_id: UUID, number: int) -> Path:
        """Where a sealed file is."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What a node is made of beside its database: key files by their names in the package, and the evidence of the
    node of an id, ``None`` where there is none."""

    keys: Mapping[str, Path]
    evidence: Callable[[UUID], EvidenceFolder | None]


@dataclass(frozen=True, slots=True)
class Facts:
    """``facts.json`` in the archive. ``sequences`` by name: their value, and whether it was given out."""

    sequences: Mapping[str, tuple[int, bool]]
    recorder_id: UUID | None


@dataclass(frozen=True, slots=True)
class Order:
    """What kind of package is wanted. ``after``: the folder of the one to continue."""

    signer: Ed25519PrivateKey
    recipient: X25519PublicKey
    prefix: str
    version: str
    after: Path | None = None


async def export(url: str, target: Path, order: Order, beside: Beside, at: datetime) -> Package:
    """Write a package to ``target``, which must not exist. A failed or cancelled one leaves nothing behind.

    Raises ``PackageExists``, ``PackageUnwritable``, ``IncrementImpossible``, ``NodeUnfounded``, ``DatabaseAway``,
    ``LoginRefused``, and of ``after`` what ``package.opened`` raises.
    """
    previous = None if order.after is None else opened(order.after, order.signer.public_key())
    partial = target.with_name(f".{target.name}.partial")
    try:
        _begin(target, partial)
        async with connected(url) as connection:
            manifest = await _write(connection, partial, order, previous, beside, at)
        content, signature = sign(manifest, order.signer)
        write_durably(partial / MANIFEST, content)
        write_durably(partial / SIGNATURE, signature)
        partial.rename(target)
    except OSError as error:
        raise PackageUnwritable(f"{target} cannot be written: {error}", directory=str(target)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    package = opened(target, order.signer.public_key())
    async with connected(url) as connection:
        for made in (previous, package):
            if made is not None:
                await _remember(connection, made)
    return package


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """As the owner of the tables, with all the time that it takes. Raises ``DatabaseAway``, ``LoginRefused``."""
    unhurried = {
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "jit": "off",
        "timezone": "UTC",
    }
    with database_errors():
        connection = await asyncpg.connect(
            url, timeout=10, server_settings={"role": OWNER, "application_name": "biaoshi escrow", **unhurried}
        )
        try:
            yield connection
        finally:
            await connection.close(timeout=10)


def _begin(target: Path, partial: Path) -> None:
    if target.exists():
        raise PackageExists(f"{target} exists: name another directory", directory=str(target))
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)


async def _write(
    connection: Connection, folder: Path, order: Order, previous: Package | None, beside: Beside, at: datetime
) -> Manifest:
    package_id, own = uuid4(), X25519PrivateKey.generate()
    parts = PartsWriter(folder, secret_for(package_id, own, order.recipient))
    try:
        content = ContentWriter(parts)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            facts = await connection.fetchrow(SQL["snapshot_facts"])
            if facts is None:
                raise NodeUnfounded("the database holds no node: there is nothing to keep")
            schema = {row["name"]: row["digest"] for row in await connection.fetch(SQL["migrations"])}
            database = Database(system=facts["system"], oid=facts["database"], horizon=facts["horizon"])
            age = None if previous is None else await _age(connection, previous.manifest, schema, database)
            evidence = beside.evidence(UUID(bytes=facts["node_id"].bytes))
            await _write_facts(connection, content, beside.keys, evidence)
            tables = {
                table["name"]: await _write_table(connection, content, table, age)
                for table in await connection.fetch(SQL["tables"])
            }
            files = 0 if evidence is None else await _write_evidence(connection, content, evidence, age)
        return Manifest(
            package_id=package_id,
            kind="full" if previous is None else "increment",
            after=None if previous is None else After(
                package_id=previous.manifest.package_id, manifest_sha256=previous.manifest_sha256.hex()
            ),
            node_id=UUID(bytes=facts["node_id"].bytes),
            prefix=order.prefix,
            laboratory=facts["laboratory"],
            made_at=at,
            version=order.version,
            schema=schema,
            database=database,
            position=facts["position"],
            tables=tables,
            evidence_files=files,
            sender=own.public_key().public_bytes_raw().hex(),
            recipient=order.recipient.public_bytes_raw().hex(),
            signer=order.signer.public_key().public_bytes_raw().hex(),
            parts=content.finish(),
        )  # fmt: skip
    finally:
        parts.close()


async def _age(connection: Connection, previous: Manifest, schema: Mapping[str, str], database: Database) -> int:
    """How many transactions ago the package before was taken. Raises ``IncrementImpossible``."""
    if (previous.database.system, previous.database.oid) != (database.system, database.oid):
        raise IncrementImpossible("the package before is of another database: make a full one", why="database")
    if dict(previous.schema) != schema:
        raise IncrementImpossible("the schema changed since the package before: make a full one", why="schema")
    since = await connection.fetchrow(SQL["transactions_since"], previous.database.horizon)
    if not 0 <= since["transactions"] < _FARTHEST:
        raise IncrementImpossible("the package before lies too many transactions back: make a full one", why="age")
    return int(since["age"])


async def _write_facts(
    connection: Connection, content: ContentWriter, keys: Mapping[str, Path], evidence: EvidenceFolder | None
) -> None:
    rows = await connection.fetch(SQL["sequences"])
    recorder = None if evidence is None else evidence.recorder_id
    facts = Facts({row["name"]: (row["value"], row["called"]) for row in rows}, recorder)
    content.member(FACTS, msgspec.json.encode(facts))
    for name, file in keys.items():
        content.member(f"keys/{name}", file.read_bytes())


async def _write_table(connection: Connection, content: ContentWriter, table: Any, age: int | None) -> TableRows:
    name, standing = table["name"], None
    if age is not None and table["standing"] is not None:
        # Before the rows: what is gone may have had what a new one has now, and must have had alone.
        keys = RowsWriter(content, f"standing/{name}")
        await connection.copy_from_query(table["standing"], output=keys.write)
        keys.finish()
        standing = keys.rows
    rows = RowsWriter(content, f"tables/{name}")
    if age is None:
        await connection.copy_from_query(table["whole"], output=rows.write)
    else:
        await connection.copy_from_query(table["changed"], age, output=rows.write)
    rows.finish()
    total = rows.rows if age is None else await connection.fetchval(table["counting"])
    return TableRows(rows=total, sent=rows.rows, standing=standing)


async def _write_evidence(
    connection: Connection, content: ContentWriter, folder: EvidenceFolder, age: int | None
) -> int:
    """The number of the folder, and every sealed event file that is still kept; how many files."""
    content.member("evidence/recorder", f"{folder.recorder_id}\n".encode())
    written = 1
    for segment in await connection.fetch(SQL["sealed_segments"], folder.recorder_id, age):
        file = folder.sealed_file(segment["day"], segment["boot_id"], segment["number"])
        with contextlib.suppress(FileNotFoundError):  # too old, and removed
            content.member(f"evidence/{file.relative_to(folder.path).as_posix()}", file.read_bytes())
            written += 1
    return written


async def _remember(connection: Connection, package: Package) -> None:
    made = package.manifest
    await connection.execute(
        SQL["remember_package"], made.package_id, made.kind, None if made.after is None else made.after.package_id,
        msgspec.json.encode(made).decode(), package.manifest_sha256, made.made_at,
    )  # fmt: skip
