"""Each kind of conspicuous resolutions: found at its threshold, and not a step below it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from admin.statistics.digest.digest import WHOLE_NODE, PrefixDigest, digest_day
from admin.statistics.digest.flags.table import FLAG_TITLES, FLAGS
from admin.statistics.digest.rule import digest_rule
from node.config import FlagSettings
from node.journal import Interface
from node.resolutions import BOT, OWN, Outcome
from resolver.counting.event_format import Event, TenantSeen
from tests.support.asked import PREFIX, RULE, SECOND, START, asked, scattered

HOLDER = 4711
UNEVEN = (0, 1, 3, 8, 9, 15, 16, 18, 27, 28)
"""Seconds without a rhythm."""


def flags_of(events: Iterable[Event | TenantSeen], prefix: str = PREFIX) -> dict[str, int]:
    """The flags that were set, with how many resolutions they stand on."""
    digest = digest_day(events, RULE, {PREFIX: HOLDER}).get(prefix)
    assert digest is not None
    return {name: flagged for name, flagged in digest.flags.items() if flagged}


def whole(events: Iterable[Event | TenantSeen]) -> PrefixDigest:
    return digest_day(events, RULE, {PREFIX: HOLDER})[WHOLE_NODE]


def test_questions_from_everywhere_are_not_conspicuous() -> None:
    digest = whole(scattered(300))
    assert digest.valid == digest.net == 300
    assert digest.flagged == 0


# own_tenant: an enterprise resolves its own identifiers ------------------------------------------------


def test_an_account_that_asks_for_its_own_identifier_is_flagged() -> None:
    assert flags_of([asked(0, tenant=HOLDER)]) == {"own_tenant": 1}


def test_who_worked_from_an_address_that_day_owns_what_was_asked_from_it_before_and_after() -> None:
    seen = TenantSeen(START + 50 * SECOND, client=1, network=1001, tenant=HOLDER)
    assert flags_of([asked(0), seen, asked(100), asked(200, client=2)]) == {"own_tenant": 2}


def test_an_identity_that_asks_below_its_own_prefix_is_the_holder() -> None:
    questions = [asked(0, marks=OWN), asked(500, "B"), asked(600, prefix="88.101.2"), asked(900, client=2)]
    assert flags_of(questions) == {"own_tenant": 2}
    assert flags_of([asked(0, prefix="88.101.3", marks=OWN)], "88.101.3") == {}


def test_asking_with_an_account_once_marks_the_address_for_the_day() -> None:
    questions = [asked(0, interface=Interface.SNMS, tenant=HOLDER), asked(500, "B"), asked(900, client=2)]
    assert flags_of(questions) == {"own_tenant": 2}


def test_asking_for_the_identifiers_of_another_enterprise_is_not_conspicuous() -> None:
    questions = [asked(0, tenant=HOLDER, prefix="88.101.2"), asked(0, client=2, tenant=4712)]
    assert digest_day(questions, RULE, {PREFIX: HOLDER, "88.101.2": 9})[WHOLE_NODE].flagged == 0


def test_a_prefix_that_nobody_holds_is_nobodys_own() -> None:
    assert flags_of([asked(0, prefix="88.101.3", tenant=HOLDER)], "88.101.3") == {}


# source_share: one source network has a large part of the day ------------------------------------------


def share_of_network(own: int, total: int) -> dict[str, int]:
    """A network of several clients, each asking for different things under different prefixes at odd times."""
    mine = [asked(n * n * 13, f"X{n}", n, network=7, prefix=f"88.102.{n}") for n in range(own)]
    return {name: n for name, n in whole([*mine, *scattered(total - own)]).flags.items() if n}


def test_a_network_with_more_than_its_share_of_the_day_is_flagged() -> None:
    assert share_of_network(21, 100) == {"source_share": 21}


def test_a_network_with_just_its_share_is_not() -> None:
    assert share_of_network(20, 100) == {}


def test_shares_of_a_quiet_day_say_nothing() -> None:
    assert share_of_network(RULE.least - 1, RULE.least - 1) == {}
    assert share_of_network(RULE.least, RULE.least) == {"source_share": RULE.least}


# sequential_walk: identifiers in the order of their numbers --------------------------------------------


def walk(*suffixes: str) -> dict[str, int]:
    return flags_of(asked(at, suffix) for at, suffix in zip(UNEVEN, suffixes, strict=False))


def test_numbers_upwards_are_a_walk_from_its_first_step_on() -> None:
    assert walk("P-1", "P-2", "P-3", "P-4") == {}
    assert walk("P-1", "P-2", "P-3", "P-4", "P-5") == {"sequential_walk": 5}


def test_numbers_downwards_are_a_walk() -> None:
    assert walk("P-0012", "P-0011", "P-0010", "P-0009", "P-0008") == {"sequential_walk": 5}


def test_leaving_numbers_out_does_not_hide_a_walk() -> None:
    assert walk("P-1", "P-12", "P-13", "P-500", "P-1000") == {"sequential_walk": 5}


def test_repetitions_neither_end_a_walk_nor_lengthen_it() -> None:
    assert walk("P-1", "P-2", "P-2", "P-3", "P-3", "P-4") == {}
    assert walk("P-1", "P-2", "P-2", "P-3", "P-4", "P-5") == {"sequential_walk": 6}


def test_what_is_asked_in_between_does_not_hide_a_walk() -> None:
    assert walk("P-1", "Q-9", "P-2", "P-3", "RED", "P-4", "Q-1", "P-5") == {"sequential_walk": 5}


def test_turning_round_begins_a_walk_at_the_turn() -> None:
    assert walk("P-4", "P-5", "P-6", "P-6", "P-5", "P-4", "P-3", "P-2") == {"sequential_walk": 6}


def test_numbers_without_order_are_no_walk() -> None:
    assert walk("P-3", "P-1", "P-4", "P-2", "P-6", "P-5", "P-9", "P-7") == {}


def test_a_number_may_stand_within_the_suffix_and_be_long() -> None:
    assert walk(*(f"LOT7-{10**25 + n}X" for n in range(5))) == {"sequential_walk": 5}


def test_two_clients_that_share_the_steps_do_not_walk() -> None:
    assert flags_of(asked(at, f"P-{at}", client=at % 2) for at in UNEVEN[:8]) == {}


# metronome: as regular as a clock ----------------------------------------------------------------------


def test_equal_distances_in_an_hour_are_a_metronome() -> None:
    assert flags_of(asked(600 * n) for n in range(5)) == {"metronome": 5}
    assert flags_of(asked(600 * n) for n in range(4)) == {}


def test_a_little_jitter_does_not_hide_a_metronome() -> None:
    assert flags_of(asked(300 * n + n % 2 * 10) for n in range(6)) == {"metronome": 6}


def test_distances_that_vary_by_a_tenth_are_the_first_that_are_none() -> None:
    assert flags_of(asked(100 * n + n % 2 * 9.6) for n in range(11)) == {"metronome": 11}
    assert flags_of(asked(100 * n + n % 2 * 10) for n in range(11)) == {}


def test_uneven_distances_are_none() -> None:
    assert flags_of(asked(second) for second in UNEVEN[:9]) == {}


def test_all_at_once_is_as_regular_as_can_be() -> None:
    assert flags_of(asked(5, suffix) for suffix in "ABCDE") == {"metronome": 5}


def test_each_hour_is_judged_by_itself() -> None:
    rhythm = [asked(600 * n) for n in range(6)]
    assert flags_of([*rhythm, *(asked(3600 + second) for second in UNEVEN[:5])]) == {"metronome": 6}
    assert flags_of(asked(3600 - 1200 + 600 * n) for n in range(4)) == {}


# concentration: a few identifiers have nearly all ------------------------------------------------------


def test_one_identifier_in_a_loop_is_flagged() -> None:
    rows = [asked(n * n * 17, "LOOP", client=n) for n in range(RULE.least)]
    assert flags_of(rows)["concentration"] == RULE.least
    assert "concentration" not in flags_of(rows[1:])


def test_only_the_few_are_flagged_and_only_when_they_have_enough() -> None:
    others = [asked(n * n * 19, f"{n}-S", client=500 + n) for n in range(9)]
    few = [asked(n * n * 17, "LOOP", client=n) for n in range(80)]
    assert "concentration" not in flags_of([*few, *others])
    assert flags_of([*few, asked(5, "LOOP", client=600), *others])["concentration"] == 81


# burst: many within a minute from few sources ----------------------------------------------------------


def minute_of(resolutions: int, networks: int) -> dict[str, int]:
    rows = [asked(n * n / 3, f"{n}-S", client=n, network=n % networks) for n in range(resolutions)]
    return {name: n for name, n in flags_of(rows).items() if name == "burst"}


def test_many_in_a_minute_from_few_networks_are_a_burst() -> None:
    assert minute_of(10, 3) == {"burst": 10}
    assert minute_of(9, 3) == {}


def test_many_in_a_minute_from_more_networks_are_distribution() -> None:
    assert minute_of(10, 4) == {}


def test_a_burst_of_one_prefix_leaves_another_alone() -> None:
    rows = [asked(n * n / 3, f"{n}-S", client=n, network=1) for n in range(10)]
    digests = digest_day([*rows, asked(4, prefix="88.101.2", client=1, network=1)], RULE, {})
    assert digests[PREFIX].flags["burst"] == 10
    assert digests["88.101.2"].flags["burst"] == 0


# bot ---------------------------------------------------------------------------------------------------


def test_what_was_counted_as_a_bots_is_flagged() -> None:
    assert flags_of([asked(0, marks=BOT), asked(9, client=2)]) == {"bot": 1}


# all of them -------------------------------------------------------------------------------------------


def test_a_resolution_with_several_flags_is_flagged_once() -> None:
    digest = whole([asked(0, tenant=HOLDER, marks=BOT), asked(1, client=2)])
    assert digest.flags["own_tenant"] == digest.flags["bot"] == 1
    assert (digest.flagged, digest.net) == (1, 1)


@pytest.mark.parametrize("outcome", [o for o in Outcome if o not in (Outcome.HIT, Outcome.STALE_HIT)])
def test_what_is_not_valid_is_never_flagged(outcome: Outcome) -> None:
    digest = whole(asked(60 * n, f"P-{n}", tenant=HOLDER, marks=BOT, outcome=outcome) for n in range(50))
    assert digest.raw == 50
    assert digest.valid == digest.flagged == 0


def test_every_flag_has_a_title_for_people() -> None:
    assert FLAG_TITLES.keys() == FLAGS.keys()


def test_the_thresholds_are_those_of_the_settings() -> None:
    rule = digest_rule(FlagSettings(least=5, burst_sources=9))
    assert rule == replace(digest_rule(FlagSettings()), least=5, burst_sources=9)
    assert rule.deduplication_seconds == 60
