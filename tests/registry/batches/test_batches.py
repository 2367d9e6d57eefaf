"""Bulk registration: everything good is registered, everything bad comes back, nothing happens twice."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from node.database import Pool
from node.errors import Malformed, NodeError
from registry.batches.body import IdempotencyKeyReused
from registry.batches.request import BatchRequest
from registry.batches.store import Batch, BatchBusy, BatchFailed
from registry.mappings.mapping import Mapping
from registry.rejection import Rejection
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


def rows(count: int, start: int = 0) -> list[str]:
    return [f"PUMP-{n:06d},离心泵 {n},S-{n},CP-{n % 10},{n}.5" for n in range(start, start + count)]


def csv(lines: list[str], header: str = HEADER) -> bytes:
    return ("\n".join([header, *lines]) + "\n").encode()


async def blocks(body: bytes, size: int = 4096) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


class Broken(Exception):
    """The sender went away."""


async def broken_after(body: bytes, count: int) -> AsyncIterator[bytes]:
    async for block in blocks(body[:count]):
        yield block
    raise Broken


def request(holder: Holder, media: str = "csv", *mapping: str) -> BatchRequest:
    named = Mapping.parse(mapping) if mapping else None
    return BatchRequest(holder.prefix, Form(Format(media)), template="pump", mapping=named)


async def send(world: World, holder: Holder, body: bytes, key: str = "key", media: str = "csv") -> Batch:
    batch, _ = await world.batches.run(holder.account, holder.actor, request(holder, media), key, blocks(body))
    return batch


async def rejected(world: World, holder: Holder, batch: Batch) -> list[Rejection]:
    found = await world.batches.rejections(holder.account, batch.batch_id, limit=1000)
    return [rejection for _, rejection in found]


async def count(world: World) -> int:
    return int(await world.pool.fetchval("SELECT count(*) FROM identifier WHERE state = 1"))


async def test_every_row_is_registered_with_its_traces(world: World, holder: Holder) -> None:
    before = await world.traces()
    batch = await send(world, holder, csv(rows(1234)))
    assert (batch.state, batch.registered, batch.rejected, batch.unchanged) == ("finished", 1234, 0, 0)
    histories, leaves, reports = await world.traces()
    assert histories - before[0] == leaves - before[1] == 1234
    summaries = await world.pool.fetch("SELECT body FROM outbox WHERE kind = 'registration.summary'")
    assert sum(json.loads(row["body"])["registered"] for row in summaries) == 1234
    assert reports - before[2] == len(summaries) <= 4


async def test_a_bad_row_comes_back_with_line_field_code_and_its_own_text(world: World, holder: Holder) -> None:
    lines = rows(1000)
    lines[10] = "PUMP-X,,S-X,CP-1,heavy"
    lines[500] = "PUMP-000003,again,S-Y,CP-1,1"
    lines[900] = "PUMP-Z,名称,S-5,CP-1,1"
    batch = await send(world, holder, csv(lines))
    assert (batch.registered, batch.rejected) == (997, 3)
    found = await rejected(world, holder, batch)
    assert [(one.line, one.field, one.code) for one in found] == [
        (12, "name", "required"), (12, "weight_kg", "not_a_number"),
        (502, "suffix", "duplicate_row"), (902, "serial", "value_taken"),
    ]  # fmt: skip
    assert found[0].row.decode() == lines[10]


async def test_a_duplicate_far_away_in_the_file_is_a_duplicate_all_the_same(world: World, holder: Holder) -> None:
    lines = rows(2000)
    lines.append(lines[3])
    batch = await send(world, holder, csv(lines))
    assert (batch.registered, batch.rejected, batch.unchanged) == (2000, 1, 0)
    assert (await rejected(world, holder, batch))[0].code == "duplicate_row"


async def test_the_same_file_under_another_key_changes_nothing(world: World, holder: Holder) -> None:
    body = csv(rows(1500))
    await send(world, holder, body)
    before = await world.traces()
    world.clock.advance(hours=1)
    batch = await send(world, holder, body, "another key")
    assert (batch.registered, batch.unchanged, batch.rejected) == (0, 1500, 0)
    assert await world.traces() == before


async def test_what_stands_with_other_data_is_rejected_and_kept(world: World, holder: Holder) -> None:
    await send(world, holder, csv(rows(700)))
    changed = [line.replace("离心泵", "潜水泵") for line in rows(10)] + rows(600, 650)
    batch = await send(world, holder, csv(changed), "second")
    assert (batch.registered, batch.unchanged, batch.rejected) == (550, 50, 10)
    assert {one.code for one in await rejected(world, holder, batch)} == {"identifier_exists"}
    assert await count(world) == 1250


async def test_an_idempotency_key_replays_its_answer(world: World, holder: Holder) -> None:
    body = csv(rows(800))
    first = await send(world, holder, body)
    before = await world.traces()
    again, replayed = await world.batches.run(holder.account, holder.actor, request(holder), "key", blocks(body, 999))
    assert replayed
    assert again == first
    assert await world.traces() == before


@pytest.mark.parametrize("change", ["another byte", "shorter", "longer", "another request"])
async def test_an_idempotency_key_is_for_one_body_only(world: World, holder: Holder, change: str) -> None:
    body = csv(rows(800))
    await send(world, holder, body)
    asked = request(holder)
    if change == "another byte":
        body = body.replace(b"S-700", b"S-7OO")
    elif change == "shorter":
        body = body[:-40]
    elif change == "longer":
        body += b"PUMP-999999,x,S-x,CP-1,1\n"
    else:
        asked = request(holder, "csv", "suffix=suffix", "name=name")
    with pytest.raises(IdempotencyKeyReused):
        await world.batches.run(holder.account, holder.actor, asked, "key", blocks(body))


async def test_an_interrupted_batch_goes_on_where_it_stopped(world: World, holder: Holder) -> None:
    lines = rows(5000)
    lines[100] = "PUMP-X,,S-X,CP-1,1"
    lines[4000] = "PUMP-Y,,S-Y,CP-1,1"
    body = csv(lines)
    for share in (0.2, 0.2, 0.5, 0.51, 0.9):
        with pytest.raises(Broken):
            await world.batches.run(
                holder.account, holder.actor, request(holder), "key", broken_after(body, int(len(body) * share))
            )
    settled = await count(world)
    assert 3500 < settled < 5000
    batch = await send(world, holder, body)
    assert (batch.state, batch.registered, batch.rejected) == ("finished", 4998, 2)
    assert await count(world) == 4998
    assert [one.line for one in await rejected(world, holder, batch)] == [102, 4002]
    histories = await world.pool.fetchval("SELECT count(*) FROM identifier_history")
    leaves = await world.pool.fetchval(
        "SELECT sum(coalesce(octet_length(packed) / 52, 1)) FROM event WHERE leaf LIKE '%identifier.register%'::bytea"
    )
    assert histories == leaves == 4998


async def test_an_interrupted_batch_does_not_go_on_with_another_body(world: World, holder: Holder) -> None:
    body = csv(rows(9000))
    with pytest.raises(Broken):
        await world.batches.run(
            holder.account, holder.actor, request(holder), "key", broken_after(body, len(body) // 2)
        )
    settled = await count(world)
    assert settled
    with pytest.raises(IdempotencyKeyReused):
        await send(world, holder, body.replace(b"S-7,", b"S-8,"))
    assert await count(world) == settled


async def test_two_senders_of_one_key_do_not_work_at_once(world: World, holder: Holder) -> None:
    body = csv(rows(3000))
    slow = asyncio.Event()

    async def held_back() -> AsyncIterator[bytes]:
        yield body[:1000]
        await slow.wait()
        yield body[1000:]

    first = asyncio.create_task(world.batches.run(holder.account, holder.actor, request(holder), "key", held_back()))
    await asyncio.sleep(0.2)
    with pytest.raises(BatchBusy):
        await send(world, holder, body)
    slow.set()
    batch, _ = await first
    assert batch.registered == 3000


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "no_header"),
        (b"\n\n", "no_header"),
        (b"suffix,name,name\nA,b,c\n", "duplicate_column"),
        (b"suffix,,name\nA,b,c\n", "empty_column"),
        (b"suffix,colour\nA,b\n", "invalid_mapping"),
        (b"name,serial\nA,b\n", "invalid_mapping"),
        ("后缀,名称\nA,b\n".encode("gb18030"), "invalid_mapping"),
        ("suffix,name\nA,b\n".encode("utf-16"), "wide_text"),
        (b"PK\x03\x04 and more of a workbook", "other_format"),
    ],
)
async def test_a_body_that_cannot_be_understood_fails_as_a_whole_and_says_why(
    world: World, holder: Holder, body: bytes, reason: str
) -> None:
    for _ in range(2):  # the second answer is the replayed one
        with pytest.raises(BatchFailed) as refused:
            await send(world, holder, body)
        assert refused.value.evidence["reason"] == reason
    assert await count(world) == 0


async def test_a_large_body_with_a_bad_header_fails_in_the_same_words_when_it_comes_again(
    world: World, holder: Holder
) -> None:
    body = csv(rows(5000), "suffix,name,name,model,weight_kg")
    told = []
    for _ in range(2):
        with pytest.raises(BatchFailed) as refused:
            await send(world, holder, body)
        told.append((refused.value.detail, refused.value.evidence))
    assert told[0] == told[1]


async def test_of_two_rows_with_one_unique_value_the_first_line_keeps_it(world: World, holder: Holder) -> None:
    await send(world, holder, csv(rows(1)), "another")
    lines = ["Z-LAST,first,S-SAME,CP,1", "A-FIRST,second,S-SAME,CP,1", "PUMP-000000,other data,S-0,CP,1"]
    batch = await send(world, holder, csv(lines))
    assert {(one.line, one.code) for one in await rejected(world, holder, batch)} == {
        (3, "value_taken"), (4, "identifier_exists"),
    }  # fmt: skip


async def test_wrong_encoding_and_endless_lines_cost_their_own_rows_only(world: World, holder: Holder) -> None:
    lines = [line.encode() for line in rows(300)]
    lines[50] = "PUMP-GB,离心泵,S-GB,CP,1".encode("gb18030")
    lines[100] = b"PUMP-LONG," + b"x" * 3_000_000 + b",S-L,CP,1"
    lines[150] = b'PUMP-Q,"never closed,S-Q,CP,1'
    lines[200] = b"PUMP-NUL,a\0b,S-N,CP,1"
    batch = await send(world, holder, b"\n".join([HEADER.encode(), *lines]) + b"\n")
    assert (batch.registered, batch.rejected) == (296, 4)
    assert Counter(one.code for one in await rejected(world, holder, batch)) == Counter(
        ["not_utf8", "row_too_long", "unclosed_quote", "control_character"]
    )


async def test_ndjson_rows_and_json_bombs(world: World, holder: Holder) -> None:
    lines = [
        json.dumps({"suffix": f"N-{n}", "name": f"泵 {n}", "weight_kg": n + 0.25, "passed": n % 2 == 0}).encode()
        for n in range(200)
    ]
    lines[20] = b"[" * 100_000
    lines[40] = b'{"suffix":"N-A","name":{"deep":[1]}}'
    lines[60] = b'{"suffix":"N-B","name":"x","colour":"red"}'
    lines[80] = b'{"suffix":"N-C","name":"x","name":"y"}'
    lines[90] = b"not json"
    batch = await send(world, holder, b"\n".join(lines), media="ndjson")
    assert (batch.registered, batch.rejected) == (195, 5)
    found = {one.line: one.code for one in await rejected(world, holder, batch)}
    assert found[61] == "unknown_attribute"
    assert found[81] == "duplicate_key"
    assert found[41] == "nested_value"


async def test_somebody_else_s_prefix_is_refused_before_a_byte_is_read(world: World, holder: Holder) -> None:
    stranger = await world.holder(2002)

    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    with pytest.raises(NodeError):
        await world.batches.run(stranger.account, stranger.actor, request(holder), "key", unread())


async def test_a_mapping_names_the_columns(world: World, holder: Holder) -> None:
    body = "编号,品名,备注\nA-1,泵,x\nA-2,阀,y\n".encode()
    asked = request(holder, "csv", "编号=suffix", "品名=name", "编号=serial")
    batch, _ = await world.batches.run(holder.account, holder.actor, asked, "key", blocks(body))
    assert batch.registered == 2
    with pytest.raises(Malformed):
        await world.batches.run(
            holder.account, holder.actor, request(holder, "csv", "编号=suffix", "没有=name"), "k2", blocks(body)
        )


async def test_batches_that_overlap_at_the_same_time_register_each_row_once(world: World, holder: Holder) -> None:
    bodies = [csv(rows(2000, start)) for start in (0, 1000, 500)]
    done = await asyncio.gather(*(send(world, holder, body, f"key {n}") for n, body in enumerate(bodies[:2])))
    done.append(await send(world, holder, bodies[2], "key 2"))
    assert await count(world) == 3000
    assert sum(batch.registered for batch in done) == 3000
    assert all(batch.registered + batch.unchanged == 2000 for batch in done)
