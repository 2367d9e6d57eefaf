"""A service request or complaint and its entries, as they are kept, and what every change of one writes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from node.auth import Role
from node.china_time import CHINA
from node.database import Connection
from node.errors import NotFound, TooMany
from node.journal import Act, Actor, record_act
from node.sealing import Seal
from node.sql import statements_beside
from registry.store import time_ordered_id
from registry.transitions import SERVICE_REQUEST, ServiceState, Verb, step

SQL = statements_beside(__file__, "requests.sql")
_NUMBER_BYTES = 5
MOST_ENTRIES = 500


class ServiceRequestUnknown(NotFound):
    title_zh = "服务请求不存在"


class EntriesFull(TooMany):
    title_zh = "此请求的留言已达上限"


class ServiceKind(StrEnum):
    SERVICE = "service"  # 服务请求
    COMPLAINT = "complaint"  # 投诉


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Days in which each kind has to be answered."""

    request_days: int = 10
    complaint_days: int = 15

    def due(self, kind: ServiceKind, at: datetime) -> datetime:
        """When what is filed or reopened now has to be answered."""
        return at + timedelta(days=self.complaint_days if kind is ServiceKind.COMPLAINT else self.request_days)


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """``enterprise_id`` is ``None`` for a complaint without an account; ``about`` may name a prefix or identifier."""

    service_request_id: UUID
    number: str
    kind: ServiceKind
    enterprise_id: UUID | None
    account_id: UUID | None
    subject: str
    about: str
    state: ServiceState
    due_at: datetime
    answered_at: datetime | None
    handled_by: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def waiting(self) -> bool:
        """Whether an answer is owed."""
        return self.state in (ServiceState.OPEN, ServiceState.IN_PROGRESS)

    def overdue(self, at: datetime) -> bool:
        """Whether it should have been answered before."""
        return self.waiting and self.due_at < at

    def moved(self, state: ServiceState, at: datetime, **changed: Any) -> ServiceRequest:
        """The next version of it."""
        return replace(self, state=state, version=self.version + 1, updated_at=at, **changed)

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it: nothing of what people wrote, for that may name anybody."""
        return {
            "number": self.number,
            "kind": str(self.kind),
            "enterprise_id": str(self.enterprise_id) if self.enterprise_id else None,
            "state": str(self.state),
            "due_at": self.due_at.isoformat(),
            "version": self.version,
        }


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """How somebody without an account can be reached; what was not said is empty."""

    name: str = ""
    phone: str = ""
    email: str = ""

    def sealed(self, seal: Seal, service_request_id: UUID) -> bytes | None:
        """As the database keeps it; ``None`` when nothing is said."""
        if self == Contact():
            return None
        return seal.seal(msgspec.json.encode(self), f"service_request:{service_request_id}")


def contact_of(sealed: bytes | None, seal: Seal, service_request_id: UUID) -> Contact:
    """What was sealed for that complaint, in clear. Raises ``SealBroken``."""
    if sealed is None:
        return Contact()
    return msgspec.json.decode(seal.open(sealed, f"service_request:{service_request_id}"), type=Contact)


class Speaker(StrEnum):
    STAFF = "staff"
    ENTERPRISE = "enterprise"
    COMPLAINANT = "complainant"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was said; ``internal`` notes are for staff alone."""

    service_request_entry_id: int
    speaker: Speaker
    account_id: UUID | None
    said: str
    internal: bool
    created_at: datetime


def filed_request(
    kind: ServiceKind,
    subject: str,
    about: str,
    at: datetime,
    deadlines: Deadlines,
    random: Callable[[int], bytes],
    *,
    enterprise_id: UUID | None = None,
    account_id: UUID | None = None,
) -> ServiceRequest:
    """A new one, not yet written; ``random`` makes the number that people quote."""
    return ServiceRequest(
        service_request_id=time_ordered_id(at),
        number=_number(kind, at, random(_NUMBER_BYTES)),
        kind=kind,
        enterprise_id=enterprise_id,
        account_id=account_id,
        subject=subject,
        about=about,
        state=step(SERVICE_REQUEST, Verb.FILE, None),
        due_at=deadlines.due(kind, at),
        answered_at=None,
        handled_by=None,
        version=1,
        created_at=at,
        updated_at=at,
    )


