"""Totals are written as they stand: in whatever order and however often that happens, the sums are the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.database import open_pool, transaction
from node.resolutions import Outcome
from resolver.counting.counters_format import Total
from resolver.counting.writing import write_totals

MINUTE = 29_500_000
KEYS = [(MINUTE + number % 3, f"88.101.{number % 2}") for number in range(6)]

Flush = tuple[UUID, list[Total]]


@st.composite
def histories(draw: st.DrawFn) -> tuple[Counter[tuple[int, str]], list[Flush]]:
    """What some starts counted, and what they wrote of it: as it happened, then delayed, repeated, in any order."""
    truth: Counter[tuple[int, str]] = Counter()
    written: list[Flush] = []
    for _ in range(draw(st.integers(1, 3))):
        boot_id, totals = uuid4(), Counter[tuple[int, str]]()
        for counted in draw(st.lists(st.lists(st.sampled_from(KEYS), max_size=8), min_size=1, max_size=5)):
            totals.update(counted)
            changed = set(counted)
            written.append((boot_id, [Total(*key, 4, Outcome.HIT, totals[key]) for key in changed]))
        truth.update(totals)
    late = draw(st.lists(st.sampled_from(written), max_size=10))
    return truth, draw(st.permutations([*written, *late]))


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories())
def test_any_order_and_repetition_of_writes_gives_the_same_totals(
    runner: asyncio.Runner, database_url: str, history: tuple[Counter[tuple[int, str]], list[Flush]]
) -> None:
    truth, flushes = history

    async def write_and_sum() -> Counter[tuple[int, str]]:
        pool = await open_pool(database_url, "biaoshi_writer", size=1, seconds=5, name="flushes")
        try:
            async with transaction(pool) as connection:
                await connection.execute("DELETE FROM resolution_count")
            for boot_id, totals in flushes:
                async with transaction(pool) as connection:
                    await write_totals(connection, boot_id, totals)
            rows = await pool.fetch(
                "SELECT extract(epoch FROM minute)::bigint / 60, prefix, sum(resolutions)::bigint"
                " FROM resolution_count GROUP BY minute, prefix"
            )
            return Counter({(minute, prefix): resolutions for minute, prefix, resolutions in rows})
        finally:
            pool.terminate()

    assert runner.run(write_and_sum()) == truth
