"""When a silent server is asked again."""

from __future__ import annotations

from resolver.recursion.breaker import FIRST_REST, LONGEST_REST, OPEN_AFTER, Breakers
from resolver.recursion.delegation import Target
from tests.support.ticks import Ticks

SERVER = Target("192.0.2.1", 2641)
OTHER = Target("192.0.2.2", 2641)


class Middle:
    """Chance that always lands in the middle."""

    def random(self) -> float:
        return 0.5


def breakers() -> tuple[Breakers, Ticks]:
    ticks = Ticks()
    return Breakers(ticks, Middle()), ticks


def test_a_server_rests_after_three_failures_in_a_row_and_no_other_does() -> None:
    known, _ = breakers()
    for _ in range(OPEN_AFTER):
        assert known.allows(SERVER)
        known.failed(SERVER)
    assert not known.allows(SERVER)
    assert known.allows(OTHER)


def test_an_answer_between_failures_begins_the_row_anew() -> None:
    known, _ = breakers()
    for _ in range(10):
        known.failed(SERVER)
        known.failed(SERVER)
        known.answered(SERVER)
    assert known.allows(SERVER)
    assert len(known) == 0


def test_behind_the_rest_one_question_goes_as_a_probe_and_its_failure_doubles_the_rest() -> None:
    known, ticks = breakers()
    for _ in range(OPEN_AFTER):
        known.failed(SERVER)
    rest = FIRST_REST
    for _ in range(8):
        ticks.pass_(rest - 0.01)
        assert not known.allows(SERVER)
        ticks.pass_(0.02)
        assert known.allows(SERVER)
        assert not known.allows(SERVER)
        known.failed(SERVER)
        rest = min(2 * rest, LONGEST_REST)


def test_a_probe_that_is_answered_ends_the_rest() -> None:
    known, ticks = breakers()
    for _ in range(OPEN_AFTER):
        known.failed(SERVER)
    ticks.pass_(FIRST_REST)
    assert known.allows(SERVER)
    known.answered(SERVER)
    assert all(known.allows(SERVER) for _ in range(10))


def test_a_probe_of_which_nobody_tells_anything_does_not_close_the_door_for_ever() -> None:
    known, ticks = breakers()
    for _ in range(OPEN_AFTER):
        known.failed(SERVER)
    ticks.pass_(FIRST_REST)
    assert known.allows(SERVER)
    ticks.pass_(FIRST_REST)
    assert known.allows(SERVER)


def test_failures_of_very_many_servers_are_remembered_in_bounded_room() -> None:
    known, _ = breakers()
    for number in range(10_100):
        known.failed(Target(f"198.51.{number >> 8}.{number & 255}", 2641))
    assert len(known) == 10_000
