from __future__ import annotations

from node.national.backoff import Backoff, Patience


def test_rests_double_up_to_the_longest() -> None:
    backoff = Backoff(Patience(1, 60), random=lambda: 1.0)
    now = 0.0
    rests = []
    for _ in range(9):
        rests.append(backoff.failed(now))
        now += rests[-1]
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_half_of_a_rest_is_chance() -> None:
    assert Backoff(Patience(1, 60), random=lambda: 0.0).failed(0) == 0.5
    assert Backoff(Patience(1, 60), random=lambda: 0.5).failed(0) == 0.75


def test_a_failure_during_a_rest_does_not_lengthen_it() -> None:
    backoff = Backoff(Patience(1, 60), random=lambda: 1.0)
    backoff.failed(0)
    assert backoff.failed(0.25) == 0.75
    assert backoff.failures == 1


def test_success_ends_the_rest() -> None:
    backoff = Backoff(Patience(1, 60), random=lambda: 1.0)
    backoff.failed(0)
    assert backoff.wait(0.4) == 0.6
    backoff.succeeded()
    assert (backoff.wait(0.4), backoff.failures) == (0, 0)


def test_thousands_of_failures_are_still_a_number() -> None:
    backoff = Backoff(Patience(1, 60), random=lambda: 1.0)
    assert [backoff.failed(turn * 100.0) for turn in range(5000)][-1] == 60
