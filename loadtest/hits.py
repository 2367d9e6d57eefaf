"""The share of a trace's questions that a store finds, and what an exact LRU would find."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from resolver.second_chance import SecondChance


def share_of_hits(store: SecondChance[int, None], trace: Iterable[int]) -> float:
    """Between 0 and 1; what is not found is put into the store."""
    hits = asked = 0
    for name in trace:
        asked += 1
        slot = store.get(name)
        if slot is None:
            store.put(name, None, tick=0, valid_at=0.0)
        else:
            slot.used = True
            hits += 1
    return hits / asked


def share_of_hits_of_lru(places: int, trace: Iterable[int]) -> float:
    """The same of an exact LRU with so many places."""
    lru: OrderedDict[int, None] = OrderedDict()
    hits = asked = 0
    for name in trace:
        asked += 1
        if name in lru:
            lru.move_to_end(name)
            hits += 1
            continue
        lru[name] = None
        if len(lru) > places:
            lru.popitem(last=False)
    return hits / asked
