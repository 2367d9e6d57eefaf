"""A profile judged at a date: value, threshold, light, trend, forecast, evidence, doubts.

A date stands for its first moment in China: what counts are the whole days before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from admin.acceptance.book import Book, Gap, dates, read_book
from admin.acceptance.figures import FIGURES, Level, Measured
from admin.acceptance.forecast import Forecast, slope_of
from admin.acceptance.profiles import Criterion, Profile
from admin.statistics.rules import Rule, rule_of
from node.china_time import day_of
from node.database import Connection

SOON = timedelta(days=90)
"""What is not met, but will be within these, is yellow."""

MOST_FLAGGED = Fraction(1, 5)
"""Of the resolutions of a criterion; more ask for an explanation."""


class Light(StrEnum):
    """``green``: met and nothing speaks against it; ``yellow``: met with doubts, or soon; ``red``: not met."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a figure asks for an explanation; ``code`` is one word."""

    code: str
    text_zh: str
    text_en: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The closed days that a figure is made of.

    ``sha256`` is that of a line ``day edition sha256`` (hexadecimal, ended by a line feed) for the newest edition of
    each of them. ``differing`` were closed with other figures than they have now.
    """

    closed: int
    unclosed: tuple[date, ...]
    differing: tuple[date, ...]
    sha256: str
    newest: tuple[date, int, str] | None


@dataclass(frozen=True, slots=True)
class Judged:
    """One criterion and what the node has of it; ``per_day`` is the slope of the figure's last 30 values."""

    criterion: Criterion
    measured: Measured
    met: bool
    light: Light
    doubts: tuple[Doubt, ...]
    gaps: tuple[Gap, ...]
    evidence: Evidence
    per_day: float | None
    forecast: Forecast | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A profile at a date; ``provisional`` when its last day was not over at ``as_of``."""

    profile: Profile
    at: date
    provisional: bool
    laboratory: bool
    as_of: datetime
    rule: Rule | None
    judged: tuple[Judged, ...]

    @property
    def last_day(self) -> date:
        """The last day that counts."""
        return self.at - timedelta(days=1)

    @property
    def met(self) -> bool:
        """Whether every criterion is."""
        return all(one.met for one in self.judged)

    @property
    def light(self) -> Light:
        """The worst of them."""
        lights = {one.light for one in self.judged}
        return next(light for light in (Light.RED, Light.YELLOW, Light.GREEN) if light in lights)


async def evaluate(connection: Connection, profile: Profile, at: date, as_of: datetime) -> Evaluation:
    """The profile at the first moment of ``at`` in China, told at ``as_of``."""
    book = await read_book(connection, at)
    return Evaluation(
        profile=profile,
        at=at,
        provisional=book.last >= day_of(as_of),
        laboratory=book.laboratory,
        as_of=as_of,
        rule=await rule_of(connection, book.last),
        judged=tuple(judge(book, criterion) for criterion in profile.criteria),
    )


def judge(book: Book, criterion: Criterion) -> Judged:
    """One criterion by the book."""
    figure = FIGURES[criterion.figure]
    measured = figure.measure(book)
    met = criterion.met_by(measured.value)
    counts_resolutions = measured.beside is not None
    gaps = book.gaps_within(measured.first, measured.last) if counts_resolutions else ()
    evidence = _evidence(book, measured, summed=not isinstance(figure, Level))
    doubts = tuple(_doubts(measured, gaps, evidence))
    forecast = None
    if not met:
        forecast = figure.forecast(book, measured, lambda value: criterion.met_by(Fraction(value)))
    if met:
        light = Light.YELLOW if doubts else Light.GREEN
    else:
        soon = forecast is not None and forecast.day is not None and forecast.day - book.last <= SOON
        light = Light.YELLOW if soon else Light.RED
    per_day = slope_of([float(value) for _, value in measured.series])
    return Judged(criterion, measured, met, light, doubts, gaps, evidence, per_day, forecast)


def _evidence(book: Book, measured: Measured, *, summed: bool) -> Evidence:
    """``summed`` figures need every day closed since there is anything, levels none."""
    lines, closed, unclosed, differing = [], 0, [], []
    newest = None
    for day in dates(measured.first, measured.last):
        known = book.day(day)
        if known.closed is None:
            if summed and day >= book.first:
                unclosed.append(day)
            continue
        closed += 1
        newest = (day, known.closed.edition, known.closed.sha256.hex())
        lines.append("{} {} {}\n".format(*newest))
        if known.differs:
            differing.append(day)
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    return Evidence(closed, tuple(unclosed), tuple(differing), digest, newest)


def _doubts(measured: Measured, gaps: tuple[Gap, ...], evidence: Evidence) -> Iterator[Doubt]:
    beside = measured.beside
    if beside is not None and beside.flagged_share > MOST_FLAGGED:
        share = f"{float(beside.flagged_share):.1%}"
        yield Doubt("flags", f"{share} 的有效解析被标记为异常", f"{share} of the valid resolutions are conspicuous")
    if missing := len(measured.missing):
        yield Doubt("missing_days", f"{missing} 天无数据，按 0 计", f"days without data, counted 0: {missing}")
    if gaps:
        seconds = sum((gap.ended_at - gap.began_at).total_seconds() for gap in gaps)
        yield Doubt(
            "gaps",
            f"{len(gaps)} 次计数中断，共 {seconds:.0f} 秒，未补数",
            f"gaps: {len(gaps)}, of {seconds:.0f} s in all; nothing was put in their place",
        )
    if unclosed := len(evidence.unclosed):
        yield Doubt("unclosed_days", f"{unclosed} 天尚未日结", f"days not closed yet: {unclosed}")
    if differing := len(evidence.differing):
        yield Doubt(
            "differing_days",
            f"{differing} 天的数字与日结不符",
            f"days with other figures than they were closed with: {differing}",
        )
