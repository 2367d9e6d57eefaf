"""The laboratory clock (实验时钟): it begins elsewhere and runs faster, so that thirty days fit into minutes.

What figures are made of is dated by it: registrations, reviews, counted resolutions, days and their closings. What
expires or proves somebody keeps the time of day: tokens, sessions, challenges, certificates, deadlines, signatures.

A clock is **wound** (上弦) when a node starts with settings it has not seen: from then on it shows ``shown`` plus the
time that passed times ``rate``, also while the node is off. It never goes back: wound again it goes on from what it
showed, or from its new origin if that is later. Every winding is an act in the journal, with a leaf; the newest one
tells commands beside the running node what time it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import asyncpg

from node.database import Connection, Pool, database_errors, transaction
from node.journal import Act, Actor, Interface, acts_of, record_act

VARIABLE = "BIAOSHI_WOUND_CLOCK"
"""How the supervisor tells its children: ``Clock.told`` of one anchor for all of them."""
_SUBJECT, _ID, _WOUND = "laboratory_clock", "node", "laboratory_clock.wind"


@dataclass(frozen=True, slots=True)
class Clock:
    """At ``anchor`` (seconds of CLOCK_MONOTONIC, the same for every process of a machine) it showed ``shown`` (Unix
    seconds), and it runs at ``rate``. Monotonic, whatever is done to the time of day.
    """

    anchor: float
    shown: float
    rate: float

    def time(self) -> float:
        """Unix seconds."""
        return self.shown + (time.monotonic() - self.anchor) * self.rate

    def now(self) -> datetime:
        """The same as a moment."""
        return datetime.fromtimestamp(self.time(), UTC)

    @property
    def told(self) -> str:
        """For ``of_told``, without loss."""
        return f"{self.anchor!r},{self.shown!r},{self.rate!r}"

    @classmethod
    def of_told(cls, text: str) -> Self:
        """Raises ValueError."""
        anchor, shown, rate = map(float, text.split(","))
        return cls(anchor, shown, rate)


@dataclass(frozen=True, slots=True)
class Winding:
    """At ``wound_at`` by the time of day the clock showed ``shown``; ``origin`` is what was asked for."""

    wound_at: datetime
    shown: datetime
    rate: float
    origin: datetime | None

    def at(self, moment: datetime) -> datetime:
        """What it shows at a moment of the time of day; a time of day that was set back does not set it back."""
        return self.shown + max(moment - self.wound_at, timedelta()) * self.rate

    def clock(self) -> Clock:
        """The clock from now on."""
        return Clock(time.monotonic(), self.at(_time_of_day()).timestamp(), self.rate)


async def wind(url: str, origin: datetime | None, rate: float) -> Clock | None:
    """The clock of a node that starts; ``None`` is the time of day, of a node that never had another.

    ``origin`` and ``rate`` are its settings. Raises ``DatabaseAway``.
    """
    with database_errors():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            async with connection.transaction():
                known = await _newest(connection)
                if known is None and origin is None and rate == 1:
                    return None
                if known is None or (known.origin, known.rate) != (origin, rate):
                    known = await _wind(connection, known, origin, rate)
                return known.clock()
        finally:
            await connection.close()


async def clock_of(pool: Pool) -> Callable[[], datetime]:
    """What a node dates by, for commands beside it. Raises ``DatabaseAway``."""
    async with transaction(pool) as connection:
        winding = await _newest(connection)
    return winding.clock().now if winding else _time_of_day


def _time_of_day() -> datetime:
    return datetime.now(UTC)


async def _wind(connection: Connection, known: Winding | None, origin: datetime | None, rate: float) -> Winding:
    now = _time_of_day()
    shown = origin or now
    if known is not None:
        shown = max(shown, known.at(now))
    winding = Winding(now, shown, rate, origin)
    act = Act(_WOUND, _SUBJECT, _ID, before=_to_json(known) if known else None, after=_to_json(winding))
    await record_act(connection, Actor(None, Interface.COMMAND), act, shown)
    return winding


async def _newest(connection: Connection) -> Winding | None:
    acts = await acts_of(connection, _SUBJECT, _ID, before_act=None, limit=1)
    return _of_json(acts[0].after) if acts and acts[0].after else None


def _to_json(winding: Winding) -> dict[str, Any]:
    """Numbers as texts: canonical JSON has no floats."""
    return {
        "wound_at": winding.wound_at.isoformat(),
        "shown": winding.shown.isoformat(),
        "rate": repr(winding.rate),
        "origin": winding.origin and winding.origin.isoformat(),
    }


def _of_json(told: Any) -> Winding:
    origin = told["origin"]
    return Winding(
        datetime.fromisoformat(told["wound_at"]),
        datetime.fromisoformat(told["shown"]),
        float(told["rate"]),
        origin and datetime.fromisoformat(origin),
    )
