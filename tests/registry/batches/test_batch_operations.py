"""Every operation by file: previewed, confirmed, paused, gone on with, cancelled; nothing happens unconfirmed."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from node.database import Pool
from node.errors import NodeError
from node.identifier import Prefix
from registry.batches.by_body import BatchStateUnfit
from registry.batches.confirmation import ConfirmationMissing, ConfirmationUnfit
from registry.batches.preview import Preview
from registry.batches.request import BatchRequest, Operation, OperationUnfit
from registry.batches.rows import Verdict
from registry.batches.store import Batch, BatchState
from registry.coding.definition import read_coding_rule
from registry.identifiers.identifiers import IdentifierUnknown
from registry.mappings.mapping import Mapping
from registry.rows.form import Form, Format
from tests.support.world import Holder, World

HEADER = "suffix,name,serial,model,weight_kg"


@pytest.fixture
async def world(pool: Pool) -> World:
    world = World(pool)
    await world.template()
    return world


@pytest.fixture
async def holder(world: World) -> Holder:
    return await world.holder()


def owner_of(holder: Holder) -> UUID:
    assert holder.account.enterprise_id is not None
    return holder.account.enterprise_id


def rows(count: int, start: int = 0) -> list[str]:
    return [f"PUMP-{n:06d},离心泵 {n},S-{n},CP-{n % 10},{n}.5" for n in range(start, start + count)]


def csv(lines: list[str], header: str = HEADER) -> bytes:
    return ("\n".join([header, *lines]) + "\n").encode()


async def blocks(body: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def asked(holder: Holder, operation: Operation = Operation.REGISTER, **more: Any) -> BatchRequest:
    form = more.pop("form", Form(Format.CSV))
    template = "pump" if operation in (Operation.REGISTER, Operation.UPDATE) else None
    return BatchRequest(holder.prefix, form, operation, template, **more)


async def preview(world: World, holder: Holder, body: bytes, request: BatchRequest) -> Preview:
    return await world.batches.preview(holder.account, request, blocks(body))


async def send(
    world: World,
    holder: Holder,
    body: bytes,
    request: BatchRequest,
    key: str = "key",
    confirmation: str | None = None,
) -> Batch:
    batch, _ = await world.batches.run(
        holder.account, holder.actor, request, key, blocks(body), confirmation=confirmation
    )
    return batch


async def confirmed(
    world: World, holder: Holder, body: bytes, operation: Operation, key: str = "change", **more: Any
) -> tuple[Preview, Batch]:
    """Looked at, confirmed, done."""
    request = asked(holder, operation, **more)
    seen = await preview(world, holder, body, request)
    return seen, await send(world, holder, body, request, key, seen.confirmation)


async def codes(world: World, holder: Holder, batch: Batch) -> list[tuple[int, str | None, str]]:
    found = await world.batches.rejections(holder.account, batch.batch_id, limit=1000)
    return [(one.line, one.field, one.code) for _, one in found]


async def attributes(world: World, holder: Holder, suffix: str) -> dict[str, Any]:
    found, stored = await world.identifiers.get(holder.account, holder.identifier(suffix))
    return dict(stored.template.attributes_of(found.record))


async def states(world: World) -> dict[int, int]:
    found = await world.pool.fetch("SELECT state, count(*) AS number FROM identifier GROUP BY state")
    return {row["state"]: row["number"] for row in found}


# Changes --------------------------------------------------------------------------------------------


async def test_an_update_changes_what_its_columns_name_and_leaves_the_rest(world: World, holder: Holder) -> None:
    await send(world, holder, csv(rows(1200)), asked(holder))
    body = csv([f"PUMP-{n:06d},{n}.75,CP-{n % 10}" for n in range(1100)], "suffix,weight_kg,model")
    seen, batch = await confirmed(world, holder, body, Operation.UPDATE)
    assert (seen.rows, seen.changed, seen.unchanged, seen.rejected) == (1100, 1100, 0, 0)
    assert (batch.state, batch.changed, batch.unchanged, batch.rejected) == (BatchState.FINISHED, 1100, 0, 0)
    assert await attributes(world, holder, "PUMP-000007") == {
        "name": "离心泵 7", "serial": "S-7", "model": "CP-7", "weight_kg": "7.75",
    }  # fmt: skip
    assert (await attributes(world, holder, "PUMP-001150"))["weight_kg"] == "1150.5"


async def test_an_empty_cell_clears_and_a_required_value_is_not_cleared(world: World, holder: Holder) -> None:
    await send(world, holder, csv(rows(5)), asked(holder))
    body = csv(["PUMP-000001,,x", "PUMP-000002,y,", "PUMP-000003,离心泵 3,CP-3"], "suffix,name,model")
    seen, batch = await confirmed(world, holder, body, Operation.UPDATE)
    assert (batch.changed, batch.unchanged, batch.rejected) == (1, 1, 1)
    assert (seen.changed, seen.unchanged, seen.rejected) == (1, 1, 1)
    assert await codes(world, holder, batch) == [(2, "name", "required")]
    assert "model" not in await attributes(world, holder, "PUMP-000002")


async def test_a_row_that_expects_another_version_is_rejected(world: World, holder: Holder) -> None:
    await send(world, holder, csv(rows(3)), asked(holder))
    body = csv(["PUMP-000000,a,1", "PUMP-000001,b,7", "PUMP-000002,c,", "NOBODY,d,1"], "suffix,name,biaoshi_version")
    seen, batch = await confirmed(world, holder, body, Operation.UPDATE)
    assert (batch.changed, batch.rejected) == (2, 2)
    assert {(kind.code, kind.rows, kind.line) for kind in seen.faults} == {
        ("version_changed", 1, 3), ("identifier_unknown", 1, 5),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "state"), [(Operation.DELETE, 2), (Operation.SUSPEND, 3)], ids=["delete", "suspend"]
)
async def test_a_file_of_products_serves_to_delete_or_suspend_them(
    world: World, holder: Holder, operation: Operation, state: int
) -> None:
    await send(world, holder, csv(rows(1300)), asked(holder))
    seen, batch = await confirmed(world, holder, csv([*rows(1200), "GONE,x,,,1", ",x,,,1"]), operation)
    assert (seen.changed, seen.rejected) == (batch.changed, batch.rejected)
    assert batch.changed == 1200
    assert await states(world) == {1: 100, state: 1200}
    assert await codes(world, holder, batch) == [
        (1202, "suffix", "identifier_unknown"), (1203, "suffix", "suffix_missing"),
    ]  # fmt: skip
    with pytest.raises(IdentifierUnknown):
        await world.identifiers.get(holder.account, holder.identifier("GONE"))


async def test_what_was_suspended_is_resumed_and_what_lives_is_unchanged(world: World, holder: Holder) -> None:
    await send(world, holder, csv(rows(10)), asked(holder))
    await confirmed(world, holder, csv(rows(4)), Operation.SUSPEND)
    _, batch = await confirmed(world, holder, csv(rows(10)), Operation.RESUME, "resume")
    assert (batch.changed, batch.unchanged) == (4, 6)
    assert await states(world) == {1: 10}


async def test_of_two_rows_for_one_identifier_the_first_counts_however_far_apart(
    world: World, holder: Holder
) -> None:
    await send(world, holder, csv(rows(1200)), asked(holder))
    lines = [f"PUMP-{n:06d},first" for n in range(1200)]
    lines += ["PUMP-000001,second", "PUMP-001199,second"]
    seen, batch = await confirmed(world, holder, csv(lines, "suffix,name"), Operation.UPDATE)
    assert (batch.changed, batch.rejected) == (1200, 2)
    assert (seen.changed, seen.rejected) == (1200, 2)
    assert [(kind.code, kind.rows, kind.line) for kind in seen.faults] == [("duplicate_row", 2, 1202)]
    assert (await attributes(world, holder, "PUMP-000001"))["name"] == "first"


async def test_unique_values_are_kept_unique_by_updates(world: World, holder: Holder) -> None:
    await send(world, holder, csv(rows(1100)), asked(holder))
    lines = [f"PUMP-{n:06d},NEW-{n}" for n in range(1000)]
    lines += ["PUMP-001050,NEW-3", "PUMP-001051,S-1060", "PUMP-001052,OWN"]
    seen, batch = await confirmed(world, holder, csv(lines, "suffix,serial"), Operation.UPDATE)
    assert (batch.changed, batch.rejected) == (1001, 2)
    assert (seen.changed, seen.rejected) == (1001, 2)
    assert [code for _, _, code in await codes(world, holder, batch)] == ["value_taken", "value_taken"]


async def test_ndjson_updates_take_null_for_nothing_and_leave_what_they_do_not_name(
    world: World, holder: Holder
) -> None:
    await send(world, holder, csv(rows(3)), asked(holder))
    body = b'{"suffix":"PUMP-000000","model":null}\n{"suffix":"PUMP-000001","weight_kg":2.50,"colour":"red"}\n'
    _, batch = await confirmed(world, holder, body, Operation.UPDATE, form=Form(Format.NDJSON))
    assert (batch.changed, batch.rejected) == (1, 1)
    assert "model" not in await attributes(world, holder, "PUMP-000000")


async def test_a_mapping_names_the_columns_of_a_change(world: World, holder: Holder) -> None:
    await send(world, holder, csv(rows(3)), asked(holder))
    mapping = Mapping.parse(["编号=suffix", "重量=weight_kg", "没有=model"])
    body = "编号,重量\nPUMP-000001,9.25\n".encode()
    _, batch = await confirmed(world, holder, body, Operation.UPDATE, mapping=mapping)
    assert batch.changed == 1
    _, batch = await confirmed(world, holder, body, Operation.DELETE, "delete", mapping=mapping)
    assert batch.changed == 1


# Confirmation ---------------------------------------------------------------------------------------


async def test_nothing_standing_is_changed_without_the_confirmation_of_this_very_request(
    world: World, holder: Holder
) -> None:
    await send(world, holder, csv(rows(30)), asked(holder))
    body = csv(rows(20))
    request = asked(holder, Operation.DELETE)
    with pytest.raises(ConfirmationMissing):
        await send(world, holder, body, request, "change")
    right = (await preview(world, holder, body, request)).confirmation
    assert right is not None
    suspend = (await preview(world, holder, body, asked(holder, Operation.SUSPEND))).confirmation
    for wrong in ("nonsense", right[:-4] + "AAAA", suspend):
        with pytest.raises(ConfirmationUnfit):
            await send(world, holder, body, request, "change", wrong)
    with pytest.raises(ConfirmationUnfit):
        await send(world, holder, csv(rows(21)), request, "change", right)
    other = await world.holder(2002)
    with pytest.raises(NodeError):
        await send(world, other, body, request, "change", right)
    assert await states(world) == {1: 30}
    world.clock.advance(hours=23)
    assert (await send(world, holder, body, request, "change", right)).changed == 20
    world.clock.advance(hours=3)
    assert (await send(world, holder, body, request, "change", right)).changed == 20  # the same answer
    with pytest.raises(ConfirmationUnfit, match="too old"):
        await send(world, holder, body, request, "later", right)


async def test_no_row_of_an_unconfirmed_body_is_changed_however_late_it_differs(world: World, holder: Holder) -> None:
    await send(world, holder, csv(rows(4000)), asked(holder))
    request = asked(holder, Operation.DELETE)
    confirmation = (await preview(world, holder, csv(rows(3900)), request)).confirmation
    with pytest.raises(ConfirmationUnfit):
        await send(world, holder, csv([*rows(3899), *rows(1, 3950)]), request, "change", confirmation)
    assert await states(world) == {1: 4000}


def test_operations_take_what_they_need_and_nothing_else() -> None:
    prefix, form = Prefix.parse("88.101.2001"), Form(Format.CSV)
    for operation, template in (
        (Operation.REGISTER, None), (Operation.UPDATE, None), (Operation.DELETE, "pump"), (Operation.RESTORE, "pump"),
    ):  # fmt: skip
        with pytest.raises(OperationUnfit):
            BatchRequest(prefix, form, operation, template)
    with pytest.raises(OperationUnfit):
        BatchRequest(prefix, form, Operation.RESTORE, mapping_name="any")


# Previews -------------------------------------------------------------------------------------------


async def test_a_preview_counts_every_fault_of_the_whole_file_by_kind_and_writes_nothing(
    world: World, holder: Holder
) -> None:
    await send(world, holder, csv([*rows(40), "OTHER,x,S-OTHER,CP,1"]), asked(holder), "before")
    before = await world.traces()
    lines = rows(2100)
    lines[3] = "PUMP-000003,另一个,S-3,CP-3,3.5"  # stands with other data
    lines[1500] = "PUMP-X,,S-X,CP,heavy"
    lines[1600] = "PUMP-Y,泵,S-OTHER,CP,1"
    lines[1700] = "PUMP-Z,泵,S-1000,CP,1"
    lines[2000] = "PUMP-000900,泵,S-900,CP,1"
    lines[2001] = '"never closed'
    seen = await preview(world, holder, csv(lines), asked(holder))
    assert (seen.rows, seen.registered, seen.unchanged, seen.rejected) == (2100, 2055, 39, 6)
    assert seen.confirmation is None
    kinds = {(kind.code, kind.field): (kind.rows, kind.line) for kind in seen.faults}
    assert kinds == {
        ("identifier_exists", "suffix"): (1, 5),
        ("required", "name"): (1, 1502),
        ("not_a_number", "weight_kg"): (1, 1502),
        ("value_taken", "serial"): (2, 1602),
        ("duplicate_row", "suffix"): (1, 2002),
        ("unclosed_quote", None): (1, 2003),
    }
    assert seen.understood == {
        "format": "csv", "encoding": "utf-8", "delimiter": ",",
        "sheets": [{"number": 0, "name": "", "columns": HEADER.split(",")}],
    }  # fmt: skip
    assert await world.traces() == before
    batch = await send(world, holder, csv(lines), asked(holder))
    assert (batch.registered, batch.unchanged, batch.rejected) == (2055, 39, 6)


async def test_a_preview_shows_the_first_rows_as_they_would_be_stored(world: World, holder: Holder) -> None:
    await send(world, holder, csv(rows(1)), asked(holder), "before")
    mapping = Mapping.parse(
        {"suffix": "编号", "attributes": {"name": {"column": "品名", "trim": True}, "serial": {"constant": "ONE"}}}
    )
    body = "编号;品名\nA-1;  泵 \nA-2;阀\n;x\n".encode("gb18030")
    seen = await preview(world, holder, body, asked(holder, mapping=mapping))
    assert (seen.understood["encoding"], seen.understood["delimiter"]) == ("gb18030", ";")
    first, second, third = seen.first_rows
    assert (first.line, first.suffix, first.verdict) == (2, "A-1", Verdict.REGISTER)
    assert first.attributes == {"name": "泵", "serial": "ONE"}
    assert (second.verdict, second.faults[0].code) == (Verdict.REJECT, "value_taken")
    assert (third.verdict, third.faults[0].code) == (Verdict.REJECT, "suffix_missing")
    assert (first.row, third.row) == (None, ";x")


async def test_a_preview_is_told_of_a_body_that_nobody_can_read(world: World, holder: Holder) -> None:
    for body, form in (
        (b"", Form(Format.CSV)),
        (b"not gzip", Form(Format.CSV, gzip=True)),
        (b"{", Form(Format.JSON)),
    ):
        with pytest.raises(NodeError) as refused:
            await preview(world, holder, body, asked(holder, form=form))
        assert refused.value.code == "batch_failed"


async def test_a_preview_of_a_coding_rule_takes_no_number(world: World, holder: Holder) -> None:
    rule = read_coding_rule({"segments": [{"kind": "literal", "text": "P-"}, {"kind": "serial", "width": 5}]})
    await world.coding_rules.create(holder.account, holder.actor, owner_of(holder), "pumps", rule)
    mapping = Mapping.parse({"suffix": {"coding_rule": "pumps"}, "attributes": {"name": "name"}})
    request = asked(holder, mapping=mapping)
    body = csv([f"泵 {n}" for n in range(1200)], "name")
    for _ in range(2):
        seen = await preview(world, holder, body, request)
        assert seen.first_rows[0].suffix == "P-00001"
        assert seen.registered == 1200
    batch = await send(world, holder, body, request)
    assert batch.registered == 1200
    assert (await attributes(world, holder, "P-01200"))["name"] == "泵 1199"
    again = await send(world, holder, body, request)
    assert again == batch


# Forms ----------------------------------------------------------------------------------------------


async def test_every_form_is_settled_alike(world: World, holder: Holder) -> None:
    objects = [{"suffix": f"J-{n}", "name": f"泵 {n}", "weight_kg": n + 0.5} for n in range(30)]
    objects[7]["weight_kg"] = "heavy"
    forms = {
        "json": (json.dumps(objects, ensure_ascii=False, indent=1).encode(), Form(Format.JSON)),
        "ndjson.gz": (gzip.compress("\n".join(map(json.dumps, objects)).encode()), Form(Format.NDJSON, gzip=True)),
    }
    for name, (body, form) in forms.items():
        batch = await send(world, holder, body, asked(holder, form=form), name)
        settled = (batch.registered + batch.unchanged, batch.rejected)
        assert settled == (29, 1), name
    assert await states(world) == {1: 29}


async def test_a_saved_mapping_means_to_the_end_what_it_meant_at_the_beginning(world: World, holder: Holder) -> None:
    account, actor = holder.account, holder.actor
    mine = Mapping.parse(["编号=suffix", "品名=name"])
    saved = await world.mappings.create(account, actor, owner_of(holder), "erp", mine)
    body = ("编号,品名\n" + "".join(f"A-{n},泵\n" for n in range(20_000))).encode()
    request = asked(holder, mapping_name="erp")

    async def half() -> AsyncIterator[bytes]:
        async for block in blocks(body[: len(body) // 2], 4096):
            yield block
        raise ConnectionResetError

    with pytest.raises(NodeError):
        await world.batches.run(account, actor, request, "key", half())
    assert 0 < (await states(world))[1] < 20_000
    other = Mapping.parse(["品名=suffix", "编号=name"])
    await world.mappings.replace(account, actor, saved.number, "erp", other, saved.version)
    assert (await send(world, holder, body, request)).registered == 20_000


async def test_exported_rows_come_back_with_their_versions_and_times(world: World, holder: Holder) -> None:
    header = "suffix,name,biaoshi_template,biaoshi_version,biaoshi_state,biaoshi_registered_at,biaoshi_updated_at"
    times = "2025-01-02T03:04:05.000006+00:00,2025-06-07T08:09:10.000000+00:00"
    lines = [f"R-{n:04d},泵 {n},pump@1,{n % 5 + 1},{'live' if n % 3 else 'suspended'},{times}" for n in range(1200)]
    lines += [
        f"GONE,,pump@1,4,deleted,{times}",
        f"R-0001,again,pump@1,9,live,{times}",
        f"BAD,x,pump@7,1,live,{times}",
    ]
    admin = Holder(world.administrator, holder.prefix)
    request = asked(holder, Operation.RESTORE)
    with pytest.raises(NodeError) as refused:
        await send(world, holder, csv(lines, header), request)
    assert refused.value.code == "not_allowed"
    batch = await send(world, admin, csv(lines, header), request)
    assert (batch.registered + batch.changed, batch.unchanged, batch.rejected) == (1201, 0, 2)
    assert [code for _, _, code in await codes(world, admin, batch)] == ["duplicate_row", "not_an_exported_row"]
    assert await states(world) == {1: 800, 2: 1, 3: 400}
    found, _ = await world.identifiers.get(holder.account, holder.identifier("R-0004"))
    assert (found.version, found.registered_at.isoformat()) == (5, "2025-01-02T03:04:05.000006+00:00")
    again = await send(world, admin, csv(lines[:1200], header), request, "again")
    assert (again.registered, again.changed, again.unchanged) == (0, 0, 1200)


# Pausing --------------------------------------------------------------------------------------------


class Slow:
    """A body whose second half waits."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.go_on = asyncio.Event()

    async def blocks(self) -> AsyncIterator[bytes]:
        half = len(self._body) // 2
        yield self._body[:half]
        await self.go_on.wait()
        for start in range(half, len(self._body), 4096):
            yield self._body[start : start + 4096]


