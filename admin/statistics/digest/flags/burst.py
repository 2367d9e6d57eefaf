"""Many resolutions of a prefix within a minute come from a few sources (突发集中)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from admin.statistics.digest.day import MINUTE, Day
from admin.statistics.digest.rule import DigestRule


def burst(day: Day, rule: DigestRule) -> Iterator[int]:
    """The rows of a prefix in a minute with ``burst_per_minute`` or more from ``burst_sources`` networks or fewer."""
    start, total = 0, len(day.at)
    while start < total:
        end = bisect_left(day.at, day.at[start] // MINUTE * MINUTE + MINUTE, start)
        if end - start >= rule.burst_per_minute:
            yield from _bursts(day, rule, range(start, end))
        start = end


def _bursts(day: Day, rule: DigestRule, rows: range) -> Iterator[int]:
    """Those among the rows of one minute."""
    for prefix, resolutions in Counter(day.prefix[rows.start : rows.stop]).items():
        if resolutions < rule.burst_per_minute:
            continue
        of_prefix = [row for row in rows if day.prefix[row] == prefix]
        if len({day.networks[day.client[row]] for row in of_prefix}) <= rule.burst_sources:
            yield from of_prefix
