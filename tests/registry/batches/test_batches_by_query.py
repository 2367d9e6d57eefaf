"""What a search selects is changed as confirmed, and whatever a batch did is undone, unless others went on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from node.database import Pool
from node.errors import NodeError
from registry.batches.body import IdempotencyKeyReused
from registry.batches.by_query import NotUndoable, SelectionChanged, UndoTooLate
from registry.batches.confirmation import ConfirmationMissing, ConfirmationUnfit
from registry.batches.preview import Preview
from registry.batches.request import BatchRequest, Operation, QueryRequest
from registry.batches.store import Batch, BatchState
from registry.rows.form import Form, Format
from registry.search.filters import Condition, Filters, StateFilter
from registry.templates.template import Template
from tests.support.world import PUMP, Holder, World, actor

ROWS = 2_300


@pytest.fixture
async def world(pool: Pool) -> World:
    world = World(pool)
    await world.template()
    return world


@pytest.fixture
async def holder(world: World) -> Holder:
    holder = await world.holder()
    lines = [f"PUMP-{n:06d},离心泵 {n},S-{n},CP-{n % 10},{n}.5" for n in range(ROWS)]
    await file(world, holder, "suffix,name,serial,model,weight_kg", lines, Operation.REGISTER)
    world.clock.advance(minutes=1)
    return holder


async def file(
    world: World, holder: Holder, header: str, lines: list[str], operation: Operation, confirm: bool = True
) -> Batch:
    body = ("\n".join([header, *lines]) + "\n").encode()
    template = "pump" if operation in (Operation.REGISTER, Operation.UPDATE) else None
    request = BatchRequest(holder.prefix, Form(Format.CSV), operation, template)

    async def blocks() -> AsyncIterator[bytes]:
        yield body

    confirmation = None
    if operation.confirmed and confirm:
        confirmation = (await world.batches.preview(holder.account, request, blocks())).confirmation
    batch, _ = await world.batches.run(
        holder.account, holder.actor, request, uuid4().hex, blocks(), confirmation=confirmation
    )
    return batch


def asked(holder: Holder, operation: Operation, filters: Filters | None = None, **more: Any) -> QueryRequest:
    return QueryRequest(holder.prefix, operation, filters or Filters(), **more)


async def done(world: World, holder: Holder, request: QueryRequest, key: str = "key") -> tuple[Preview, Batch]:
    seen = await world.query_batches.preview(holder.account, request)
    batch, _ = await world.query_batches.run(holder.account, holder.actor, request, key, seen.confirmation)
    return seen, batch


async def standing(world: World) -> list[tuple[Any, ...]]:
    """All identifiers but for their versions and times of change."""
    rows = await world.pool.fetch(
        "SELECT suffix_key, suffix, state, template_id, registered_at, record FROM identifier ORDER BY suffix_key"
    )
    return [tuple(row) for row in rows]


def ticking(world: World) -> Callable[[], datetime]:
    """The world's clock, which no two chunks see at the same time."""

    def now() -> datetime:
        world.clock.advance(milliseconds=20)
        return world.clock()

    return now


async def side(world: World) -> list[tuple[Any, ...]]:
    rows = await world.pool.fetch(
        "SELECT suffix_key, template_id, attribute_index, is_unique, value, number FROM attribute_index"
        " ORDER BY 1, 2, 3"
    )
    return [tuple(row) for row in rows]


async def count(world: World, state: int) -> int:
    return int(await world.pool.fetchval("SELECT count(*) FROM identifier WHERE state = $1", state))


async def codes(world: World, holder: Holder, batch: Batch) -> list[tuple[int, str, str]]:
    found = await world.batches.rejections(holder.account, batch.batch_id, limit=5000)
    return [(one.line, one.code, json.loads(one.row)["suffix"]) for _, one in found]


