"""What the mock national node shows of itself: one page for people, the same content for programs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from node.china_time import CHINA
from node.database import Pool
from node.national.mock_faults import Faults
from node.sql import statements_beside

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Refresh": "5",
}
STYLE = Path(__file__).with_name("mock_overview.css").read_text(encoding="utf-8")

_SQL = statements_beside(__file__, "mock_queries.sql")
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
)
_PARTS = ("nodes", "streams", "prefixes", "verdicts", "counts", "messages")


async def overview(pool: Pool, faults: Faults, at: datetime) -> dict[str, Any]:
    """Nodes, streams, prefixes, verdicts, days and messages: the newest of each, bounded."""
    content: dict[str, Any] = {"mock": True, "at": at, "faults": faults}
    async with pool.acquire(timeout=10) as connection:
        for part in _PARTS:
            content[part] = [dict(row) for row in await connection.fetch(_SQL[f"page_{part}"])]
    for node in content["nodes"]:
        node["heartbeat"] = msgspec.json.decode(node["heartbeat"]) if node["heartbeat"] else None
    return content


def render(content: dict[str, Any]) -> str:
    """The page; every value is escaped by the template."""
    active = [(name, value) for name, value in msgspec.structs.asdict(content["faults"]).items() if value]
    return _TEMPLATES.get_template("mock_overview.html").render(content, active=active)


def _local(moment: datetime | None) -> str:
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S") if moment else "—"


_TEMPLATES.filters["local"] = _local
