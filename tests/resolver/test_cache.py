"""Freshness: what may be remembered, checked by example and against a dictionary that is always right."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node.notices import Notice, NoticeKind
from node.record import encode_values
from resolver import cache as cache_module
from resolver.answer import Absence, Entry, Key, Loaded
from resolver.cache import Cache, Flight

NOW = 1000.0
KEY: Key = ("88.101.1", "A")
PREFIX = Notice(NoticeKind.PREFIX, "88.101.1")
ADDITIONS = Notice(NoticeKind.ADDITIONS, "88.101.1")
CHANGED = Notice(NoticeKind.IDENTIFIERS, KEY[0], (KEY[1],))
RECORD = encode_values([])


def entry(version: int, key: Key = KEY) -> Entry:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Entry("/".join(key), RECORD, 1, version, at, at, "企业", None)


def landing() -> Any:
    """Only the loader's caller waits on it; the cache never looks inside."""
    return Future()


def listening(**settings: float) -> Cache:
    cache = Cache(
        found_bytes=int(settings.get("found_bytes", 100_000)),
        missing_bytes=int(settings.get("missing_bytes", 100_000)),
        missing_seconds=10,
        stale_seconds=3600,
    )
    cache.resumed()
    return cache


def load(cache: Cache, loaded: Loaded, key: Key = KEY, now: float = NOW) -> None:
    cache.land(cache.depart(key, landing()), loaded, now)


def version_of(loaded: Loaded | None) -> int | None:
    return loaded.version if isinstance(loaded, Entry) else None


def test_what_was_loaded_is_fresh_until_a_notice_says_otherwise() -> None:
    cache = listening()
    load(cache, entry(1))
    assert cache.fresh(KEY, NOW + 1e6) == entry(1)
    cache.hear(CHANGED)
    assert cache.fresh(KEY, NOW) is None
    assert cache.stale(KEY, NOW) is None


def test_a_load_that_a_notice_overtook_is_not_kept() -> None:
    cache = listening()
    flight = cache.depart(KEY, landing())
    cache.hear(CHANGED)
    cache.land(flight, entry(1), NOW)
    assert cache.fresh(KEY, NOW) is None
    assert cache.stale(KEY, NOW) is None


def test_a_notice_of_many_identifiers_drops_exactly_those() -> None:
    cache = listening()
    keys: list[Key] = [("88.101.1", f"{number}") for number in range(6)]
    elsewhere: Key = ("88.101.2", "0")
    for key in (*keys[:4], elsewhere):
        load(cache, entry(1, key), key)
    load(cache, Absence.UNKNOWN, keys[4])
    flight = cache.depart(keys[5], landing())
    cache.hear(Notice(NoticeKind.IDENTIFIERS, "88.101.1", ("0", "2", "4", "5")))
    assert [version_of(cache.fresh(key, NOW)) for key in keys[:4]] == [None, 1, None, 1]
    assert cache.fresh(keys[4], NOW) is None
    assert cache.flight(keys[5]) is None
    cache.land(flight, entry(1, keys[5]), NOW)
    assert cache.fresh(keys[5], NOW) is None
    assert version_of(cache.fresh(elsewhere, NOW)) == 1


@pytest.mark.parametrize("notice", [CHANGED, PREFIX, ADDITIONS])
def test_nobody_joins_a_load_that_a_notice_overtook(notice: Notice) -> None:
    cache = listening()
    flight = cache.depart(KEY, landing())
    assert cache.flight(KEY) is flight
    cache.hear(notice)
    assert cache.flight(KEY) is None


def test_an_overtaken_load_does_not_end_its_successor() -> None:
    cache = listening()
    first = cache.depart(KEY, landing())
    cache.hear(PREFIX)
    second = cache.depart(KEY, landing())
    cache.land(second, entry(2), NOW)
    cache.land(first, entry(1), NOW)
    assert version_of(cache.fresh(KEY, NOW)) == 2


def test_a_failed_load_leaves_what_was_remembered() -> None:
    cache = listening()
    load(cache, entry(1))
    cache.lost()
    cache.land(cache.depart(KEY, landing()), None, NOW + 1)
    assert cache.stale(KEY, NOW + 1) == (entry(1), 1.0)


def test_a_prefix_notice_voids_everything_of_the_prefix_and_nothing_else() -> None:
    cache = listening()
    neighbour: Key = ("88.101.11", "A")
    load(cache, entry(1))
    load(cache, entry(1, neighbour), neighbour)
    cache.hear(PREFIX)
    cache.lost()
    assert cache.stale(KEY, NOW) is None
    assert cache.stale(neighbour, NOW) is not None


def test_additions_void_what_was_missing_and_keep_what_was_found() -> None:
    cache = listening()
    other: Key = ("88.101.1", "B")
    load(cache, entry(1))
    load(cache, Absence.UNKNOWN, other)
    assert cache.fresh(other, NOW) is Absence.UNKNOWN
    cache.hear(ADDITIONS)
    assert cache.fresh(other, NOW) is None
    assert cache.fresh(KEY, NOW) == entry(1)


