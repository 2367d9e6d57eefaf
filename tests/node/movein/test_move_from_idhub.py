"""Metadata, identifiers and files move from one node to another through IDHub."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.idhub import DOIP, HEAD, OPEN, UPDATE, Client, application_key, item, public_pem
from tests.support.movein import PREFIX, Line, MoveIn, problems, resolved
from tests.support.node import Node

VALVE, PUMP, EMPTY = (f"{PREFIX}/META_{name}" for name in ("valve", "pump", "empty"))
OLD_APP, NEW_APP = f"{PREFIX}/App_mes", f"{PREFIX}/App_new"
PDF = b"%PDF-1.7\n" + b"manual " * 100
VALVES = 130
"""More than a page."""


async def application(node: Node, handle: str, number: int) -> Client:
    """An application identity of the node's first enterprise, signed in."""
    key, holder = application_key(number), node.holder
    await node.world.application_identities.create(holder.account, holder.actor, handle, public_key=public_pem(key))
    return await Client(node.session, node.url, handle, key).login()


@pytest.fixture
async def hub(old: Node) -> Client:
    """The old node's application, with pumps and valves that refer to them; metadata nobody uses; a category."""
    client = await application(old, OLD_APP, 0)
    root = (
        await old("POST", "/v1/template-categories", by="enterprise_user", json={"code": "flow", "name": "流体"})
    ).json
    inner = {"code": "valves", "name": "阀门", "parent_id": root["template_category_id"]}
    assert (await old("POST", "/v1/template-categories", by="enterprise_user", json=inner)).status == 201
    await client.metadata(PUMP, [item("serial"), item("power", 2, schema={"accuracy": 1})], metaName="水泵")
    items = [
        item("productName", chineseName="产品名称", required=1, schema={"minLength": 1, "maxLength": 200}),
        item("madeOn", 3, schema={"dateFormat": "YYYY/MM/DD"}),
        item("manual", 4, schema={"fileRange": 2, "fileType": "4", "maxFileCount": 2}),
        item("pumps", 5, schema={"referenceType": 2}, itemReferenceDTO={"referenceMetaHandle": PUMP}),
        item("colour", itemState=1),
    ]
    await client.metadata(VALVE, items, classifyCode="valves")
    head = {**HEAD, "classifyCode": "flow", "metaHandle": EMPTY, "metaItemCreateDTOS": [item("a")]}
    await client.done("POST", f"{OPEN}/meta/create", head)
    await client.instance(f"{PREFIX}/P-1", PUMP, serial="S-1", power=1.5)
    for number in range(VALVES):
        await client.instance(f"{PREFIX}/V-{number:03}", VALVE, productName=f"球阀 {number}", madeOn="2030/01/02")
    old.world.clock.advance(hours=2)
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(PDF), filename="manual.pdf")
    place = {"metaHandle": VALVE, "fileField": "manual"}
    uploaded = await client.done("POST", f"{DOIP}/file-upload", query=place, raw=form)
    content = {"manual": [uploaded["filePath"]], "pumps": [f"{PREFIX}/P-1"], "madeOn": "2030/03/04"}
    changed = await client.doip(UPDATE, f"{PREFIX}/V-007", {"type": VALVE, "attributes": {"content": content}})
    assert changed["code"] == 1, changed
    return client


@pytest.fixture
async def here(new: Node) -> Client:
    return await application(new, NEW_APP, 1)


def words(line: Line, tmp_path: Path) -> list[object]:
    for number, name in enumerate(("old.pem", "new.pem")):
        content = application_key(number).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / name).write_bytes(content)
    there = ["--from", line.url, "--identity", OLD_APP, "--key", tmp_path / "old.pem"]
    return ["idhub", *there, "--to-identity", NEW_APP, "--to-key", tmp_path / "new.pem", "--out", tmp_path / "move"]


async def seen(client: Client, handle: str) -> Any:
    """An identifier as its enterprise sees it, without the people who wrote it."""
    data = await client.done("GET", DOIP, query={"targetId": handle, "operationId": "0.DOIP/Op.Retrieve"})
    times = data["attributes"]["attributes"]["metaData"]
    return data["type"], times["createTime"], times["updateTime"], data["elements"]


