"""The parameters of the Handle System's proxy at ``/{prefix}/{suffix}``, and that none of them leads astray."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from time import time
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from node.record import TTL_ABSOLUTE, Value, encode_values
from resolver.answer import Entry, Found
from resolver.http.locations import Visitor
from resolver.http.redirects import Action, Steering, places_of, redirect
from resolver.http.weblink import web_address
from tests.support.dom import dom
from tests.support.node import running_node
from tests.support.shelf import AT, PUMP, PUMP_VALUES, Front, Shelf, values

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PROGRAM = {"Accept": "application/json"}


async def asked(
    front: Front, path: str, headers: dict[str, str] | None = None
) -> tuple[int, str, dict[str, str], Any]:
    """Status, Location, headers and body; ``path`` is sent as it stands."""
    async with front.session.get(URL(path, encoded=True), headers=headers or {}, allow_redirects=False) as answer:
        body = await answer.json() if answer.content_type == "application/json" else await answer.text()
        return answer.status, answer.headers.get("Location", ""), dict(answer.headers), body


@pytest.fixture
async def two_addresses(shelf: Shelf) -> str:
    """An identifier with two addresses, not in the order of their indexes."""
    await shelf.prefix()
    record = values((5, "URL", "https://b.example/"), (2, "URL", "https://a.example/x"), (7, "DESC", "述"))
    await shelf.register("88.101.1/Two", record)
    return "88.101.1/Two"


async def test_the_first_address_is_the_one_of_the_lowest_index(front: Front, two_addresses: str) -> None:
    for _ in range(5):
        assert (await asked(front, f"/{two_addresses}"))[:2] == (302, "https://a.example/x")


async def test_index_and_type_choose_among_the_values(front: Front, two_addresses: str) -> None:
    assert (await asked(front, f"/{two_addresses}?index=5"))[1] == "https://b.example/"
    assert (await asked(front, f"/{two_addresses}?index=7&index=5"))[1] == "https://b.example/"
    assert (await asked(front, f"/{two_addresses}?type=url"))[1] == "https://a.example/x"
    status, location, _, body = await asked(front, f"/{two_addresses}?type=DESC")
    assert (status, location, [value["index"] for value in body["values"]]) == (200, "", [7])


async def test_noredirect_shows_the_record_to_whoever_asks(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    template_id = await shelf.template({**PUMP, "landing": "redirect"})
    await shelf.register("88.101.1/A", PUMP_VALUES, template_id)
    for query in ("noredirect", "noredirect=true", "action=showvalues", "noredirect&urlappend=x"):
        for headers in (BROWSER, {}, {"Accept": "*/*"}):
            status, location, found, body = await asked(front, f"/88.101.1/A?{query}", headers)
            assert (status, location, found["Content-Type"]) == (200, "", "text/html;charset=utf-8")
            assert "多级离心泵" in body
        status, _, found, body = await asked(front, f"/88.101.1/A?{query}", PROGRAM)
        assert (status, body["responseCode"]) == (200, 1)
    refused = await dom(front, "/88.101.1/none?noredirect", {"Accept": "*/*"}, 404)
    assert "标识不存在" in refused.text


async def test_what_is_only_for_redirects_redirects_whoever_asks(front: Front, pump: str) -> None:
    for query in ("action=redirect", "locatt=id:1", "country=cn", "urlappend=%23top", "redirectionHeaders"):
        for headers in (BROWSER, PROGRAM, {}):
            _, location, found, _ = await asked(front, f"/{pump}?{query}", headers)
            assert location.startswith("https://pumps.example/p1"), (query, headers)
            assert found["Vary"] == "Accept, Accept-Language"


async def test_a_record_without_address_is_shown_whatever_was_asked(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", values((1, "URL", "javascript:alert(1)"), (2, "DESC", "x")))
    for query in ("action=redirect", "locatt=id:1", "urlappend=/x", "action=showurls"):
        status, location, _, body = await asked(front, f"/88.101.1/A?{query}")
        assert (status, location, body["responseCode"]) == (200, "", 1)


async def test_the_ttl_says_how_long_a_redirect_is_kept(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    record = values((1, "URL", "https://a.example/"), ttl=600)
    ending = int(time()) + 300
    record += [Value(2, "URL", b"https://b.example/", ending, TTL_ABSOLUTE)]
    await shelf.register("88.101.1/A", record)
    for index, seconds in ((1, 600), (2, 300)):
        _, _, found, _ = await asked(front, f"/88.101.1/A?index={index}")
        kept = int(found["Cache-Control"].removeprefix("public, max-age="))
        assert seconds - 5 <= kept <= seconds
        assert abs(parsedate_to_datetime(found["Expires"]).timestamp() - time() - seconds) < 5


async def test_redirection_headers_are_a_redirect_that_nobody_follows(front: Front, pump: str) -> None:
    status, location, found, body = await asked(front, f"/{pump}?redirectionHeaders")
    assert (status, location, body) == (200, "https://pumps.example/p1", "")
    assert found["X-Content-Type-Options"] == "nosniff"


async def test_what_is_accepted_changes_nothing(front: Front, pump: str) -> None:
    plain = await asked(front, f"/{pump}")
    for query in ("cert", "cert=true", "auth", "ignore_aliases", "utm_source=x&action=toolbar", "action="):
        assert (await asked(front, f"/{pump}?{query}"))[:2] == plain[:2]


async def test_auth_asks_the_database_and_nobody_s_memory(front: Front, pump: str, shelf: Shelf) -> None:
    assert (await asked(front, f"/{pump}"))[1] == "https://pumps.example/p1"
    # Changed behind the writer's back: no notice is sent, so what is remembered stays right as far as anybody knows.
    await shelf.connection.execute(
        "UPDATE identifier SET record = $1", encode_values(values((1, "URL", "https://new.example/")))
    )
    assert (await asked(front, f"/{pump}"))[1] == "https://pumps.example/p1"
    assert (await asked(front, f"/{pump}?auth"))[1] == "https://new.example/"


@pytest.mark.parametrize(
    ("suffix", "location"),
    [
        ("/manual", "https://pumps.example/p1/manual"),
        ("?page=2", "https://pumps.example/p1?page=2"),
        ("%3Fpage%3D2%26x%3D1", "https://pumps.example/p1?page=2&x=1"),
        ("%3Fq=a+b", "https://pumps.example/p1?q=a+b"),
        ("%23%E6%B3%B5", "https://pumps.example/p1#%E6%B3%B5"),
        ("", "https://pumps.example/p1"),
    ],
)
async def test_urlappend_lengthens_the_address(front: Front, pump: str, suffix: str, location: str) -> None:
    assert (await asked(front, f"/{pump}?urlappend={suffix}"))[:2] == (302, location)


ASTRAY = [
    ".evil.example/", "@evil.example/", "%40evil.example", ":80@evil.example/", "%5C%5Cevil.example",
    "//evil.example/..", "/../../x", "/%252e%252e/x", "%0d%0aSet-Cookie:%20a=b", "%0aX:%20y", "%00", "%E2%80%AE",
    "%FF", "a%20b", "x" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("suffix", ASTRAY)
async def test_urlappend_never_leads_astray(front: Front, shelf: Shelf, suffix: str) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/Bare", values((1, "URL", "https://a.example")))
    status, location, found, body = await asked(front, f"/88.101.1/Bare?urlappend={suffix}")
    assert (status, location, body["responseCode"]) == (400, "", 4)
    assert "Set-Cookie" not in found
    assert "X" not in found
    page = await dom(front, f"/88.101.1/Bare?urlappend={suffix}", BROWSER, 400)
    assert "查询参数有误" in page.text


@pytest.mark.parametrize(
    "query",
    ["country=china", "country=%0d%0a", "index=x", "index=-1", "locatt=" + "x" * 300, "&".join(["locatt=id:1"] * 33)],
)
async def test_what_cannot_be_understood_is_refused(front: Front, pump: str, query: str) -> None:
    for headers in ({}, PROGRAM):
        status, _, found, body = await asked(front, f"/{pump}?{query}", headers)
        assert (status, body["responseCode"], found["Cache-Control"]) == (400, 4, "no-store")
    await dom(front, f"/{pump}?{query}", BROWSER, 400)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.lists(
        st.tuples(
            st.sampled_from(
                ["urlappend", "locatt", "country", "type", "index", "action", "noredirect", "lang", "url"]
            ),
            st.text(max_size=40)
            | st.sampled_from([*ASTRAY, "https://evil.example/", "id:1", "redirect", "showurls"]),
        ),
        max_size=4,
    )
)
async def test_no_query_breaks_the_node_or_leads_to_a_host_of_its_own(
    front: Front, pump: str, query: list[tuple[str, str]]
) -> None:
    written = "&".join(f"{name}={quote(text, safe='')}" for name, text in query)
    status, location, found, _ = await asked(front, f"/{pump}?{written}")
    assert status in (200, 302, 400, 404)
    assert not location or urlsplit(location).netloc == "pumps.example"
    assert not location or web_address(location) == location
    assert {name for name in map(str.lower, found) if name.startswith(("set-", "x"))} <= {
        "x-content-type-options",
        "x-request-id",
    }


def test_a_stale_redirect_says_so_and_is_soon_asked_for_again() -> None:
    record = tuple(values((1, "URL", "https://a.example/")))
    entry = Entry("88.101.1/A", encode_values(record), 1, 1, AT, AT, "", None)
    steering = Steering(Action.USUAL, follow_aliases=True, suffix="", visitor=Visitor(), headers_only=False)
    places = places_of("88.101.1/A", record, (), ())
    response = redirect(Found(entry, record, age=90.5), places, steering, lambda: 0.0, now=time())
    assert response is not None
    assert response.headers["Location"] == "https://a.example/"
    assert response.headers["Cache-Control"] == "public, max-age=5"
    assert response.headers["Cache-Status"] == "biaoshi; hit; detail=stale"
    assert response.headers["Age"] == "90"
    assert "Expires" not in response.headers


async def test_a_whole_node_leads_shows_and_lists_what_v1_registered(database_url: str) -> None:
    attributes = [
        {"name": "name", "title_zh": "名称", "required": True},
        {"name": "site", "title_zh": "网址", "index": 1, "type": "URL"},
    ]
    template = {"name": "linked", "version": 1, "title_zh": "带网址", "title_en": "Linked", "attributes": attributes}
    async with running_node(database_url, log={"requests": False}) as node:
        await node.world.template(template)
        said = {"name": "离心泵", "site": "https://pumps.example/p1"}
        body = {"prefix": "88.101.2001", "suffix": "P/1", "template": "linked", "attributes": said}
        assert (await node("POST", "/v1/identifiers", by="application", json=body)).status == 201
        path = "/88.101.2001/P%2F1"
        led = await node("GET", path + "?urlappend=%3Fa=1", by=None)
        assert (led.status, led.headers["Location"]) == (302, "https://pumps.example/p1?a=1")
        shown = await node("GET", path + "?noredirect", by=None)
        assert (shown.status, "离心泵" in shown.body.decode()) == (200, True)
        listed = await node("GET", path + "?action=showurls", by=None)
        assert 'href="https://pumps.example/p1"' in listed.body.decode()
        refused = await node("GET", path + "?urlappend=%0d%0aX:%20y", by=None)
        assert (refused.status, "X" in refused.headers) == (400, False)
        prefix = await node("GET", "/0.NA/88.101.2001", by=None, headers=BROWSER)
        assert (prefix.status, "服务站点 HS_SITE" in prefix.body.decode()) == (200, True)
