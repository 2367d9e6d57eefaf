"""Answers and routes of others, for as long as their owners say that they hold, and stale for a while longer.

An owner who means longer than the bound is asked again at the bound. That a name does not exist is kept for a minute
and never said stale: "not found" is the truth, or is not said.
"""

from __future__ import annotations

import msgspec

from node.record import Record
from resolver.answer import Elsewhere, Entry, text_bytes
from resolver.lifetime import smallest_ttl
from resolver.recursion.delegation import Delegation
from resolver.recursion.foreign import Told
from resolver.recursion.wanted import Wanted
from resolver.second_chance import SLOT_BYTES, SecondChance

_TOLD_BYTES = 128  # what was told and for how long, beside the entry
_ROUTE_BYTES = 1024  # of a route as a rule, its slot included; owners of prefixes are few beside their identifiers


class _Answer(msgspec.Struct, frozen=True, gc=False):
    told: Told
    seconds: float


class Kept:
    """At most ``cache_bytes``, an eighth of it for routes; all times in seconds, ``now`` on the caller's clock."""

    def __init__(self, *, cache_bytes: int, ttl_seconds: float, missing_seconds: float, stale_seconds: float) -> None:
        self._ttl_seconds = ttl_seconds
        self._missing_seconds = missing_seconds
        self._stale_seconds = stale_seconds
        self._answers: SecondChance[str, _Answer] = SecondChance(cache_bytes * 7 // 8, _answer_weight)
        self._routes: SecondChance[tuple[str, bool], tuple[Delegation, float]] = SecondChance(
            cache_bytes // 8, lambda _, __: _ROUTE_BYTES
        )

    def __len__(self) -> int:
        return len(self._answers)

    def fresh(self, wanted: Wanted, now: float) -> tuple[Told, float, float] | None:
        """What is known, its age, and how long it holds."""
        slot = self._answers.get(wanted.key)
        if slot is None:
            return None
        age = now - slot.valid_at
        left = slot.value.seconds - age
        if left <= 0:
            return None
        slot.used = True
        return slot.value.told, age, left

    def stale(self, wanted: Wanted, now: float) -> tuple[Entry, Elsewhere] | None:
        """The last known record, when nobody can be asked."""
        slot = self._answers.get(wanted.key)
        if slot is None or slot.value.told.entry is None:
            return None
        age = now - slot.valid_at
        left = slot.value.seconds - age
        if -left > self._stale_seconds:
            self._answers.drop(wanted.key)
            return None
        slot.used = True
        return slot.value.told.entry, Elsewhere(slot.value.told.server, age, min(left, 0.0))

    def keep(self, wanted: Wanted, told: Told, now: float, unix: float) -> float:
        """Keep an answer that came now; returns for how many seconds it holds. ``unix``: the same moment."""
        seconds = self._seconds(told.entry.public_values(), unix) if told.entry else self._missing_seconds
        self._answers.put(wanted.key, _Answer(told, seconds), tick=0, valid_at=now)
        return seconds

    def learn(self, delegation: Delegation, values: Record, now: float, unix: float) -> None:
        """Keep a route; one that its owner does not mean to last is not kept."""
        seconds = self._seconds(values, unix)
        if seconds > 0:
            key = delegation.prefix, delegation.below
            self._routes.put(key, (delegation, now + seconds), tick=0, valid_at=now)

    def nearest(self, wanted: Wanted, now: float) -> Delegation | None:
        """The route that leads furthest toward a name."""
        if not wanted.is_prefix and (route := self._route((wanted.prefix, False), now)) is not None:
            return route
        prefix = wanted.prefix
        while prefix := prefix.rpartition(".")[0]:
            if (route := self._route((prefix, True), now)) is not None:
                return route
        return None

    def forget_route(self, delegation: Delegation) -> None:
        """It led to nobody."""
        self._routes.drop((delegation.prefix, delegation.below))

    def _route(self, key: tuple[str, bool], now: float) -> Delegation | None:
        slot = self._routes.get(key)
        if slot is None:
            return None
        delegation, until = slot.value
        if now >= until:
            self._routes.drop(key)
            return None
        slot.used = True
        return delegation

    def _seconds(self, values: Record, unix: float) -> float:
        return min(smallest_ttl(values, unix), self._ttl_seconds) if values else self._missing_seconds


def _answer_weight(key: str, answer: _Answer) -> int:
    entry = answer.told.entry
    return SLOT_BYTES + _TOLD_BYTES + text_bytes(key) + (entry.weight if entry else 0)
