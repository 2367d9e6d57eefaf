"""The records of prefixes, ``0.NA/88.101.2001``: what is wrong with a change, who may make it, and its doing.

Every prefix in use has such a handle, whether anything is stored about it or not. Deleting one leaves a record
without values, so that versions go on; handles of derived prefixes come and go with their prefixes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

from node.administration import (
    AddValues,
    Change,
    CreateHandle,
    DeleteHandle,
    Done,
    HandleUnknown,
    HomePrefix,
    Identity,
    ModifyValues,
    ReadValues,
    RemoveValues,
    UnhomePrefix,
)
from node.database import Connection
from node.identifier import Prefix
from node.journal import Actor, Interface
from node.record import Record, select
from registry.handle import derived_prefixes
from registry.handle.accounts import account_of
from registry.handle.authorisation import Place, authorise
from registry.handle.names import named, prefix_handle
from registry.handle.permissions import TO_LIST_HOMED, RecordChange, ways_of_prefix_handle, ways_to_read
from registry.handle.prefix_record import changed, check_sane, is_secret
from registry.handle.prefix_usage import Hold, elsewhere, grant_in_use
from registry.handle.standing import SQL
from registry.handle.store import PrefixRecord, found_record, held_record, write_record
from registry.prefix_grant import PrefixGrant

_VERBS: dict[type[RecordChange], str] = {
    CreateHandle: "create",
    DeleteHandle: "delete",
    AddValues: "add",
    RemoveValues: "remove",
    ModifyValues: "modify",
}


async def check(connection: Connection, change: Change, node_prefix: Prefix, at: datetime) -> None:
    """What is wrong with it whoever asks.

    Raises ``PrefixElsewhere``, ``NotPermitted`` for a prefix that is not enabled, and the errors of ``check_sane``
    and ``changed`` (``prefix_record``).
    """
    prefix = _prefix_of(change)
    if isinstance(change, HomePrefix | UnhomePrefix):
        await derived_prefixes.movable(connection, prefix, node_prefix)
        return
    wanted = await derived_prefixes.allotment(connection, change, prefix, node_prefix, hold=False)
    grant = None if wanted else await grant_in_use(connection, prefix, node_prefix)
    check_sane(change)
    standing = await found_record(connection, prefix)
    _check_there(change, standing, grant)
    changed(change, standing.values, prefix_handle(prefix), at)


async def perform(
    connection: Connection,
    change: Change,
    identity: Identity | None,
    *,
    node_prefix: Prefix,
    interface: Interface,
    at: datetime,
    secret: Callable[[int], bytes] = os.urandom,
) -> Done:
    """As ``Administration.perform``, inside the caller's transaction; it authorises itself.

    ``secret`` makes the log secret of a new derived prefix. Raises also ``PrefixLimit``, ``PrefixHoldsHandles``,
    ``PrefixAboveSuspended``, ``TransitionRefused``.
    """
    prefix = _prefix_of(change)
    place = Place(prefix, node_prefix)
    if isinstance(change, HomePrefix | UnhomePrefix):
        grant = await derived_prefixes.movable(connection, prefix, node_prefix, hold=True)
        await authorise(connection, identity, ways_of_prefix_handle(change, None), place)
        actor = await _actor(connection, identity, place, interface, at)
        move = derived_prefixes.home if isinstance(change, HomePrefix) else derived_prefixes.unhome
        await move(connection, grant, identity, actor, at)
        return Done(prefix_handle(prefix))
    wanted = await derived_prefixes.allotment(connection, change, prefix, node_prefix, hold=True)
    hold: Hold = "alone" if isinstance(change, DeleteHandle) else "shared"
    held = None if wanted else await grant_in_use(connection, prefix, node_prefix, hold)
    check_sane(change)
    before = await held_record(connection, prefix, at)
    _check_there(change, before, held)
    after = changed(change, before.values, prefix_handle(prefix), at)
    await authorise(connection, identity, ways_of_prefix_handle(change, before.values or None), place)
    actor = await _actor(connection, identity, place, interface, at)
    if wanted:
        await derived_prefixes.allot(connection, wanted, actor, at, secret)
    await write_record(connection, before, after, _VERBS[type(change)], actor, at)
    if held and held.derived and isinstance(change, DeleteHandle):
        await derived_prefixes.withdraw(connection, held, identity, actor, at)
    return Done(prefix_handle(prefix), _overwrites(change, before))


async def read(connection: Connection, asked: ReadValues, identity: Identity | None, node_prefix: Prefix) -> Record:
    """The stored values that are asked for; secret keys never, whoever asks.

    What the node computes (its own HS_SITE) is the resolver's, so finding nothing is no fault here. Raises
    ``PrefixElsewhere``, ``NotPermitted`` for a prefix that is not enabled, and those of ``authorise``.
    """
    prefix = _prefix(asked.handle)
    await grant_in_use(connection, prefix, node_prefix)
    stored = (await found_record(connection, prefix)).values
    found = select([value for value in stored if not is_secret(value)], asked.indexes, asked.types)
    await authorise(connection, identity, ways_to_read(found), Place(prefix, node_prefix))
    return found


async def homed_prefixes(connection: Connection, identity: Identity | None, node_prefix: Prefix) -> list[str]:
    """The handles of the prefixes that are served here, the node's own first, for the node's administrators."""
    await authorise(connection, identity, TO_LIST_HOMED, Place(node_prefix, node_prefix))
    rows = await connection.fetch(SQL["enabled_prefixes"])
    prefixes = [node_prefix, *(Prefix.parse_derived(row["prefix"]) for row in rows)]
    return [prefix_handle(prefix) for prefix in prefixes]


def _prefix_of(change: Change) -> Prefix:
    return _prefix(change.handle)


def _prefix(handle: str) -> Prefix:
    name = named(handle)
    if not isinstance(name, Prefix):
        raise elsewhere(name.prefix)
    return name


def _check_there(change: RecordChange, standing: PrefixRecord, grant: PrefixGrant | None) -> None:
    """To delete nothing is refused; a derived prefix is something even without a record."""
    if isinstance(change, DeleteHandle) and not standing.values and not (grant and grant.derived):
        raise HandleUnknown(f"nothing is stored about {change.handle}", handle=change.handle)


async def _actor(
    connection: Connection, identity: Identity | None, place: Place, interface: Interface, at: datetime
) -> Actor:
    # What everybody may change (a value that the public may write) is changed on the account of the prefix.
    acting = identity or Identity(prefix_handle(place.prefix), 0)
    account = await account_of(connection, acting, node_prefix=place.node_prefix, interface=interface, at=at)
    return Actor(account.account_id, interface)


def _overwrites(change: RecordChange, before: PrefixRecord) -> bool:
    match change:
        case CreateHandle():
            return bool(before.values)
        case AddValues(values=values):
            return not {value.index for value in values}.isdisjoint(value.index for value in before.values)
    return False
