"""A day's columns summed up by prefix: what a digest is made of."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field

from admin.statistics.digest.day import HOUR, PAIR_BITS, Day
from admin.statistics.digest.deduplication import first_asked
from admin.statistics.digest.flags.table import FLAGS
from admin.statistics.digest.rule import DigestRule
from admin.statistics.digest.tops import DISTANCES

_CHINA_HOURS = 8
_NOT_REPEATED = 1 << len(FLAGS)
_PAIR_MASK = (1 << PAIR_BITS) - 1


@dataclass(slots=True)
class Tally:
    """Of one prefix. ``identifiers`` and ``clients`` by their numbers in the ``Day``, the rest as in the digest."""

    raw: int = 0
    deduplicated: int = 0
    flagged: int = 0
    flags: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FLAGS, 0))
    hours: list[int] = field(default_factory=lambda: [0] * 24)
    latency: dict[int, dict[int, int]] = field(default_factory=dict)
    identifiers: dict[int, int] = field(default_factory=dict)
    clients: dict[int, int] = field(default_factory=dict)
    askers: set[int] = field(default_factory=set)
    distance_bands: list[int] = field(default_factory=lambda: [0] * (len(DISTANCES) + 1))


def tallies_of(day: Day, rule: DigestRule) -> list[Tally]:
    """By prefix number."""
    tallies = [Tally() for _ in day.prefixes]
    _count_answers(day, tallies)
    _count_flags(day, _marked(day, rule), tallies)
    _count_distances(day, tallies)
    for identifier, resolutions in Counter(day.identifier).items():
        tallies[day.prefix_of[identifier]].identifiers[identifier] = resolutions
    return tallies


def _count_answers(day: Day, tallies: list[Tally]) -> None:
    for (prefix, interface, bucket), answers in day.answers.items():
        tallies[prefix].raw += answers
        if bucket:
            tallies[prefix].latency.setdefault(interface, {})[bucket] = answers
    for pair in day.askers:
        tallies[pair >> PAIR_BITS].askers.add(pair & _PAIR_MASK)


def _marked(day: Day, rule: DigestRule) -> bytearray:
    """By row a bit for each flag, and one for what repeats nothing."""
    bits = bytearray(len(day.at))
    for place, find in enumerate(FLAGS.values()):
        bit = 1 << place
        for row in find(day, rule):
            bits[row] |= bit
    for row in first_asked(day, rule.deduplication_seconds):
        bits[row] |= _NOT_REPEATED
    return bits


def _count_flags(day: Day, bits: bytearray, tallies: list[Tally]) -> None:
    start = 0
    while start < len(day.at):
        hour = day.at[start] // HOUR
        end = bisect_left(day.at, (hour + 1) * HOUR, start)
        for (prefix, marked), resolutions in Counter(
            zip(day.prefix[start:end], bits[start:end], strict=True)
        ).items():
            tally = tallies[prefix]
            tally.hours[(hour + _CHINA_HOURS) % 24] += resolutions
            if marked & _NOT_REPEATED:
                tally.deduplicated += resolutions
            if marked & ~_NOT_REPEATED:
                tally.flagged += resolutions
                for place, name in enumerate(FLAGS):
                    if marked >> place & 1:
                        tally.flags[name] += resolutions
        start = end


def _count_distances(day: Day, tallies: list[Tally]) -> None:
    """How often each client asked, and at what distances in time."""
    last: dict[int, int] = {}
    pairs: dict[int, int] = {}
    for at, prefix, client in zip(day.at, day.prefix, day.client, strict=True):
        pair = prefix << PAIR_BITS | client
        before = last.get(pair)
        last[pair] = at
        if before is None:
            pairs[pair] = 1
            continue
        pairs[pair] += 1
        tallies[prefix].distance_bands[bisect_right(DISTANCES, at - before)] += 1
    for pair, resolutions in pairs.items():
        tallies[pair >> PAIR_BITS].clients[pair & _PAIR_MASK] = resolutions
