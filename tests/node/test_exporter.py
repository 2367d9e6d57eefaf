"""Exports between nodes: what one node says of a prefix, another says after an import, byte for byte."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from python_calamine import CalamineWorkbook

from node.auth import Action
from node.client import NodeAway, Refused, connect
from node.database import transaction
from node.export_directory import MANIFEST, ExportDamaged, Manifest, NotAnExport, read, verified
from node.exporter import Export, OtherExport, export_to
from node.identifier import Prefix
from node.importer import Import, import_file
from node.journal import Interface
from node.restorer import TemplateDiffers, restore
from registry.identifiers.changes import Asked, Migration, change_many
from registry.identifiers.leaves import Change
from registry.prefixes import writable_prefix
from registry.rows.formula_guard import unguard
from registry.templates.stored import template_by_id
from tests.support.node import Node, running_node

PREFIX = "88.101.2001"
FORMATS = ("ndjson", "csv", "xlsx")

MACHINE: dict[str, Any] = {
    "name": "machine",
    "title_zh": "机器",
    "title_en": "Machine",
    "ttl": 600,
    "attributes": [
        {"name": "name", "title_zh": "名称", "title_en": "Name"},
        {"name": "site", "title_zh": "网址", "index": 1, "type": "URL"},
        {"name": "serial", "title_zh": "编号", "unique": True},
        {"name": "power", "title_zh": "功率", "kind": "number", "listed": True, "unit": "kW"},
        {"name": "made_on", "title_zh": "生产日期", "kind": "date"},
        {"name": "passed", "title_zh": "合格", "kind": "boolean"},
        {"name": "grade", "title_zh": "等级", "kind": "enum", "choices": ["A", "B"]},
        {"name": "tags", "title_zh": "标签", "many": True},
        {"name": "parts", "title_zh": "部件", "kind": "reference", "many": True},
        {"name": "manual", "title_zh": "手册", "kind": "file"},
    ],
}
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
TRICKY = (
    "=1+1", "'=1", "-5", "@", 'a,"b"', "line\r\nline", "cr\rcr", "tab\there", "_x000D_", "0012", "True", "标识 é",
)  # fmt: skip


def client_of(node: Node, by: str = "administrator") -> Any:
    return connect(node.url, node.tokens[by])


async def ask(node: Node, method: str, path: str, expected: int = 200, **json_body: Any) -> Any:
    answer = await node(method, path, json=json_body or None)
    assert answer.status == expected, answer.body
    return answer.json if answer.body else None


async def machine(node: Node) -> int:
    """The enterprise's own template, its second edition with one attribute more; the first is withdrawn."""
    owner = str(node.holder.account.enterprise_id)
    first = await ask(node, "POST", "/v1/templates", 201, **MACHINE, enterprise_id=owner)
    await ask(node, "POST", f"/v1/templates/{first['template_id']}/publish")
    second = await ask(node, "POST", f"/v1/templates/{first['template_id']}/revise", 201)
    wider = [*MACHINE["attributes"], {"name": "colour", "title_zh": "颜色"}]
    await ask(node, "PUT", f"/v1/templates/{second['template_id']}", **{**MACHINE, "attributes": wider}, version=1)
    await ask(node, "POST", f"/v1/templates/{second['template_id']}/publish")
    await ask(node, "POST", f"/v1/templates/{first['template_id']}/withdraw")
    template_id: int = second["template_id"]
    return template_id


async def register(node: Node, suffix: str, template: str = "machine", **attributes: Any) -> None:
    node.world.clock.advance(seconds=7, microseconds=131)
    await ask(node, "POST", "/v1/identifiers", 201, prefix=PREFIX, suffix=suffix, template=template,
              attributes=attributes)  # fmt: skip


async def manual(node: Node) -> str:
    """A file of the enterprise."""
    query = {"name": "说明书.pdf", "enterprise_id": str(node.holder.account.enterprise_id)}
    answer = await node("POST", "/v1/files", query=query, headers={"Content-Type": "application/pdf"}, data=PDF)
    assert answer.status == 201, answer.body
    return str(answer.json["file_id"])


