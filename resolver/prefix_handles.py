"""The handles of prefixes, ``0.NA/<prefix>``: what their administrators stored, and where the prefix is answered.

Every prefix in use here has one, stored or not. Where nothing stored says which service answers for the prefix, it
is this node, so its own HS_SITE is put in front; the record then stands in the cache as it is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import asyncpg

from node.identifier import Prefix, fold
from node.record import InvalidRecord, Record, decode_values, encode_values
from node.site import OwnSite
from resolver.answer import Absence, Entry, Key, Loaded
from resolver.connection import ReaderConnection
from resolver.local import ANSWERED_ONCE, ENDED, SQL
from resolver.names import PREFIX_SPACE

SERVICE_TYPES = frozenset({"HS_SITE", "HS_SITE.6", "HS_SERV"})
"""Types of the values that say which service answers for a prefix, in upper case."""


def key_of(prefix: Prefix) -> Key:
    """The key of a prefix handle in a cache of its own: notices of the prefix then reach it."""
    return prefix.key, ""


async def look_up_prefix_handles(connection: ReaderConnection, keys: Sequence[Key], site: OwnSite) -> list[Loaded]:
    """What the database says about each prefix handle, in order. Raises ``ResolverAway``."""
    rows = await connection.fetch(SQL["look_up_prefix_handles"], [prefix for prefix, _ in keys])
    return [_loaded(row, site) for row in rows]


def _loaded(row: asyncpg.Record, site: OwnSite) -> Loaded:
    prefix, prefix_state, enterprise_state, name, name_en, version, registered_at, updated_at, record = row
    enterprise, enterprise_en = "", None
    if prefix != site.prefix.key:
        if prefix_state not in ANSWERED_ONCE:
            # Whoever has the node's prefix decides what lies below it, so below it "there is none" is the truth.
            return Absence.UNKNOWN if prefix.startswith(site.prefix.key + ".") else Absence.ELSEWHERE
        if prefix_state != "enabled" or enterprise_state in ENDED:
            return Absence.SUSPENDED
        if enterprise_state == "approved":
            enterprise, enterprise_en = name, name_en
    return Entry(
        text=f"{PREFIX_SPACE}/{prefix}",
        record=_with_own_site(record, site),
        template_id=0,
        version=version,
        registered_at=registered_at,
        updated_at=updated_at,
        enterprise=enterprise,
        enterprise_en=enterprise_en,
    )


def _with_own_site(stored: bytes | None, site: OwnSite) -> bytes:
    if stored is None:
        return encode_values(site.values)
    try:
        values = decode_values(stored)
        if any(fold(value.type) in SERVICE_TYPES for value in values):
            return stored
        return encode_values((*_placed(site.values, {value.index for value in values}), *values))
    except InvalidRecord:
        return stored  # damaged: whoever reads it says so; or so large that the site has no place in it


def _placed(values: Record, taken: set[int]) -> Record:
    """The values at their usual indexes, or behind them where those are taken."""
    placed = []
    for value in values:
        index = next(index for index in range(value.index, value.index + len(taken) + 2) if index not in taken)
        taken.add(index)
        placed.append(replace(value, index=index))
    return tuple(placed)
