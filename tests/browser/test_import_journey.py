"""A file into the node by hand: read, mapped, tried, sent; what was bad comes back, what was good resolves."""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import xlsxwriter
from playwright.sync_api import Page, Request, expect

from tests.support.chromium import Visit
from tests.support.node import Node

PREFIX = "88.101.2001"
HEADER = "产品编号,名称,出厂编号,重量（kg）,生产日期"
BAD = 17


def file_of(folder: Path, mark: str, count: int = 340) -> Path:
    """A file as a spreadsheet in China writes it, 17 of its rows without a number for a weight."""
    every = count // BAD
    lines = [HEADER]
    for n in range(count):
        weight = "heavy" if n % every == 1 else f"{n}.50"
        lines.append(f" {mark}-{n:04} ,泵 {n},{mark}{n},{weight},2026/1/{n % 28 + 1}")
    path = folder / f"{mark}.csv"
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode("gb18030"))
    return path


def choose(page: Page, path: Path) -> None:
    """The file, until its head has been read."""
    page.get_by_label("文件", exact=True).set_input_files(path)
    expect(page.locator("#mapping")).to_be_visible()


def target(page: Page, name: str) -> Any:
    return page.locator(f"tr[data-target={name}]")


def tiles(page: Page) -> dict[str, str]:
    texts = [text.split("\n") for text in page.locator(".tiles .tile").all_inner_texts()]
    return {lines[0]: lines[-1] for lines in texts}


