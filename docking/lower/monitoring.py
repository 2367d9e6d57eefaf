"""4.3 运行监测: heartbeats, counts, and instructions from above."""

from __future__ import annotations

import asyncio
from datetime import timedelta, timezone
from itertools import pairwise
from typing import Any

import msgspec

from docking.arrivals import Arrival, Instead
from docking.case import Case, Failed, Said, Skipped, case
from docking.examiner import Examiner
from docking.handle_port import asked_by_tcp
from docking.lower.resolving import port_of, resolves
from node.national.instructions import INSTRUCTIONS, Order, Outcome, Query
from node.national.messages import Counts, DayCounts
from resolver.handle.codes import ResponseCode

_CHINA = timezone(timedelta(hours=8))
_CANARIES = 20
_SETTLING = 3.0
_LIMIT = 3


@case(
    "4.3.1",
    ("心跳按时送达", "heartbeats come"),
    ("两次心跳，运行时间增长，时间相差不到 5 分钟", "two of them, the uptime grows, the time is at most 5 min off"),
    "heartbeats",
)
async def heartbeats(examiner: Examiner) -> Said:
    beats = examiner.memory.heartbeats
    seen = len(beats)
    try:
        await examiner.until(lambda: len(beats) >= seen + 2)
    except TimeoutError:
        raise Failed(f"{examiner.patience:.0f} 秒内没有两次", f"not two within {examiner.patience:.0f} s") from None
    first, second = beats[-2:]
    off = abs((second.at - examiner.clock()).total_seconds())
    if off > 300:
        raise Failed(f"时间相差 {off:.0f} 秒", f"its time is {off:.0f} s off")
    if second.uptime_seconds < first.uptime_seconds or second.at <= first.at:
        raise Failed("运行时间或时间倒退", "its uptime or its time went back")
    return Said(f"{second.state}，积压 {second.backlog}", f"{second.state}, backlog {second.backlog}")


@case(
    "4.3.2",
    ("按日计数", "counts of days"),
    ("包含东八区的今天，后来的陈述不减少", "today in China is among them, and a later statement is not less"),
    "counts",
)
async def counts(examiner: Examiner) -> Said:
    today = examiner.clock().astimezone(_CHINA).date()
    stated = [day for each in examiner.memory.counts for day in each.days if day.day == today]
    if not stated:
        raise Failed("没有今天的计数", f"nothing was stated about {today}")
    for earlier, later in pairwise(stated):
        if later.registered < earlier.registered or _resolved(later) < _resolved(earlier):
            raise Failed("计数减少", "a later statement says less than an earlier one")
    last = stated[-1]
    return Said(
        f"今天注册 {last.registered}、解析 {_resolved(last)}",
        f"today {last.registered} registered, {_resolved(last)} resolved",
    )


@case(
    "4.3.3",
    ("探测解析如数出现在计数中", "test resolutions show up in the counts"),
    (f"解析 {_CANARIES} 次，今天的解析量恰好增加 {_CANARIES}", f"{_CANARIES} resolutions add exactly {_CANARIES}"),
    "counts",
)
async def canaries(examiner: Examiner) -> Said:
    port, name = port_of(examiner), await resolves(examiner)
    before = await _resolved_now(examiner)
    for _ in range(_CANARIES):
        await asked_by_tcp(port, name)
    examiner.did(f"RESOLVE {name} × {_CANARIES}")

    def counted() -> int | None:
        last = _today(examiner, examiner.memory.counts)
        return last if last is not None and last >= before + _CANARIES else None

    try:
        after = await examiner.until(counted, 2 * examiner.patience)
    except TimeoutError:
        came = (_today(examiner, examiner.memory.counts) or 0) - before
        if not came:
            raise Skipped("节点不计本机地址的解析", "the node does not count resolutions from this address") from None
        raise Failed(f"只增加了 {came}", f"only {came} were added") from None
    if after != before + _CANARIES:
        raise Failed(f"增加了 {after - before}", f"{after - before} were added; or others asked meanwhile")
    return Said(f"恰好 {_CANARIES}", f"exactly {_CANARIES}")


