"""The bench of the cache, in small: its parts run and say what they measured."""

from __future__ import annotations

from loadtest.bench_cache import Occupied, apart, costs, memory, pauses, ratios


async def test_each_part_measures_and_says_so() -> None:
    rows = [*ratios(500, 4000), *costs(300, 300, 1), *await memory(1 << 20, [20])]
    rows += await pauses(2000, 2000, 1, plain=True)
    assert all(row.ours > 0 for row in rows)
    assert {row.unit for row in rows} == {"share", "ns", "bytes", "MiB", "ms"}
    assert len({(row.path, row.beside) for row in rows}) == len(rows)


async def test_the_memory_that_is_counted_is_what_the_process_grows_by() -> None:
    bound = 24 << 20
    found = Occupied(*await apart("occupied", 0, bound))  # records of all sizes
    assert found.counted <= bound
    assert 0.8 * bound < found.resident < 1.15 * bound
