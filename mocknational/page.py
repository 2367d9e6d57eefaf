"""What the mock national node shows of itself: one page for people, the same content for programs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from mocknational.canaries import list_canaries
from mocknational.faults import Faults
from mocknational.store import SQL
from mocknational.takeover import list_takeovers
from node.china_time import CHINA, day_of
from node.database import Connection, Pool
from node.journal import Interface
from node.upper import management
from node.upper.files import list_files
from node.upper.standby import list_standby

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Refresh": "5",
}
STYLE = Path(__file__).with_name("overview.css").read_text(encoding="utf-8")

_BRIEF = 400
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
)


Rows = Sequence[Mapping[str, Any]]


async def _messages(connection: Connection) -> Rows:
    rows: Rows = await connection.fetch(SQL["newest_messages"])
    return rows


async def _days(connection: Connection) -> Rows:
    return await management.list_counts(connection, period="day")


async def _hours(connection: Connection) -> Rows:
    return await management.list_counts(connection, period="hour", limit=24)


_PARTS: dict[str, Callable[[Connection], Awaitable[Rows]]] = {
    "nodes": management.list_nodes,
    "applications": management.list_applications,
    "prefixes": management.list_prefixes,
    "routes": management.list_routes,
    "verdicts": management.list_verdicts,
    "streams": management.list_streams,
    "counts": _days,
    "hours": _hours,
    "canaries": list_canaries,
    "instructions": management.list_instructions,
    "takeovers": list_takeovers,
    "standby": list_standby,
    "files": list_files,
    "messages": _messages,
}
_JSON = frozenset({"heartbeat", "sites", "report", "resolutions", "result", "body"})
"""Columns that come as the text of JSON."""


async def overview(pool: Pool, faults: Faults, at: datetime) -> dict[str, Any]:
    """Every part of the page: the newest, or the first, of each; bounded."""
    content: dict[str, Any] = {"mock": True, "at": at, "faults": faults}
    async with pool.acquire(timeout=10) as connection:
        for part, listed in _PARTS.items():
            content[part] = [plain(row) for row in await listed(connection)]
    return content


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it; a place in a list is nobody's business."""
    return {name: _plain(name, value) for name, value in row.items() if name != "cursor"}


def render(content: dict[str, Any]) -> str:
    """The page; every value is escaped by the template."""
    active = [(name, value) for name, value in msgspec.structs.asdict(content["faults"]).items() if value]
    return _TEMPLATES.get_template("overview.html").render(content, active=active)


def _plain(name: str, value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if name in _JSON and isinstance(value, str):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:  # the beginning of a long one
            return value
    return value


def _local(moment: datetime | None) -> str:
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S") if moment else "—"


def _brief(content: object) -> str:
    text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}…"


_TEMPLATES.filters["local"] = _local
_TEMPLATES.filters["brief"] = _brief
_TEMPLATES.filters["day"] = day_of
_TEMPLATES.globals["interface"] = lambda number: Interface(number).name.lower()