async def under_way(world: World, holder: Holder, operation: Operation) -> Batch:
    """The newest batch, once it is of this kind and something of it is settled."""
    async with asyncio.timeout(20):
        while True:
            found = (await world.batches.list(holder.account, before=None, limit=1))[0]
            if found.operation is operation and found.changed:
                return found
            await asyncio.sleep(0)


MODEL_3 = Filters(template="pump", attributes=(Condition("model", equal="CP-3"),))


async def test_everything_that_meets_the_query_is_changed_and_nothing_else(world: World, holder: Holder) -> None:
    seen, batch = await done(world, holder, asked(holder, Operation.UPDATE, MODEL_3, values={"grade": "A"}))
    assert (seen.selected, seen.changed, len(seen.first_rows)) == (230, 230, 20)
    assert seen.first_rows[0].attributes is not None
    assert seen.first_rows[0].attributes["grade"] == "A"
    assert (batch.state, batch.selected, batch.changed, batch.rejected) == (BatchState.FINISHED, 230, 230, 0)
    _, batch = await done(world, holder, asked(holder, Operation.SUSPEND, MODEL_3), "suspend")
    assert (batch.changed, await count(world, 3)) == (230, 230)
    gone = Filters(suffix_begins="PUMP-000", state=StateFilter.SUSPENDED)
    _, batch = await done(world, holder, asked(holder, Operation.RESUME, gone), "resume")
    assert batch.changed == 100
    _, batch = await done(world, holder, asked(holder, Operation.DELETE), "delete")
    assert batch.changed == ROWS - 130
    assert (await count(world, 2), await count(world, 3)) == (ROWS - 130, 130)


async def test_an_update_may_change_what_its_own_query_looks_at(world: World, holder: Holder) -> None:
    _, batch = await done(world, holder, asked(holder, Operation.UPDATE, MODEL_3, values={"model": "CP-4"}))
    assert batch.changed == 230
    _, batch = await done(
        world, holder, asked(holder, Operation.UPDATE, Filters(), values={"model": None}), "clear all"
    )
    assert batch.changed == ROWS
    left = await world.pool.fetchval("SELECT count(*) FROM attribute_index WHERE value LIKE 'CP-%'")
    assert left == 0


async def test_one_unique_value_goes_to_one_identifier_only(world: World, holder: Holder) -> None:
    seen, batch = await done(world, holder, asked(holder, Operation.UPDATE, values={"serial": "ALL THE SAME"}))
    assert (seen.changed, seen.rejected) == (1, ROWS - 1)
    assert (batch.changed, batch.rejected) == (1, ROWS - 1)
    assert {code for _, code, _ in await codes(world, holder, batch)} == {"value_taken"}
    assert [line for line, _, _ in await codes(world, holder, batch)] == list(range(1, ROWS))


async def test_a_query_needs_the_confirmation_of_what_it_selects(world: World, holder: Holder) -> None:
    request = asked(holder, Operation.DELETE, MODEL_3)
    run = world.query_batches.run
    with pytest.raises(ConfirmationMissing):
        await run(holder.account, holder.actor, request, "key", None)
    confirmation = (await world.query_batches.preview(holder.account, request)).confirmation
    with pytest.raises(ConfirmationUnfit):
        await run(holder.account, holder.actor, asked(holder, Operation.DELETE), "key", confirmation)
    await file(world, holder, "suffix,name,model", ["MORE,x,CP-3"], Operation.REGISTER)
    with pytest.raises(SelectionChanged) as refused:
        await run(holder.account, holder.actor, request, "key", confirmation)
    assert refused.value.evidence == {"confirmed": 230, "found": 231}
    assert await count(world, 2) == 0
    assert (await done(world, holder, request))[1].changed == 231


