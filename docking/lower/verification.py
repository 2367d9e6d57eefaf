"""4.2 数据同步: how a node takes verdicts, and what it reports of itself when asked to."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec

from docking.arrivals import LOST_BEFORE, Arrival
from docking.case import Case, Failed, Said, Skipped, case
from docking.examiner import Examiner
from docking.lower.deliveries import answer, messages_of, once, refusal
from node.national.instructions import Order, Outcome, Query, Verify
from node.national.messages import LONGEST_WAIT, MESSAGES, VERDICTS

_QUIET_SECONDS = 6.0
_MOST_QUESTIONS = 5.0
"""Questions a second: a node that is told at once of what is new need not ask more often."""
_PERSONAL = re.compile(r"phone|mobile|telephone|email|id_number|legal_person|contact|身份证|手机", re.IGNORECASE)
_MOBILE = re.compile(r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])")


@case(
    "4.2.20",
    ("核验结果按次序取走", "verdicts are taken in order"),
    ("其后询问的 after 为最后一个 sequence", "it asks for what comes after the last one"),
    "verdicts",
)
async def taken(examiner: Examiner) -> Said:
    mark = examiner.mark
    sequences = [_judge_unknown(examiner) for _ in range(3)]
    asked = await examiner.arrival(mark, lambda each: _after(each) == sequences[-1], "question behind them")
    return Said(f"after={_after(asked)}", f"after={_after(asked)}: those that it cannot apply do not hold it up")


@case(
    "4.2.21",
    ("核验询问的应答丢失或有误", "answers to questions for verdicts are lost or wrong"),
    ("以同一 after 再次询问，不跳过", "it asks again from the same place and passes over nothing"),
    "verdicts",
)
async def asked_again(examiner: Examiner) -> Said:
    page = refusal(503, "busy", retry=True)
    for instead in (LOST_BEFORE, page, answer({"verdicts": [{"sequence": "x"}]}), answer({"items": []})):
        mark = examiner.mark
        _judge_unknown(examiner)  # ends a question that waits
        with examiner.disturbing(once(instead, VERDICTS)):
            first = await examiner.arrival(mark, lambda each: each.path == VERDICTS, "question for verdicts")
            again = await examiner.arrival(
                first.number, lambda each: each.path == VERDICTS, "second question for verdicts"
            )
        if _after(again) != _after(first):
            raise Failed(
                f"after 从 {_after(first)} 变为 {_after(again)}",
                f"after went from {_after(first)} to {_after(again)}",
            )
    return Said("四次都以同一 after 再问", "it asked from the same place all four times")


@case(
    "4.2.22",
    ("没有新结果时不频繁询问", "it does not ask all the time while there is nothing"),
    (f"每秒至多 {_MOST_QUESTIONS:.0f} 次，wait 不超过 25", "at most 5 questions a second, wait 25 at most"),
    "verdicts",
)
async def patient(examiner: Examiner) -> Said:
    mark = examiner.mark
    await asyncio.sleep(_QUIET_SECONDS)
    asked = examiner.since(mark, VERDICTS)
    rate = len(asked) / _QUIET_SECONDS
    if rate > _MOST_QUESTIONS:
        raise Failed(f"每秒 {rate:.1f} 次", f"{rate:.1f} questions a second")
    waits = [int(each.query.get("wait", "0")) for each in asked]
    if any(wait > LONGEST_WAIT for wait in waits):
        raise Failed(f"wait 为 {max(waits)}", f"wait is {max(waits)}")
    return Said(f"每秒 {rate:.1f} 次", f"{rate:.1f} questions a second")


@case(
    "4.2.23",
    ("按指令再次上报（verify）", "it reports again on instruction (verify)"),
    ("该前缀的当前状态作为新消息送达", "the prefix as it stands comes as a new message"),
    "instructions",
)
async def reported_again(examiner: Examiner) -> Said:
    found = await examiner.ordered(Order.QUERY, Query(what="prefix", limit=1))
    items = (found.result or {}).get("items") or []
    if not items:
        raise Skipped("节点没有前缀", "the node has no prefix")
    name, mark = str(items[0]["prefix"]), examiner.mark
    answered = await examiner.ordered(Order.VERIFY, Verify(prefix=name))
    if answered.outcome is not Outcome.DONE:
        raise Failed(f"答复 {answered.outcome} {answered.detail}", f"{answered.outcome}: {answered.detail}")

    def reports(arrival: Arrival) -> bool:
        return any(
            message.kind.startswith("prefix.") and _body(message.body).get("prefix") == name
            for message in messages_of([arrival])
        )

    await examiner.arrival(mark, reports, f"report of {name}")
    return Said(f"{name} 再次上报", f"{name} was reported again")


@case(
    "4.2.24",
    ("上报不含个人信息（全程检查）", "no personal data in reports, over the whole test"),
    ("没有电话、证件号、联系人等成员，也没有手机号码", "no telephone, identity number or contact person"),
    "messages",
)
async def impersonal(examiner: Examiner) -> Said:
    messages = messages_of(examiner.since(0, MESSAGES))
    for message in messages:
        if message.kind.startswith("enterprise."):
            names = [name for name in _names(_body(message.body)) if _PERSONAL.search(name)]
            if names or _MOBILE.search(bytes(message.body).decode("utf-8", "replace")):
                raise Failed(
                    f"{message.kind} 含有 {names or '手机号码'}", f"{message.kind} has {names or 'a number'}"
                )
    return Said(f"检查了 {len(messages)} 条", f"{len(messages)} messages were looked through")


def _judge_unknown(examiner: Examiner) -> int:
    """A verdict on a prefix that the node does not know; its sequence."""
    unknown = f"{examiner.memory.prefix}.999999999"
    verdict = examiner.memory.judge(unknown, passed=False, reason="对接测试 / docking test", application=1)
    examiner.desk.wake()
    return verdict.sequence


def _after(arrival: Arrival) -> int | None:
    after = arrival.query.get("after", "")
    return int(after) if arrival.path == VERDICTS and after.isdigit() else None


def _body(raw: msgspec.Raw) -> dict[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def _names(value: Any) -> list[str]:
    """The names of all members, however deep."""
    if isinstance(value, dict):
        return [*value, *(name for each in value.values() for name in _names(each))]
    if isinstance(value, list):
        return [name for each in value for name in _names(each)]
    return []


CASES: tuple[Case[Examiner], ...] = (taken, asked_again, patient, reported_again)
AT_THE_END: tuple[Case[Examiner], ...] = (impersonal,)
