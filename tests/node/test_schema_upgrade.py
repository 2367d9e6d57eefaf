"""A database of an earlier release keeps everything it holds when the schema moves on."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from node.migrate import SCHEMA, migrate

ENTERPRISE = UUID("0190a000-0000-7000-8000-000000000001")
ACCOUNT = UUID("0190a000-0000-7000-8000-000000000002")
FINISHED = UUID("0190a000-0000-7000-8000-000000000003")
NDJSON = UUID("0190a000-0000-7000-8000-000000000004")
PUMP = {
    "attributes": [
        {"name": "power", "index": 2000, "kind": "number"},
        {"name": "model", "index": 2001, "kind": "string"},
    ]
}
FILLED = (
    """INSERT INTO enterprise
         (enterprise_id, credit_code, name, division_code, industry_code, state, created_at, updated_at)
       VALUES ($1, '91442000MAD0000198', '中山泵业', '442000', 'C3441', 'approved', now(), now())""",
    """INSERT INTO prefix (prefix, enterprise_id, state, log_secret, created_at, updated_at)
       VALUES ('88.101.2001', $1, 'enabled', decode(repeat('00', 32), 'hex'), now(), now())""",
)


@pytest.fixture
async def earlier(server_url: Callable[[str], str], tmp_path: Path) -> AsyncIterator[str]:
    """A database of the first schema, with an enterprise, identifiers, history and two batches."""
    name = f"earlier_{uuid4().hex[:12]}"
    server = await asyncpg.connect(server_url("postgres"))
    await server.execute(f'CREATE DATABASE "{name}"')
    shutil.copy(SCHEMA / "0001_initial.sql", tmp_path)
    await migrate(server_url(name), tmp_path)
    connection = await asyncpg.connect(server_url(name))
    for statement in FILLED:
        await connection.execute(statement, ENTERPRISE)
    await connection.execute(
        "INSERT INTO template (name, template_version, state, definition, created_at, updated_at)"
        " VALUES ('pump', 1, 'published', $1, now(), now())", json.dumps(PUMP),
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO identifier (prefix_id, template_id, version, registered_at, updated_at, suffix_key, record)"
        " SELECT 1, 1, 1, now(), now(), 'P' || n, '\\x00000000' FROM generate_series(1, 9) n"
    )
    await connection.execute(
        "INSERT INTO identifier_history (prefix_id, version, action, interface, at, account_id, suffix_key)"
        " SELECT 1, 1, 1, 1, now(), $1, 'P' || n FROM generate_series(1, 9) n", ACCOUNT,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO attribute_index (prefix_id, template_id, attribute_index, is_unique, value, suffix_key)"
        " VALUES (1, 1, 2000, false, '-7.50', 'P1'), (1, 1, 2001, true, '7.5', 'P1')"
    )
    for batch_id, header in ((FINISHED, json.dumps(["suffix", "power"])), (NDJSON, None)):
        await connection.execute(
            "INSERT INTO batch (batch_id, account_id, prefix_id, template_id, idempotency_key, request, state,"
            " header, created_at, updated_at)"
            " VALUES ($1, $2, 1, 1, $1::uuid::text, $4, 'finished', $3, now(), now())",
            batch_id, ACCOUNT, header, json.dumps({"delimiter": ";"}),
        )  # fmt: skip
    await connection.execute(
        "INSERT INTO rejection (batch_id, line, fault, code, message, input_row)"
        " VALUES ($1, 3, 1, 'required', 'm', 'r')",
        FINISHED,
    )
    await connection.close()
    yield server_url(name)
    await server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await server.close()


async def test_an_earlier_database_moves_on_and_keeps_its_rows(earlier: str) -> None:
    assert (await migrate(earlier))[0] == "0002_registration_in_every_form.sql"
    connection = await asyncpg.connect(earlier)
    try:
        history = await connection.fetch(
            "SELECT history_id, before_state FROM identifier_history ORDER BY history_id"
        )
        assert [tuple(row) for row in history] == [(number, None) for number in range(1, 10)]
        numbers = await connection.fetch(
            "SELECT attribute_index, number FROM attribute_index ORDER BY attribute_index"
        )
        assert [(row["attribute_index"], row["number"] and str(row["number"])) for row in numbers] == [
            (2000, "-7.50"),
            (2001, None),
        ]
        headers = await connection.fetch("SELECT header, operation, changed FROM batch ORDER BY batch_id")
        assert json.loads(headers[0]["header"]) == {"columns": ["suffix", "power"], "delimiter": ";"}
        assert headers[1]["header"] is None
        assert {(row["operation"], row["changed"]) for row in headers} == {("register", 0)}
        assert await connection.fetchval("SELECT sheet FROM rejection") == 0
        assert await connection.fetchval("SELECT count(*) FROM identifier WHERE state = 1") == 9
    finally:
        await connection.close()


async def test_what_was_counted_by_the_minute_is_summed_up(earlier: str) -> None:
    connection = await asyncpg.connect(earlier)
    try:
        await connection.executemany(
            "INSERT INTO resolution_count VALUES (gen_random_uuid(), $1::text::timestamptz, '88.101.2001', 4, 1, $2)",
            [("2026-01-31 15:59Z", 3), ("2026-01-31 16:00Z", 20), ("2026-01-31 16:05Z", 100)],
        )
        await migrate(earlier)
        days = await connection.fetch("SELECT day::text, resolutions FROM resolution_day ORDER BY day")
        hours = await connection.fetch("SELECT resolutions FROM resolution_hour ORDER BY hour")
        months = await connection.fetch("SELECT month::text, resolutions FROM resolution_month ORDER BY month")
        assert [tuple(row) for row in days] == [("2026-01-31", 3), ("2026-02-01", 120)]
        assert [row["resolutions"] for row in hours] == [3, 120]
        assert [tuple(row) for row in months] == [("2026-01-01", 3), ("2026-02-01", 120)]
    finally:
        await connection.close()


async def test_what_waited_for_a_reviewer_waits_in_the_queue_afterwards(earlier: str) -> None:
    applicant = uuid4()
    connection = await asyncpg.connect(earlier)
    try:
        await connection.execute(
            "INSERT INTO enterprise (enterprise_id, credit_code, name, division_code, industry_code, state,"
            " created_at, updated_at) VALUES ($1, '91350100M000100Y43', '示例阀门', '330212', '3443', 'submitted',"
            " '2026-01-02', '2026-01-02')",
            applicant,
        )
        await connection.execute(
            "INSERT INTO prefix (prefix, enterprise_id, state, log_secret, created_at, updated_at)"
            " VALUES ('88.101.2002', $1, 'applied', decode(repeat('00', 32), 'hex'), '2026-01-01', '2026-01-01')",
            ENTERPRISE,
        )
        await migrate(earlier)
        rows = await connection.fetch(
            "SELECT subject_kind, subject_id, enterprise_id, state FROM review ORDER BY review_id"
        )
        prefix_id = await connection.fetchval("SELECT prefix_id FROM prefix WHERE prefix = '88.101.2002'")
        assert [(row["subject_kind"], row["subject_id"], row["enterprise_id"], row["state"]) for row in rows] == [
            ("prefix", str(prefix_id), ENTERPRISE, "waiting"),
            ("enterprise", str(applicant), applicant, "waiting"),
        ]
    finally:
        await connection.close()
