"""Millions of identifiers within seconds, for the benches that work on big data: made inside PostgreSQL.

One record is made by the template's own encoder; PostgreSQL sets the numbers in and writes rows, side index, history
and tallies as registration does. Leaves are left out: nothing that is measured reads them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asyncpg

from loadtest.steady import serial_of, suffix_of
from registry.templates.template import Template

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
_STEP_SECONDS = 5
_CHUNK = 250_000
_MODELS = 1_000

DEVICE: dict[str, Any] = {
    "name": "device",
    "title_zh": "设备",
    "attributes": [
        {"name": "name", "title_zh": "名称", "required": True},
        {"name": "serial", "title_zh": "出厂编号", "required": True},
        {"name": "model", "title_zh": "型号", "listed": True},
        {"name": "maker", "title_zh": "制造企业"},
        {"name": "manual", "title_zh": "说明书"},
        {"name": "note", "title_zh": "备注"},
    ],
}
_VALUES = {
    "name": "离心泵", "serial": serial_of(0), "model": "CP-0000", "maker": "示例泵业有限公司",
    "manual": "https://www.example.com/manuals/cp.pdf",
}  # fmt: skip
_ROWS = """
INSERT INTO identifier (prefix_id, template_id, version, state, registered_at, updated_at, suffix_key, record)
SELECT $1, $2, 1, 1, at, at, 'D-' || lpad(n::text, 9, '0'),
       overlay(overlay($3::bytea PLACING convert_to(lpad(n::text, 9, '0'), 'UTF8') FROM $4)
               PLACING convert_to(lpad((n % $6::int)::text, 4, '0'), 'UTF8') FROM $5)
FROM generate_series($7::int, $8::int) AS n
CROSS JOIN LATERAL (SELECT $9::timestamptz + n * $10::int * INTERVAL '1 second' AS at) AS registered
"""
_SIDE = """
INSERT INTO attribute_index (prefix_id, template_id, attribute_index, is_unique, value, suffix_key)
SELECT $1, $2, $3, false, 'CP-' || lpad((n % $4::int)::text, 4, '0'), 'D-' || lpad(n::text, 9, '0')
FROM generate_series($5::int, $6::int) AS n
"""
# Positions below 0: as if all of it had gone to the node above long ago.
_HISTORY = """
INSERT INTO identifier_history (prefix_id, version, action, interface, at, account_id, suffix_key, history_id)
OVERRIDING SYSTEM VALUE
SELECT prefix_id, 1, 1, 1, registered_at, $2, suffix_key, -row_number() OVER (ORDER BY suffix_key DESC)
FROM identifier WHERE prefix_id = $1 ORDER BY suffix_key
"""
_TALLIES = """
INSERT INTO registration_tally (at, prefix_id, template_id, registered, first_registered)
SELECT min(registered_at), prefix_id, template_id, count(*), count(*) FROM identifier WHERE prefix_id = $1
GROUP BY prefix_id, template_id, (registered_at AT TIME ZONE INTERVAL '08:00')::date
"""
_ANOTHER_PREFIX = """
INSERT INTO prefix OVERRIDING USER VALUE
SELECT (jsonb_populate_record(p, jsonb_build_object('prefix', $2::text))).* FROM prefix p WHERE p.prefix = $1
"""


async def stock(connection: asyncpg.Connection, prefix: str, template_id: int, rows: int) -> None:
    """So many devices below a prefix that has none, ready for every kind of work."""
    template = Template.from_json({**DEVICE, "version": 1})
    encoded = template.compile().named(_VALUES, int(BEGAN.timestamp()).to_bytes(4, "big"))
    assert not isinstance(encoded, list), encoded
    serial, model = (encoded.record.index(_VALUES[name].encode()) for name in ("serial", "model"))
    listed = next(attribute.index for attribute in template.attributes if attribute.name == "model")
    prefix_id = await connection.fetchval("SELECT prefix_id FROM prefix WHERE prefix = $1", prefix)
    account_id = await connection.fetchval("SELECT account_id FROM account ORDER BY created_at LIMIT 1")
    for first in range(0, rows, _CHUNK):
        last = min(first + _CHUNK, rows) - 1
        # Positions in a bytea count from 1; two octets of each value stand before its number.
        await connection.execute(
            _ROWS, prefix_id, template_id, encoded.record, serial + 3, model + 4, _MODELS, first, last, BEGAN,
            _STEP_SECONDS,
        )  # fmt: skip
        await connection.execute(_SIDE, prefix_id, template_id, listed, _MODELS, first, last)
    await connection.execute(_HISTORY, prefix_id, account_id)
    await connection.execute(_TALLIES, prefix_id)
    # What autovacuum does within minutes of an import.
    await connection.execute("VACUUM ANALYZE identifier, attribute_index, identifier_history")
    found = await connection.fetchval("SELECT record FROM identifier WHERE prefix_id = $1 AND suffix_key = $2",
                                      prefix_id, suffix_of(rows - 1))  # fmt: skip
    assert serial_of(rows - 1).encode() in found


async def another_prefix(connection: asyncpg.Connection, prefix: str) -> str:
    """A prefix beside that one, of the same enterprise, enabled too."""
    added = f"{prefix[:-1]}{'8' if prefix[-1] != '8' else '7'}8"
    await connection.execute(_ANOTHER_PREFIX, prefix, added)
    return added
