"""What stands around every page: the door, the proof of forms, the two languages, refusals."""

from __future__ import annotations

from admin.console.console import console_pages
from admin.console.menu import MENU
from node.auth import Role
from tests.support.console import Browser, dom_of
from tests.support.node import running_node


async def test_without_a_session_every_page_leads_to_the_door_and_back(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node) as stranger:
        for page in console_pages():
            path = page.path.replace("{", "").replace("}", "")
            answer = await stranger.get(path) if page.method == "GET" else await stranger.send(path, csrf="")
            assert answer.status == 303
            assert answer.headers["Location"].startswith("/console/sign-in?next=%2Fconsole")
        asked = await stranger.get("/console/v1/enterprises")
        assert asked.code == "not_signed_in"


async def test_every_form_needs_the_proof_of_a_page(database_url: str) -> None:
    posted = [page for page in console_pages() if page.method == "POST" and Role.ADMINISTRATOR in page.roles]
    async with running_node(database_url, log={"requests": False}) as node, Browser(node, "administrator") as browser:
        for page in posted:
            answer = await browser.send(page.path.replace("{", "").replace("}", ""), csrf="x" * 43)
            assert answer.status == 403, page.path
            assert "表单已失效" in dom_of(answer).text or "没有权限" in dom_of(answer).text
        # Nor does a session alone do anything by the operations beside the pages.
        refused = await browser._send("POST", "/console/v1/mappings", json={})
        assert (refused.status, refused.code) == (403, "form_forged")
        assert (await browser.send("/console/sign-out")).headers["Location"] == "/console/sign-in"
        assert (await browser.get("/console")).status == 303


async def test_what_is_not_there_is_said_on_a_page(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "auditor") as browser:
        for path in ("/console/nothing", "/console/", "/console/prefixes/88.101.2001/nothing/at/all"):
            answer = await browser.get(path)
            assert answer.status == 404
            assert "没有这个地址" in dom_of(answer).text
        assert (await browser.get("/console/v1/nothing")).status == 404


async def test_a_wrong_password_is_told_at_the_door(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node) as stranger:
        answer = await stranger.sign_in("administrator", "wrong")
        assert answer.status == 401
        assert "账号或口令错误" in dom_of(answer).text


async def test_the_language_is_switched_for_all_pages(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        assert "运行总览" in (await browser.page("/console")).text
        _, page = await browser.done("/console/language", {"lang": "en"})
        assert "Overview" in page.text
        assert page.all("html")[0]["lang"] == "en"


async def test_the_door_leads_to_pages_of_the_console_only(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node) as stranger:
        for asked, place in {
            "/console/prefixes?cursor=x": "/console/prefixes?cursor=x", "//evil.example/": "/console",
            "/consolex": "/console", "https://evil.example": "/console", "/console/\r\nX: y": "/console/%0D%0AX:%20y",
        }.items():  # fmt: skip
            answer = await stranger._session.post(
                node.url + "/console/sign-in", params={"next": asked}, allow_redirects=False,
                data={"name": "administrator", "password": "Tr7-lampe-Kran"},
            )  # fmt: skip
            assert answer.headers["Location"] == place


def test_every_entry_of_the_menu_is_a_page_with_the_same_rights() -> None:
    pages = {page.path: page for page in console_pages() if page.method == "GET"}
    for group in MENU:
        for entry in group.entries:
            page = pages[entry.path]
            assert (page.action, page.roles) == (entry.action, entry.roles), entry.path
