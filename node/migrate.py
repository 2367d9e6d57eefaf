"""Forward-only migrations: the numbered files of ``node/schema``, each applied once, in order, in a transaction.

A file that was applied is never edited; the runner remembers its SHA-256 and refuses a database whose past
differs from the program's. The three database roles are cluster-wide, so they are made here and not in a file:

    biaoshi_owner   owns the schema and migrates      biaoshi_writer   registers, reviews, reports
    biaoshi_reader  resolves
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from node import servers
from node.database import database_errors
from node.errors import Conflict, Unavailable

SCHEMA = Path(__file__).with_name("schema")
OWNER = "biaoshi_owner"
ROLES = (OWNER, "biaoshi_writer", "biaoshi_reader")
OLDEST_SERVER = 150000  # PostgreSQL 15
_MIGRATION_LOCK = 0x62_69_61_6F  # "biao": one migration at a time per database
_FILE_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


class ServerTooOld(Unavailable):
    title_zh = "数据库版本过旧"


class MigrationEdited(Conflict):
    title_zh = "迁移文件与数据库记录不一致"


class DatabaseNewer(Conflict):
    title_zh = "数据库比程序新"


class RolesMissing(Unavailable):
    title_zh = "缺少数据库角色"


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.sql.encode()).digest()


def migrations(folder: Path = SCHEMA) -> list[Migration]:
    """The files in order; a gap or a repeated number is a programming error (``ValueError``)."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.match(path.name)
        if match is None:
            raise ValueError(f"{path.name} is not a migration's name")
        found.append(Migration(int(match[1]), path.name, path.read_text(encoding="utf-8")))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations are not numbered 1, 2, 3, …")
    return found


async def migrate(url: str, folder: Path = SCHEMA) -> list[str]:
    """Bring the database to the newest schema; returns the names applied now.

    Raises ``ServerTooOld``, ``RolesMissing``, ``MigrationEdited``, ``DatabaseNewer``, ``DatabaseAway`` or
    ``LoginRefused``. Two runs at once are safe: the second waits and finds nothing to do.
    """
    with database_errors():
        connection = await servers.connect(url, timeout=10, target=servers.PRIMARY)
    try:
        if int(connection.get_server_version()[0]) * 10000 < OLDEST_SERVER:
            raise ServerTooOld(
                f"PostgreSQL {connection.get_server_version()[0]} is too old; the node needs 15 or newer",
                found=connection.get_server_version()[0],
                needed=15,
            )
        await connection.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK)
        await make_roles(connection)
        await connection.execute(f"SET ROLE {OWNER}")
        return await _apply(connection, migrations(folder))
    finally:
        await connection.close()


async def make_roles(connection: asyncpg.Connection) -> None:
    """Create the roles that are missing, join them, let the owner create. Raises ``RolesMissing``."""
    for role in ROLES:
        if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
            continue
        try:
            # The name comes from ROLES above. Another database of this cluster may create it meanwhile.
            await connection.execute(f"CREATE ROLE {role} NOLOGIN")
        except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            continue
        except asyncpg.InsufficientPrivilegeError:
            raise RolesMissing(
                f"the database has no role {role} and this login may not create it; "
                f"run as a superuser: CREATE ROLE {role} NOLOGIN; GRANT {role} TO CURRENT_USER",
                role=role,
            ) from None
    await _join_roles(connection)
    database = await connection.fetchval("SELECT quote_ident(current_database())")
    await connection.execute(f"GRANT CREATE ON DATABASE {database} TO {OWNER}")
    # Previews keep what they saw in a temporary table; some administrators take that right from everybody.
    await connection.execute(f"GRANT TEMPORARY ON DATABASE {database} TO biaoshi_writer")
    await connection.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER}")
    await connection.execute("GRANT USAGE ON SCHEMA public TO biaoshi_writer, biaoshi_reader")


async def _join_roles(connection: asyncpg.Connection) -> None:
    # Since PostgreSQL 16 who creates a role is its member and still may not act as it.
    privilege = "SET" if connection.get_server_version().major >= 16 else "MEMBER"
    for role in ROLES:
        if await connection.fetchval("SELECT pg_has_role(current_user, $1, $2)", role, privilege):
            continue
        try:
            await connection.execute(f"GRANT {role} TO CURRENT_USER")
        except asyncpg.InsufficientPrivilegeError:
            raise RolesMissing(
                f"this login may not act as the role {role}; run as a superuser: GRANT {role} TO the login",
                role=role,
            ) from None


async def _apply(connection: asyncpg.Connection, known: list[Migration]) -> list[str]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migration ("
        " number integer PRIMARY KEY, name text NOT NULL, digest bytea NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
    applied = {row["number"]: row for row in await connection.fetch("SELECT number, name, digest FROM migration")}
    if len(applied) > len(known):
        raise DatabaseNewer(
            f"the database has {len(applied)} migrations, this program knows {len(known)}; use the newer program",
            database=len(applied),
            program=len(known),
        )
    done = []
    for migration in known:
        row = applied.get(migration.number)
        if row is not None:
            if row["digest"] != migration.digest:
                raise MigrationEdited(
                    f"{migration.name} was applied with other contents; applied files are never edited",
                    name=migration.name,
                )
            continue
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO migration (number, name, digest) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.digest,
            )
        done.append(migration.name)
    return done
