"""The coalescing of look-ups, without a database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from resolver import lookup as lookup_module
from resolver.answer import ResolverAway
from resolver.lookup import BATCH, Lookup


class Source:
    """Doubles numbers, one batch at a time and only when let; remembers what it was asked."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.let = asyncio.Event()
        self.let.set()
        self.fault: Exception | None = None

    async def load(self, keys: Sequence[int]) -> list[int]:
        self.batches.append(list(keys))
        await self.let.wait()
        if self.fault is not None:
            raise self.fault
        return [2 * key for key in keys]


@pytest.fixture
async def source() -> Source:
    return Source()


@pytest.fixture
async def lookup(source: Source) -> AsyncIterator[Lookup[int, int]]:
    lookup = Lookup(source.load)
    lookup.start()
    yield lookup
    await lookup.stop()


async def test_those_who_ask_together_are_one_batch(source: Source, lookup: Lookup[int, int]) -> None:
    assert await asyncio.gather(*(lookup.ask(number) for number in range(10))) == [2 * n for n in range(10)]
    assert source.batches == [list(range(10))]


async def test_those_who_come_while_a_batch_is_under_way_are_the_next(
    source: Source, lookup: Lookup[int, int]
) -> None:
    source.let.clear()
    first = lookup.ask(1)
    await asyncio.sleep(0.01)
    rest = [lookup.ask(number) for number in (2, 3, 4)]
    await asyncio.sleep(0.01)
    assert source.batches == [[1]]
    source.let.set()
    assert await asyncio.gather(first, *rest) == [2, 4, 6, 8]
    assert source.batches == [[1], [2, 3, 4]]


async def test_a_batch_is_bounded(source: Source, lookup: Lookup[int, int]) -> None:
    total = 2 * BATCH + 7
    assert await asyncio.gather(*(lookup.ask(number) for number in range(total))) == [2 * n for n in range(total)]
    assert [len(batch) for batch in source.batches] == [BATCH, BATCH, 7]


async def test_a_failure_is_told_to_all_who_wait_and_ends_with_them(source: Source, lookup: Lookup[int, int]) -> None:
    source.let.clear()
    source.fault = ResolverAway()
    first = lookup.ask(1)
    await asyncio.sleep(0.01)
    waiting = lookup.ask(2)
    source.let.set()
    told = await asyncio.gather(first, waiting, return_exceptions=True)
    assert [type(fault) for fault in told] == [ResolverAway, ResolverAway]
    assert source.batches == [[1]]
    source.fault = None
    assert await lookup.ask(3) == 6


async def test_a_fault_of_ours_costs_one_batch_and_not_the_service(source: Source, lookup: Lookup[int, int]) -> None:
    source.fault = ZeroDivisionError()
    with pytest.raises(ResolverAway):
        await lookup.ask(1)
    source.fault = None
    assert await lookup.ask(2) == 4


async def test_more_than_can_wait_are_turned_away(
    source: Source, lookup: Lookup[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup_module, "_WAITING", 3)
    source.let.clear()
    asked = [lookup.ask(number) for number in range(5)]
    source.let.set()
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert told[:3] == [0, 2, 4]
    assert [type(fault) for fault in told[3:]] == [ResolverAway, ResolverAway]


async def test_one_who_left_is_skipped(source: Source, lookup: Lookup[int, int]) -> None:
    left, stays = lookup.ask(1), lookup.ask(2)
    left.cancel()
    assert await stays == 4


async def test_before_and_after_its_time_it_is_away(source: Source) -> None:
    lookup = Lookup(source.load)
    with pytest.raises(ResolverAway):
        await lookup.ask(1)
    lookup.start()
    source.let.clear()
    waiting = lookup.ask(2)
    await asyncio.sleep(0.01)
    await lookup.stop()
    with pytest.raises(ResolverAway):
        await waiting
