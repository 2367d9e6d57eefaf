"""The parts of the interface that every upper side has, as handlers of questions."""

from __future__ import annotations

from collections.abc import Iterator

from node.database import Connection
from node.national.access import KEYS
from node.national.instructions import INSTRUCTIONS, Instructions
from node.national.messages import (
    COUNTS,
    HEARTBEATS,
    MESSAGES,
    VERDICTS,
    Counts,
    Delivery,
    Heartbeat,
    Results,
    Verdicts,
    encode,
)
from node.sealing import Seal
from node.upper.counts import state_counts
from node.upper.delivery import apply_delivery
from node.upper.effects import Effects
from node.upper.exchange import Handler, Question, decoded
from node.upper.instructions import instructions_after
from node.upper.keys import next_key
from node.upper.nodes import note_heartbeat
from node.upper.verdicts import verdicts_after

NOTHING_NEW = {
    VERDICTS: encode(Verdicts(verdicts=[])),
    INSTRUCTIONS: encode(Instructions(instructions=[])),
}
"""What is answered where nothing came, by the path; on these paths one may wait."""


class Parts:
    """Of one desk; ``key_hours`` is how long a replaced key pair still holds."""

    def __init__(self, seal: Seal, effects: Effects, key_hours: float) -> None:
        self._seal = seal
        self._effects = effects
        self._key_hours = key_hours

    def handlers(self) -> Iterator[tuple[str, str, str, Handler]]:
        """Part, method, path and handler of each."""
        yield "keys", "POST", KEYS, self._next_key
        yield "messages", "POST", MESSAGES, self._deliver
        yield "heartbeats", "POST", HEARTBEATS, self._beat
        yield "counts", "POST", COUNTS, self._count
        yield "verdicts", "GET", VERDICTS, verdicts_after
        yield "instructions", "GET", INSTRUCTIONS, instructions_after

    async def _next_key(self, connection: Connection, question: Question) -> bytes:
        return encode(await next_key(connection, self._seal, question.caller, question.at, key_hours=self._key_hours))

    async def _deliver(self, connection: Connection, question: Question) -> bytes:
        delivery, moods = decoded(question.body, Delivery), question.moods
        results = await apply_delivery(
            connection, question.caller, delivery, self._effects, question.at, busy=moods.busy
        )
        return encode(Results(results=results * (2 if moods.repeat_results else 1)))

    async def _beat(self, connection: Connection, question: Question) -> bytes:
        await note_heartbeat(connection, question.caller, decoded(question.body, Heartbeat), question.at)
        return b"{}"

    async def _count(self, connection: Connection, question: Question) -> bytes:
        counts = decoded(question.body, Counts)
        await state_counts(connection, question.caller, counts, self._effects, question.at)
        return b"{}"