async def under_way(world: World, holder: Holder, operation: Operation = Operation.REGISTER) -> Batch:
    """The newest batch, once it is of this kind and something of it is settled."""
    async with asyncio.timeout(20):
        while True:
            found = await world.batches.list(holder.account, before=None, limit=1)
            if found and found[0].operation is operation and found[0].registered + found[0].changed:
                return found[0]
            await asyncio.sleep(0)


async def test_nothing_commits_after_a_pause_and_the_batch_goes_on_when_it_is_resumed(
    world: World, holder: Holder
) -> None:
    body = csv(rows(10_000))
    slow = Slow(body)
    running = asyncio.create_task(
        world.batches.run(holder.account, holder.actor, asked(holder), "key", slow.blocks())
    )
    batch = await under_way(world, holder)
    paused = await world.batches.pause(holder.account, batch.batch_id)
    assert paused.state is BatchState.PAUSED
    settled = (await states(world))[1]
    slow.go_on.set()
    answer, _ = await running
    assert answer.state is BatchState.PAUSED
    assert (await states(world))[1] == settled == answer.registered
    assert (await send(world, holder, body, asked(holder))).state is BatchState.PAUSED  # nobody resumed it
    assert (await states(world))[1] == settled
    await world.batches.resume(holder.account, batch.batch_id)
    done = await send(world, holder, body, asked(holder))
    assert (done.state, done.registered) == (BatchState.FINISHED, 10_000)
    histories = await world.pool.fetchval("SELECT count(*) FROM identifier_history")
    assert histories == 10_000


