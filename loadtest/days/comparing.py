"""The clients' ledger beside the node's own figures, number by number.

The node's are those of its closed days (``GET /v1/statistics/days/{day}``) and of ``biaoshi acceptance --json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Told = Mapping[str, Any]

_SURELY = 2
"""An estimate is beyond its bound once in a hundred times; of thirty days there are sixty, beyond the double none."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One number as both sides have it; the clients' may be between two bounds, the node's an estimate with one."""

    day: str
    what: str
    clients: int
    node: int | None
    most: int | None = None
    margin: int = 0

    @property
    def equal(self) -> bool:
        if self.node is None:
            return False
        most = self.clients if self.most is None else self.most
        return self.clients - self.margin <= self.node <= most + self.margin


def pairs_of(ledger: Told, figures: Told) -> list[Pair]:
    """Every number of one day: raw, valid, by interface and outcome, by prefix, repetitions, writes, evidence."""
    return [Pair(ledger["day"], *pair) for pair in _pairs(ledger, figures)]


def _pairs(ledger: Told, figures: Told) -> Iterator[tuple[Any, ...]]:
    yield "raw", ledger["raw"], figures["raw"]
    yield "valid", ledger["valid"], figures["valid"]
    for interface, outcome in _keys(ledger["by_interface"], figures["by_interface"]):
        mine, theirs = (side["by_interface"].get(interface, {}).get(outcome, 0) for side in (ledger, figures))
        yield f"interface {interface} outcome {outcome}", mine, theirs
    for prefix in sorted({*ledger["valid_by_prefix"], *figures["valid_by_prefix"]}):
        yield f"valid {prefix}", ledger["valid_by_prefix"].get(prefix, 0), figures["valid_by_prefix"].get(prefix, 0)
    kept = ledger["valid"] - ledger["repeated"]
    yield "deduplicated", kept - ledger["perhaps"], figures["deduplicated"], kept
    for name in ("registered", "updated"):
        yield name, ledger[name], figures["registrations"][name]
    yield "first_registered", ledger["registered"], figures["registrations"]["first_registered"]
    for name in ("deleted", "suspended", "resumed"):
        yield name, 0, figures["registrations"][name]
    yield "events in sealed files", ledger["raw"], figures["evidence"]["events"]
    yield "gaps", 0, len(figures["gaps"])
    for name in ("clients", "identifiers"):
        about = figures[name] or {"estimate": None, "plus_minus": 0}
        yield f"different {name}", ledger[name], about["estimate"], None, about["plus_minus"] * _SURELY


def pairs_of_acceptance(ledgers: Sequence[Told], judged: Told, enterprises: int, stock: int) -> list[Pair]:
    """What an evaluation after the last day says, beside the same from the ledgers and the stock."""
    found = []
    for criterion in judged["criteria"]:
        figure, first, last = criterion["figure"], criterion["first_day"], criterion["last_day"]
        if figure.startswith("resolutions."):
            mine = sum(ledger["valid"] for ledger in ledgers if first <= ledger["day"] <= last)
        elif figure == "registrations.live":
            mine = stock + sum(ledger["registered"] for ledger in ledgers)
        elif figure == "enterprises.connected":
            mine = enterprises
        else:
            continue
        found.append(Pair(f"{first}…{last}", f"{judged['profile']['id']} {figure}", mine, criterion["sum"]))
    return found


def _keys(mine: Told, theirs: Told) -> list[tuple[str, str]]:
    return sorted(
        {(interface, outcome) for side in (mine, theirs) for interface in side for outcome in side[interface]}
    )
