"""The blocklist (封堵): identifiers that the node above forbids to resolve, registered here, elsewhere or nowhere.

The resolvers hear of it by the notices of changed identifiers and answer as for a suspended prefix
(``resolver/queries.sql``, ``look_up``); the standby records above follow (``standby_due``). What is registered stays
as it is, and its owner goes on reading and changing it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from node.database import Connection
from node.errors import Malformed
from node.identifier import fold
from node.national.instructions import Blocked
from node.notices import CHANNEL, notices_of
from node.sql import statements_beside

_SQL = statements_beside(__file__, "blocklist.sql")
_SYSTEM = "0."  # the Handle System's own handles begin so: the record of a prefix is no identifier

Name = tuple[str, str, str]
"""Prefix and suffix as compared, and the suffix as it was written."""


class NotBlockable(Malformed):
    """Evidence: ``identifier``."""

    title_zh = "标识无法封堵"


async def block(connection: Connection, wanted: Sequence[Blocked], instruction_id: UUID, at: datetime) -> int:
    """Forbid these; one that is forbidden already keeps its newest reason. How many are new.

    Raises ``NotBlockable``, and has then done nothing.
    """
    reasons = {_name(one.identifier)[:2]: one.reason for one in wanted}
    names = {name[:2]: name for name in (_name(one.identifier) for one in wanted)}.values()
    prefixes, keys, suffixes = _columns(names)
    said = [reasons[prefix, key] for prefix, key in zip(prefixes, keys, strict=True)]
    added = await connection.fetchval(_SQL["block"], prefixes, keys, suffixes, said, instruction_id, at)
    await _announce(connection, names)
    return int(added)


async def unblock(connection: Connection, identifiers: Iterable[str]) -> int:
    """Allow these again; how many were forbidden. Raises ``NotBlockable``, and has then done nothing."""
    names = {name[:2]: name for name in map(_name, identifiers)}.values()
    prefixes, keys, _ = _columns(names)
    removed = await connection.fetchval(_SQL["unblock"], prefixes, keys)
    await _announce(connection, names)
    return int(removed)


async def is_blocked(connection: Connection, prefix_key: str, suffix_key: str) -> bool:
    """Whether the node above forbids to resolve the identifier with these comparison keys."""
    return bool(await connection.fetchval(_SQL["is_blocked"], prefix_key, suffix_key))


def _name(identifier: str) -> Name:
    prefix, _, suffix = identifier.partition("/")
    # A control character would part one name into two where notices list them.
    if not prefix or not suffix or not identifier.isprintable() or prefix.startswith(_SYSTEM):
        raise NotBlockable(f"{identifier[:100]!r} names no identifier", identifier=identifier[:100])
    return fold(prefix), fold(suffix), suffix


def _columns(names: Iterable[Name]) -> tuple[list[str], list[str], list[str]]:
    ordered = sorted(names)
    return [name[0] for name in ordered], [name[1] for name in ordered], [name[2] for name in ordered]


async def _announce(connection: Connection, names: Iterable[Name]) -> None:
    keys: defaultdict[str, list[str]] = defaultdict(list)
    for prefix, key, _ in names:
        keys[prefix].append(key)
    for prefix, suffix_keys in keys.items():
        for notice in notices_of(prefix, suffix_keys):
            await connection.execute(_SQL["announce_blocked"], CHANNEL, notice.encode())
