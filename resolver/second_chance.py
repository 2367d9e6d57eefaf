"""A store bounded in bytes that forgets what was not used lately: the CLOCK (second chance) algorithm.

Keys are spread by their hash over small dicts, each with an equal share of the bound. The order of a dict is its
clock: where room is needed, it is looked through from the oldest; what was used since the last time goes to the end
for another round, the first that was not gives way.

Small dicts, because then every step is small: one dict of a million grows by a copy of 60 ms, and a hand may have to
pass a million used places before it finds one to give way. None of this is seen by the garbage collector, as long as
keys are strings or bytes and values are not tracked: a dict of such is not tracked either (docs/adr/0025).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import msgspec

K = TypeVar("K")
V = TypeVar("V")

SHARE = 256 * 1024
"""Bytes that each dict has at least, unless the bound is smaller: enough for the largest record of the protocol, and
with usual records 400 to 800 places."""

SLOT_BYTES = 160
"""What a slot occupies beside key and value: itself, its times, its part of a dict that is between full and half
full. Measured by `make bench-cache`."""


class Slot(msgspec.Struct, Generic[V], gc=False, eq=False):
    """One kept value; setting ``used`` keeps it a round longer. ``tick``, ``valid_at`` and ``heat`` are its owner's.

    Not tracked by the garbage collector: a value must not lead back to its slot.
    """

    value: V
    tick: int
    valid_at: float
    used: bool = False
    heat: int = 0


class SecondChance(Generic[K, V]):
    """At most ``bound`` bytes, as ``weigh`` counts key and value; what is heavier than its share stands alone in it.

    ``weigh`` must say the same of equal keys and of a value as long as it is kept.
    """

    def __init__(self, bound: int, weigh: Callable[[K, V], int]) -> None:
        shards = 1 << max(0, (bound // SHARE).bit_length() - 1)  # a power of two: the hash is cut by a mask
        self._shards: list[dict[K, Slot[V]]] = [{} for _ in range(shards)]
        self._weights = [0] * shards
        self._mask = shards - 1
        self._share = bound // shards
        self._weigh = weigh

    def get(self, key: K) -> Slot[V] | None:
        return self._shards[hash(key) & self._mask].get(key)

    def put(self, key: K, value: V, *, tick: int, valid_at: float) -> int:
        """Keep a value in place of what the key had; returns how many others gave way to it."""
        self.drop(key)
        place = hash(key) & self._mask
        weight = self._weigh(key, value)
        evicted = 0
        if self._weights[place] + weight > self._share:
            evicted = self._make_room(place, self._share - weight)
        self._shards[place][key] = Slot(value, tick, valid_at)
        self._weights[place] += weight
        return evicted

    def drop(self, key: K) -> None:
        """Forget a key, if it is kept."""
        place = hash(key) & self._mask
        slot = self._shards[place].pop(key, None)
        if slot is not None:
            self._weights[place] -= self._weigh(key, slot.value)

    def __len__(self) -> int:
        return sum(map(len, self._shards))

    @property
    def weight(self) -> int:
        """Bytes that are kept."""
        return sum(self._weights)

    @property
    def fullness(self) -> float:
        """What is kept, as a share of the bound."""
        return self.weight / (self._share * len(self._shards))

    def shards(self) -> Iterator[dict[K, Slot[V]]]:
        """Everything that is kept, a small part at a time; between two parts it may change."""
        return iter(self._shards)

    def _make_room(self, place: int, most: int) -> int:
        """Evict until a dict weighs ``most`` bytes or is empty. Ends: a second look finds no mark any more."""
        shard, weight = self._shards[place], self._weights[place]
        evicted = 0
        while shard and weight > most:
            spared, gone = [], []
            for key, slot in shard.items():
                if slot.used:
                    slot.used = False
                    spared.append(key)
                    continue
                gone.append(key)
                weight -= self._weigh(key, slot.value)
                if weight <= most:
                    break
            for key in gone:
                del shard[key]
            for key in spared:
                shard[key] = shard.pop(key)
            evicted += len(gone)
        self._weights[place] = weight
        return evicted
