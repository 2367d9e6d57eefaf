"""Whether somebody may: his identity against the HS_ADMIN values of a record and of the prefixes above it.

A record's own administrators are asked first, then those of the handle of its prefix, then of each prefix above, up
to the node's own, whose administrators are the node's. An identity is an administrator if an HS_ADMIN value names it,
or names a group it stands in. An HS_ADMIN of index 0 means every index of that handle; an identity of index 0 is none
in particular, and only such an HS_ADMIN means it.
Reference: RFC 3652 section 3.5.2, and Handle.Net.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from node.administration import Identity, InvalidAdministrator, NotPermitted, ProofNeeded
from node.database import Connection
from node.handle_data import ADMIN_PERMISSIONS, AdminData, decode_admin
from node.identifier import Prefix
from node.record import InvalidRecord, Record, Reference
from registry.handle.groups import means
from registry.handle.names import chain, handle_key, prefix_handle
from registry.handle.permissions import Grantor, Need, Permission, Ways, is_admin
from registry.handle.standing import records_of


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is to be done: under which prefix, and in which standing record if it is an identifier's."""

    prefix: Prefix
    node_prefix: Prefix
    record: Record = ()


async def authorise(connection: Connection, identity: Identity | None, ways: Ways, place: Place) -> None:
    """Return if the identity may go one of the ways.

    Raises ``ProofNeeded`` for nobody in particular, ``InvalidAdministrator`` for somebody who administers nothing
    here, ``NotPermitted`` for one who does and lacks the bits.
    """
    if () in ways:
        return
    if identity is None:
        raise ProofNeeded("this needs an administrator, and nobody has proved to be one")
    levels = await _levels(connection, place)
    met: dict[Need, bool] = {}
    for way in ways:
        for need in way:
            if need not in met:
                admins = (admin for admin in _asked(levels, need.grantor) if _has(admin, need.permissions))
                met[need] = await _means(connection, admins, identity, place.node_prefix)
            if not met[need]:
                break
        else:
            return
    if await _means(connection, _asked(levels, Grantor.RECORD), identity, place.node_prefix):
        needed = _words(ways[0])
        raise NotPermitted(f"{identity} is an administrator here without: {', '.join(needed)}", needed=needed)
    raise InvalidAdministrator(f"{identity} is no administrator here", identity=str(identity))


async def administers_node(connection: Connection, identity: Identity | None, node_prefix: Prefix) -> bool:
    """Whether any HS_ADMIN of the node's own prefix handle means the identity."""
    if identity is None:
        return False
    levels = await _levels(connection, Place(node_prefix, node_prefix))
    return await _means(connection, _asked(levels, Grantor.NODE), identity, node_prefix)


_Levels = list[list[AdminData]]  # of the record itself, of its prefix, of each prefix above, of the node's own


async def _levels(connection: Connection, place: Place) -> _Levels:
    handles = [prefix_handle(prefix) for prefix in chain(place.prefix, place.node_prefix)]
    records = await records_of(connection, handles, place.node_prefix)
    return [
        list(_administrators(place.record)),
        *(list(_administrators(records.get(handle_key(handle), ()))) for handle in handles),
    ]


def _asked(levels: _Levels, grantor: Grantor) -> Iterator[AdminData]:
    first = {Grantor.RECORD: 0, Grantor.PREFIX: 1, Grantor.ABOVE: min(2, len(levels) - 1), Grantor.NODE: -1}
    for level in levels[first[grantor] :]:
        yield from level


def _administrators(record: Record) -> Iterator[AdminData]:
    for value in record:
        if is_admin(value):
            try:
                yield decode_admin(value.data)
            except InvalidRecord:
                continue  # who is named so names nobody


def _has(admin: AdminData, permissions: Permission) -> bool:
    return admin.permissions & permissions == permissions


async def _means(
    connection: Connection, admins: Iterator[AdminData], identity: Identity, node_prefix: Prefix
) -> bool:
    references = [Reference(admin.handle, admin.index) for admin in admins]
    return bool(references) and await means(connection, references, identity, node_prefix)


def _words(way: tuple[Need, ...]) -> list[str]:
    bits = [need.permissions for need in way]
    return [name for at, name in enumerate(ADMIN_PERMISSIONS) if any(1 << at & these for these in bits)]
