"""The ways through the identifiers of a prefix, and going along one of them within a budget.

A search takes one walk: an index in its order, split in parts where it must be taken once per template, the newest
template first. All that the walk itself does not ensure is left to the sieve, which looks at each entry. A place on
the walk is the entry last seen; going on from there neither skips nor repeats what others change meanwhile.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from node.database import Connection
from node.sql import statements_beside
from registry.identifiers.state import IdentifierState
from registry.search.conditions import BEYOND_SUFFIXES, Bounds

SQL = statements_beside(__file__, "search.sql")
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
_FIRST_STRETCH = 64
_NUMBER = re.compile(r"-?(?:[0-9]{1,60}(?:\.[0-9]{1,60})?|Infinity)")


class Way(StrEnum):
    """Which index is walked; the values name the statements."""

    SUFFIXES = "walk_suffixes"
    STATE = "walk_state"
    CHANGES = "walk_changes"
    REGISTRATIONS = "walk_registrations"
    VALUES = "walk_values"
    UNIQUE_VALUES = "walk_unique_values"
    NUMBERS = "walk_numbers"


@dataclass(frozen=True, slots=True)
class Sieve:
    """What an entry must be; a default lets every entry pass.

    ``template_ids`` None is any. The conditions are those of all templates that may be meant, and an identifier must
    meet ``wanted`` of them: those of its own template.
    """

    states: tuple[IdentifierState, ...]
    template_ids: tuple[int, ...] | None = None
    suffix_from: str = ""
    suffix_until: str = BEYOND_SUFFIXES
    suffix_contains: str = ""
    registered_from: datetime = EARLIEST
    registered_to: datetime = LATEST
    updated_from: datetime = EARLIEST
    updated_to: datetime = LATEST
    conditions: tuple[Bounds, ...] = ()
    wanted: int = 0

    def arguments(self, prefix_id: int) -> tuple[Any, ...]:
        """$1 to $12 of the statements."""
        return (
            prefix_id, [int(state) for state in self.states],
            None if self.template_ids is None else list(self.template_ids),
            self.suffix_from, self.suffix_until, self.suffix_contains,
            self.registered_from, self.registered_to, self.updated_from, self.updated_to,
            json.dumps([bounds.to_json() for bounds in self.conditions]), self.wanted,
        )  # fmt: skip

    def blocked(self) -> Sieve:
        """The sieve that nothing passes, for a walk that only wants to know how long it would be."""
        return replace(self, conditions=(), wanted=-1)

    def without(self, done: Sequence[Bounds]) -> Sieve:
        """The sieve for a walk that ensures one of the conditions by itself."""
        left = tuple(bounds for bounds in self.conditions if bounds not in done)
        return replace(self, conditions=left, wanted=self.wanted - 1)


class Place(NamedTuple):
    """An entry of a walk: the number of the part it belongs to, and its key in the index as text."""

    part: int
    position: str
    suffix_key: str


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of an index: ``start`` is just before its first entry.

    Where it ends is said by the sieve, ``until`` for times and ``bounds`` for the values of an attribute.
    """

    way: Way
    start: Place
    template_id: int = 0
    until: datetime = LATEST
    bounds: Bounds | None = None


@dataclass(frozen=True, slots=True)
class Walk:
    """The parts of a way, their numbers counting down, and the sieve for their entries.

    ``name`` tells it from the other walks of the same search. ``keyed``: its entries come in the order of their
    suffix keys. ``skims``: it is long, but passes quickly over what does not contain a text.
    """

    name: str
    parts: tuple[Part, ...]
    sieve: Sieve
    keyed: bool = False
    skims: bool = False

    def at_key(self, suffix_key: str) -> Place:
        """The place after a suffix key, on a walk in their order."""
        return self.parts[0].start._replace(suffix_key=suffix_key)

    def holds(self, place: Place) -> bool:
        """Whether a place that somebody names can be one of this walk."""
        return all(_readable(part.way, place.position) for part in self.parts if part.start.part == place.part)

    def parts_from(self, place: Place | None) -> list[tuple[Part, Place]]:
        """The parts that are left and where each begins."""
        if place is None:
            return [(part, part.start) for part in self.parts]
        return [
            (part, place if part.start.part == place.part else part.start)
            for part in self.parts
            if part.start.part <= place.part
        ]


class Budget(NamedTuple):
    """How much one request may examine: no new stretch is begun after so many entries or so many seconds.

    Stretches double, so the time is exceeded by twice itself at most.
    """

    entries: int
    seconds: float


class Found(NamedTuple):
    """An entry that passed."""

    place: Place
    version: int

    @property
    def suffix_key(self) -> str:
        return self.place.suffix_key


class Walked(NamedTuple):
    """What a walk brought in: all entries that passed up to ``end``, or to the very end when that is None."""

    found: list[Found]
    end: Place | None


