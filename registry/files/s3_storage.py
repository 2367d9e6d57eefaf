"""Contents in a store that speaks the S3 interface (MinIO, Ceph, a cloud's), with what the database still holds.

A content is put before its row commits: if the transaction fails, an object stays that nothing names, and the next
upload of the same content finds it there. Needs the extra ``s3``.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

try:
    from aiobotocore.config import AioConfig
    from aiobotocore.session import get_session
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:  # without the extra
    get_session = None

import structlog

from node.database import Connection
from node.errors import Malformed, Unavailable
from registry.files.storage import Storage

log = structlog.get_logger(__name__)

_SECONDS = 10
_ATTEMPTS = 3
_ABSENT = 404


class StoreAway(Unavailable):
    """It does not answer, or not as it should. Evidence: ``cause``."""

    title_zh = "文件存储没有应答"


class StoreUnusable(Malformed):
    title_zh = "文件存储无法使用"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the store is, and who we are there."""

    url: str
    name: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)


class S3Storage:
    """One bucket. ``before`` is asked for what was stored before the bucket was set up."""

    def __init__(self, client: Any, bucket: str, before: Storage) -> None:
        self._client = client
        self._bucket = bucket
        self._before = before

    async def put(self, connection: Connection, key: str, content: bytes) -> None:  # noqa: ARG002 - it commits by itself
        with _translated():
            await self._client.put_object(Bucket=self._bucket, Key=key, Body=content)

    async def piece(self, key: str, start: int, length: int) -> bytes:
        with _translated():
            try:
                answer = await self._client.get_object(
                    Bucket=self._bucket, Key=key, Range=f"bytes={start}-{start + length - 1}"
                )
            except ClientError as error:
                if _status(error) != _ABSENT:
                    raise
            else:
                async with answer["Body"] as body:
                    content: bytes = await body.read()
                return content
        return await self._before.piece(key, start, length)

    async def remove(self, connection: Connection, key: str) -> None:
        with _translated():
            await self._client.delete_object(Bucket=self._bucket, Key=key)
        await self._before.remove(connection, key)


@contextlib.asynccontextmanager
async def s3_storage(bucket: Bucket, before: Storage) -> AsyncIterator[S3Storage]:
    """The bucket, made if it is not there; a store that is away now may come later. Raises ``StoreUnusable``."""
    if get_session is None:
        raise StoreUnusable('files.store = "s3" needs the extra s3: install biaoshi[s3]', setting="files.store")
    config = AioConfig(
        connect_timeout=_SECONDS,
        read_timeout=_SECONDS,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path"},
        # Stores other than Amazon's do not all know its newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    made = get_session().create_client(
        "s3",
        endpoint_url=bucket.url,
        region_name=bucket.region,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        config=config,
    )
    async with made as client:
        try:
            await _have(client, bucket.name)
        except StoreAway as error:  # everything but files works without it
            log.warning("store_of_files_away", cause=error.evidence["cause"])
        yield S3Storage(client, bucket.name, before)


async def _have(client: Any, bucket: str) -> None:
    with _translated():
        try:
            await client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if _status(error) != _ABSENT:
                raise
            await client.create_bucket(Bucket=bucket)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        # The store's own words may hold addresses and keys.
        cause = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        raise StoreAway(f"the store of files does not answer as it should: {cause}", cause=cause) from error


def _status(error: ClientError) -> int:
    status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status
