"""Times to the answer in buckets, each a sixteenth of a power of two wide: percentiles to within 6.3 %.

A histogram says how many answers fell into each bucket, by the bucket's number. Histograms are added bucket by
bucket; percentiles are not, and nobody should take the mean of two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_PARTS_BITS = 4
_PARTS = 1 << _PARTS_BITS
ERROR = 1 / _PARTS
"""The most that a percentile may lie above the true value, as a share of it."""


def bucket_of(micros: int) -> int:
    """The number of the bucket of so many microseconds: up to 31 each has its own, then sixteen for each doubling."""
    shift = micros.bit_length() - _PARTS_BITS - 1
    return micros if shift <= 0 else (shift << _PARTS_BITS) + (micros >> shift)


def most_of(bucket: int) -> int:
    """The longest time of a bucket, in microseconds."""
    shift = (bucket >> _PARTS_BITS) - 1
    return bucket if shift <= 0 else ((bucket - (shift << _PARTS_BITS) + 1) << shift) - 1


def percentile(histogram: Mapping[int, int], share: float) -> int | None:
    """Within how many microseconds that share of the answers came, at most ``ERROR`` too long; None without any."""
    wanted = share * sum(histogram.values())
    seen = 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= wanted:
            return most_of(bucket)
    return None


def added(histograms: Iterable[Mapping[int, Mapping[int, int]]]) -> dict[int, dict[int, int]]:
    """The sum of histograms by interface."""
    total: dict[int, dict[int, int]] = {}
    for one in histograms:
        for interface, histogram in one.items():
            sums = total.setdefault(interface, {})
            for bucket, answers in histogram.items():
                sums[bucket] = sums.get(bucket, 0) + answers
    return total
