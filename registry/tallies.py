"""Registrations (注册量) counted in the transaction that makes them.

Every transaction that changes identifiers says how many, in a row for each template, beside its report upward
(``registry/identifiers/writing.py``): the count commits with what it counts, or not at all. The steward adds the rows
up to days of China (``sum_registrations``); the view ``registration_by_day`` holds both what is added up and what is
not yet. History says the same of every identifier (``registrations_from_history``), so a count can be done again.

A migration is an update that moves an identifier from one template to another. Registered for the first time is what
never stood before: deleting and registering again counts once. Of what a restored export brings, that is only what
was registered in the year in which it comes back; the rest was new elsewhere, or before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from node.china_time import day_of, midnight
from node.database import Connection
from node.sql import statements_beside
from registry.identifiers.leaves import Change

SQL = statements_beside(__file__, "tallies.sql")
_SECONDS = 600.0  # history may be long


@dataclass(frozen=True, slots=True)
class RegistrationCounts:
    """How many identifiers. ``first_registered``: of those ``registered``, the ones that never stood before.

    ``moved_in`` and ``moved_out``: updates that changed to the template, and from it, where templates are told apart.
    """

    registered: int = 0
    first_registered: int = 0
    updated: int = 0
    deleted: int = 0
    suspended: int = 0
    resumed: int = 0
    moved_in: int = 0
    moved_out: int = 0

    @property
    def net(self) -> int:
        """How many more stand than before; suspended ones stand."""
        return self.registered - self.deleted


@dataclass(frozen=True, slots=True)
class Tally:
    """What one transaction did to identifiers of one template at one time."""

    at: datetime
    template_id: int
    counts: RegistrationCounts


Effects = Counter[tuple[int, str]]
"""How often something happened, by template and the name of a field of ``RegistrationCounts``."""


_COUNTED = {
    Change.REGISTER: "registered",
    Change.UPDATE: "updated",
    Change.DELETE: "deleted",
    Change.SUSPEND: "suspended",
    Change.RESUME: "resumed",
}


def effects_of(changes: Iterable[Change], template_id: int, before: int | None) -> Iterator[tuple[int, str]]:
    """What changes of one identifier count as, which has a template now and had another, or none, ``before``."""
    for change in changes:
        if change is Change.DELETE and before is not None:
            yield before, "deleted"
            continue
        yield template_id, _COUNTED[change]
        if change is Change.UPDATE and before is not None and before != template_id:
            yield before, "moved_out"
            yield template_id, "moved_in"


def tallies_of(at: datetime, effects: Effects) -> list[Tally]:
    """One for each template."""
    counts: dict[int, dict[str, int]] = {}
    for (template_id, name), number in effects.items():
        counts.setdefault(template_id, {})[name] = number
    return [Tally(at, template_id, RegistrationCounts(**counts[template_id])) for template_id in sorted(counts)]


def registrations(template_id: int, first: Iterable[datetime], again: Iterable[datetime] = ()) -> list[Tally]:
    """One for each day of China among the times of registrations, the first ones of their identifiers and others.

    Rows that were signed on two days may be written in one transaction.
    """
    latest: dict[date, datetime] = {}
    effects: defaultdict[date, Effects] = defaultdict(Counter)
    for times, names in ((first, ("registered", "first_registered")), (again, ("registered",))):
        for at, number in Counter(times).items():
            day = day_of(at)
            latest[day] = max(at, latest.get(day, at))
            for name in names:
                effects[day][template_id, name] += number
    return [tally for day in sorted(latest) for tally in tallies_of(latest[day], effects[day])]


def columns_of(tallies: Sequence[Tally]) -> list[Sequence[Any]]:
    """Times, templates and each of the eight counts, for the statements that write tallies."""
    rows = [(tally.at, tally.template_id, *astuple(tally.counts)) for tally in tallies]
    return list(zip(*rows, strict=True)) if rows else [()] * (2 + len(fields(RegistrationCounts)))


async def sum_registrations(connection: Connection, most: int = 20_000) -> set[date]:
    """Add up to ``most`` rows of transactions to their days, each exactly once; returns these days (of China).

    One statement: whoever dies during it has done nothing, and several may do it at once. An empty set: nothing was
    left to add.
    """
    return {row["day"] for row in await connection.fetch(SQL["sum_registrations"], most)}


async def registrations_from_history(
    connection: Connection, since: date, until: date
) -> dict[tuple[date, int], RegistrationCounts]:
    """The same counts from the history of every identifier, by day of China and ``prefix_id``; both days included.

    History does not tell the template of every entry, so ``moved_in`` and ``moved_out`` stay 0. The rest equals the
    sums of ``registration_by_day`` over templates, unless somebody changed one of the two.
    """
    begin, end = midnight(since), midnight(until + timedelta(days=1))
    rows = await connection.fetch(SQL["registrations_from_history"], begin, end, timeout=_SECONDS)
    return {
        (row["day"], row["prefix_id"]): RegistrationCounts(**{name: row[name] for name in _IN_HISTORY})
        for row in rows
    }


_IN_HISTORY = ("registered", "first_registered", "updated", "deleted", "suspended", "resumed")