async def test_the_same_key_replays_and_serves_no_other_request(world: World, holder: Holder) -> None:
    request = asked(holder, Operation.SUSPEND, MODEL_3)
    seen, batch = await done(world, holder, request)
    again, replayed = await world.query_batches.run(holder.account, holder.actor, request, "key", seen.confirmation)
    assert replayed
    assert again == batch
    other = asked(holder, Operation.DELETE, MODEL_3)
    with pytest.raises(IdempotencyKeyReused):
        await world.query_batches.run(holder.account, holder.actor, other, "key", seen.confirmation)


async def test_a_paused_query_batch_goes_on_where_it_stopped(world: World, holder: Holder) -> None:
    request = asked(holder, Operation.SUSPEND)
    world.workshop.chunk_rows = 50
    confirmation = (await world.query_batches.preview(holder.account, request)).confirmation

    def start() -> asyncio.Task[tuple[Batch, bool]]:
        return asyncio.create_task(
            world.query_batches.run(holder.account, holder.actor, request, "key", confirmation)
        )

    running = start()
    found = await under_way(world, holder, Operation.SUSPEND)
    await world.batches.pause(holder.account, found.batch_id)
    settled = await count(world, 3)
    paused, _ = await running
    assert (paused.state, paused.changed) == (BatchState.PAUSED, settled)
    assert 0 < settled < ROWS
    assert (await start())[0].state is BatchState.PAUSED
    await world.batches.resume(holder.account, paused.batch_id)
    batch, replayed = await start()
    assert (batch.state, batch.changed, replayed) == (BatchState.FINISHED, ROWS, False)
    assert await count(world, 3) == ROWS
    assert await world.pool.fetchval("SELECT max(version) FROM identifier") == 2


async def test_a_migration_moves_to_the_newer_edition_and_reports_what_does_not_fit(
    world: World, holder: Holder
) -> None:
    admin = world.administrator
    first = await world.pool.fetchval("SELECT template_id FROM template")
    draft = await world.templates.revise(admin, actor(admin), first)
    attributes = [
        {"name": "title", "title_zh": "名称", "required": True},
        *(attribute for attribute in PUMP["attributes"] if attribute["name"] not in ("name", "weight_kg")),
        {"name": "mass", "title_zh": "质量", "kind": "number", "maximum": "2000"},
        {"name": "maker", "title_zh": "制造商", "required": True},
    ]
    edited = Template.from_json({**PUMP, "attributes": attributes, "version": 2})
    await world.templates.edit(admin, actor(admin), draft.template_id, edited, draft.version)
    target = await world.templates.publish(admin, actor(admin), draft.template_id)
    request = asked(
        holder, Operation.MIGRATE, Filters(template="pump"), template="pump", values={"maker": "示例泵业"},
        renamed={"name": "title", "weight_kg": "mass"},
    )  # fmt: skip
    seen, batch = await done(world, holder, request)
    assert (seen.selected, seen.changed, seen.rejected) == (ROWS, 2000, 300)
    assert [(kind.code, kind.field, kind.rows) for kind in seen.faults] == [("too_large", "mass", 300)]
    assert (batch.changed, batch.rejected) == (2000, 300)
    assert (await codes(world, holder, batch))[0] == (1, "too_large", "PUMP-002000")
    moved, stored = await world.identifiers.get(holder.account, holder.identifier("PUMP-000007"))
    assert stored.template_id == target.template_id
    assert stored.template.attributes_of(moved.record) == {
        "title": "离心泵 7", "serial": "S-7", "model": "CP-7", "mass": "7.5", "maker": "示例泵业",
    }  # fmt: skip
    again = asked(
        holder, Operation.MIGRATE, Filters(template="pump"), template="pump", values={"maker": "示例泵业"},
        renamed={"name": "title", "weight_kg": None},
    )  # fmt: skip
    _, batch = await done(world, holder, again, "the rest")
    assert (batch.changed, batch.unchanged, batch.rejected) == (300, 2000, 0)


# Undo -----------------------------------------------------------------------------------------------


async def undone(world: World, holder: Holder, batch: Batch, key: str = "undo") -> Batch:
    return (await world.query_batches.undo(holder.account, holder.actor, batch.batch_id, key))[0]