async def test_metadata_identifiers_and_files_stand_here_as_they_stood_there(
    old: Node, new: Node, hub: Client, here: Client, line: Line, move_in: MoveIn, tmp_path: Path
) -> None:
    line.failures[:] = ["504", "lost", "", "", "504", "lost", "", "signed_out"]
    ended = await move_in(*words(line, tmp_path))
    assert ended.status == 0, ended.err + (tmp_path / "move" / "problems.ndjson").read_text()
    assert (ended.report["fetched"], ended.report["registered"]) == (VALVES + 1, VALVES + 1)
    for handle in (f"{PREFIX}/P-1", f"{PREFIX}/V-000", f"{PREFIX}/V-007", f"{PREFIX}/V-129"):
        assert await seen(here, handle) == await seen(hub, handle)
    assert (await seen(here, f"{PREFIX}/V-007"))[1:3] == ("2026-11-21 17:30:00", "2026-11-21 19:30:00")
    public = {"metaHandle": VALVE, "scope": 1, "items": ["productName", "madeOn", "manual", "pumps"]}
    for client in (hub, here):
        await client.done("POST", f"{OPEN}/classes-grant/item/batch-public", public)
    assert len(await resolved(new, f"{PREFIX}/V-007")) == 4
    assert await resolved(new, f"{PREFIX}/V-007") == await resolved(old, f"{PREFIX}/V-007")
    for metadata in (VALVE, PUMP, EMPTY):
        there, moved = [await client.done("GET", f"{OPEN}/meta/info", query={"metaHandle": metadata})
                        for client in (hub, here)]  # fmt: skip
        for name in ("createdBy", "createdTime", "updatedTime"):
            del there[name], moved[name]
        assert moved == there
    _, _, _, elements = await seen(here, f"{PREFIX}/V-007")
    (path,) = next(element["data"] for element in elements if element["type"] == "manual")
    query = {"filePath": path, "handle": f"{PREFIX}/V-007", "field": "manual"}
    async with new.session.get(
        f"{new.url}{DOIP}/file-acquire", params=query, headers={"Authorization": f"Bearer {here.token}"}
    ) as answer:
        assert await answer.read() == PDF


async def test_the_same_again_retrieves_nothing_and_what_changed_since_is_told(
    new: Node, hub: Client, here: Client, line: Line, move_in: MoveIn, tmp_path: Path
) -> None:
    first = await move_in(*words(line, tmp_path))
    retrieved = line.asked[DOIP]
    again = await move_in(*words(line, tmp_path))
    assert (first.status, again.status, again.report) == (0, 0, first.report)
    assert line.asked[DOIP] == retrieved == VALVES + 1
    await hub.instance(f"{PREFIX}/P-2", PUMP, serial="S-2")
    changed = await hub.doip(UPDATE, f"{PREFIX}/P-1", {"type": PUMP, "attributes": {"content": {"serial": "S-9"}}})
    assert changed["code"] == 1
    more = await move_in(*words(line, tmp_path))
    assert (more.status, more.report["registered"], more.report["unchanged"]) == (2, 1, VALVES)
    assert problems(tmp_path / "move") == [(f"{PREFIX}/P-1", "identifier_exists")]
    assert line.asked[DOIP] == retrieved + 2
    assert (await seen(here, f"{PREFIX}/P-1"))[3][0]["data"] == "S-1"


async def test_an_identity_that_is_not_known_or_has_another_key_moves_nothing(
    hub: Client, here: Client, line: Line, move_in: MoveIn, tmp_path: Path
) -> None:
    said = words(line, tmp_path)
    (tmp_path / "old.pem").write_bytes((tmp_path / "new.pem").read_bytes())
    ended = await move_in(*said)
    assert (ended.status, "peer_refused" in ended.err, "认证失败" in ended.err) == (1, True, True)
    (tmp_path / "old.pem").write_text("-----BEGIN NONSENSE-----")
    ended = await move_in(*said)
    assert (ended.status, "key_file_unusable" in ended.err) == (1, True)
    kept = [json.loads(line) for line in (tmp_path / "move" / "fetched.ndjson").read_text().splitlines()]
    assert kept == []
