"""Backup and restore: one archive of the whole database, believed only after it was read back.

    nightly.dump        pg_dump's custom format
    nightly.dump.json   its manifest: size, SHA-256, versions, and how many rows every table had

A backup counts the rows of every table in the very snapshot that it dumps, reads the archive to its end and
compares; only then does the archive get its name. A restore goes into an empty database, in one transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import asyncpg
import msgspec

from node.backup_archive import Client, RowCounter, client_for
from node.database import database_errors
from node.embedded_runtime import Runtime
from node.errors import Conflict, Internal, Malformed, NotFound, Unavailable
from node.migrate import OWNER, make_roles
from node.sql import statements_beside

_STATEMENTS = statements_beside(__file__, "backup.sql")
_MAGIC = b"PGDMP"
_CHUNK = 1 << 20


class BackupExists(Conflict):
    title_zh = "备份文件已存在"


class BackupNotWritten(Unavailable):
    title_zh = "无法写入备份文件"


class BackupBroken(Internal):
    title_zh = "备份核对失败"


class ClientFailed(Unavailable):
    title_zh = "PostgreSQL 客户端程序失败"


class ArchiveMissing(NotFound):
    title_zh = "找不到备份文件"


class NotAnArchive(Malformed):
    title_zh = "不是备份文件"


class ArchiveAltered(Malformed):
    title_zh = "备份文件与清单不符"


class DatabaseNotEmpty(Conflict):
    title_zh = "目标数据库不是空的"


class RestoreIncomplete(Internal):
    title_zh = "恢复核对失败"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands beside an archive; ``tables`` maps ``schema.table`` to its rows."""

    archive: str
    bytes: int
    sha256: str
    created: datetime
    server: str
    client: str
    tables: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BackupReport:
    path: Path
    manifest_path: Path
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """Rows per table after the restore; ``verified`` when a manifest confirmed the archive and the counts."""

    tables: Mapping[str, int]
    verified: bool


