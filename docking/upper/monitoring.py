"""4.3 运行监测: heartbeats, counts, and the instructions that come back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec

from docking.case import Case, Failed, Said, case
from docking.node_below import Heard, NodeBelow
from node.national.instructions import INSTRUCTIONS, MOST_INSTRUCTIONS, Instructions
from node.national.messages import COUNTS, HEARTBEATS, LONGEST_WAIT, MOST_HOURS

_CHINA = timezone(timedelta(hours=8))
_WAITING = 12


@case("4.3.1", ("心跳", "heartbeats"), ("应答 200 {}", "200 {}"), "heartbeats")
async def heartbeat(node: NodeBelow) -> Said:
    for uptime in (1, 2):
        _taken(await node.say("POST", HEARTBEATS, _heartbeat(node, uptime_seconds=uptime)))
    _taken(await node.say("POST", HEARTBEATS, _heartbeat(node, of_a_later_version=[1])))
    return Said("被接受，未知成员被忽略", "taken, an unknown member ignored")


@case(
    "4.3.2",
    ("有误的心跳", "malformed heartbeats"),
    ("400 或 422，retry 为 false", "400 or 422 without retry"),
    "heartbeats",
)
async def malformed_heartbeat(node: NodeBelow) -> Said:
    for wrong in ({"uptime_seconds": -1}, {"state": "a\nb"}, {"at": "2026-03-02T09:00:00"}, {"node": "me"}):
        _malformed(await node.say("POST", HEARTBEATS, _heartbeat(node, **wrong)))
    return Said("四种都被拒绝", "all four were refused")


@case(
    "4.3.3",
    ("按日、时、分的计数", "counts of days, hours and minutes"),
    ("被接受；重复与迟到的陈述也不出错", "taken; statements that are repeated or late do no harm"),
    "counts",
)
async def counts(node: NodeBelow) -> Said:
    now = node.clock()
    whole = _counts(node, now, days=2, hours=MOST_HOURS, minutes=60 * MOST_HOURS)
    for body in (whole, whole, _counts(node, now - timedelta(minutes=5), days=1, hours=1, minutes=60)):
        _taken(await node.say("POST", COUNTS, body))
    return Said(f"2 日、{MOST_HOURS} 时、{60 * MOST_HOURS} 分被接受", "taken, the largest statement too")


@case(
    "4.3.4",
    ("有误的计数", "malformed counts"),
    ("400 或 422，retry 为 false", "400 or 422 without retry"),
    "counts",
)
async def malformed_counts(node: NodeBelow) -> Said:
    now = node.clock()
    negative = msgspec.json.decode(_counts(node, now, days=1))
    negative["days"][0]["registered"] = -1
    for body in (
        _counts(node, now, days=11),
        _counts(node, now, days=1, hours=MOST_HOURS + 1),
        _counts(node, now, days=1, minutes=60 * MOST_HOURS + 1),
        msgspec.json.encode(negative),
    ):
        _malformed(await node.say("POST", COUNTS, body))
    return Said("四种都被拒绝", "all four were refused")


@case(
    "4.3.5",
    ("指令按 sequence 给出", "instructions come by sequence"),
    ("只有大于 after 的，次序递增，再问相同", "only those after N, ascending, the same again"),
    "instructions",
)
async def instructions(node: NodeBelow) -> Said:
    first, again = [
        (await node.say("GET", f"{INSTRUCTIONS}?after=0")).shape(Instructions).instructions for _ in range(2)
    ]
    sequences = [instruction.sequence for instruction in first]
    if sorted(set(sequences)) != sequences or len(first) > MOST_INSTRUCTIONS:
        raise Failed(f"sequence 不递增：{sequences[:9]}", f"the sequences do not ascend: {sequences[:9]}")
    if [each.instruction_id for each in again[: len(first)]] != [each.instruction_id for each in first]:
        raise Failed("再次询问得到不同指令", "asked again, something else came")
    return Said(f"{len(first)} 条指令", f"{len(first)} instructions")


@case(
    "4.3.6",
    (f"{_WAITING} 个等待中的询问不妨碍其他请求", f"{_WAITING} questions that wait do not hold up others"),
    ("其间心跳在 5 秒内应答；等待不超过 25 秒", "heartbeats are answered within 5 s; no wait is longer than 25 s"),
    "instructions",
)
async def waiting(node: NodeBelow) -> Said:
    after = 0
    while newer := (await node.say("GET", f"{INSTRUCTIONS}?after={after}")).shape(Instructions).instructions:
        after = newer[-1].sequence
    asked = f"{INSTRUCTIONS}?after={after}&wait"
    questions = [asyncio.create_task(node.say("GET", f"{asked}={wait}")) for wait in (600, *[4] * _WAITING)]
    try:
        await asyncio.sleep(1)
        beats = [await node.say("POST", HEARTBEATS, _heartbeat(node)) for _ in range(5)]
        longest, *held = await asyncio.gather(*questions)
    finally:
        for question in questions:
            question.cancel()
    slowest = max(heard.seconds for heard in beats)
    if slowest > 5:
        raise Failed(f"心跳等了 {slowest:.1f} 秒", f"a heartbeat waited {slowest:.1f} s")
    shortest = min((heard.seconds for heard in held if not heard.shape(Instructions).instructions), default=4.0)
    if shortest < 3:
        raise Failed(f"{shortest:.1f} 秒后就应答", f"wait=4 was answered with nothing after {shortest:.1f} s")
    if longest.status == 200 and longest.seconds > LONGEST_WAIT + 5:
        raise Failed(f"等了 {longest.seconds:.0f} 秒", f"a question waited {longest.seconds:.0f} s")
    return Said(f"最慢的心跳 {slowest:.2f} 秒", f"the slowest heartbeat took {slowest:.2f} s")


def _heartbeat(below: NodeBelow, /, **changed: Any) -> bytes:
    body = {
        "node": below.node, "laboratory": True, "state": "running", "version": "docking-test", "uptime_seconds": 1,
        "backlog": 0, "at": below.clock(), **changed,
    }  # fmt: skip
    return msgspec.json.encode(body)


def _counts(node: NodeBelow, at: datetime, *, days: int, hours: int = 0, minutes: int = 0) -> bytes:
    resolutions = [{"interface": 2, "outcome": 1, "resolutions": 7}]
    today, minute = at.astimezone(_CHINA).date(), at.astimezone(UTC).replace(second=0, microsecond=0)
    hour = minute.replace(minute=0)
    body = {
        "node": node.node,
        "laboratory": True,
        "at": at,
        "days": [
            {
                "day": today - timedelta(days=n),
                "registered": 3,
                "updated": 2,
                "deleted": 1,
                "resolutions": resolutions,
            }
            for n in range(days)
        ],
        "hours": [{"at": hour - timedelta(hours=n), "resolutions": resolutions} for n in range(hours)],
        "minutes": [{"at": minute - timedelta(minutes=n), "resolutions": resolutions} for n in range(minutes)],
    }
    return msgspec.json.encode(body)


def _taken(heard: Heard) -> None:
    heard.shape(dict)


def _malformed(heard: Heard) -> None:
    refusal = heard.refusal()
    if heard.status not in (400, 422) or refusal.retry:
        raise Failed(
            f"应答 {heard.status} {refusal.code}", f"answered {heard.status} {refusal.code}, retry {refusal.retry}"
        )


CASES: tuple[Case[NodeBelow], ...] = (heartbeat, malformed_heartbeat, counts, malformed_counts, instructions, waiting)
