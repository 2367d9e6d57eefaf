"""``/v1/audit`` as a program asks it."""

from __future__ import annotations

import csv
import io
import json

import asyncpg

from registry.rows.formula_guard import unguard
from tests.support.node import Node, running_node

WINDOW = {"since": "2026-11-21T00:00:00Z", "until": "2026-11-22T00:00:00Z"}


async def formula(url: str) -> None:
    """An act with hostile texts and with a contact as older nodes kept it."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "INSERT INTO act_history (at, interface, action, subject_kind, subject_id, before, reason, nonce)"
            " VALUES ('2026-11-21T09:30:00Z', 1, 'enterprise.edit', 'enterprise', '=cmd|''/C calc''!A0', $1, $2,"
            " decode(repeat('00', 16), 'hex'))",
            json.dumps({"contact_name": "欧阳小明", "contact_phone": "13800001234", "name": "甲"}), '=1+1,"\r\n@x',
        )  # fmt: skip
    finally:
        await connection.close()


async def rows(node: Node, by: str = "auditor", **query: str) -> list[dict[str, str]]:
    answer = await node("GET", "/v1/audit/table", by=by, query={**WINDOW, **query})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-20261121')
    return list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))


async def test_the_trail_is_read_page_by_page_and_entry_by_entry(database_url: str) -> None:
    async with running_node(database_url) as node:
        answer = await node("GET", "/v1/audit", by="auditor", query={"limit": 3, "of": "acts"})
        assert answer.status == 200
        assert len(answer.json["items"]) == 3
        assert answer.json["items"][0]["action"] == "token.create"
        assert answer.json["items"][0]["account"] == "other"
        more = {"limit": 200, "cursor": answer.json["next_cursor"]}
        rest = (await node("GET", "/v1/audit", by="administrator", query=more)).json["items"]
        assert not {one["entry"] for one in rest} & {one["entry"] for one in answer.json["items"]}

        by_name = (await node("GET", "/v1/audit", query={"account": "AUDITOR"})).json["items"]
        assert {one["account_id"] for one in by_name} == {node.account_ids["auditor"]}
        by_id = (await node("GET", "/v1/audit", query={"account": node.account_ids["auditor"]})).json["items"]
        assert by_id == by_name

        one = await node("GET", f"/v1/audit/{by_name[0]['entry']}", by="auditor")
        assert one.json["item"] == by_name[0]
        assert one.json["leaf"]["agrees"] is True
        assert len(one.json["leaf"]["sha256"]) == 64


async def test_what_cannot_be_asked_is_refused(database_url: str) -> None:
    async with running_node(database_url) as node:
        for query, code in (
            ({"cursor": "MTIz"}, "cursor_broken"), ({"cursor": "$"}, "cursor_broken"),
            ({"subject": "1"}, "audit_filter_unfit"), ({"since": "2026-11-21"}, "invalid_input"),
            ({"since": "2026-11-21T00:00:00Z", "until": "2026-11-21T00:00:00Z"}, "invalid_input"),
            ({"action": "token.'"}, "invalid_input"), ({"interface": "telnet"}, "invalid_input"),
        ):  # fmt: skip
            assert (await node("GET", "/v1/audit", query=query)).code == code, query
        assert (await node("GET", "/v1/audit/act-0")).code == "invalid_path_parameter"
        assert (await node("GET", "/v1/audit/act-999999")).code == "audit_entry_unknown"
        assert (await node("GET", "/v1/audit/table", query=WINDOW | {"until": "2026-12-23T00:00:00Z"})).code == (
            "audit_window_unfit"
        )
        for moment in ("0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00"):
            for name in ("since", "until"):
                assert (await node("GET", "/v1/audit", query={name: moment})).status == 200
        for by in ("reviewer", "enterprise_user", "application"):
            assert (await node("GET", "/v1/audit", by=by)).code == "not_allowed"
            assert (await node("GET", "/v1/audit/table", by=by, query=WINDOW)).code == "not_allowed"


async def test_a_table_is_recorded_masked_and_no_cell_of_it_is_a_formula(database_url: str) -> None:
    async with running_node(database_url, node={"laboratory": True}) as node:
        await formula(database_url)
        told = await rows(node)
        assert all(row["mark"] == "实验数据" for row in told)
        assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in told for cell in row.values())
        (hostile,) = (row for row in told if row["action"] == "enterprise.edit")
        assert unguard(hostile["subject_id"]) == "=cmd|'/C calc'!A0"
        assert unguard(hostile["reason"]) == '=1+1,"\r\n@x'
        assert json.loads(hostile["before"]) == {
            "contact_name": "欧***",
            "contact_phone": "138****1234",
            "name": "甲",
        }
        assert hostile["account"] == "node"
        assert told[0]["action"] == "audit.export"
        assert told[0]["account"] == "auditor"
        exports = await rows(node, by="administrator", action="audit.export")
        assert [row["account"] for row in exports] == ["administrator", "auditor"]
        assert json.loads(exports[0]["after"])["action"] == "audit.export"


async def test_whoever_takes_identifiers_or_figures_away_is_in_the_trail(database_url: str) -> None:
    async with running_node(database_url) as node:
        holder = node.holder
        await node.world.identifiers.register(
            holder.account, holder.actor, holder.identifier("A-1"), "pump", {"name": "泵"}
        )
        query = {"prefix": holder.prefix.text}
        assert (await node("GET", "/v1/exports/rows", by="auditor", query=query)).status == 200
        assert (await node("POST", "/v1/uploads", json={})).status == 201
        items = (await node("GET", "/v1/audit", query={"of": "acts", "limit": 2})).json["items"]
        assert [(one["action"], one["account"]) for one in items] == [
            ("upload.make", "administrator"), ("identifier.export", "auditor"),
        ]  # fmt: skip
        assert items[1]["after"]["prefix"] == holder.prefix.key
