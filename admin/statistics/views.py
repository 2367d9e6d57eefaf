"""What the series of the statistics answer: rows, and around them what every answer says of itself."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field

from admin.statistics.questions import Span
from admin.statistics.registrations import RegistrationRow
from admin.statistics.statistics import Frame
from node.resolutions import LABORATORY_MARK
from registry.api.v1.fields import View

TIME_ZONE = "Asia/Shanghai"
_Known = Annotated[int | None, Field(description="null where no event file was looked through")]


class RowView(View):
    """A row of an answer, made from the value of the same fields."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class FiguresView(View):
    """Days are those of China, both included; ``mark`` is 实验数据 on a laboratory node, else null."""

    laboratory: bool
    mark: str | None
    rule_version: Annotated[int | None, Field(description="rule of counting of the last day; null before the first")]
    time_zone: str
    as_of: datetime
    since: date
    until: date


def framed(frame: Frame, span: Span) -> dict[str, Any]:
    """The fields of ``FiguresView``."""
    return {
        "laboratory": frame.laboratory,
        "mark": LABORATORY_MARK if frame.laboratory else None,
        "rule_version": frame.rule_version,
        "time_zone": TIME_ZONE,
        "as_of": frame.as_of,
        "since": span.since,
        "until": span.until,
    }


# Series ------------------------------------------------------------------------------------------------


class ResolutionsRowView(RowView):
    """``examined``: of how many valid resolutions the de-duplicated and the flagged ones are known."""

    key: str
    name: str
    raw: int
    valid: int
    examined: _Known
    deduplicated: _Known
    flagged: _Known
    net: _Known


class ResolutionsView(FiguresView):
    by: str
    items: list[ResolutionsRowView]


class RegistrationsRowView(RowView):
    """``net`` is registered less deleted; ``moved_in`` and ``moved_out`` are told by template only."""

    key: str
    name: str
    registered: int
    first_registered: int
    updated: int
    deleted: int
    suspended: int
    resumed: int
    moved_in: int
    moved_out: int
    net: int

    @classmethod
    def of(cls, row: RegistrationRow) -> Self:
        """The answer about one row."""
        counts = row.counts
        return cls(
            key=row.key,
            name=row.name,
            registered=counts.registered,
            first_registered=counts.first_registered,
            updated=counts.updated,
            deleted=counts.deleted,
            suspended=counts.suspended,
            resumed=counts.resumed,
            moved_in=counts.moved_in,
            moved_out=counts.moved_out,
            net=counts.net,
        )


class RegistrationsView(FiguresView):
    by: str
    items: list[RegistrationsRowView]


# Tops and hours ------------------------------------------------------------------------------------------


class LeaderView(RowView):
    """Clients and networks are keyed hashes that change every month."""

    key: str
    name: str
    valid: int


class TopView(FiguresView):
    """Of prefixes and enterprises exact. Of the others, who missed the list of a day may have more than is said."""

    of: str
    items: list[LeaderView]


class HourView(RowView):
    hour: int
    raw: int
    valid: int


class HoursView(FiguresView):
    items: list[HourView]
