"""The three traces of an act: history for people, a leaf for the transparency log, a message upward.

They are written by one statement inside the transaction of the act itself: what happened and its evidence
commit together or not at all. A leaf says what kind of thing happened to what, when and by whom, and commits
to the contents by a hash with a secret nonce, so that a published log neither lists nor leaks contents.
Leaf format: canonical JSON (sorted keys, UTF-8, no floats).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any
from uuid import UUID, uuid4

from node.database import Connection
from node.sql import statements_beside

_SQL = statements_beside(__file__)
NONCE_BYTES = 16


class Interface(IntEnum):
    """Through which door an act or a resolution came; numbers are stored and never reused."""

    V1 = 1
    COMMAND = 2
    STEWARD = 3
    HANDLE_JSON = 4
    PAGE = 5
    HANDLE_UDP = 6
    HANDLE_TCP = 7
    HANDLE_HTTP = 8  # native messages in HTTP requests
    SNMS = 9
    IDHUB = 10
    DNS = 11  # counted from the day on which the node answers DNS
    RECURSIVE = 12  # resolved for clients at other nodes
    CONSOLE = 13


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts and how; ``account_id`` is ``None`` for the node itself."""

    account_id: UUID | None
    interface: Interface


@dataclass(frozen=True, slots=True)
class Act:
    """One act: ``action`` is the value of an ``Action`` or a word of the same form, ``before`` and ``after`` JSON."""

    action: str
    subject_kind: str
    subject_id: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A report to the national node: messages of one ``stream`` arrive in order."""

    stream: str
    kind: str
    body: Mapping[str, Any]


def canonical(content: Mapping[str, Any] | None) -> bytes:
    """Canonical JSON: sorted keys, no white space, UTF-8; dates and identifiers as their text."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()


async def record_act(
    connection: Connection, actor: Actor, act: Act, at: datetime, report: Message | None = None
) -> None:
    """Write the three traces of one act; call it inside the act's transaction."""
    after = canonical(act.after)
    nonce = os.urandom(NONCE_BYTES)
    leaf = canonical(
        {
            "v": 1,
            "op": act.action,
            "kind": act.subject_kind,
            "id": act.subject_id,
            "hash": hashlib.sha256(nonce + after).hexdigest(),
            "by": str(actor.account_id) if actor.account_id else "node",
            "ts": at.isoformat(),
        }
    )
    await connection.execute(
        _SQL["record_act"],
        at,
        actor.account_id,
        int(actor.interface),
        act.action,
        act.subject_kind,
        act.subject_id,
        None if act.before is None else canonical(act.before).decode(),
        None if act.after is None else after.decode(),
        act.reason,
        nonce,
        leaf,
        uuid4() if report else None,
        report.stream if report else None,
        report.kind if report else None,
        canonical(report.body).decode() if report else None,
    )


async def report_upward(connection: Connection, message: Message, at: datetime) -> None:
    """Put a message into the outbox inside the caller's transaction."""
    await connection.execute(
        _SQL["add_to_outbox"], uuid4(), message.stream, message.kind, canonical(message.body).decode(), at
    )


@dataclass(frozen=True, slots=True)
class PastAct:
    """``account_role`` is what the account is now; ``None`` for the node itself and what came from elsewhere."""

    act_id: int
    at: datetime
    account_id: UUID | None
    interface: Interface
    action: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    reason: str
    account_role: str | None


async def acts_of(
    connection: Connection, subject_kind: str, subject_id: str, *, before_act: int | None, limit: int
) -> list[PastAct]:
    """The newest acts on a subject first; continue with the last ``act_id`` as ``before_act``."""
    rows = await connection.fetch(
        _SQL["acts_of_subject"],
        subject_kind,
        subject_id,
        before_act if before_act is not None else 2**63 - 1,
        limit,
    )
    return [
        PastAct(
            act_id=row["act_id"],
            at=row["at"],
            account_id=row["account_id"],
            interface=Interface(row["interface"]),
            action=row["action"],
            before=json.loads(row["before"]) if row["before"] else None,
            after=json.loads(row["after"]) if row["after"] else None,
            reason=row["reason"],
            account_role=row["account_role"],
        )
        for row in rows
    ]