@case("4.3.4", ("指令：探测", "instruction: probe"), ("答复 done", "done"), "instructions")
async def probe(examiner: Examiner) -> Said:
    answered = await examiner.ordered(Order.PROBE, {})
    if answered.outcome is not Outcome.DONE:
        raise Failed(f"答复 {answered.outcome}", f"{answered.outcome}: {answered.detail}")
    return Said(f"{answered.result}", f"{answered.result}")


@case(
    "4.3.5",
    ("未知或有误的指令", "instructions that are unknown or malformed"),
    ("答复 refused，后面的指令照常执行", "answered as refused, and those behind them are performed"),
    "instructions",
)
async def refused(examiner: Examiner) -> Said:
    wrong = [
        examiner.instruct("of_a_later_version", {"x": 1}),
        examiner.instruct(Order.SUSPEND, {"prefix": 7}),
        examiner.instruct(Order.VERIFY, {}),
        examiner.instruct(Order.SUSPEND, {"prefix": f"{examiner.memory.prefix}.999999999", "reason": "对接测试"}),
    ]
    behind = examiner.instruct(Order.PROBE, {})
    for instruction_id in wrong:
        answered = await examiner.answer_to(instruction_id)
        if answered.outcome is not Outcome.REFUSED:
            raise Failed(f"答复 {answered.outcome}", f"{answered.outcome}: {answered.detail}")
    if (await examiner.answer_to(behind)).outcome is not Outcome.DONE:
        raise Failed("后面的指令未执行", "the one behind them was not performed")
    return Said("四条被拒绝，其后照常", "four were refused, the one behind them performed")


@case(
    "4.3.6",
    ("同一指令再次给出", "an instruction that is given again"),
    ("不再执行，只有一个答复", "it is not performed again: one answer"),
    "instructions",
)
async def repeated(examiner: Examiner) -> Said:
    first = examiner.instruct(Order.PROBE, {})
    await examiner.answer_to(first)
    old = next(each for each in examiner.memory.instructions if each.instruction_id == first)
    examiner.memory.instructions.append(msgspec.structs.replace(old, sequence=examiner.memory.next_sequence()))
    examiner.did("the same instruction_id once more, behind it another one")
    await examiner.answer_to(examiner.instruct(Order.PROBE, {}))
    await asyncio.sleep(_SETTLING)
    answers = len(examiner.memory.answers[first])
    if answers != 1:
        raise Failed(f"{answers} 个答复", f"{answers} answers")
    return Said("一个答复", "one answer")


@case(
    "4.3.7",
    ("指令的应答丢失", "the answer that brings an instruction is lost"),
    ("再次询问，执行一次", "it asks again, and performs it once"),
    "instructions",
)
async def lost(examiner: Examiner) -> Said:
    dropped: list[Arrival] = []

    def lose(arrival: Arrival) -> Instead | None:
        if arrival.path != INSTRUCTIONS or len(dropped) >= 2:
            return None
        dropped.append(arrival)
        return Instead()

    with examiner.disturbing(lose):
        answered = await examiner.ordered(Order.PROBE, {})
    await asyncio.sleep(1)
    if answered.outcome is not Outcome.DONE or len(examiner.memory.answers[answered.instruction_id]) != 1:
        raise Failed("没有恰好一个 done", "not exactly one answer that it is done")
    return Said("执行一次", "performed once")


@case(
    "4.3.8",
    ("按需查询数据（query）", "data on demand (query)"),
    (
        f"企业与前缀分页，每页至多 {_LIMIT} 条，不重复",
        f"enterprises and prefixes by pages of at most {_LIMIT}, none twice",
    ),
    "instructions",
)
async def queried(examiner: Examiner) -> Said:
    sizes = {}
    for what, key in (("enterprise", "enterprise_id"), ("prefix", "prefix")):
        found: list[Any] = []
        after = ""
        for _ in range(5):
            query = msgspec.convert({"what": what, "limit": _LIMIT, "after": after}, Query)
            answered = await examiner.ordered(Order.QUERY, query)
            if answered.outcome is not Outcome.DONE:
                raise Failed(f"答复 {answered.outcome} {answered.detail}", f"{answered.outcome}: {answered.detail}")
            items, after = _page(answered.result)
            found += [item.get(key) for item in items]
            if not after:
                break
        if len(set(found)) != len(found):
            raise Failed(f"{what} 有重复", f"an {what} came twice")
        sizes[what] = len(found)
    return Said(f"{sizes}", f"{sizes}")


