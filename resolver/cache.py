"""Which remembered answers may be given: the rules of freshness, without clock, network or tasks.

Time is counted in ticks: each notice begins a new one, and whatever was loaded carries the tick at which its
load *began*. A load that began before a notice may have read what the notice makes void, so it counts as older
than the notice, even when its result arrives later. Three floors say what is too old:

    void    by prefix (PREFIX notices): neither fresh nor stale, gone
    added   by prefix (ADDITIONS notices): "missing" is no longer known
    trust   of everything, raised when LISTEN is heard again: what was loaded before may have changed unheard

An IDENTIFIERS notice removes its keys and the flights under way to them. While LISTEN is lost nothing is fresh; what
is kept is given only as stale, and only by a caller who found the database away. A missing entry is never given
as stale: "not found" is the truth or is not said.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from node.notices import Notice, NoticeKind
from resolver.answer import Absence, Entry, Key, Loaded, text_bytes
from resolver.second_chance import SLOT_BYTES, SecondChance

_FLOORS = 10_000  # prefixes remembered apart; beyond, the oldest knowledge of all prefixes is given up at once


@dataclass(slots=True, eq=False)
class Flight:
    """A load under way; whoever asks meanwhile waits for the same ``landing``."""

    key: Key
    tick: int
    landing: asyncio.Future[Loaded]


class _Floors:
    """For each prefix the tick below which something is void; bounded."""

    def __init__(self) -> None:
        self._of_all = 0
        self._by_prefix: dict[str, int] = {}

    def of(self, prefix: str) -> int:
        return self._by_prefix.get(prefix, self._of_all)

    def raise_for(self, prefix: str, tick: int) -> None:
        if len(self._by_prefix) >= _FLOORS and prefix not in self._by_prefix:
            self.raise_for_all(tick)
        else:
            self._by_prefix[prefix] = tick

    def raise_for_all(self, tick: int) -> None:
        self._of_all = tick
        self._by_prefix.clear()


class Cache:
    """At most ``found_bytes`` of what was found and ``missing_bytes`` of what was not, so that a flood of unknown
    names costs no entry its place; times in seconds on the caller's clock.
    """

    # Keys are joined to texts here: a tuple is seen by the garbage collector, and with it the dict it stands in.
    def __init__(self, *, found_bytes: int, missing_bytes: int, missing_seconds: float, stale_seconds: float) -> None:
        self._found: SecondChance[str, Entry] = SecondChance(found_bytes, _found_weight)
        self._missing: SecondChance[str, Absence] = SecondChance(missing_bytes, _missing_weight)
        self._flights: dict[Key, Flight] = {}
        self._missing_seconds = missing_seconds
        self._stale_seconds = stale_seconds
        self.epoch = 0
        """Another number whenever something that was fresh may be so no longer; copies of it go by this."""
        self._tick = 1
        self._listening = False
        self._trust = 1
        self._void = _Floors()
        self._added = _Floors()

    @property
    def listening(self) -> bool:
        """Whether notices are heard, that is, whether anything can be fresh."""
        return self._listening

    def __len__(self) -> int:
        return len(self._found) + len(self._missing)

    @property
    def found(self) -> SecondChance[str, Entry]:
        """The entries by their joined keys; to be looked at, and their heat to be set."""
        return self._found

    @property
    def weight(self) -> int:
        """Bytes of memory that it occupies."""
        return self._found.weight + self._missing.weight

    # Reading --------------------------------------------------------------------------------------

    def fresh(self, key: Key, now: float) -> Loaded | None:
        """What is known to hold, or ``None``: then it must be looked up."""
        if not self._listening:
            return None
        text = f"{key[0]}/{key[1]}"
        found = self._found.get(text)
        if found is not None:
            if found.tick < self._void.of(key[0]):
                self._found.drop(text)
            elif found.tick >= self._trust:
                found.used = True
                found.valid_at = now
                return found.value
            return None
        missing = self._missing.get(text)
        if missing is None:
            return None
        oldest = max(self._trust, self._void.of(key[0]), self._added.of(key[0]))
        if missing.tick < oldest or now - missing.valid_at > self._missing_seconds:
            self._missing.drop(text)
            return None
        missing.used = True
        return missing.value

    def stale(self, key: Key, now: float) -> tuple[Entry, float] | None:
        """The last known entry and the seconds since it was known to be right; for when the database is away."""
        text = f"{key[0]}/{key[1]}"
        found = self._found.get(text)
        if found is None:
            return None
        age = now - found.valid_at
        if found.tick < self._void.of(key[0]) or age > self._stale_seconds:
            self._found.drop(text)
            return None
        found.used = True
        return found.value, age

    # Loading --------------------------------------------------------------------------------------

    def flight(self, key: Key) -> Flight | None:
        """The load under way whose result may be given to somebody who asks now."""
        flight = self._flights.get(key)
        if flight is None or flight.tick < max(self._trust, self._void.of(key[0]), self._added.of(key[0])):
            return None
        return flight

    def depart(self, key: Key, landing: asyncio.Future[Loaded]) -> Flight:
        """A load begins now; one under way that can no longer be joined is left to those who wait for it."""
        flight = self._flights[key] = Flight(key, self._tick, landing)
        return flight

    def land(self, flight: Flight, loaded: Loaded | None, now: float) -> int:
        """A load has ended, with ``None`` when it failed; returns how many others gave way to its result.

        Its result is as old as its beginning: what a notice overtook is kept in vain or, after an IDENTIFIERS
        notice or when somebody asked anew, not at all.
        """
        key = flight.key
        if self._flights.get(key) is not flight:
            return 0
        del self._flights[key]
        if loaded is None:
            return 0
        text = f"{key[0]}/{key[1]}"
        if self._found.get(text) is not None:
            self.epoch += 1
        if isinstance(loaded, Entry):
            self._missing.drop(text)
            shared = loaded.text if loaded.text == text else text  # as a rule alike: one copy of it is enough
            return self._found.put(shared, loaded, tick=flight.tick, valid_at=now)
        self._found.drop(text)
        return self._missing.put(text, loaded, tick=flight.tick, valid_at=now)

    # Hearing --------------------------------------------------------------------------------------

    def hear(self, notice: Notice) -> None:
        """Something changed: what was remembered of it is void from now on."""
        self._tick += 1
        self.epoch += 1
        if notice.kind is NoticeKind.IDENTIFIERS:
            for suffix_key in notice.suffix_keys:
                text = f"{notice.prefix}/{suffix_key}"
                self._found.drop(text)
                self._missing.drop(text)
                self._flights.pop((notice.prefix, suffix_key), None)
        elif notice.kind is NoticeKind.ADDITIONS:
            self._added.raise_for(notice.prefix, self._tick)
        else:
            self._void.raise_for(notice.prefix, self._tick)

    def hear_unknown(self) -> None:
        """Something changed, and nobody here can say what: everything is void."""
        self._tick += 1
        self.epoch += 1
        self._void.raise_for_all(self._tick)

    def lost(self) -> None:
        """Notices may be missed from now on."""
        self._listening = False
        self.epoch += 1

    def resumed(self) -> None:
        """Notices are heard from now on; what was loaded before may have changed unheard."""
        self._tick += 1
        self._trust = self._tick
        self._listening = True


def _found_weight(text: str, entry: Entry) -> int:
    key = 0 if text == entry.text else text_bytes(text)
    return SLOT_BYTES + key + entry.weight


def _missing_weight(text: str, _: Absence) -> int:
    return SLOT_BYTES + text_bytes(text)
