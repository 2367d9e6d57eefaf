"""The bounded store: what is kept, what gives way, and that the bounds hold whatever happens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resolver.second_chance import SecondChance

Store = SecondChance[str, str]


def put(store: Store, key: str, weight: int = 0) -> int:
    return store.put(key, key.upper(), tick=1, valid_at=0.0, weight=weight)


def kept(store: Store, keys: str) -> str:
    return "".join(key for key in keys if store.get(key) is not None)


def test_the_first_one_not_used_gives_way() -> None:
    store = Store(3)
    for key in "abc":
        put(store, key)
    used = store.get("a")
    assert used is not None
    used.used = True
    assert put(store, "d") == 1
    assert kept(store, "abcd") == "acd"


def test_a_use_protects_for_one_round_only() -> None:
    store = Store(2)
    for key in "ab":
        put(store, key)
    used = store.get("a")
    assert used is not None
    used.used = True
    for key in "cde":
        put(store, key)
    assert kept(store, "abcde") == "de"


def test_when_all_were_used_the_oldest_gives_way() -> None:
    store = Store(3)
    for key in "abc":
        put(store, key)
    for key in "abc":
        slot = store.get(key)
        assert slot is not None
        slot.used = True
    put(store, "d")
    assert kept(store, "abcd") == "bcd"


def test_heavy_values_push_out_several() -> None:
    store = Store(100, weight_bound=10)
    for key in "abcde":
        put(store, key, weight=2)
    assert put(store, "x", weight=7) == 4
    assert kept(store, "abcdex") == "ex"


def test_a_value_heavier_than_the_bound_stands_alone() -> None:
    store = Store(100, weight_bound=10)
    put(store, "a", weight=5)
    put(store, "x", weight=50)
    assert kept(store, "ax") == "x"
    put(store, "b", weight=5)
    assert kept(store, "axb") == "b"


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
def test_the_bounds_hold_and_the_newest_is_always_kept(steps: list[tuple[str, str, int]]) -> None:
    store = Store(4, weight_bound=12)
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
            assert slot.value == key.upper()
        standing = kept(store, "abcdefghij")
        assert len(store) == len(standing) <= 4
        assert sum(weights[key] for key in standing) <= 12