@pytest.mark.parametrize("operation", [Operation.UPDATE, Operation.DELETE, Operation.SUSPEND])
async def test_undoing_brings_back_what_was(world: World, holder: Holder, operation: Operation) -> None:
    before, beside = await standing(world), await side(world)
    values = {"model": None, "serial": None, "name": "新"} if operation is Operation.UPDATE else {}
    _, batch = await done(world, holder, asked(holder, operation, values=values))
    assert await standing(world) != before
    world.clock.advance(hours=71)
    back = await undone(world, holder, batch)
    assert (back.operation, back.state, back.changed, back.rejected) == (
        Operation.UNDO, BatchState.FINISHED, ROWS, 0,
    )  # fmt: skip
    assert (back.selected, back.undoes) == (ROWS, batch.batch_id)
    assert await standing(world) == before
    assert await side(world) == beside
    assert (await world.batches.get(holder.account, batch.batch_id)).undone_by == back.batch_id
    again, replayed = await world.query_batches.undo(holder.account, holder.actor, batch.batch_id, "undo")
    assert (again, replayed) == (back, True)
    with pytest.raises(NotUndoable):
        await undone(world, holder, batch, "another")


async def test_undoing_a_registration_deletes_and_what_others_changed_since_stays(
    world: World, holder: Holder
) -> None:
    lines = [f"NEW-{n:04d},泵" for n in range(1200)]
    batch = await file(world, holder, "suffix,name", lines, Operation.REGISTER)
    mine = holder.identifier("NEW-0007")
    await world.identifiers.update(holder.account, holder.actor, mine, 1, {"name": "变更"})
    back = await undone(world, holder, batch)
    assert (back.changed, back.rejected) == (1199, 1)
    assert await codes(world, holder, back) == [(1, "changed_since", "NEW-0007")]
    assert await count(world, 1) == ROWS + 1
    again = await file(world, holder, "suffix,name", lines, Operation.REGISTER)
    assert (again.registered, again.rejected) == (1199, 1)


async def test_only_what_ended_lately_and_did_something_is_undone(world: World, holder: Holder) -> None:
    nothing = await file(world, holder, "suffix", ["PUMP-000001"], Operation.RESUME)
    with pytest.raises(NotUndoable, match="changed nothing"):
        await undone(world, holder, nothing)
    _, batch = await done(world, holder, asked(holder, Operation.SUSPEND, MODEL_3))
    back = await undone(world, holder, batch)
    with pytest.raises(NotUndoable):
        await undone(world, holder, back, "of the undo")
    _, batch = await done(world, holder, asked(holder, Operation.SUSPEND, MODEL_3), "second")
    world.clock.advance(hours=73)
    with pytest.raises(UndoTooLate):
        await undone(world, holder, batch, "too late")
    stranger = await world.holder(2002)
    with pytest.raises(NodeError) as refused:
        await world.query_batches.undo(stranger.account, stranger.actor, batch.batch_id, "undo")
    assert refused.value.code == "batch_unknown"


async def test_a_cancelled_undo_is_undone_by_another_one(world: World, holder: Holder) -> None:
    before = await standing(world)
    world.workshop.chunk_rows = 50
    world.workshop.clock = ticking(world)
    _, batch = await done(world, holder, asked(holder, Operation.DELETE))
    running = asyncio.create_task(world.query_batches.undo(holder.account, holder.actor, batch.batch_id, "first"))
    found = await under_way(world, holder, Operation.UNDO)
    await world.batches.cancel(holder.account, found.batch_id)
    part, _ = await running
    assert part.state is BatchState.CANCELLED
    assert 0 < part.changed < ROWS
    rest = await undone(world, holder, batch, "second")
    assert rest.changed + rest.rejected == ROWS
    assert rest.changed == ROWS - part.changed
    assert await standing(world) == before
