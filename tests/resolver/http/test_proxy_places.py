"""Where the proxy leads by 10320/loc values, of the record or its prefix, by aliases, and what it lists."""

from __future__ import annotations

import asyncio
from collections import Counter
from email.utils import parsedate_to_datetime
from time import time
from typing import Any
from xml.etree import ElementTree

import pytest
from structlog.testing import capture_logs
from yarl import URL

from node.identifier import Prefix
from node.notices import CHANNEL, Notice, NoticeKind
from node.record import Value, encode_values
from node.resolutions import Outcome
from tests.support.dom import ENGLISH, dom
from tests.support.shelf import AT, Front, Shelf, values

PROGRAM = {"Accept": "application/json"}
LOC = """<locations><location id="gb" href="https://gb.example/" country="gb" weight="0"/>
<location id="a" href="https://a.example/x" weight="1"/>
<location id="t" href_template="https://t.example/?h={hdl}" weight="0"/>
<location id="ttl" href="https://rdf.example/" http_role="conneg" media-type="text/turtle" weight="0"/>
<location id="csl" href="https://csl.example/" ctype="application/vnd.csl+json" weight="0"/>
<location id="en" href="https://en.example/" language="EN" weight="0"/>
<location id="js" href="javascript:alert(1)" weight="1000"/></locations>"""