async def test_a_cancelled_batch_stays_so_and_keeps_what_was_settled(world: World, holder: Holder) -> None:
    body = csv(rows(10_000))
    slow = Slow(body)
    running = asyncio.create_task(
        world.batches.run(holder.account, holder.actor, asked(holder), "key", slow.blocks())
    )
    batch = await under_way(world, holder)
    await world.batches.cancel(holder.account, batch.batch_id)
    slow.go_on.set()
    answer, _ = await running
    assert answer.state is BatchState.CANCELLED
    kept = (await states(world))[1]
    again = await send(world, holder, body, asked(holder))
    assert (again.state, again.registered) == (BatchState.CANCELLED, kept)
    assert (await states(world))[1] == kept
    for move in (world.batches.pause, world.batches.resume):
        with pytest.raises(BatchStateUnfit):
            await move(holder.account, batch.batch_id)
    assert (await world.batches.cancel(holder.account, batch.batch_id)).state is BatchState.CANCELLED


async def test_a_paused_update_goes_on_where_it_stopped(world: World, holder: Holder) -> None:
    await send(world, holder, csv(rows(8000)), asked(holder))
    body = csv([f"PUMP-{n:06d},new {n}" for n in range(8000)], "suffix,name")
    request = asked(holder, Operation.UPDATE)
    world.clock.advance(seconds=1)
    confirmation = (await preview(world, holder, body, request)).confirmation
    running = asyncio.create_task(
        world.batches.run(holder.account, holder.actor, request, "change", blocks(body), confirmation=confirmation)
    )
    found = await under_way(world, holder, Operation.UPDATE)
    await world.batches.pause(holder.account, found.batch_id)
    paused, _ = await running
    assert paused.state is BatchState.PAUSED
    assert 0 < paused.changed < 8000
    await world.batches.resume(holder.account, paused.batch_id)
    done = await send(world, holder, body, request, "change", confirmation)
    assert (done.state, done.changed, done.rejected) == (BatchState.FINISHED, 8000, 0)
    versions = await world.pool.fetch("SELECT DISTINCT version FROM identifier")
    assert [row["version"] for row in versions] == [2]


async def test_another_enterprise_moves_no_batch(world: World, holder: Holder) -> None:
    batch = await send(world, holder, csv(rows(3)), asked(holder))
    stranger = await world.holder(2002)
    for move in (world.batches.pause, world.batches.resume, world.batches.cancel):
        with pytest.raises(NodeError) as refused:
            await move(stranger.account, batch.batch_id)
        assert refused.value.code == "batch_unknown"
