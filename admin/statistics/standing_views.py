"""What the statistics answer about gaps, closed days, rules, enterprises and the node as a whole."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from admin.statistics.closing import Closing
from admin.statistics.counts import MeanOfDays
from admin.statistics.rule_text import rule_text
from admin.statistics.rules import Rule
from admin.statistics.statistics import Summary
from admin.statistics.views import FiguresView, RowView


class GapView(RowView):
    """``cause``: killed (a process), machine, no_evidence (counted without event file), damaged (a file), late."""

    gap_id: int
    recorder_id: UUID
    boot_id: UUID
    cause: str
    began_at: datetime
    ended_at: datetime
    noted_at: datetime


class GapsView(FiguresView):
    items: list[GapView]
    next_cursor: str | None


class ClosedDayView(RowView):
    """One edition of a closed day; ``reason`` is empty for the first, then why there is another."""

    day: date
    edition: int
    sha256: str
    rule_version: int
    reason: str
    closed_at: datetime
    raw: int
    valid: int
    deduplicated: int | None
    flagged: int | None

    @classmethod
    def of(cls, closing: Closing) -> Self:
        """The answer about one edition."""
        figures = closing.figures
        return cls(
            day=closing.day,
            edition=closing.edition,
            sha256=closing.sha256.hex(),
            rule_version=closing.rule_version,
            reason=closing.reason,
            closed_at=closing.closed_at,
            raw=figures["raw"],
            valid=figures["valid"],
            deduplicated=figures["deduplicated"],
            flagged=figures["flagged"],
        )


class ClosedDaysView(FiguresView):
    """``open_days``: days of this node that are over and not closed yet."""

    items: list[ClosedDayView]
    open_days: list[date]


class EditionView(ClosedDayView):
    """With everything that was closed; ``sha256`` is that of ``figures`` as canonical JSON."""

    figures: dict[str, Any]

    @classmethod
    def whole(cls, closing: Closing) -> Self:
        """The answer about one edition with all its figures."""
        return cls(**ClosedDayView.of(closing).model_dump(), figures=dict(closing.figures))


class EditionsView(FiguresView):
    items: list[EditionView]


class RuleView(RowView):
    """``text``: the rule in sentences, Chinese with English beside."""

    version: int
    effective_day: date
    recorded_at: datetime
    definition: dict[str, Any]
    text: list[str]

    @classmethod
    def of(cls, rule: Rule) -> Self:
        """The answer about one rule."""
        return cls(
            version=rule.version,
            effective_day=rule.effective_day,
            recorded_at=rule.recorded_at,
            definition=dict(rule.definition),
            text=list(rule_text(rule)),
        )


class RulesView(FiguresView):
    items: list[RuleView]


# Enterprises and the whole -------------------------------------------------------------------------------


class EnterpriseFiguresView(RowView):
    """At the end of ``day``."""

    day: date
    total: int
    approved: int
    connected: int
    active: int
    enterprise_nodes: int
    new_in_year: int


class StandingView(RowView):
    """One enterprise; ``connected_on`` is the day of its first registration."""

    enterprise_id: UUID
    name: str
    industry_code: str
    state: str
    prefixes: int
    connected_on: date | None
    approved: bool
    connected: bool
    active: bool
    enterprise_node: bool
    new_in_year: bool


class EnterprisesView(FiguresView):
    figures: EnterpriseFiguresView
    items: list[StandingView]
    next_cursor: str | None


class TotalsView(RowView):
    raw: int
    valid: int


class MeanView(RowView):
    """The mean of so many whole days; those in ``missing`` counted nothing and stand as 0 in it."""

    since: date
    until: date
    valid: int
    mean: float
    missing: list[date]

    @classmethod
    def of(cls, mean: MeanOfDays) -> Self:
        """The answer about one mean."""
        return cls(
            since=mean.span.since,
            until=mean.span.until,
            valid=mean.valid,
            mean=round(mean.mean, 2),
            missing=list(mean.missing),
        )


class SummaryView(FiguresView):
    """Where the node, or an enterprise, stands; ``enterprises`` is null for one enterprise."""

    resolutions_today: TotalsView
    resolutions_yesterday: TotalsView
    last_30_days: MeanView
    resolutions_ever: TotalsView
    registrations_live: int
    registrations_today: int
    registrations_new_in_year: int
    enterprises: EnterpriseFiguresView | None


def summary_fields(summary: Summary) -> dict[str, Any]:
    """The fields of ``SummaryView`` beyond the frame."""
    figures = summary.enterprises
    return {
        "resolutions_today": TotalsView.model_validate(summary.resolutions_today),
        "resolutions_yesterday": TotalsView.model_validate(summary.resolutions_yesterday),
        "last_30_days": MeanView.of(summary.last_30_days),
        "resolutions_ever": TotalsView.model_validate(summary.resolutions_ever),
        "registrations_live": summary.registrations_live,
        "registrations_today": summary.registrations_today,
        "registrations_new_in_year": summary.registrations_new_in_year,
        "enterprises": None if figures is None else EnterpriseFiguresView.model_validate(figures),
    }
