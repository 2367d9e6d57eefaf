"""The laboratory clock: wound once, the same for everybody, never back; and the settings that wind it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from node.config import InvalidSettings, load
from node.database import DatabaseAway, open_pool
from node.laboratory_clock import Clock, clock_of, wind

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)
NEAR = timedelta(minutes=5)  # at most a second passes at these rates


async def wound(url: str, origin: datetime | None, rate: float) -> datetime:
    clock = await wind(url, origin, rate)
    assert clock is not None
    return clock.now()


async def acts(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch("SELECT at, after FROM act_history ORDER BY act_id"))
    finally:
        await connection.close()


def test_it_runs_as_fast_as_it_was_told() -> None:
    now = time.monotonic()
    clock = Clock(now - 10, 1_000_000.0, 1440)
    assert clock.time() == pytest.approx(1_000_000 + 14_400, abs=1440)
    assert clock.now() <= clock.now()
    assert Clock.of_told(clock.told) == clock


async def test_a_node_without_settings_has_the_time_of_day(database_url: str) -> None:
    assert await wind(database_url, None, 1) is None
    assert await acts(database_url) == []
    pool = await open_pool(database_url, "biaoshi_writer", size=1, seconds=5, name="test")
    try:
        assert abs((await clock_of(pool))() - datetime.now(UTC)) < NEAR
    finally:
        await pool.close()


async def test_it_begins_at_its_origin_and_goes_on_after_a_restart(database_url: str) -> None:
    first = await wound(database_url, ORIGIN, 60)
    assert ORIGIN <= first < ORIGIN + NEAR
    second = await wound(database_url, ORIGIN, 60)
    assert first < second < ORIGIN + NEAR
    assert len(await acts(database_url)) == 1, "the same settings do not wind it again"


async def test_another_rate_goes_on_from_what_it_showed(database_url: str) -> None:
    first = await wound(database_url, ORIGIN, 60)
    faster = await wound(database_url, ORIGIN, 120)
    assert first < faster < ORIGIN + NEAR
    assert len(await acts(database_url)) == 2


async def test_an_earlier_origin_does_not_turn_it_back_and_a_later_one_sets_it_forward(database_url: str) -> None:
    first = await wound(database_url, ORIGIN, 60)
    assert first < await wound(database_url, ORIGIN - timedelta(days=9), 60) < ORIGIN + NEAR
    later = ORIGIN + timedelta(days=30)
    assert later <= await wound(database_url, later, 60) < later + NEAR


async def test_a_clock_ahead_of_the_time_of_day_does_not_fall_back_to_it(database_url: str) -> None:
    ahead = datetime.now(UTC) + timedelta(days=9)
    await wound(database_url, ahead, 60)
    assert await wound(database_url, None, 1) > ahead


async def test_a_command_beside_the_node_reads_what_the_node_was_wound_to(database_url: str) -> None:
    node = await wind(database_url, ORIGIN, 60)
    assert node is not None
    pool = await open_pool(database_url, "biaoshi_writer", size=1, seconds=5, name="test")
    try:
        beside = await clock_of(pool)
        assert abs(beside() - node.now()) < timedelta(seconds=30)
    finally:
        await pool.close()


async def test_a_database_that_is_away_is_called_that(tmp_path: Path) -> None:
    with pytest.raises(DatabaseAway):
        await wind(f"postgresql:///nothing?host={tmp_path}", ORIGIN, 60)


@pytest.mark.parametrize("line", ["clock_rate = 60", "clock_origin = 2026-01-01T00:00:00+08:00"])
def test_only_a_laboratory_has_one(tmp_path: Path, line: str) -> None:
    file = tmp_path / "node.toml"
    file.write_text(f"[laboratory]\n{line}\n")
    with pytest.raises(InvalidSettings, match=r"need node\.laboratory"):
        load(file)
    file.write_text(f"[node]\nlaboratory = true\n[laboratory]\n{line}\n")
    assert load(file).node.laboratory


@pytest.mark.parametrize("line", ["clock_rate = 0.5", "clock_rate = 100001", "clock_origin = 2026-01-01T00:00:00"])
def test_a_clock_that_could_go_back_or_has_no_zone_is_a_fault(tmp_path: Path, line: str) -> None:
    file = tmp_path / "node.toml"
    file.write_text(f"[node]\nlaboratory = true\n[laboratory]\n{line}\n")
    with pytest.raises(InvalidSettings, match=r"laboratory\.clock"):
        load(file)
