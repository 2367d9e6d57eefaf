"""Writing the next versions of standing identifiers, one or thousands, with everything that belongs to them.

The rows are locked by the caller's transaction, so nobody changes them meanwhile; only unique values can still be
taken by others, and then the chunk is looked through and written again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from node.database import Connection
from node.notices import CHANNEL, notices_of
from node.sql import statements_beside
from registry.identifiers.evidence import add_leaves
from registry.identifiers.leaves import Change
from registry.identifiers.revisions import NOTHING, Indexed, Revision, Standing
from registry.identifiers.state import IdentifierState
from registry.identifiers.unique_claims import Claim, losers
from registry.identifiers.writing import Signature, TooContended, report_changes
from registry.prefix_grant import PrefixGrant
from registry.store import SQL as STORE
from registry.tallies import Effects, effects_of, tallies_of

SQL = statements_beside(__file__, "changes.sql")
_ATTEMPTS = 8


async def locked(connection: Connection, grant: PrefixGrant, suffix_keys: Sequence[str]) -> dict[str, Standing]:
    """What stands of these identifiers, deleted ones too, held until the transaction ends."""
    return _standing(await connection.fetch(SQL["lock_many"], grant.prefix_id, suffix_keys))


async def seen(connection: Connection, grant: PrefixGrant, suffix_keys: Sequence[str]) -> dict[str, Standing]:
    """The same without holding anything."""
    return _standing(await connection.fetch(SQL["see_many"], grant.prefix_id, suffix_keys))


async def rewrite(
    connection: Connection, grant: PrefixGrant, change: Change, revisions: Sequence[Revision], signed: Signature
) -> dict[str, Claim]:
    """Write what may have its unique values; returns the others, by suffix key, with the claim each lost.

    Raises ``TooContended`` when others keep taking the same values.
    """
    wanted = {revision.before.suffix_key: revision.claims for revision in revisions if revision.indexed is not None}
    for _ in range(_ATTEMPTS):
        lost = await lost_claims(connection, grant, wanted)
        kept = [revision for revision in revisions if revision.before.suffix_key not in lost] if lost else revisions
        if not kept:
            return lost
        try:
            async with connection.transaction():
                await _index(connection, grant, kept)
        except asyncpg.UniqueViolationError:
            continue
        await _write(connection, grant, change, kept, signed)
        return lost
    raise TooContended("other changes keep taking the same values; try again")


def _standing(rows: Sequence[Mapping[str, Any]]) -> dict[str, Standing]:
    return {
        row["suffix_key"]: Standing(
            row["suffix_key"], row["template_id"], row["version"], IdentifierState(row["state"]), row["record"]
        )
        for row in rows
    }


async def lost_claims(
    connection: Connection, grant: PrefixGrant, wanted: Mapping[str, Sequence[Claim]]
) -> dict[str, Claim]:
    """Who cannot have a unique value he wants, by suffix key, and which."""
    claims = {claim for asked in wanted.values() for claim in asked}
    if not claims:
        return {}
    templates, indexes, values = zip(*claims, strict=True)
    rows = await connection.fetch(SQL["holders_of_claims"], grant.prefix_id, templates, indexes, values)
    return losers(
        wanted, {(row["template_id"], row["attribute_index"], row["value"]): row["suffix_key"] for row in rows}
    )


async def _index(connection: Connection, grant: PrefixGrant, revisions: Sequence[Revision]) -> None:
    """Side index and references anew. Raises asyncpg's ``UniqueViolationError``."""
    anew = [revision for revision in revisions if revision.indexed is not None]
    if not anew:
        return
    # Sorted: chunks that want the same wait for each other in one direction only.
    side = sorted(
        (revision.template_id, entry.index, entry.unique, entry.value, entry.number, revision.before.suffix_key)
        for revision in anew
        for entry in _more(revision.indexed, revision.replaces).side
    )
    references = [
        (target.attribute_index, revision.before.suffix_key, target.prefix, target.suffix_key)
        for revision in anew
        for target in _more(revision.indexed, revision.replaces).references
    ]
    await _forget(connection, grant, anew)
    if side:
        await connection.execute(SQL["add_side_of_many"], grant.prefix_id, *zip(*side, strict=True))
    if references:
        await connection.execute(SQL["add_references_of_many"], grant.prefix_id, *zip(*references, strict=True))


