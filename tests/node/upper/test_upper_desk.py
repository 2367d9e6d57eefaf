"""The desk as somebody meets it who docks: what it offers, what it refuses, and how it bears bad company."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from yarl import URL

from node.database import Connection, Pool
from node.errors import TooMany
from node.national.messages import PARTS
from node.national.signature import ACCESS_KEY, NONCE, SIGNATURE, TIMESTAMP
from node.upper.exchange import Answered, Question
from node.upper.paths import LARGEST_BODY
from tests.support.upper import FACE, Upper, running_upper


async def test_anybody_learns_who_answers_and_what(upper: Upper) -> None:
    said = await upper.ask("GET", "/v1/interface")
    assert said.status == 200
    assert said.content == {
        "version": 1, "name": FACE.name, "prefix": "88", "laboratory": False, "parts": list(PARTS),
    }  # fmt: skip


async def test_anybody_gets_the_document_of_the_interface(upper: Upper) -> None:
    said = await upper.ask("GET", "/v1/openapi.json")
    assert said.content["openapi"] == "3.1.0"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/"), ("GET", "/v1/nothing"), ("GET", "/v1/messages"), ("PUT", "/v1/interface"),
        ("POST", "/v1/verdicts?after=0"), ("GET", "/v1/applications"), ("GET", "/v1/applications/a/b"),
        ("DELETE", "/v1/keys"), ("GET", "/v1/interface/"), ("PUT", "/v1/files/"),
    ],
)  # fmt: skip
async def test_what_is_not_of_the_interface_is_not_there(upper: Upper, method: str, path: str) -> None:
    said = await upper.ask(method, path)
    assert (said.status, said.code, said.content["retry"]) == (404, "path_unknown", False)


@pytest.mark.parametrize("part", PARTS)
async def test_a_part_that_is_not_offered_is_not_there(pool: Pool, part: str) -> None:
    paths = {
        "applications": ("POST", "/v1/applications"), "keys": ("POST", "/v1/keys"),
        "messages": ("POST", "/v1/messages"), "heartbeats": ("POST", "/v1/heartbeats"),
        "counts": ("POST", "/v1/counts"), "verdicts": ("GET", "/v1/verdicts?after=0"),
        "instructions": ("GET", "/v1/instructions?after=0"), "files": ("PUT", "/v1/files/" + "0" * 64),
        "standby": ("GET", "/v1/standby"),
    }  # fmt: skip
    rest = tuple(word for word in PARTS if word != part)
    async with running_upper(pool, face=replace(FACE, parts=rest)) as upper:
        below = await upper.below()
        said = {word: await below.ask(*paths[word]) for word in PARTS}
        offered = (await upper.ask("GET", "/v1/interface")).content["parts"]
    assert offered == list(rest)
    assert {word for word in PARTS if said[word].status == 404} == {part}


async def test_a_body_beyond_the_bound_is_refused_and_nothing_of_it_done(upper: Upper) -> None:
    below = await upper.below()
    said = await below.ask("POST", "/v1/messages", b" " * (LARGEST_BODY + 1))
    assert (said.status, said.code, said.content["retry"]) == (413, "body_too_large", False)


async def test_a_body_beyond_the_bound_that_does_not_say_its_length_is_refused(upper: Upper) -> None:
    async def endless() -> Any:
        for _ in range(200):
            yield b" " * 65_536

    seen: int | str
    try:
        headers = {ACCESS_KEY: (await upper.below()).keys.access_key}
        async with upper.session.post(upper.url + "/v1/messages", data=endless(), headers=headers) as response:
            seen = response.status
    except aiohttp.ClientError:
        seen = "cut off"
    assert seen in (413, "cut off")


@pytest.mark.parametrize(("method", "path"), [("PUT", "/v1/files/" + "0" * 64), ("POST", "/v1/messages")])
async def test_what_is_not_small_is_read_from_nobody_without_a_key(upper: Upper, method: str, path: str) -> None:
    """The answer comes while most of the body is still to be sent."""
    started = asyncio.Event()

    async def slow() -> Any:
        yield b" " * 65_536
        started.set()
        await asyncio.sleep(60)
        yield b""

    async with asyncio.timeout(5):
        async with upper.session.request(method, upper.url + path, data=slow()) as response:
            assert response.status == 401
            assert json.loads(await response.read())["code"] == "signature_missing"


async def test_bytes_that_are_no_text_in_a_path_are_refused(upper: Upper) -> None:
    """Before anybody tries to sign them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(upper.url).port)
    head = "".join(f"{name}: {'a' * 64}\r\n" for name in (ACCESS_KEY, NONCE, SIGNATURE))
    at = int(upper.clock().timestamp())
    writer.write(b"GET /v1/verdicts?after=0&\xff\xfe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + head.encode())
    writer.write(f"{TIMESTAMP}: {at}\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert b" 400 " in answer.split(b"\r\n")[0]


async def test_an_application_is_small(upper: Upper) -> None:
    said = await upper.ask("POST", "/v1/applications", b" " * 70_000)
    assert (said.status, said.code) == (413, "body_too_large")


async def test_answers_are_kept_by_no_cache(upper: Upper) -> None:
    async with upper.session.get(upper.url + "/v1/interface") as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.content_type == "application/json"


# Parts of others -------------------------------------------------------------------------------------------------


class Crowded(TooMany):
    title_zh = "过于拥挤"


async def _tell(connection: Connection, question: Question) -> bytes | None:
    if question.query.get("crowded"):
        await connection.execute("DELETE FROM docking_key")
        raise Crowded("come again later")
    said = {
        "part": question.part, "target": question.target, "query": dict(question.query),
        "prefix": question.caller.delegated_prefix, "octets": len(question.body),
    }  # fmt: skip
    return json.dumps(said).encode()


async def test_a_mounted_part_is_asked_by_those_with_a_key(upper: Upper) -> None:
    upper.desk.mount("files", "POST", "/v1/files/{sha256}/…", _tell)
    upper.desk.mount("files", "GET", "/v1/told/{word}", _tell, largest=1 << 23)
    below = await upper.below()
    said = await below.ask("GET", "/v1/told/w%C3%B6rd?a=1", b"x" * (5 << 20))
    assert said.content == {
        "part": "files", "target": "wörd", "query": {"a": "1"}, "prefix": "88.101", "octets": 5 << 20,
    }  # fmt: skip
    assert (await upper.ask("GET", "/v1/told/word")).status == 401


async def test_what_a_part_did_before_it_refused_did_not_happen(upper: Upper) -> None:
    upper.desk.mount("files", "GET", "/v1/told/{word}", _tell)
    below = await upper.below()
    said = await below.ask("GET", "/v1/told/word?crowded=1")
    assert (said.status, said.code, said.content["retry"]) == (429, "crowded", True)
    assert len(await upper.rows("SELECT 1 FROM docking_key")) == 1


async def test_what_a_part_forgot_to_foresee_is_told_without_its_reason(upper: Upper) -> None:
    async def fail(connection: Connection, _: Question) -> bytes | None:
        await connection.execute("SELECT 1 / 0 FROM docked_nowhere")
        return None

    upper.desk.mount("files", "GET", "/v1/fail", fail)
    below = await upper.below()
    said = await below.ask("GET", "/v1/fail")
    assert (said.status, said.code, said.content["retry"]) == (503, "database_away", True)
    assert "docked_nowhere" not in json.dumps(said.content)


# Keeping what was answered -----------------------------------------------------------------------------------------


async def test_who_keeps_answers_is_told_of_each_in_its_transaction(pool: Pool) -> None:
    kept: list[tuple[Answered, int]] = []

    async def keep(connection: Connection, answered: Answered) -> None:
        kept.append((answered, await connection.fetchval("SELECT count(*) FROM docked_message")))
        if answered.status == 200 and b"results" in answered.body and len(kept) < 8:
            raise asyncpg.SerializationError("for practice")

    def around(desk: Any) -> Any:
        async def serve(request: web.Request) -> web.Response:
            try:
                answered = await desk.answer(request, await desk.read(request), keep=keep)
            except asyncpg.PostgresError:
                return web.Response(body=b'{"code": "practice"}', status=503)
            return web.Response(body=answered.body, status=answered.status)

        return serve

    async with running_upper(pool, around=around) as upper:
        below = await upper.below()
        await below.ask("GET", "/v1/verdicts?after=0")
        await upper.ask("GET", "/v1/interface")
        await upper.ask("GET", "/v1/nothing")
        await upper.ask("GET", "/v1/verdicts?after=0")
        await below.ask("GET", "/v1/verdicts")
        await below.ask("POST", "/v1/messages", b" " * (LARGEST_BODY + 1))
        message = below.message("audit.note", {})
        assert (await below.send(message)).status == 503
        assert await upper.rows("SELECT 1 FROM docked_message") == []
        assert (await below.send(message)).content["results"][0]["status"] == "accepted"
    assert [(answered.status, answered.signature, bool(answered.access_key)) for answered, _ in kept] == [
        (200, "valid", True), (200, "unsigned", False), (404, "unread", False), (401, "signature_missing", False),
        (400, "valid", True), (413, "unread", False), (200, "valid", True), (200, "valid", True),
    ]  # fmt: skip
    assert kept[-1][1] == 1
