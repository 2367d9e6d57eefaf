"""A prefix's resolutions go to a few of its identifiers (标识集中)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import ceil

from admin.statistics.digest.day import Day
from admin.statistics.digest.rule import DigestRule


def concentration(day: Day, rule: DigestRule) -> Iterator[int]:
    """The rows of a prefix's most asked identifiers when these few have nearly all its resolutions of the day."""
    of_prefix = {prefix for prefix, rows in Counter(day.prefix).items() if rows >= rule.least}
    if not of_prefix:
        return
    counts: dict[int, Counter[int]] = {prefix: Counter() for prefix in of_prefix}
    for identifier, resolutions in Counter(day.identifier).items():
        prefix = day.prefix_of[identifier]
        if prefix in counts:
            counts[prefix][identifier] = resolutions
    few: set[int] = set()
    for asked in counts.values():
        # Between identifiers asked equally often their names decide, or a recount might choose others.
        ranked = sorted(asked, key=lambda identifier: (-asked[identifier], day.suffixes[identifier]))
        most = ranked[: ceil(len(ranked) * rule.concentration_identifiers)]
        if sum(asked[identifier] for identifier in most) >= rule.concentration_share * asked.total():
            few.update(most)
    if not few:
        return
    for row, identifier in enumerate(day.identifier):
        if identifier in few:
            yield row
