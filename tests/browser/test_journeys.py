"""What each role comes to the console for, done by hand in a browser."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
import requests
from playwright.sync_api import expect

from tests.support.chromium import Visit
from tests.support.node import Node
from tests.support.scene import furnish

FIRST = "88.101.2001/PUMP-000007"
PHONE = 360


@pytest.fixture(scope="module")
def furnished(node: Node) -> Node:
    """A node in the middle of its work."""
    furnish(node)
    return node


SEND = """async ([path, fields]) => {
    const csrf = document.querySelector("meta[name=csrf]").content;
    const body = new URLSearchParams({...fields, csrf});
    return (await fetch(path, {method: "POST", redirect: "manual", body})).status;
}"""
"""A form that no page of the visitor has, with a proof that is real."""


def resolved(node: Node, identifier: str) -> int:
    """The response code that the public gets."""
    return int(requests.get(f"{node.url}/api/handles/{identifier}", timeout=10).json()["responseCode"])


def test_a_reviewer_clears_the_queue(furnished: Node, visit: Visit) -> None:
    reviewer = visit("reviewer")
    page = reviewer.page
    page.get_by_role("link", name="审核任务", exact=True).click()
    waiting = page.locator("#found tbody tr")
    before = waiting.count()
    assert before >= 2
    page.get_by_role("link", name="待审核阀门有限公司").first.click()
    reviewer.press("认领")
    reviewer.press("发起核验")
    expect(page.locator("#checks")).to_contain_text("仅核对形式")
    reviewer.press("通过")
    expect(page.locator(".alert-success")).to_be_visible()
    reviewer.go("/console/reviews")
    assert waiting.count() == before - 1
    assert "待审核阀门有限公司" not in [
        row.split("\t")[0].strip() for row in waiting.all_inner_texts() if "企业" in row
    ]


def test_an_operator_finds_stops_and_resumes_an_identifier(furnished: Node, visit: Visit) -> None:
    operator = visit("administrator")
    page = operator.page
    page.keyboard.press("/")
    page.keyboard.type(FIRST)
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    expect(page.get_by_role("heading", level=1)).to_have_text(FIRST)
    expect(page.locator("main")).to_contain_text("离心泵 7")
    operator.press("停用")
    page.locator("dialog[open]").get_by_role("button", name="取消").click()
    assert resolved(furnished, FIRST) == 1
    operator.press("停用", sure=True)
    expect(page.locator(".alert-success")).to_be_visible()
    assert resolved(furnished, FIRST) == 100
    operator.press("恢复解析")
    assert resolved(furnished, FIRST) == 1
    expect(page.locator("main")).to_contain_text(re.compile("变更历史[^$]*停用"))


def test_an_enterprise_registers_one_and_prints_its_label(furnished: Node, visit: Visit) -> None:
    user = visit("enterprise_user")
    page = user.page
    user.go("/console/guide")
    expect(page.locator("main")).to_contain_text("前缀")
    user.go("/console/identifiers/new?prefix=88.101.2001&template=pump")
    page.get_by_label(re.compile("^后缀")).fill("HAND-1")
    page.get_by_label(re.compile("^名称")).fill("手工注册的泵")
    page.locator("main form[method=post]").get_by_role("button", name="注册", exact=True).click()
    page.wait_for_load_state()
    expect(page.get_by_role("heading", level=1)).to_have_text("88.101.2001/HAND-1")
    assert resolved(furnished, "88.101.2001/HAND-1") == 1
    user.go("/console/labels?identifier=" + quote("88.101.2001/HAND-1", safe=""))
    picture = page.locator("main img").first
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.complete && image.naturalWidth > 20")


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(furnished: Node, visit: Visit) -> None:
    page = visit("enterprise_user").go("/console/identifiers/new?prefix=88.101.2001&template=pump")
    page.get_by_label(re.compile("^后缀")).fill("HAND-2")
    page.get_by_label(re.compile("^名称")).fill("泵")
    page.get_by_label(re.compile("^重量")).fill("-4")
    page.locator("main form[method=post]").get_by_role("button", name="注册", exact=True).click()
    page.wait_for_load_state()
    expect(page.locator(".is-invalid")).to_have_value("-4")
    expect(page.get_by_label(re.compile("^后缀"))).to_have_value("HAND-2")


def test_an_auditor_checks_and_changes_nothing(furnished: Node, visit: Visit) -> None:
    auditor = visit("auditor")
    page = auditor.go("/console/acceptance")
    expect(page.locator("main")).to_contain_text("宁波")
    page = auditor.go("/console/audit")
    assert page.locator("main tbody tr").count() > 20
    page = auditor.go(f"/console/identifiers/one?identifier={quote(FIRST, safe='')}")
    assert page.get_by_role("button", name="停用").count() == page.get_by_role("link", name="修改").count() == 0
    form = ["/console/identifiers/state", {"identifier": FIRST, "state": "suspended"}]
    assert page.evaluate(SEND, form) == 403
    assert resolved(furnished, FIRST) == 1


def test_the_wall_shows_a_registration_without_being_asked(furnished: Node, visit: Visit) -> None:
    page = visit("administrator", width=1920).go("/console/wall")
    live = page.locator("[data-figure='summary.registrations_live']")
    before = int(live.inner_text().replace(",", ""))
    answer = requests.post(
        f"{furnished.url}/v1/identifiers", timeout=10,
        headers={"Authorization": f"Bearer {furnished.tokens['enterprise_user']}"},
        json={"prefix": "88.101.2001", "suffix": "WALL-1", "template": "pump", "attributes": {"name": "泵"}},
    )  # fmt: skip
    assert answer.status_code == 201
    expect(live).to_have_text(f"{before + 1:,}", timeout=20_000)


def test_somebody_with_a_phone_finds_what_the_code_says(furnished: Node, visit: Visit) -> None:
    passer_by = visit("", width=PHONE)
    page = passer_by.go("/")
    page.get_by_label(re.compile("标识")).first.fill(FIRST)
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    expect(page.locator("body")).to_contain_text("离心泵 7")
    assert passer_by.wider_than_the_screen() == 0
    assert passer_by.scan() == []
    page = passer_by.go("/")
    page.get_by_label(re.compile("标识")).first.fill("88.101.2001")
    page.keyboard.press("Enter")
    page.wait_for_url("**/filing*")
    expect(page.locator("body")).to_contain_text("88.101.2001")


@pytest.mark.parametrize("path", ["/", "/filing", "/documents", "/status", "/complaints"])
def test_public_pages_are_for_everybody(furnished: Node, visit: Visit, path: str) -> None:
    passer_by = visit("", width=PHONE)
    passer_by.go(path)
    assert passer_by.scan() == []
    assert passer_by.wider_than_the_screen() == 0
    page = passer_by.go(f"{path}?lang=en")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert "实验数据" in page.inner_text("body")
