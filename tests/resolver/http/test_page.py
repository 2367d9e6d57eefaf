"""The public page: what it says, in which language, and that nothing in it is ever believed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from node import errors
from node.database import Pool
from node.handle_data import AdminData, encode_admin, encode_vlist
from node.identifier import InvalidIdentifier, InvalidPrefix, InvalidSuffix
from node.record import Reference
from resolver.aliases import AliasAimless
from resolver.answer import NotResponsible, RecordDamaged, ResolverAway
from resolver.http import page_texts
from resolver.http.asking import InvalidQuery
from resolver.http.display import shown_text
from resolver.http.verdict import IdentifierBlocked, NeverRegistered, PrefixSuspended
from tests.support.dom import BROWSER, ENGLISH, Dom, dom
from tests.support.shelf import PUMP, Front, Shelf, front_of, values


async def test_it_says_who_what_and_when(front: Front, shelf: Shelf) -> None:
    holder = await shelf.enterprise("中山示例水泵有限公司", "Zhongshan Example Pumps")
    await shelf.prefix(holder=holder)
    await shelf.register("88.101.1/Pump-001", template_id=await shelf.template())
    page = await dom(front, "/88.101.1/pump-001")
    for said in (
        "多级离心泵", "88.101.1/Pump-001", "中山示例水泵有限公司", "Zhongshan Example Pumps", "型号", "DL-50",
        "水泵", "注册时间", "2026-03-01 16:00",
    ):  # fmt: skip
        assert said in page.text
    assert "变更时间" not in page.text
    assert page.text.count("多级离心泵") == 2  # heading and window title, not once more as a line
    assert ("html", {"lang": "zh-CN"}) in page.elements
    assert "https://pumps.example/p1" in page.links
    assert "/api/handles/88.101.1/Pump-001" in page.links
    await shelf.update("88.101.1/Pump-001", values((2000, "NAME", "新名称")))
    await asyncio.sleep(0.2)
    assert "2026-03-02 17:30" in (await dom(front, "/88.101.1/Pump-001")).text


async def test_english_is_a_word_away(front: Front, pump: str) -> None:
    for path, headers in ((f"/{pump}?lang=en", BROWSER), (f"/{pump}", ENGLISH)):
        page = await dom(front, path, headers)
        assert ("html", {"lang": "en"}) in page.elements
        assert "Model" in page.text
        assert "型号" not in page.text
        assert "?lang=zh" in page.links
    assert "型号" in (await dom(front, f"/{pump}?lang=zh", ENGLISH)).text


async def test_the_other_language_is_of_the_same_view(front: Front, pump: str) -> None:
    page = await dom(front, f"/{pump}?noredirect&lang=zh&type=NAME&index=1")
    assert "?lang=en&noredirect=&type=NAME&index=1" in page.links
    hostile = await dom(front, f"/{pump}?x=%22%3E%3Cscript%3E&lang=zh")
    assert "?lang=en&x=%22%3E%3Cscript%3E" in hostile.links


async def test_links_of_values_give_nothing_away(front: Front, pump: str) -> None:
    page = await dom(front, f"/{pump}")
    link = next(
        attributes for tag, attributes in page.elements if attributes.get("href") == "https://pumps.example/p1"
    )
    assert link["rel"] == "noopener nofollow ugc"


async def test_values_come_in_the_template_s_order_and_what_is_for_machines_behind(
    front: Front, shelf: Shelf
) -> None:
    await shelf.prefix()
    record = values(
        (1, "URL", "https://a.example/"), (100, "HS_ADMIN", b"\x0f\xff\x00"), (2001, "MODEL", "M"),
        (5000, "EXTRA", "beyond the template"), (5001, "BLOB", b"\xff\x00\xfe"), (2000, "NAME", "N"),
    )  # fmt: skip
    await shelf.register("88.101.1/A", record, await shelf.template())
    page = await dom(front, "/88.101.1/A")
    places = [page.text.index(said) for said in ("型号", "网址", "EXTRA", "BLOB")]
    assert places == sorted(places)
    assert "（二进制数据，3 字节）" in page.text
    assert page.text.index("Handle 系统数据") > places[-1]
    assert ("details", {}) in page.elements  # folded up: an ordinary reader need not see it


async def test_without_its_template_values_go_by_their_types(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", template_id=999)
    page = await dom(front, "/88.101.1/A")
    assert "MODEL" in page.text
    assert "多级离心泵" in page.text


async def test_a_laboratory_node_says_so_on_every_page(database_url: str, pool: Pool, pump: str) -> None:
    async with front_of(database_url, pool, laboratory=True) as front:
        for path, status in ((f"/{pump}", 200), ("/88.101.1/none", 404), ("/99.9/x", 404)):
            for headers in (BROWSER, ENGLISH):
                assert "实验数据" in (await dom(front, path, headers, status)).text


async def test_an_ordinary_node_does_not(front: Front, pump: str) -> None:
    assert "实验数据" not in (await dom(front, f"/{pump}")).text


async def test_refusals_are_pages_too(front: Front, shelf: Shelf, pump: str) -> None:
    await shelf.prefix("88.101.2", state="suspended")
    refused = [
        ("/88.101.1/none", 404, "标识不存在", "No such identifier"),
        ("/88.999.1/none", 404, "前缀不由本节点管理", "does not manage that prefix"),
        ("/99.1/none", 404, "前缀不由本节点管理", "does not manage that prefix"),
        ("/88.1_1/none", 400, "标识写法有误", "Not an identifier"),
        ("/88.101.1/%00", 400, "标识写法有误", "Not an identifier"),
        ("/88.101.1/%FF", 400, "标识写法有误", "Not an identifier"),
        ("/88.101.1/Pump-001?index=x", 400, "查询参数有误", "Query not understood"),
        ("/88.101.1/Pump-001?type=NONE", 404, "没有公开数据", "No public data"),
        ("/88.101.2/A", 404, "标识所属前缀已停用", "prefix of this identifier is suspended"),
    ]
    for path, status, zh, en in refused:
        assert zh in (await dom(front, path, BROWSER, status)).text
        assert en in (await dom(front, path, ENGLISH, status)).text


PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</title><script>alert(1)</script>",
    "</dd></dl><iframe src=javascript:alert(1)>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "<!--<script>",
    "&lt;script&gt;",
    "https://a.example/\"onmouseover='alert(1)'",
    "https://a.example/<script>alert(1)</script>",
    "<style>*{display:none}</style>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<a href=https://evil.example>click</a>",
    "<form action=https://evil.example><input name=password></form>",
    "\u202egnp.exe\u202c",
    "\x00\x08\x1b[31m",
]
PLAIN_ELEMENTS = {
    "html", "head", "meta", "title", "link", "body", "header", "p", "a", "span", "strong", "main", "section", "h1",
    "h2", "bdi", "dl", "dt", "dd", "div", "small", "footer", "time", "details", "summary",
}  # fmt: skip
PLAIN_ATTRIBUTES = {"lang", "charset", "name", "content", "rel", "href", "class", "dir", "role", "datetime", "open"}


async def test_nothing_registered_becomes_anything_but_text(front: Front, shelf: Shelf) -> None:
    for number, payload in enumerate(PAYLOADS):
        stored = payload.replace("\x00", "")  # PostgreSQL's text has none; a value may
        await shelf.prefix(f"88.101.{number}", holder=await shelf.enterprise(stored, stored))
        attributes = [{**attribute, "title_zh": stored, "title_en": stored} for attribute in PUMP["attributes"]]
        hostile = {**PUMP, "title_zh": stored, "title_en": stored, "attributes": attributes}
        group = encode_vlist((Reference(stored, 1),))
        record = values(
            (1, "URL", payload), (2000, "NAME", payload), (2001, "MODEL", payload), (7, payload, payload),
            (300, "HS_ALIAS/" + stored, payload), (301, "HS_ADMIN", encode_admin(AdminData(stored, 300, 3))),
            (302, "HS_VLIST", group), (303, "HS_SIGNATURE", payload), (304, "10320/loc", payload),
        )  # fmt: skip
        record = [replace(value, references=(Reference(stored, 7),)) for value in record]
        await shelf.register(f"88.101.{number}/A", record, await shelf.template(hostile))
        for headers in (BROWSER, ENGLISH):
            page = await dom(front, f"/88.101.{number}/A", headers)
            assert_plain(page)
            assert shown_text(payload) in page.text


def assert_plain(page: Dom) -> None:
    """Nothing that acts, and no link but those of the page itself and to whole web addresses."""
    assert {tag for tag, _ in page.elements} <= PLAIN_ELEMENTS
    assert {name for _, attributes in page.elements for name in attributes} <= PLAIN_ATTRIBUTES
    metas = [attributes for tag, attributes in page.elements if tag == "meta"]
    assert [attributes.get("name") for attributes in metas] == [None, "viewport", "format-detection"]
    for href in page.links:
        assert href is not None
        assert href.startswith(("https://a.example/", "/", "?lang="))
        assert not set('<>" ') & set(href)


async def test_a_hostile_identifier_is_text_on_the_refusal(front: Front, pump: str) -> None:
    page = await dom(front, "/88.101.1/%3Cscript%3Ealert(1)%3C%2Fscript%3E", BROWSER, 404)
    assert "<script>alert(1)</script>" in page.text
    assert "script" not in {tag for tag, _ in page.elements}


def test_characters_that_a_browser_obeys_are_shown_as_replaced() -> None:
    assert shown_text("a\u202eb\x00c\u2066\ufeff") == "a\ufffdb\ufffdc\ufffd\ufffd"
    assert shown_text("两行\n和\t制表") == "两行\n和\t制表"


async def test_the_style_is_kept_for_ever_under_its_own_version(front: Front, pump: str) -> None:
    page = await dom(front, f"/{pump}")
    href = next(attributes["href"] for tag, attributes in page.elements if attributes.get("rel") == "stylesheet")
    assert href is not None
    async with front.session.get(href) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/css;charset=utf-8"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "http" not in await answer.text()
        tag = answer.headers["ETag"]
    async with front.session.get("/static/page.css", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
        assert answer.headers["Cache-Control"] == "no-cache"


def test_every_refusal_of_a_resolution_is_said_in_both_languages() -> None:
    told = {
        NeverRegistered, PrefixSuspended, IdentifierBlocked, NotResponsible, ResolverAway, RecordDamaged,
        AliasAimless, InvalidIdentifier, InvalidPrefix, InvalidSuffix, InvalidQuery,
    }  # fmt: skip
    assert {errors.code_of(kind) for kind in told} <= page_texts.REFUSALS_ZH.keys()
    assert page_texts.REFUSALS_ZH.keys() == page_texts.REFUSALS_EN.keys()
    assert page_texts.CHINESE.keys() == page_texts.ENGLISH.keys()
