"""What the mock national node does with what it is told, inside the transaction of one request.

Idempotent by ``message_id``: a message is accepted once, and only acceptance has an effect. In order: when one
message of a stream is put off, so are all after it in the same delivery.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import asyncpg
import msgspec

from node.database import Connection, Pool, database_errors
from node.errors import Unavailable
from node.national.messages import (
    MOST_VERDICTS,
    Counts,
    Delivery,
    Heartbeat,
    Line,
    Message,
    Number,
    Result,
    Status,
    Verdict,
    Verdicts,
    encode,
)
from node.national.signature import KeyPair
from node.sql import statements_beside

SQL = statements_beside(__file__, "mock_queries.sql")
SCHEMA_NAME = "mock_national"
_SCHEMA = Path(__file__).with_name("mock_schema.sql")
_SCHEMA_LOCK = 0x6D_6F_63_6B  # "mock"


class MockDatabaseMissing(Unavailable):
    title_zh = "模拟国家顶级节点的数据库不存在"


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key pair and what it was issued for: the prefix delegated to that node."""

    keys: KeyPair
    delegated_prefix: str


class _EnterpriseReport(msgspec.Struct, frozen=True):
    enterprise_id: UUID
    credit_code: Line
    name: Line
    division_code: Line
    industry_code: Line
    state: Line
    other_certificate: Line = ""


class _PrefixReport(msgspec.Struct, frozen=True):
    prefix: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Z.]{1,64}\Z")]
    enterprise_id: UUID
    credit_code: Line
    state: Line
    other_certificate: Line = ""


class _RegistrationSummary(msgspec.Struct, frozen=True):
    prefix: Line
    registered: Number
    updated: Number
    deleted: Number
    suspended: Number = 0
    resumed: Number = 0
    migrated: Number = 0
    undone: Number = 0


_SUMMED = ("registered", "updated", "deleted", "suspended", "resumed")

# Bodies that have an effect, by the first word of their kind; other kinds are kept and have none.
_BODIES: dict[str, type[msgspec.Struct]] = {
    "enterprise": _EnterpriseReport,
    "prefix": _PrefixReport,
    "registration": _RegistrationSummary,
}


async def open_store(url: str, keys: Sequence[IssuedKey], at: datetime) -> Pool:
    """A pool on the mock's own tables, made if they are not there, with these keys issued.

    Raises ``MockDatabaseMissing``, ``DatabaseAway``.
    """
    settings = {"search_path": SCHEMA_NAME, "application_name": "biaoshi mock national node", "jit": "off"}
    with database_errors():
        try:
            pool = await asyncpg.create_pool(
                url, min_size=1, max_size=6, command_timeout=30, timeout=10, server_settings=settings
            )
        except asyncpg.InvalidCatalogNameError as error:
            raise MockDatabaseMissing(f"{error}; create it first: createdb") from None
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["hold_schema"], _SCHEMA_LOCK)
            await connection.execute(await asyncio.to_thread(_SCHEMA.read_text, encoding="utf-8"))
            for key in keys:
                await connection.execute(
                    SQL["issue_key"], key.keys.access_key, key.keys.secret_key, key.delegated_prefix, at
                )
    return pool


async def apply_delivery(
    connection: Connection, access_key: str, delivery: Delivery, *, busy_at: int | None, at: datetime
) -> list[Result]:
    """Accept what is new; ``busy_at`` is the place of a message that is put off, for the sake of the argument."""
    # Holds the node's row: two deliveries of the same messages at once are applied one after the other.
    await _note_node(connection, delivery.node, access_key, delivery.laboratory, at)
    known = {
        row["message_id"]
        for row in await connection.fetch(
            SQL["known_messages"], delivery.node, [message.message_id for message in delivery.messages]
        )
    }
    results: list[Result] = []
    accepted: list[Message] = []
    halted: set[str] = set()
    for place, message in enumerate(delivery.messages):
        fault = _fault_of(message)
        if message.message_id in known:
            status, retry, reason = Status.DUPLICATE, False, ""
        elif place == busy_at or message.stream in halted:
            halted.add(message.stream)
            status, retry, reason = Status.REFUSED, True, "暂缓 / busy, or behind a message that was put off"
        elif fault:
            status, retry, reason = Status.REFUSED, False, fault
        else:
            known.add(message.message_id)
            accepted.append(message)
            status, retry, reason = Status.ACCEPTED, False, ""
        results.append(Result(message_id=message.message_id, status=status, retry=retry, reason=reason))
    if accepted:
        await _keep(connection, delivery, accepted, at)
        await _take_effect(connection, access_key, delivery.node, accepted, at)
    return results


