"""Uploads to a city authority: made once for each period, sent until received, kept with what came back."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid4

import structlog
from prometheus_client import Gauge

from admin.uploads.content import SQL, content_of
from admin.uploads.masks import Pseudonym
from admin.uploads.periods import Every, Period, due, last_finished
from admin.uploads.profiles import UploadProfile, find_upload_profile
from admin.uploads.sending import Authority, AuthorityRefused
from node.auth import Account, Action, require
from node.china_time import day_of
from node.database import Pool, transaction
from node.errors import Malformed, NodeError, NotFound
from node.founding import node_id_of
from node.identifier import Prefix
from node.journal import Act, Actor, Interface, record_act
from node.national.backoff import DEFAULT_PATIENCE, Backoff
from node.packing import packed, unpacked
from node.pause import pause
from registry.store import reading

log = structlog.get_logger("uploads")

WAITING = Gauge(
    "biaoshi_authority_uploads_waiting",
    "Uploads to the city authority that it has not received",
    multiprocess_mode="livemostrecent",
)

_LARGEST = 64 << 20
_MOST_DAYS = 400
_ERROR_CHARACTERS = 500
_TURN_SECONDS = 30.0
_STEWARD = Actor(None, Interface.STEWARD)

Clock = Callable[[], datetime]


class UploadUnknown(NotFound):
    """Evidence: ``upload_id``."""

    title_zh = "没有该上传记录"


class PeriodUnfit(Malformed):
    """Evidence: ``since``, ``until``."""

    title_zh = "上传周期有误"


@dataclass(frozen=True, slots=True)
class Upload:
    """``sent_at`` is when it was received, ``status`` that of the last answer; ``content`` and ``receipt`` only where
    one upload was asked for. ``sha256`` is that of the content."""

    upload_id: UUID
    number: int
    profile: str
    since: date
    until: date
    sha256: bytes
    made_at: datetime
    attempts: int
    last_error: str
    sent_at: datetime | None
    status: int | None
    content: bytes = b""
    receipt: bytes | None = None


class Uploads:
    """The use cases. All raise ``DatabaseAway``, those of accounts ``NotAllowed`` too."""

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        profiles: Mapping[str, UploadProfile],
        pseudonym: Pseudonym,
        *,
        name: str,
        prefix: Prefix,
        profile: str,
        every: Every,
        hour: int,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._profiles = profiles
        self._pseudonym = pseudonym
        self._name = name
        self._prefix = prefix
        self._profile = profile
        self._every: Every = every
        self._hour = hour

    async def preview(
        self, account: Account, profile: str | None, since: date | None, until: date | None
    ) -> tuple[Period, bytes]:
        """As ``shown``, for an account."""
        require(account, Action.UPLOAD_READ, None)
        return await self.shown(profile, since, until)

    async def make(
        self, account: Account, actor: Actor, profile: str | None, since: date | None, until: date | None
    ) -> tuple[Upload, bool]:
        """As ``made``, for an account."""
        require(account, Action.UPLOAD_MAKE, None)
        return await self.made(actor, profile, since, until)

    async def shown(self, profile: str | None, since: date | None, until: date | None) -> tuple[Period, bytes]:
        """What would be uploaded, by default of the period that was over last; nothing is kept.

        Raises ``UploadProfileUnknown``, ``PeriodUnfit``.
        """
        period = self._period(since, until)
        return period, await self._content(find_upload_profile(self._profiles, profile or self._profile), period)

    async def made(
        self, actor: Actor, profile: str | None, since: date | None, until: date | None
    ) -> tuple[Upload, bool]:
        """An upload beside the regular ones, sent like these. Whether it is new: a period goes once.

        Raises ``UploadProfileUnknown``, ``PeriodUnfit``.
        """
        chosen = find_upload_profile(self._profiles, profile or self._profile)
        return await self._make(actor, chosen, self._period(since, until))

    async def get(self, account: Account, upload_id: UUID) -> Upload:
        """One, with its content and receipt. Raises ``UploadUnknown``."""
        require(account, Action.UPLOAD_READ, None)
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_upload"], upload_id)
        if row is None:
            raise UploadUnknown(f"there is no upload {upload_id}", upload_id=str(upload_id))
        fields = dict(row)
        return Upload(**fields | {"content": unpacked(fields.pop("body"), _LARGEST)})

    async def list(self, account: Account, *, before: int | None = None, limit: int = 50) -> list[Upload]:
        """The newest first, before a number."""
        require(account, Action.UPLOAD_READ, None)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_uploads"], 2**63 - 1 if before is None else before, limit)
        return [Upload(**row) for row in rows]

    # The steward's part -----------------------------------------------------------------------------

    async def make_due(self) -> int:
        """Make what is due by the schedule; how many. Raises ``UploadProfileUnknown``."""
        profile = find_upload_profile(self._profiles, self._profile)
        async with reading(self._pool) as connection:
            until = await connection.fetchval(SQL["uploaded_until"], profile.id)
        periods = due(self._every, self._clock(), self._hour, until)
        return sum([(await self._make(_STEWARD, profile, period))[1] for period in periods])

    async def send_next(self, authority: Authority) -> bool:
        """Send the oldest that waits; whether there was one. Raises ``AuthoritySilent``, ``AuthorityRefused``."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["waiting_upload"])
            WAITING.set(await connection.fetchval(SQL["uploads_waiting"]))
        if row is None:
            return False
        upload_id = row["upload_id"]
        try:
            receipt = await authority.send(upload_id, unpacked(row["body"], _LARGEST))
        except NodeError as error:
            status = error.evidence["answered"] if isinstance(error, AuthorityRefused) else None
            async with transaction(self._pool) as connection:
                await connection.execute(SQL["note_attempt"], upload_id, status, error.detail[:_ERROR_CHARACTERS])
            raise
        async with transaction(self._pool) as connection:
            await connection.execute(SQL["note_receipt"], upload_id, self._clock(), receipt.status, receipt.content)
        log.info("upload_received", upload_id=str(upload_id), since=str(row["since"]), until=str(row["until"]))
        return True

    async def _make(self, actor: Actor, profile: UploadProfile, period: Period) -> tuple[Upload, bool]:
        content = await self._content(profile, period)
        upload_id, digest, at = uuid4(), hashlib.sha256(content).digest(), self._clock()
        async with transaction(self._pool) as connection:
            number = await connection.fetchval(
                SQL["add_upload"], upload_id, profile.id, period.since, period.until, packed(content), digest, at
            )
            if number is not None:
                after = {"profile": profile.id, "since": period.since, "until": period.until, "sha256": digest.hex()}
                await record_act(
                    connection, actor, Act(Action.UPLOAD_MAKE, "upload", str(upload_id), after=after), at
                )
            row = await connection.fetchrow(SQL["upload_of_period"], profile.id, period.since, period.until)
        return Upload(**row), number is not None

    async def _content(self, profile: UploadProfile, period: Period) -> bytes:
        node = await node_id_of(self._pool), self._name, self._prefix
        async with reading(self._pool) as connection:
            return await content_of(connection, profile, period, self._pseudonym, node, self._clock())

    def _period(self, since: date | None, until: date | None) -> Period:
        if since is None and until is None:
            return last_finished(self._every, self._clock(), self._hour)
        today = day_of(self._clock())
        if since is None or until is None or not since < until <= today or (until - since).days > _MOST_DAYS:
            raise PeriodUnfit(
                f"give since and until, at most {_MOST_DAYS} finished days: until is the day after the last",
                since=str(since), until=str(until),
            )  # fmt: skip
        return Period(since, until)


async def keep_uploading(uploads: Uploads, authority: Authority, stop: asyncio.Event) -> None:
    """Make what is due and send what waits until told to stop.

    What went wrong is logged, and tried again after a rest that grows.
    """
    backoff = Backoff(DEFAULT_PATIENCE, random.random)
    while not stop.is_set():
        seconds = _TURN_SECONDS
        try:
            await uploads.make_due()
            while await uploads.send_next(authority):
                pass
            backoff.succeeded()
        except NodeError as error:
            seconds = backoff.failed(time.monotonic())
            log.warning("upload_failed", code=error.code, detail=error.detail, rest_seconds=round(seconds, 2))
        except Exception:
            seconds = backoff.failed(time.monotonic())
            log.exception("uploads_broken", rest_seconds=round(seconds, 2))
        await pause(stop, seconds)
