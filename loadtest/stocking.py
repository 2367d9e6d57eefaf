"""A node whose enterprises hold millions of identifiers, copied straight into the tables (``loadtest/stock.py``).

Records are as registration writes them; history and leaves are left out. Loading two million takes about a minute.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from loadtest.bench_node import Ground, ground
from loadtest.corpus import template
from loadtest.stock import Stock, texts
from node.demo.scene import NodeRunning
from node.demo.story import make_enterprise_user, signed_in
from node.demo.workload import enterprises
from node.serve import node_running
from registry.templates.template import Template

HOLDERS = 24
_REGISTERED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_CHUNK = 50_000
_COLUMNS = (
    "prefix_id", "template_id", "version", "state", "registered_at", "updated_at", "suffix_key", "record",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stocked:
    """A node in front of its stock; ``tokens`` of the enterprises' users by their prefixes."""

    place: Ground
    stock: Stock
    tokens: Mapping[str, str]


@contextlib.asynccontextmanager
async def stocked(rows: int, *, writers: int = 4, running: NodeRunning = node_running) -> AsyncIterator[Stocked]:
    """24 enterprises with a prefix each and ``rows`` identifiers in all; users of the first ``writers`` of them."""
    samples = enterprises()[:HOLDERS]
    async with ground(running, holders=HOLDERS) as place:
        stock = Stock([sample.prefix for sample in samples], rows)
        await load(place.scene.server.url(), stock)
        admin = await signed_in(place.scene.client, "admin", place.scene.state.administrator_password)
        tokens = {place.prefix: place.token}
        for sample in samples[1:writers]:
            tokens[sample.prefix] = (await make_enterprise_user(admin, sample)).token
        yield Stocked(place, stock, tokens)


async def load(url: str, stock: Stock) -> None:
    """The rows of the stock into the database, whose prefixes and template are there."""
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetch("SELECT prefix, prefix_id FROM prefix WHERE prefix = ANY ($1)", stock.prefixes)
        ids: dict[str, int] = dict(found)
        template_id = await connection.fetchval(
            "SELECT template_id FROM template WHERE name = $1", template()["name"]
        )
        for start in range(0, stock.rows, _CHUNK):
            numbers = range(start, min(start + _CHUNK, stock.rows))
            await connection.copy_records_to_table(
                "identifier", records=_rows(stock, numbers, ids, template_id), columns=_COLUMNS
            )
        # What autovacuum does within minutes of an import.
        await connection.execute("VACUUM ANALYZE identifier")
    finally:
        await connection.close()


def _rows(stock: Stock, numbers: range, ids: Mapping[str, int], template_id: int) -> Iterator[tuple[object, ...]]:
    encoder = Template.from_json({**template(), "version": 1}).compile()
    at = int(_REGISTERED_AT.timestamp()).to_bytes(4, "big")
    for number in numbers:
        prefix, suffix = stock.place_of(number)
        encoded = encoder.row(texts(number), at)
        if isinstance(encoded, list):
            raise SystemExit(f"row {number}: {encoded}")
        yield ids[prefix], template_id, 1, 1, _REGISTERED_AT, _REGISTERED_AT, suffix, encoded[0]
