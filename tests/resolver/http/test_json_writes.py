"""``PUT`` and ``DELETE /api/handles``, and reading what not everybody may read, over real TLS."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.journal import Interface
from node.record import Value
from node.resolutions import OWN, Outcome
from tests.support.administrators import administrator
from tests.support.registrar import admin_value, administer
from tests.support.secure import Secure, secure_node

PROBE = "301:0.NA/88.101.3001"
URL_VALUE = {"index": 1, "type": "URL", "data": {"format": "string", "value": "https://pumps.example/1"}}


@pytest.fixture
async def ask(database_url: str) -> AsyncIterator[Secure]:
    async with secure_node(database_url) as secure:
        yield secure


def value(index: int, kind: str, data: Any, **more: Any) -> dict[str, Any]:
    return {"index": index, "type": kind, "data": data, **more}


async def put(ask: Secure, path: str, values: Any, **more: Any) -> tuple[int, int]:
    """Status and response code of a PUT."""
    answer = await ask("PUT", f"/handles/{path}", json=values, **more)
    return answer.status, answer.json["responseCode"]


async def stored(ask: Secure, suffix: str) -> dict[int, Any]:
    answer = await ask("GET", f"/handles/{ask.handle(suffix)}")
    return {one["index"]: one["data"] for one in answer.json["values"]}


async def test_a_record_is_created_and_what_is_new_is_201(ask: Secure) -> None:
    answer = await ask("PUT", f"/handles/{ask.handle('a')}", json={"values": [URL_VALUE]})
    assert (answer.status, answer.json) == (201, {"responseCode": 1, "handle": ask.handle("a")})
    assert await stored(ask, "a") == {1: URL_VALUE["data"]}
    assert answer.headers["Cache-Control"] == "no-store"


async def test_values_may_come_in_three_shapes(ask: Secure) -> None:
    for number, body in enumerate(
        ({"values": [URL_VALUE]}, [URL_VALUE], URL_VALUE, {"handle": "x", "values": [URL_VALUE]})
    ):
        assert await put(ask, ask.handle(f"shape-{number}"), body) == (201, 1)


async def test_what_stood_gives_way_unless_it_must_not(ask: Secure) -> None:
    path = ask.handle("b")
    assert await put(ask, path, [URL_VALUE]) == (201, 1)
    assert await put(ask, path + "?overwrite=false", [URL_VALUE]) == (409, 101)
    assert await put(ask, path + "?overwrite=true", [value(1, "URL", "https://b.example")]) == (200, 1)
    assert await put(ask, path, [value(2, "NOTE", "bare")]) == (200, 1)
    assert await stored(ask, "b") == {2: {"format": "string", "value": "bare"}}


async def test_values_are_added_and_changed_by_their_indexes(ask: Secure) -> None:
    path = ask.handle("c")
    assert await put(ask, path + "?index=1", [URL_VALUE]) == (404, 100)
    await put(ask, path, [URL_VALUE])
    assert await put(ask, path + "?index=5&index=6", [value(5, "A", "a"), value(6, "B", "b")]) == (201, 1)
    assert await put(ask, path + "?index=various", [value(7, "C", "c"), value(5, "A", "new")]) == (200, 1)
    assert await put(ask, path + "?index=7&overwrite=false", [value(7, "C", "x")]) == (409, 201)
    assert {index: data["value"] for index, data in (await stored(ask, "c")).items()} == {
        1: "https://pumps.example/1", 5: "new", 6: "b", 7: "c",
    }  # fmt: skip


async def test_the_indexes_of_the_address_are_those_of_the_values(ask: Secure) -> None:
    path = ask.handle("d")
    await put(ask, path, [URL_VALUE])
    for query in ("index=5", "index=5&index=6&index=7", "index=various&index=5", "index=x", "index="):
        body = [value(5, "A", "a"), value(6, "B", "b")]
        assert await put(ask, f"{path}?{query}", body) == (400, 4), query
    assert list(await stored(ask, "d")) == [1]


async def test_values_and_records_are_withdrawn(ask: Secure) -> None:
    path = f"/handles/{ask.handle('e')}"
    await put(ask, ask.handle("e"), [URL_VALUE, value(5, "A", "a"), value(6, "B", "b")])
    answers = [await ask("DELETE", path + query) for query in ("?index=5", "?index=5", "?index=1&index=9", "", "")]
    assert [(answer.status, answer.json["responseCode"]) for answer in answers] == [
        (200, 1), (400, 200), (400, 200), (200, 1), (404, 100),
    ]  # fmt: skip
    assert (await ask("GET", path)).status == 404


async def test_a_conflict_without_a_code_of_its_own_is_409(ask: Secure) -> None:
    prefix = f"/handles/0.NA/{ask.handle('').removesuffix('/')}"
    for below in (".7", ".7.1"):
        answer = await ask("PUT", prefix + below, json=[URL_VALUE])
        assert (answer.status, answer.json["responseCode"]) == (201, 1)
    answer = await ask("DELETE", prefix + ".7")
    assert (answer.status, answer.json["responseCode"]) == (409, 2)
    assert "below" in answer.json["message"]


async def test_the_node_completes_a_suffix_by_chance(ask: Secure) -> None:
    made = set()
    for path in ("", "Lot-"):
        answer = await ask("PUT", f"/handles/{ask.handle(path)}?mintNewSuffix=true", json=[URL_VALUE])
        assert answer.status == 201
        handle = answer.json["handle"]
        assert handle.startswith(ask.handle(path))
        assert len(handle) == len(ask.handle(path)) + 26
        assert (await ask("GET", f"/handles/{handle}")).status == 200
        made.add(handle)
    assert len(made) == 2


FORMATS: list[tuple[str, Any, Any]] = [
    ("TEXT", "bare", {"format": "string", "value": "bare"}),
    ("NUMBER", 12, {"format": "string", "value": "12"}),
    ("TEXT", {"format": "string", "value": "水泵"}, {"format": "string", "value": "水泵"}),
    ("BYTES", {"format": "base64", "value": "AP8="}, {"format": "base64", "value": "AP8="}),
    ("BYTES", {"format": "hex", "value": "00ff"}, {"format": "base64", "value": "AP8="}),
    ("HS_VLIST", {"format": "vlist", "value": [{"handle": "0.NA/88.101.3001", "index": 300}]}, None),
    ("HS_ADMIN", {"format": "admin", "value": {"handle": "0.NA/88.101.3001", "index": 300,
                                              "permissions": "111111111111"}}, None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "sent", "told"), FORMATS)
async def test_data_comes_back_as_it_was_meant(ask: Secure, kind: str, sent: Any, told: Any) -> None:
    assert await put(ask, ask.handle("f"), [value(10, kind, sent)]) == (201, 1)
    assert await stored(ask, "f") == {10: told or sent}


async def test_ttl_permissions_and_references_are_kept(ask: Secure) -> None:
    sent = value(
        10, "NOTE", "n", ttl="2030-01-02T03:04:05Z", permissions="1111",
        references=[{"handle": ask.handle("a"), "index": 1}],
    )  # fmt: skip
    assert await put(ask, ask.handle("g"), [sent]) == (201, 1)
    kept = (await ask("GET", f"/handles/{ask.handle('g')}")).json["values"][0]
    assert {name: kept[name] for name in ("ttl", "permissions", "references")} == {
        name: sent[name] for name in ("ttl", "permissions", "references")
    }


BROKEN: list[tuple[bytes, int]] = [
    (b"", 4), (b"{", 4), (b"[" * 100_000, 4), (b'"text"', 4), (b"7", 4), (b'{"values": 7}', 4),
    (b'[{"index": 1, "type": "URL"}]', 4),
    (b'[{"index": 1, "type": "URL", "data": {"format": "hex", "value": "0g"}}]', 4),
    (b'[{"index": 1, "type": "URL", "data": true}]', 4),
    (b'[{"index": 1, "type": "URL", "data": "a", "permisions": "1110"}]', 4),
    (b'[{"index": 0, "type": "URL", "data": "a"}]', 202),
    (b'[{"index": 1, "type": "URL\\ud800", "data": "a"}]', 4),
    (b'[{"index": 1, "type": "URL", "data": "\\udfff"}]', 4),
    (b'[{"index": 1, "type": "URL", "data": "\xff"}]', 4),
    (b'[{"index": 1099511627776, "type": "URL", "data": "a"}]', 4),
    (b'[{"index": 1, "type": "URL", "data": {"format": "base64", "value": "AP8"}}]', 4),
    (b'[{"index": 1, "type": "URL", "data": "a"}, {"index": 1, "type": "B", "data": "b"}]', 201),
    (json.dumps([{"index": n, "type": "A", "data": ""} for n in range(1, 2050)]).encode(), 4),
]  # fmt: skip


async def test_bodies_that_are_no_values_are_refused(ask: Secure) -> None:
    for body, code in BROKEN:
        answer = await ask("PUT", f"/handles/{ask.handle('h')}", data=body)
        assert (answer.status, answer.json["responseCode"]) == (409 if code == 201 else 400, code), body[:60]
        assert answer.json["handle"] == ask.handle("h")
        assert answer.json["message"]
    assert (await ask("GET", f"/handles/{ask.handle('h')}")).status == 404


async def test_a_body_has_a_bound(database_url: str) -> None:
    async with secure_node(database_url, http={"body_bytes": 4096}) as ask:
        answer = await ask("PUT", f"/handles/{ask.handle('big')}", data=b"[" + b" " * 5000 + b"]")
        assert (answer.status, answer.json["responseCode"]) == (413, 4)


async def test_handles_that_cannot_be_are_refused_before_anything_else(ask: Secure) -> None:
    refused = [
        ("88.101.9999/x", 400, 301), ("10.1000/x", 400, 301), (f"{ask.who.prefix}/", 400, 102),
        (f"{ask.who.prefix}/%00", 400, 102), (f"{ask.who.prefix}/%FF", 400, 102),
    ]  # fmt: skip
    for path, status, code in refused:
        for method in ("PUT", "DELETE"):
            answer = await ask(method, f"/handles/{path}", json=[URL_VALUE])
            assert (answer.status, answer.json["responseCode"]) == (status, code), (method, path)


# Who asks -----------------------------------------------------------------------------------------


async def test_nobody_is_asked_who_he_is_in_both_ways(ask: Secure) -> None:
    answer = await ask("PUT", f"/handles/{ask.handle('i')}", as_={}, json=[URL_VALUE])
    assert (answer.status, answer.json["responseCode"]) == (401, 402)
    basic, handle = answer.headers.getall("WWW-Authenticate")  # type: ignore[attr-defined]  # a multidict
    assert basic == 'Basic realm="handle"'
    assert handle.startswith('Handle sessionId="')
    assert '", nonce="' in handle


async def test_a_script_in_a_page_is_not_asked_by_a_dialogue_of_the_browser(ask: Secure) -> None:
    script = {"X-Requested-With": "XMLHttpRequest"}
    answer = await ask("PUT", f"/handles/{ask.handle('i')}", as_=script, json=[URL_VALUE])
    assert answer.status == 401
    asked = answer.headers.getall("WWW-Authenticate")  # type: ignore[attr-defined]  # a multidict
    assert [one.partition(" ")[0] for one in asked] == ["Handle"]


async def test_over_plain_http_a_secret_is_not_even_asked_for(ask: Secure) -> None:
    both: list[dict[str, str] | None] = [None, {}]
    for as_ in both:
        answer = await ask("PUT", f"/handles/{ask.handle('i')}", as_=as_, plain=True, json=[URL_VALUE])
        assert (answer.status, answer.json["responseCode"]) == (403, 402)
        assert "WWW-Authenticate" not in answer.headers


async def test_whoever_is_known_but_no_administrator_is_403(ask: Secure) -> None:
    other = await administrator(ask.node.world, 3002)
    answer = await ask("PUT", f"/handles/{ask.handle('j')}", as_=other.basic(), json=[URL_VALUE])
    assert (answer.status, answer.json["responseCode"]) == (403, 400)


async def test_whoever_lacks_the_right_is_403(ask: Secure) -> None:
    await put(ask, ask.handle("k"), [URL_VALUE])
    lesser = admin_value(ask.who.handle, 0, permissions=0x001)
    await administer(ask.node.world, ask.who.registrar.holder.prefix, lesser)
    answer = await ask("DELETE", f"/handles/{ask.handle('k')}")
    assert (answer.status, answer.json["responseCode"]) == (403, 401)


async def test_a_wrong_secret_an_unknown_index_and_an_unknown_handle_are_the_same_refusal(ask: Secure) -> None:
    wrong = [
        ask.who.basic(secret="wrong"), ask.who.basic(secret=""), ask.who.basic(username=f"999:{ask.who.handle}"),
        ask.who.basic(username="301:0.NA/88.101.9"), ask.who.basic(username="301:0.NA/10.1000"),
        ask.who.basic(username="301:nonsense"), ask.who.basic(username="301"),
    ]  # fmt: skip
    told = set()
    for as_ in wrong:
        answer = await ask("PUT", f"/handles/{ask.handle('l')}", as_=as_, json=[URL_VALUE])
        assert (answer.status, answer.json["responseCode"]) == (401, 403)
        told.add(answer.json["message"])
    assert len(told) == 1


async def test_an_identity_without_an_index_means_any_secret_of_the_handle(ask: Secure) -> None:
    answer = await ask("PUT", f"/handles/{ask.handle('l')}", as_=ask.who.basic(ask.who.handle), json=[URL_VALUE])
    assert answer.status == 201


async def test_an_unescaped_user_name_is_nobody(ask: Secure) -> None:
    said = base64.b64encode(f"{ask.who.username}:{ask.who.secret}".encode()).decode()
    answer = await ask("GET", "/handles/88.101.3001/x", as_={"Authorization": f"Basic {said}"})
    assert (answer.status, answer.json["responseCode"]) == (401, 403)


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !", "Basic YQ==", "Handle a", "Handle id=", 'Handle version="1"', 'Handle sessionId="x"',
     'Handle id="a", id="b"', 'Handle clientCert="true"', 'Handle sessionId="x", id="300:0.NA/a"'],
)  # fmt: skip
async def test_a_header_that_proves_nothing_is_refused_even_where_none_is_needed(ask: Secure, header: str) -> None:
    answer = await ask("GET", f"/handles/{ask.handle('x')}", as_={"Authorization": header})
    assert answer.status == 401
    assert answer.json["responseCode"] in (403, 404, 406)


async def test_who_fails_again_and_again_is_told_to_wait(ask: Secure) -> None:
    statuses = []
    for _ in range(40):
        answer = await ask("GET", f"/handles/{ask.handle('x')}", as_=ask.who.basic(secret="wrong"))
        statuses.append((answer.status, answer.json["responseCode"]))
    assert set(statuses) == {(401, 403), (503, 3)}
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await ask("GET", "/handles/0.NA/88.101.3001", as_={})).status == 200


async def test_many_requests_at_once_with_the_right_secret_are_all_served(ask: Secure) -> None:
    async def write(number: int) -> int:
        return (await ask("PUT", f"/handles/{ask.handle(f'burst-{number}')}", json=[URL_VALUE])).status

    assert set(await asyncio.gather(*map(write, range(64)))) == {201}


async def test_a_secret_that_was_right_is_wrong_when_it_is_changed(ask: Secure) -> None:
    assert await put(ask, ask.handle("t"), [URL_VALUE]) == (201, 1)
    await ask.node.world.pool.execute("UPDATE handle_secret SET secret = $1", b"another secret")
    assert await put(ask, ask.handle("t"), [URL_VALUE]) == (401, 403)


# Reading what not everybody may read --------------------------------------------------------------


async def test_private_values_are_for_those_who_may_read_them(ask: Secure) -> None:
    path = f"/handles/{ask.handle('m')}"
    await put(ask, ask.handle("m"), [URL_VALUE, value(9, "COST", "42", permissions="1100")])
    everybody = await ask("GET", path, as_={})
    assert [one["index"] for one in everybody.json["values"]] == [1]
    assert everybody.headers["Cache-Control"].startswith("public")
    mine = await ask("GET", path)
    assert [(one["index"], one.get("permissions")) for one in mine.json["values"]] == [(1, None), (9, "1100")]
    assert mine.headers["Cache-Control"] == "no-store"
    assert "ETag" not in mine.headers
    assert "Authorization" in mine.headers["Vary"]
    public = await ask("GET", path + "?publicOnly=true")
    assert [one["index"] for one in public.json["values"]] == [1]


async def test_asking_for_private_values_without_the_right_is_refused_as_a_whole(ask: Secure) -> None:
    path = f"/handles/{ask.handle('m')}"
    await put(ask, ask.handle("m"), [URL_VALUE, value(9, "COST", "42", permissions="1100")])
    other = await administrator(ask.node.world, 3002)
    told = [
        await ask("GET", path + "?publicOnly=false", as_={}),
        await ask("GET", path + "?publicOnly=false", as_={}, plain=True),
        await ask("GET", path, as_=other.basic()),
        await ask("GET", path + "?index=1", as_=other.basic()),
    ]
    assert [(answer.status, answer.json["responseCode"]) for answer in told] == [
        (401, 402), (403, 402), (403, 400), (200, 1),
    ]  # fmt: skip


async def test_what_nobody_may_read_nobody_reads(ask: Secure) -> None:
    await put(ask, ask.handle("n"), [URL_VALUE, value(9, "SEALED", "42", permissions="0100")])
    answer = await ask("GET", f"/handles/{ask.handle('n')}")
    assert (answer.status, answer.json["responseCode"]) == (403, 401)
    assert b"42" not in answer.body


async def test_a_secret_key_is_never_told(ask: Secure) -> None:
    for query in ("", "?index=301", "?type=HS_SECKEY", "?publicOnly=false"):
        answer = await ask("GET", f"/handles/{ask.who.handle}{query}")
        assert ask.who.secret.encode() not in answer.body
        assert not [one for one in answer.json.get("values", ()) if one["type"] == "HS_SECKEY"]


async def test_a_prefix_handle_tells_its_keys_and_where_the_prefix_is_served(ask: Secure) -> None:
    answer = await ask("GET", f"/handles/{ask.who.handle.lower()}", as_={})
    assert answer.json["handle"] == ask.who.handle.lower()
    kinds = {one["type"]: one["data"]["format"] for one in answer.json["values"]}
    assert kinds == {"HS_SITE": "site", "HS_ADMIN": "admin", "HS_PUBKEY": "key"}


async def test_post_is_get_with_its_parameters_in_the_body(ask: Secure) -> None:
    path = f"/handles/{ask.handle('o')}"
    await put(ask, ask.handle("o"), [URL_VALUE, value(5, "A", "a"), value(6, "B", "b")])
    asked: list[tuple[Any, list[int]]] = [
        ({"type": "URL"}, [1]), ({"index": [5, 6]}, [5, 6]), ({"index": "5", "type": ["b"]}, [5, 6]), ({}, [1, 5, 6]),
    ]  # fmt: skip
    for body, indexes in asked:
        answer = await ask("POST", path, as_={}, json=body)
        assert [one["index"] for one in answer.json["values"]] == indexes
    united = await ask("POST", path + "?index=1", as_={}, json={"index": 5})
    assert [one["index"] for one in united.json["values"]] == [1, 5]
    for broken in (b"{", b"[]", b'{"index": {}}', b'{"index": 1.5}'):
        answer = await ask("POST", path, as_={}, data=broken, headers={"Content-Type": "application/json"})
        assert (answer.status, answer.json["responseCode"]) == (400, 4)


async def test_a_delegated_prefix_refers_unless_told_not_to(ask: Secure) -> None:
    prefix = ask.who.registrar.holder.prefix
    elsewhere = Value(2, "HS_SERV", b"0.SERV/elsewhere")
    await administer(ask.node.world, prefix, admin_value(ask.who.handle, 0), elsewhere)
    answer = await ask("GET", f"/handles/{ask.handle('away')}?auth", as_={})
    assert (answer.status, answer.json["responseCode"]) == (300, 302)
    assert answer.json["referralHandle"] == ask.who.handle
    assert [one["type"] for one in answer.json["values"]] == ["HS_SERV"]
    kept = await ask("GET", f"/handles/{ask.handle('away')}?auth&doNotRefer", as_={})
    assert (kept.status, kept.json["responseCode"]) == (400, 301)


# Manners ------------------------------------------------------------------------------------------


async def test_other_methods_are_refused_in_the_same_form(ask: Secure) -> None:
    for method, path, allowed in (
        ("PATCH", f"/handles/{ask.handle('p')}", "GET, POST, PUT, DELETE, HEAD, OPTIONS"),
        ("PUT", "/site", "GET, HEAD, OPTIONS"),
        ("DELETE", "/handles", "GET, POST, HEAD, OPTIONS"),
        ("GET", "/prefixes/0.NA/88.101.3001", "POST, DELETE, OPTIONS"),
        ("GET", "/sessions", "POST, OPTIONS"),
    ):
        answer = await ask(method, path, as_={})
        assert (answer.status, answer.json["responseCode"]) == (405, 4), path
        assert answer.headers["Allow"] == allowed


async def test_a_page_of_another_site_may_write_only_with_what_it_says_itself(ask: Secure) -> None:
    origin = {"Origin": "https://app.example", "Access-Control-Request-Method": "PUT"}
    allowed = await ask("OPTIONS", f"/handles/{ask.handle('p')}", as_={}, headers=origin)
    assert allowed.status == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "PUT" in allowed.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in allowed.headers["Access-Control-Allow-Headers"]
    refused = await ask("PUT", f"/handles/{ask.handle('p')}", as_={}, headers=origin, json=[URL_VALUE])
    assert "WWW-Authenticate" in refused.headers["Access-Control-Expose-Headers"]
    for answer in (allowed, refused):
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_refusals_wear_the_dress_too(ask: Secure) -> None:
    answer = await ask("PUT", f"/handles/{ask.handle('p')}?callback=cb<&pretty", as_={}, json=[URL_VALUE])
    assert answer.status == 401
    assert answer.headers["Content-Type"] == "application/javascript;charset=utf-8"
    assert answer.body.startswith(b"cb({\n")


async def test_what_is_written_here_is_the_same_identifier_everywhere(ask: Secure) -> None:
    await put(ask, ask.handle("Q-1"), [value(1, "URL", "https://pumps.example/q"), value(2000, "NAME", "泵")])
    own = await ask.node("GET", f"/v1/identifiers/{ask.who.prefix}/Q-1")
    assert own.status == 200
    rows = await ask.node.world.pool.fetch("SELECT interface FROM identifier_history")
    assert {row["interface"] for row in rows} == {Interface.HANDLE_JSON}


async def test_what_an_identity_reads_that_never_counts_is_told_and_not_counted(database_url: str) -> None:
    async with secure_node(database_url, counting={"never": [f"handle:{PROBE}"]}) as ask:
        assert ask.who.username == PROBE
        assert await put(ask, ask.handle("counted"), [URL_VALUE]) == (201, 1)
        for nobody in (None, {}):
            answer = await ask("GET", f"/handles/{ask.handle('counted')}", as_=nobody)
            assert answer.status == 200
        await ask.node.counter.write()
        counted = await ask.node.world.pool.fetch("SELECT outcome, resolutions FROM resolution_count")
    assert [tuple(row) for row in counted] == [(Outcome.HIT, 1)]


async def test_what_an_identity_reads_below_its_own_prefix_is_marked_so(
    ask: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await put(ask, ask.handle("own"), [URL_VALUE]) == (201, 1)
    counter, marks = ask.node.counter, []
    count = counter.count
    monkeypatch.setattr(counter, "count", lambda *told, **more: (marks.append(more["marks"]), count(*told, **more)))
    for who in (None, {}):
        assert (await ask("GET", f"/handles/{ask.handle('own')}", as_=who)).status == 200
    assert marks == [OWN, 0]