def test_missing_is_remembered_for_a_while_and_never_given_as_stale() -> None:
    cache = listening()
    load(cache, Absence.UNKNOWN)
    assert cache.fresh(KEY, NOW + 9) is Absence.UNKNOWN
    assert cache.fresh(KEY, NOW + 11) is None
    load(cache, Absence.UNKNOWN)
    cache.lost()
    assert cache.fresh(KEY, NOW) is None
    assert cache.stale(KEY, NOW) is None


def test_found_and_missing_replace_each_other() -> None:
    cache = listening()
    load(cache, entry(1))
    load(cache, Absence.UNKNOWN)
    assert cache.fresh(KEY, NOW) is Absence.UNKNOWN
    assert cache.stale(KEY, NOW) is None
    load(cache, entry(3))
    assert version_of(cache.fresh(KEY, NOW)) == 3


def test_without_notices_nothing_is_fresh_and_after_them_only_what_was_loaded_since() -> None:
    cache = listening()
    load(cache, entry(1))
    cache.lost()
    assert cache.fresh(KEY, NOW) is None
    load(cache, entry(2))
    assert cache.fresh(KEY, NOW) is None
    cache.resumed()
    assert cache.fresh(KEY, NOW) is None
    load(cache, entry(3))
    assert version_of(cache.fresh(KEY, NOW)) == 3


def test_a_load_begun_before_notices_were_heard_again_is_not_fresh() -> None:
    cache = listening()
    cache.lost()
    flight = cache.depart(KEY, landing())
    cache.resumed()
    assert cache.flight(KEY) is None
    cache.land(flight, entry(1), NOW)
    assert cache.fresh(KEY, NOW) is None


def test_stale_age_counts_from_when_the_entry_was_last_known_to_be_right() -> None:
    cache = listening()
    load(cache, entry(1), now=NOW)
    assert cache.fresh(KEY, NOW + 100_000) is not None
    cache.lost()
    assert cache.stale(KEY, NOW + 100_060) == (entry(1), 60.0)
    assert cache.stale(KEY, NOW + 100_000 + 3601) is None


def test_an_unknown_notice_voids_everything() -> None:
    cache = listening()
    load(cache, entry(1))
    cache.hear_unknown()
    cache.lost()
    assert cache.stale(KEY, NOW) is None


def test_more_suspended_prefixes_than_are_remembered_void_everything_older(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "_FLOORS", 3)
    cache = listening()
    load(cache, entry(1))
    for number in range(2, 5):
        cache.hear(Notice(NoticeKind.PREFIX, f"88.101.{number}"))
    assert cache.fresh(KEY, NOW) is not None
    cache.hear(Notice(NoticeKind.PREFIX, "88.101.5"))
    assert cache.fresh(KEY, NOW) is None
    load(cache, entry(1))
    assert cache.fresh(KEY, NOW) is not None


def test_the_cache_is_bounded() -> None:
    cache = listening(found_bytes=10_000, missing_bytes=5_000)
    found: list[Key] = [("88.101.1", f"{number}") for number in range(100)]
    missing: list[Key] = [("88.101.1", f"M{number}") for number in range(100)]
    for key in found:
        load(cache, entry(1, key), key)
    for key in missing:
        load(cache, Absence.UNKNOWN, key)
    kept = [key for key in found if cache.fresh(key, NOW)]
    assert kept == found[-len(kept) :]
    assert 15 < len(kept) < 25
    assert 15 < len(cache) - len(kept) < 25
    assert 14_000 < cache.weight <= 15_000


def test_a_flood_of_unknown_names_costs_no_entry_its_place() -> None:
    cache = listening()
    load(cache, entry(1))
    for number in range(5000):
        key: Key = ("88.101.1", f"NOBODY-{number}")
        load(cache, Absence.UNKNOWN, key)
    assert cache.fresh(KEY, NOW) == entry(1)
    assert cache.weight < 110_000


def test_an_identifier_that_is_written_otherwise_than_its_key_is_found_by_its_key() -> None:
    cache = listening()
    load(cache, entry(1, ("88.101.1", "a")))
    assert cache.fresh(KEY, NOW) == entry(1, ("88.101.1", "a"))
    cache.hear(CHANGED)
    assert cache.fresh(KEY, NOW) is None
    assert cache.weight == 0


# Against a dictionary that is always right ---------------------------------------------------------

KEYS: list[Key] = [("P1", "A"), ("P1", "B"), ("P2", "A")]


@dataclass
class Load:
    """A load under way: begun, perhaps already read, not yet landed; and what those who wait for it had heard."""

    flight: Flight
    read: Loaded | None = None
    waiting: list[int] = field(default_factory=list)


