"""Records of prefixes as a test needs them: administrators, groups, keys, said by nobody in particular."""

from __future__ import annotations

from datetime import UTC, datetime

from node.database import Connection, Pool
from node.handle_data import AdminData, RsaPublicKey, encode_admin, encode_public_key, encode_vlist
from node.identifier import Identifier, Prefix
from node.journal import Actor, Interface
from node.record import Record, Reference, Value, encode_values
from registry.handle.store import held_record, write_record

ALL = 0xFFF
AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def admin(index: int, handle: str, key: int, permissions: int = ALL) -> Value:
    """An administrator: the key of a handle, with these bits."""
    return Value(index, "HS_ADMIN", encode_admin(AdminData(handle, key, permissions)))


def group(index: int, *members: tuple[str, int]) -> Value:
    """A group of keys, or of groups."""
    return Value(index, "HS_VLIST", encode_vlist(tuple(Reference(*member) for member in members)))


def public_key(index: int, modulus: int = (1 << 2047) + 9) -> Value:
    """A public key that looks like one."""
    return Value(index, "HS_PUBKEY", encode_public_key(RsaPublicKey(modulus, 65537)))


def plain(index: int, text: str = "https://example.com/", permissions: int = 0x0E) -> Value:
    """A value of no special meaning."""
    return Value(index, "URL", text.encode(), permissions=permissions)


async def say(connection: Connection, prefix: Prefix, *values: Value) -> Record:
    """Let the handle of a prefix say just this."""
    async with connection.transaction():
        before = await held_record(connection, prefix, AT)
        await write_record(connection, before, tuple(values), "say", Actor(None, Interface.COMMAND), AT)
    return tuple(values)


async def register(pool: Pool, prefix: Prefix, suffix: str, record: Record, state: int = 1) -> None:
    """An identifier as it might stand, whatever wrote it."""
    await pool.execute(
        "INSERT INTO identifier (prefix_id, template_id, version, state, registered_at, updated_at, suffix_key,"
        " record) SELECT prefix_id, 1, 1, $3, $4, $4, $2, $5 FROM prefix WHERE prefix = $1",
        prefix.key, Identifier.of(prefix, suffix).key, state, AT, encode_values(record),
    )  # fmt: skip


async def policy(pool: Pool, prefix: Prefix, derived_prefixes: int | None = None) -> None:
    """Let the Handle protocol make prefixes below one; what else it may make there is no matter here."""
    template_id = await pool.fetchval(
        "INSERT INTO template (name, template_version, state, definition, created_at, updated_at)"
        " VALUES ($1, 1, 'published', '{}', $2, $2) RETURNING template_id",
        f"any-{prefix.key}", AT,
    )  # fmt: skip
    await pool.execute(
        "INSERT INTO handle_policy (prefix_id, template_id, derived_prefixes, created_at, updated_at)"
        " SELECT prefix_id, $2, $3, $4, $4 FROM prefix WHERE prefix = $1",
        prefix.key, template_id, derived_prefixes, AT,
    )  # fmt: skip
