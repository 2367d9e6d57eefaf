"""What an act needs: which permission bits, granted by the administrators of which record.

Pure: facts in, needs out. An administrator is an HS_ADMIN value; the record that bears it grants its bits, and one
HS_ADMIN value must have all bits of a need. A value that administrators may not write is read-only for everybody; one
that the public may write is modified by anybody, unless it is of the Handle System's own types: whoever may change a
key or a group is whoever may act. On the handle of a prefix, who administers is said by those above it, and where it
is served by the administrators of the node.
Reference: RFC 3651 section 3.2.1, RFC 3652 section 3; where they are silent, what Handle.Net does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, IntFlag

from node.administration import (
    AddValues,
    CreateHandle,
    DeleteHandle,
    HomePrefix,
    ModifyValues,
    NotPermitted,
    RemoveValues,
    UnhomePrefix,
)
from node.identifier import fold
from node.record import ADMIN_READ, ADMIN_WRITE, PUBLIC_READ, PUBLIC_WRITE, Record, Value

ADMIN_TYPE = "HS_ADMIN"
RecordChange = CreateHandle | DeleteHandle | AddValues | RemoveValues | ModifyValues

_SYSTEM = "HS_"
_SITES = frozenset({"HS_SITE", "HS_SERV", "HS_NA_DELEGATE", "HS_NAMESPACE"})
_SITE_STEMS = ("HS_SITE.", "HS_SERV.")


class Permission(IntFlag):
    """The bits of HS_ADMIN, as ``node.handle_data.ADMIN_PERMISSIONS`` names them."""

    ADD_HANDLE = 0x001
    DELETE_HANDLE = 0x002
    ADD_DERIVED_PREFIX = 0x004
    DELETE_DERIVED_PREFIX = 0x008
    MODIFY_VALUE = 0x010
    REMOVE_VALUE = 0x020
    ADD_VALUE = 0x040
    MODIFY_ADMIN = 0x080
    REMOVE_ADMIN = 0x100
    ADD_ADMIN = 0x200
    READ_VALUE = 0x400
    LIST_HANDLES = 0x800


class Grantor(Enum):
    """The first record whose administrators are asked; after it those of the prefixes above, up to the node's own."""

    RECORD = "record"
    """The record itself; the handle of its prefix follows."""
    PREFIX = "prefix"
    """The handle of its prefix."""
    ABOVE = "above"
    """The handle of the prefix above; the node's own prefix has none above it and answers itself."""
    NODE = "node"
    """The handle of the node's own prefix: the node's administrators."""


@dataclass(frozen=True, slots=True)
class Need:
    """All these bits, in one HS_ADMIN value; no bits: any administrator."""

    grantor: Grantor
    permissions: Permission


Way = tuple[Need, ...]
"""Needs that must all be met; an empty way is open to everybody."""
Ways = tuple[Way, ...]
"""Any one of them suffices; there is always one."""

TO_LIST: Ways = ((Need(Grantor.PREFIX, Permission.LIST_HANDLES),),)
"""To list the handles under a prefix."""
TO_LIST_HOMED: Ways = ((Need(Grantor.NODE, Permission.LIST_HANDLES),),)
"""To list the prefixes that are served here."""


def ways(change: RecordChange, standing: Record | None) -> Ways:
    """How one may change an identifier whose record stands so; ``None``: it does not stand.

    Indexes that do not stand need nothing: who asks for them is told so before. Raises ``NotPermitted`` for a
    read-only value.
    """
    match change:
        case CreateHandle() if standing is None:
            return _one(Grantor.PREFIX, Permission.ADD_HANDLE)
        case CreateHandle():
            anew = (Need(Grantor.RECORD, Permission.DELETE_HANDLE), Need(Grantor.PREFIX, Permission.ADD_HANDLE))
            return _to_overwrite(change, standing or (), _of_identifier, Grantor.RECORD, anew)
        case DeleteHandle():
            return _one(Grantor.RECORD, Permission.DELETE_HANDLE)
    return (_needs([*_pairs(change, standing or ())], _of_identifier),)


def ways_of_prefix_handle(change: RecordChange | HomePrefix | UnhomePrefix, standing: Record | None) -> Ways:
    """The same for the handle of a prefix, which its own administrators may change in part only.

    ``None``: the prefix is not there yet, or nothing is stored about it.
    """
    match change:
        case CreateHandle(values=values) if standing is None:
            new = _needs([(None, value) for value in values], _of_prefix)
            return ((Need(Grantor.ABOVE, Permission.ADD_DERIVED_PREFIX), *_only(Grantor.NODE, new)),)
        case CreateHandle():
            anew = Need(Grantor.ABOVE, Permission.DELETE_DERIVED_PREFIX | Permission.ADD_DERIVED_PREFIX)
            return _to_overwrite(change, standing or (), _of_prefix, Grantor.ABOVE, (anew,))
        case DeleteHandle():
            return _one(Grantor.ABOVE, Permission.DELETE_DERIVED_PREFIX)
        case HomePrefix():
            return _one(Grantor.NODE, Permission.ADD_DERIVED_PREFIX)
        case UnhomePrefix():
            return _one(Grantor.NODE, Permission.DELETE_DERIVED_PREFIX)
    return (_needs([*_pairs(change, standing or ())], _of_prefix),)


