"""Data on demand (按需查询): what the node above may ask this node for, page by page.

Nothing is told that is about people, and of a record only what anybody may read. A page ends where the answer would
become too long to travel; what is too long by itself is told without its long members, and says so.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from node.database import Connection
from node.errors import Malformed
from node.identifier import fold
from node.journal import canonical
from node.national.instructions import LARGEST_RESULT, Query
from node.record import PUBLIC_READ, Value, decode_values
from node.sql import statements_beside
from registry.connection.standby_page import answered_record
from registry.enterprise_acts import REPORTED
from registry.enterprise_record import Enterprise, enterprise_of
from registry.identifiers.leaves import Change
from registry.identifiers.state import IdentifierState
from registry.prefix_grant import PrefixGrant, grant_of
from registry.store import SQL
from registry.transitions import PrefixState

_SQL = statements_beside(__file__, "queries_on_demand.sql")
_ROOM = LARGEST_RESULT - 4096
_UNKNOWN_ABOVE = frozenset({PrefixState.APPLIED, PrefixState.REJECTED})
_NEWEST = 2**31 - 1

Item = dict[str, Any]


class DemandIncomplete(Malformed):
    title_zh = "按需查询条件不完整"


@dataclass(frozen=True, slots=True)
class _Page:
    """Items, each with the text after which a page goes on; ``after``: where the next one begins, if there is one."""

    items: Sequence[tuple[Item, str]]
    after: str | None = None


async def answer_query(connection: Connection, query: Query) -> dict[str, Any]:
    """``{"items": […], "after": text or null}``, at most ``LARGEST_RESULT`` octets of JSON.

    ``after`` given back as ``query.after`` continues. Raises ``DemandIncomplete``.
    """
    match query.what:
        case "enterprise":
            page = await _enterprises(connection, query)
        case "prefix":
            page = await _prefixes(connection, query)
        case "identifier":
            page = await _identifier(connection, query)
        case "history":
            page = await _history(connection, query)
        case "counts":
            page = await _counts(connection, query)
        case "template":
            page = await _templates(connection, query)
    return _fitting(page)


def _fitting(page: _Page) -> dict[str, Any]:
    told: list[Item] = []
    after: str | None = None
    octets = 0
    for item, cursor in page.items:
        size = len(canonical(item)) + 1
        if size > _ROOM:
            item = {name: value for name, value in item.items() if not isinstance(value, list | dict)}
            item["too_long"] = True
            size = len(canonical(item)) + 1
        if octets + size > _ROOM:
            return {"items": told, "after": after}
        told.append(item)
        octets += size
        after = cursor
    return {"items": told, "after": page.after}


async def _enterprises(connection: Connection, query: Query) -> _Page:
    if query.enterprise_id is not None:
        row = await connection.fetchrow(SQL["find_enterprise"], query.enterprise_id)
        found = [] if row is None else [enterprise_of(row, query.enterprise_id)]
        return _Page(list(_told_enterprises(found)))
    after = _parsed(UUID, query.after or str(UUID(int=0)), "after")
    rows = await connection.fetch(SQL["list_enterprises"], after, None, None, None, None, None, query.limit)
    found = [enterprise_of(row, row["enterprise_id"]) for row in rows]
    return _Page(list(_told_enterprises(found)), _last(query, [str(one.enterprise_id) for one in found]))


def _told_enterprises(found: Iterable[Enterprise]) -> Iterable[tuple[Item, str]]:
    for enterprise in found:
        if enterprise.state in REPORTED:
            yield dict(enterprise.report().body), str(enterprise.enterprise_id)


async def _prefixes(connection: Connection, query: Query) -> _Page:
    if query.prefix:
        row = await connection.fetchrow(SQL["find_prefix"], fold(query.prefix), None)
        return _Page([] if row is None else list(_told_prefixes([grant_of(row)])))
    rows = await connection.fetch(SQL["list_prefixes"], _number(query.after), None, None, query.limit)
    grants = [grant_of(row) for row in rows]
    return _Page(list(_told_prefixes(grants)), _last(query, [str(grant.prefix_id) for grant in grants]))


def _told_prefixes(grants: Iterable[PrefixGrant]) -> Iterable[tuple[Item, str]]:
    for grant in grants:
        if not grant.derived and grant.state not in _UNKNOWN_ABOVE:
            told = {"hosting": str(grant.hosting), "suspended_from_above": grant.suspended_from_above}
            yield grant.reported() | told, str(grant.prefix_id)


async def _identifier(connection: Connection, query: Query) -> _Page:
    prefix, suffix_key = _names(query)
    row = await connection.fetchrow(_SQL["state_of_identifier"], prefix, suffix_key)
    if row is None:
        return _Page([])
    record = answered_record(row["record"], row["hidden"] or ())
    values = decode_values(record) if record else ()
    item = {
        "identifier": f"{prefix}/{row['suffix']}",
        "state": IdentifierState(row["state"]).name.lower(),
        "blocked": row["blocked"],
        "answered": bool(record),
        "version": row["version"],
        "registered_at": row["registered_at"].isoformat(),
        "updated_at": row["updated_at"].isoformat(),
        "template": row["template"],
        "template_version": row["template_version"],
        "values": [_value(value) for value in values if value.permissions & PUBLIC_READ],
    }
    return _Page([(item, "")])


def _value(value: Value) -> Item:
    told: Item = {"index": value.index, "type": value.type, "ttl": value.ttl, "timestamp": value.timestamp}
    try:
        text = value.data.decode()
    except UnicodeDecodeError:
        text = "\0"
    # What holds U+0000 is no text that travels as one.
    return told | ({"base64": base64.b64encode(value.data).decode()} if "\0" in text else {"data": text})


async def _history(connection: Connection, query: Query) -> _Page:
    below = _number(query.after) if query.after else _NEWEST
    rows = await connection.fetch(_SQL["versions_of_identifier"], *_names(query), below, query.limit)
    items = [
        (
            {
                "version": row["version"],
                "action": Change(row["action"]).name.lower(),
                "interface": row["interface"],
                "at": row["at"].isoformat(),
                "position": row["history_id"],
            },
            str(row["version"]),
        )
        for row in rows
    ]
    return _Page(items, _last(query, [cursor for _, cursor in items]))


async def _counts(connection: Connection, query: Query) -> _Page:
    since, until = _day(query.since, "since"), _day(query.until, "until")
    if query.after:
        told = _day(query.after, "after")
        since = max(since, told + timedelta(days=1)) if told < until else until
    end = since + timedelta(days=max(0, min((until - since).days, query.limit)))
    registered = await connection.fetch(_SQL["registrations_of_days"], since, end)
    resolved = await connection.fetch(_SQL["resolutions_of_days"], since, end)
    counts = {row["day"]: {name: row[name] for name in _CHANGES} for row in registered}
    resolutions: defaultdict[date, list[Item]] = defaultdict(list)
    for row in resolved:
        resolutions[row["day"]].append({name: row[name] for name in ("interface", "outcome", "resolutions")})
    nothing = dict.fromkeys(_CHANGES, 0)
    items = []
    for number in range((end - since).days):
        day = since + timedelta(days=number)
        items.append(
            ({"day": day.isoformat(), **counts.get(day, nothing), "resolutions": resolutions[day]}, day.isoformat())
        )
    return _Page(items, items[-1][1] if items and end < until else None)


_CHANGES = ("registered", "updated", "deleted", "suspended", "resumed")


async def _templates(connection: Connection, query: Query) -> _Page:
    rows = await connection.fetch(_SQL["templates_told"], _number(query.after), query.limit)
    items = [
        (
            {
                "template_id": row["template_id"],
                "enterprise_id": None if row["enterprise_id"] is None else str(row["enterprise_id"]),
                "name": row["name"],
                "template_version": row["template_version"],
                "state": row["state"],
                "definition": json.loads(row["definition"]),
            },
            str(row["template_id"]),
        )
        for row in rows
    ]
    return _Page(items, _last(query, [cursor for _, cursor in items]))


def _last(query: Query, cursors: Sequence[str]) -> str | None:
    """Where the next page begins: what is told of a page may be less than what was looked at."""
    return cursors[-1] if len(cursors) == query.limit else None


def _names(query: Query) -> tuple[str, str]:
    prefix, _, suffix = query.identifier.partition("/")
    if not prefix or not suffix:
        raise DemandIncomplete("an identifier is needed", field="identifier")
    return fold(prefix), fold(suffix)


def _day(text: str, field: str) -> date:
    day: date = _parsed(date.fromisoformat, text, field)
    return day


def _number(text: str) -> int:
    number: int = _parsed(int, text or "0", "after")
    return min(max(number, 0), _NEWEST)


def _parsed(reader: Any, text: str, field: str) -> Any:
    try:
        return reader(text)
    except ValueError:
        raise DemandIncomplete(f"{text[:40]!r} is not what {field} needs", field=field) from None
