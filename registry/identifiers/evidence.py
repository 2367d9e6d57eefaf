"""Leaves, written in the transaction of what they are about: a few by themselves, many in a pack."""

from __future__ import annotations

from collections.abc import Sequence

from node.database import Connection
from node.sql import statements_beside
from registry.identifiers.leaves import Change, leaf_maker, pack_leaf, packed
from registry.identifiers.outcome import Signature
from registry.prefix_grant import PrefixGrant

SQL = statements_beside(__file__, "evidence.sql")
_FEW = 20  # leaves; the leaf of a pack is as long as one of theirs


async def add_leaves(
    connection: Connection,
    grant: PrefixGrant,
    change: Change,
    signed: Signature,
    versions: Sequence[tuple[str, int, bytes]],
) -> None:
    """Of one kind of change of identifiers: ``versions`` are suffix keys with the version and record they got."""
    if len(versions) > _FEW:
        await add_pack(connection, grant, change, signed, packed(grant.log_secret, versions))
        return
    make = leaf_maker(change, grant.prefix.key, grant.log_secret, signed.account_id, signed.at)
    leaves = [(make(*version),) for version in versions]
    await connection.copy_records_to_table("event", columns=("leaf",), records=leaves)


async def add_pack(
    connection: Connection, grant: PrefixGrant, change: Change, signed: Signature, pack: bytes
) -> None:
    """Leaves that are packed already."""
    leaf = pack_leaf(change, grant.prefix.key, signed.account_id, signed.at, pack)
    await connection.execute(SQL["add_pack"], leaf, pack)