async def filled(node: Node) -> list[str]:
    """Identifiers of two templates with values of every kind; their suffixes."""
    await machine(node)
    file_id = await manual(node)
    await register(node, "Pump-1", "pump", name="多级离心泵", serial="P1", weight_kg="12.50", passed=True)
    await register(node, "M/1", name="机器", site="https://example.com/m?x=1&y=2", serial="=1+1", power="5.50",
                   made_on="2026-03-01", passed=False, grade="B", tags=["红", "=2", 'q"'],
                   parts=[f"{PREFIX}/Pump-1", "86.1000.1/elsewhere"], manual=file_id, colour="蓝")  # fmt: skip
    await register(node, "m-二", tags=["one"], power="7")
    for number, text in enumerate(TRICKY):
        await register(node, f"T{number:02}", name=text, serial=f"S{number}")
    return ["Pump-1", "M/1", "m-二", *(f"T{number:02}" for number in range(len(TRICKY)))]


async def answers(node: Node, suffixes: list[str]) -> dict[str, list[tuple[int, str | None, bytes]]]:
    """What the node says of each identifier over every interface that shows it."""
    said = {}
    for suffix in suffixes:
        handle = f"{PREFIX}/{quote(suffix, safe='')}"
        asked = [
            await node("GET", f"/api/handles/{handle}", by=None),
            await node("GET", f"/api/handles/{handle}?type=URL", by=None),
            await node("GET", f"/{handle}", by=None, headers={"Accept": "application/json"}),
            await node("GET", f"/{handle}", by=None, headers={"Accept": "text/html"}),
            await node("GET", f"/{handle}?lang=en", by=None, headers={"Accept": "text/html"}),
        ]
        said[suffix] = [(answer.status, answer.headers.get("ETag"), answer.body) for answer in asked]
    return said


async def taken(node: Node, directory: Path, **task: Any) -> Manifest:
    after = task.pop("after", None)
    async with client_of(node) as client:
        return await export_to(client, Export(PREFIX, **task), directory, after=after)


async def brought(node: Node, directory: Path) -> dict[str, Any]:
    async with client_of(node) as client:
        report: dict[str, Any] = await restore(client, directory, patience=5)
        return report


def counts(report: dict[str, Any]) -> tuple[int, int, int, int]:
    return report["registered"], report["changed"], report["unchanged"], report["rejected"]


async def change(node: Node, kind: Change, suffix: str, **asked: Any) -> None:
    """One identifier changed as a bulk change does it."""
    world = node.world
    world.clock.advance(minutes=3)
    async with transaction(world.pool) as connection:
        action = Action.IDENTIFIER_UPDATE
        grant = await writable_prefix(connection, world.administrator, action, Prefix.parse(PREFIX))
        migration = asked.pop("migration", None)
        done = await change_many(
            connection, grant, kind, [Asked(suffix.upper(), **asked)], account_id=world.administrator.account_id,
            interface=Interface.V1, at=world.clock(), batch_id=None, migration=migration,
        )  # fmt: skip
    assert done.changed == 1, done.refused


async def changed(node: Node) -> None:
    """One identifier in every way in which identifiers change, and a new one."""
    node.world.clock.advance(hours=5)
    body = {"version": 1, "attributes": {"name": "renamed", "serial": "P2"}}
    await ask(node, "PUT", f"/v1/identifiers/{PREFIX}/Pump-1", **body)
    await ask(node, "DELETE", f"/v1/identifiers/{PREFIX}/T00?version=1", 204)
    await change(node, Change.SUSPEND, "T01")
    await change(node, Change.UPDATE, "M/1", values={"power": "6 kW", "tags": None})
    edition = (await ask(node, "GET", f"/v1/identifiers/{PREFIX}/T02"))["template_id"]
    third = await ask(node, "POST", f"/v1/templates/{edition}/revise", 201)
    await ask(node, "POST", f"/v1/templates/{third['template_id']}/publish")
    async with node.world.pool.acquire() as connection:
        target = await template_by_id(connection, third["template_id"])
    await change(node, Change.MIGRATE, "T02", migration=Migration(target, constants={"colour": "绿"}))
    await register(node, "new", serial="S0")


