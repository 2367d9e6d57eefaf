"""Who was asked, or asked, the most; and how evenly all were: the view in which a bulk loop is seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from heapq import nlargest, nsmallest
from itertools import zip_longest
from typing import TypeVar

MOST = 30
"""How many of the most asked a digest names."""
DISTANCES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 60_000_000, 600_000_000, 3_600_000_000)
"""Where one band of distances in time ends and the next begins, in microseconds; the last has no end."""

Key = TypeVar("Key", int, str)


def most_asked(counts: Mapping[Key, int]) -> list[tuple[Key, int]]:
    """The ``MOST`` keys with the highest counts, the highest first; between equals the lower key comes first."""
    least = nlargest(MOST, counts.values())[-1] if len(counts) > MOST else 0
    most = [(key, count) for key, count in counts.items() if count > least]
    equals = nsmallest(MOST - len(most), (key for key, count in counts.items() if count == least))
    most += [(key, least) for key in equals]
    return sorted(most, key=lambda entry: (-entry[1], entry[0]))


def joined_tops(tops: Iterable[list[tuple[str, int]]]) -> list[tuple[str, int]]:
    """Several tops as one. Who missed one of them may have a little more than is said here, never less."""
    counts: Counter[str] = Counter()
    for top in tops:
        for name, count in top:
            counts[name] += count
    return most_asked(counts)


def bands_of(counts: Iterable[int]) -> list[tuple[int, int]]:
    """How many members were counted how often: band k tells of those with more than 2^(k-1) and up to 2^k.

    Each band is (members, their resolutions); there is none behind the last that has a member. A loop over all
    identifiers puts them all into one band; people's questions make every band smaller than the one before.
    """
    members: Counter[int] = Counter()
    resolutions: Counter[int] = Counter()
    for count, often in Counter(counts).items():
        band = (count - 1).bit_length()
        members[band] += often
        resolutions[band] += often * count
    return [(members[band], resolutions[band]) for band in range(max(members, default=-1) + 1)]


def joined_bands(several: Iterable[list[tuple[int, int]]]) -> list[tuple[int, int]]:
    """Band by band the sums. Who is a member of two counts twice."""
    return [
        (sum(members for members, _ in band), sum(resolutions for _, resolutions in band))
        for band in zip_longest(*several, fillvalue=(0, 0))
    ]
