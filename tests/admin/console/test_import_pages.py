"""The page of the import, and what its script asks: a file's head, the trial, the whole of it, what comes back."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import urlencode

from tests.support.console import Browser
from tests.support.node import Answer, Node, running_node

PREFIX = "88.101.2001"
HEADER = "产品编号,名称,出厂编号,重量（kg）,生产日期"
MAPPING = {
    "suffix": {"column": "产品编号", "trim": True},
    "attributes": {
        "name": {"column": "名称", "trim": True},
        "serial": {"column": "出厂编号", "trim": True},
        "weight_kg": {"column": "重量（kg）", "trim": True},
        "made_on": {"column": "生产日期", "trim": True, "date_format": "YYYY/M/D"},
    },
}
BAD = 17


def table(count: int = 300) -> bytes:
    """A file of which every so many rows have no number for a weight."""
    lines = [HEADER]
    for n in range(count):
        weight = "heavy" if n % (count // BAD) == 1 and n // (count // BAD) < BAD else f"{n}.50"
        lines.append(f" P-{n:04} ,泵 {n},S-{n},{weight},2026/1/{n % 28 + 1}")
    return ("\n".join(lines) + "\n").encode("gb18030")


async def send(
    browser: Browser, path: str, body: bytes, *, csrf: str | None = None, key: str | None = None
) -> Answer:
    """As the script does it."""
    await browser.page("/console/import")
    headers = {"Content-Type": "text/csv", "X-CSRF-Token": browser._csrf if csrf is None else csrf}
    if key is not None:
        headers["Idempotency-Key"] = key
    return await browser._send("POST", f"/console/v1{path}", data=io.BytesIO(body), headers=headers)


def query(**more: Any) -> str:
    said = {"prefix": PREFIX, "template": "pump", "mapping": json.dumps(MAPPING), **more}
    return urlencode(said)


async def registered(node: Node) -> int:
    return int(await node.world.pool.fetchval("SELECT count(*) FROM identifier"))


async def test_the_page_offers_the_attributes_of_the_template_and_what_was_saved(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        saved = {"name": "erp", "definition": MAPPING}
        assert (await node("POST", "/v1/mappings", by="enterprise_user", json=saved)).status == 201
        page = await browser.page("/console/import")
        targets = {str(row["data-target"]): row for row in page.all("tr") if row.get("data-target")}
        assert list(targets) == ["suffix", "name", "serial", "model", "weight_kg", "made_on", "passed", "grade"]
        assert [name for name, row in targets.items() if row.get("data-required")] == ["suffix", "name"]
        assert targets["weight_kg"]["data-also"] == "重量|"
        option = page.all("option", value="erp")[0]
        assert json.loads(option["data-definition"] or "") == MAPPING
        words = json.loads(page.all("div", id="import")[0]["data-words"] or "")
        assert words["would_register"] == "将注册"
        english = await browser.page("/console/import?lang=en&operation=suspend")
        assert json.loads(english.all("div", id="import")[0]["data-words"] or "")["rejected"] == "would be rejected"
        assert [row["data-target"] for row in english.all("tr") if row.get("data-target")] == ["suffix"]


async def test_who_has_no_prefix_is_told_what_to_do_first(database_url: str) -> None:
    async with running_node(database_url) as node:
        suspended = await node("POST", "/v1/prefixes/88.101.2002/suspend", json={"reason": "检查"})
        assert suspended.status == 200, suspended.body
        async with Browser(node, "other") as browser:
            page = await browser.page("/console/import")
            assert "还没有已启用的前缀" in page.text
            assert "/console/prefixes" in page.links
        async with Browser(node, "auditor") as auditor:
            assert (await auditor.get("/console/import")).status == 403


async def test_a_file_is_read_tried_and_sent_and_its_bad_rows_come_back(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        body = table()
        head = await send(browser, "/table-heads?rows=2&partial=true", body[:2000])
        assert head.json["understood"]["sheets"][0]["columns"] == HEADER.split(",")
        assert head.json["rows"][0]["cells"] == [" P-0000 ", "泵 0", "S-0", "0.50", "2026/1/1"]
        tried = await send(browser, f"/batches?{query(dry_run='true')}", body)
        assert (tried.json["registered"], tried.json["rejected"]) == (300 - BAD, BAD)
        assert await registered(node) == 0
        forged = await send(browser, f"/batches?{query()}", body, csrf="x" * 43, key="forged")
        assert (forged.status, forged.code) == (403, "form_forged")
        sent = await send(browser, f"/batches?{query()}", body, key="first")
        assert (sent.json["state"], sent.json["registered"], sent.json["rejected"]) == ("finished", 300 - BAD, BAD)
        again = await send(browser, f"/batches?{query()}", body, key="first")
        assert again.headers["Idempotency-Replayed"] == "true"
        assert await registered(node) == 300 - BAD
        history = await node("GET", f"/v1/identifier-history/{PREFIX}/P-0000", by="enterprise_user")
        assert history.json["items"][0]["interface"] == "console"
        back = await browser.get(f"/console/v1/batches/{sent.json['batch_id']}/rejections?format=input")
        lines = back.body.decode("gb18030").splitlines()
        assert lines[0] == f"{HEADER},biaoshi_line,biaoshi_field,biaoshi_code,biaoshi_message"
        assert len(lines) == 1 + BAD
        corrected = "\n".join(line.replace("heavy", "1.5") for line in lines).encode("gb18030")
        second = await send(browser, f"/batches?{query()}", corrected, key="second")
        assert (second.json["registered"], second.json["rejected"]) == (BAD, 0)
