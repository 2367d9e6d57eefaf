"""The desk's pages: nothing from elsewhere, nothing inline, nothing that a visitor writes comes alive."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import Answer, Node, running_node

STATIC = Path(__file__).parents[2] / "admin" / "static"
ADDRESS_ATTRIBUTES = {"src", "href", "action", "srcset", "data", "poster", "formaction", "background", "ping"}


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, populated=False, log={"requests": False}) as node:
        yield node


@dataclass
class Page(HTMLParser):
    """What a page is made of."""

    scripts: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open = tag
        named = {name: value or "" for name, value in attributes}
        self.handlers += [name for name in named if name.startswith("on")]
        self.addresses += [value for name, value in named.items() if name in ADDRESS_ATTRIBUTES]
        if "style" in named or tag == "style":
            self.inline.append(f"style of {tag}")
        if tag == "script" and "src" not in named:
            self.inline.append("script")
        if tag == "input":
            self.inputs[named["name"]] = named.get("value", "")

    def handle_endtag(self, _: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script" and data.strip():
            self.inline.append(data)
        self.text += data


def page_of(answer: Answer) -> Page:
    assert answer.status == 200, answer.body[:300]
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = Page()
    page.feed(answer.body.decode())
    return page


async def search(node: Node, words: str) -> Answer:
    return await node("GET", "/", by=None, query={"identifier": words})


@pytest.mark.parametrize("path", ["/", "/v1/docs", "/?identifier=nonsense"])
async def test_a_page_allows_nothing_inline_and_needs_nobody_else(node: Node, path: str) -> None:
    answer = await node("GET", path, by=None)
    page = page_of(answer)
    rules = {
        name: set(values.split())
        for name, _, values in (
            rule.strip().partition(" ") for rule in answer.headers["Content-Security-Policy"].split(";")
        )
    }
    assert rules["default-src"] == rules["script-src"] == rules["style-src"] == {"'self'"}
    assert rules["object-src"] == rules["base-uri"] == rules["frame-ancestors"] == {"'none'"}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert page.inline == []
    assert page.handlers == []
    assert page.addresses
    assert all(re.match(r"/(?!/)|#", address) for address in page.addresses), page.addresses


@pytest.mark.parametrize("path", ["/", "/v1/docs"])
async def test_everything_that_a_page_names_is_there(node: Node, path: str) -> None:
    kinds = {".css": ("text/css",), ".js": ("text/javascript", "application/javascript")}
    for address in page_of(await node("GET", path, by=None)).addresses:
        answer = await node("GET", address, by=None)
        assert answer.status == (303 if address == "/console" else 200), address
        suffix = Path(address).suffix
        if suffix in kinds:
            assert answer.headers["Content-Type"].startswith(kinds[suffix])
            assert answer.body == (STATIC / address.removeprefix("/desk/")).read_bytes()


def test_our_own_scripts_and_styles_ask_nobody_else() -> None:
    for path in [*STATIC.glob("*.js"), *STATIC.glob("*.css")]:
        assert not re.search(r"https?:|//[a-z]", path.read_text(encoding="utf-8").replace("// ", "")), path.name


def test_the_style_of_the_documentation_asks_nobody_else() -> None:
    style = (STATIC / "vendor" / "swagger-ui" / "swagger-ui.css").read_text(encoding="utf-8")
    assert all(address.startswith(("data:", "#")) for address in re.findall(r"url\([\"']?([^)]*)", style))
    assert "@import" not in style


async def test_the_documentation_reads_our_document_and_no_validator_elsewhere(node: Node) -> None:
    script = (await node("GET", "/desk/docs.js", by=None)).body.decode()
    assert 'url: "/v1/openapi.json"' in script
    assert "validatorUrl: null" in script
    document = await node("GET", "/v1/openapi.json", by=None)
    assert document.headers["Content-Type"] == "application/json"
    assert document.json["openapi"].startswith("3.1.")
    assert "/v1/identifiers" in document.json["paths"]


SUFFIXES = [
    "PUMP-1", "a/b", "a//b", "a/../b", "../../etc/passwd", "..", "./a", "50%", "%2F", "a+b", "a b", "离心泵/型号",
    "a?b=c#d", "ä", "\"'<>&",
]  # fmt: skip


async def test_a_search_leads_to_the_identifier_itself(node: Node) -> None:
    holder = await node.world.holder(2001)
    await node.world.template()
    for suffix in SUFFIXES:
        identifier = holder.identifier(suffix)
        await node.world.identifiers.register(holder.account, holder.actor, identifier, "pump", {"name": "离心泵"})
        answer = await search(node, f"  {identifier.text} ")
        assert answer.status == 303
        target = answer.headers["Location"]
        assert target.isascii()
        assert target.startswith("/88.101.2001/")
        assert target.count("/") == 2  # nothing for a browser to fold
        found = await node("GET", target, by=None, headers={"Accept": "application/json"})
        assert (found.status, found.json["handle"]) == (200, identifier.text)


NO_IDENTIFIERS = [
    "nonsense", "88.101.", "88.101.2001/", "99.1/x", "//evil.example/x", "https://evil.example/", "\\\\evil",
    "88.1.2/a\u202eb",
]  # fmt: skip


async def test_what_is_no_identifier_is_told_and_leads_nowhere(node: Node) -> None:
    for words in NO_IDENTIFIERS:
        page = page_of(await search(node, words))
        assert "不是有效的标识" in page.text
        assert page.inputs["identifier"] == words


XSS = [
    "<script>alert(1)</script>",
    '"><script>alert(1)</script>',
    '" autofocus onfocus="alert(1)',
    "'><img src=x onerror=alert(1)>",
    "</title><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    '88.101.2001/"><script>alert(1)</script>\u0007',
    "<!--",
    "&lt;script&gt;",
]


async def test_markup_in_the_search_box_stays_words(node: Node) -> None:
    clean = page_of(await search(node, "nonsense"))
    lasting = [address for address in clean.addresses if "?lang=" not in address]
    for words in XSS:
        page = page_of(await search(node, words))
        assert page.inputs == {"identifier": words}
        assert page.tags == clean.tags
        assert page.handlers == page.inline == []
        assert [one for one in page.addresses if "?lang=" not in one] == lasting
        (switch,) = set(page.addresses) - set(lasting)
        assert re.fullmatch(r"/\?lang=en&identifier=[\w%.+*~-]+", switch, re.ASCII), switch


async def test_odd_bytes_in_the_search_box_do_no_harm(node: Node) -> None:
    for asked in ("%FF%FE", "%00", "%ED%A0%80", "x" * 60_000):
        answer = await node("GET", f"/?identifier={asked}", by=None)
        assert "不是有效的标识" in page_of(answer).text


async def test_an_empty_search_is_the_front_page(node: Node) -> None:
    assert "不是有效的标识" not in page_of(await search(node, "   ")).text


async def test_a_laboratory_says_so(database_url: str) -> None:
    async with running_node(database_url, populated=False, node={"laboratory": True, "name": "<b>中山</b>"}) as node:
        page = page_of(await node("GET", "/", by=None))
        assert "实验数据" in page.text
        assert "<b>中山</b>" in page.text
        assert "b" not in page.tags


TRAVERSALS = [
    "/desk/../pages.py", "/desk/../../pyproject.toml", "/desk/%2e%2e/pages.py", "/desk/..%2fpages.py",
    "/desk/%2e%2e%2f%2e%2e%2fREADME.md", "/desk//etc/passwd", "/desk/%2Fetc%2Fpasswd", "/desk/..%5cpages.py",
    "/desk/vendor/../../pages.py", "/desk/....//pages.py", "/desk/%00", "/desk/desk.css%00.js",
    "/desk/" + "x" * 5000, "/desk/%FF%FE", "/desk", "/desk/", "/desk/vendor", "/desk/vendor/", "/desk/nothing.css",
    "/desk/desk.css/", "/desk/%252e%252e/pages.py", "/desk/./desk.css",
]  # fmt: skip


async def test_nothing_but_the_static_files_is_served(node: Node) -> None:
    for path in TRAVERSALS:
        answer = await node("GET", path, by=None)
        assert (answer.status, answer.code) == (404, "no_such_path"), path


async def test_raw_bytes_in_the_path_do_not_lead_outside_either(node: Node) -> None:
    for target in (b"/desk/../pages.py", b"/desk/\xff", b"/desk/..\\pages.py"):
        received = await node.raw(b"GET " + target + b" HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
        assert received.split(b" ")[1] in (b"404", b"400"), received[:200]


async def test_a_large_file_survives_a_slow_reader(node: Node) -> None:
    bundle = STATIC / "vendor" / "swagger-ui" / "swagger-ui-bundle.js"
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port, limit=1024)
    writer.write(
        b"GET /desk/vendor/swagger-ui/swagger-ui-bundle.js HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n"
    )
    await asyncio.sleep(0.3)
    received = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert received.partition(b"\r\n\r\n")[2] == bundle.read_bytes()


async def test_pages_change_nothing(node: Node) -> None:
    for method in ("POST", "PUT", "DELETE"):
        for path in ("/", "/v1/docs", "/v1/openapi.json", "/desk/desk.css"):
            if (method, path) == ("POST", "/"):
                continue  # where native messages of the Handle protocol are taken
            answer = await node(method, path, by=None)
            assert (answer.status, answer.code) == (405, "method_not_supported")
            assert "GET" in answer.headers["Allow"]


async def test_the_pages_answer_head_as_get(node: Node) -> None:
    for path in ("/", "/v1/docs", "/v1/openapi.json", "/desk/desk.css"):
        answer = await node("HEAD", path, by=None)
        assert (answer.status, answer.body) == (200, b"")


def test_what_third_parties_made_is_listed() -> None:
    listed: Any = json.loads((STATIC / "vendor" / "MANIFEST.json").read_text(encoding="utf-8"))
    assert {package["licence"] for package in listed} <= {"Apache-2.0", "MIT", "BSD-3-Clause", "0BSD"}