@case(
    "4.3.9",
    ("封堵标识（blocklist）", "an identifier is blocked (blocklist)"),
    ("封堵后不再解析，解除后恢复", "it resolves no more, and does again when it is taken off the list"),
    "instructions",
)
async def blocked(examiner: Examiner) -> Said:
    name = _victim(examiner)
    blocked = {"identifier": name, "reason": "对接测试 / docking test"}
    await _done(examiner, Order.BLOCKLIST, {"add": [blocked], "remove": []})
    try:
        await _comes_to(examiner, name, found=False)
    finally:
        await _done(examiner, Order.BLOCKLIST, {"add": [], "remove": [name]})
    await _comes_to(examiner, name, found=True)
    return Said("封堵后不解析，解除后恢复", "it did not resolve while it was blocked")


@case(
    "4.3.10",
    ("暂停与恢复前缀（suspend、resume）", "a prefix is suspended and resumed"),
    ("暂停后其下标识不再解析，恢复后照常", "what is below it resolves no more, and does again afterwards"),
    "instructions",
)
async def suspended(examiner: Examiner) -> Said:
    name = _victim(examiner)
    prefix = name.partition("/")[0]
    await _done(examiner, Order.SUSPEND, {"prefix": prefix, "reason": "对接测试 / docking test"})
    try:
        await _comes_to(examiner, name, found=False)
    finally:
        await _done(examiner, Order.RESUME, {"prefix": prefix})
    await _comes_to(examiner, name, found=True)
    return Said("暂停后不解析，恢复后照常", "nothing resolved while it was suspended")


def _resolved(day: DayCounts) -> int:
    return sum(each.resolutions for each in day.resolutions)


def _today(examiner: Examiner, counts: list[Counts]) -> int | None:
    today = examiner.clock().astimezone(_CHINA).date()
    return next((_resolved(day) for each in reversed(counts) for day in each.days if day.day == today), None)


async def _resolved_now(examiner: Examiner) -> int:
    """Today's resolutions once two statements agree that nobody asks."""
    counts = examiner.memory.counts
    seen = len(counts)
    try:
        await examiner.until(lambda: len(counts) >= seen + 2, 2 * examiner.patience)
    except TimeoutError:
        raise Skipped("没有新的计数", "no new statement of counts came") from None
    return _today(examiner, counts) or 0


def _page(result: dict[str, Any] | None) -> tuple[list[dict[str, Any]], str]:
    result = result or {}
    items, after = result.get("items"), result.get("after")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Failed("结果没有 items", f"the result has no items: {sorted(result)}")
    if len(items) > _LIMIT:
        raise Failed(f"一页 {len(items)} 条", f"{len(items)} items in a page of {_LIMIT}")
    return items, str(after or "")


def _victim(examiner: Examiner) -> str:
    if not examiner.identifier:
        raise Skipped(
            "未给出可封堵的标识（--identifier）", "no identifier was named that may be blocked (--identifier)"
        )
    port_of(examiner)
    return examiner.identifier


async def _done(examiner: Examiner, order: Order, body: dict[str, Any]) -> None:
    answered = await examiner.ordered(order, body)
    if answered.outcome is not Outcome.DONE:
        raise Failed(f"{order} 答复 {answered.outcome} {answered.detail}", f"{order} {answered.outcome}")


async def _comes_to(examiner: Examiner, name: str, *, found: bool) -> None:
    """Within five seconds the identifier resolves, or does not any more."""
    port = port_of(examiner)
    for _ in range(20):
        reply = await asked_by_tcp(port, name)
        if (reply.code == ResponseCode.SUCCESS) is found:
            examiner.did(f"RESOLVE {name} → {reply.code}")
            return
        await asyncio.sleep(0.25)
    examiner.did(f"RESOLVE {name} → {reply.code}")
    raise Failed(f"5 秒后应答码仍为 {reply.code}", f"it is still answered {reply.code} after 5 s")


CASES: tuple[Case[Examiner], ...] = (
    heartbeats, counts, canaries, probe, refused, repeated, lost, queried, blocked, suspended,
)  # fmt: skip
