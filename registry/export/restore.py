"""Identifiers brought back as an export left them: with their version, state and times, not as new ones.

What stands already decides: the same version with the same content is unchanged, an older one is brought forward
(an increment), a newer one is refused, so that an old export never undoes what happened since. Each identifier that
is written leaves one history entry with its version, one leaf, its part of the summary and a notice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from node.china_time import day_of
from node.database import Connection
from node.journal import Interface
from node.notices import CHANNEL, Notice, NoticeKind, notices_of
from node.sql import statements_beside
from registry.export.pages import SQL as EXPORT
from registry.export.restored_rows import Restored, RestoredRows
from registry.export.row import templates_by_mark
from registry.files.files import missing_files
from registry.identifiers.evidence import add_leaves
from registry.identifiers.leaves import Change
from registry.identifiers.revisions import Revision, Standing
from registry.identifiers.rewriting import SQL as REWRITING
from registry.identifiers.state import IdentifierState
from registry.identifiers.unique_claims import Claim, losers
from registry.identifiers.writing import Signature, TooContended, report_changes
from registry.prefix_grant import PrefixGrant
from registry.rejection import Code, Fault
from registry.store import SQL as STORE
from registry.tallies import effects_of, tallies_of
from registry.templates.editions import mark_used
from registry.templates.encoder import SideEntry
from registry.templates.stored import StoredTemplate, template_of_row

__all__ = ["RestoreOutcome", "Restored", "RestoredRows", "restorable_templates", "restore_many"]

SQL = statements_beside(__file__, "restore.sql")
_ATTEMPTS = 8


@dataclass(slots=True)
class RestoreOutcome:
    """What became of the rows: new here, brought forward, standing already just so, or refused with the reason."""

    registered: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[tuple[Restored, Fault]] = field(default_factory=list)


async def restorable_templates(connection: Connection, grant: PrefixGrant) -> Mapping[str, StoredTemplate]:
    """The templates that exported rows may name under a prefix, by the marks they name them with."""
    rows = await connection.fetch(EXPORT["templates_under_prefix"], grant.enterprise_id, grant.prefix_id)
    return templates_by_mark(grant.enterprise_id, (template_of_row(row) for row in rows))


async def restore_many(
    connection: Connection,
    grant: PrefixGrant,
    rows: Sequence[Restored],
    *,
    account_id: UUID,
    interface: Interface,
    at: datetime,
    batch_id: UUID | None,
) -> RestoreOutcome:
    """Write the rows inside the caller's transaction, which holds the prefix row (``writable_prefix``).

    Suffix keys must differ within ``rows``. Refusals: ``version_changed``, ``identifier_exists`` (the same version
    stands with other content), ``value_taken``, ``file_unknown``. Raises ``TooContended`` when others keep taking
    the same identifiers or values.
    """
    signed = Signature(account_id, interface, at, batch_id)
    for _ in range(_ATTEMPTS):
        try:
            async with connection.transaction():
                return await _restore(connection, grant, rows, signed)
        except asyncpg.UniqueViolationError:
            continue
    raise TooContended("other changes keep taking the same identifiers or values; try again")


class _Plan(NamedTuple):
    """One row that is to be written, and what it replaces."""

    row: Restored
    before: Standing | None

    @property
    def key(self) -> str:
        return self.row.entry.suffix_key

    @property
    def claims(self) -> list[Claim]:
        template_id = self.row.template_id
        return [(template_id, entry.index, entry.value) for entry in self.row.entry.side if entry.unique]

    @property
    def change(self) -> Change:
        """How history calls it: the one difference that weighs most."""
        row, before = self.row, self.before
        if row.state is IdentifierState.DELETED:
            return Change.DELETE
        if before is None or before.state is IdentifierState.DELETED:
            return Change.REGISTER
        if row.template_id != before.template_id:
            return Change.MIGRATE
        if row.entry.record == before.record and row.state is not before.state:
            return Change.SUSPEND if row.state is IdentifierState.SUSPENDED else Change.RESUME
        return Change.UPDATE

    @property
    def effects(self) -> list[Change]:
        """What the summary counts; one that was deleted before it ever stood here counts nothing."""
        row, before = self.row, self.before
        if before is None:
            states = {IdentifierState.LIVE: [Change.REGISTER], IdentifierState.DELETED: []}
            return states.get(row.state, [Change.REGISTER, Change.SUSPEND])
        if before.state is row.state is IdentifierState.DELETED:
            return []
        return Revision(before, row.state, row.template_id, row.entry.record, None).effects

    def counted(self, at: datetime) -> Iterator[tuple[int, str]]:
        """What it counts as; one that never stood here is new if it was registered in this year."""
        row, before = self.row, self.before
        yield from effects_of(self.effects, row.template_id, before and before.template_id)
        deleted = row.state is IdentifierState.DELETED
        if before is None and not deleted and day_of(row.registered_at).year == day_of(at).year:
            yield row.template_id, "first_registered"


async def _restore(
    connection: Connection, grant: PrefixGrant, rows: Sequence[Restored], signed: Signature
) -> RestoreOutcome:
    outcome = RestoreOutcome()
    plans = await _planned(connection, grant, rows, outcome)
    plans = await _without_unknown_files(connection, grant, plans, outcome)
    plans = await _without_taken_values(connection, grant, plans, outcome)
    if not plans:
        return outcome
    await mark_used(connection, sorted({plan.row.template_id for plan in plans}))
    fresh = [plan for plan in plans if plan.before is None]
    await _write_rows(connection, grant, sorted(fresh, key=lambda plan: plan.key), plans)
    await _write_indexes(connection, grant, plans)
    await _trace(connection, grant, plans, signed)
    outcome.registered = sum(plan.row.state is not IdentifierState.DELETED for plan in fresh)
    outcome.changed = len(plans) - outcome.registered
    return outcome


async def _planned(
    connection: Connection, grant: PrefixGrant, rows: Sequence[Restored], outcome: RestoreOutcome
) -> list[_Plan]:
    """The rows that change something; the others go into the outcome."""
    keys = [row.entry.suffix_key for row in rows]
    found = await connection.fetch(SQL["lock_standing"], grant.prefix_id, keys)
    standing = {one["suffix_key"]: one for one in found}
    plans = []
    for row in rows:
        stands = standing.get(row.entry.suffix_key)
        if stands is None:
            plans.append(_Plan(row, None))
        elif stands["version"] < row.version:
            state = IdentifierState(stands["state"])
            before = Standing(stands["suffix_key"], stands["template_id"], stands["version"], state, stands["record"])
            plans.append(_Plan(row, before))
        elif stands["version"] > row.version:
            fault = Code.VERSION_CHANGED.fault("biaoshi_version", expected=row.version, found=stands["version"])
            outcome.refused.append((row, fault))
        elif _stands_so(stands, row):
            outcome.unchanged += 1
        else:
            outcome.refused.append((row, Code.IDENTIFIER_EXISTS.fault("suffix")))
    return plans


def _stands_so(stands: Any, row: Restored) -> bool:
    if stands["state"] == row.state == IdentifierState.DELETED:
        return True
    found = (stands["state"], stands["template_id"], stands["registered_at"], stands["updated_at"], stands["suffix"],
             stands["record"])  # fmt: skip
    wanted = (row.state, row.template_id, row.registered_at, row.updated_at, row.entry.suffix, row.entry.record)
    return found == wanted


async def _without_unknown_files(
    connection: Connection, grant: PrefixGrant, plans: list[_Plan], outcome: RestoreOutcome
) -> list[_Plan]:
    named = {file.digest for plan in plans for file in plan.row.entry.files}
    missing = await missing_files(connection, grant.enterprise_id, named) if named else set()
    if not missing:
        return plans
    kept = []
    for plan in plans:
        gone = next((file for file in plan.row.entry.files if file.digest in missing), None)
        if gone is None:
            kept.append(plan)
        else:
            outcome.refused.append((plan.row, Code.FILE_UNKNOWN.fault(plan.row.names.get(gone.attribute_index))))
    return kept


async def _without_taken_values(
    connection: Connection, grant: PrefixGrant, plans: list[_Plan], outcome: RestoreOutcome
) -> list[_Plan]:
    # Those without a claim are asked about too: they give up what they hold.
    wanted = {plan.key: plan.claims for plan in plans}
    claims = {claim for asked in wanted.values() for claim in asked}
    if not claims:
        return plans
    found = await connection.fetch(
        REWRITING["holders_of_claims"], grant.prefix_id, *map(list, zip(*claims, strict=True))
    )
    holders = {(one["template_id"], one["attribute_index"], one["value"]): one["suffix_key"] for one in found}
    lost = losers(wanted, holders)
    for plan in plans:
        if plan.key in lost:
            name = plan.row.names.get(lost[plan.key][1])
            outcome.refused.append((plan.row, Code.VALUE_TAKEN.fault(name)))
    return [plan for plan in plans if plan.key not in lost]


async def _write_rows(
    connection: Connection, grant: PrefixGrant, fresh: Sequence[_Plan], plans: Sequence[_Plan]
) -> None:
    """The identifiers themselves. Raises asyncpg's ``UniqueViolationError``."""
    if fresh:
        await connection.copy_records_to_table(
            "identifier",
            columns=("prefix_id", "template_id", "version", "state", "registered_at", "updated_at", "suffix_key",
                     "suffix", "record"),
            records=[
                (grant.prefix_id, row.template_id, row.version, row.state, row.registered_at, row.updated_at,
                 row.entry.suffix_key, _spelling(row), row.entry.record)
                for row, _ in fresh
            ],
        )  # fmt: skip
    forward = [plan.row for plan in plans if plan.before is not None]
    if forward:
        await connection.execute(
            SQL["bring_forward"], grant.prefix_id,
            [row.entry.suffix_key for row in forward], [row.template_id for row in forward],
            [row.version for row in forward], [row.state for row in forward],
            [row.registered_at for row in forward], [row.updated_at for row in forward],
            [_spelling(row) for row in forward], [row.entry.record for row in forward],
        )  # fmt: skip