@contextmanager
def sender(node: Node, key: str, rows: int = 4000) -> Iterator[threading.Event]:
    """Somebody else's batch: half of it is sent, the rest when the event is set, at the latest in the end."""
    go_on = threading.Event()
    lines = [f'{{"suffix": "{key}-{n:05}", "name": "泵 {n}"}}\n'.encode() for n in range(rows)]

    def body() -> Iterator[bytes]:
        yield b"".join(lines[: rows // 2])
        go_on.wait(30)
        yield b"".join(lines[rows // 2 :])

    def send() -> None:
        requests.post(
            # Told, the encoding need not be found out: rows are settled as they come.
            f"{node.url}/v1/batches", params={"prefix": PREFIX, "template": "pump", "encoding": "utf-8"}, timeout=60,
            data=body(),
            headers={
                "Authorization": f"Bearer {node.tokens['application']}", "Content-Type": "application/x-ndjson",
                "Idempotency-Key": key,
            },
        ).raise_for_status()  # fmt: skip

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield go_on
    finally:
        go_on.set()
        thread.join(60)


def under_way(node: Node, count: int) -> list[dict[str, Any]]:
    """So many batches of which something is settled and more is to come."""
    headers = {"Authorization": f"Bearer {node.tokens['enterprise_user']}"}
    for _ in range(200):
        items = requests.get(f"{node.url}/v1/batches", headers=headers, timeout=10).json()["items"]
        found = [one for one in items if one["state"] == "running" and one["registered"]]
        if len(found) == count:
            return found
        time.sleep(0.05)
    raise AssertionError(items)


def test_a_file_is_mapped_tried_and_imported_and_its_bad_rows_are_sent_again(
    node: Node, visit: Visit, tmp_path: Path
) -> None:
    visitor = visit("enterprise_user")
    page = visitor.go("/console/import")
    choose(page, file_of(tmp_path, "CSV"))
    assert page.locator("#understood").inner_text() == "csv · gb18030 · , · 5 列"
    columns = {"name": "名称", "serial": "出厂编号", "weight_kg": "重量（kg）", "made_on": "生产日期"}
    for name, column in columns.items():
        assert target(page, name).locator("select").input_value() == f"column:{column}"
    assert target(page, "made_on").locator("input").input_value() == "YYYY/M/D"
    assert target(page, "weight_kg").locator("[data-values]").inner_text() == "0.50 · heavy · 2.50"
    page.get_by_role("button", name="试运行").click()
    expect(page.locator("#refused")).to_contain_text("请选择后缀来自哪一列")
    target(page, "suffix").locator("select").select_option("column:产品编号")
    page.get_by_label("保存为").fill("泵厂 ERP")
    page.get_by_role("button", name="保存映射").click()
    expect(page.get_by_label("已保存的映射")).to_have_value("泵厂 ERP")
    expect(target(page, "suffix").locator("select")).to_be_disabled()
    page.get_by_role("button", name="试运行").click()
    expect(page.locator("#preview .tiles")).to_be_visible()
    assert tiles(page) == {"将注册": "323", "将变更": "0", "无变化": "0", "将驳回": "17"}
    expect(page.locator("#preview table").first).to_contain_text("不是数字：heavy")
    assert visitor.scan() == []

    page.get_by_role("button", name="开始导入").click()
    page.wait_for_url(re.compile("/console/batches/.+"))
    assert {name: tiles(page)[name] for name in ("新注册", "驳回")} == {"新注册": "323", "驳回": "17"}
    assert page.locator("section table tbody tr").count() == BAD
    with page.expect_download() as download:
        page.get_by_role("link", name="下载（原文件格式").click()
    back = tmp_path / "back.csv"
    back.write_bytes(Path(download.value.path()).read_bytes().replace(b"heavy", b"1.5"))

    page = visitor.go("/console/import")
    choose(page, back)
    page.get_by_label("已保存的映射").select_option("泵厂 ERP")
    page.get_by_role("button", name="开始导入").click()
    page.wait_for_url(re.compile("/console/batches/.+"))
    assert {name: tiles(page)[name] for name in ("新注册", "驳回")} == {"新注册": "17", "驳回": "0"}

    page = visitor.go(f"/console/identifiers?q={PREFIX}/csv-0001")
    expect(page.locator("h1")).to_have_text(f"{PREFIX}/CSV-0001")
    expect(page.locator("#hops")).to_contain_text("得到数据")
    page.get_by_role("link", name="解析测试").first.click()
    page.get_by_role("link", name="像公众一样请求").click()
    expect(page.locator("[data-took]")).to_contain_text("HTTP 状态 200")
    assert json.loads(page.locator("pre[data-answer]").inner_text())["responseCode"] == 1


def test_a_sheet_of_a_workbook_is_chosen_and_changes_need_a_trial(visit: Visit, tmp_path: Path) -> None:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    for name, suffix in (("说明", "NOTE-1"), ("产品", "XLSX-1")):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, ["suffix", "name", "weight_kg"])
        sheet.write_row(1, 0, [suffix, "<b>泵</b>", 7])
    book.close()
    path = tmp_path / "pumps.xlsx"
    path.write_bytes(file.getvalue())
    visitor = visit("enterprise_user", language="en")
    page = visitor.go("/console/import")
    page.get_by_label("File", exact=True).set_input_files(path)
    page.get_by_label("Sheet").select_option("产品")
    expect(page.locator("#understood")).to_contain_text("产品")
    expect(page.locator("#head tbody")).to_contain_text("XLSX-1")
    expect(page.locator("#head tbody")).not_to_contain_text("NOTE-1")
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_url(re.compile("/console/batches/.+"))
    assert tiles(page)["registered"] == "1"

    page = visitor.go("/console/import?operation=delete")
    page.get_by_label("File", exact=True).set_input_files(path)
    page.get_by_label("Sheet").select_option("产品")
    expect(page.locator("#understood")).to_contain_text("产品")
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#preview .tiles")).to_contain_text("would be changed")
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_url(re.compile("/console/batches/.+"))
    assert tiles(page)["changed"] == "1"
    visitor.press("Undo this batch", sure=True)
    expect(page.locator("h1")).to_have_text("Batch: undo")
    page = visitor.go(f"/console/identifiers/one?identifier={PREFIX}/XLSX-1")
    expect(page.locator("main")).to_contain_text("<b>泵</b>")


def test_while_the_node_is_busy_an_import_waits_and_then_goes_on_under_its_key(
    node: Node, visit: Visit, tmp_path: Path
) -> None:
    page = visit("enterprise_user").go("/console/import")
    choose(page, file_of(tmp_path, "WAIT", 34))
    target(page, "suffix").locator("select").select_option("column:产品编号")
    sent: list[Request] = []
    page.on("request", lambda asked: sent.append(asked) if asked.method == "POST" else None)
    with sender(node, "one") as one, sender(node, "two") as two:
        under_way(node, 2)
        page.get_by_role("button", name="开始导入").click()
        expect(page.locator("#step")).to_have_text("节点正忙，稍后自动重试")
        one.set()
        two.set()
    page.wait_for_url(re.compile("/console/batches/.+"))
    assert tiles(page)["新注册"] == "17"
    assert len(sent) > 1
    assert len({asked.headers["idempotency-key"] for asked in sent}) == 1


def test_the_page_of_a_batch_counts_while_it_is_under_way(node: Node, visit: Visit) -> None:
    visitor = visit("enterprise_user")
    with sender(node, "live") as go_on:
        page = visitor.go(f"/console/batches/{under_way(node, 1)[0]['batch_id']}")
        before = page.locator("[data-live=registered]").inner_text()
        assert int(before.replace(",", "")) <= 2000
        go_on.set()
        expect(page.locator("main")).to_contain_text("已完成")
        expect(page.locator("[data-live=registered]")).to_have_text("4,000")