def _number(kind: ServiceKind, at: datetime, random: bytes) -> str:
    """S or C, the day in China, eight letters and digits that nobody guesses."""
    letter = "C" if kind is ServiceKind.COMPLAINT else "S"
    return f"{letter}{at.astimezone(CHINA):%Y%m%d}-{base64.b32encode(random).decode()}"


def request_of(row: Mapping[str, Any]) -> ServiceRequest:
    """The request of a row."""
    return ServiceRequest(
        service_request_id=row["service_request_id"],
        number=row["number"],
        kind=ServiceKind(row["kind"]),
        enterprise_id=row["enterprise_id"],
        account_id=row["account_id"],
        subject=row["subject"],
        about=row["about"],
        state=ServiceState(row["state"]),
        due_at=row["due_at"],
        answered_at=row["answered_at"],
        handled_by=row["handled_by"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def add_request(
    connection: Connection,
    request: ServiceRequest,
    said: str,
    actor: Actor,
    *,
    contact: bytes | None = None,
    query_digest: bytes | None = None,
) -> None:
    """Write a new one with its first entry and its traces."""
    await connection.execute(
        SQL["add_service_request"], request.service_request_id, request.number, request.kind, request.enterprise_id,
        request.account_id, request.subject, request.about, contact, query_digest, request.state, request.due_at,
        request.created_at,
    )  # fmt: skip
    await add_entry(connection, request, said, actor, request.created_at)
    act = Act(f"service_request.{Verb.FILE}", "service_request", str(request.service_request_id),
              after=request.to_json())  # fmt: skip
    await record_act(connection, actor, act, request.created_at)


async def add_entry(
    connection: Connection, request: ServiceRequest, said: str, actor: Actor, at: datetime, *, internal: bool = False
) -> None:
    """What was said, as part of an act; who has no account complained. Raises ``EntriesFull``."""
    if await connection.fetchval(SQL["count_entries"], request.service_request_id) >= MOST_ENTRIES:
        raise EntriesFull(f"a request has {MOST_ENTRIES} entries at most", limit=MOST_ENTRIES)
    await connection.execute(SQL["add_entry"], request.service_request_id, actor.account_id, said, internal, at)


async def say(
    connection: Connection, request: ServiceRequest, said: str, actor: Actor, at: datetime, *, internal: bool = False
) -> None:
    """Add an entry that moves nothing, with its traces. Raises ``EntriesFull``."""
    await add_entry(connection, request, said, actor, at, internal=internal)
    subject_id = str(request.service_request_id)
    await record_act(
        connection, actor, Act("service_request.say", "service_request", subject_id, after={"internal": internal}), at
    )


async def write_moved(
    connection: Connection, before: ServiceRequest, after: ServiceRequest, verb: Verb, actor: Actor, at: datetime
) -> None:
    """Write the next version with its traces."""
    await connection.execute(
        SQL["change_service_request"], after.service_request_id, after.state, after.due_at, after.answered_at,
        after.handled_by, after.version, at,
    )  # fmt: skip
    act = Act(f"service_request.{verb}", "service_request", str(after.service_request_id),
              before=before.to_json(), after=after.to_json())  # fmt: skip
    await record_act(connection, actor, act, at)


async def entries_of(connection: Connection, service_request_id: UUID, *, internal: bool) -> list[Entry]:
    """What was said, in its order; ``internal`` notes too."""
    rows = await connection.fetch(SQL["entries_of_request"], service_request_id, internal)
    return [
        Entry(
            service_request_entry_id=row["service_request_entry_id"],
            speaker=_speaker(row["account_id"], row["role"]),
            account_id=row["account_id"],
            said=row["said"],
            internal=row["internal"],
            created_at=row["created_at"],
        )
        for row in rows
    ]


def _speaker(account_id: UUID | None, role: str | None) -> Speaker:
    if account_id is None:
        return Speaker.COMPLAINANT
    return Speaker.ENTERPRISE if role in (Role.ENTERPRISE_USER, Role.APPLICATION) else Speaker.STAFF