def _fault_of(message: Message) -> str:
    """Why this message can never be accepted, empty if it can."""
    try:
        bytes(message.body).decode()
        msgspec.json.decode(message.body, type=_BODIES.get(message.kind.partition(".")[0], dict))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return f"消息内容有误 / the body does not fit the kind {message.kind}: {error}"
    return ""


async def _keep(connection: Connection, delivery: Delivery, accepted: list[Message], at: datetime) -> None:
    await connection.execute(
        SQL["keep_messages"],
        delivery.node,
        delivery.laboratory,
        at,
        [message.message_id for message in accepted],
        [message.stream for message in accepted],
        [message.sequence for message in accepted],
        [message.kind for message in accepted],
        [message.created_at for message in accepted],
        [bytes(message.body).decode() for message in accepted],
    )
    await connection.executemany(
        SQL["note_stream"], [(delivery.node, message.stream, message.sequence) for message in accepted]
    )


async def _take_effect(
    connection: Connection, access_key: str, node: UUID, accepted: list[Message], at: datetime
) -> None:
    sums: dict[str, Counter[str]] = {}
    for message in accepted:
        match msgspec.json.decode(message.body, type=_BODIES.get(message.kind.partition(".")[0], dict)):
            case _EnterpriseReport() as enterprise:
                await connection.execute(
                    SQL["note_enterprise"], node, enterprise.enterprise_id, enterprise.credit_code, enterprise.name,
                    enterprise.division_code, enterprise.industry_code, enterprise.state, message.created_at,
                    enterprise.other_certificate,
                )  # fmt: skip
            case _PrefixReport() as prefix if message.kind == "prefix.reviewed":
                await connection.execute(
                    SQL["ask_verification"], node, access_key, prefix.prefix, prefix.enterprise_id,
                    prefix.credit_code, at, prefix.other_certificate,
                )  # fmt: skip
            case _PrefixReport() as prefix if message.kind == "prefix.transferred":
                await connection.execute(
                    SQL["pass_prefix_on"], prefix.prefix, access_key, prefix.enterprise_id, prefix.credit_code,
                    prefix.other_certificate, message.created_at,
                )  # fmt: skip
            case _PrefixReport() as prefix:
                await connection.execute(
                    SQL["note_prefix"], prefix.prefix, access_key, prefix.state, message.created_at
                )
            case _RegistrationSummary() as summary:
                sums.setdefault(summary.prefix, Counter()).update({name: getattr(summary, name) for name in _SUMMED})
    await connection.executemany(
        SQL["add_registrations"],
        [(node, prefix, *(sums[prefix][name] for name in _SUMMED)) for prefix in sums],
    )


async def note_heartbeat(connection: Connection, access_key: str, heartbeat: Heartbeat, at: datetime) -> None:
    """The node lives."""
    await _note_node(connection, heartbeat.node, access_key, heartbeat.laboratory, at)
    await connection.execute(SQL["note_heartbeat"], heartbeat.node, encode(heartbeat).decode(), at)


async def state_counts(connection: Connection, access_key: str, counts: Counts, at: datetime) -> None:
    """Replace what was said about these days before."""
    await _note_node(connection, counts.node, access_key, counts.laboratory, at)
    for day in counts.days:
        await connection.execute(
            SQL["state_day"], counts.node, day.day, counts.laboratory, counts.at, day.registered, day.updated,
            day.deleted, day.suspended, day.resumed, encode(day.resolutions).decode(),
        )  # fmt: skip


async def verdicts_after(connection: Connection, access_key: str, after: int) -> Verdicts:
    """The next results of verification for the prefixes of this key."""
    rows = await connection.fetch(SQL["verdicts_after"], access_key, after, MOST_VERDICTS)
    return Verdicts(verdicts=[Verdict(**dict(row)) for row in rows])


async def _note_node(connection: Connection, node: UUID, access_key: str, laboratory: bool, at: datetime) -> None:
    await connection.execute(SQL["note_node"], node, access_key, laboratory, at)
