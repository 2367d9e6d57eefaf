"""4.1 接入申请: how a node comes by its key pair, and replaces it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from docking.arrivals import LOST_AFTER, Arrival, Disturbance, Instead
from docking.case import Case, Failed, NotOffered, Said, Skipped, case
from docking.examiner import Examiner
from node.national.access import APPLICATIONS, KEYS, Application
from node.national.instructions import Key, Order, Outcome
from node.national.messages import INTERFACE

_ASKED_WHILE_PENDING = 2


@case(
    "4.1.1",
    ("节点主动联系上级", "the node speaks to the node above by itself"),
    ("在等待时间内有请求到达", "a request arrives in time"),
)
async def contact(examiner: Examiner) -> Said:
    first = await examiner.arrival(0, lambda _: True, "request")
    return Said(f"{first.method} {first.path}", f"{first.method} {first.path}")


@case(
    "4.1.2",
    ("无密钥的节点提交申请", "a node without a key pair applies for access"),
    ("申请完整，前缀为被测前缀", "a complete application for the prefix under test"),
)
async def applied(examiner: Examiner) -> Said:
    application = (await _application(examiner)).content
    if not isinstance(application, Application):
        raise Failed("申请不符合接口", "the application is not one of the interface")
    if application.prefix.upper() != examiner.memory.prefix.upper():
        raise Failed(f"申请的前缀是 {application.prefix}", f"it applies for {application.prefix}")
    return Said(f"{application.kind} {application.name}", f"{application.kind} {application.name}")


@case(
    "4.1.3",
    ("申请的应答丢失", "the answer to the application is lost"),
    ("以同一编号、同一内容再次提交", "it comes again with the same number and content"),
)
async def applied_again(examiner: Examiner) -> Said:
    first = await _application(examiner)  # its connection was reset: see ``first_answer_lost``
    again = await examiner.arrival(first.number, _is_application, "second application")
    if again.content != first.content:
        raise Failed("再次提交的内容不同", "another application came the second time")
    return Said("内容相同", "the same again")


@case(
    "4.1.4",
    ("等待批准", "waiting for approval"),
    ("以申请口令签名查询状态；此前不以任何密钥上报", "it asks with its application's signature, and reports nothing"),
)
async def waited(examiner: Examiner) -> Said:
    application = await _application(examiner)
    path = f"{APPLICATIONS}/{application.content.application_id}"
    mark = application.number
    for _ in range(_ASKED_WHILE_PENDING):
        asked = await examiner.arrival(mark, lambda each: each.path == path, "question about the application")
        if asked.fault:
            raise Failed(f"查询的签名有误：{asked.fault}", f"the question is not rightly signed: {asked.fault}")
        mark = asked.number
    others = [
        each.path for each in examiner.since(0) if not each.path.startswith(APPLICATIONS) and each.path != INTERFACE
    ]
    if others:
        raise Failed(f"批准前请求了 {others[0]}", f"{others[0]} was asked before access was granted")
    return Said("按申请编号查询", "asked by its number, nothing else")


@case(
    "4.1.5",
    ("批准后开始使用密钥", "after approval it uses the key pair"),
    (
        "应答丢失一次后再次查询；随后以该密钥签名",
        "it asks again when the answer is lost, then signs with it",
    ),
)
async def approved(examiner: Examiner) -> Said:
    application = await _application(examiner)
    number: UUID = application.content.application_id
    path, lost = f"{APPLICATIONS}/{number}", False

    def lose_once(arrival: Arrival) -> Instead | None:
        nonlocal lost
        if lost or arrival.path != path:
            return None
        lost = True
        return LOST_AFTER

    with examiner.disturbing(lose_once):
        mark = examiner.mark
        keys = examiner.memory.approve(number)
        examiner.did("approved")
        used = await examiner.arrival(
            mark, lambda each: each.access_key == keys.access_key and not each.fault, "request with the key pair"
        )
    return Said(f"{used.method} {used.path}", f"{used.method} {used.path}")


@case(
    "4.1.6",
    ("按指令更换密钥，不间断", "replacing the key pair on instruction, without a gap"),
    (
        "应答丢失后以旧密钥再问；随后改用新密钥；其间没有被拒绝的请求",
        "it asks again with the old pair when the answer is lost, then signs with the new one; nothing is refused",
    ),
    "instructions",
)
async def replaced(examiner: Examiner) -> Said:
    lost: list[Arrival] = []

    def lose_once(arrival: Arrival) -> Instead | None:
        if lost or arrival.path != KEYS:
            return None
        lost.append(arrival)
        return LOST_AFTER

    mark = examiner.mark
    with examiner.disturbing(lose_once):
        before = examiner.clock() + timedelta(hours=1)
        answered = await examiner.ordered(Order.KEY, Key(before=before))
    if answered.outcome is not Outcome.DONE:
        raise Skipped(f"节点答复 {answered.outcome} {answered.detail}", f"it was answered {answered.outcome}")
    successor = examiner.memory.successors[lost[0].access_key] if lost else None
    if successor is None:
        raise Failed("答复 done，但没有请求新密钥", "done, it says, and never asked for another key pair")
    await examiner.arrival(
        mark, lambda each: each.access_key == successor.access_key and not each.fault, "request with the new pair"
    )
    refused = [each.fault for each in examiner.since(mark) if each.fault]
    if refused:
        raise Failed(f"其间有请求被拒绝：{refused[0]}", f"a request was refused meanwhile: {refused[0]}")
    return Said("已改用新密钥", "the new pair is used")


def first_answer_lost() -> Disturbance:
    """A disturbance for the beginning: the answer to the first application never arrives."""
    lost: list[Arrival] = []

    def lose(arrival: Arrival) -> Instead | None:
        if lost or not _is_application(arrival):
            return None
        lost.append(arrival)
        return LOST_AFTER

    return lose


def _is_application(arrival: Arrival) -> bool:
    return (arrival.method, arrival.path) == ("POST", APPLICATIONS)


async def _application(examiner: Examiner) -> Arrival:
    """The first application. Raises ``NotOffered`` where the node came with a key pair instead."""
    await contact.work(examiner)
    first = await examiner.arrival(
        0, lambda each: _is_application(each) or bool(each.access_key), "application or signed request"
    )
    if not _is_application(first):
        raise NotOffered("applications")
    return first


CASES: tuple[Case[Examiner], ...] = (contact, applied, applied_again, waited, approved, replaced)
