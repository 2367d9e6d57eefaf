"""4.2 数据同步: nothing is lost, nothing overtakes, whatever becomes of requests and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

from docking.arrivals import LOST_AFTER, LOST_BEFORE, Arrival, Instead
from docking.case import Case, Failed, Said, Skipped, case
from docking.examiner import Examiner
from docking.lower.deliveries import (
    answer,
    arrive,
    delivery_of,
    messages_of,
    next_delivery,
    once,
    refusal,
    results,
)
from node.national.messages import MESSAGES, Message, Result, Results, Status

_QUIET_SECONDS = 8.0
_MOST_IN_QUIET = 40


@case(
    "4.2.1",
    ("消息符合接口", "messages are those of the interface"),
    ("全部可解码，一次至多 200 条", "all can be decoded, at most 200 at a time"),
    "messages",
)
async def well_formed(examiner: Examiner) -> Said:
    mark = examiner.mark
    examiner.stir(3)
    await next_delivery(examiner, mark)
    wrong = [each for each in examiner.since(0, MESSAGES) if each.malformed]
    if wrong:
        raise Failed(f"不符合接口：{wrong[0].malformed}", f"malformed: {wrong[0].malformed}")
    return Said(f"至此 {len(examiner.memory.messages)} 条", f"{len(examiner.memory.messages)} messages so far")


@case(
    "4.2.2",
    ("应答丢失", "the answer to a delivery is lost"),
    ("相同消息以相同内容再次送达", "the same messages come again with the same content"),
    "messages",
)
async def answer_lost(examiner: Examiner) -> Said:
    return await _comes_again(examiner, LOST_AFTER)


@case(
    "4.2.3",
    ("请求丢失", "a delivery is lost"),
    ("相同消息以相同内容再次送达", "the same messages come again with the same content"),
    "messages",
)
async def request_lost(examiner: Examiner) -> Said:
    return await _comes_again(examiner, LOST_BEFORE)


@case(
    "4.2.4",
    ("不属于接口的应答不算应答", "an answer that is not of the interface is none"),
    (
        "网关页面、空正文、无结果、他人的结果之后，相同消息再次送达",
        "after a gateway's page, an empty body, no results and results of others the same messages come again",
    ),
    "messages",
)
async def no_answer(examiner: Examiner) -> Said:
    page = b"<html><body>502 Bad Gateway</body></html>"
    foreign = Results(results=[Result(message_id=uuid4(), status=Status.ACCEPTED)])
    for instead in (
        Instead(502, page),
        Instead(200, page),
        Instead(200, b""),
        answer(Results(results=[])),
        answer(foreign),
    ):
        await _comes_again(examiner, instead)
    return Said("五种应答之后都再次送达", "they came again after each of five")


@case(
    "4.2.5",
    ("稍后再试的拒绝", "refusals that say: later"),
    ("429、503 与 retry 之后再次送达", "they come again after 429 and 503 with retry"),
    "messages",
)
async def later(examiner: Examiner) -> Said:
    for status in (429, 503):
        await _comes_again(examiner, refusal(status, "busy", retry=True))
    return Said("再次送达", "they came again")


@case(
    "4.2.6",
    ("暂缓的消息停住它的流", "a message that is put off holds its stream"),
    ("解除前同流后续消息不越过它；解除后依次送达", "nothing of its stream comes before it; afterwards all in order"),
    "messages",
)
async def put_off(examiner: Examiner) -> Said:
    held: list[Message] = []

    def hold(arrival: Arrival) -> Instead | None:
        delivery = delivery_of(arrival)
        if delivery is None or arrival.fault:
            return None
        if not held:
            held.append(delivery.messages[0])
        behind = [each.message_id for each in delivery.messages if each.stream == held[0].stream]
        return results(delivery, behind, retry=True)

    mark = examiner.mark
    examiner.stir(4)
    with examiner.disturbing(hold):
        await next_delivery(examiner, mark)
        again = await examiner.arrival(
            examiner.mark, lambda each: held[0].message_id in _ids([each]), "repetition of the message put off"
        )
    for arrival in examiner.since(mark, MESSAGES):
        delivery = delivery_of(arrival)
        ours = [each.sequence for each in delivery.messages if each.stream == held[0].stream] if delivery else []
        if ours and (ours[0] > held[0].sequence and arrival.number <= again.number):
            raise Failed("同流后续消息越过了它", "a later message of its stream came without it")
    await arrive(examiner, [held[0].message_id])
    return Said(f"流 {held[0].stream} 停住后依次送达", f"the stream {held[0].stream} waited, then went on")


@case(
    "4.2.7",
    ("永久拒绝的消息不再送来", "a message that is refused for good"),
    ("不再送来，也不停住它的流", "it does not come again, and does not hold its stream"),
    "messages",
)
async def refused(examiner: Examiner) -> Said:
    chosen: list[UUID] = []

    def refuse(arrival: Arrival) -> Instead | None:
        delivery = delivery_of(arrival)
        if delivery is None or arrival.fault or chosen:
            return None
        chosen.append(delivery.messages[0].message_id)
        return results(delivery, chosen, retry=False)

    mark = examiner.mark
    examiner.stir()
    with examiner.disturbing(refuse):
        first = await next_delivery(examiner, mark)
    examiner.stir(2)
    await asyncio.sleep(_QUIET_SECONDS)
    if chosen[0] in _ids(examiner.since(first.number, MESSAGES)):
        raise Failed("它再次送来", "it came again")
    return Said(f"{_QUIET_SECONDS:.0f} 秒内未再送来", f"it did not come again within {_QUIET_SECONDS:.0f} s")


@case(
    "4.2.8",
    ("整个请求被判为有误", "a whole delivery is refused as malformed"),
    (
        "缩小范围直至有误的一条单独出现，其余送达",
        "less at a time, until the one at fault stands alone; the rest arrives",
    ),
    "messages",
)
async def narrowed(examiner: Examiner) -> Said:
    chosen: list[UUID] = []
    alone = False

    def refuse(arrival: Arrival) -> Instead | None:
        nonlocal alone
        delivery = delivery_of(arrival)
        if delivery is None or arrival.fault:
            return None
        if not chosen and len(delivery.messages) > 1:
            chosen.append(delivery.messages[len(delivery.messages) // 2].message_id)
        if not chosen or chosen[0] not in [each.message_id for each in delivery.messages]:
            return None
        alone = alone or len(delivery.messages) == 1
        return refusal(400, "request_malformed", retry=False)

    mark = examiner.mark
    examiner.stir(6)
    with examiner.disturbing(refuse):
        await next_delivery(examiner, mark)
        try:
            await examiner.until(lambda: alone)
        except TimeoutError:
            if not chosen:
                raise Skipped("没有多于一条消息的交付", "no delivery had more than one message") from None
            raise Failed("有误的一条没有单独出现", "the message at fault never stood alone") from None
        examiner.stir()
        await asyncio.sleep(1)
    rest = [each for each in dict.fromkeys(_ids(examiner.since(mark, MESSAGES))) if each != chosen[0]]
    await arrive(examiner, rest)
    return Said(f"其余 {len(rest)} 条送达", f"the other {len(rest)} arrived")


@case(
    "4.2.9",
    ("上级不在时不加重其负担", "an upper that is away is not stormed"),
    (
        f"{_QUIET_SECONDS:.0f} 秒内至多 {_MOST_IN_QUIET} 次交付；恢复后全部送达",
        f"at most {_MOST_IN_QUIET} deliveries in {_QUIET_SECONDS:.0f} s, and everything arrives when it is back",
    ),
    "messages",
)
async def away(examiner: Examiner) -> Said:
    mark = examiner.mark
    examiner.stir(2)
    with examiner.disturbing(lambda arrival: LOST_BEFORE if arrival.path == MESSAGES else None):
        await next_delivery(examiner, mark)
        await asyncio.sleep(_QUIET_SECONDS)
        tries = len(examiner.since(mark, MESSAGES))
    if tries > _MOST_IN_QUIET:
        raise Failed(f"{tries} 次", f"{tries} deliveries")
    await arrive(examiner, _ids(examiner.since(mark, MESSAGES)))
    return Said(f"{tries} 次，其后全部送达", f"{tries} deliveries, and all arrived afterwards")


@case(
    "4.2.10",
    ("流内次序（全程检查）", "order within the streams, over the whole test"),
    ("sequence 递增，未定之前不送后来的", "sequences ascend; nothing comes before all before it are settled"),
    "messages",
)
async def ordered(examiner: Examiner) -> Said:
    last: dict[str, int] = {}
    seen: set[UUID] = set()
    for message in messages_of(examiner.since(0, MESSAGES)):
        if message.message_id in seen:
            continue
        seen.add(message.message_id)
        if message.sequence <= last.get(message.stream, -1):
            raise Failed(
                f"流 {message.stream} 的 {message.sequence} 晚于 {last[message.stream]}",
                f"{message.sequence} of {message.stream} first came after {last[message.stream]}",
            )
        last[message.stream] = message.sequence
    return Said(f"{len(last)} 个流，{len(seen)} 条", f"{len(seen)} messages in {len(last)} streams")


@case(
    "4.2.11",
    ("节点编号与实验标记一致（全程检查）", "one node id and one laboratory mark, over the whole test"),
    ("每个请求相同", "the same in every request"),
)
async def same_node(examiner: Examiner) -> Said:
    said = {
        (each.content.node, each.content.laboratory)
        for each in examiner.since(0)
        if hasattr(each.content, "laboratory")
    }
    if not said:
        raise Skipped("没有上报", "nothing was reported")
    if len(said) > 1:
        raise Failed(f"{len(said)} 种", f"{len(said)} different ones: {sorted(map(str, said))}")
    ((node, laboratory),) = said
    return Said(f"{node} 实验 {laboratory}", f"{node}, laboratory {laboratory}")


@case(
    "4.2.12",
    (
        "只请求接口中的路径，内容符合接口（全程检查）",
        "only what the interface has, and well-formed, over the whole test",
    ),
    ("没有未知路径和有误内容", "no unknown path, no malformed content"),
)
async def within_interface(examiner: Examiner) -> Said:
    wrong = [f"{each.method} {each.path}: {each.malformed}" for each in examiner.since(0) if each.malformed]
    wrong += examiner.memory.faults
    if wrong:
        raise Failed(f"{len(wrong)} 处，如 {wrong[0]}", f"{len(wrong)} faults, as {wrong[0]}")
    return Said(f"{examiner.mark} 个请求", f"{examiner.mark} requests")


async def _comes_again(examiner: Examiner, instead: Instead) -> Said:
    """Disturb one delivery: its messages have to come again as they were."""
    mark = examiner.mark
    examiner.stir()
    with examiner.disturbing(once(instead)):
        first = await next_delivery(examiner, mark)
    lost = {each.message_id: each for each in messages_of([first])}
    again = await examiner.arrival(
        first.number, lambda each: bool(lost.keys() & set(_ids([each]))), "second delivery of the same messages"
    )
    for message in messages_of([again]):
        if message.message_id in lost and message != lost[message.message_id]:
            raise Failed("再次送达的内容不同", "a message came again with other content")
    await arrive(examiner, list(lost))
    return Said(f"{len(lost)} 条再次送达", f"{len(lost)} came again")


def _ids(arrivals: Sequence[Arrival]) -> list[UUID]:
    return [message.message_id for message in messages_of(arrivals)]


CASES: tuple[Case[Examiner], ...] = (
    well_formed, answer_lost, request_lost, no_answer, later, put_off, refused, narrowed, away,
)  # fmt: skip
AT_THE_END: tuple[Case[Examiner], ...] = (ordered, same_node, within_interface)
