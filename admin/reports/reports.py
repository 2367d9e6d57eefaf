"""Reports: made of any window, kept with their hash, an edition for each time that the data said something else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from admin.acceptance.profiles import find_profile
from admin.reports.document import digest_of
from admin.reports.kinds import ReportKind, Wanted
from admin.reports.making import SQL, Ground, data_of
from admin.uploads.periods import last_finished
from admin.uploads.profiles import find_upload_profile
from node.auth import Account, Action, require
from node.china_time import day_of
from node.database import Connection, Pool, transaction
from node.errors import Malformed, NotFound
from node.journal import Act, Actor, record_act
from node.packing import packed, unpacked
from registry.commerce.statements import MonthNotOver
from registry.store import reading, time_ordered_id

log = structlog.get_logger("reports")

Clock = Callable[[], datetime]

_LARGEST = 64 << 20
_MOST_DAYS = 366
_EARLIEST = date(2018, 1, 1)


class ReportUnknown(NotFound):
    """Evidence: ``report_id``."""

    title_zh = "报告不存在"


class ReportUnfit(Malformed):
    """Evidence: ``field``, what does not go with the kind of report."""

    title_zh = "报告请求有误"


@dataclass(frozen=True, slots=True)
class Asked:
    """A report as it is asked for; what is ``None`` is meant as usual.

    That is the profile of the settings and the month that was over last, for acceptance today.
    """

    kind: ReportKind
    profile: str | None = None
    enterprise_id: UUID | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One edition; ``data`` only where one report was asked for. ``made_by`` is ``None`` for the node itself,
    ``enterprise`` the name of whose statement it is.
    """

    report_id: UUID
    number: int
    kind: ReportKind
    profile: str
    enterprise_id: UUID | None
    enterprise: str | None
    since: date
    until: date
    edition: int
    sha256: bytes
    made_at: datetime
    made_by: UUID | None
    data: bytes = b""

    @property
    def wanted(self) -> Wanted:
        """What it is about."""
        return Wanted(self.kind, self.profile, self.enterprise_id, self.since, self.until)


