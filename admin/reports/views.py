"""What ``/v1/reports`` answers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel

from admin.reports.kinds import KIND_TITLES, ReportKind
from admin.reports.making import Ground
from admin.reports.reports import Report
from admin.reports.schedules import Schedule
from admin.uploads.periods import Every
from registry.api.v1.fields import View


class ReportView(View):
    """One edition: the days from ``since`` to before ``until``; ``sha256`` is that of its data in canonical form.

    ``made_by`` is null for the node itself.
    """

    report_id: UUID
    kind: ReportKind
    profile: str
    enterprise_id: UUID | None
    enterprise: str | None
    since: date
    until: date
    edition: int
    sha256: str
    made_at: datetime
    made_by: UUID | None

    @classmethod
    def of(cls, report: Report) -> Self:
        """The answer about one, without its data."""
        return cls(
            report_id=report.report_id, kind=report.kind, profile=report.profile, enterprise_id=report.enterprise_id,
            enterprise=report.enterprise, since=report.since, until=report.until, edition=report.edition,
            sha256=report.sha256.hex(),
            made_at=report.made_at, made_by=report.made_by,
        )  # fmt: skip


class ReportList(View):
    items: list[ReportView]
    next_cursor: str | None


class ReportWithData(View):
    """One with its data; see docs/reports.md."""

    report: ReportView
    data: dict[str, Any]


class ComparisonView(View):
    """A report worked out again from the records as they are: ``differences`` are the first paths that differ."""

    same: bool
    sha256: str
    differences: list[str]


class ProfileChoice(BaseModel):
    id: str
    name_zh: str
    name_en: str


class KindView(View):
    """A kind of report and the profiles that it can go by; ``default_profile`` is empty for kinds without."""

    kind: ReportKind
    title_zh: str
    title_en: str
    profiles: list[ProfileChoice]
    default_profile: str


class KindList(View):
    items: list[KindView]

    @classmethod
    def of(cls, ground: Ground) -> Self:
        """The answer about all kinds."""
        acceptance = [_choice(one.id, one.name_zh, one.name_en) for one in ground.profiles.values()]
        masks = [_choice(one.id, one.name_zh, one.name_en) for one in ground.masks.values()]
        profiles = {
            ReportKind.ACCEPTANCE: (acceptance, ground.default_profile),
            ReportKind.MASKED: (masks, ground.default_masks),
        }
        items = []
        for kind, (zh, en) in KIND_TITLES.items():
            choices, default = profiles.get(kind, ([], ""))
            items.append(KindView(kind=kind, title_zh=zh, title_en=en, profiles=choices, default_profile=default))
        return cls(items=items)


def _choice(name: str, zh: str, en: str) -> ProfileChoice:
    return ProfileChoice(id=name, name_zh=zh, name_en=en)


class ScheduleView(View):
    """``day`` of the week (Monday is 1) or month, ``hour`` of China; ``next_at`` is null while it is off.

    ``version`` is 0 as long as it was never set.
    """

    kind: ReportKind
    profile: str
    enabled: bool
    every: Every
    day: int
    hour: int
    made_until: date | None
    next_at: datetime | None
    version: int
    updated_at: datetime | None

    @classmethod
    def of(cls, schedule: Schedule, at: datetime) -> Self:
        """The answer about one, at a time."""
        return cls(
            kind=schedule.kind, profile=schedule.profile, enabled=schedule.enabled, every=schedule.every,
            day=schedule.day, hour=schedule.hour, made_until=schedule.made_until, next_at=schedule.next_at(at),
            version=schedule.version, updated_at=schedule.updated_at,
        )  # fmt: skip


class ScheduleList(View):
    items: list[ScheduleView]
