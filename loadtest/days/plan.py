"""A day of a node as its city sees it: who asks for what, and at which second of the day.

Two curves: **people** (phones, and the recursive nodes in front of them) scan in the morning and in the evening;
**shifts** (applications, enterprises that write) work from 8 to 12 and from 13 to 17, with a small night shift. Six
bursts of five minutes come on top: a lorry is unloaded, an advertisement is shown. From half past eleven at night to
twenty past midnight nothing is sent, so that every resolution surely belongs to one day.

The same arguments draw the same day.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

DAY = 86_400
FIRST, LAST = 20 * 60, DAY - 30 * 60
"""Seconds of the day between which something is sent."""
UNKNOWN = 0.05
"""Of all resolutions so many are for identifiers that nobody registered."""
WRITES = 0.02
"""Of all requests so many are registrations and updates."""
SPARE = 1.02
"""So many times the criterion is resolved with success."""
READ = 0.9
"""Of an enterprise's stock the first part is read, the rest updated: what is read has one right answer all day."""

_TWICE = 0.01  # of the scans of phones: a second one at once, by the same hand
_READ_BACK = 0.2  # of the writes: the identifier is asked for an hour later
_AN_HOUR = 3600.0
_BURSTS, _BURST_SECONDS, _BURST_SHARE = 6, 300, 0.005
_APPS, _NODES = 40, 16
_SCANS_OF_A_PHONE = 3
_POPULAR = 3.0  # identifiers are drawn by u ** this: the first tenth has half of the questions


class Kind(StrEnum):
    """Who asks, and by which door."""

    PAGE = "phone_page"
    PHONE = "phone_json"
    APP = "app_json"
    NODE = "recursive_udp"
    REGISTER = "register"
    UPDATE = "update"


SHARES = {Kind.PAGE: 0.25, Kind.PHONE: 0.25, Kind.APP: 0.30, Kind.NODE: 0.20}
"""Of the resolutions."""