def ways_to_read(values: Iterable[Value]) -> Ways:
    """How one may read all these values of one record. Raises ``NotPermitted`` where nobody may read one."""
    closed = [value for value in values if not value.permissions & PUBLIC_READ]
    for value in closed:
        if not value.permissions & ADMIN_READ:
            raise NotPermitted(f"value {value.index} is read by nobody", index=value.index)
    return _one(Grantor.RECORD, Permission.READ_VALUE) if closed else ((),)


def is_admin(value: Value) -> bool:
    """Whether the value names an administrator."""
    return fold(value.type) == ADMIN_TYPE


# Where nothing changes; still a stranger shall neither learn what stands here by trying nor cost the prefix anything.
_ANY_ADMINISTRATOR: Way = (Need(Grantor.RECORD, Permission(0)),)

_Pair = tuple[Value | None, Value | None]
_GrantorOf = Callable[[str], Grantor]


def _of_identifier(_: str) -> Grantor:
    return Grantor.RECORD


def _of_prefix(kind: str) -> Grantor:
    if kind == ADMIN_TYPE:
        return Grantor.ABOVE
    if kind in _SITES or kind.startswith(_SITE_STEMS):
        return Grantor.NODE
    return Grantor.RECORD


def _one(grantor: Grantor, permissions: Permission) -> Ways:
    return ((Need(grantor, permissions),),)


def _only(grantor: Grantor, way: Way) -> Way:
    return tuple(need for need in way if need.grantor is grantor)


def _to_overwrite(
    change: CreateHandle, standing: Record, grantor_of: _GrantorOf, of_administrators: Grantor, anew: Way
) -> Ways:
    """What the difference needs; or to name administrators, who could have all bits; or to delete and create anew."""
    pairs = [pair for pair in _pairs(change, standing) if not _same(*pair)]
    difference = [(grantor_of(kind), bits) for pair in pairs for kind, bits in _bits(*pair)]
    reserved = _only(Grantor.NODE, _summed(difference))
    by_deleting = (*anew, *reserved)
    if any(old is not None and _read_only(old) for old, _ in pairs):
        return (by_deleting,)
    by_difference = _summed(difference) if pairs else _ANY_ADMINISTRATOR
    return (by_difference, (Need(of_administrators, Permission.ADD_ADMIN), *reserved), by_deleting)


def _needs(pairs: Sequence[_Pair], grantor_of: _GrantorOf) -> Way:
    if not pairs:
        return _ANY_ADMINISTRATOR
    found = []
    for old, new in pairs:
        if old is not None and _read_only(old):
            raise NotPermitted(f"value {old.index} is read-only", index=old.index)
        found += [(grantor_of(kind), bits) for kind, bits in _bits(old, new)]
    return _summed(found)


def _summed(found: Iterable[tuple[Grantor, Permission]]) -> Way:
    together: dict[Grantor, Permission] = {}
    for grantor, bits in found:
        together[grantor] = together.get(grantor, Permission(0)) | bits
    return tuple(Need(grantor, bits) for grantor, bits in together.items())


def _pairs(change: CreateHandle | AddValues | RemoveValues | ModifyValues, standing: Record) -> Iterator[_Pair]:
    """What stands and what shall stand, index by index."""
    before = {value.index: value for value in standing}
    match change:
        case RemoveValues(indexes=indexes):
            yield from ((before[index], None) for index in dict.fromkeys(indexes) if index in before)
        case ModifyValues(values=values):
            yield from ((before[value.index], value) for value in values if value.index in before)
        case AddValues(values=values):
            pairs = ((before.get(value.index), value) for value in values)
            yield from (pair for pair in pairs if not _same(*pair))
        case CreateHandle(values=values):
            after = {value.index: value for value in values}
            yield from ((before.get(index), after.get(index)) for index in before.keys() | after.keys())


def _bits(old: Value | None, new: Value | None) -> Iterator[tuple[str, Permission]]:
    """Each type that takes part, with its bits; conversions between administrators and others need both sides."""
    if old is None and new is not None:
        yield fold(new.type), Permission.ADD_ADMIN if is_admin(new) else Permission.ADD_VALUE
    if old is not None and new is None:
        yield fold(old.type), Permission.REMOVE_ADMIN if is_admin(old) else Permission.REMOVE_VALUE
    if old is None or new is None or _open(old, new):
        return
    if is_admin(old) and is_admin(new):
        yield ADMIN_TYPE, Permission.MODIFY_ADMIN
        return
    yield fold(old.type), Permission.REMOVE_ADMIN if is_admin(old) else Permission.MODIFY_VALUE
    yield fold(new.type), Permission.ADD_ADMIN if is_admin(new) else Permission.MODIFY_VALUE


def _open(old: Value, new: Value) -> bool:
    system = fold(old.type).startswith(_SYSTEM) or fold(new.type).startswith(_SYSTEM)
    return bool(old.permissions & PUBLIC_WRITE) and not system


def _read_only(value: Value) -> bool:
    return not value.permissions & ADMIN_WRITE


def _same(old: Value | None, new: Value | None) -> bool:
    return old is not None and new is not None and replace(old, timestamp=0) == replace(new, timestamp=0)
