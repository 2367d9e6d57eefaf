"""What operators see of the conversation with the node above: the link, what waits, what was refused, who we are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.national.messages import Offers
from node.sql import statements_beside

_SQL = statements_beside(__file__, "view.sql")
_MOST_STREAMS = 100
_SILENT_BEATS = 3


class LinkHealth(StrEnum):
    """In one word."""

    UNSET = "unset"  # no node above is set
    APPLYING = "applying"  # no key pair yet
    UP = "up"
    FAILING = "failing"  # the last question failed
    SILENT = "silent"  # nobody has asked for long: no steward is at work


@dataclass(frozen=True, slots=True)
class LinkSeen:
    health: LinkHealth
    url: str | None
    last_contact_at: datetime | None
    failing_since: datetime | None
    last_error: str


@dataclass(frozen=True, slots=True)
class WaitingStream:
    stream: str
    messages: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """``streams`` are the first hundred in order of name, the sums those of the streams that are shown."""

    messages: int
    lag_seconds: float
    refused: int
    streams: Sequence[WaitingStream]


@dataclass(frozen=True, slots=True)
class KeySeen:
    access_key: str
    issued_at: datetime
    age_days: int


@dataclass(frozen=True, slots=True)
class AccessApplication:
    application_id: UUID
    state: str
    reason: str
    created_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class StandbySeen:
    """``behind`` are entries of history that the records above do not have yet."""

    position: int | None
    newest_position: int
    behind: int
    stated_at: datetime | None


@dataclass(frozen=True, slots=True)
class TakeoverSeen:
    takeover_id: UUID
    drill: bool
    began_at: datetime


@dataclass(frozen=True, slots=True)
class LogFilesWaiting:
    files: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """Everything on one page; ``counts_waiting`` are hours and days to be stated."""

    link: LinkSeen
    backlog: Backlog
    counts_waiting: int
    key: KeySeen | None
    application: AccessApplication | None
    offers: Offers | None
    last_verdict: int
    last_instruction: int
    instructions_open: int
    standby: StandbySeen
    takeover: TakeoverSeen | None
    log_files: LogFilesWaiting


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    outbox_id: int
    message_id: UUID
    stream: str
    kind: str
    body: dict[str, Any]
    created_at: datetime
    refused_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ReceivedInstruction:
    sequence: int
    instruction_id: UUID
    kind: str
    body: dict[str, Any]
    issued_at: datetime
    received_at: datetime
    attempts: int
    outcome: str | None
    detail: str
    answered_at: datetime | None


class NationalView:
    """The questions; all raise ``NotAllowed`` and ``DatabaseAway``. ``url`` and ``beat`` are of the settings."""

    def __init__(self, pool: Pool, clock: Callable[[], datetime], url: str | None, beat: timedelta) -> None:
        self._pool = pool
        self._clock = clock
        self._url = url
        self._beat = beat

    async def conversation(self, account: Account) -> Conversation:
        """How it stands now."""
        require(account, Action.NATIONAL_READ, None)
        async with transaction(self._pool) as connection:
            return await self._conversation(connection)

    async def refused(self, account: Account, *, before: int, limit: int) -> list[RefusedMessage]:
        """Messages that the node above will never take, the newest first, with lesser numbers than ``before``."""
        require(account, Action.NATIONAL_READ, None)
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(_SQL["refused_messages"], before, limit)
        return [RefusedMessage(**{**row, "body": msgspec.json.decode(row["body"])}) for row in rows]

    async def instructions(self, account: Account, *, before: int, limit: int) -> list[ReceivedInstruction]:
        """Instructions from above, the newest first, with lesser sequences than ``before``."""
        require(account, Action.NATIONAL_READ, None)
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(_SQL["instructions_received"], before, limit)
        return [ReceivedInstruction(**{**row, "body": msgspec.json.decode(row["body"])}) for row in rows]

    async def _conversation(self, connection: Connection) -> Conversation:
        now = self._clock()
        state = await connection.fetchrow(_SQL["conversation"])
        streams = [WaitingStream(**row) for row in await connection.fetch(_SQL["backlog_by_stream"], _MOST_STREAMS)]
        key = await connection.fetchrow(_SQL["key_in_use"])
        application = await connection.fetchrow(_SQL["newest_access_application"])
        takeover = await connection.fetchrow(_SQL["takeover_under_way"])
        oldest = min((stream.oldest_at for stream in streams), default=now)
        newest, above = state["newest_position"], state["standby_position"]
        return Conversation(
            link=LinkSeen(
                health=self._health(state, granted=key is not None, now=now),
                url=self._url,
                last_contact_at=state["last_contact_at"],
                failing_since=state["failing_since"],
                last_error=state["last_error"],
            ),
            backlog=Backlog(
                messages=sum(stream.messages for stream in streams),
                lag_seconds=max(0.0, (now - oldest).total_seconds()),
                refused=state["refused"],
                streams=streams,
            ),
            counts_waiting=state["counts_waiting"],
            key=key and KeySeen(key["access_key"], key["issued_at"], max(0, (now - key["issued_at"]).days)),
            application=application and AccessApplication(**application),
            offers=state["offers"] and msgspec.json.decode(state["offers"], type=Offers),
            last_verdict=state["last_verdict"],
            last_instruction=state["last_instruction"],
            instructions_open=state["instructions_open"],
            standby=StandbySeen(above, newest, max(0, newest - (above or 0)), state["standby_at"]),
            takeover=takeover and TakeoverSeen(**takeover),
            log_files=LogFilesWaiting(**await connection.fetchrow(_SQL["log_files_waiting"])),
        )

    def _health(self, state: Any, *, granted: bool, now: datetime) -> LinkHealth:
        if self._url is None:
            return LinkHealth.UNSET
        if state["failing_since"] is not None:
            return LinkHealth.FAILING
        last = state["last_contact_at"]
        if last is None or now - last > _SILENT_BEATS * max(self._beat, timedelta(seconds=30)):
            return LinkHealth.SILENT
        return LinkHealth.UP if granted else LinkHealth.APPLYING
