from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from node.national.backoff import Patience
from node.national.link import LAST_CONTACT, LINK, OPEN_AFTER, Link, LinkResting

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def broken(clock: Clock) -> Link:
    """A link whose circuit has just opened: 16 s of rest are before it."""
    link = Link(Patience(1, 60), lambda: 1.0, 10, clock)
    for turn in range(OPEN_AFTER):
        link.admit()
        link.failed(AT + timedelta(seconds=turn), "no route to host")
        clock.now += 2**turn
    clock.now -= 2 ** (OPEN_AFTER - 1)
    return link


def rest_of(link: Link) -> float:
    with pytest.raises(LinkResting) as resting:
        link.admit()
    return float(resting.value.evidence["seconds"])


def test_questions_pass_until_five_failures_in_a_row() -> None:
    clock = Clock()
    link = Link(Patience(1, 60), lambda: 1.0, 10, clock)
    for _ in range(OPEN_AFTER - 1):
        link.failed(AT, "silence")
        clock.now += 60
        link.admit()
    assert not link.open


def test_failures_of_many_questions_at_once_are_one() -> None:
    clock = Clock()
    link = Link(Patience(1, 60), lambda: 1.0, 10, clock)
    for _ in range(50):
        link.failed(AT, "silence")
    assert not link.open


def test_an_open_circuit_lets_one_probe_through_after_each_rest() -> None:
    clock = Clock()
    link = broken(clock)
    assert link.open
    assert rest_of(link) == 16
    clock.now += 16
    link.admit()
    assert rest_of(link) == 10
    link.failed(AT, "silence")
    assert rest_of(link) == 32


def test_a_probe_of_which_nothing_is_heard_gives_way_to_the_next() -> None:
    clock = Clock()
    link = broken(clock)
    clock.now += 16
    link.admit()
    clock.now += 10
    link.admit()


def test_an_answer_closes_the_circuit_for_everybody() -> None:
    clock = Clock()
    link = broken(clock)
    clock.now += 16
    link.admit()
    link.heard(AT)
    link.admit()
    link.admit()
    assert not link.open


def test_the_state_says_since_when_and_why() -> None:
    clock = Clock()
    link = Link(Patience(1, 60), lambda: 1.0, 10, clock)
    link.heard(AT)
    assert (LAST_CONTACT._value.get(), LINK._value.get()) == (AT.timestamp(), 1)
    link.failed(AT + timedelta(seconds=1), "silence")
    link.failed(AT + timedelta(seconds=2), "refused")
    assert (link.state.last_contact_at, link.state.failing_since) == (AT, AT + timedelta(seconds=1))
    assert (link.state.last_error, LINK._value.get()) == ("refused", 0)
    link.heard(AT + timedelta(seconds=3))
    assert (link.state.failing_since, link.state.last_error) == (None, "")