async def _write_indexes(connection: Connection, grant: PrefixGrant, plans: Sequence[_Plan]) -> None:
    """Side index and references. Raises asyncpg's ``UniqueViolationError``."""
    standing = [plan.key for plan in plans if plan.before is not None]
    if standing:
        await connection.execute(REWRITING["forget_side_of_many"], grant.prefix_id, standing)
        await connection.execute(REWRITING["forget_references_of_many"], grant.prefix_id, standing)
    # In one order everywhere: chunks that want the same values wait for each other in one direction only.
    side = sorted(
        ((grant.prefix_id, plan.row.template_id, *_columns_of(entry), plan.key) for plan in plans
         for entry in plan.row.entry.side),
        key=itemgetter(1, 2, 4),
    )  # fmt: skip
    await connection.copy_records_to_table(
        "attribute_index",
        columns=("prefix_id", "template_id", "attribute_index", "is_unique", "value", "number", "suffix_key"),
        records=side,
    )
    await connection.copy_records_to_table(
        "identifier_reference",
        columns=("prefix_id", "suffix_key", "attribute_index", "target_prefix", "target_suffix_key"),
        records=[
            (grant.prefix_id, plan.key, *reference) for plan in plans for reference in plan.row.entry.references
        ],
    )


def _columns_of(entry: SideEntry) -> tuple[int, bool, str, Decimal | None]:
    return entry.index, entry.unique, entry.value, None if entry.number is None else Decimal(entry.number)


