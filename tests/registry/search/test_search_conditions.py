"""Ranges of an index: where what begins with a text ends, and the filters' way through JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from registry.search.conditions import BEYOND_SUFFIXES, BEYOND_VALUES, after_all_beginning_with, bounds_of
from registry.search.filters import Condition, Filters, StateFilter
from registry.templates.attributes import LONGEST_INDEXED, Attribute, Kind

# What PostgreSQL stores, with the characters around the edges of what can follow.
STORED = st.text(st.sampled_from("\x01aAzZ~\x7f中\ud7ff\ue000\uffff\U00010000\U0010fffe\U0010ffff"), max_size=5)


@given(STORED, STORED)
@example("a", "a\U0010ffff\U0010ffff")
@example("\ud7ff", "\ue000")
@example("\U0010ffff", "\U0010ffff")
def test_a_text_begins_with_another_exactly_if_it_is_in_its_range(beginning: str, text: str) -> None:
    until = after_all_beginning_with(beginning, BEYOND_VALUES)
    assert (beginning <= text < until) == text.startswith(beginning)
    until.encode()  # no half of a surrogate pair


def test_nothing_that_is_stored_is_beyond_the_last_bound() -> None:
    assert BEYOND_VALUES > "\U0010ffff" * LONGEST_INDEXED
    assert not BEYOND_SUFFIXES.isprintable()  # so no suffix holds it, whatever follows
    assert BEYOND_SUFFIXES > "\U0010fffd"
    assert after_all_beginning_with("", BEYOND_SUFFIXES) == BEYOND_SUFFIXES


def bounds(kind: Kind, condition: Condition, **facts: object):  # type: ignore[no-untyped-def]
    attribute = Attribute("x", "x", kind=kind, index=2000, listed=True, **facts)  # type: ignore[arg-type]
    return bounds_of([condition], 1, {"x": attribute})


def test_the_narrowest_of_several_ends_counts() -> None:
    found, faults = bounds(Kind.STRING, Condition("x", low="b", high="x", begins="c", contains="d"))
    assert not faults
    assert (found[0].value_from, found[0].value_until, found[0].contains) == ("c", "d", "d")
    found, _ = bounds(Kind.NUMBER, Condition("x", equal="7", low="+5", high="9"))
    assert (found[0].number_from, found[0].number_to, found[0].pinned) == ("7", "7", True)
    found, _ = bounds(Kind.NUMBER, Condition("x", low="10"))
    assert (found[0].number_from, found[0].number_to, found[0].pinned) == ("10", "Infinity", False)


def test_an_end_may_lie_outside_of_what_the_attribute_takes() -> None:
    found, faults = bounds(Kind.NUMBER, Condition("x", low="-1", high="1000"), minimum="0", maximum="100")
    assert not faults
    assert (found[0].number_from, found[0].number_to) == ("-1", "1000")


def test_an_end_in_another_unit_is_converted() -> None:
    found, faults = bounds(Kind.NUMBER, Condition("x", low="500 g", high="2 kg"), unit="kg")
    assert not faults
    assert (float(found[0].number_from), float(found[0].number_to)) == (0.5, 2.0)


@given(
    st.builds(
        Filters,
        template_id=st.none() | st.integers(1, 9),
        template=st.none() | st.just("pump"),
        suffix_begins=st.text(max_size=3),
        state=st.sampled_from(StateFilter),
        updated_from=st.none() | st.datetimes(timezones=st.just(UTC)),
        attributes=st.lists(st.builds(Condition, st.text(min_size=1)), max_size=3).map(tuple),
    )
)
def test_filters_come_back_from_their_json(filters: Filters) -> None:
    assert Filters.from_json(json.loads(json.dumps(filters.to_json()))) == filters


def test_only_what_is_asked_stands_in_the_json_of_filters() -> None:
    assert Filters().to_json() == {}
    filters = Filters(
        state=StateFilter.SUSPENDED, registered_to=datetime(2026, 3, 1, tzinfo=UTC),
        attributes=(Condition("power", low="5", high="7.5"),),
    )  # fmt: skip
    assert filters.to_json() == {
        "state": "suspended", "registered_to": "2026-03-01T00:00:00+00:00",
        "attributes": [{"attribute": "power", "from": "5", "to": "7.5"}],
    }  # fmt: skip
