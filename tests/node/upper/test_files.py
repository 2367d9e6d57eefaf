from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import msgspec
import pytest

from node.database import Pool
from node.national.bulk import FileManifest, FileReceipt
from node.packing import PackingDamaged, packed
from node.upper.files import (
    LARGEST_CONTENT,
    DockedFileUnknown,
    FileDigestWrong,
    FileMalformed,
    FileOutOfChain,
    list_files,
    put_file,
    read_file,
)
from node.upper.nodes import NodeOfAnother
from tests.support.bulk import CALLER, NODE, in_query, manifest_of, question


async def send(pool: Pool, sent: bytes, manifest: FileManifest, **changed: object) -> FileReceipt:
    asked = replace(question("files", sent, manifest.sha256, manifest=in_query(manifest)), **changed)  # type: ignore[arg-type]  # any member
    async with pool.acquire() as connection, connection.transaction():
        return msgspec.json.decode(await put_file(connection, asked), type=FileReceipt)


async def test_a_file_is_kept_once_and_its_receipt_stays_the_same(pool: Pool) -> None:
    sent = packed(b"one\ntwo\n")
    first = await send(pool, sent, manifest_of(b"one\ntwo\n", sent))
    again = await send(pool, sent, manifest_of(b"one\ntwo\n", sent))
    assert (first.known, again.known) == (False, True)
    assert (first.receipt, first.received_at, first.bytes) == (again.receipt, again.received_at, len(sent))
    async with pool.acquire() as connection:
        manifest, content = await read_file(connection, NODE, bytes.fromhex(first.sha256))
        assert (manifest.rows, content) == (2, sent)
        with pytest.raises(DockedFileUnknown):
            await read_file(connection, NODE, bytes(32))


async def test_a_file_stands_behind_the_one_before_it(pool: Pool) -> None:
    files = [packed(f"file {number}\n".encode()) for number in range(5)]
    contents = [f"file {number}\n".encode() for number in range(5)]
    # A node that was docked elsewhere before does not begin with number 1.
    await send(pool, files[0], manifest_of(contents[0], files[0], 7))
    for number, previous in ((9, files[0]), (7, files[0]), (8, files[1]), (8, b"")):
        with pytest.raises(FileOutOfChain) as caught:
            await send(pool, files[2], manifest_of(contents[2], files[2], number, previous))
        assert caught.value.evidence["last"] == 7
    await send(pool, files[2], manifest_of(contents[2], files[2], 8, files[0]))
    # Another kind is another chain.
    await send(pool, files[3], manifest_of(contents[3], files[3], 1, kind="log.resolution"))
    async with pool.acquire() as connection:
        listed = await list_files(connection)
        assert [(row["kind"], row["number"]) for row in listed] == [
            ("log.resolution", 1), ("log.registration", 8), ("log.registration", 7),
        ]  # fmt: skip
        rest = await list_files(connection, after=listed[0]["cursor"], limit=1, delegated_prefix="88.101")
        assert [row["number"] for row in rest] == [8]
        assert await list_files(connection, delegated_prefix="88.102") == []


async def test_a_file_is_what_its_manifest_says(pool: Pool) -> None:
    content = b"row\n" * 100
    sent = packed(content)
    good = manifest_of(content, sent)
    with pytest.raises(FileDigestWrong):
        await send(pool, sent + b"x", good)
    with pytest.raises(FileDigestWrong):
        await send(pool, sent, manifest_of(b"other\n", sent))
    with pytest.raises(PackingDamaged):
        await send(pool, content, manifest_of(content, content))
    with pytest.raises(PackingDamaged):
        await send(pool, sent[:-3], manifest_of(content, sent[:-3]))
    for target in ("", "0" * 64):
        with pytest.raises(FileMalformed):
            await send(pool, sent, good, target=target)
    for manifest in ("", "?", "e30", in_query(good)[:-9]):
        with pytest.raises(FileMalformed):
            await send(pool, sent, good, query={"manifest": manifest})
    with pytest.raises(FileMalformed):
        await send(pool, b"", manifest_of(b"", b""))
    assert await pool.fetchval("SELECT count(*) FROM docked_file") == 0


async def test_a_file_that_unpacks_without_end_is_refused_before_memory_is(pool: Pool) -> None:
    bomb = packed(bytes(LARGEST_CONTENT + 1))
    assert len(bomb) < 1 << 18
    with pytest.raises(PackingDamaged, match="more than"):
        await send(pool, bomb, manifest_of(b"", bomb))


async def test_an_escrow_part_is_not_opened(pool: Pool) -> None:
    sealed = b"nobody here can read this"
    receipt = await send(pool, sealed, manifest_of(b"what it holds", sealed, kind="escrow"))
    assert not receipt.known


async def test_a_node_cannot_add_to_the_files_of_another(pool: Pool) -> None:
    sent = packed(b"one\n")
    await send(pool, sent, manifest_of(b"one\n", sent))
    await pool.execute(
        "INSERT INTO docking_key (access_key, secret_sealed, name, kind, delegated_prefix, issued_at)"
        " VALUES ('test-node', '', '', 'secondary', '88.101', now())"
    )
    other = replace(CALLER, access_key="other", delegated_prefix="88.102")
    two = packed(b"two\n")
    with pytest.raises(NodeOfAnother):
        await send(pool, two, manifest_of(b"two\n", two, 2, sent), caller=other)
    stranger = UUID(int=7)
    await send(pool, two, manifest_of(b"two\n", two, 2, sent, node=stranger), caller=other)
