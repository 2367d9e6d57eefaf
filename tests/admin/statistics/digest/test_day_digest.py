"""The digest of a day says what the definitions say, event by event, whatever the order of the files."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise, permutations
from math import ceil
from statistics import mean, pstdev
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.statistics.digest.digest import WHOLE_NODE, PrefixDigest, digest_day, from_json, merge, to_json
from admin.statistics.digest.flags.table import FLAGS
from admin.statistics.digest.latency import percentile
from admin.statistics.digest.sketch import estimate, mark_of, sketch_of
from node.journal import Interface
from node.resolutions import BOT, VALID, Outcome
from resolver.counting.event_format import Event, TenantSeen
from tests.support.asked import PREFIX, RULE, SECOND, START, asked, scattered

OTHER = "88.101.2"
HOLDERS = {PREFIX: 71, OTHER: 72}
BOOTS = [UUID(int=number) for number in (3, 1, 2)]


def day_of(chance: random.Random, most: int = 90) -> list[Event]:
    """A day made up by chance: sometimes a few clients within minutes, sometimes many all over the day.

    Never more identifiers or clients than a digest's tops name, so that they can be compared as a whole.
    """
    questions = chance.randrange(most)
    rhythm = chance.choice([0, 0, 7])
    within = chance.choice([60, 600, 86_400])
    seconds = [n * rhythm for n in range(most)] if rhythm else sorted(chance.choices(range(within), k=most))
    clients, networks = (1, 1) if rhythm else chance.choice([(1, 1), (3, 2), (28, 28)])
    numbers = chance.choice([1, 6, 13])
    climbing = chance.choice([0, 0.8, 1])
    bots = chance.choice([0, 0.2])
    events = []
    for position in range(questions):
        number = position * numbers // most if chance.random() < climbing else chance.randrange(numbers)
        client = chance.randrange(clients)
        events.append(
            asked(
                seconds[position] + chance.choice([0, chance.random() / 10]),
                chance.choice([f"P-{number}"] * 12 + ["Q"]),
                client,
                prefix=chance.choice([PREFIX] * 3 + [OTHER]),
                network=client % networks,
                outcome=chance.choice(
                    [Outcome.HIT, Outcome.HIT, Outcome.STALE_HIT] + [Outcome.MISSING] * (not rhythm)
                ),
                interface=chance.choice([Interface.HANDLE_TCP, Interface.SNMS]),
                tenant=chance.choice([0] * 40 + [71]),
                micros=chance.randrange(3000),
                marks=BOT if chance.random() < bots else 0,
                boot=chance.choice(BOOTS),
                position=position,
            )
        )
    return events


DAYS = st.integers(0, 10**6).map(lambda seed: day_of(random.Random(seed)))


def by_time(events: Sequence[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (event.at, event.boot.int, event.position))


def only(events: Sequence[Event], prefix: str) -> list[Event]:
    return [event for event in events if prefix in (WHOLE_NODE, event.prefix)]


Finder = Callable[[list[Event], list[Event], Event], bool]
"""Whether an event is conspicuous, given all of a day and the valid ones in time order: slowly, by the definition."""


def owns(events: list[Event], _: list[Event], event: Event) -> bool:
    return any(other.client == event.client and other.tenant == HOLDERS[event.prefix] for other in events)


def has_a_large_share(_: list[Event], valid: list[Event], event: Event) -> bool:
    of_network = sum(other.network == event.network for other in valid)
    return len(valid) >= RULE.least and of_network > RULE.source_share * len(valid)


def walks(_: list[Event], valid: list[Event], event: Event) -> bool:
    if event.suffix == "Q":
        return False
    asked_by = [o for o in valid if (o.client, o.prefix) == (event.client, event.prefix) and o.suffix != "Q"]
    numbers = [int(other.suffix[2:]) for other in asked_by]
    here = next(at for at, other in enumerate(asked_by) if other is event)
    windows = (numbers[start:end] for start in range(here + 1) for end in range(here + 1, len(numbers) + 1))
    return any(len(set(window)) >= RULE.walk_steps and sorted(window) in (window, window[::-1]) for window in windows)


def keeps_time(_: list[Event], valid: list[Event], event: Event) -> bool:
    hour = 3600 * SECOND
    ats = [o.at for o in valid if o.client == event.client and o.at // hour == event.at // hour]
    if len(ats) < RULE.metronome_resolutions:
        return False
    distances = [later - earlier for earlier, later in pairwise(ats)]
    return mean(distances) == 0 or pstdev(distances) / mean(distances) < RULE.metronome_variation


def is_of_the_few(_: list[Event], valid: list[Event], event: Event) -> bool:
    of_prefix = Counter(other.suffix for other in valid if other.prefix == event.prefix)
    if of_prefix.total() < RULE.least:
        return False
    ranked = sorted(of_prefix, key=lambda suffix: (-of_prefix[suffix], suffix))
    few = ranked[: ceil(len(ranked) * RULE.concentration_identifiers)]
    enough = sum(of_prefix[suffix] for suffix in few) >= RULE.concentration_share * of_prefix.total()
    return enough and event.suffix in few


def bursts(_: list[Event], valid: list[Event], event: Event) -> bool:
    minute = 60 * SECOND
    beside = [o for o in valid if o.prefix == event.prefix and o.at // minute == event.at // minute]
    return len(beside) >= RULE.burst_per_minute and len({o.network for o in beside}) <= RULE.burst_sources


FINDERS: dict[str, Finder] = {
    "own_tenant": owns,
    "source_share": has_a_large_share,
    "sequential_walk": walks,
    "metronome": keeps_time,
    "concentration": is_of_the_few,
    "burst": bursts,
    "bot": lambda _, __, event: bool(event.marks & BOT),
}


@pytest.mark.parametrize("seed", range(60))
def test_flags_are_what_their_definitions_say(seed: int) -> None:
    events = day_of(random.Random(seed))
    valid = by_time([event for event in events if event.outcome in VALID])
    found = {event: {name for name, finder in FINDERS.items() if finder(events, valid, event)} for event in valid}
    for prefix, digest in digest_day(events, RULE, HOLDERS).items():
        of_prefix = [found[event] for event in only(valid, prefix)]
        assert digest.flags == {name: sum(name in flags for flags in of_prefix) for name in FLAGS}
        assert digest.flagged == sum(bool(flags) for flags in of_prefix)


def test_the_days_made_up_have_every_flag_often_and_often_not() -> None:
    """Or the test before would prove nothing."""
    digests = [digest_day(day_of(random.Random(seed)), RULE, HOLDERS)[WHOLE_NODE] for seed in range(60)]
    for name in FLAGS:
        flagged = sum(bool(digest.flags[name]) for digest in digests)
        assert 5 <= flagged <= 55, name


@given(DAYS)
def test_figures_are_what_their_definitions_say(events: list[Event]) -> None:
    digests = digest_day(events, RULE, HOLDERS)
    assert digests.keys() == {event.prefix for event in events} | {WHOLE_NODE}
    for prefix, digest in digests.items():
        asked_for = only(events, prefix)
        valid = by_time([event for event in asked_for if event.outcome in VALID])
        assert (digest.raw, digest.valid) == (len(asked_for), len(valid))
        assert digest.hours == [sum((e.at - START) // (3600 * SECOND) == hour for e in valid) for hour in range(24)]
        assert dict(digest.top_identifiers) == Counter(f"{event.prefix}/{event.suffix}" for event in valid)
        assert dict(digest.top_clients) == Counter(f"{event.client:016x}" for event in valid)
        assert dict(digest.top_networks) == Counter(f"{event.network:016x}" for event in valid)
        for bands, top in (
            (digest.identifier_bands, digest.top_identifiers),
            (digest.client_bands, digest.top_clients),
            (digest.network_bands, digest.top_networks),
        ):
            assert sum(members for members, _ in bands) == len(top)
            assert sum(resolutions for _, resolutions in bands) == len(valid)
        assert sum(digest.distance_bands) == len(valid) - len({(e.client, e.prefix) for e in valid})
        assert digest.clients == sketch_of(mark_of(e.client.to_bytes(8, "little")) for e in asked_for)
        assert digest.identifiers == sketch_of(mark_of(f"{e.prefix}/{e.suffix}".encode()) for e in valid)
        for interface in Interface:
            timed = sorted(e.micros for e in asked_for if e.interface == interface and e.micros)
            assert sum(digest.latency.get(interface, {}).values()) == len(timed)


@given(DAYS, st.randoms())
def test_the_order_in_which_files_are_read_changes_nothing(events: list[Event], chance: random.Random) -> None:
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert digest_day(shuffled, RULE, HOLDERS) == digest_day(events, RULE, HOLDERS)


@given(DAYS)
def test_a_digest_is_the_same_when_it_was_kept(events: list[Event]) -> None:
    for digest in digest_day(events, RULE, HOLDERS).values():
        kept = json.dumps(json.loads(to_json(digest)))  # as PostgreSQL gives jsonb back: spaced otherwise
        assert from_json(kept, digest.clients, digest.identifiers) == digest


def test_what_is_no_digest_is_refused() -> None:
    with pytest.raises(msgspec.MsgspecError):
        from_json('{"raw": "many"}', b"", b"")


def test_a_day_without_events_has_a_digest_of_zeros() -> None:
    digests = digest_day([], RULE, HOLDERS)
    assert digests == {WHOLE_NODE: merge([])}
    assert digests[WHOLE_NODE].raw == estimate(digests[WHOLE_NODE].clients) == 0
    assert digests[WHOLE_NODE].flags == dict.fromkeys(FLAGS, 0)


def test_what_was_asked_under_none_of_our_prefixes_is_in_the_whole_nodes_digest_only() -> None:
    digests = digest_day([asked(0), asked(1, "", prefix="", outcome=Outcome.MISSING)], RULE, HOLDERS)
    assert digests.keys() == {WHOLE_NODE, PREFIX}
    assert (digests[WHOLE_NODE].raw, digests[WHOLE_NODE].valid) == (2, 1)


def test_latency_of_an_interface_has_its_percentiles() -> None:
    events = [asked(n, client=n, micros=n) for n in range(1, 101)]
    latency = digest_day(events, RULE, HOLDERS)[PREFIX].latency[Interface.HANDLE_TCP]
    assert percentile(latency, 0.5) == 51  # the bucket of 50 and 51
    assert percentile(latency, 0.1) == 10


def test_distances_in_time_fall_into_bands() -> None:
    ats = (0, 0.0005, 0.0055, 0.5, 5, 30, 300, 3000, 40_000)
    digest = digest_day([asked(at) for at in ats], RULE, HOLDERS)[PREFIX]
    assert digest.distance_bands == [1, 1, 0, 1, 1, 1, 1, 1, 1]


def test_a_distance_of_just_a_second_is_in_the_band_that_begins_there() -> None:
    assert digest_day([asked(0), asked(1)], RULE, HOLDERS)[PREFIX].distance_bands == [0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_what_was_answered_at_once_has_the_order_of_its_file_and_files_that_of_their_starts() -> None:
    """A walk whose steps have one time, read in another order than they were written."""
    first, second = sorted(BOOTS)[:2]
    steps = [
        asked(9, "P-1", boot=first, position=1),
        asked(9, "P-2", boot=first, position=2),
        asked(9, "P-3", boot=first, position=3),
        asked(9, "P-4", boot=second, position=1),
        asked(9, "P-5", boot=second, position=2),
    ]
    for order in permutations(steps):
        assert digest_day(order, RULE, HOLDERS)[PREFIX].flags["sequential_walk"] == 5


def test_recorders_are_joined_without_losing_anything() -> None:
    """Two machines, each with a digest of its own: sums add up, and who is known to both counts once."""
    events = [*scattered(400), *scattered(300)]
    halves = [digest_day(events[start::2], RULE, HOLDERS)[WHOLE_NODE] for start in (0, 1)]
    joined, together = merge(halves), digest_day(events, RULE, HOLDERS)[WHOLE_NODE]
    for name in ("raw", "valid", "hours", "clients", "identifiers", "latency"):
        assert getattr(joined, name) == getattr(together, name)
    assert abs(estimate(joined.clients) - 400) <= 8


@given(st.lists(DAYS, max_size=3))
def test_joining_step_by_step_is_joining_at_once(days: list[list[Event]]) -> None:
    digests = [digest_day(events, RULE, HOLDERS)[WHOLE_NODE] for events in days]
    step_by_step = merge([])
    for digest in digests:
        step_by_step = merge([step_by_step, digest])
    assert step_by_step == merge(digests) == merge(reversed(digests))


def test_an_account_seen_without_a_resolution_owns_nothing_by_itself() -> None:
    seen = TenantSeen(START, client=1, network=1001, tenant=71)
    digest: PrefixDigest = digest_day([seen], RULE, HOLDERS)[WHOLE_NODE]
    assert digest == merge([])
