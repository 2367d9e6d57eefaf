"""One round of delivery: a page out of the outbox, one request, and what became of each message.

Failures come in four sizes, and each stops no more than it must:

- no answer, or a refusal that may be tried again: raised, and the caller lets the link rest. While its circuit is
  open one single message goes as the probe;
- the whole request refused for good as malformed: one message of it must be at fault, so less and less is sent
  at a time until it stands alone and is refused alone;
- refused for good for another reason (key, clock, rights): no message's fault; raised as well;
- one message refused: for good, it is set aside with its reason; for now, its stream rests, the others go on.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from prometheus_client import Counter

from node.database import Pool
from node.national import outbox
from node.national.backoff import Backoff, Patience, Random
from node.national.client import LinkResting, NationalClient, NationalRefusal, NationalSilent
from node.national.messages import MOST_MESSAGES, Delivery, Message, Result, Status

log = structlog.get_logger("national")

DELIVERED = Counter("biaoshi_outbox_delivered_total", "Messages the national node has, by its own word")
REFUSED = Counter("biaoshi_outbox_refused_total", "Messages the national node will never take")

_LARGEST_REQUEST = 512 << 10
_MOST_RESTING = 1000
_MALFORMED = frozenset({400, 413, 422})


class Courier:
    """Delivers one page at a time; the state between rounds is what it has learned of the far side's moods."""

    def __init__(
        self,
        pool: Pool,
        client: NationalClient,
        *,
        clock: Callable[[], datetime],
        patience: Patience,
        random: Random,
    ) -> None:
        self._pool = pool
        self._client = client
        self._clock = clock
        self._patience = patience
        self._random = random
        self._horizon = outbox.Horizon()
        self._after = ""
        self._sent_on_this_tour = False
        self._limit = MOST_MESSAGES
        self._resting: dict[str, Backoff] = {}

    async def round(self) -> bool:
        """Deliver one page; whether there may be more to do at once.

        Raises ``DatabaseAway``, ``NationalSilent``, ``NationalRefusal``: nothing is lost, the messages wait.
        """
        page = await outbox.next_page(
            self._pool,
            after=self._after,
            paused=self._paused(),
            through=await self._horizon.advance(self._pool),
            limit=1 if self._client.link.open else self._limit,
        )
        self._after = page.after
        if messages := _within_one_request(page.messages):
            self._sent_on_this_tour = True
            await self._send(messages)
        if page.after:
            return True
        more, self._sent_on_this_tour = self._sent_on_this_tour, False
        return more

    def _paused(self) -> list[str]:
        now = time.monotonic()
        return [stream for stream, backoff in self._resting.items() if backoff.wait(now)]

    async def _send(self, messages: list[Message]) -> None:
        sender = await outbox.sender(self._pool)
        try:
            answer = await self._client.deliver(
                Delivery(node=sender.node_id, laboratory=sender.laboratory, messages=messages)
            )
        except NationalRefusal as refusal:
            if refusal.retry or refusal.evidence["status"] not in _MALFORMED:
                await self._note_failure(messages, refusal.detail)
                raise
            if len(messages) > 1:
                self._limit = max(1, len(messages) // 2)
                return
            answer_to_it = Result(message_id=messages[0].message_id, status=Status.REFUSED, reason=refusal.detail)
            await self._settle(messages, {answer_to_it.message_id: answer_to_it})
        except LinkResting:
            raise
        except NationalSilent as silence:
            await self._note_failure(messages, silence.detail)
            raise
        else:
            await self._settle(messages, {result.message_id: result for result in answer.results})
            self._limit = min(MOST_MESSAGES, self._limit * 2)

    async def _note_failure(self, messages: list[Message], reason: str) -> None:
        everything = {reason: [message.message_id for message in messages]}
        await outbox.settle(self._pool, delivered=(), refused={}, failed=everything, at=self._clock())

    async def _settle(self, messages: list[Message], results: dict[UUID, Result]) -> None:
        """Believe only what was said about what was sent; what nobody mentioned is sent again."""
        delivered: list[UUID] = []
        refused: dict[UUID, str] = {}
        failed: defaultdict[str, list[UUID]] = defaultdict(list)
        halted: dict[str, None] = {}
        for message in messages:
            result = results.get(message.message_id)
            if result is None:
                failed["the answer does not mention it"].append(message.message_id)
                halted[message.stream] = None
            elif result.status is not Status.REFUSED:
                delivered.append(message.message_id)
            elif result.retry:
                failed[result.reason or "refused for now"].append(message.message_id)
                halted[message.stream] = None
            else:
                refused[message.message_id] = result.reason or "refused without a reason"
                log.warning(
                    "message_refused",
                    message_id=str(message.message_id),
                    stream=message.stream,
                    kind=message.kind,
                    reason=refused[message.message_id],
                )
        await outbox.settle(self._pool, delivered=delivered, refused=refused, failed=failed, at=self._clock())
        DELIVERED.inc(len(delivered))
        REFUSED.inc(len(refused))
        for stream in {message.stream for message in messages}:
            self._rest(stream) if stream in halted else self._resting.pop(stream, None)

    def _rest(self, stream: str) -> None:
        backoff = self._resting.get(stream)
        if backoff is None:
            if len(self._resting) >= _MOST_RESTING:
                # So many at odds is no longer a matter of one stream.
                self._resting.clear()
                raise NationalSilent("the national node puts off more streams than can be kept track of")
            backoff = self._resting[stream] = Backoff(self._patience, self._random)
        backoff.failed(time.monotonic())


def _within_one_request(messages: Sequence[Message]) -> list[Message]:
    """As many from the beginning as fit into one request, at least one."""
    size = 0
    chosen: list[Message] = []
    for message in messages:
        size += len(bytes(message.body))
        if chosen and size > _LARGEST_REQUEST:
            break
        chosen.append(message)
    return chosen