class What(StrEnum):
    """What is asked for: from the stock, nobody's, or what was written earlier that day."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    FRESH = "fresh"
    CHANGED = "changed"


# Weights of the hours of the day, of which the first and the last are cut by the quiet time.
_PEOPLE = (1, 1, 1, 1, 1, 2, 5, 9, 14, 15, 14, 12, 11, 10, 12, 13, 13, 14, 16, 18, 17, 12, 7, 3)
_SHIFTS = (4, 4, 4, 4, 4, 4, 5, 9, 22, 22, 21, 20, 8, 21, 22, 22, 20, 9, 5, 5, 4, 4, 4, 3)


@dataclass(frozen=True, slots=True)
class Ask:
    """``at`` is the second of the day, ``source`` the address it comes from, ``enterprise`` the index of the prefix.

    ``number`` is that of the identifier in the stock, of a lost one, or of the day's write; ``twice``: a second time
    at once. ``queue`` says which user it belongs to.
    """

    at: float
    kind: Kind
    source: str
    enterprise: int
    number: int
    what: What = What.KNOWN
    twice: bool = False
    queue: int = 0

    @property
    def asks(self) -> int:
        return 2 if self.twice else 1


@dataclass(frozen=True, slots=True)
class Stock:
    """So many enterprises with so many identifiers each."""

    enterprises: int
    identifiers: int


def draw_day(stock: Stock, per_day: int, day: int, seed: str = "biaoshi") -> list[Ask]:
    """The day of that index, by time: at least ``per_day`` times ``SPARE`` of its resolutions are valid."""
    chance = random.Random(f"{seed}/{day}")
    valid = round(per_day * SPARE)
    unknown = round(valid * UNKNOWN / (1 - UNKNOWN))
    writes = round((valid + unknown) * WRITES / (1 - WRITES))
    people, shifts = _times(_PEOPLE, chance), _times(_SHIFTS, chance)
    asks = [*_written(stock, writes, shifts, chance, day)]
    valid -= sum(1 for ask in asks if ask.kind not in (Kind.REGISTER, Kind.UPDATE))
    who = _Askers(valid + unknown, chance)
    seen: set[tuple[str, int, int]] = set()
    while valid > 0 or unknown > 0:
        lost = chance.random() * (valid + unknown) < unknown
        kind, source, queue = who.next()
        at = shifts() if kind is Kind.APP else people()
        enterprise = int(stock.enterprises * chance.random() ** 1.5)
        if lost:
            number = chance.randrange(1_000_000)
            asks.append(Ask(at, kind, source, enterprise, number, What.UNKNOWN, queue=queue))
            unknown -= 1
            continue
        number = int(stock.identifiers * READ * chance.random() ** _POPULAR)
        if (source, enterprise, number) in seen:
            continue  # asked again within the day it might, or might not, count as a repetition
        seen.add((source, enterprise, number))
        twice = kind is Kind.PHONE and valid > 1 and chance.random() < _TWICE
        asks.append(Ask(at, kind, source, enterprise, number, twice=twice, queue=queue))
        valid -= 2 if twice else 1
    return sorted(asks, key=lambda ask: ask.at)


class _Askers:
    """Kinds by their shares, each with the addresses it has: thousands of phones, some dozens of programs."""

    def __init__(self, resolutions: int, chance: random.Random) -> None:
        self._chance = chance
        phones = max(1, round(resolutions * (SHARES[Kind.PAGE] + SHARES[Kind.PHONE]) / _SCANS_OF_A_PHONE))
        self._phones = [
            f"127.{chance.randrange(64, 128)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
            for _ in range(phones)
        ]
        self._kinds = list(SHARES)
        self._edges = list(accumulate(SHARES.values()))

    def next(self) -> tuple[Kind, str, int]:
        """Kind, address, and whose of the kind."""
        kind = self._kinds[min(bisect(self._edges, self._chance.random()), len(self._kinds) - 1)]
        if kind is Kind.APP:
            one = self._chance.randrange(_APPS)
            return kind, f"127.20.{one}.1", one
        if kind is Kind.NODE:
            one = self._chance.randrange(_NODES)
            return kind, f"127.30.{one}.1", one
        return kind, self._chance.choice(self._phones), 0


def _written(stock: Stock, writes: int, times: Callable[[], float], chance: random.Random, day: int) -> Iterator[Ask]:
    """Half registrations, half updates, no identifier twice a day; some are read an hour later by an application."""
    kept = int(stock.identifiers * READ)
    changeable = stock.identifiers - kept
    for number in range(writes):
        enterprise = number % stock.enterprises
        source, at = f"127.40.{enterprise}.1", times()
        place = day * writes + number
        if number % 2 or place // stock.enterprises >= changeable:
            kind, what, which = Kind.REGISTER, What.FRESH, number
        else:
            kind, what, which = Kind.UPDATE, What.CHANGED, kept + place // stock.enterprises
        yield Ask(at, kind, source, enterprise, which, what, queue=enterprise)
        if chance.random() < _READ_BACK and at + _AN_HOUR < LAST:
            one = chance.randrange(_APPS)
            yield Ask(at + _AN_HOUR, Kind.APP, f"127.20.{one}.1", enterprise, which, what, queue=one)


def _times(hours: tuple[int, ...], chance: random.Random) -> Callable[[], float]:
    """Draws seconds of the day by the weights of its hours, and now and then from a burst."""
    edges = list(accumulate(hours))
    bursts = [chance.uniform(8 * 3600, 20 * 3600) for _ in range(_BURSTS)]

    def draw() -> float:
        while True:
            if chance.random() < _BURSTS * _BURST_SHARE:
                return chance.choice(bursts) + chance.uniform(0, _BURST_SECONDS)
            at = (bisect(edges, chance.random() * edges[-1]) + chance.random()) * 3600
            if FIRST <= at < LAST:
                return at

    return draw


def in_all(asks: list[Ask]) -> dict[str, int]:
    """What a drawn day has: resolutions, valid ones, unknown ones, registrations, updates."""
    writes = {kind: sum(1 for ask in asks if ask.kind is kind) for kind in (Kind.REGISTER, Kind.UPDATE)}
    resolutions = [ask for ask in asks if ask.kind in SHARES]
    unknown = sum(ask.asks for ask in resolutions if ask.what is What.UNKNOWN)
    total = sum(ask.asks for ask in resolutions)
    return {
        "resolutions": total,
        "valid": total - unknown,
        "unknown": unknown,
        "registered": writes[Kind.REGISTER],
        "updated": writes[Kind.UPDATE],
    }
