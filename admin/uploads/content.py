"""What there is to say of a period to a city authority: the tables of a profile, masked.

Everything is read from sums that the steward has made (``admin/statistics``); days are those of China. A table whose
fields are all left out is not made at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from admin.statistics import counts, registrations, resolutions
from admin.statistics.enterprises import enterprise_figures, enterprise_standings
from admin.statistics.questions import ResolutionQuestion, ResolutionsBy, Span
from admin.statistics.registrations import RegistrationQuestion, RegistrationsBy
from admin.statistics.statistics import frame_of
from admin.uploads.masks import Mask, Pseudonym, Scalar
from admin.uploads.periods import Period
from admin.uploads.profiles import UploadProfile
from node.database import Connection
from node.identifier import Prefix
from node.journal import canonical
from node.sql import statements_beside
from registry.reference_data import industries

SQL = statements_beside(__file__, "uploads.sql")
VERSION = 1
_TOLD_AWAY = frozenset({"enterprises", "registered", "valid"})
_TIES = ("industry_code", "industry")

Row = dict[str, Scalar]


async def content_of(
    connection: Connection,
    profile: UploadProfile,
    period: Period,
    pseudonym: Pseudonym,
    node: tuple[UUID, str, Prefix],
    at: datetime,
) -> bytes:
    """The upload as canonical JSON; the same figures make the same tables. ``node``: its id, name and prefix."""
    span = Span(period.since, period.until - timedelta(days=1))
    frame = await frame_of(connection, span.until, at)
    tables = {}
    for name, fields in profile.tables.items():
        if fields:
            rows = await _TABLES[name](connection, span)
            tables[name] = _masked(name, rows, profile, pseudonym)
    node_id, node_name, prefix = node
    return canonical(
        {
            "version": VERSION,
            "laboratory": frame.laboratory,
            "node": {"node_id": str(node_id), "name": node_name, "prefix": prefix.key},
            "profile": {"id": profile.id, "name": profile.name_zh, "sha256": profile.sha256},
            "period": {"since": str(period.since), "until": str(period.until)},
            "rule_version": frame.rule_version,
            "made_at": at.isoformat(timespec="seconds"),
            "masks": {name: {field: str(mask) for field, mask in fields.items()}
                      for name, fields in profile.tables.items()},
            "tables": tables,
        }
    )  # fmt: skip


def _masked(name: str, rows: Sequence[Row], profile: UploadProfile, pseudonym: Pseudonym) -> list[Row]:
    fields = profile.tables[name]
    if name == "industries":
        rows = _joined(rows, fields, profile.least_enterprises)
        fields = {field: mask for field, mask in fields.items() if field not in _TIES} | {
            field: Mask("keep") for field in _TIES if field in fields
        }
    return [{field: mask.apply(row[field], pseudonym) for field, mask in fields.items()} for row in rows]


def _joined(rows: Sequence[Row], fields: Mapping[str, Mask], least: int) -> list[Row]:
    """Industries that look the same once masked are one row; what fewer than ``least`` enterprises share is told
    without its numbers, for they would be those of one of them."""
    sums: dict[str, Counter[str]] = {}
    for row in rows:
        code = fields["industry_code"].apply(row["industry_code"], _no_pseudonym) if "industry_code" in fields else ""
        numbers = {field: int(str(row[field])) for field in _TOLD_AWAY}
        sums.setdefault(str(code), Counter()).update(numbers)
    told: list[Row] = []
    for code, numbers in sorted(sums.items()):
        known = industries().get(code)
        row = {"industry_code": code, "industry": known.name if known else ""}
        few = numbers["enterprises"] < least
        told.append(row | {field: None if few else numbers[field] for field in sorted(_TOLD_AWAY)})
    return told


def _no_pseudonym(text: str) -> bytes:
    raise ValueError(f"an industry code such as {text} is no secret")


# Tables ---------------------------------------------------------------------------------------------


async def _figures(connection: Connection, span: Span) -> list[Row]:
    asked = RegistrationQuestion(RegistrationsBy.YEAR, *_days(span))
    made = [row.counts for row in await registrations.series(connection, asked)]
    days = await counts.by_day(connection, span, None)
    enterprises = await enterprise_figures(connection, span.until)
    return [
        {
            "registered": sum(one.registered for one in made),
            "first_registered": sum(one.first_registered for one in made),
            "updated": sum(one.updated for one in made),
            "deleted": sum(one.deleted for one in made),
            "live": await registrations.live_total(connection, span.until),
            "raw": sum(one.raw for one in days.values()),
            "valid": sum(one.valid for one in days.values()),
            "daily_mean": round(counts.mean_of(days, span).mean, 2),
            "enterprises": enterprises.total,
            "approved": enterprises.approved,
            "connected_enterprises": enterprises.connected,
            "active_enterprises": enterprises.active,
            "enterprise_nodes": enterprises.enterprise_nodes,
        }
    ]


async def _every_day(connection: Connection, span: Span) -> list[Row]:
    asked = RegistrationQuestion(RegistrationsBy.DAY, *_days(span))
    made = {row.key: row.counts for row in await registrations.series(connection, asked)}
    resolved = await counts.by_day(connection, span, None)
    rows: list[Row] = []
    for passed in range(span.days):
        day = span.since + timedelta(days=passed)
        registered, answered = made.get(str(day)), resolved.get(day, counts.Totals())
        rows.append(
            {
                "day": day,
                "registered": registered.registered if registered else 0,
                "deleted": registered.deleted if registered else 0,
                "raw": answered.raw,
                "valid": answered.valid,
            }
        )
    return rows


async def _by_industry(connection: Connection, span: Span) -> list[Row]:
    registered = await _registered(connection, RegistrationsBy.INDUSTRY, span)
    valid = await _valid(connection, ResolutionsBy.INDUSTRY, span)
    approved = Counter(
        one.industry_code for one in await enterprise_standings(connection, span.until) if one.approved
    )
    return [
        {
            "industry_code": code,
            "industry": "",
            "enterprises": approved[code],
            "registered": registered[code],
            "valid": valid[code],
        }
        for code in sorted({*registered, *valid, *approved} - {""})
    ]


async def _by_enterprise(connection: Connection, span: Span) -> list[Row]:
    registered = await _registered(connection, RegistrationsBy.ENTERPRISE, span)
    valid = await _valid(connection, ResolutionsBy.ENTERPRISE, span)
    facts = {row["enterprise_id"]: row for row in await connection.fetch(SQL["enterprise_facts"])}
    return [
        {
            "enterprise": one.name,
            "credit_code": facts[one.enterprise_id]["credit_code"],
            "division_code": facts[one.enterprise_id]["division_code"],
            "industry_code": one.industry_code,
            "state": one.state,
            "connected_on": one.connected_on,
            "connected": one.connected,
            "active": one.active,
            "prefixes": one.prefixes,
            "registered": registered[str(one.enterprise_id)],
            "valid": valid[str(one.enterprise_id)],
        }
        for one in await enterprise_standings(connection, span.until)
        if one.approved
    ]


async def _by_prefix(connection: Connection, span: Span) -> list[Row]:
    registered = await _registered(connection, RegistrationsBy.PREFIX, span)
    valid = await _valid(connection, ResolutionsBy.PREFIX, span)
    held = await counts.holders(connection)
    return [
        {
            "prefix": prefix,
            "enterprise": holder.name,
            "registered": registered[prefix],
            "valid": valid[prefix],
        }
        for prefix, holder in sorted(held.items())
    ]


_TABLES: Mapping[str, Callable[[Connection, Span], Awaitable[list[Row]]]] = {
    "figures": _figures,
    "days": _every_day,
    "industries": _by_industry,
    "enterprises": _by_enterprise,
    "prefixes": _by_prefix,
}


async def _registered(connection: Connection, by: RegistrationsBy, span: Span) -> Counter[str]:
    rows = await registrations.series(connection, RegistrationQuestion(by, *_days(span)))
    return Counter({row.key: row.counts.registered for row in rows})


async def _valid(connection: Connection, by: ResolutionsBy, span: Span) -> Counter[str]:
    rows = await resolutions.series(connection, ResolutionQuestion(by, span))
    return Counter({row.key: row.valid for row in rows})


def _days(span: Span) -> tuple[date, date]:
    return span.since, span.until
