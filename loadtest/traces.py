"""Which of many identifiers is asked for next: seeded traces to judge a cache by."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate, chain
from random import Random

_SKEW = 0.9  # of the published traces of web and DNS caches most lie between 0.6 and 1


def zipf(names: int, asked: int, random: Random) -> Iterator[int]:
    """Of ``names`` the n-th most popular is asked for in proportion to ``n ** -0.9``; popularity is no order."""
    summed = list(accumulate(place**-_SKEW for place in range(1, names + 1)))
    order = list(range(names))
    random.shuffle(order)
    for _ in range(asked):
        yield order[bisect(summed, random.random() * summed[-1])]


def passing_scan(names: int, asked: int, random: Random) -> Iterator[int]:
    """The same, but the middle fifth are names asked for once, one after the other: somebody reads the stock."""
    scan = asked // 5
    half = (asked - scan) // 2
    usual = zipf(names, asked - scan, random)
    first = [next(usual) for _ in range(half)]
    return chain(first, range(names, names + scan), usual)


def shifting(names: int, asked: int, random: Random) -> Iterator[int]:
    """The same, but what is popular changes as a whole ten times."""
    return chain.from_iterable(zipf(names, asked // 10, random) for _ in range(10))
