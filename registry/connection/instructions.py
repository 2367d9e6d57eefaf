"""Instructions from the node above (上级指令): received, kept, performed one after the other, answered.

They are kept before the node above is told so by the next question, and performed in their order. What an instruction
does, its answer, and the message that takes the answer upward are one transaction; one that is performed again after
a crash changes nothing more. What makes no sense here is refused at once; what fails for now is tried several times
and then said to have failed, so that it does not hold up those that come after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog
from prometheus_client import Counter

from node.database import Connection, DatabaseAway, Pool, database_errors, transaction
from node.errors import Conflict, Internal, NodeError, TooMany, Unavailable
from node.journal import Message, canonical, report_upward
from node.national import outbox
from node.national.client import LinkResting, NationalClient, NationalRefusal
from node.national.duties import Duty
from node.national.instructions import ANSWER_KIND, ANSWER_STREAM, Answered, Instruction, Order, Outcome, Takeover
from node.national.messages import LONGEST_WAIT
from node.sql import statements_beside
from registry.connection.performing import EFFECTS, Effect, Given, Result
from registry.connection.standby import Standby
from registry.connection.takeover import begin_takeover, note_comparison, takeover_is_active

log = structlog.get_logger("instructions")

ANSWERED = Counter(
    "biaoshi_instructions_total", "Instructions from the node above, by kind and outcome", ["kind", "outcome"]
)

MOST_ATTEMPTS = 8
"""After so many one that fails for now has failed."""
_SQL = statements_beside(__file__, "instructions.sql")
_DETAIL_CHARACTERS = 500
_OUT_OF_ORDER_SECONDS = 60.0
_KINDS = frozenset(Order)


class InstructionUnknown(Conflict):
    """Evidence: ``kind``."""

    title_zh = "指令类型未知"


class NoStandbyRecords(Conflict):
    title_zh = "本节点未保存接管备用数据"


class InstructionDesk:
    """One for each steward. Without ``standby`` a takeover is refused."""

    def __init__(
        self, pool: Pool, clock: Callable[[], datetime], *, version: str, standby: Standby | None = None
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._version = version
        self._standby = standby
        self._started = clock()

    def duty(self) -> Duty:
        """What the steward does turn after turn."""
        return Duty("instructions", "instructions", self.turn)

    async def turn(self, client: NationalClient) -> float:
        """Perform what is kept, then wait for more and keep it; the seconds until the next turn.

        Raises ``DatabaseAway``, what the client raises, and what kept an instruction from being performed for now.
        """
        while await self._perform_next(client):
            pass
        async with transaction(self._pool) as connection:
            await takeover_is_active(connection)
            last: int = await connection.fetchval(_SQL["last_instruction"])
        came = (await client.instructions(last, LONGEST_WAIT)).instructions
        return 0.0 if await self._keep(came, last) else _OUT_OF_ORDER_SECONDS

    async def _keep(self, came: Sequence[Instruction], last: int) -> bool:
        """Whether they came in order; those before the first that did not are kept."""
        at, kept = self._clock(), 0
        async with transaction(self._pool) as connection:
            for one in came:
                if one.sequence <= last:
                    log.error("instructions_out_of_order", sequence=one.sequence, last=last)
                    break
                await _keep_one(connection, one, at)
                last, kept = one.sequence, kept + 1
            await connection.execute(_SQL["remember_instruction"], last)
        return kept == len(came)

    async def _perform_next(self, client: NationalClient) -> bool:
        """Whether there was one. Raises what keeps it from being performed for now."""
        with database_errors():
            row = await self._pool.fetchrow(_SQL["next_instruction"])
        if row is None:
            return False
        # asyncpg's UUID is a class of its own, which msgspec does not take for one.
        given = Given(row["sequence"], UUID(bytes=row["instruction_id"].bytes), row["kind"], row["body"])
        try:
            await self._perform(client, given)
        except (DatabaseAway, LinkResting):
            raise
        except (Unavailable, TooMany, Internal) as error:
            await self._tried(given, error.detail)
            raise
        except NodeError as error:
            if isinstance(error, NationalRefusal) and error.retry:
                await self._tried(given, error.detail)
                raise
            await self._refuse(given, error)
        except Exception as error:
            # A fault of ours: whoever calls logs it, and it does not hold up the others for ever.
            await self._tried(given, f"internal fault: {type(error).__name__}")
            raise
        return True

    async def _perform(self, client: NationalClient, given: Given) -> None:
        if given.kind not in _KINDS:
            raise InstructionUnknown(f"this node knows no instruction {given.kind}", kind=given.kind)
        order = Order(given.kind)
        if order is Order.PROBE:
            await self._answer(given, self._how_we_are)
        elif order is Order.TAKEOVER:
            await self._take_over(client, given)
        elif order is Order.KEY:
            access_key = await client.replace_key()
            await self._answer(given, _saying({"access_key": access_key}))
        else:
            await self._answer(given, EFFECTS[order])

    async def _how_we_are(self, _: Connection, __: Given, at: datetime) -> Result:
        return {
            "state": "running",
            "version": self._version,
            "uptime_seconds": max(0, int((at - self._started).total_seconds())),
            "backlog": await outbox.backlog(self._pool),
            "at": at.isoformat(),
        }

    async def _take_over(self, client: NationalClient, given: Given) -> None:
        if self._standby is None:
            raise NoStandbyRecords("this node keeps no standby records with the node above")
        takeover = given.read(Takeover)
        async with transaction(self._pool) as connection:
            await begin_takeover(connection, takeover, self._clock())
        async with self._standby.compared(client, takeover.sample) as compared:

            async def note(connection: Connection, _: Given, at: datetime) -> Result:
                await note_comparison(connection, takeover, compared, at)
                result: Result = msgspec.to_builtins(compared)
                return result

            await self._answer(given, note)

    async def _answer(self, given: Given, effect: Effect) -> None:
        at = self._clock()
        async with transaction(self._pool) as connection:
            await _write_answer(connection, given, Outcome.DONE, "", await effect(connection, given, at), at)

    async def _refuse(self, given: Given, error: NodeError) -> None:
        async with transaction(self._pool) as connection:
            result = {"code": error.code}
            await _write_answer(connection, given, Outcome.REFUSED, error.detail, result, self._clock())

    async def _tried(self, given: Given, detail: str) -> None:
        async with transaction(self._pool) as connection:
            attempts = await connection.fetchval(_SQL["note_attempt"], given.sequence, detail[:_DETAIL_CHARACTERS])
            if attempts is not None and attempts >= MOST_ATTEMPTS:
                await _write_answer(connection, given, Outcome.FAILED, detail, None, self._clock())


def _saying(result: Result) -> Effect:
    async def effect(_: Connection, __: Given, ___: datetime) -> Result:
        return result

    return effect


async def _keep_one(connection: Connection, one: Instruction, at: datetime) -> None:
    facts = one.sequence, one.instruction_id, one.kind
    try:
        async with connection.transaction():
            await connection.execute(_SQL["keep_instruction"], *facts, bytes(one.body).decode(), one.issued_at, at)
    except (asyncpg.DataError, UnicodeDecodeError):
        # JSON with what PostgreSQL stores in no text, such as U+0000: kept as nothing, and so refused.
        await connection.execute(_SQL["keep_instruction"], *facts, "null", one.issued_at, at)


async def _write_answer(
    connection: Connection, given: Given, outcome: Outcome, detail: str, result: Result | None, at: datetime
) -> None:
    detail = detail[:_DETAIL_CHARACTERS]
    stored = None if result is None else canonical(result).decode()
    if await connection.fetchval(_SQL["answer_instruction"], given.sequence, outcome, detail, stored, at) is None:
        return
    answered = Answered(
        instruction_id=given.instruction_id, sequence=given.sequence, outcome=outcome, detail=detail, result=result
    )
    body: Mapping[str, Any] = msgspec.to_builtins(answered)
    await report_upward(connection, Message(ANSWER_STREAM, ANSWER_KIND, body), at)
    ANSWERED.labels(given.kind if given.kind in _KINDS else "unknown", str(outcome)).inc()
    log.info("instruction_answered", sequence=given.sequence, kind=given.kind, outcome=str(outcome), detail=detail)