class Invalidation(RuleBasedStateMachine):
    """Commits, their notices (in order, late at will), loads cut into beginning, reading and landing, and a
    listener that may come and go.

    ``stamp`` counts commits. ``known[key]`` is the stamp of the last commit that the resolver has heard of: no
    answer may be older than what it has heard.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cache = Cache(found_bytes=100_000, missing_bytes=100_000, missing_seconds=1e9, stale_seconds=1e9)
        self.cache.resumed()
        self.listening = True
        self.stamp = 1
        self.truth: dict[Key, Loaded] = {key: entry(1, key) for key in KEYS}
        self.suspended: set[str] = set()
        self.shown: dict[Key, list[tuple[int, Loaded]]] = {key: [(1, self.truth[key])] for key in KEYS}
        self.known: dict[Key, int] = dict.fromkeys(KEYS, 1)
        self.underway: list[tuple[Notice, int]] = []
        self.loads: list[Load] = []

    # The writer

    def commit(self, keys: list[Key], notice: Notice) -> None:
        for key in keys:
            now_shown = Absence.SUSPENDED if key[0] in self.suspended else self.truth[key]
            self.shown[key].append((self.stamp, now_shown))
        if self.listening:
            self.underway.append((notice, self.stamp))

    @rule(key=st.sampled_from(KEYS), delete=st.booleans())
    def write(self, key: Key, delete: bool) -> None:
        """Register what is not there, else update or delete it."""
        self.stamp += 1
        if self.truth[key] is Absence.UNKNOWN:
            self.truth[key] = entry(self.stamp, key)
            self.commit([key], Notice(NoticeKind.ADDITIONS, key[0]))
        else:
            self.truth[key] = Absence.UNKNOWN if delete else entry(self.stamp, key)
            self.commit([key], Notice(NoticeKind.IDENTIFIERS, key[0], (key[1],)))

    @rule(keys=st.sets(st.sampled_from([key for key in KEYS if key[0] == "P1"]), min_size=1), hide=st.booleans())
    def change_many(self, keys: set[Key], hide: bool) -> None:
        """Suspend, resume or update several that stand or stood, in one commit with one notice."""
        self.stamp += 1
        for key in keys:
            self.truth[key] = Absence.UNKNOWN if hide else entry(self.stamp, key)
        notice = Notice(NoticeKind.IDENTIFIERS, "P1", tuple(key[1] for key in keys))
        self.commit(list(keys), notice)

    @rule(prefix=st.sampled_from(["P1", "P2"]))
    def suspend_or_resume(self, prefix: str) -> None:
        self.stamp += 1
        self.suspended ^= {prefix}
        self.commit([key for key in KEYS if key[0] == prefix], Notice(NoticeKind.PREFIX, prefix))

    # The listener

    @precondition(lambda self: self.underway)
    @rule()
    def hear(self) -> None:
        notice, stamp = self.underway.pop(0)
        self.cache.hear(notice)
        for key in KEYS:
            if key[0] == notice.prefix and (not notice.suffix_keys or key[1] in notice.suffix_keys):
                self.known[key] = stamp

    # The resolver

    @rule(key=st.sampled_from(KEYS))
    def ask(self, key: Key) -> None:
        fresh = self.cache.fresh(key, NOW)
        if fresh is not None:
            assert self.listening
            assert self.held_since(key, fresh, self.known[key])
            return
        flight = self.cache.flight(key)
        if flight is None:
            flight = self.cache.depart(key, landing())
            self.loads.append(Load(flight))
        joined = next(load for load in self.loads if load.flight is flight)
        joined.waiting.append(self.known[key])

    @precondition(lambda self: any(load.read is None for load in self.loads))
    @rule(which=st.integers(0, 9))
    def read(self, which: int) -> None:
        unread = [load for load in self.loads if load.read is None]
        load = unread[which % len(unread)]
        load.read = self.shown[load.flight.key][-1][1]

    @precondition(lambda self: any(load.read is not None for load in self.loads))
    @rule(which=st.integers(0, 9), fails=st.integers(0, 5))
    def land(self, which: int, fails: int) -> None:
        ready = [load for load in self.loads if load.read is not None]
        load = ready[which % len(ready)]
        self.loads.remove(load)
        self.cache.land(load.flight, None if fails == 5 else load.read, NOW)
        for least in load.waiting:
            assert load.read is not None
            assert self.held_since(load.flight.key, load.read, least)

    def held_since(self, key: Key, shown: Loaded, least: int) -> bool:
        """Whether this was the truth at some moment since the commit ``least``."""
        states = self.shown[key]
        first = max(place for place, (since, _) in enumerate(states) if since <= least)
        return shown in [state for _, state in states[first:]]


class SteadyListener(Invalidation):
    """The listener never fails: then even what is given as stale is no older than what was heard."""

    @invariant()
    def nothing_void_is_given_as_stale(self) -> None:
        for key in KEYS:
            remembered = self.cache.stale(key, NOW)
            assert remembered is None or self.held_since(key, remembered[0], self.known[key])


class LossyListener(Invalidation):
    """The listener comes and goes, and what was said meanwhile is never heard."""

    @rule()
    def lose_or_resume(self) -> None:
        self.listening = not self.listening
        if self.listening:
            # Who loads from now on sees every commit until now.
            self.known = dict.fromkeys(KEYS, self.stamp)
            self.cache.resumed()
        else:
            self.underway.clear()
            self.cache.lost()


TestSteadyListener = SteadyListener.TestCase
TestSteadyListener.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
TestLossyListener = LossyListener.TestCase
TestLossyListener.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
