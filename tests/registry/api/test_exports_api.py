"""``/v1/exports`` over HTTP: manifests, streams in three formats, refusals."""

from __future__ import annotations

import io
import json
from typing import Any

from python_calamine import CalamineWorkbook

from tests.support.node import Answer, Node, running_node

PREFIX = "88.101.2001"


async def register(node: Node, suffix: str, **attributes: Any) -> None:
    body = {"prefix": PREFIX, "suffix": suffix, "template": "pump", "attributes": {"name": "泵", **attributes}}
    answer = await node("POST", "/v1/identifiers", by="enterprise_user", json=body)
    assert answer.status == 201, answer.body


async def rows(node: Node, **query: Any) -> Answer:
    return await node("GET", "/v1/exports/rows", by="enterprise_user", query={"prefix": PREFIX, **query})


async def test_a_manifest_says_where_the_next_increment_begins(database_url: str) -> None:
    async with running_node(database_url) as node:
        await register(node, "A")
        told = (await node("GET", "/v1/exports/manifest", query={"prefix": PREFIX.lower()})).json
        assert (told["format_version"], told["prefix"], told["since"], told["identifiers"]) == (1, PREFIX, None, 1)
        [template] = told["templates"]
        assert (template["template"], template["shared"], template["state"]) == ("pump@1", True, "published")
        assert template["definition"] == node.template.template.to_json()
        assert template["template_id"] == node.template.template_id
        await register(node, "B")
        later = await node("GET", "/v1/exports/manifest", query={"prefix": PREFIX, "since": told["position"]})
        assert (later.json["since"], later.json["identifiers"]) == (told["position"], 1)
        increment = await rows(node, since=told["position"])
        assert [json.loads(line)["suffix"] for line in increment.body.splitlines()] == ["B"]


async def test_rows_come_in_three_formats(database_url: str) -> None:
    async with running_node(database_url) as node:
        await register(node, "A", serial="=1+1")
        answer = await rows(node)
        assert answer.headers["Content-Type"].startswith("application/x-ndjson")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{PREFIX}.ndjson"'
        assert json.loads(answer.body)["serial"] == "=1+1"
        table = {"template_id": node.template.template_id}
        answer = await rows(node, format="csv", **table)
        assert answer.headers["Content-Type"].startswith("text/csv")
        header, line, rest = answer.body.decode().split("\r\n")
        assert header.startswith("suffix,name,serial,model,weight_kg,made_on,passed,grade,biaoshi_template,")
        assert line.startswith("A,泵,'=1+1,,")
        assert rest == ""
        answer = await rows(node, format="xlsx", **table)
        assert answer.headers["Content-Type"].startswith(
            "application/vnd.openxmlformats-officedocument.spreadsheetml"
        )
        assert answer.headers["Biaoshi-Rows"] == "1"
        [_, cells] = CalamineWorkbook.from_filelike(io.BytesIO(answer.body)).get_sheet_by_index(0).to_python()
        assert cells[:3] == ["A", "泵", "=1+1"]


async def test_no_row_is_an_empty_answer(database_url: str) -> None:
    async with running_node(database_url) as node:
        answer = await rows(node)
        assert (answer.status, answer.body) == (200, b"")
        files = await node("GET", "/v1/exports/files", query={"prefix": PREFIX})
        assert (files.status, files.body) == (200, b"")


async def test_refusals_are_named(database_url: str) -> None:
    async with running_node(database_url, registry={"xlsx_characters": 1000}) as node:
        for query, status, code in (
            ({"format": "csv"}, 400, "template_of_table_missing"),
            ({"format": "xlsx"}, 400, "template_of_table_missing"),
            ({"format": "pdf"}, 400, "invalid_input"),
            ({"since": 10**12}, 400, "position_ahead"),
            ({"since": 0, "until": 10**12}, 400, "position_ahead"),
            ({"since": -1}, 400, "invalid_input"),
            ({"template_id": 999}, 404, "template_unknown"),
            ({"prefix": "88.101.9999"}, 404, "prefix_unknown"),
            ({"prefix": "88.101.2002"}, 403, "not_allowed"),
            ({"prefix": "x"}, 400, "invalid_prefix"),
        ):
            answer = await rows(node, **query)
            assert (answer.status, answer.code) == (status, code), query
        for number in range(8):
            await register(node, f"S{number}", serial=f"{number}" * 200)
        answer = await rows(node, format="xlsx", template_id=node.template.template_id)
        assert (answer.status, answer.code, answer.json["limit"]) == (400, "xlsx_too_large", 1000)
        reviewer = await node("GET", "/v1/exports/manifest", by="reviewer", query={"prefix": PREFIX})
        assert (reviewer.status, reviewer.code) == (403, "not_allowed")


async def test_files_are_exported_for_those_who_may_take_their_prefix_away(database_url: str) -> None:
    manual = b"%PDF-1.7\n%%EOF\n"
    definition = {
        "name": "machine", "version": 1, "title_zh": "机器",
        "attributes": [{"name": "manuals", "title_zh": "手册", "kind": "file", "many": True}],
    }  # fmt: skip
    async with running_node(database_url) as node:
        await node.world.template(definition)
        headers = {"Content-Type": "application/pdf"}
        sent = await node("POST", "/v1/files", by="enterprise_user", query={"name": "说明书.pdf"}, headers=headers,
                          data=manual)  # fmt: skip
        file_id = sent.json["file_id"]
        for suffix in ("A", "B"):
            body = {"prefix": PREFIX, "suffix": suffix, "template": "machine", "attributes": {"manuals": [file_id]}}
            assert (await node("POST", "/v1/identifiers", by="enterprise_user", json=body)).status == 201
        await register(node, "C")
        enterprise_id = node.holder.account.enterprise_id
        suspended = await node("POST", f"/v1/enterprises/{enterprise_id}/suspend", json={"reason": "审查"})
        assert suspended.status == 200
        listed = await node("GET", "/v1/exports/files", query={"prefix": PREFIX})
        expected = {"file_id": file_id, "name": "说明书.pdf", "media_type": "application/pdf", "size": len(manual),
                    "private": False}  # fmt: skip
        assert [json.loads(line) for line in listed.body.splitlines()] == [expected]
        path = f"/v1/exports/files/{file_id}"
        answer = await node("GET", path, query={"prefix": PREFIX})
        assert (answer.status, answer.body) == (200, manual)
        assert answer.headers["Content-Type"].startswith("application/octet-stream")
        assert (await node("GET", path, query={"prefix": "88.101.2002"})).code == "file_unknown"
        assert (await node("GET", path, by="other", query={"prefix": PREFIX})).code == "not_allowed"
        assert (await node("GET", path, by="other", query={"prefix": "88.101.2002"})).code == "file_unknown"
