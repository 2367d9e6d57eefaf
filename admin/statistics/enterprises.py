"""Enterprises (企业) as of a day: how many are approved, connected (接入), active (活跃), have a node (企业节点).

* approved: its record is approved at the end of the day;
* connected: approved, at least one prefix enabled, and at least one registration ever under prefixes it holds;
* active: approved, and a registration or a valid resolution under its prefixes on the day or the 29 days before;
* with a node of its own: approved, with an enabled prefix that is self-hosted and has a route;
* new in the year: connected, and its first registration fell in the calendar year of the day.

States of a past day are those that the history of acts says stood at its end. Who holds a prefix is not asked of
history: a prefix counts for the enterprise that holds it now, in every figure of the node.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from node.china_time import day_of, midnight
from node.database import Connection
from node.record import decode_values
from node.resolutions import VALID
from node.sql import statements_beside
from registry.hosting.sites import sites_of
from registry.transitions import EnterpriseState, Hosting, PrefixState

SQL = statements_beside(__file__, "enterprises.sql")
_SECONDS = 20.0
_ACTIVE_DAYS = 30
_OFF_THE_BOOKS = frozenset({EnterpriseState.DRAFT, EnterpriseState.REJECTED, EnterpriseState.CLOSED})
_NOT_HELD = frozenset({PrefixState.REJECTED, PrefixState.REFUSED, PrefixState.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class EnterpriseStanding:
    """One enterprise at the end of a day; ``state`` is a word of ``EnterpriseState``, ``prefixes`` are enabled ones.

    ``connected_on`` is the day of its first registration, ``None`` if there was none by then.
    """

    enterprise_id: UUID
    name: str
    industry_code: str
    state: str
    prefixes: int
    connected_on: date | None
    approved: bool
    connected: bool
    active: bool
    enterprise_node: bool
    new_in_year: bool


@dataclass(frozen=True, slots=True)
class EnterpriseFigures:
    """How many enterprises at the end of ``day``; ``total`` leaves out drafts and those rejected or closed."""

    day: date
    total: int
    approved: int
    connected: int
    active: int
    enterprise_nodes: int
    new_in_year: int


async def enterprise_standings(connection: Connection, day: date) -> list[EnterpriseStanding]:
    """Every enterprise that was there at the end of a day, in whatever state, oldest first."""
    return (await _read(connection, day, day)).standings(day)


async def enterprise_figures(connection: Connection, day: date) -> EnterpriseFigures:
    """The figures as of a day."""
    return _figures(day, await enterprise_standings(connection, day))


async def enterprise_series(connection: Connection, since: date, until: date) -> list[EnterpriseFigures]:
    """The same for every day from ``since`` to ``until``, both included, at little more than the cost of one."""
    book = await _read(connection, since, until)
    days = [until - timedelta(days=passed) for passed in range((until - since).days + 1)]
    return [_figures(day, book.standings(day)) for day in days][::-1]


def _figures(day: date, found: Sequence[EnterpriseStanding]) -> EnterpriseFigures:
    return EnterpriseFigures(
        day,
        total=sum(one.state not in _OFF_THE_BOOKS for one in found),
        approved=sum(one.approved for one in found),
        connected=sum(one.connected for one in found),
        active=sum(one.active for one in found),
        enterprise_nodes=sum(one.enterprise_node for one in found),
        new_in_year=sum(one.new_in_year for one in found),
    )


@dataclass(slots=True)
class _Enterprise:
    enterprise_id: UUID
    name: str
    industry_code: str
    state: str
    created_on: date


@dataclass(slots=True)
class _Prefix:
    """``used_on``: days on which something was registered or resolved under it, as ordinals, ascending. Of 30 days
    they are at least the first and the last.
    """

    state: str
    hosting: str
    routed: bool
    created_on: date
    registered_on: date | None
    used_on: Sequence[int]


@dataclass(slots=True)
class _Book:
    """What stands, and how to go back from there: days are asked for from the last to the first.

    Subjects by the ids that acts have, prefixes also by who holds them; ``replaced`` is what is still to be taken
    back, the next one last.
    """

    enterprises: Mapping[str, _Enterprise]
    prefixes: Mapping[str, _Prefix]
    handles: Mapping[str, Sequence[_Prefix]]
    held: Mapping[UUID, Sequence[_Prefix]]
    replaced: list[Mapping[str, Any]]

    def standings(self, day: date) -> list[EnterpriseStanding]:
        """Every enterprise that was there at the end of a day."""
        self._go_back(midnight(day + timedelta(days=1)))
        return [
            _standing(one, self.held.get(one.enterprise_id, ()), day)
            for one in self.enterprises.values()
            if one.created_on <= day
        ]

    def _go_back(self, end: datetime) -> None:
        while self.replaced and self.replaced[-1]["at"] >= end:
            act = self.replaced.pop()
            kind, number = act["subject_kind"], act["subject_id"]
            if kind == "prefix_handle":
                for prefix in self.handles.get(number, ()):
                    prefix.routed = act["routed"]
            elif act["state"] is not None and kind == "enterprise":
                self.enterprises[number].state = act["state"]
            elif act["state"] is not None:
                self.prefixes[number].state = act["state"]
                self.prefixes[number].hosting = act["hosting"] or Hosting.HOSTED


def _standing(enterprise: _Enterprise, prefixes: Sequence[_Prefix], day: date) -> EnterpriseStanding:
    approved = enterprise.state == EnterpriseState.APPROVED
    number = day.toordinal()
    enabled, first, active, node = 0, None, False, False
    for prefix in prefixes:  # one pass: 60 days of a thousand prefixes are asked for at once
        if prefix.created_on > day or prefix.state in _NOT_HELD:
            continue
        if prefix.registered_on is not None and (first is None or prefix.registered_on < first):
            first = prefix.registered_on
        active = active or _used(prefix, number)
        if prefix.state == PrefixState.ENABLED:
            enabled += 1
            node = node or (prefix.routed and prefix.hosting == Hosting.SELF_HOSTED)
    # A prefix that was handed over brings registrations that are older than its holder.
    connected_on = max(first, enterprise.created_on) if first is not None and first <= day else None
    connected = approved and enabled > 0 and connected_on is not None
    return EnterpriseStanding(
        enterprise_id=enterprise.enterprise_id,
        name=enterprise.name,
        industry_code=enterprise.industry_code,
        state=enterprise.state,
        prefixes=enabled,
        connected_on=connected_on,
        approved=approved,
        connected=connected,
        active=approved and active,
        enterprise_node=approved and node,
        new_in_year=connected and connected_on is not None and connected_on.year == day.year,
    )


def _used(prefix: _Prefix, day: int) -> bool:
    """On that day or in the 29 days before."""
    until = bisect_right(prefix.used_on, day)
    return until > 0 and prefix.used_on[until - 1] > day - _ACTIVE_DAYS


async def _read(connection: Connection, since: date, until: date) -> _Book:
    """Everything that is needed to tell how it was on these days."""
    enterprises = await connection.fetch(SQL["enterprises_standing"], timeout=_SECONDS)
    prefixes = await connection.fetch(SQL["prefixes_standing"], timeout=_SECONDS)
    replaced = await connection.fetch(
        SQL["states_replaced_since"], midnight(since + timedelta(days=1)), timeout=_SECONDS
    )
    begin = since - timedelta(days=_ACTIVE_DAYS - 1)
    active = await connection.fetch(SQL["active_days"], begin, until, list(VALID), _ACTIVE_DAYS, timeout=_SECONDS)
    used = {row["prefix"]: sorted(begin.toordinal() + passed for passed in row["days"]) for row in active}
    by_id = {str(row["prefix_id"]): _prefix(row, used.get(row["prefix"], ())) for row in prefixes}
    handles: dict[str, list[_Prefix]] = {}
    held: dict[UUID, list[_Prefix]] = {}
    for row, prefix in zip(prefixes, by_id.values(), strict=True):
        handles.setdefault(row["prefix"], []).append(prefix)
        held.setdefault(row["enterprise_id"], []).append(prefix)
    by_enterprise_id = {str(row["enterprise_id"]): _enterprise(row) for row in enterprises}
    return _Book(by_enterprise_id, by_id, handles, held, replaced[::-1])


def _enterprise(row: Mapping[str, Any]) -> _Enterprise:
    created_on = day_of(row["created_at"])
    return _Enterprise(row["enterprise_id"], row["name"], row["industry_code"], row["state"], created_on)


def _prefix(row: Mapping[str, Any], used_on: Sequence[int]) -> _Prefix:
    return _Prefix(
        state=row["state"],
        hosting=row["hosting"],
        routed=row["record"] is not None and bool(sites_of(decode_values(row["record"]))),
        created_on=day_of(row["created_at"]),
        registered_on=row["registered_on"],
        used_on=used_on,
    )
