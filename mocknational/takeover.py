"""Emergency takeover (应急接管): the national node answers in the place of a node, exercises it, and hands back.

It answers from the moment at which a takeover begins, whether the node hears of it or not. A drill, and the end of a
takeover, compare a sample of the standby records with what the node says that it has: a takeover ends only when
nothing differs, so that nothing that changed meanwhile is lost.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import structlog

from node.database import Connection, Pool
from node.errors import Conflict, NotFound
from node.national.instructions import Answered, Compared, Order, Outcome, Takeover
from node.national.messages import encode
from node.sql import statements_beside
from node.upper.instructions import issue_instruction
from node.upper.standby import sample_names, standby_records, standby_state

log = structlog.get_logger("mock_national")

_SQL = statements_beside(__file__, "takeover.sql")
_SAMPLE = 200
_TOLD = 50  # names of a report that differ


class StandbyMissing(Conflict):
    """Evidence: ``delegated_prefix``."""

    title_zh = "没有可用于接管的备用数据"


class TakeoverActive(Conflict):
    """Evidence: ``delegated_prefix``."""

    title_zh = "该节点的接管正在进行"


class TakeoverUnknown(NotFound):
    title_zh = "没有正在进行的接管"


async def begin(connection: Connection, delegated_prefix: str, *, drill: bool, reason: str, at: datetime) -> UUID:
    """Answer for a node from now on, or exercise it. Raises ``StandbyMissing``, ``TakeoverActive``."""
    state = await standby_state(connection, delegated_prefix)
    if state.position is None:
        raise StandbyMissing(f"{delegated_prefix} has no whole standby records", delegated_prefix=delegated_prefix)
    takeover_id = uuid4()
    try:
        await connection.execute(_SQL["begin_takeover"], takeover_id, delegated_prefix, drill, reason, at)
    except asyncpg.UniqueViolationError:
        raise TakeoverActive(
            f"a takeover or a drill of {delegated_prefix} is under way", delegated_prefix=delegated_prefix
        ) from None
    names = await sample_names(connection, delegated_prefix, _SAMPLE) if drill else []
    told = Takeover(takeover_id=takeover_id, on=True, drill=drill, sample=names)
    await issue_instruction(connection, delegated_prefix, Order.TAKEOVER, told, at)
    log.warning("takeover_begins", prefix=delegated_prefix, drill=drill, reason=reason)
    return takeover_id


async def hand_back(connection: Connection, takeover_id: UUID, at: datetime) -> None:
    """Ask the node for what changed meanwhile; when nothing differs any more, it answers again.

    Raises ``TakeoverUnknown`` when there is no such takeover, or it is a drill or over.
    """
    delegated_prefix = await connection.fetchval(_SQL["hand_back"], takeover_id)
    if delegated_prefix is None:
        raise TakeoverUnknown(f"{takeover_id} is no takeover under way")
    names = await sample_names(connection, delegated_prefix, _SAMPLE)
    told = Takeover(takeover_id=takeover_id, on=False, sample=names)
    await issue_instruction(connection, delegated_prefix, Order.TAKEOVER, told, at)


async def note_answer(connection: Connection, delegated_prefix: str, answered: Answered, at: datetime) -> None:
    """What a node answered to an instruction; those of no takeover are nothing to us."""
    body = await connection.fetchval(_SQL["takeover_instruction"], answered.instruction_id, delegated_prefix)
    if body is None:
        return
    told = msgspec.json.decode(body, type=Takeover)
    report = await _compare(connection, delegated_prefix, told, answered, at)
    done = answered.outcome is Outcome.DONE and report["level"]
    if told.drill:
        state, step = "ended", "drill"
    elif told.on:
        state, step = "active", "began"
    else:
        state, step = "ended" if done else "active", "handed_back"
    ended_at = at if state == "ended" else None
    await connection.execute(
        _SQL["note_report"], told.takeover_id, state, ended_at, encode({step: report}).decode(), told.on
    )
    log.warning(
        "takeover_reported", prefix=delegated_prefix, step=step, state=state, different=len(report["different"])
    )


async def count_answers(pool: Pool, answered: Counter[UUID]) -> None:
    """Add to the number of answers given in the place of each node."""
    await pool.executemany(_SQL["count_answers"], list(answered.items()))


async def list_takeovers(connection: Connection) -> list[asyncpg.Record]:
    """The newest hundred."""
    rows: list[asyncpg.Record] = await connection.fetch(_SQL["list_takeovers"])
    return rows


async def _compare(
    connection: Connection, delegated_prefix: str, told: Takeover, answered: Answered, at: datetime
) -> dict[str, Any]:
    """The report of one step: what the node has, what lies here, and where they differ; ``level``: nowhere."""
    state = await standby_state(connection, delegated_prefix)
    compared = _compared(answered)
    here = await standby_records(connection, delegated_prefix, list(told.sample))
    different = [
        name for name in told.sample if compared is None or compared.digests.get(name) != _digest(here.get(name))
    ]
    return {
        "at": at,
        "level": compared is not None and not different and state.position == compared.position,
        "outcome": answered.outcome,
        "detail": answered.detail,
        "node": {"position": compared.position, "records": compared.records} if compared else None,
        "standby": {"position": state.position, "records": state.records},
        "sample": len(told.sample),
        "equal": len(told.sample) - len(different),
        "different": different[:_TOLD],
    }


def _compared(answered: Answered) -> Compared | None:
    try:
        return msgspec.convert(answered.result, Compared)
    except msgspec.ValidationError:
        return None


def _digest(record: bytes | None) -> str:
    return "" if record is None else hashlib.sha256(record).hexdigest()
