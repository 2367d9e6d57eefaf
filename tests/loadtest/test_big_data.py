"""The benches of storage and of work on big data, on few rows: what they say was done stands, answers stay right."""

from __future__ import annotations

import asyncio

import pytest

from loadtest import bench_online, bench_storage, growth
from loadtest.big_work import WORK
from loadtest.compression import compare
from loadtest.growth import Growth, Stretch, check_room, marks_of

pytestmark = pytest.mark.system


def test_the_stock_is_looked_at_when_it_is_1_2_5_10_and_20_times_the_first_window() -> None:
    million = 1_000_000
    assert marks_of(20 * million) == (million, [million, 2 * million, 5 * million, 10 * million, 20 * million])
    assert marks_of(1_000) == (200, [200, 400, 1_000])


def test_a_disk_without_room_is_told_with_figures_before_anything_begins() -> None:
    with pytest.raises(SystemExit, match=r"10,000,000,000,000 rows need [\d.]+ GB below .*; [\d.]+ GB are free"):
        check_room(10**13)


def test_a_rate_below_half_of_its_first_value_ends_with_the_order_that_fell() -> None:
    def course(order: str, last: float) -> Growth:
        windows = {1: Stretch(100, 1.0, 0, 0, 0), 2: Stretch(100, last, 0, 0, 0)}
        return Growth(order, windows, {}, {}, 0)

    bench_storage.judge([course("sequential", 1.9)])
    with pytest.raises(SystemExit, match=r"half of its first value: random$"):
        bench_storage.judge([course("sequential", 1.9), course("random", 2.1)])


async def test_growth_tells_what_rows_of_either_order_take() -> None:
    grown = await growth.grow("random", 1_000, lambda _: None)
    assert list(grown.windows) == [200, 400, 1_000]
    assert all(window.rate > 0 and window.wal > 0 for window in grown.windows.values())
    assert {"identifier", "identifier.identifier_unique", "identifier_history", "event"} <= grown.sizes.keys()
    assert grown.settings["fsync"] == "on"


async def test_packed_records_come_back_and_a_dictionary_saves_most() -> None:
    ways = await compare(240, 400)
    for industry in {way.industry for way in ways}:
        plain, postgresql, packed, with_dictionary = (way.record for way in ways if way.industry == industry)
        assert with_dictionary < packed < plain == postgresql


def test_every_piece_of_work_is_done_while_all_resolutions_are_right(capsys: pytest.CaptureFixture[str]) -> None:
    lines = asyncio.run(bench_online.bench(2_000, 50, list(WORK), quiet_seconds=0.2, least_seconds=0.2))
    assert [line.name for line in lines] == ["quiet", *WORK, "quiet"]
    assert all(line.calm.asked > 0 for line in lines)
    told = {line.name: line.did for line in lines}
    assert told["deletion"] == told["suspension"] == "10 identifiers, previewed and done"
    assert "no row written" in told["prefix"]
    assert told["export"].startswith("2,010 rows")
    assert told["retention"] == "160 old rows"
    assert "| backup: " in capsys.readouterr().out
