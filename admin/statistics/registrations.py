"""Registrations (注册量) by day, month, year, prefix, enterprise, industry and template, and their totals.

Days are those of China. A prefix counts for the enterprise that holds it now, as in its usage and its statements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from admin.statistics.questions import Span
from node.database import Connection
from node.sql import statements_beside
from registry.reference_data import industries
from registry.tallies import RegistrationCounts

SQL = statements_beside(__file__, "registrations.sql")
_SECONDS = 20.0


class RegistrationsBy(StrEnum):
    """What the rows of a series are about."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    PREFIX = "prefix"
    ENTERPRISE = "enterprise"
    INDUSTRY = "industry"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class RegistrationQuestion:
    """From ``since`` to ``until``, both days included; what is ``None`` does not narrow the question."""

    by: RegistrationsBy
    since: date
    until: date
    enterprise_id: UUID | None = None
    prefix: str | None = None
    template_id: int | None = None


@dataclass(frozen=True, slots=True)
class RegistrationRow:
    """``key``: ``2026-11-21``, ``2026-11``, ``2026``, the prefix, the id of the enterprise or template, the code of
    the industry. ``name``: of the enterprise (also beside its prefix) or industry, ``pump@1`` of a template; else
    empty.
    """

    key: str
    name: str
    counts: RegistrationCounts


async def series(connection: Connection, question: RegistrationQuestion) -> list[RegistrationRow]:
    """The rows that have counts: times in their order, all others by registrations, most first."""
    prefixes = await _asked_about(connection, question.enterprise_id, question.prefix)
    statement, of_prefixes, words = _WAYS[question.by]
    asked = question.since, question.until
    narrowed = (*(asked if words is _times else _months_and_days(*asked)), question.template_id)
    if prefixes is None:
        found = await connection.fetch(SQL[statement], *narrowed, timeout=_SECONDS)
    else:
        found = await connection.fetch(SQL[of_prefixes], *narrowed, prefixes, timeout=_SECONDS)
    meant = await words(connection, question.by, [row["key"] for row in found])
    sums: dict[tuple[str, str], Counter[str]] = {}
    for row in found:
        sums.setdefault(meant[row["key"]], Counter()).update({name: row[name] for name in _COUNTS})
    rows = [
        RegistrationRow(key, name, RegistrationCounts(**sums[key, name]))
        for key, name in sorted(sums)
        if any(sums[key, name].values())
    ]
    if words is not _times:
        rows.sort(key=lambda row: -row.counts.registered)
    return rows


async def live_total(connection: Connection, day: date, enterprise_id: UUID | None = None) -> int:
    """How many identifiers stood at the end of a day: registered less deleted up to it. Suspended ones stand."""
    prefixes = await _asked_about(connection, enterprise_id, None)
    if prefixes is None:
        return int(await connection.fetchval(SQL["live_total"], day, timeout=_SECONDS))
    bounds = _months_and_days(date.min, day)
    return int(await connection.fetchval(SQL["live_total_of_prefixes"], *bounds, prefixes, timeout=_SECONDS))


async def new_in_year(connection: Connection, year: int, until: date, enterprise_id: UUID | None = None) -> int:
    """How many were registered for the first time in a calendar year, up to a day that is included."""
    prefixes = await _asked_about(connection, enterprise_id, None)
    span = date(year, 1, 1), min(until, date(year, 12, 31))
    if prefixes is None:
        return int(await connection.fetchval(SQL["first_registrations"], *span, timeout=_SECONDS))
    bounds = _months_and_days(*span)
    return int(await connection.fetchval(SQL["first_registrations_of_prefixes"], *bounds, prefixes, timeout=_SECONDS))


def _months_and_days(since: date, until: date) -> tuple[date, date, date, date]:
    span = Span(since, until)
    return (*span.months, *span.half_open)


async def _asked_about(connection: Connection, enterprise_id: UUID | None, prefix: str | None) -> list[int] | None:
    """Prefixes by id; ``None`` is the whole node."""
    if enterprise_id is None and prefix is None:
        return None
    return [row["prefix_id"] for row in await connection.fetch(SQL["prefixes_asked_about"], enterprise_id, prefix)]


# Keys and names of the rows --------------------------------------------------------------------------


async def _times(_: Connection, by: RegistrationsBy, keys: Sequence[date]) -> dict[date, tuple[str, str]]:
    return {day: (day.isoformat()[: _DIGITS[by]], "") for day in keys}


async def _holders(connection: Connection, by: RegistrationsBy, keys: Sequence[int]) -> dict[int, tuple[str, str]]:
    meant = {}
    for row in await connection.fetch(SQL["holders_of_prefixes"], keys):
        words = row["prefix"], row["name"]
        if by is RegistrationsBy.ENTERPRISE:
            words = str(row["enterprise_id"]), row["name"]
        elif by is RegistrationsBy.INDUSTRY:
            known = industries().get(row["industry_code"])
            words = row["industry_code"], known.name if known else ""
        meant[row["prefix_id"]] = words
    return meant


async def _templates(connection: Connection, _: RegistrationsBy, keys: Sequence[int]) -> dict[int, tuple[str, str]]:
    marks = {row["template_id"]: row["mark"] for row in await connection.fetch(SQL["marks_of_templates"], keys)}
    return {template_id: (str(template_id), marks.get(template_id, "")) for template_id in keys}


_COUNTS = tuple(field.name for field in fields(RegistrationCounts))
_DIGITS = {RegistrationsBy.DAY: 10, RegistrationsBy.MONTH: 7, RegistrationsBy.YEAR: 4}
_BY_DAY = ("registrations_by_day", "registrations_by_day_of_prefixes", _times)
_BY_PREFIX = ("registrations_by_prefix", "registrations_by_prefix_of_prefixes", _holders)
_WAYS: Mapping[RegistrationsBy, tuple[str, str, Callable[..., Awaitable[dict[Any, tuple[str, str]]]]]] = {
    RegistrationsBy.DAY: _BY_DAY,
    RegistrationsBy.MONTH: _BY_DAY,
    RegistrationsBy.YEAR: _BY_DAY,
    RegistrationsBy.PREFIX: _BY_PREFIX,
    RegistrationsBy.ENTERPRISE: _BY_PREFIX,
    RegistrationsBy.INDUSTRY: _BY_PREFIX,
    RegistrationsBy.TEMPLATE: ("registrations_by_template", "registrations_by_template_of_prefixes", _templates),
}
"""What is asked of the whole node and of some prefixes, and what its keys mean."""
