"""What leaves for senders that nobody knows, by time, network and bytes."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Any

from resolver.handle.rate_limit import Leave, RateLimit

LONG, SHORT = 1000, 300


def limit(**changed: Any) -> RateLimit:
    everyday: dict[str, Any] = {"ratio": 4.0, "answers": 10.0, "slip": 2, "allow_list": ()}
    return RateLimit(**{**everyday, **changed})


def left(limited: RateLimit, source: str, times: int, now: float = 100.0) -> Counter[Leave]:
    return Counter(limited.judge(source, 100, LONG, now) for _ in range(times))


def test_an_answer_up_to_the_ratio_is_never_limited() -> None:
    limited = limit()
    assert {limited.judge("203.0.113.7", 100, 400, 1.0) for _ in range(1000)} == {Leave.ANSWER}
    assert left(limited, "203.0.113.7", 10) == {Leave.ANSWER: 10}


def test_longer_ones_are_answered_so_many_times_a_second_and_each_second_time_hinted_at() -> None:
    assert left(limit(), "203.0.113.7", 110) == {Leave.ANSWER: 10, Leave.HINT: 50, Leave.NOTHING: 50}


def test_without_slip_nothing_leaves_in_their_place() -> None:
    assert left(limit(slip=0), "203.0.113.7", 110) == {Leave.ANSWER: 10, Leave.NOTHING: 100}


def test_a_network_earns_its_answers_back_with_time_and_saves_up_no_more_than_a_second_s() -> None:
    limited = limit()
    left(limited, "203.0.113.7", 50, now=100.0)
    assert left(limited, "203.0.113.7", 50, now=100.5)[Leave.ANSWER] == 5
    assert left(limited, "203.0.113.7", 50, now=101.4)[Leave.ANSWER] == 9
    assert left(limited, "203.0.113.7", 50, now=160.0)[Leave.ANSWER] == 10


def test_over_a_minute_of_flood_the_rate_holds() -> None:
    limited = limit()
    answers = sum(
        limited.judge("203.0.113.7", 100, LONG, 100 + tick / 100) is Leave.ANSWER for tick in range(60 * 100)
    )
    assert 590 <= answers <= 610


def test_the_addresses_of_one_network_share_and_others_do_not() -> None:
    limited = limit()
    assert sum(left(limited, f"203.0.113.{n}", 1)[Leave.ANSWER] for n in range(200)) == 10
    assert left(limited, "203.0.114.1", 10)[Leave.ANSWER] == 10
    assert sum(left(limited, f"2001:db8:0:{n:x}::1", 1)[Leave.ANSWER] for n in range(256)) == 10
    assert left(limited, "2001:db8:0:100::1", 10)[Leave.ANSWER] == 10


def test_listed_networks_are_exempt() -> None:
    limited = limit(allow_list=[ipaddress.ip_network("203.0.113.0/25"), ipaddress.ip_network("2001:db8::/32")])
    assert left(limited, "203.0.113.7", 500) == {Leave.ANSWER: 500}
    assert left(limited, "2001:db8::7", 500) == {Leave.ANSWER: 500}
    assert left(limited, "203.0.113.200", 500)[Leave.ANSWER] == 10


def test_a_flood_from_everywhere_has_one_allowance_beyond_the_bound() -> None:
    limited = limit(networks=100)
    answers = sum(left(limited, f"10.{n // 250}.{n % 250}.1", 1)[Leave.ANSWER] for n in range(5000))
    assert answers == 100 + 10
    assert left(limited, "10.9.9.9", 20, now=103.0)[Leave.ANSWER] == 10


def test_a_rate_below_one_a_second_still_gives_the_first_answer() -> None:
    limited = limit(answers=0.5)
    assert left(limited, "203.0.113.7", 5, now=100.0)[Leave.ANSWER] == 1
    assert left(limited, "203.0.113.7", 5, now=101.5)[Leave.ANSWER] == 0
    assert left(limited, "203.0.113.7", 5, now=102.0)[Leave.ANSWER] == 1
