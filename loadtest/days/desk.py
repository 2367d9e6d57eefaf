"""The plan of the day that runs, handed out to the users, and the ledger in which they book.

Each application, recursive node and writing enterprise is one user with a queue of its own; phones share one queue
and as many hands as there are users for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import gevent
import gevent.event

from loadtest.days.answers import Asked, asked_of
from loadtest.days.ledger import DayLedger
from loadtest.days.order import Order, day_at
from loadtest.days.plan import LAST, Ask, Kind, What, draw_day

_SLACK = 0.005
"""Seconds of the time of day in which a worker has surely counted what it answered."""
_LATE = 600.0  # seconds of the day after the last ask, in which late ones are still sent; then answered


def queue_of(ask: Ask) -> tuple[str, int]:
    """Whose it is."""
    if ask.kind in (Kind.PAGE, Kind.PHONE):
        return "phone", 0
    return ("writer" if ask.kind in (Kind.REGISTER, Kind.UPDATE) else ask.kind.value), ask.queue


@dataclass(slots=True)
class RunningDay:
    """``asks`` by user, each in the order of time; ``written`` is what has been registered or changed so far,
    ``lost`` what should have been and was not."""

    number: int
    begins: float
    ledger: DayLedger
    asks: dict[tuple[str, int], deque[Ask]]
    written: set[tuple[int, int, What]] = field(default_factory=set)
    lost: set[tuple[int, int, What]] = field(default_factory=set)
    busy: int = 0


class Desk:
    """``at`` waits for an event of the next day; ``keep`` opens and closes the days until all are over."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.clock = order.read_clock()
        self.prefixes = list(order.prefixes)
        self.versions: dict[tuple[int, int], int] = {}
        self.day: RunningDay | None = None
        self._opened = [gevent.event.Event() for _ in order.days]
        self._spoil = order.spoil

    def keep(self) -> None:
        """Open each day at its midnight, close it when its last ask is answered, and write its ledger."""
        for number, day in enumerate(self.order.days):
            drawn: dict[tuple[str, int], deque[Ask]] = {}
            for ask in draw_day(self.order.stock, day.per_day, number):
                drawn.setdefault(queue_of(ask), deque()).append(ask)
            self._sleep_until(day.begins)
            running = self.day = RunningDay(number, day.begins, DayLedger(day.day), drawn)
            self._opened[number].set()
            self._close(running)
            running.ledger.write(Path(self.order.folder))

    def opened(self, number: int) -> RunningDay | None:
        """The day of that number, when it has begun; ``None``: there are no more."""
        if number >= len(self._opened):
            return None
        self._opened[number].wait()
        return self.day

    def wait_for(self, day: RunningDay, ask: Ask) -> bool:
        """Until it is time, and until what is to be read back has been written; whether it was."""
        due = day.begins + ask.at
        self._sleep_until(due)
        day.ledger.late.append(max(0.0, (self.clock.time() - due) / self.clock.rate * 1000))
        while ask.what in (What.FRESH, What.CHANGED) and ask.kind is Kind.APP:
            written = ask.enterprise, ask.number, ask.what
            if written in day.written:
                return True
            if written in day.lost or self.clock.time() > day.begins + LAST + _LATE:
                return False
            gevent.sleep(0.02)
        return True

    def asked(self, day: RunningDay, ask: Ask) -> Asked:
        """The identifier, with the values that it must have."""
        asked = asked_of(ask, self.prefixes[ask.enterprise], day.number)
        if self._spoil and ask.what is What.KNOWN:
            self._spoil = False
            return Asked(asked.prefix, asked.suffix, {**(asked.values or {}), "NAME": "planted"})
        return asked

    def booked_on(self, day: RunningDay, sent: float, answered: float) -> bool:
        """Whether a request surely belongs to the day, by the laboratory clock; if not it is torn."""
        name = day.ledger.day
        sure = day_at(sent) == name == day_at(answered + _SLACK * self.clock.rate)
        if not sure:
            day.ledger.torn += 1
        return sure

    def book_second(self, day: RunningDay, first_sent: float, first_answered: float, sent: float) -> None:
        """A second scan that is answered now."""
        least = sent - first_answered - _SLACK * self.clock.rate
        day.ledger.book_repetition(max(0.0, least), self.clock.time() + _SLACK * self.clock.rate - first_sent)

    def _close(self, day: RunningDay) -> None:
        """Send what is late for a while, give up the rest, and wait for what is under way."""
        last = day.begins + LAST
        self._sleep_until(last)
        self._until(lambda: not any(day.asks.values()), last + _LATE)
        day.ledger.unsent += sum(map(len, day.asks.values()))
        day.asks.clear()
        self._until(lambda: not day.busy, last + 2 * _LATE)
        day.ledger.unsent += day.busy

    def _until(self, done: Callable[[], bool], at: float) -> None:
        while not done() and self.clock.time() < at:
            gevent.sleep(0.01)

    def _sleep_until(self, at: float) -> None:
        while (seconds := (at - self.clock.time()) / self.clock.rate) > 0:
            gevent.sleep(seconds)
