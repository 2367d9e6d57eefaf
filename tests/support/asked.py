"""Events as fronts book them, for those who digest a day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from admin.statistics.digest.rule import DigestRule
from node.china_time import midnight
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.event_format import Event

DAY = date(2026, 11, 18)
PREFIX = "88.101.1"
BOOT = UUID("0b00710b-0000-4000-8000-000000000001")
START = int(midnight(DAY).timestamp()) * 1_000_000
SECOND = 1_000_000

RULE = DigestRule(
    deduplication_seconds=60,
    least=20,
    source_share=0.2,
    walk_steps=5,
    metronome_resolutions=5,
    metronome_variation=0.1,
    concentration_identifiers=0.1,
    concentration_share=0.9,
    burst_per_minute=10,
    burst_sources=3,
)
"""Low thresholds, so that a few events are a day."""


def asked(
    second: float,
    suffix: str = "A",
    client: int = 1,
    *,
    prefix: str = PREFIX,
    network: int | None = None,
    outcome: Outcome = Outcome.HIT,
    interface: Interface = Interface.HANDLE_TCP,
    tenant: int = 0,
    micros: int = 0,
    marks: int = 0,
    boot: UUID = BOOT,
    position: int = 0,
) -> Event:
    """A resolution so many seconds after midnight; a client that names no network has one of its own."""
    at = START + round(second * SECOND)
    network = client + 1000 if network is None else network
    return Event(at, boot, position, prefix, suffix, interface, outcome, client, network, tenant, micros, marks)


def scattered(resolutions: int, first_client: int = 100_000) -> Iterable[Event]:
    """Inconspicuous ones: each of another client for another identifier of another prefix, all over the day."""
    for number in range(resolutions):
        second = (number * 7919 % 86_400) + number % 7 / 10
        yield asked(second, f"S-{number * 31 % 97}", first_client + number, prefix=f"88.200.{number}")
