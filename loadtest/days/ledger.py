"""What the clients counted: their own account of each day, to be compared with the node's, number by number.

A resolution belongs to the day on which it was sent and answered, by the node's laboratory clock, the same for all
processes of the machine. One that was under way at midnight would belong to neither; it is counted as ``torn`` and
makes the comparison fail, which the quiet time around midnight prevents.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.days.plan import Ask, Kind, What

JSON, PAGE, UDP = 4, 5, 6
"""Interfaces as the node stores them (``Interface`` in node/journal.py)."""
HIT, MISSING = 1, 3
"""Likewise outcomes (``Outcome`` in node/resolutions.py)."""
DOORS = {Kind.PAGE: PAGE, Kind.PHONE: JSON, Kind.APP: JSON, Kind.NODE: UDP}
REPEATS_WITHIN = 60.0
"""Seconds of the laboratory clock in which the same client's next resolution of an identifier is a repetition."""
_ERRORS = 20


@dataclass(slots=True)
class DayLedger:
    """One day; ``counted`` by interface and outcome, ``valid_by_prefix`` and ``identifiers`` hits alone.

    ``repeated`` are second scans that were surely booked less than 60 s after the first, ``perhaps`` those that may
    have been. ``late`` are milliseconds of the time of day behind the plan, ``took`` those to the answer, by kind.
    """

    day: str
    counted: Counter[tuple[int, int]] = field(default_factory=Counter)
    valid_by_prefix: Counter[str] = field(default_factory=Counter)
    registered: int = 0
    updated: int = 0
    repeated: int = 0
    perhaps: int = 0
    torn: int = 0
    unsent: int = 0
    wrong: int = 0
    first_wrong: list[str] = field(default_factory=list)
    by_hour: list[int] = field(default_factory=lambda: [0] * 24)
    took: dict[Kind, array[float]] = field(default_factory=lambda: {kind: array("f") for kind in Kind})
    late: array[float] = field(default_factory=lambda: array("f"))
    clients: set[str] = field(default_factory=set)
    identifiers: set[tuple[int, int, What]] = field(default_factory=set)

    @property
    def valid(self) -> int:
        return sum(asked for (_, outcome), asked in self.counted.items() if outcome == HIT)

    @property
    def raw(self) -> int:
        return self.counted.total()

    def book(self, ask: Ask, prefix: str, milliseconds: float) -> None:
        """One request that was answered as it had to be."""
        self.took[ask.kind].append(milliseconds)
        self.by_hour[int(ask.at // 3600)] += 1
        if ask.kind is Kind.REGISTER:
            self.registered += 1
        elif ask.kind is Kind.UPDATE:
            self.updated += 1
        else:
            hit = ask.what is not What.UNKNOWN
            self.counted[DOORS[ask.kind], HIT if hit else MISSING] += 1
            self.clients.add(ask.source)
            if hit:
                self.valid_by_prefix[prefix] += 1
                self.identifiers.add((ask.enterprise, ask.number, ask.what))

    def book_repetition(self, least: float, most: float) -> None:
        """A second scan, booked between ``least`` and ``most`` seconds (laboratory clock) after the first."""
        if most < REPEATS_WITHIN:
            self.repeated += 1
        elif least < REPEATS_WITHIN:
            self.perhaps += 1

    def fail(self, ask: Ask, why: str) -> None:
        """A wrong answer, or none."""
        self.wrong += 1
        if len(self.first_wrong) < _ERRORS:
            self.first_wrong.append(f"{ask.kind} {ask.what} {ask.enterprise}/{ask.number}: {why}"[:300])

    def told(self) -> dict[str, Any]:
        """As JSON; latencies as percentiles."""
        everything = sorted(value for kind, values in self.took.items() if kind in DOORS for value in values)
        return {
            "day": self.day,
            "raw": self.raw,
            "valid": self.valid,
            "by_interface": _nested(self.counted),
            "valid_by_prefix": dict(sorted(self.valid_by_prefix.items())),
            "registered": self.registered,
            "updated": self.updated,
            "repeated": self.repeated,
            "perhaps": self.perhaps,
            "torn": self.torn,
            "unsent": self.unsent,
            "wrong": self.wrong,
            "first_wrong": self.first_wrong,
            "clients": len(self.clients),
            "identifiers": len(self.identifiers),
            "by_hour": self.by_hour,
            "resolutions_ms": percentiles(everything),
            "kinds": {kind: {"requests": len(took), **percentiles(sorted(took))} for kind, took in self.took.items()},
            "late_ms": percentiles(sorted(self.late)),
        }

    def write(self, folder: Path) -> None:
        """The file appears whole or not at all."""
        partial = folder / f".{self.day}.json"
        partial.write_text(json.dumps(self.told(), ensure_ascii=False), encoding="utf-8")
        partial.replace(folder / f"{self.day}.json")


def read_ledgers(folder: Path) -> list[Mapping[str, Any]]:
    """Every day that was written, in order."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("[0-9]*.json"))]


def percentiles(ordered: list[float]) -> dict[str, float]:
    """Of milliseconds in order; zeros of none."""
    if not ordered:
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    last = len(ordered) - 1
    return {
        "p50": round(ordered[int(0.5 * last)], 2),
        "p99": round(ordered[int(0.99 * last)], 2),
        "max": round(ordered[last], 2),
    }


def _nested(counted: Mapping[tuple[int, int], int]) -> dict[str, dict[str, int]]:
    """The form of a closed day: outcomes by interfaces, both as texts."""
    found: dict[str, dict[str, int]] = {}
    for (interface, outcome), resolutions in sorted(counted.items()):
        found.setdefault(str(interface), {})[str(outcome)] = resolutions
    return found