async def _trace(connection: Connection, grant: PrefixGrant, plans: Sequence[_Plan], signed: Signature) -> None:
    """History, leaves, the summary and the notices."""
    await connection.copy_records_to_table(
        "identifier_history",
        columns=("prefix_id", "version", "action", "interface", "at", "account_id", "batch_id", "suffix_key",
                 "before", "before_state", "before_template_id", "registered_at"),
        records=[
            (grant.prefix_id, plan.row.version, plan.change, signed.interface, signed.at, signed.account_id,
             signed.batch_id, plan.key, _replaced(plan), plan.before and plan.before.state,
             plan.before and plan.before.template_id, plan.row.registered_at)
            for plan in plans
        ],
    )  # fmt: skip
    for change in {plan.change for plan in plans}:
        versions = [(plan.key, plan.row.version, plan.row.entry.record) for plan in plans if plan.change is change]
        await add_leaves(connection, grant, change, signed, versions)
    effects = Counter(effect for plan in plans for effect in plan.counted(signed.at))
    if effects:
        await report_changes(connection, grant, signed.at, tallies_of(signed.at, effects), signed.batch_id)
    notices = list(notices_of(grant.prefix.key, [plan.key for plan in plans if plan.before is not None]))
    if len(plans) > sum(plan.before is not None for plan in plans):
        notices.append(Notice(NoticeKind.ADDITIONS, grant.prefix.key))
    for notice in notices:
        await connection.execute(STORE["announce"], CHANNEL, notice.encode())


def _spelling(row: Restored) -> str | None:
    return None if row.entry.suffix == row.entry.suffix_key else row.entry.suffix


def _replaced(plan: _Plan) -> bytes | None:
    """The record that history keeps: the replaced one, where there was one and it does not stand on."""
    before = plan.before
    if before is None or before.state is IdentifierState.DELETED or before.record == plan.row.entry.record:
        return None
    return before.record
