"""What cases need to watch deliveries: the next one, its messages, and one that goes wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from docking.arrivals import Arrival, Disturbance, Instead
from docking.case import Failed, Skipped
from docking.examiner import Examiner
from node.national.messages import MESSAGES, Delivery, Message, Refusal, Result, Results, Status


def messages_of(arrivals: Iterable[Arrival]) -> list[Message]:
    """All messages of these requests, as often as they came, in the order of their arrival."""
    return [message for arrival in arrivals if (delivery := delivery_of(arrival)) for message in delivery.messages]


def delivery_of(arrival: Arrival) -> Delivery | None:
    """What a delivery brought, whether it was answered or not."""
    return arrival.content if isinstance(arrival.content, Delivery) else None


def once(instead: Instead, path: str = MESSAGES) -> Disturbance:
    """Answer the first request at this path so, and none after it."""
    seen: list[Arrival] = []

    def disturb(arrival: Arrival) -> Instead | None:
        if seen or arrival.path != path or arrival.fault:
            return None
        seen.append(arrival)
        return instead

    return disturb


def answer(content: object) -> Instead:
    """An answer with status 200 and this content."""
    return Instead(200, msgspec.json.encode(content))


def refusal(status: int, code: str, *, retry: bool) -> Instead:
    """A refusal of the interface."""
    return Instead(status, msgspec.json.encode(Refusal(code=code, reason="对接测试 / docking test", retry=retry)))


def results(delivery: Delivery, refused: Iterable[UUID], *, retry: bool) -> Instead:
    """Everything accepted but these."""
    refused = frozenset(refused)
    return answer(
        Results(
            results=[
                Result(message_id=message.message_id, status=Status.REFUSED, retry=retry, reason="docking test")
                if message.message_id in refused
                else Result(message_id=message.message_id, status=Status.ACCEPTED)
                for message in delivery.messages
            ]
        )
    )


async def next_delivery(examiner: Examiner, mark: int) -> Arrival:
    """The next delivery after a mark; raises ``Skipped`` when the node has nothing to report."""
    try:
        return await examiner.arrival(mark, lambda each: delivery_of(each) is not None, "delivery")
    except Failed:
        raise Skipped(
            "节点没有可上报的消息：请在其上登记或变更",
            "the node had nothing to report: register or change something there",
        ) from None


async def arrive(examiner: Examiner, wanted: Sequence[UUID]) -> None:
    """Wait until the examiner has accepted all of these. Raises ``Failed``."""
    try:
        await examiner.until(lambda: all(each in examiner.memory.messages for each in wanted))
    except TimeoutError:
        missing = sum(each not in examiner.memory.messages for each in wanted)
        seconds = f"{examiner.patience:.0f}"
        raise Failed(
            f"{seconds} 秒内仍有 {missing} 条消息未再送达",
            f"{missing} messages did not come again within {seconds} s",
        ) from None