async def led(front: Front, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    async with front.session.get(URL(path, encoded=True), headers=headers or {}, allow_redirects=False) as answer:
        await answer.read()
        return answer.status, answer.headers.get("Location", "")


async def told(front: Front, path: str, headers: dict[str, str] | None = None) -> Any:
    async with front.session.get(URL(path, encoded=True), headers={**PROGRAM, **(headers or {})}) as answer:
        return await answer.json()


async def store_prefix_handle(shelf: Shelf, prefix: str, record: list[Value]) -> None:
    """The record of ``0.NA/<prefix>``, with the notice that the writer would send."""
    key = Prefix.parse(prefix).key
    async with shelf.connection.transaction():
        await shelf.connection.execute(
            "INSERT INTO prefix_handle (prefix, version, registered_at, updated_at, record)"
            " VALUES ($1, 1, $2, $2, $3)"
            " ON CONFLICT (prefix) DO UPDATE SET record = excluded.record, version = prefix_handle.version + 1",
            key, AT, encode_values(record),
        )  # fmt: skip
        await shelf.connection.execute("SELECT pg_notify($1, $2)", CHANNEL, Notice(NoticeKind.PREFIX, key).encode())
    await asyncio.sleep(0.2)


@pytest.fixture
async def placed(shelf: Shelf) -> str:
    """An identifier with many places and a URL."""
    await shelf.prefix()
    await shelf.register("88.101.1/P/1", values((1, "URL", "https://url.example/"), (1000, "10320/LOC", LOC)))
    return "88.101.1/P/1"


@pytest.mark.parametrize(
    ("query", "headers", "location"),
    [
        ("", {}, "https://a.example/x"),
        ("locatt=id:gb", {}, "https://gb.example/"),
        ("country=gb", {}, "https://gb.example/"),
        ("country=GB", {}, "https://gb.example/"),
        ("country=fr", {}, "https://a.example/x"),
        ("locatt=id:t", {}, "https://t.example/?h=88.101.1%2FP%2F1"),
        ("locatt=mode:legacy", {}, "https://url.example/"),
        ("locatt=id:js", {}, "https://a.example/x"),
        ("locatt=id:a&urlappend=/y", {}, "https://a.example/x/y"),
        ("locatt=id:none&locatt=id:gb", {}, "https://gb.example/"),
        ("", {"Accept": "text/turtle"}, "https://rdf.example/"),
        ("", {"Accept": "application/rdf+xml, text/turtle;q=0.9, */*;q=0.1"}, "https://rdf.example/"),
        ("", {"Accept": "text/turtle;q=0.5, */*"}, "https://a.example/x"),
        ("", {"Accept": "application/vnd.csl+json"}, "https://csl.example/"),
        ("locatt=id:gb", {"Accept": "text/turtle"}, "https://gb.example/"),
        ("", {"Accept-Language": "fr, en;q=0.8"}, "https://en.example/"),
        ("", {"Accept-Language": "zh-CN,zh;q=0.9,de;q=0.1"}, "https://a.example/x"),
        ("type=URL", {}, "https://url.example/"),
    ],
)
async def test_a_visitor_is_led_by_what_is_asked_for(
    front: Front, placed: str, query: str, headers: dict[str, str], location: str
) -> None:
    assert await led(front, f"/{placed}?{query}", headers) == (302, location)


async def test_whoever_likes_json_best_gets_the_record(front: Front, placed: str) -> None:
    for accept in ("application/json", "application/json, text/turtle;q=0.9"):
        assert await led(front, f"/{placed}", {"Accept": accept}) == (200, "")


async def test_many_are_spread_by_weight_and_nobody_keeps_the_draw(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    record = values(
        (
            1,
            "10320/loc",
            '<locations><location href="https://a/" weight="3"/><location href="https://b/"/></locations>',
        )
    )
    await shelf.register("88.101.1/W", record)
    found: Counter[str] = Counter()
    for _ in range(200):
        async with front.session.get("/88.101.1/W", allow_redirects=False) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            found[answer.headers["Location"]] += 1
    # 150 are expected, with a deviation of 6: beyond 100 and 190 once in many millions.
    assert 100 < found["https://a/"] < 190
    assert found.keys() == {"https://a/", "https://b/"}


async def test_places_of_the_prefix_serve_records_without_their_own(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.prefix("88.101.2")
    await shelf.register("88.101.1/Bare", values((1, "DESC", "x")))
    await shelf.register("88.101.1/Url", values((1, "URL", "https://url.example/")))
    await shelf.register("88.101.1/Own", values((1, "10320/loc", LOC)))
    await shelf.register("88.101.2/Bare", values((1, "DESC", "x")))
    assert await led(front, "/88.101.1/Bare") == (200, "")
    listed = """<locations><location id="all" href_template="https://all.example/{hdl:path}" weight="0"/>
      <location id="data" http_role="conneg" href_template="https://data.example/?h={hdl}" weight="0"/></locations>"""
    await store_prefix_handle(shelf, "88.101.1", values((7, "10320/loc", listed), ttl=60))
    assert await led(front, "/88.101.1/Bare?locatt=id:all") == (302, "https://all.example/88.101.1/Bare")
    assert await led(front, "/88.101.1/Url") == (302, "https://url.example/")
    assert await led(front, "/88.101.1/Url", {"Accept": "text/turtle"}) == (
        302,
        "https://data.example/?h=88.101.1%2FUrl",
    )
    assert await led(front, "/88.101.1/Own?locatt=id:all") == (302, "https://a.example/x")
    assert await led(front, "/88.101.2/Bare?locatt=id:all") == (200, "")
    async with front.session.get("/88.101.1/Url?locatt=id:all", allow_redirects=False) as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=60"
    await store_prefix_handle(shelf, "88.101.1", [])
    assert await led(front, "/88.101.1/Bare?locatt=id:all") == (200, "")


BROKEN = [
    "<locations>", "", "not XML", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><locations/>', "<html/>", b"\xff\xfe",
    '<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><locations><location href="&b;"/></locations>',
    "<locations>" + "<location/>" * 600 + "</locations>",
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
async def test_places_that_cannot_be_read_leave_the_url_and_one_line(
    front: Front, shelf: Shelf, broken: str | bytes
) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", values((1, "URL", "https://url.example/"), (9, "10320/loc", broken)))
    with capture_logs() as lines:
        assert await led(front, "/88.101.1/A?locatt=id:1") == (302, "https://url.example/")
    unreadable = [line for line in lines if line["event"] == "locations_unreadable"]
    assert [(line["handle"], line["index"]) for line in unreadable] == [("88.101.1/A", 9)]


async def test_all_places_are_listed_as_xml(front: Front, placed: str) -> None:
    for headers in ({}, PROGRAM, {"Accept": "text/html"}):
        async with front.session.get(f"/{placed}?action=showurls", headers=headers, allow_redirects=False) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "text/xml;charset=utf-8"
            assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "public, max-age=3600"
            tree = ElementTree.fromstring(await answer.text())  # noqa: S314 - our own, and what the test is about
    assert [(place.tag, place.get("id"), place.get("href")) for place in tree] == [
        ("location", None, "https://url.example/"),
        ("location", "gb", "https://gb.example/"),
        ("location", "a", "https://a.example/x"),
        ("location", "t", "https://t.example/?h=88.101.1%2FP%2F1"),
        ("location", "ttl", "https://rdf.example/"),
        ("location", "csl", "https://csl.example/"),
        ("location", "en", "https://en.example/"),
    ]


async def test_nothing_in_the_list_is_more_than_data(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    hostile = (
        "<locations xmlns:h='http://www.w3.org/1999/xhtml'><location href='https://a.example/?a=1&amp;b=%22&lt;x'"
        " label='&lt;/location>&lt;script>alert(1)&lt;/script>\"&#10;&#39;' onclick='x' h:href='javascript:1'>"
        "<h:script>alert(1)</h:script></location></locations>"
    )
    await shelf.register("88.101.1/A", values((1, "10320/loc", hostile), (2, "URL", 'https://b.example/"><script>')))
    async with front.session.get("/88.101.1/A?action=showurls") as answer:
        text = await answer.text()
    tree = ElementTree.fromstring(text)  # noqa: S314
    assert [element.tag for element in tree.iter()] == ["locations", "location", "location"]
    assert "script>" not in text.replace("&lt;script&gt;", "").replace("&lt;/script&gt;", "").replace(
        "%3Cscript%3E", ""
    )
    assert tree[1].attrib == {
        "href": "https://a.example/?a=1&b=%22%3Cx", "onclick": "x",
        "label": "</location><script>alert(1)</script>\"\n'",
    }  # fmt: skip


# Aliases ------------------------------------------------------------------------------------------


async def test_an_alias_is_followed_to_its_end(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.prefix("88.101.2")
    await shelf.register(
        "88.101.1/A", values((1, "HS_ALIAS", "88.101.1/b"), (2, "URL", "https://no.example/"), ttl=50)
    )
    await shelf.register("88.101.1/B", values((1, "HS_ALIAS", "88.101.2/C"), ttl=3000))
    await shelf.register("88.101.2/C", values((3, "URL", "https://c.example/"), (4, "DESC", "终点")))
    assert await led(front, "/88.101.1/A") == (302, "https://c.example/")
    async with front.session.get("/88.101.1/A", allow_redirects=False) as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=50"
        assert parsedate_to_datetime(answer.headers["Expires"]).timestamp() - time() < 60
    for headers in (PROGRAM, {"Accept": "text/html"}):
        async with front.session.get("/88.101.1/A", headers=headers) as answer:
            assert answer.headers["Cache-Control"] == "public, max-age=50"
    record = await told(front, "/88.101.1/A")
    assert record["handle"] == "88.101.2/C"
    assert [value["index"] for value in record["values"]] == [3, 4]
    assert [value["index"] for value in (await told(front, "/88.101.1/A?type=DESC"))["values"]] == [4]
    page = await dom(front, "/88.101.1/A?noredirect")
    assert "终点" in page.text
    assert "查询的标识 88.101.1/A 是该标识的别名。" in page.text
    assert "is an alias" in (await dom(front, "/88.101.1/A?noredirect", ENGLISH)).text


async def test_an_alias_may_be_looked_at_itself(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", values((1, "HS_ALIAS", "88.101.1/B"), (2, "URL", "https://a.example/")))
    await shelf.register("88.101.1/B", values((1, "URL", "https://b.example/")))
    assert await led(front, "/88.101.1/A") == (302, "https://b.example/")
    assert await led(front, "/88.101.1/A?ignore_aliases") == (302, "https://a.example/")
    assert (await told(front, "/88.101.1/A?ignore_aliases"))["handle"] == "88.101.1/A"
    assert (await told(front, "/88.101.1/A?type=HS_ALIAS"))["values"][0]["data"]["value"] == "88.101.1/B"
    page = await dom(front, "/88.101.1/A?noredirect&ignore_aliases")
    assert "别名，指向 HS_ALIAS" in page.text
    assert "/88.101.1/B" in page.links


@pytest.mark.parametrize(
    "target", ["88.101.1/A", "88.101.1/a", "88.101.1/Back", "no handle", b"\xff", "88.101.1/", ""]
)
async def test_an_alias_that_leads_nowhere_is_a_clear_refusal(
    front: Front, shelf: Shelf, target: str | bytes
) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", values((1, "HS_ALIAS", target), (2, "URL", "https://a.example/")))
    await shelf.register("88.101.1/Back", values((1, "HS_ALIAS", "88.101.1/A")))
    assert await led(front, "/88.101.1/A") == (404, "")
    assert (await told(front, "/88.101.1/A"))["responseCode"] == 100
    page = await dom(front, "/88.101.1/A", status=404)
    assert "别名没有可解析的目标" in page.text
    assert await led(front, "/88.101.1/A?ignore_aliases") == (302, "https://a.example/")


async def test_a_chain_of_aliases_has_an_end(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    for number in range(20):
        await shelf.register(f"88.101.1/{number}", values((1, "HS_ALIAS", f"88.101.1/{number + 1}")))
    await shelf.register("88.101.1/20", values((1, "URL", "https://end.example/")))
    assert await led(front, "/88.101.1/15") == (302, "https://end.example/")
    assert await led(front, "/88.101.1/0") == (404, "")


async def test_an_alias_of_what_is_elsewhere_says_so(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    for suffix, target in (("A", "10.1000/182"), ("B", "88.999.1/x")):
        await shelf.register(f"88.101.1/{suffix}", values((1, "HS_ALIAS", target)))
        assert (await told(front, f"/88.101.1/{suffix}"))["responseCode"] == 301
        assert "前缀不由本节点管理" in (await dom(front, f"/88.101.1/{suffix}", status=404)).text


async def test_a_resolution_through_aliases_counts_once_for_what_was_asked(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.prefix("88.101.2")
    await shelf.register("88.101.1/A", values((1, "HS_ALIAS", "88.101.2/B")))
    await shelf.register("88.101.2/B", values((1, "URL", "https://b.example/")))
    await led(front, "/88.101.1/A")
    await front.counter.write()
    counted = await shelf.connection.fetch("SELECT prefix, outcome, resolutions FROM resolution_count")
    assert [tuple(row) for row in counted] == [("88.101.1", Outcome.HIT, 1)]


# Prefix handles -----------------------------------------------------------------------------------


async def test_the_page_of_a_prefix_names_its_holder_and_servers(front: Front, shelf: Shelf) -> None:
    holder = await shelf.enterprise("中山示例水泵有限公司", "Zhongshan Example Pumps")
    await shelf.prefix(holder=holder)
    for path in ("/0.NA/88.101.1", "/0.na/88.101.1", "/0.NA%2F88.101.1"):
        page = await dom(front, path)
        for said in ("前缀 88.101.1", "0.NA/88.101.1", "中山示例水泵有限公司", "服务站点 HS_SITE", "192.0.2.7"):
            assert said in page.text
        assert ("details", {"open": None}) in page.elements
        assert "/api/handles/0.NA/88.101.1" in page.links
    assert "Prefix 88.101.1" in (await dom(front, "/0.NA/88.101.1", ENGLISH)).text
    record = await told(front, "/0.NA/88.101.1")
    assert (record["responseCode"], record["values"][0]["type"]) == (1, "HS_SITE")
    await front.counter.write()
    assert await shelf.connection.fetchval("SELECT count(*) FROM resolution_count") == 0


async def test_a_prefix_may_have_its_own_address(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    await store_prefix_handle(shelf, "88.101.1", values((7, "URL", "https://holder.example/")))
    assert await led(front, "/0.NA/88.101.1") == (302, "https://holder.example/")


async def test_prefixes_that_are_not_here_are_refused_as_pages_and_for_programs(front: Front, shelf: Shelf) -> None:
    await shelf.prefix("88.101.2", state="suspended")
    refused = [
        ("/0.NA/88.101.999", 404, 100, "标识不存在"),
        ("/0.NA/88.999.1", 404, 301, "前缀不由本节点管理"),
        ("/0.NA/10.1000", 404, 301, "前缀不由本节点管理"),
        ("/0.NA/88.101.2", 404, 100, "标识所属前缀已停用"),
        ("/0.NA/88.10%00", 400, 102, "标识写法有误"),
    ]
    for path, status, code, said in refused:
        assert said in (await dom(front, path, status=status)).text
        assert (await told(front, path))["responseCode"] == code


async def test_identifiers_of_a_delegated_prefix_say_who_resolves_them(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    await store_prefix_handle(shelf, "88.101.1", values((1, "HS_SERV", "0.SITE/88.101.1")))
    page = await dom(front, "/88.101.1/Theirs", status=300)
    assert "由其他服务解析" in page.text
    assert "another service" in (await dom(front, "/88.101.1/Theirs", ENGLISH, 300)).text
    assert (await told(front, "/88.101.1/Theirs"))["responseCode"] == 302
