"""Files that a node sends upward: log files and escrow parts, each once under the SHA-256 of its bytes.

The files of a kind are a chain: numbered without gaps, each naming the digest of the one before. The first one that
is kept here may have any number, for a node may have sent earlier ones to another node above; and a node that was
restored from before its newest file begins a chain anew, behind a gap and naming none. What a log file unpacks
to is compared with its manifest; an escrow part is encrypted, and nobody here could.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from node.database import Connection
from node.errors import Conflict, Malformed, NotFound
from node.national.bulk import LARGEST_FILE, FileManifest, FileReceipt
from node.national.messages import encode
from node.packing import digest_unpacked
from node.sql import statements_beside
from node.upper.exchange import Question
from node.upper.nodes import note_node

_SQL = statements_beside(__file__, "files.sql")
LARGEST_CONTENT = 32 * LARGEST_FILE
"""Octets to which a log file unpacks."""
_CLOSED = frozenset({"escrow"})


class FileMalformed(Malformed):
    title_zh = "文件或其清单不符合接口"


class FileDigestWrong(Malformed):
    """Evidence: ``expected`` and ``found``."""

    title_zh = "文件摘要与内容不符"


class FileOutOfChain(Conflict):
    """Evidence: ``kind``, ``number``, and ``last``, the number of the newest file of this kind."""

    title_zh = "文件不在其链条的下一位"


class DockedFileUnknown(NotFound):
    title_zh = "文件不存在"


def manifest_of(question: Question) -> FileManifest:
    """The manifest in the query of ``PUT /v1/files/{sha256}?manifest=…``. Raises ``FileMalformed``."""
    text = question.query.get("manifest", "")
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        manifest = msgspec.json.decode(content, type=FileManifest)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise FileMalformed(f"the query has to carry the manifest as URL-safe base64 of JSON: {error}") from None
    if manifest.sha256 != question.target:
        raise FileMalformed("the path names another SHA-256 than the manifest")
    return manifest


async def put_file(connection: Connection, question: Question) -> bytes:
    """``PUT /v1/files/{sha256}``: a ``FileReceipt`` as JSON; the same file again changes nothing.

    Raises ``FileMalformed``, ``FileDigestWrong``, ``FileOutOfChain``, ``PackingDamaged``.
    """
    manifest, content = manifest_of(question), question.body
    if not 0 < len(content) <= LARGEST_FILE:
        raise FileMalformed(f"a file has 1 to {LARGEST_FILE} bytes; this one has {len(content)}")
    await asyncio.to_thread(_check_digests, manifest, content)
    node = await note_node(connection, question.caller, manifest.node, manifest.laboratory, question.at)
    digest = bytes.fromhex(manifest.sha256)
    known = await connection.fetchrow(_SQL["known_file"], node.node_id, digest)
    if known is not None:
        return encode(_receipt(manifest, len(content), known["received_at"], known=True))
    await _check_chain(connection, node.node_id, manifest)
    await connection.execute(
        _SQL["keep_file"], node.node_id, digest, manifest.kind, encode(manifest).decode(), manifest.laboratory,
        content, question.at,
    )  # fmt: skip
    return encode(_receipt(manifest, len(content), question.at, known=False))


async def read_file(connection: Connection, node_id: UUID, digest: bytes) -> tuple[FileManifest, bytes]:
    """What a node sent. Raises ``DockedFileUnknown``."""
    row = await connection.fetchrow(_SQL["read_file"], node_id, digest)
    if row is None:
        raise DockedFileUnknown(f"the node {node_id} sent no file {digest.hex()}")
    return msgspec.json.decode(row["manifest"], type=FileManifest), row["content"]


async def list_files(
    connection: Connection, *, after: str = "", limit: int = 100, delegated_prefix: str = ""
) -> list[asyncpg.Record]:
    """The newest first; ``after`` is the member ``cursor`` of the last row of the page before."""
    rows: list[asyncpg.Record] = await connection.fetch(_SQL["list_files"], after, limit, delegated_prefix)
    return rows


def _check_digests(manifest: FileManifest, content: bytes) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != manifest.sha256:
        raise FileDigestWrong("the bytes are not those of the manifest", expected=manifest.sha256, found=found)
    if manifest.kind in _CLOSED:
        return
    unpacked = digest_unpacked(content, LARGEST_CONTENT).hex()
    if unpacked != manifest.content_sha256:
        detail = "what the file unpacks to is not that of the manifest"
        raise FileDigestWrong(detail, expected=manifest.content_sha256, found=unpacked)


async def _check_chain(connection: Connection, node_id: UUID, manifest: FileManifest) -> None:
    last = await connection.fetchrow(_SQL["last_file"], node_id, manifest.kind)
    if last is None:
        return
    if not manifest.previous_sha256 and manifest.number > last["number"] + 1:
        return  # the chain begins anew behind a gap: the node was restored from before what it had sent
    if (manifest.number, manifest.previous_sha256) != (last["number"] + 1, last["sha256"].hex()):
        raise FileOutOfChain(
            f"the newest file of {manifest.kind} is number {last['number']}, {last['sha256'].hex()}; this one is "
            f"number {manifest.number} behind {manifest.previous_sha256 or 'none'}",
            kind=manifest.kind, number=manifest.number, last=last["number"],
        )  # fmt: skip


def _receipt(manifest: FileManifest, size: int, at: datetime, *, known: bool) -> FileReceipt:
    """The same text whenever the same file is asked about."""
    text = f"{manifest.kind} {manifest.number} {manifest.sha256} {size} {at.isoformat()}"
    return FileReceipt(sha256=manifest.sha256, bytes=size, received_at=at, known=known, receipt=text)
