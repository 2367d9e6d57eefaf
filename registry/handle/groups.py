"""Who stands behind an administrator's name: himself, or the members of a group (HS_VLIST), which may name groups.

A group counts where this node holds it. Looking through groups is bounded in depth, in handles and in octets, for a
prefix's own administrators write them; what lies beyond a bound is as if it were not there.
Reference: RFC 3651 section 3.2.8, RFC 3652 section 3.5.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import structlog

from node.administration import Identity
from node.database import Connection
from node.handle_data import decode_vlist
from node.identifier import Prefix, fold
from node.record import InvalidRecord, Record, Reference
from registry.handle.names import handle_key
from registry.handle.standing import records_of

log = structlog.get_logger(__name__)

GROUP_TYPE = "HS_VLIST"
MOST_LEVELS = 8
"""A group in a group, and so on."""
MOST_HANDLES = 64
"""Records looked at for one question."""
MOST_OCTETS = 1 << 18
"""Data of HS_VLIST values decoded for one question; a member takes about 30."""

_Name = tuple[str, int]  # handle in the form of handle_key, index


async def means(
    connection: Connection, references: Iterable[Reference], identity: Identity, node_prefix: Prefix
) -> bool:
    """Whether one of the references means the identity, directly or through groups; index 0 means every index."""
    who = _name(identity.handle, identity.index)
    seen: set[_Name] = set()
    looked_at: set[str] = set()
    room = MOST_OCTETS
    names = {_name(reference.handle, reference.index) for reference in references}
    for _ in range(MOST_LEVELS + 1):
        if _meant(who, names):
            return True
        names -= seen
        seen |= names
        handles = {handle for handle, _ in names}
        looked_at |= handles
        if not handles:
            return False
        if len(looked_at) > MOST_HANDLES:
            break
        records = await records_of(connection, handles, node_prefix)
        lists = [data for handle, index in names for data in _groups(records.get(handle, ()), index)]
        room -= sum(map(len, lists))
        if room < 0:
            break
        names = {_name(member.handle, member.index) for data in lists for member in _members(data)}
    log.warning("groups_beyond_bounds", identity=str(identity), levels=MOST_LEVELS, handles=len(looked_at))
    return False


def _meant(who: _Name, names: set[_Name]) -> bool:
    handle, _ = who
    return who in names or (handle, 0) in names


def _name(handle: str, index: int) -> _Name:
    return handle_key(handle), index


def _groups(record: Record, index: int) -> Iterator[bytes]:
    yield from (value.data for value in record if index in (0, value.index) and fold(value.type) == GROUP_TYPE)


def _members(data: bytes) -> tuple[Reference, ...]:
    try:
        return decode_vlist(data)
    except InvalidRecord:
        return ()  # an identifier's record holds what its owner wrote
