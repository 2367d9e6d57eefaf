"""All figures of a simulated year, against what the test reckons from the diary alone."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from random import Random

from admin.acceptance.acceptance import Acceptance
from admin.acceptance.evaluation import Light
from admin.acceptance.profiles import Operator, read_profiles
from node.database import Pool
from node.founding import found
from tests.support.simulated_year import SILENT, Diary, Enterprise, SimulatedYear, in_china
from tests.support.world import Clock

ASKED_AT = (
    date(2025, 12, 2), date(2026, 1, 1), date(2026, 4, 1), date(2026, 9, 17), date(2026, 11, 6), date(2027, 1, 1),
)  # fmt: skip


def reckoned(diary: Diary, at: date) -> dict[str, Fraction]:
    """Every figure by its definition, from the diary's rows before the midnight with which a date begins in China."""
    new_year = date((at - timedelta(days=1)).year, 1, 1)

    def resolved(first: date) -> int:
        return sum(row.resolutions for row in diary.resolved if row.found and first <= in_china(row.at) < at)

    def standing(one: Enterprise) -> bool:
        ended = [moment for moment in (one.suspended, one.prefix_suspended) if moment is not None]
        return in_china(one.joins) < at and not any(in_china(moment) < at for moment in ended)

    connected = [
        in_china(one.registers)
        for one in diary.enterprises
        if standing(one) and one.registers and in_china(one.registers) < at
    ]
    routed = [one for one in diary.enterprises if standing(one) and one.routed and in_china(one.routed) < at]
    registered = [row for row in diary.registered if in_china(row.at) < at]
    figures = {
        "enterprises.connected": len(connected),
        "enterprises.new_in_year": sum(day >= new_year for day in connected),
        "enterprises.enterprise_nodes": len(routed),
        "registrations.live": sum(row.registered - row.deleted for row in registered),
        "registrations.new_in_year": sum(row.first for row in registered if in_china(row.at) >= new_year),
        "resolutions.daily_mean_30": Fraction(resolved(at - timedelta(days=30)), 30),
        "resolutions.daily_mean_year": Fraction(resolved(new_year), (at - new_year).days),
        "resolutions.total": resolved(date.min),
        "resolutions.total_in_year": resolved(new_year),
        "resolutions.daily": resolved(at - timedelta(days=1)),
    }
    return {name: Fraction(value) for name, value in figures.items()}


async def test_acceptance_figures_of_a_simulated_year_are_those_of_an_independent_calculation(
    database_url: str, pool: Pool
) -> None:
    year = SimulatedYear(pool, Random(20260101))
    await found(database_url, laboratory=True, at=year.begins)
    await year.lived()
    await year.note_silence()
    profiles = read_profiles(None)
    acceptance = Acceptance(pool, Clock(year.ends), profiles, "ningbo")
    lights = set()
    for at in ASKED_AT:
        figures = reckoned(year.diary, at)
        for profile in profiles:
            told = await acceptance.judge(profile, at)
            assert told.laboratory
            assert not told.provisional
            for judged in told.judged:
                criterion, truth = judged.criterion, figures[judged.criterion.figure]
                where = f"{profile} {criterion.figure} {at}"
                assert judged.measured.value == truth, where
                more = criterion.operator is Operator.GT
                assert judged.met is (truth > criterion.threshold if more else truth >= criterion.threshold), where
                assert not judged.evidence.unclosed, where
                assert not judged.evidence.differing, where
                lights.add(judged.light)
    assert lights == set(Light)
    ningbo = await acceptance.judge("ningbo", date(2026, 9, 17))
    mean = ningbo.judged[2]
    assert set(mean.measured.missing) == {day for day in SILENT if day.month == 9}
    assert [doubt.code for doubt in mean.doubts][:2] == ["missing_days", "gaps"]
    corrected = await pool.fetchval("SELECT count(*) FROM day_closing WHERE edition > 1 AND reason = 'late_data'")
    assert corrected > 50