@pytest.mark.parametrize("form", FORMATS)
async def test_another_node_answers_byte_for_byte_the_same(
    database_url: str, other_database_url: str, tmp_path: Path, form: str
) -> None:
    async with running_node(database_url) as one, running_node(other_database_url) as other:
        suffixes = await filled(one)
        await change(one, Change.SUSPEND, "T05")
        other.world.clock.advance(hours=2)
        full = await taken(one, tmp_path / "full", format=form)
        assert sum(part.rows or 0 for part in full.parts) == len(suffixes)
        report = await brought(other, tmp_path / "full")
        assert (report["templates"], report["files"]) == (2, 1)
        assert counts(report) == (len(suffixes), 0, 0, 0)
        assert await answers(other, suffixes) == await answers(one, suffixes)

        await changed(one)
        await change(one, Change.RESUME, "T05")
        increment = await taken(one, tmp_path / "increment", format=form, since=full.position, after=full)
        assert sum(part.rows or 0 for part in increment.parts) == 7
        report = await brought(other, tmp_path / "increment")
        assert (report["templates"], counts(report)) == (1, (1, 6, 0, 0))
        now = await answers(one, [*suffixes, "new"])
        assert await answers(other, [*suffixes, "new"]) == now
        found = {suffix: now[suffix][0][0] for suffix in ("T00", "T01", "T02", "T05", "new")}
        assert found == {"T00": 404, "T01": 404, "T02": 200, "T05": 200, "new": 200}
        again = await brought(other, tmp_path / "increment")
        assert again["batches"] == report["batches"]


@pytest.mark.parametrize("second", FORMATS)
@pytest.mark.parametrize("first", FORMATS)
async def test_a_table_registers_elsewhere_what_it_was_exported_from(
    database_url: str, other_database_url: str, tmp_path: Path, first: str, second: str
) -> None:
    async with running_node(database_url) as one, running_node(other_database_url) as other:
        await filled(one)
        await machine(other)
        await manual(other)
        only = {"template_id": (await ask(one, "GET", f"/v1/identifiers/{PREFIX}/T00"))["template_id"]}
        manifest = await taken(one, tmp_path / "one", format=first, filters={"template_id": str(only["template_id"])})
        [part] = manifest.of_kind("rows")
        async with client_of(other, "enterprise_user") as client:
            batch = await import_file(client, Import(tmp_path / "one" / part.name, PREFIX, "machine"))
        assert (batch["registered"], batch["rejected"]) == (part.rows, 0), batch
        back = await taken(other, tmp_path / "two", format=second)
        assert contents(tmp_path / "two", back) == contents(tmp_path / "one", manifest)


def contents(directory: Path, manifest: Manifest) -> list[dict[str, Any]]:
    """The rows of an export without what belongs to its node, empty cells left out."""
    rows: list[dict[str, Any]] = []
    for part in manifest.of_kind("rows"):
        path = directory / part.name
        if path.suffix == ".ndjson":
            rows += [json.loads(line) for line in path.read_bytes().splitlines()]
            continue
        if path.suffix == ".csv":
            header, *lines = csv.reader(io.StringIO(path.read_bytes().decode(), newline=""))
            table = [[unguard(cell) for cell in line] for line in lines]
        else:
            header, *table = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
        rows += [{name: cell for name, cell in zip(header, line, strict=True) if cell != ""} for line in table]
    for row in rows:
        for name, value in row.items():
            if isinstance(value, list):
                row[name] = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return [{name: value for name, value in row.items() if not name.startswith("biaoshi_")} for row in rows]


async def test_a_file_that_changed_on_the_way_is_not_imported(
    database_url: str, other_database_url: str, tmp_path: Path
) -> None:
    async with running_node(database_url) as one, running_node(other_database_url) as other:
        await filled(one)
        await taken(one, tmp_path)
        path = tmp_path / "rows.ndjson"
        path.write_bytes(path.read_bytes().replace(b"renamed", b"hacked!").replace(b"P1", b"P9"))
        with pytest.raises(ExportDamaged):
            await brought(other, tmp_path)
        assert await other.world.pool.fetchval("SELECT count(*) FROM identifier") == 0


async def test_a_template_with_another_definition_stops_the_import(
    database_url: str, other_database_url: str, tmp_path: Path
) -> None:
    async with running_node(database_url) as one, running_node(other_database_url) as other:
        await filled(one)
        await taken(one, tmp_path)
        owner = str(other.holder.account.enterprise_id)
        made = await ask(other, "POST", "/v1/templates", 201, **{**MACHINE, "ttl": 700}, enterprise_id=owner)
        await ask(other, "POST", f"/v1/templates/{made['template_id']}/publish")
        with pytest.raises(TemplateDiffers) as refused:
            await brought(other, tmp_path)
        assert refused.value.evidence == {"template": "machine", "edition": 1}
        assert await other.world.pool.fetchval("SELECT count(*) FROM identifier") == 0


