"""How often a network may do something, and how little is remembered of it."""

from __future__ import annotations

import pytest

from node.rate_limit import Allowances, RateLimit, TooManyRequests, network_of


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def limit(clock: Seconds, *, per_minute: float = 6, burst: int = 3, most_sources: int = 100) -> RateLimit:
    return RateLimit(per_minute=per_minute, burst=burst, most_sources=most_sources, clock=clock)


def test_a_burst_is_allowed_and_then_the_rate_holds() -> None:
    clock = Seconds()
    limited = limit(clock)
    assert [limited.allow("203.0.113.7") for _ in range(5)] == [True, True, True, False, False]
    clock.now += 9.9
    assert not limited.allow("203.0.113.7")
    clock.now += 0.2
    assert [limited.allow("203.0.113.7") for _ in range(2)] == [True, False]


def test_over_an_hour_of_flood_the_rate_holds() -> None:
    clock = Seconds()
    limited = limit(clock)
    allowed = 0
    for _ in range(3600):
        clock.now += 1
        allowed += limited.allow("203.0.113.7")
    assert 360 <= allowed <= 363


def test_what_is_not_used_is_saved_up_to_the_burst_only() -> None:
    clock = Seconds()
    limited = limit(clock)
    limited.allow("203.0.113.7")
    clock.now += 86_400
    assert sum(limited.allow("203.0.113.7") for _ in range(10)) == 3


def test_who_is_refused_is_told_when_to_come_back() -> None:
    limited = limit(Seconds(), burst=1)
    limited.require("203.0.113.7")
    with pytest.raises(TooManyRequests) as refusal:
        limited.require("203.0.113.7")
    assert refusal.value.evidence == {"retry_after": 10}


def test_one_network_does_not_use_up_what_another_has() -> None:
    limited = limit(Seconds())
    assert sum(limited.allow(f"203.0.113.{host}") for host in range(50)) == 3
    assert limited.allow("203.0.114.1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.255", True),
        ("203.0.113.7", "203.0.112.7", False),
        ("::ffff:203.0.113.7", "203.0.113.9", True),
        ("2001:db8::1", "2001:db8:0:ff::1", True),
        ("2001:db8::1", "2001:db8:0:100::1", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_what_one_network_is(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


def test_a_flood_from_everywhere_is_remembered_within_the_bound_and_shares_one_allowance_beyond_it() -> None:
    clock = Seconds()
    limited = limit(clock, burst=1, most_sources=100)
    sources = [f"10.{number // 250}.{number % 250}.1" for number in range(5000)]
    assert sum(limited.allow(source) for source in sources) == 100 + 1
    clock.now += 60
    assert limited.allow("10.9.9.9")


def test_what_is_remembered_is_bounded() -> None:
    allowances = Allowances(per_second=1, saved=1, networks=100)
    for number in range(5000):
        allowances.take(str(number).encode(), now=100 + number / 2000)
    assert len(allowances) <= 2 * (100 + 1)
