"""An evaluation as it is answered: ``/v1/acceptance`` and ``biaoshi acceptance --json`` say the same to the digit."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Self

from admin.acceptance.evaluation import Doubt, Evaluation, Evidence, Judged, Light
from admin.acceptance.figures import FIGURES, Beside
from admin.acceptance.forecast import FITTED_DAYS, SURENESS, Forecast, Method
from admin.acceptance.profiles import Operator, Paper, Profile
from admin.statistics.rule_text import rule_text
from admin.statistics.rules import Rule
from node.resolutions import LABORATORY_MARK
from registry.api.v1.fields import View

_PLACES = Decimal("0.01")


class ProfileList(View):
    """Every profile with its criteria and papers."""

    items: list[Profile]


class ProfileView(View):
    """The profile that was judged."""

    id: str
    name_zh: str
    name_en: str
    place: str
    basis: str
    mark: str
    year: int | None
    note_zh: str
    note_en: str


class RuleView(View):
    """By what rule the last day was counted."""

    version: int
    effective_day: date
    text: list[str]

    @classmethod
    def of(cls, rule: Rule) -> Self:
        """The answer about a rule."""
        return cls(version=rule.version, effective_day=rule.effective_day, text=list(rule_text(rule)))


class ForecastView(View):
    """The day at whose end the threshold is reached, and the interval; null is an open end."""

    day: date | None
    earliest: date | None
    latest: date | None
    sureness: float
    method: Method
    fitted_days: int

    @classmethod
    def of(cls, forecast: Forecast) -> Self:
        """The answer about a forecast."""
        return cls(
            day=forecast.day, earliest=forecast.earliest, latest=forecast.latest, sureness=SURENESS,
            method=forecast.method, fitted_days=FITTED_DAYS,
        )  # fmt: skip


class BesideView(View):
    """What event files say: of so many valid resolutions which repeat nothing, and which are conspicuous.

    ``known_days`` have such files, of ``data_days`` with resolutions.
    """

    valid: int
    deduplicated: int
    flagged: int
    flagged_share: float
    known_days: int
    data_days: int

    @classmethod
    def of(cls, beside: Beside) -> Self:
        """The answer about them."""
        return cls(
            valid=beside.valid, deduplicated=beside.deduplicated, flagged=beside.flagged,
            flagged_share=round(float(beside.flagged_share), 4), known_days=beside.known_days,
            data_days=beside.data_days,
        )  # fmt: skip


class ClosingView(View):
    """The newest closed day of a figure."""

    day: date
    edition: int
    sha256: str


class EvidenceView(View):
    """``sha256`` is that of a line ``day edition sha256`` for each closed day; see docs/acceptance.md."""

    closed: int
    unclosed: list[date]
    differing: list[date]
    sha256: str
    newest: ClosingView | None

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """The answer about the closed days."""
        newest = evidence.newest
        return cls(
            closed=evidence.closed, unclosed=list(evidence.unclosed), differing=list(evidence.differing),
            sha256=evidence.sha256,
            newest=ClosingView(day=newest[0], edition=newest[1], sha256=newest[2]) if newest else None,
        )  # fmt: skip


class GapView(View):
    """When resolutions may have gone uncounted."""

    cause: str
    began_at: datetime
    ended_at: datetime


class DoubtView(View):
    """Why a figure asks for an explanation."""

    code: str
    text_zh: str
    text_en: str

    @classmethod
    def of(cls, doubt: Doubt) -> Self:
        """The answer about one."""
        return cls(code=doubt.code, text_zh=doubt.text_zh, text_en=doubt.text_en)


class PointView(View):
    """The figure at the end of a day."""

    day: date
    value: int | float


class CriterionView(View):
    """One criterion judged: ``value`` against ``threshold``; a mean is ``sum`` by ``days``, with two decimals.

    ``net_value`` is the value without conspicuous resolutions, null where event files do not have them all;
    ``per_day`` is the slope of the last 30 values.
    """

    id: str
    title_zh: str
    title_en: str
    figure: str
    figure_zh: str
    figure_en: str
    operator: Operator
    threshold: int
    value: int | float
    met: bool
    light: Light
    sum: int
    days: int
    first_day: date
    last_day: date
    net_value: int | float | None
    beside: BesideView | None
    per_day: float | None
    forecast: ForecastView | None
    doubts: list[DoubtView]
    missing_days: list[date]
    gaps: list[GapView]
    evidence: EvidenceView
    series: list[PointView]

    @classmethod
    def of(cls, judged: Judged) -> Self:
        """The answer about one criterion."""
        criterion, measured = judged.criterion, judged.measured
        figure = FIGURES[criterion.figure]
        return cls(
            id=criterion.id,
            title_zh=criterion.title_zh,
            title_en=criterion.title_en,
            figure=criterion.figure,
            figure_zh=figure.title_zh,
            figure_en=figure.title_en,
            operator=criterion.operator,
            threshold=criterion.threshold,
            value=_number(measured.value),
            met=judged.met,
            light=judged.light,
            sum=measured.sum,
            days=measured.days,
            first_day=measured.first,
            last_day=measured.last,
            net_value=None if measured.net is None else _number(measured.net),
            beside=None if measured.beside is None else BesideView.of(measured.beside),
            per_day=None if judged.per_day is None else round(judged.per_day, 2),
            forecast=None if judged.forecast is None else ForecastView.of(judged.forecast),
            doubts=[DoubtView.of(doubt) for doubt in judged.doubts],
            missing_days=list(measured.missing),
            gaps=[GapView(cause=gap.cause, began_at=gap.began_at, ended_at=gap.ended_at) for gap in judged.gaps],
            evidence=EvidenceView.of(judged.evidence),
            series=[PointView(day=day, value=_number(value)) for day, value in measured.series],
        )


class EvaluationView(View):
    """A profile judged at the first moment of a day in China; what counts are the whole days before it.

    ``provisional`` says that the last of them is not over yet; ``mark`` is 实验数据 on a laboratory node. Papers are
    asked for too; people hand them in, and nothing here judges them.
    """

    profile: ProfileView
    at: date
    last_day: date
    time_zone: str
    provisional: bool
    laboratory: bool
    mark: str
    as_of: datetime
    met: bool
    light: Light
    rule: RuleView | None
    criteria: list[CriterionView]
    papers: list[Paper]

    @classmethod
    def of(cls, evaluation: Evaluation) -> Self:
        """The answer about an evaluation."""
        profile = evaluation.profile
        return cls(
            profile=ProfileView.model_validate(profile, from_attributes=True),
            at=evaluation.at,
            last_day=evaluation.last_day,
            time_zone="Asia/Shanghai",
            provisional=evaluation.provisional,
            laboratory=evaluation.laboratory,
            mark=LABORATORY_MARK if evaluation.laboratory else "",
            as_of=evaluation.as_of,
            met=evaluation.met,
            light=evaluation.light,
            rule=None if evaluation.rule is None else RuleView.of(evaluation.rule),
            criteria=[CriterionView.of(judged) for judged in evaluation.judged],
            papers=profile.papers,
        )


def _number(value: Fraction) -> int | float:
    """Whole as it is, otherwise with two decimals, halves up."""
    if value.denominator == 1:
        return value.numerator
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return float(exact.quantize(_PLACES, ROUND_HALF_UP))