async def test_an_import_that_stopped_amid_its_templates_is_begun_again(
    database_url: str, other_database_url: str, tmp_path: Path
) -> None:
    async with running_node(database_url) as one, running_node(other_database_url) as other:
        suffixes = await filled(one)
        await taken(one, tmp_path)
        owner = str(other.holder.account.enterprise_id)
        made = await ask(other, "POST", "/v1/templates", 201, **MACHINE, enterprise_id=owner)
        await ask(other, "POST", f"/v1/templates/{made['template_id']}/publish")
        await ask(other, "POST", f"/v1/templates/{made['template_id']}/revise", 201)
        assert counts(await brought(other, tmp_path)) == (len(suffixes), 0, 0, 0)
        assert await answers(other, suffixes) == await answers(one, suffixes)


async def test_only_an_administrator_restores(database_url: str, tmp_path: Path) -> None:
    async with running_node(database_url) as node:
        await filled(node)
        await taken(node, tmp_path)
        async with client_of(node, "enterprise_user") as client:
            with pytest.raises(Refused) as refused:
                await restore(client, tmp_path)
        assert refused.value.problem["code"] == "not_allowed"
        assert counts(await brought(node, tmp_path))[2:] == (3 + len(TRICKY), 0)


async def test_values_that_changed_hands_arrive_whatever_their_order(
    database_url: str, other_database_url: str, tmp_path: Path
) -> None:
    """An increment comes in the order of the last changes: B has what A gave up before A's own row comes."""
    async with (
        running_node(database_url) as one,
        running_node(other_database_url, registry={"chunk_rows": 10}) as other,
    ):
        await machine(one)
        for number in range(25):
            await register(one, f"A{number:02}", serial=f"S{number}")
        full = await taken(one, tmp_path / "full")
        await brought(other, tmp_path / "full")
        for number in range(25):
            await change(one, Change.UPDATE, f"A{number:02}", values={"serial": f"T{number}"})
        for number in range(25):
            await register(one, f"B{number:02}", serial=f"S{number}")
        for number in range(25):
            await change(one, Change.UPDATE, f"A{number:02}", values={"serial": f"U{number}"})
        await taken(one, tmp_path / "increment", since=full.position)
        assert counts(await brought(other, tmp_path / "increment")) == (25, 25, 0, 0)


async def test_an_interrupted_export_leaves_no_manifest_and_can_be_repeated(
    database_url: str, tmp_path: Path
) -> None:
    async with running_node(database_url) as node:
        await filled(node)

        def stop(rows: int, total: int) -> None:
            raise RuntimeError(f"stopped at {rows} of {total}")

        async with client_of(node) as client:
            with pytest.raises(RuntimeError, match="of 15"):
                await export_to(client, Export(PREFIX), tmp_path, progress=stop)
        assert not (tmp_path / MANIFEST).exists()
        with pytest.raises(NotAnExport):
            verified(tmp_path)
        manifest = await taken(node, tmp_path)
        assert await asyncio.to_thread(verified, tmp_path) == manifest


async def test_an_increment_follows_an_export_of_the_same_node_and_prefix(
    database_url: str, other_database_url: str, tmp_path: Path
) -> None:
    async with running_node(database_url) as one, running_node(other_database_url) as other:
        full = await taken(one, tmp_path / "full")
        await register(one, "A", "pump", name="a")
        empty = await taken(one, tmp_path / "next", since=full.position, after=full)
        assert [part.rows for part in empty.of_kind("rows")] == [1]
        with pytest.raises(OtherExport):
            await taken(other, tmp_path / "other", since=full.position, after=full)


async def test_a_filtered_export_holds_what_was_searched_for(database_url: str, tmp_path: Path) -> None:
    async with running_node(database_url) as node:
        await filled(node)
        manifest = await taken(node, tmp_path / "t", filters={"suffix_begins": "t0"}, format="csv")
        found = [row["suffix"] for row in contents(tmp_path / "t", manifest)]
        assert found == [f"T{number:02}" for number in range(10)]
        where = json.dumps([{"attribute": "power", "from": "6"}])
        manifest = await taken(node, tmp_path / "p", filters={"template": "machine", "where": where})
        assert [row["suffix"] for row in contents(tmp_path / "p", manifest)] == ["m-二"]
        assert read(tmp_path / "p").facts["filters"] == {"template": "machine", "where": where}
        with pytest.raises(Refused, match="filter_with_position"):
            await taken(node, tmp_path / "x", filters={"suffix_begins": "t"}, since=0)


