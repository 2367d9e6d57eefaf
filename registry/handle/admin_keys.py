"""The keys of a prefix's administrators, registered by whoever runs the node, past the protocol's own rights."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from node.administration import AddValues, Identity, ValueUnknown
from node.database import Connection, Pool, open_pool, transaction
from node.handle_data import AdminData, decode_admin, encode_admin
from node.identifier import InvalidPrefix, Prefix, fold
from node.journal import Actor, Interface
from node.migrate import migrate
from node.record import Record, Value
from registry.handle.names import handle_key, named, prefix_handle
from registry.handle.permissions import is_admin
from registry.handle.prefix_record import changed, check_sane
from registry.handle.prefix_usage import elsewhere, known_grant
from registry.handle.store import found_record, held_record, write_record
from registry.store import reading

Clock = Callable[[], datetime]

_FIRST_ADMIN = 100  # where HS_ADMIN values stand by custom
_KEY_TYPES = ("HS_PUBKEY", "HS_SECKEY")
_SECONDS = 10.0  # for a statement
_COMMAND = Actor(None, Interface.COMMAND)


@dataclass(frozen=True, slots=True)
class AdminKey:
    """An administrator of a prefix: ``permissions`` of HS_ADMIN, ``None`` for a key that no HS_ADMIN there names.

    ``type`` is HS_PUBKEY or HS_SECKEY, empty for an administrator whose key stands elsewhere.
    """

    identity: Identity
    type: str
    permissions: int | None


@asynccontextmanager
async def opened(url: str, clock: Clock, node_prefix: Prefix) -> AsyncIterator[AdminKeys]:
    """The use cases on a database of their own, brought to the newest schema: the first administrator may be named
    before the node's first start.
    """
    await migrate(url)
    pool = await open_pool(url, "biaoshi_writer", size=1, seconds=_SECONDS, name="biaoshi admin-key")
    try:
        yield AdminKeys(pool, clock, node_prefix)
    finally:
        await pool.close()


class AdminKeys:
    """The use cases. All raise ``PrefixElsewhere`` for a prefix that is not the node's, and ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock, node_prefix: Prefix) -> None:
        self._pool = pool
        self._clock = clock
        self._node_prefix = node_prefix

    async def add(self, prefix: str, index: int, kind: str, data: bytes, permissions: int) -> AdminKey:
        """Let a new key of the prefix's handle administer it. ``kind`` is HS_PUBKEY or HS_SECKEY.

        Raises ``ValueExists`` when something stands at the index, ``InvalidValue``, InvalidIndex.
        """
        identity = Identity(prefix_handle(_prefix(prefix)), index)
        key = Value(index, kind, data)
        admin = AdminData(identity.handle, index, permissions)
        await self._change(prefix, "admin_key_add", lambda standing, at: _with_key(standing, key, admin, at))
        return AdminKey(identity, kind, permissions)

    async def list(self, prefix: str) -> list[AdminKey]:
        """Keys and administrators of the prefix's handle."""
        known = _prefix(prefix)
        async with reading(self._pool) as connection:
            await self._check(connection, known)
            values = (await found_record(connection, known)).values
        return list(_admin_keys(values, prefix_handle(known)))

    async def remove(self, prefix: str, index: int) -> None:
        """Remove a key and every HS_ADMIN there that names it. Raises ``ValueUnknown``."""
        handle = prefix_handle(_prefix(prefix))
        await self._change(prefix, "admin_key_remove", lambda standing, _: _without_key(standing, handle, index))

    async def _change(self, text: str, verb: str, change: Callable[[Record, datetime], Record]) -> None:
        prefix, at = _prefix(text), self._clock()
        async with transaction(self._pool) as connection:
            await self._check(connection, prefix)
            before = await held_record(connection, prefix, at)
            await write_record(connection, before, change(before.values, at), verb, _COMMAND, at)

    async def _check(self, connection: Connection, prefix: Prefix) -> None:
        if prefix != self._node_prefix and await known_grant(connection, prefix) is None:
            raise elsewhere(prefix)


def _prefix(text: str) -> Prefix:
    """A prefix, also written as its handle."""
    name = named(text)
    if not isinstance(name, Prefix):
        raise InvalidPrefix(f"{text} is an identifier; administrators' keys stand in the handle of a prefix")
    return name


def _with_key(standing: Record, key: Value, admin: AdminData, at: datetime) -> Record:
    """The key, and one HS_ADMIN that means just it: the one that stands, with the new permissions, or another."""
    said = next((value.index for value, other in _admins(standing) if _means(other, admin.handle, key.index)), None)
    taken = {key.index, *(value.index for value in standing)}
    place = said or next(index for index in count(_FIRST_ADMIN) if index not in taken)
    new = Value(place, "HS_ADMIN", encode_admin(admin))
    rest = tuple(value for value in standing if value.index != said)
    change = AddValues(admin.handle, (key, new))
    check_sane(change)
    return changed(change, rest, admin.handle, at)


def _without_key(standing: Record, handle: str, index: int) -> Record:
    gone = {value.index for value in standing if value.index == index and fold(value.type) in _KEY_TYPES}
    gone |= {value.index for value, admin in _admins(standing) if _means(admin, handle, index)}
    if not gone:
        raise ValueUnknown(f"{handle} has neither a key {index} nor an administrator of that name", index=index)
    return tuple(value for value in standing if value.index not in gone)


def _admin_keys(standing: Record, handle: str) -> Iterator[AdminKey]:
    keys = {value.index: fold(value.type) for value in standing if fold(value.type) in _KEY_TYPES}
    named_here = set()
    for _, admin in _admins(standing):
        own = handle_key(admin.handle) == handle
        if own:
            named_here.add(admin.index)
        yield AdminKey(
            Identity(admin.handle, admin.index), keys.get(admin.index, "") if own else "", admin.permissions
        )
    for index, kind in keys.items():
        if index not in named_here:
            yield AdminKey(Identity(handle, index), kind, None)


def _admins(standing: Record) -> Iterator[tuple[Value, AdminData]]:
    yield from ((value, decode_admin(value.data)) for value in standing if is_admin(value))


def _means(admin: AdminData, handle: str, index: int) -> bool:
    return handle_key(admin.handle) == handle and admin.index == index
