"""A bounded store that forgets what was not used lately: the CLOCK (second chance) algorithm.

A hand goes round over all places; a slot that was used since its last visit is passed over once, the first one
that was not gives way. A removal leaves a free place behind, so that no operation ever walks over gaps.
"""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Slot(Generic[K, V]):
    """One kept value. ``tick`` and ``valid_at`` are its owner's; setting ``used`` keeps it a round longer."""

    __slots__ = ("key", "place", "tick", "used", "valid_at", "value", "weight")

    def __init__(self, key: K, value: V, tick: int, valid_at: float, weight: int, place: int) -> None:
        self.key = key
        self.value = value
        self.tick = tick
        self.valid_at = valid_at
        self.weight = weight
        self.place = place
        self.used = False


class SecondChance(Generic[K, V]):
    """At most ``bound`` slots, and at most ``weight_bound`` of their weights together (0: any).

    A value heavier than the bound stands alone.
    """

    def __init__(self, bound: int, weight_bound: int = 0) -> None:
        self._bound = bound
        self._weight_bound = weight_bound
        self._slots: dict[K, Slot[K, V]] = {}
        self._ring: list[Slot[K, V] | None] = []
        self._free: list[int] = []
        self._hand = 0
        self._weight = 0
        self.get = self._slots.get  # the hot path of every reader: one call, no frame of ours

    def put(self, key: K, value: V, *, tick: int, valid_at: float, weight: int = 0) -> int:
        """Keep a value in place of what the key had; returns how many others gave way to it."""
        self.drop(key)
        evicted = 0
        while self._slots and self._full(weight):
            self._evict()
            evicted += 1
        if self._free:
            place = self._free.pop()
        else:
            place = len(self._ring)
            self._ring.append(None)
        slot = Slot(key, value, tick, valid_at, weight, place)
        self._ring[place] = self._slots[key] = slot
        self._weight += weight
        return evicted

    def drop(self, key: K) -> None:
        """Forget a key, if it is kept."""
        slot = self._slots.pop(key, None)
        if slot is None:
            return
        self._ring[slot.place] = None
        self._free.append(slot.place)
        self._weight -= slot.weight

    def __len__(self) -> int:
        return len(self._slots)

    def _full(self, weight: int) -> bool:
        if len(self._slots) >= self._bound:
            return True
        return bool(self._weight_bound) and self._weight + weight > self._weight_bound

    def _evict(self) -> None:
        # Ends: every slot passed over loses its mark, so the second round finds one without.
        while True:
            if self._hand >= len(self._ring):
                self._hand = 0
            slot = self._ring[self._hand]
            self._hand += 1
            if slot is None:
                continue
            if slot.used:
                slot.used = False
                continue
            self.drop(slot.key)
            return