async def test_rows_that_break_off_are_no_whole_export(database_url: str, tmp_path: Path) -> None:
    async with running_node(database_url) as node:
        await filled(node)
        damaged = "UPDATE identifier SET record = substr(record, 1, 20) WHERE suffix_key = 'T03'"
        await node.world.pool.execute(damaged)
        async with client_of(node) as client:
            with pytest.raises(NodeAway):
                await export_to(client, Export(PREFIX), tmp_path)
        assert not (tmp_path / MANIFEST).exists()
        assert not list(tmp_path.glob("rows*"))


async def command(node: Node, *words: str) -> tuple[int, str, str]:
    """``biaoshi`` with these words, as the administrator."""
    environment = {**os.environ, "BIAOSHI_TOKEN": node.tokens["administrator"], "COLUMNS": "400"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "node.cli", *words, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, complained = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, said.decode(), complained.decode()


async def test_the_command_exports_follows_up_and_verifies(database_url: str, tmp_path: Path) -> None:
    full, following = str(tmp_path / "full"), str(tmp_path / "following")
    async with running_node(database_url) as node:
        await register(node, "A", "pump", name="a")
        status, said, _ = await command(node, "export", "--prefix", PREFIX, "--server", node.url, full)
        assert (status, said) == (0, f"{full}: {PREFIX}, position 1, 1 rows, {octets(tmp_path / 'full')} B\n")
        await register(node, "B", "pump", name="b")
        status, said, _ = await command(node, "export", "--since-last", full, "--server", node.url, following)
        assert (status, "position 2, 1 rows" in said) == (0, True)
        assert (await command(node, "export", "--verify", following))[0] == 0
        (tmp_path / "following" / "rows.ndjson").write_bytes(b"")
        status, _, complained = await command(node, "export", "--verify", following)
        assert (status, "export_damaged" in complained, "rows.ndjson: 0 octets" in complained) == (1, True, True)
        status, _, complained = await command(node, "export", "--prefix", PREFIX, "--server", node.url, full)
        assert (status, "export_stands" in complained) == (1, True)
        for misused in (("export", full), ("export", "--prefix", PREFIX, "--filter", "x", str(tmp_path / "x"))):
            assert (await command(node, *misused))[0] == 2


def octets(directory: Path) -> str:
    return f"{sum(part.octets for part in read(directory).parts):,}"


async def test_what_is_newer_here_comes_back_as_rejected_rows(
    database_url: str, other_database_url: str, tmp_path: Path
) -> None:
    async with running_node(database_url) as one, running_node(other_database_url) as other:
        await filled(one)
        full = str(tmp_path / "full")
        await taken(one, tmp_path / "full", format="csv")
        await brought(other, tmp_path / "full")
        await change(other, Change.UPDATE, "T03", values={"name": "newer"})
        await change(other, Change.DELETE, "T04")
        await register(one, "later", tags=["x"])
        await taken(one, tmp_path / "again", format="csv")
        status, said, _ = await command(other, "import", str(tmp_path / "again"), "--server", other.url)
        report = json.loads(said)
        # The table of the one pump is the same file as before, so that its batch is only answered again.
        assert (status, *counts(report)) == (0, 2, 0, 12, 2)
        [rejected] = [Path(batch["rejections"]) for batch in report["batches"] if batch["rejected"]]
        assert rejected == tmp_path / "again.rejections" / "machine@2.csv"
        header, *lines = csv.reader(io.StringIO(rejected.read_text(), newline=""))
        found = [dict(zip(header, line, strict=True)) for line in lines]
        assert [(row["suffix"], row["biaoshi_code"]) for row in found] == [
            ("T03", "version_changed"), ("T04", "version_changed"),
        ]  # fmt: skip
        shown = (await ask(other, "GET", f"/v1/identifiers/{PREFIX}/T03"))["attributes"]["name"]
        assert shown == "newer"
        assert (await command(other, "import", full + "/rows", "--server", other.url))[0] == 2