class Reports:
    """The use cases. All raise ``DatabaseAway``, those of accounts ``NotAllowed`` too."""

    def __init__(self, pool: Pool, clock: Clock, ground: Ground) -> None:
        self._pool = pool
        self._clock = clock
        self._ground = ground

    def kinds(self, account: Account) -> Ground:
        """What reports can be made of."""
        require(account, Action.REPORT_MAKE, None)
        return self._ground

    async def make(self, account: Account, actor: Actor, asked: Asked) -> tuple[Report, bool]:
        """As ``made``, for an account."""
        require(account, Action.REPORT_MAKE, asked.enterprise_id)
        return await self.made(actor, asked)

    async def made(self, actor: Actor, asked: Asked) -> tuple[Report, bool]:
        """A report, and whether it is new: the same data are kept once, other data of a window are its next edition.

        Raises ``ReportUnfit``, ``ProfileUnknown``, ``UploadProfileUnknown``, ``EnterpriseUnknown``, ``MonthNotOver``,
        ``TooManyDigests``.
        """
        return await self._kept(actor, self.wanted(asked), once=False)

    async def made_once(self, actor: Actor, asked: Asked) -> bool:
        """Make a report of a window that has none in any edition; whether it did. Raises what ``made`` raises."""
        wanted = self.wanted(asked)
        async with reading(self._pool) as connection:
            if await _newest(connection, wanted) is not None:
                return False
        return (await self._kept(actor, wanted, once=True))[1]

    async def kept(
        self, account: Account, *, kind: ReportKind | None = None, before: int | None = None, limit: int = 50
    ) -> list[Report]:
        """The newest first, before a number; of an enterprise's account its own."""
        require(account, Action.REPORT_READ, account.enterprise_id)
        last = 2**63 - 1 if before is None else before
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_reports"], last, kind, account.enterprise_id, limit)
        return [_report(row) for row in rows]

    async def get(self, account: Account, report_id: UUID) -> Report:
        """One with its data. Raises ``ReportUnknown``."""
        found = await self.found(report_id)
        require(account, Action.REPORT_READ, found.enterprise_id)
        return found

    async def recomputed(self, account: Account, report_id: UUID) -> tuple[Report, bytes]:
        """One, and the data that it would have now. Raises ``ReportUnknown`` and what ``made`` raises."""
        found = await self.get(account, report_id)
        require(account, Action.REPORT_MAKE, found.enterprise_id)
        return found, await self.data(found.wanted)

    async def found(self, report_id: UUID) -> Report:
        """One with its data, for whoever runs the node. Raises ``ReportUnknown``."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_report"], report_id)
        if row is None:
            raise ReportUnknown(f"there is no report {report_id}", report_id=str(report_id))
        return _report(row)

    async def newest(self, limit: int) -> list[Report]:
        """The newest of all, for whoever runs the node."""
        async with reading(self._pool) as connection:
            return [_report(row) for row in await connection.fetch(SQL["list_reports"], 2**63 - 1, None, None, limit)]

    async def data(self, wanted: Wanted) -> bytes:
        """What a report would say now; nothing is kept. Raises what ``made`` raises."""
        async with reading(self._pool) as connection:
            return await data_of(connection, self._ground, wanted, self._clock())

    def wanted(self, asked: Asked) -> Wanted:
        """What is meant. Raises ``ReportUnfit``, ``ProfileUnknown``, ``UploadProfileUnknown``, ``MonthNotOver``."""
        if (asked.enterprise_id is not None) is not (asked.kind is ReportKind.STATEMENT):
            raise ReportUnfit("a statement is an enterprise's, every other report the node's", field="enterprise_id")
        since, until = self._window(asked)
        return Wanted(asked.kind, self.profile_of(asked.kind, asked.profile), asked.enterprise_id, since, until)

    def profile_of(self, kind: ReportKind, profile: str | None) -> str:
        """The profile that is meant, empty for kinds without. Raises ``ReportUnfit``, ``ProfileUnknown``,
        ``UploadProfileUnknown``.
        """
        if kind is ReportKind.ACCEPTANCE:
            return find_profile(self._ground.profiles, profile or self._ground.default_profile).id
        if kind is ReportKind.MASKED:
            return find_upload_profile(self._ground.masks, profile or self._ground.default_masks).id
        if profile:
            raise ReportUnfit("only acceptance and masked statistics go by a profile", field="profile")
        return ""

    def _window(self, asked: Asked) -> tuple[date, date]:
        today = day_of(self._clock())
        since, until = asked.since, asked.until
        if asked.kind is ReportKind.ACCEPTANCE:
            if since is not None:
                raise ReportUnfit("acceptance is judged at one day: give until alone", field="since")
            until = until or today
            since = max(until, _EARLIEST) - timedelta(days=1)  # there is no day before the first of the calendar
        elif since is None and until is None:
            month = last_finished("month", self._clock(), 0)
            since, until = month.since, month.until
        if since is None or until is None:
            raise ReportUnfit("give both days or none", field="until" if until is None else "since")
        if not _EARLIEST <= since < until <= today + timedelta(days=1) or (until - since).days > _MOST_DAYS:
            raise ReportUnfit(
                f"a window has one to {_MOST_DAYS} days that have begun; until is the day after the last",
                field="until",
            )
        if asked.kind is ReportKind.STATEMENT:
            if since.day != 1 or until != (since + timedelta(days=31)).replace(day=1):
                raise ReportUnfit("a statement is of one calendar month", field="since")
            if until > today:
                raise MonthNotOver(f"{since:%Y-%m} is not over", month=f"{since:%Y-%m}")
        return since, until

    async def _kept(self, actor: Actor, wanted: Wanted, *, once: bool) -> tuple[Report, bool]:
        data = await self.data(wanted)
        digest, at = digest_of(data), self._clock()
        async with transaction(self._pool) as connection:
            await connection.execute(SQL["hold_window"], repr(wanted))
            newest = await _newest(connection, wanted)
            if newest is not None and (once or newest.sha256 == digest):
                return newest, False
            report_id, edition = time_ordered_id(at), newest.edition + 1 if newest else 1
            await connection.execute(
                SQL["add_report"], report_id, wanted.kind, wanted.profile, wanted.enterprise_id, wanted.since,
                wanted.until, edition, packed(data), digest, at, actor.account_id,
            )  # fmt: skip
            after = {
                "kind": str(wanted.kind), "profile": wanted.profile, "enterprise_id": wanted.enterprise_id,
                "since": wanted.since, "until": wanted.until, "edition": edition, "sha256": digest.hex(),
            }  # fmt: skip
            act = Act(Action.REPORT_MAKE, "report", str(report_id), after=after)
            await record_act(connection, actor, act, at)
            made = await _newest(connection, wanted)
        assert made is not None, "it was written just now"
        log.info("report_made", report_id=str(report_id), kind=str(wanted.kind), edition=edition, sha256=digest.hex())
        return made, True


async def _newest(connection: Connection, wanted: Wanted) -> Report | None:
    row = await connection.fetchrow(
        SQL["newest_edition"], wanted.kind, wanted.profile, wanted.enterprise_id, wanted.since, wanted.until
    )
    return None if row is None else _report(row)


def _report(row: Mapping[str, Any]) -> Report:
    fields = dict(row)
    body = fields.pop("body", None)
    data = unpacked(body, _LARGEST) if body is not None else b""
    return Report(**fields | {"kind": ReportKind(fields["kind"]), "data": data})
