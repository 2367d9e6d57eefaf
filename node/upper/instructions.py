"""Instructions to the nodes below: kept in one order, read by whom they are for, answered by a message of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec

from node.database import Connection
from node.national.instructions import MOST_INSTRUCTIONS, Instruction, Instructions
from node.national.messages import Shape, encode
from node.sql import statements_beside
from node.upper.exchange import Question, number_of
from node.upper.verdicts import SEQUENCE_LOCK

_SQL = statements_beside(__file__, "instructions.sql")
_OCTETS = 1 << 20  # of the bodies of one answer


async def instructions_after(connection: Connection, question: Question) -> bytes | None:
    """The next instructions for the caller, ``None`` if there are none. Raises ``RequestMalformed``."""
    rows = await connection.fetch(
        _SQL["instructions_after"], question.caller.delegated_prefix, number_of(question.query, "after"),
        MOST_INSTRUCTIONS, _OCTETS,
    )  # fmt: skip
    return encode(Instructions(instructions=[_instruction(row) for row in rows])) if rows else None


async def issue_instruction(
    connection: Connection, delegated_prefix: str, kind: str, body: Shape | Mapping[str, Any], at: datetime
) -> Instruction:
    """Tell the node of a prefix what to do; ``kind`` is a word of ``Order``.

    Call it last in a transaction: it holds the one lock of everything that has a sequence.
    """
    await connection.execute(_SQL["one_instruction_at_a_time"], SEQUENCE_LOCK)
    row = await connection.fetchrow(
        _SQL["add_instruction"], uuid4(), delegated_prefix.upper(), kind, encode(body).decode(), at
    )
    return _instruction(row)


def _instruction(row: Mapping[str, Any]) -> Instruction:
    return Instruction(**{**row, "body": msgspec.Raw(row["body"].encode())})
