"""One identifier by hand: registered with a file, found, suspended after a question, brought back to what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import expect

from tests.support.chromium import Visit
from tests.support.node import Node

PREFIX = "88.101.2001"
MOTOR = {
    "name": "motor", "title_zh": "电机", "title_en": "Motor",
    "attributes": [
        {"name": "name", "title_zh": "名称", "title_en": "Name", "required": True, "listed": True},
        {"name": "manual", "title_zh": "说明书", "title_en": "Manual", "kind": "file"},
        {"name": "colours", "title_zh": "颜色", "title_en": "Colours", "many": True},
    ],
}  # fmt: skip


def asked(node: Node, path: str, body: dict[str, Any] | None = None) -> Any:
    headers = {"Authorization": f"Bearer {node.tokens['enterprise_user']}"}
    answer = requests.post(f"{node.url}{path}", headers=headers, json=body, timeout=10)
    answer.raise_for_status()
    return answer.json()


def test_an_identifier_with_a_file_is_registered_found_suspended_and_brought_back(
    node: Node, visit: Visit, tmp_path: Path
) -> None:
    template = asked(node, "/v1/templates", MOTOR)
    asked(node, f"/v1/templates/{template['template_id']}/publish")
    manual = tmp_path / "说明书.pdf"
    manual.write_bytes(b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n")
    visitor = visit("enterprise_user")
    page = visitor.go("/console/identifiers/new?template=motor")
    page.get_by_label("后缀").fill("M-1")
    page.get_by_label("名称", exact=True).fill("电机 <script>alert(1)</script>")
    page.get_by_label("颜色", exact=True).fill("红\n蓝")
    page.get_by_label("选择文件上传：说明书").set_input_files(manual)
    expect(page.locator("[data-told]")).to_have_text("说明书.pdf ✓")
    page.locator("main").get_by_role("button", name="注册", exact=True).click()
    expect(page.locator("h1")).to_have_text(f"{PREFIX}/M-1")
    with page.expect_download() as download:
        page.get_by_role("link", name="说明书.pdf").click()
    assert Path(download.value.path()).read_bytes() == manual.read_bytes()

    page = visitor.go("/console/identifiers")
    page.get_by_label("数据模板").select_option("motor")
    expect(page.get_by_label("属性 1")).to_be_visible()
    page.get_by_label("属性 1").select_option("name")
    page.get_by_label("比较").first.select_option("begins")
    page.get_by_label("值", exact=True).first.fill("电机 <")
    page.get_by_role("button", name="查询").click()
    expect(page.locator("#count")).to_contain_text("共 1 个标识")
    page.get_by_role("link", name=f"{PREFIX}/M-1").click()

    visitor.press("停用", sure=True)
    assert visitor.says() == "已停用，不再解析"
    expect(page.locator("#hops")).to_contain_text("没有这个标识")
    visitor.press("恢复解析")
    page.get_by_role("link", name="修改", exact=True).click()
    page.get_by_label("颜色", exact=True).fill("绿")
    visitor.press("保存")
    page.locator("li", has_text="版本 1").get_by_role("link", name="恢复到版本").click()
    expect(page.get_by_label("颜色", exact=True)).to_have_value("红\n蓝")
    visitor.press("保存")
    expect(page.locator("section table").first).to_contain_text("红")