def suffixes(sieve: Sieve) -> Walk:
    """In the order of the suffix keys."""
    return Walk("suffixes", (Part(Way.SUFFIXES, Place(0, "", "")),), sieve, keyed=True)


def of_state(sieve: Sieve) -> Walk:
    """The same among those of the sieve's one state, which is not live."""
    return Walk("state", (Part(Way.STATE, Place(0, "", "")),), sieve, keyed=True)


def changes(sieve: Sieve, template_ids: Iterable[int]) -> Walk:
    """In the order of the last change, template by template."""
    # Nothing changes before it is registered.
    earliest = max(sieve.updated_from, sieve.registered_from).isoformat()
    parts = [
        Part(Way.CHANGES, Place(template_id, earliest, ""), template_id, sieve.updated_to)
        for template_id in sorted(template_ids, reverse=True)
    ]
    return Walk("changes", tuple(parts), sieve)


def registrations(sieve: Sieve, template_ids: Iterable[int]) -> Walk:
    """Those registered in a time, template by template.

    Most are as they were registered, or changed within that time: they come in the order of the last change. Those
    that were changed later follow in the order of registration, from an index of their own.
    """
    parts = []
    for template_id in sorted(template_ids, reverse=True):
        earliest = max(sieve.updated_from, sieve.registered_from).isoformat()
        start = Place(2 * template_id + 1, earliest, "")
        parts.append(Part(Way.CHANGES, start, template_id, min(sieve.updated_to, sieve.registered_to)))
        if sieve.registered_to < LATEST:
            start = Place(2 * template_id, sieve.registered_from.isoformat(), "")
            parts.append(Part(Way.REGISTRATIONS, start, template_id))
    return Walk("registrations", tuple(parts), sieve)


def values(sieve: Sieve, bounds: Sequence[Bounds]) -> Walk:
    """In the order of one attribute's values, template by template; ``bounds`` are of one condition."""
    parts = tuple(
        Part(_way(one), Place(one.template_id, one.number_from or one.value_from, ""), one.template_id, bounds=one)
        for one in sorted(bounds, reverse=True)
    )
    return Walk(
        f"values.{bounds[0].place}", parts, sieve.without(bounds),
        keyed=len(parts) == 1 and bounds[0].pinned, skims=all(one.open for one in bounds),
    )  # fmt: skip


def _way(bounds: Bounds) -> Way:
    if bounds.numeric:
        return Way.NUMBERS
    return Way.UNIQUE_VALUES if bounds.unique else Way.VALUES


async def go(
    connection: Connection,
    prefix_id: int,
    walk: Walk,
    after: Place | None,
    limit: int,
    budget: Budget,
    clock: Callable[[], float],
) -> Walked:
    """Go on after a place until ``limit`` entries have passed, the budget is spent or the walk ends."""
    sieve = walk.sieve.arguments(prefix_id)
    found: list[Found] = []
    began, spent, stretch = clock(), 0, _FIRST_STRETCH
    for part, start in walk.parts_from(after):
        place, more = start, True
        while more:
            if spent >= budget.entries or (spent and clock() - began > budget.seconds):
                return Walked(found, place)
            stretch = min(stretch, budget.entries - spent)
            rows = await connection.fetch(
                SQL[part.way], *sieve, limit - len(found), stretch, *_route(walk, part, place)
            )  # fmt: skip
            for row in rows:
                place = Place(part.start.part, _text(row["position"]), row["suffix_key"])
                if row["passes"]:
                    found.append(Found(place, row["version"]))
            if len(found) == limit:
                return Walked(found, place)
            examined = rows[-1]["place"] if rows else 0
            more = examined == stretch
            spent += examined
            stretch *= 2
    return Walked(found, None)


def _route(walk: Walk, part: Part, after: Place) -> tuple[Any, ...]:
    """$15 and what follows."""
    match part.way:
        case Way.SUFFIXES:
            return (after.suffix_key,)
        case Way.STATE:
            return after.suffix_key, int(walk.sieve.states[0])
        case Way.CHANGES:
            return part.template_id, datetime.fromisoformat(after.position), after.suffix_key, part.until
        case Way.REGISTRATIONS:
            return part.template_id, datetime.fromisoformat(after.position), after.suffix_key
    bounds = part.bounds
    assert bounds is not None, part  # the other ways follow an attribute
    head = (bounds.template_id, bounds.attribute_index, after.position, after.suffix_key)
    if part.way is Way.NUMBERS:
        return *head, bounds.number_to
    return *head, bounds.value_until, bounds.contains


def _readable(way: Way, position: str) -> bool:
    if way is Way.NUMBERS:
        return _NUMBER.fullmatch(position) is not None
    if way in (Way.CHANGES, Way.REGISTRATIONS):
        try:
            return datetime.fromisoformat(position).tzinfo is UTC
        except ValueError:
            return False
    return True


def _text(position: datetime | str) -> str:
    return position if isinstance(position, str) else position.isoformat()