async def backup(url: str, target: Path, runtime: Runtime | None = None) -> BackupReport:
    """Dump the database at ``url`` to ``target``, which must not exist yet.

    ``runtime``'s programs are preferred where they fit the server's version. A failed or cancelled backup
    leaves nothing behind. Raises ``BackupExists``, ``BackupNotWritten``, ``BackupBroken``, ``ClientMissing``,
    ``ClientFailed``, ``LoginRefused`` or ``DatabaseAway``.
    """
    manifest_path = _manifest_path(target)
    for path in (target, manifest_path):
        if path.exists():
            raise BackupExists(f"{path} exists; choose another name", path=str(path))
    partial = target.with_name(f"{target.name}.partial")
    _create_private(partial)
    try:
        async with _connected(url) as connection:
            major = connection.get_server_version().major
            version = str(await connection.fetchval("SHOW server_version")).split()[0]
            client = await asyncio.to_thread(client_for, major, runtime)
            created, tables = await _dump(connection, client, url, partial)
        await _check(client, partial, tables)
        manifest = Manifest(
            archive=target.name,
            bytes=partial.stat().st_size,
            sha256=await asyncio.to_thread(_sha256, partial),
            created=created,
            server=version,
            client=client.version,
            tables=tables,
        )
        _write_manifest(manifest_path, manifest)
        partial.rename(target)
        _sync(target.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        manifest_path.unlink(missing_ok=True)
        raise
    return BackupReport(target, manifest_path, manifest)


async def restore(url: str, source: Path, runtime: Runtime | None = None) -> RestoreReport:
    """Bring the archive ``source`` back into the empty database at ``url``: all of it or nothing.

    Objects belong to the login of ``url`` afterwards; the node's roles are created where they are missing.
    Raises ``ArchiveMissing``, ``NotAnArchive``, ``ArchiveAltered``, ``DatabaseNotEmpty``, ``RolesMissing``,
    ``RestoreIncomplete``, ``ClientMissing``, ``ClientFailed``, ``LoginRefused`` or ``DatabaseAway``.
    """
    manifest = await asyncio.to_thread(_verified_manifest, source)
    async with _connected(url) as connection:
        found = await connection.fetchval(_STATEMENTS["first_relation"])
        if found is not None:
            raise DatabaseNotEmpty(
                f"the database already holds {found}; restore into an empty database", relation=found
            )
        client = await asyncio.to_thread(client_for, connection.get_server_version().major, runtime)
        await make_roles(connection)
    await _run(
        client.bin / "pg_restore",
        ["--exit-on-error", "--single-transaction", "--no-owner", f"--role={OWNER}", "--no-password"],
        [f"--dbname={_without_password(url)}", str(source)],
        password=_password(url),
    )
    async with _connected(url) as connection:
        await connection.execute("ANALYZE")
        tables = await _count_rows(connection)
    if manifest is not None and tables != manifest.tables:
        raise RestoreIncomplete(
            f"the restored rows differ from the manifest in {_first_difference(manifest.tables, tables)}",
            expected=dict(manifest.tables),
            found=tables,
        )
    return RestoreReport(tables, verified=manifest is not None)


async def _dump(
    connection: asyncpg.Connection, client: Client, url: str, partial: Path
) -> tuple[datetime, dict[str, int]]:
    """Write the archive; returns the snapshot's instant and its rows per table."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        shared = await connection.fetchrow(_STATEMENTS["export_snapshot"])
        tables = await _count_rows(connection)
        await _run(
            client.bin / "pg_dump",
            # Level 1: half the time of the default, and the records hardly shrink further.
            ["--format=custom", "--compress=1", "--no-password", "--lock-wait-timeout=60000"],
            [f"--snapshot={shared['snapshot']}", f"--file={partial}", f"--dbname={_without_password(url)}"],
            password=_password(url),
        )
    return shared["created"], tables


async def _count_rows(connection: asyncpg.Connection) -> dict[str, int]:
    rows = await connection.fetch(_STATEMENTS["tables"])
    return {row["name"]: await connection.fetchval(row["counting"]) for row in rows}


async def _check(client: Client, archive: Path, expected: Mapping[str, int]) -> None:
    """Read every byte of the archive back as rows. Raises ``BackupBroken``."""
    counter = RowCounter()
    try:
        await _run(client.bin / "pg_restore", ["--data-only", "--file=-"], [str(archive)], consume=counter.feed)
    except ClientFailed as error:
        raise BackupBroken(f"the archive cannot be read back: {error.detail}", **error.evidence) from error
    if counter.tables != expected:
        raise BackupBroken(
            f"the archive differs from the database in {_first_difference(expected, counter.tables)}",
            expected=dict(expected),
            found=counter.tables,
        )


def _first_difference(expected: Mapping[str, int], found: Mapping[str, int]) -> str:
    name = min(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    return f"{name} ({expected.get(name)} rows expected, {found.get(name)} found)"


async def _run(
    program: Path,
    options: list[str],
    objects: list[str],
    *,
    password: str | None = None,
    consume: Callable[[bytes], None] | None = None,
) -> None:
    """Run a client program to its end, its output to ``consume``; cancelled, it is killed.

    The password travels in the environment, for command lines are public. Raises ``ClientFailed``.
    """
    environment = {**os.environ, "LC_ALL": "C", "PGAPPNAME": "biaoshi backup"}
    if password is not None:
        environment["PGPASSWORD"] = password
    process = await asyncio.create_subprocess_exec(
        program,
        *options,
        *objects,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        _, said = await asyncio.gather(_drain(process.stdout, consume), process.stderr.read())
        code = await process.wait()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if code != 0:
        lines = said.decode(errors="replace").strip().splitlines() or [f"exit code {code}"]
        reason = next((line for line in lines if "error:" in line), lines[-1])
        raise ClientFailed(reason, program=program.name, exit_code=code)


async def _drain(stream: asyncio.StreamReader, consume: Callable[[bytes], None] | None) -> None:
    while chunk := await stream.read(_CHUNK):
        if consume is not None:
            consume(chunk)


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    unhurried = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
    with database_errors():
        connection = await asyncpg.connect(
            url, timeout=10, server_settings={"application_name": "biaoshi backup", **unhurried}
        )
        try:
            yield connection
        finally:
            await connection.close(timeout=10)


def _password(url: str) -> str | None:
    parts = urlsplit(url)
    written = parts.netloc.rpartition("@")[0].partition(":")[2]
    return unquote(written) if written else dict(parse_qsl(parts.query)).get("password")


def _without_password(url: str) -> str:
    """The address as libpq reads it: asyncpg's ``database`` is its ``dbname``, and + is no space to it."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    query = [
        ("dbname" if key == "database" else key, value)
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
        if key != "password"
    ]
    hosts = f"{login.partition(':')[0]}{at}{hosts}"
    return f"postgresql://{hosts}{parts.path}?{urlencode(query, quote_via=quote, safe='')}"


def _manifest_path(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.json")


def _create_private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    except OSError as error:
        raise BackupNotWritten(
            f"cannot write {path}: {error.strerror}", path=str(path), cause=error.strerror
        ) from error


def _write_manifest(path: Path, manifest: Manifest) -> None:
    _create_private(path)
    with path.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _verified_manifest(source: Path) -> Manifest | None:
    """The archive's manifest, once it agrees with the archive; ``None`` without one."""
    try:
        with source.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ArchiveMissing(f"cannot read {source}: {error.strerror}", path=str(source)) from error
    if magic != _MAGIC:
        raise NotAnArchive(f"{source} is not an archive of biaoshi backup", path=str(source))
    path = _manifest_path(source)
    if not path.exists():
        return None
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArchiveAltered(f"the manifest {path} cannot be read: {error}", path=str(path)) from error
    if (source.stat().st_size, _sha256(source)) != (manifest.bytes, manifest.sha256):
        raise ArchiveAltered(
            f"{source} is not the archive that {path.name} describes: it was altered or cut short",
            path=str(source),
            expected=manifest.sha256,
        )
    return manifest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
