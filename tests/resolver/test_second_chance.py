"""The bounded store: what is kept, what gives way, that the bounds hold whatever happens, and that every step is
small and out of the garbage collector's sight."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterable
from itertools import islice
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.hits import share_of_hits, share_of_hits_of_lru
from loadtest.traces import passing_scan, shifting, zipf
from node.resolutions import Outcome
from resolver.answer import Absence, Entry
from resolver.cache import Cache
from resolver.handle.ready import ReadyAnswer
from resolver.recursion.foreign import Told
from resolver.second_chance import SHARE, SecondChance
from tests.resolver.test_cache import entry, load

Store = SecondChance[str, str]
WEIGHTS = {"x": 7, "y": 50}


def weigh(key: str, value: str) -> int:
    return WEIGHTS.get(key, len(value))


def put(store: Store, key: str, weight: int = 1) -> int:
    return store.put(key, key * weight, tick=1, valid_at=0.0)


def use(store: Store, key: str) -> None:
    slot = store.get(key)
    assert slot is not None
    slot.used = True


def kept(store: Store, keys: str) -> str:
    return "".join(key for key in keys if store.get(key) is not None)


def test_the_first_one_not_used_gives_way() -> None:
    store = Store(3, weigh)
    for key in "abc":
        put(store, key)
    use(store, "a")
    assert put(store, "d") == 1
    assert kept(store, "abcd") == "acd"


def test_a_use_protects_for_one_round_only() -> None:
    store = Store(2, weigh)
    for key in "ab":
        put(store, key)
    use(store, "a")
    for key in "cde":
        put(store, key)
    assert kept(store, "abcde") == "de"


def test_when_all_were_used_the_oldest_gives_way() -> None:
    store = Store(3, weigh)
    for key in "abc":
        put(store, key)
        use(store, key)
    put(store, "d")
    assert kept(store, "abcd") == "bcd"


def test_heavy_values_push_out_several() -> None:
    store = Store(10, weigh)
    for key in "abcde":
        put(store, key, weight=2)
    assert put(store, "x") == 4
    assert kept(store, "abcdex") == "ex"


def test_a_value_heavier_than_the_bound_stands_alone() -> None:
    store = Store(10, weigh)
    put(store, "a", weight=5)
    put(store, "y")
    assert kept(store, "ay") == "y"
    put(store, "b", weight=5)
    assert kept(store, "ayb") == "b"


KEYS = st.sampled_from("abcdefghij")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(0, 6)),
        st.tuples(st.just("drop"), KEYS, st.just(0)),
        st.tuples(st.just("use"), KEYS, st.just(0)),
    ),
    max_size=80,
)


@given(STEPS)
def test_the_bound_holds_and_the_newest_is_always_kept(steps: list[tuple[str, str, int]]) -> None:
    store = Store(12, weigh)
    weights: dict[str, int] = {}
    for act, key, weight in steps:
        if act == "put":
            put(store, key, weight)
            weights[key] = weight
            assert store.get(key) is not None
        elif act == "drop":
            store.drop(key)
            assert store.get(key) is None
        elif (slot := store.get(key)) is not None:
            slot.used = True
            assert slot.value == key * weights[key]
        standing = kept(store, "abcdefghij")
        assert len(store) == len(standing)
        assert sum(weights[key] for key in standing) == store.weight <= 12


# Beside an exact LRU ------------------------------------------------------------------------------

PLACES = 4000
USUAL = 600  # bytes


@pytest.mark.parametrize("trace", [zipf, passing_scan, shifting], ids=lambda trace: trace.__name__)
def test_as_many_are_found_as_in_an_exact_lru_of_the_same_size(trace: Callable[..., Iterable[int]]) -> None:
    store: SecondChance[int, None] = SecondChance(PLACES * USUAL, lambda _, __: USUAL)
    assert len(list(store.shards())) == 8
    asked = list(trace(10 * PLACES, 60_000, Random(9)))
    exact = share_of_hits_of_lru(PLACES, asked)
    assert 0.2 < exact < 0.8
    assert share_of_hits(store, asked) > exact * 0.98


# Steps and the collector --------------------------------------------------------------------------


def cache_of(entries: int, bound: int) -> Cache:
    cache = Cache(found_bytes=bound, missing_bytes=bound, missing_seconds=10, stale_seconds=3600)
    cache.resumed()
    for number in range(entries):
        key = "88.101.1", f"PUMP-{number:09d}"
        load(cache, entry(1, key), key)
        load(cache, Absence.UNKNOWN, ("88.101.1", f"NOBODY-{number}"))
    return cache


def test_nothing_that_is_kept_is_tracked_by_the_garbage_collector() -> None:
    cache = cache_of(3000, 1 << 20)
    stores: list[SecondChance[Any, Any]] = [cache._found, cache._missing]
    tracked = [
        each
        for store in stores for shard in store.shards() for each in (shard, *shard, *shard.values())
        if gc.is_tracked(each)
    ]  # fmt: skip
    assert not tracked
    found = next(iter(next(cache._found.shards()).values())).value
    assert not any(map(gc.is_tracked, (found, *(getattr(found, name) for name in Entry.__struct_fields__))))
    ready = ReadyAnswer.of(bytes(100), found, ("A", "B"), Outcome.HIT)
    assert not any(map(gc.is_tracked, (ready, Told(found, "88.101"))))


def test_what_gives_way_is_freed_without_the_collector() -> None:
    occupied = []
    gc.disable()
    tracemalloc.start()
    try:
        cache = cache_of(0, 1 << 20)
        for number in range(9000):
            key = "88.101.1", f"PUMP-{number:09d}"
            load(cache, entry(1, key), key)
            if number in (4000, 8999):
                occupied.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        gc.enable()
    assert 500_000 < occupied[0] < 1.15 * (1 << 20)
    assert occupied[1] < 1.1 * occupied[0]


def test_no_step_is_longer_than_one_of_many_small_dicts() -> None:
    places = 16 * SHARE // USUAL
    store: SecondChance[int, None] = SecondChance(16 * SHARE, lambda _, __: USUAL)
    for key in range(2 * places):
        store.put(key, None, tick=0, valid_at=0.0)
    assert max(map(len, store.shards())) <= SHARE // USUAL
    assert len(store) == sum(map(len, store.shards())) > 0.98 * places
    for shard in store.shards():
        for slot in shard.values():
            slot.used = True
    assert store.put(-1, None, tick=0, valid_at=0.0) == 1
    passed = [shard for shard in store.shards() if not all(slot.used for slot in shard.values())]
    assert len(passed) == 1  # the hand went over one dict, not over a million places
    assert sum(slot.used for slot in islice(passed[0].values(), len(passed[0]))) == 0


def test_shares_are_as_large_as_the_bound_allows_and_never_smaller_than_the_largest_record() -> None:
    for bound in (1000, SHARE, 3 * SHARE, 512 * SHARE):
        store: Store = SecondChance(bound, weigh)
        shares = len(list(store.shards()))
        assert bound // shares >= min(bound, SHARE)
        assert shares & (shares - 1) == 0
