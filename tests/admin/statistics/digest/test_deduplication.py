"""Who asks again within a minute is counted once (去重)."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from admin.statistics.digest.digest import WHOLE_NODE, digest_day
from node.resolutions import Outcome
from resolver.counting.event_format import Event
from tests.support.asked import RULE, asked


def deduplicated(events: Iterable[Event]) -> int:
    return digest_day(events, RULE, {})[WHOLE_NODE].deduplicated


def test_a_repetition_counts_again_after_sixty_seconds_and_not_before() -> None:
    assert deduplicated([asked(0), asked(59.999999)]) == 1
    assert deduplicated([asked(0), asked(60)]) == 2


def test_the_minute_begins_with_what_was_counted_not_with_each_repetition() -> None:
    assert deduplicated(asked(second) for second in range(0, 121, 10)) == 3


def test_another_client_another_identifier_and_another_prefix_repeat_nothing() -> None:
    assert deduplicated([asked(0), asked(1, client=2), asked(2, "B"), asked(3, prefix="88.101.2")]) == 4


def test_two_interfaces_are_one_client() -> None:
    assert deduplicated([asked(0), asked(1, outcome=Outcome.STALE_HIT)]) == 1


def test_a_miss_is_neither_counted_nor_begins_a_minute() -> None:
    assert deduplicated([asked(0, outcome=Outcome.MISSING), asked(1)]) == 1


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 2), st.sampled_from("AB")), max_size=60))
def test_it_is_what_the_definition_says(questions: list[tuple[int, int, str]]) -> None:
    counted: list[tuple[int, int, str]] = []
    for second, client, suffix in sorted(questions):
        if not any((client, suffix) == (c, s) and second - before < 60 for before, c, s in counted):
            counted.append((second, client, suffix))
    assert deduplicated(asked(second, suffix, client) for second, client, suffix in questions) == len(counted)
