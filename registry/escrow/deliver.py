"""Sending a package to the node above, which keeps it unread: its parts, then the signature, then the manifest.

Each goes as a file of the kind ``escrow``, numbered in the chain of all such files of this node. The number is
written down before a file is sent and the receipt after it: what is interrupted goes on with the same numbers.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from node.database import Pool, transaction
from node.errors import Conflict
from node.national import outbox
from node.national.bulk import FileManifest
from node.national.client import NationalClient, NationalRefusal
from node.sql import statements_beside
from registry.connection.logs import GAP, OUT_OF_CHAIN
from registry.escrow.package import MANIFEST, SIGNATURE, Package, PackageAltered

SQL = statements_beside(__file__, "deliver.sql")


class PackageUnknown(Conflict):
    """Evidence: ``package``."""

    title_zh = "不是本节点所做的托管包"


class FilesNotOffered(Conflict):
    title_zh = "上级节点不接收文件"


class DeliveryInOrder(Conflict):
    """Evidence: ``package``: the one that has to go first."""

    title_zh = "须先送完上一托管包"


@dataclass(frozen=True, slots=True)
class Sent:
    """A file with its place in the chain; ``receipt`` is what the node above said, empty while it is on its way."""

    name: str
    number: int
    sha256: str
    receipt: str = ""


async def deliver(pool: Pool, client: NationalClient, package: Package, clock: Callable[[], datetime]) -> list[Sent]:
    """Send what was not sent yet; every file with its receipt, which are kept in ``escrow_package`` too.

    Raises ``PackageUnknown``, ``DeliveryInOrder``, ``FilesNotOffered``, ``PackageAltered``, ``DatabaseAway``,
    ``NationalSilent``, ``NationalRefusal``.
    """
    if "files" not in (await client.offers()).parts:
        raise FilesNotOffered("the node above does not take files")
    sent = await _numbered(pool, package)
    sender = await outbox.sender(pool)
    for place, file in enumerate(sent):
        if file.receipt:
            continue
        content = await asyncio.to_thread(_content, package, file)
        try:
            receipt = await client.put_file(await _manifest(pool, package, sent, place, sender), content)
        except NationalRefusal as error:
            if error.evidence["refusal"] != OUT_OF_CHAIN:
                raise
            # The node above has files of which this database knows nothing: it was restored from before them.
            sent[place:] = [replace(waiting, number=waiting.number + GAP) for waiting in sent[place:]]
            await _keep(pool, package, sent, clock())
            receipt = await client.put_file(await _manifest(pool, package, sent, place, sender), content)
        sent[place] = replace(sent[place], receipt=receipt.receipt)
        await _keep(pool, package, sent, clock())
    return sent


async def _manifest(
    pool: Pool, package: Package, sent: list[Sent], place: int, sender: outbox.Sender
) -> FileManifest:
    file, made = sent[place], package.manifest
    async with transaction(pool) as connection:
        previous = await connection.fetchval(SQL["escrow_file_digest"], file.number - 1)
    return FileManifest(
        node=made.node_id,
        laboratory=sender.laboratory,
        kind="escrow",
        number=file.number,
        rows=0,
        sha256=file.sha256,
        content_sha256=file.sha256,
        previous_sha256=previous or "",
        made_at=made.made_at,
        about=f"{made.package_id}/{file.name}",
    )


def _files_of(package: Package) -> list[tuple[str, str]]:
    """The names of the files with their digests, the manifest last: who has it has the whole package."""
    signature = hashlib.sha256((package.directory / SIGNATURE).read_bytes()).hexdigest()
    parts = [(part.name, part.sha256) for part in package.manifest.parts]
    return [*parts, (SIGNATURE, signature), (MANIFEST, package.manifest_sha256.hex())]


async def _numbered(pool: Pool, package: Package) -> list[Sent]:
    """What was numbered before, or the numbers behind those of every package so far."""
    files = await asyncio.to_thread(_files_of, package)
    async with transaction(pool) as connection:
        await connection.execute(SQL["lock_packages"])
        row = await connection.fetchrow(SQL["package_receipt"], package.manifest.package_id)
        if row is None:
            raise PackageUnknown(
                f"{package.directory} is no package that this node has made", package=str(package.manifest.package_id)
            )
        if row["receipt"] is not None:
            return msgspec.json.decode(row["receipt"], type=_Receipt).files
        waiting = await connection.fetchval(SQL["package_on_its_way"])
        if waiting is not None:
            raise DeliveryInOrder(
                f"the package {waiting} is not delivered to its end: deliver it first", package=str(waiting)
            )
        last = await connection.fetchval(SQL["last_escrow_file"])
        sent = [Sent(name, last + place, sha256) for place, (name, sha256) in enumerate(files, 1)]
        await connection.execute(
            SQL["keep_package_receipt"], package.manifest.package_id, _encoded(_Receipt(sent, None))
        )
    return sent


async def _keep(pool: Pool, package: Package, sent: list[Sent], at: datetime) -> None:
    whole = at if all(file.receipt for file in sent) else None
    async with transaction(pool) as connection:
        await connection.execute(
            SQL["keep_package_receipt"], package.manifest.package_id, _encoded(_Receipt(sent, whole))
        )


def _content(package: Package, file: Sent) -> bytes:
    path: Path = package.directory / file.name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PackageAltered(f"{path} cannot be read: {error.strerror}", part=file.name) from error
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise PackageAltered(f"{path} is not as it was made", part=file.name)
    return content


@dataclass(frozen=True, slots=True)
class _Receipt:
    """``escrow_package.receipt``; ``delivered_at`` when the node above has every file."""

    files: list[Sent]
    delivered_at: datetime | None


def _encoded(receipt: Any) -> str:
    return msgspec.json.encode(receipt).decode()
