"""Verification of prefixes: asked for by a report, decided by whoever judges here, told to the node that asked."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from node.database import Connection
from node.national.messages import MOST_VERDICTS, Verdict, Verdicts, encode
from node.sql import statements_beside
from node.upper.exchange import Question, number_of

_SQL = statements_beside(__file__, "verdicts.sql")

SEQUENCE_LOCK = 0x7365_7175  # "sequ"
"""Held while a row with a sequence is written, so that sequences are also the order of commits."""


async def verdicts_after(connection: Connection, question: Question) -> bytes | None:
    """The next verdicts for the caller's prefixes, ``None`` if there are none. Raises ``RequestMalformed``."""
    rows = await connection.fetch(
        _SQL["verdicts_after"], question.caller.delegated_prefix, number_of(question.query, "after"), MOST_VERDICTS
    )
    return encode(Verdicts(verdicts=[Verdict(**dict(row)) for row in rows])) if rows else None


async def next_undecided(
    connection: Connection, *, after: int = 0, delegated_prefix: str = ""
) -> asyncpg.Record | None:
    """The oldest that nobody decides just now, with what is known of its enterprise and of another holder."""
    return await connection.fetchrow(_SQL["next_undecided"], after, delegated_prefix.upper())


async def decide_verification(
    connection: Connection, asked: asyncpg.Record, passed: bool, reason: str, at: datetime
) -> None:
    """Settle one that ``next_undecided`` gave in the same transaction, and tell. A prefix that passed has its holder.

    Call it last in a transaction: it holds the one lock of everything that has a sequence.
    """
    delegated, prefix = asked["delegated_prefix"], asked["prefix"]
    await connection.execute(_SQL["decide"], asked["verification_id"], at)
    if passed:
        await connection.execute(
            _SQL["give_prefix"], prefix, delegated, asked["node_id"], asked["enterprise_id"], asked["credit_code"],
            asked["other_certificate"], at,
        )  # fmt: skip
    await connection.execute(_SQL["one_sequence_at_a_time"], SEQUENCE_LOCK)
    await connection.execute(_SQL["add_verdict"], delegated, asked["application"], prefix, passed, reason, at)
