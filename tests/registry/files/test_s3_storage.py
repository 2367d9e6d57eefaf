"""Contents in a store with the S3 interface, spoken by a real server in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from moto.server import ThreadedMotoServer

from node.database import transaction
from node.sealing import Seal
from registry.files.attachments import AttachmentLimits, Attachments
from registry.files.files import FileLimits, Files
from registry.files.s3_storage import Bucket, S3Storage, StoreAway, s3_storage
from registry.files.storage import ContentLost, DatabaseStorage
from tests.support.office import Office, acting

PDF = b"%PDF-1.7 " + bytes(range(256)) * 2000


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


def bucket(url: str, name: str = "biaoshi") -> Bucket:
    return Bucket(url, name, "us-east-1", "an-access-key", "a-secret-key")


@pytest.fixture
async def storage(server: str, office: Office) -> AsyncIterator[S3Storage]:
    async with s3_storage(bucket(server), DatabaseStorage(office.pool)) as storage:
        yield storage


async def put(office: Office, storage: S3Storage, key: str, content: bytes) -> None:
    async with transaction(office.pool) as connection:
        await storage.put(connection, key, content)


async def test_what_is_put_comes_back_in_pieces(office: Office, storage: S3Storage) -> None:
    await put(office, storage, "file/a", PDF)
    await put(office, storage, "file/a", PDF)
    assert await storage.piece("file/a", 0, len(PDF) + 99) == PDF
    assert await storage.piece("file/a", 5, 10) == PDF[5:15]
    assert await storage.piece("file/a", len(PDF) - 3, 10) == PDF[-3:]
    assert await office.pool.fetchval("SELECT count(*) FROM stored_content") == 0


async def test_what_the_database_held_before_is_still_found(office: Office, storage: S3Storage) -> None:
    async with transaction(office.pool) as connection:
        await DatabaseStorage(office.pool).put(connection, "file/old", b"before")
    assert await storage.piece("file/old", 1, 3) == b"efo"
    async with transaction(office.pool) as connection:
        await storage.remove(connection, "file/old")
        await storage.remove(connection, "file/never")
    with pytest.raises(ContentLost, match="file/old"):
        await storage.piece("file/old", 0, 3)


async def test_files_and_attachments_live_in_the_bucket(office: Office, storage: S3Storage) -> None:
    enterprise = await office.enterprise()
    user = office.user(enterprise)
    files = Files(office.pool, office.clock, storage, FileLimits())
    stored, _ = await files.add(user, acting(user), enterprise.enterprise_id, "manual.pdf", "application/pdf", PDF)
    assert b"".join([piece async for piece in files.content(stored)]) == PDF
    attachments = Attachments(office.pool, office.clock, Seal(bytes(32)), storage, AttachmentLimits())
    added = await attachments.add(user, acting(user), "licence.pdf", PDF)
    assert (await attachments.read(user, acting(user), added.attachment_id))[1] == PDF
    assert PDF[:30] not in await storage.piece(f"attachment/{added.path}", 0, 100)
    assert await office.pool.fetchval("SELECT count(*) FROM stored_content") == 0


async def test_a_store_that_is_away_is_said_to_be_and_leaves_nothing_half_done(office: Office) -> None:
    enterprise = await office.enterprise()
    user = office.user(enterprise)
    async with s3_storage(bucket("http://127.0.0.1:9"), DatabaseStorage(office.pool)) as storage:
        files = Files(office.pool, office.clock, storage, FileLimits())
        async with office.nothing_left():
            with pytest.raises(StoreAway) as caught:
                await files.add(user, acting(user), enterprise.enterprise_id, "a.pdf", "application/pdf", PDF)
        assert "a-secret-key" not in str(caught.value)
    assert await office.pool.fetchval("SELECT count(*) FROM file") == 0
