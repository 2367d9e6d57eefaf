"""4.4 应急接管: standby records (接管备用数据), as a snapshot and as changes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import msgspec

from docking.case import Case, Failed, Said, Skipped, case
from docking.handle_port import asked_by_tcp
from docking.node_below import Heard, NodeBelow
from node.national.bulk import STANDBY, StandbyState
from node.packing import packed
from node.record import Value, encode_values

_OUT_OF_STEP = "standby_out_of_step"


@case(
    "4.4.1",
    ("快照分页送达", "a snapshot that comes by pages"),
    (
        "未完成前说明续传处，完成后 position 为快照位置、records 为条数",
        "it says where to go on until it is whole, then its position and the number of records",
    ),
    "standby",
)
async def snapshot(node: NodeBelow) -> Said:
    names = [_name(node, n) for n in range(7)]
    snapshot_id, position, after = uuid4(), 100, ""
    for first, last in ((0, 3), (3, 6), (6, 7)):
        whole = last == len(names)
        page = _snapshot(node, snapshot_id, names[first:last], position, after=after, last=whole)
        state = await _put(node, page)
        if whole:
            break
        if (state.snapshot_id, state.snapshot_position) != (snapshot_id, position) or not state.snapshot_after:
            raise Failed("状态没有说明快照续传处", f"the state does not say where the snapshot goes on: {state}")
        after = state.snapshot_after
    _at(await _state(node), position, len(names))
    return Said(f"position {position}，{len(names)} 条", f"position {position}, {len(names)} records")


@case(
    "4.4.2",
    ("其后的变更", "the changes after it"),
    ("记录增、改、删后条数与 position 正确", "records added, changed and removed; count and position fit"),
    "standby",
)
async def changes(node: NodeBelow) -> Said:
    base, names = await _based(node, 5)
    changed = {_name(node, 8): _record("new"), names[0]: _record("changed"), names[1]: b""}
    _at(await _put(node, _changes(node, base, base + 10, changed)), base + 10, 5)
    _at(await _put(node, _changes(node, base + 10, base + 30, {})), base + 30, 5)
    return Said(f"position {base + 30}，5 条", f"position {base + 30}, 5 records")


@case(
    "4.4.3",
    ("不衔接的页", "a page out of step"),
    (f"{_OUT_OF_STEP}，状态不变", f"{_OUT_OF_STEP}, and the state stays as it was"),
    "standby",
)
async def out_of_step(node: NodeBelow) -> Said:
    base, names = await _based(node, 3)
    snapshot_id = uuid4()
    for page in (
        _changes(node, base + 1, base + 2, {names[0]: b""}),
        _changes(node, base - 1, base + 2, {names[0]: b""}),
        _snapshot(node, snapshot_id, names[1:], base + 5, after=names[0], last=True),
    ):
        refusal = (await node.say("PUT", STANDBY, page)).refusal()
        if refusal.code != _OUT_OF_STEP:
            raise Failed(f"拒绝码是 {refusal.code}", f"it was refused as {refusal.code}")
    _at(await _state(node), base, 3)
    return Said("三页都被拒绝", "all three pages were refused")


@case(
    "4.4.4",
    ("有误的页", "malformed pages"),
    ("拒绝，状态不变", "refused, and the state stays as it was"),
    "standby",
)
async def malformed(node: NodeBelow) -> Said:
    base, names = await _based(node, 2)
    foreign = {f"{node.prefix}9.1/x": _record("x")}
    short = _page(_head(node, "changes", since=base, to=base + 1, rows=3), {names[0]: _record("x")})
    head = msgspec.json.encode(_head(node, "changes", since=base, to=base + 1, rows=0))
    for page in (_changes(node, base, base + 1, foreign), short, head, packed(b"{}"), packed(head)[:-3]):
        (await node.say("PUT", STANDBY, page)).refusal()
    _at(await _state(node), base, 2)
    return Said("五页都被拒绝", "all five pages were refused")


@case(
    "4.4.5",
    ("新快照代替旧数据", "a new snapshot replaces what stood before"),
    ("完成前旧数据仍在；完成后只剩新快照", "the old records stay until it is whole, then there is only the new"),
    "standby",
)
async def replaced(node: NodeBelow) -> Said:
    base, _ = await _based(node, 6)
    snapshot_id, names = uuid4(), [_name(node, n) for n in (20, 21)]
    first = await _put(node, _snapshot(node, snapshot_id, names[:1], base + 50, after="", last=False))
    if first.position != base:
        raise Failed(f"position 变为 {first.position}", f"the position is {first.position} before it is whole")
    given_up = uuid4()  # and one that is begun anew in between, as after a restart
    await _put(node, _snapshot(node, given_up, names[:1], base + 60, after="", last=False))
    _at(await _put(node, _snapshot(node, uuid4(), names, base + 70, after="", last=True)), base + 70, 2)
    return Said("只剩新快照的 2 条", "only the 2 records of the new snapshot")


@case(
    "4.4.6",
    ("同一页从两个连接同时到达", "the same page by two connections at once"),
    ("恰好生效一次", "it has an effect once"),
    "standby",
)
async def at_once(node: NodeBelow) -> Said:
    base, _ = await _based(node, 2)
    page = _changes(node, base, base + 1, {_name(node, 30): _record("x")})
    heard = await asyncio.gather(*(node.say("PUT", STANDBY, page) for _ in range(2)))
    if sum(each.status == 200 for each in heard) > 1:
        raise Failed("两次都被接受", "both were taken")
    _at(await _state(node), base + 1, 3)
    return Said("一次被接受，一次被拒绝", "one was taken, one was refused")


@case(
    "4.4.7",
    ("未接管时备用数据不对外应答", "standby records are not answered unless taken over"),
    ("上级对这些标识给出转介或不负责，不给出备用记录", "a referral or not responsible, never the standby record"),
    "standby",
)
async def not_answered(node: NodeBelow) -> Said:
    if node.handle is None:
        raise Skipped("未给出上级的 Handle 端口", "no Handle port of the upper was named")
    _, names = await _based(node, 1)
    answer = await asked_by_tcp(node.handle, names[0])
    node.did(f"RESOLVE {names[0]} → {answer.code}")
    if answer.code == 1:
        raise Failed("应答了备用记录", "the standby record was answered")
    return Said(f"应答码 {answer.code}", f"response code {answer.code}")


def _name(node: NodeBelow, n: int) -> str:
    below = node.prefix if node.is_enterprise else f"{node.prefix}.2001"
    return f"{below}/DOCKING-TEST-{n:04}"


def _record(text: str) -> bytes:
    return encode_values((Value(index=1, type="URL", data=f"https://example.com/{text}".encode()),))


def _head(node: NodeBelow, kind: str, **more: Any) -> dict[str, Any]:
    return {"node": node.node, "laboratory": True, "kind": kind, **more}


def _page(head: Mapping[str, Any], records: Mapping[str, bytes]) -> bytes:
    lines = [msgspec.json.encode(head)]
    lines += [
        msgspec.json.encode({"name": name, "record": base64.b64encode(record).decode()})
        for name, record in records.items()
    ]
    return packed(b"\n".join(lines) + b"\n")


def _snapshot(
    node: NodeBelow, snapshot_id: UUID, names: list[str], position: int, *, after: str, last: bool
) -> bytes:
    head = _head(node, "snapshot", snapshot_id=snapshot_id, after=after, to=position, rows=len(names), last=last)
    return _page(head, {name: _record(name) for name in names})


def _changes(node: NodeBelow, since: int, to: int, records: Mapping[str, bytes]) -> bytes:
    return _page(_head(node, "changes", since=since, to=to, rows=len(records)), records)


async def _put(node: NodeBelow, page: bytes) -> StandbyState:
    heard: Heard = await node.say("PUT", STANDBY, page)
    return heard.shape(StandbyState)


async def _state(node: NodeBelow) -> StandbyState:
    return (await node.say("GET", STANDBY)).shape(StandbyState)


async def _based(node: NodeBelow, records: int) -> tuple[int, list[str]]:
    """A whole snapshot to begin with; its position and names."""
    names = [_name(node, n) for n in range(records)]
    _at(await _put(node, _snapshot(node, uuid4(), names, 1000, after="", last=True)), 1000, records)
    return 1000, names


def _at(state: StandbyState, position: int, records: int) -> None:
    if (state.position, state.records) != (position, records):
        came = f"position {state.position}, {state.records} records"
        raise Failed(
            f"position {state.position}，{state.records} 条；应为 {position}、{records}",
            f"{came} instead of {position}, {records}",
        )


CASES: tuple[Case[NodeBelow], ...] = (snapshot, changes, out_of_step, malformed, replaced, at_once, not_answered)
