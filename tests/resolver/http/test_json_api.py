"""``/api/handles``: the Handle JSON interface on a real socket."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

from yarl import URL

from node.record import TTL_ABSOLUTE, Value
from tests.support.shelf import PUMP_VALUES, Front, Shelf, values

PATH = "/api/handles/"


async def raw_request(port: int, head: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer to exactly these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head + b"\r\nHost: a.example\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


async def test_the_whole_record_in_the_handle_system_s_shape(front: Front, pump: str) -> None:
    async with front.session.get(PATH + pump) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json;charset=utf-8"
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        assert await answer.json() == {
            "responseCode": 1,
            "handle": "88.101.1/Pump-001",
            "values": [
                {
                    "index": value.index,
                    "type": value.type,
                    "data": {"format": "string", "value": value.data.decode()},
                    "ttl": 3600,
                    "timestamp": "2026-03-01T08:00:00Z",
                }
                for value in PUMP_VALUES
            ],
        }


async def test_the_answer_echoes_the_spelling_that_was_asked_for(front: Front, pump: str) -> None:
    async with front.session.get(PATH + "88.101.1/pUMP-001") as answer:
        assert (await answer.json())["handle"] == "88.101.1/pUMP-001"


async def test_types_and_indexes_are_united(front: Front, pump: str) -> None:
    asked = [
        ("type=URL", [1]),
        ("type=url&type=MODEL", [1, 2001]),
        ("index=2000", [2000]),
        ("index=2000&type=URL", [1, 2000]),
        ("index=1&index=2001", [1, 2001]),
        ("auth&cert&publicOnly&doNotRefer&unknown=1", [1, 2000, 2001]),
    ]
    for query, indexes in asked:
        async with front.session.get(f"{PATH}{pump}?{query}") as answer:
            assert answer.status == 200
            assert [value["index"] for value in (await answer.json())["values"]] == indexes


async def test_values_that_are_not_there_are_code_200(front: Front, pump: str) -> None:
    async with front.session.get(f"{PATH}{pump}?type=EMAIL") as answer:
        assert answer.status == 200
        assert (await answer.json())["responseCode"] == 200
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_private_value_looks_exactly_like_a_missing_one(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    public, private = values((1, "URL", "https://a.example/"))[0], values((2, "COST", "9"), permissions=0x0C)[0]
    await shelf.register("88.101.1/A", [public, private])
    answers = []
    for query in ("type=COST", "index=2", "index=3", "type=NONE"):
        async with front.session.get(f"{PATH}88.101.1/A?{query}") as answer:
            answers.append((answer.status, await answer.read(), answer.headers["Content-Length"]))
    assert len(set(answers)) == 1
    async with front.session.get(f"{PATH}88.101.1/A") as answer:
        assert "COST" not in await answer.text()


async def test_refusals_have_their_codes(front: Front, pump: str) -> None:
    refused = [
        ("88.101.1/none", 404, 100),
        ("88.999.1/none", 400, 301),
        ("88.101.1/", 400, 102),
        ("10.1000/x", 400, 301),
        ("88.", 400, 102),
        ("88.101.1/%00", 400, 102),
        ("88.101.1/%0A", 400, 102),
        ("88.101.1/%FF", 400, 102),
        ("88.101.1/%E2%80%AE", 400, 102),
        ("88.101.1/" + "x" * 300, 400, 102),
        ("88.101.1/Pump-001?index=x", 400, 4),
        ("88.101.1/Pump-001?index=-1", 400, 4),
        ("88.101.1/Pump-001?index=99999999999", 400, 4),
        ("88.101.1/Pump-001?callback=()", 400, 4),
    ]
    for path, status, code in refused:
        async with front.session.get(URL(PATH + path, encoded=True)) as answer:
            assert answer.status == status
            body = await answer.json()
            assert body["responseCode"] == code
            assert "values" not in body
            assert answer.headers["Cache-Control"] == "no-store"


async def test_a_suspended_prefix_is_code_100(front: Front, shelf: Shelf, pump: str) -> None:
    await shelf.set_prefix_state("88.101.1", "suspended")
    async with front.session.get(PATH + pump) as answer:
        assert answer.status == 404
        assert (await answer.json())["responseCode"] == 100


async def test_a_suffix_may_hold_anything_that_a_path_can_spell(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/a/b")
    spellings = [
        ("a/b", "a%2Fb"),
        ("a/b", "a%2fb"),
        ("a%2Fb", "a%252Fb"),
        ("a b", "a%20b"),
        ("a+b", "a+b"),
        ("水泵", "%E6%B0%B4%E6%B3%B5"),
        ("a?b", "a%3Fb"),
        ("a#b", "a%23b"),
        ("../x", "../x"),
        ("./x", "./x"),
        ("a//b", "a//b"),
        ("a\\b", "a%5Cb"),
        ('"<>', "%22%3C%3E"),
    ]
    for suffix, path in spellings:
        if "/b" not in suffix or "//" in suffix:
            await shelf.register(f"88.101.1/{suffix}")
        for prefix in (PATH, "/"):
            head = f"GET {prefix}88.101.1/{path} HTTP/1.1\r\nAccept: application/json".encode()
            answer, body = await raw_request(front.port, head)
            assert answer.startswith(b"HTTP/1.1 200 "), path
            assert json.loads(body)["handle"] == f"88.101.1/{suffix}"


async def test_bare_bytes_beyond_ascii_are_refused_before_they_reach_us(front: Front) -> None:
    for suffix in ("水".encode(), b"\xff\xfe"):
        answer, _ = await raw_request(front.port, b"GET /api/handles/88.101.1/" + suffix + b" HTTP/1.1")
        assert b" 400 " in answer.partition(b"\r\n")[0]


async def test_an_identifier_cannot_write_headers(front: Front, pump: str) -> None:
    for target in ("/api/handles/", "/"):
        for payload in ("%0d%0aX-Evil:%201", "x%0d%0a%0d%0a<script>", "%E5%98%8A%E5%98%8DX-Evil:1"):
            answer, _ = await raw_request(front.port, f"GET {target}88.101.1/{payload} HTTP/1.1".encode())
            assert b"evil" not in answer.lower()
            assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))


async def test_pretty_is_the_same_answer_on_many_lines(front: Front, pump: str) -> None:
    async with front.session.get(PATH + pump) as plain, front.session.get(f"{PATH}{pump}?pretty") as pretty:
        text = await pretty.text()
        assert text.count("\n") > 10
        assert json.loads(text) == await plain.json()
    async with front.session.get(f"{PATH}{pump}?pretty=false") as plain:
        assert "\n" not in await plain.text()


async def test_a_callback_is_scrubbed_and_called(front: Front, pump: str) -> None:
    async with front.session.get(PATH + pump, params={"callback": "a.b<script>("}) as answer:
        assert answer.headers["Content-Type"] == "application/javascript;charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        text = await answer.text()
        assert text.startswith("a.bscript({")
        assert text.endswith("});")
    async with front.session.get(f"{PATH}88.101.1/none", params={"callback": "cb"}) as answer:
        assert await answer.text() == 'cb({"responseCode":100,"handle":"88.101.1/none"});'


async def test_any_origin_may_read(front: Front, pump: str) -> None:
    for headers in ({"Origin": "https://app.example"}, {}):
        async with front.session.get(PATH + pump, headers=headers) as answer:
            assert answer.headers.get("Access-Control-Allow-Origin") == headers.get("Origin")
            assert "Origin" in answer.headers["Vary"]
            assert "Access-Control-Allow-Credentials" not in answer.headers
    async with front.session.options(PATH + pump, headers={"Origin": "https://app.example"}) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Methods"] == "GET,POST,HEAD,PUT,DELETE"
        allowed = "X-Requested-With,Authorization,Origin,Accept,Content-Type"
        assert answer.headers["Access-Control-Allow-Headers"] == allowed
        assert answer.headers["Access-Control-Max-Age"] == "86400"


async def test_head_is_get_without_the_body(front: Front, pump: str) -> None:
    async with front.session.get(PATH + pump) as got, front.session.head(PATH + pump) as head:
        await got.read()
        assert head.status == 200
        assert await head.read() == b""
        for name in ("ETag", "Cache-Control", "Content-Type", "Content-Length"):
            assert head.headers[name] == got.headers[name]


async def test_a_tag_saves_the_body_until_the_record_changes(front: Front, shelf: Shelf, pump: str) -> None:
    async with front.session.get(PATH + pump) as answer:
        tag = answer.headers["ETag"]
    assert tag.startswith('"1-')
    for sent in (tag, f'"other", W/{tag}', "*"):
        async with front.session.get(PATH + pump, headers={"If-None-Match": sent}) as answer:
            assert answer.status == 304
            assert await answer.read() == b""
            assert answer.headers["ETag"] == tag
            assert answer.headers["Cache-Control"] == "public, max-age=3600"
    await shelf.update(pump, values((1, "URL", "https://new.example/")))
    await asyncio.sleep(0.2)
    async with front.session.get(PATH + pump, headers={"If-None-Match": tag}) as answer:
        assert answer.status == 200
        assert answer.headers["ETag"] != tag


async def test_the_smallest_ttl_of_the_values_answered_decides(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    expires = int(datetime.now(UTC).timestamp()) + 100
    record = [
        Value(1, "URL", b"https://a.example/", ttl=600),
        Value(2, "A", b"a", ttl=expires, ttl_type=TTL_ABSOLUTE),
        Value(3, "B", b"b", ttl=1, ttl_type=TTL_ABSOLUTE),
    ]
    await shelf.register("88.101.1/A", record)
    for query, low, high in (("index=1", 600, 600), ("index=1&index=2", 90, 100), ("", 0, 0)):
        async with front.session.get(f"{PATH}88.101.1/A?{query}") as answer:
            assert low <= int(answer.headers["Cache-Control"].removeprefix("public, max-age=")) <= high


async def test_other_methods_are_refused(front: Front, pump: str) -> None:
    async with front.session.patch(PATH + pump, json={}) as answer:
        assert answer.status == 405
        assert (await answer.json())["responseCode"] == 4


async def test_a_name_without_a_slash_is_short_for_the_handle_of_a_prefix(front: Front, pump: str) -> None:
    for name in ("88.101.1", "0.NA/88.101.1", "0.na/88.101.1"):
        async with front.session.get(PATH + name) as answer:
            body = await answer.json()
            assert (answer.status, body["handle"]) == (200, name)
            assert [value["type"] for value in body["values"]] == ["HS_SITE"]