async def _forget(connection: Connection, grant: PrefixGrant, revisions: Sequence[Revision]) -> None:
    """What stands beside records and will not stand there any more."""
    unseen = [revision.before.suffix_key for revision in revisions if revision.replaces is None]
    if unseen:
        await connection.execute(SQL["forget_side_of_many"], grant.prefix_id, unseen)
        await connection.execute(SQL["forget_references_of_many"], grant.prefix_id, unseen)
    seen = [(revision.before.suffix_key, _more(revision.replaces, revision.indexed)) for revision in revisions]
    side = [(key, entry.index) for key, gone in seen for entry in gone.side]
    if side:
        await connection.execute(SQL["forget_side_entries"], grant.prefix_id, *zip(*side, strict=True))
    references = [
        (key, target.attribute_index, target.prefix, target.suffix_key)
        for key, gone in seen
        for target in gone.references
    ]
    if references:
        await connection.execute(SQL["forget_references"], grant.prefix_id, *zip(*references, strict=True))


def _more(one: Indexed | None, other: Indexed | None) -> Indexed:
    """What the one has and the other has not."""
    if one is None or other is None:
        return one or NOTHING
    targets = set(other.references)
    return Indexed(
        [entry for entry in one.side if entry not in other.side],
        [target for target in one.references if target not in targets],
    )


async def _write(
    connection: Connection, grant: PrefixGrant, change: Change, revisions: Sequence[Revision], signed: Signature
) -> None:
    """The rows, their history, their leaves, the summary and the notices."""
    keys = [revision.before.suffix_key for revision in revisions]
    await connection.execute(
        SQL["rewrite_many"], grant.prefix_id, signed.at, keys, [revision.template_id for revision in revisions],
        [revision.state for revision in revisions],
        [None if revision.record == revision.before.record else revision.record for revision in revisions],
    )  # fmt: skip
    await connection.copy_records_to_table(
        "identifier_history",
        columns=("prefix_id", "version", "action", "interface", "at", "account_id", "batch_id", "suffix_key",
                 "before", "before_state", "before_template_id"),
        records=[
            (grant.prefix_id, before.version + 1, change, signed.interface, signed.at, signed.account_id,
             signed.batch_id, before.suffix_key, _replaced(before, record), before.state, before.template_id)
            for before, _, _, record, *_ in revisions
        ],
    )  # fmt: skip
    versions = [(before.suffix_key, before.version + 1, record) for before, _, _, record, *_ in revisions]
    await add_leaves(connection, grant, change, signed, versions)
    tallies = tallies_of(signed.at, _effects(change, revisions))
    await report_changes(connection, grant, signed.at, tallies, signed.batch_id, {change: len(revisions)})
    for notice in notices_of(grant.prefix.key, keys):
        await connection.execute(STORE["announce"], CHANNEL, notice.encode())


def _effects(change: Change, revisions: Sequence[Revision]) -> Effects:
    """What it counts as: of an undoing, what came of it; a migration is an update."""
    alike = None if change is Change.UNDO else (Change.UPDATE if change is Change.MIGRATE else change,)
    return Counter(
        effect
        for revision in revisions
        for effect in effects_of(alike or revision.effects, revision.template_id, revision.before.template_id)
    )


def _replaced(before: Standing, record: bytes) -> bytes | None:
    """The record that history keeps: the replaced one, where there was one and it does not stand on."""
    if before.state is IdentifierState.DELETED or before.record == record:
        return None
    return before.record
