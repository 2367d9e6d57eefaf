"""The registry as the administrators of the Handle System meet it: ``node.administration.Administration``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from random import Random, SystemRandom

from node.administration import (
    Change,
    CreateHandle,
    Done,
    HomePrefix,
    Identity,
    IdentityKey,
    InvalidHandle,
    OperationUnsupported,
    ReadValues,
    UnhomePrefix,
)
from node.database import Pool, transaction
from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix, Prefix
from node.journal import Interface
from node.record import Record
from registry.handle import listing, prefix_handles, records
from registry.handle.authorisation import administers_node
from registry.handle.identities import keys_of
from registry.handle.minting import RANDOM_CHARACTERS
from registry.handle.names import named
from registry.store import reading

Clock = Callable[[], datetime]
_UNGUESSABLE = SystemRandom()  # for minted suffixes
_STAND_IN = "0" * RANDOM_CHARACTERS


class HandleAdministration:
    """Identifiers are the business of ``records`` and ``listing``, handles of prefixes that of ``prefix_handles``."""

    def __init__(self, pool: Pool, clock: Clock, node_prefix: Prefix, rng: Random = _UNGUESSABLE) -> None:
        self._pool = pool
        self._clock = clock
        self._node_prefix = node_prefix
        self._rng = rng

    async def keys_of(self, identity: Identity) -> Sequence[IdentityKey]:
        async with reading(self._pool) as connection:
            return await keys_of(connection, identity, self._node_prefix)

    async def check(self, change: Change) -> None:
        named = _meant(change)
        async with reading(self._pool) as connection:
            if isinstance(named, Prefix) or isinstance(change, HomePrefix | UnhomePrefix):
                await prefix_handles.check(connection, change, self._node_prefix, self._clock())
            else:
                await records.check(connection, named, change, self._node_prefix, self._clock())

    async def perform(self, change: Change, identity: Identity | None, interface: Interface) -> Done:
        named, at = _meant(change), self._clock()
        async with transaction(self._pool) as connection:
            if isinstance(named, Prefix) or isinstance(change, HomePrefix | UnhomePrefix):
                return await prefix_handles.perform(
                    connection, change, identity, node_prefix=self._node_prefix, interface=interface, at=at
                )
            asking = records.Asking(identity, interface, at, self._node_prefix)
            return await records.perform(connection, named, change, asking, self._rng)

    async def read(self, asked: ReadValues, identity: Identity | None) -> Record:
        named = _name(asked.handle)
        async with reading(self._pool) as connection:
            if isinstance(named, Prefix):
                return await prefix_handles.read(connection, asked, identity, self._node_prefix)
            return await listing.read(connection, named, asked, identity, self._node_prefix)

    async def handles(self, prefix_handle: str, identity: Identity | None, *, page: int) -> AsyncIterator[list[str]]:
        prefix = _prefix(prefix_handle)
        async with reading(self._pool) as connection:
            prefix_id = await listing.listable(connection, prefix, identity, self._node_prefix)
        after = ""
        while prefix_id is not None:
            async with reading(self._pool) as connection:
                keys = await listing.page_of_keys(connection, prefix_id, after, page)
            if keys:
                yield [f"{prefix.key}/{key}" for key in keys]
            if len(keys) < page:
                return
            after = keys[-1]

    async def count_handles(self, prefix_handle: str, identity: Identity | None) -> int:
        async with reading(self._pool) as connection:
            prefix_id = await listing.listable(connection, _prefix(prefix_handle), identity, self._node_prefix)
            return 0 if prefix_id is None else await listing.count_keys(connection, prefix_id)

    async def homed_prefixes(self, identity: Identity | None) -> list[str]:
        async with reading(self._pool) as connection:
            return await prefix_handles.homed_prefixes(connection, identity, self._node_prefix)

    async def is_node_administrator(self, identity: Identity | None) -> bool:
        async with reading(self._pool) as connection:
            return await administers_node(connection, identity, self._node_prefix)


def _meant(change: Change) -> Prefix | Identifier:
    """What a change names; where a suffix is to be minted, one that has its beginning and a likely length.

    Raises ``InvalidHandle``, ``PrefixElsewhere``, ``OperationUnsupported``.
    """
    if not isinstance(change, CreateHandle) or not change.mint:
        return _name(change.handle)
    found = _name(change.handle + _STAND_IN if "/" in change.handle else f"{change.handle}/{_STAND_IN}")
    if isinstance(found, Prefix):
        raise OperationUnsupported("a prefix is not minted: say which one it is to be")
    return found


def _prefix(handle: str) -> Prefix:
    found = _name(handle)
    if isinstance(found, Prefix):
        return found
    raise InvalidHandle(f"{handle} is not the handle of a prefix (0.NA/…)")


def _name(handle: str) -> Prefix | Identifier:
    with _invalid_handles():
        return named(handle)


@contextmanager
def _invalid_handles() -> Iterator[None]:
    try:
        yield
    except (InvalidPrefix, InvalidSuffix, InvalidIdentifier) as error:
        raise InvalidHandle(error.detail, **error.evidence) from error
