"""From a request to a handler and back: what is refused, how it is told, what is logged."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ipaddress
import json
import logging
from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field
from structlog.testing import capture_logs
from yarl import URL

from node.auth import Account, Action, Role
from node.database import DatabaseAway
from node.errors import Unauthenticated
from node.http_server import Bounds, HttpServer, bind
from node.routes import Call, Handler, Reply, Route, Upload
from node.web import WebSettings, body_blocks, make_app

LIMIT = 4096
SECRET = "the password of the database is hunter2"


class ShelfQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=20)] = 10
    colour: str | None = None


class ShelfBody(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    weight: float = 1.0
    inside: dict[str, Any] = {}


class Echo(BaseModel):
    heard: str


class TokenOdd(Unauthenticated):
    title_zh = "凭证无效"


async def authenticate(token: str) -> Account:
    if token == "admin":
        return Account(UUID(int=1), "admin", Role.ADMINISTRATOR, None)
    if token == "auditor":
        return Account(UUID(int=2), "auditor", Role.AUDITOR, None)
    raise TokenOdd("the token is unknown")


async def listing(call: Call, query: ShelfQuery) -> Reply:
    return Reply(Echo(heard=f"{query.limit} {query.colour} {call.account.name} {call.source}"))


async def create(_: Call, body: ShelfBody) -> Reply:
    return Reply(Echo(heard=body.name), status=201, headers={"Location": "/v1/shelves/1"})


async def forget(_: Call) -> Reply:
    return Reply(status=204)


async def fail(_: Call) -> Reply:
    raise ZeroDivisionError(SECRET)


async def away(_: Call) -> Reply:
    raise DatabaseAway("the database does not answer", cause="TimeoutError")


async def number(call: Call) -> Reply:
    return Reply(Echo(heard=f"{call.number('template_id')} {call.interface.name}"))


async def ready_bytes(_: Call) -> Reply:
    return Reply("原样".encode(), content_type="text/plain")


def upload(settings: WebSettings) -> Handler:
    async def take(call: Call) -> Reply:
        blocks = body_blocks(call.request, 1 << 20, settings.body_seconds)
        return Reply(Echo(heard=str(sum([len(block) async for block in blocks]))))

    return take


def stream(fault: Exception | None) -> Handler:
    async def blocks() -> AsyncIterator[bytes]:
        yield b"first,"
        if fault is not None:
            raise fault
        yield b"last"

    async def answer(_: Call) -> Reply:
        return Reply(blocks(), content_type="text/csv")

    return answer


def route(method: str, path: str, handler: Any, **more: Any) -> Route:
    described: dict[str, Any] = {
        "action": None, "tag": "shelves", "summary": "Shelves", "summary_zh": "货架", "answers": {200: Echo},
    }  # fmt: skip
    return Route(method, path, handler, **{**described, **more})


def routes(settings: WebSettings) -> list[Route]:
    return [
        route("GET", "/v1/shelves", listing, query=ShelfQuery, action=Action.ACCOUNT_READ),
        route("POST", "/v1/shelves", create, body=ShelfBody, action=Action.ACCOUNT_CREATE),
        route("DELETE", "/v1/shelves", forget),
        route("POST", "/v1/uploads", upload(settings), body=Upload(media_types=("text/csv",))),
        route("GET", "/v1/fail", fail),
        route("GET", "/v1/away", away),
        route("GET", "/v1/raw", ready_bytes),
        route("GET", "/v1/numbers/{template_id}", number),
        route("GET", "/v1/stream", stream(None)),
        route("GET", "/v1/stream-away", stream(DatabaseAway("the database does not answer"))),
        route("GET", "/v1/stream-fail", stream(ZeroDivisionError(SECRET))),
    ]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["Content-Type"] == "application/problem+json", self.body
        found = self.json
        assert found["status"] == self.status
        assert found["request_id"] == self.headers["X-Request-Id"]
        assert isinstance(found, dict)
        return found

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Which fields were at fault, and how."""
        return [(fault["field"], fault["code"]) for fault in self.problem["faults"]]


class Web:
    def __init__(self, port: int, session: aiohttp.ClientSession) -> None:
        self.port = port
        self._session = session

    async def __call__(
        self,
        method: str,
        path: str,
        *,
        by: str | None = "admin",
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        sent = {**({"Authorization": f"Bearer {by}"} if by else {}), **(headers or {})}
        url = URL(f"http://127.0.0.1:{self.port}{path}", encoded=True)
        async with self._session.request(method, url, headers=sent, allow_redirects=False, **more) as response:
            return Answer(response.status, response.headers, await response.read())

    async def post(self, body: bytes, content_type: str = "application/json", path: str = "/v1/shelves") -> Answer:
        return await self("POST", path, data=body, headers={"Content-Type": content_type})

    async def raw(self, *pieces: bytes, pause: float = 0.0) -> Answer:
        """Bytes as they are, with pauses between them; the first answer that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:

            async def send() -> None:
                with contextlib.suppress(ConnectionError):
                    for piece in pieces:
                        writer.write(piece)
                        await writer.drain()
                        await asyncio.sleep(pause)

            sending = asyncio.create_task(send())
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode().split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines[1:] if line)
                body = await reader.readexactly(int(headers["Content-Length"]))
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            return Answer(int(lines[0].split(" ")[1]), headers, body)
        finally:
            writer.transport.abort()


@contextlib.asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Web]:
    chosen = WebSettings(**{"body_bytes": LIMIT, "body_seconds": 0.4, **settings})
    app = make_app(routes(chosen), authenticate=authenticate, settings=chosen)

    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPSeeOther("/v1/raw")

    app.router.add_get("/elsewhere", elsewhere)
    bounds = Bounds(header_seconds=5, idle_seconds=5, connections=100, connections_per_source=100)
    async with (
        HttpServer(app, [bind("127.0.0.1", 0)], bounds) as server,
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        yield Web(server.ports[0], session)


@pytest.fixture
async def ask() -> AsyncIterator[Web]:
    async with serving() as found:
        yield found


POST = b"POST /v1/shelves HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer admin\r\nContent-Type: application/json\r\n"
UPLOAD = b"POST /v1/uploads HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer admin\r\nContent-Type: text/csv\r\n"


# Who asks -------------------------------------------------------------------------------------------


async def test_a_known_caller_is_heard(ask: Web) -> None:
    answer = await ask("GET", "/v1/shelves?limit=3&colour=%E7%BA%A2")
    assert (answer.status, answer.json) == (200, {"heard": "3 红 admin 127.0.0.1"})


async def test_nobody_is_asked_to_sign_in(ask: Web) -> None:
    answer = await ask("GET", "/v1/shelves", by=None)
    assert (answer.status, answer.problem["code"]) == (401, "not_signed_in")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="biaoshi"'


async def test_the_scheme_of_the_token_has_no_case(ask: Web) -> None:
    assert (await ask("GET", "/v1/shelves", by=None, headers={"Authorization": "bEARER admin"})).status == 200


async def test_a_role_without_the_right_is_refused_before_its_body_is_read(ask: Web) -> None:
    answer = await ask("POST", "/v1/shelves", by="auditor", data=b"{" * 1000)
    assert (answer.status, answer.problem["code"]) == (403, "not_allowed")


# Query ----------------------------------------------------------------------------------------------


async def test_unknown_parameters_are_named(ask: Web) -> None:
    answer = await ask("GET", "/v1/shelves?limit=3&colur=red&x")
    assert answer.status == 400
    assert answer.fields == [("colur", "extra_forbidden"), ("x", "extra_forbidden")]


async def test_an_operation_without_parameters_takes_none(ask: Web) -> None:
    answer = await ask("DELETE", "/v1/shelves?force=true")
    assert answer.status == 400
    assert answer.fields == [("force", "unknown")]


async def test_a_repeated_parameter_is_not_guessed_at(ask: Web) -> None:
    answer = await ask("GET", "/v1/shelves?limit=3&limit=4")
    assert answer.fields == [("limit", "repeated")]


async def test_all_faults_of_a_query_are_told_together(ask: Web) -> None:
    answer = await ask("GET", "/v1/shelves?limit=99&color=red")
    assert sorted(answer.fields) == [("color", "extra_forbidden"), ("limit", "less_than_equal")]


async def test_a_thousand_unknown_parameters_make_a_short_answer(ask: Web) -> None:
    answer = await ask("DELETE", "/v1/shelves?" + "&".join(f"{'p' * 40}{n}=1" for n in range(1000)))
    assert answer.status == 400
    assert len(answer.fields) == 100


# Path -----------------------------------------------------------------------------------------------


async def test_a_number_in_the_path_is_a_number(ask: Web) -> None:
    assert (await ask("GET", "/v1/numbers/7")).json == {"heard": "7 V1"}


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", "2147483648", "99999999999999999999", "%EF%BC%97", "1%00"])
async def test_what_is_no_number_in_the_path_is_named(ask: Web, text: str) -> None:
    answer = await ask("GET", f"/v1/numbers/{text}")
    assert (answer.status, answer.problem["code"], answer.problem["field"]) == (
        400,
        "invalid_path_parameter",
        "template_id",
    )


async def test_an_unknown_address_is_a_problem(ask: Web) -> None:
    answer = await ask("GET", "/v1/nowhere")
    assert (answer.status, answer.problem["code"]) == (404, "no_such_path")


async def test_an_unknown_method_is_told_which_ones_are_known(ask: Web) -> None:
    answer = await ask("PUT", "/v1/shelves")
    assert (answer.status, answer.problem["code"]) == (405, "method_not_supported")
    assert answer.headers["Allow"].replace(" ", "") == "DELETE,GET,POST"
    assert answer.problem["allowed"] == ["DELETE", "GET", "POST"]


@pytest.mark.parametrize("target", [b"/v1/\xff\xfe", b"/v1/%FF%FE", b"/v1/numbers/%ED%A0%80", b"/%", b"//", b"*"])
async def test_an_address_that_is_not_utf8_is_refused_like_any_other(ask: Web, target: bytes) -> None:
    answer = await ask.raw(b"GET " + target + b" HTTP/1.1\r\nHost: node\r\n\r\n")
    assert answer.status in (400, 404)


# Body -----------------------------------------------------------------------------------------------


async def test_a_good_body_is_heard(ask: Web) -> None:
    answer = await ask.post('{"name": "架子"}'.encode(), "application/json; charset=utf-8")
    assert (answer.status, answer.json) == (201, {"heard": "架子"})
    assert answer.headers["Location"] == "/v1/shelves/1"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "x", ""]
)
async def test_another_content_type_is_not_read(ask: Web, content_type: str) -> None:
    answer = await ask.post(b'{"name": "shelf"}', content_type)
    assert (answer.status, answer.problem["code"]) == (415, "unsupported_media_type")


async def test_a_content_type_that_is_not_utf8_is_told_too(ask: Web) -> None:
    answer = await ask.raw(POST.replace(b"application/json", b"text/\xff\xfe") + b"Content-Length: 2\r\n\r\n{}")
    assert (answer.status, answer.problem["code"]) == (415, "unsupported_media_type")


NOT_JSON = {
    "nothing": b"",
    "half an object": b'{"name": "sh',
    "two objects": b'{"name": "a"}{"name": "b"}',
    "an array": b"[]",
    "null": b"null",
    "another encoding": '{"name": "架子"}'.encode("gb18030"),
    "UTF-16": '{"name": "shelf"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"name": "shelf"}',
    "broken UTF-8": b'{"name": "\xff"}',
    "an overlong slash": b'{"name": "\xc0\xaf"}',
    "half a pair": rb'{"name": "\ud800"}',
    "half a pair, the other half": rb'{"name": "\udc00"}',
    "half a pair in UTF-8": b'{"name": "\xed\xa0\x80"}',
    "a raw line break": b'{"name": "a\nb"}',
    "deep arrays": b'{"name": "a", "inside": {"x": ' + b"[" * 1000,
    "very deep arrays": b"[" * 4000,
    "very deep objects": b'{"a":' * 800,
    "not a number": b'{"name": "a", "weight": NaN, "inside": {"x"}}',
    "a comment": b'{"name": "a"} // why',
    "single quotes": b"{'name': 'a'}",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
async def test_what_is_no_json_is_refused_by_name(ask: Web, body: bytes) -> None:
    answer = await ask.post(body)
    assert (answer.status, answer.problem["code"]) == (400, "invalid_input")
    assert answer.fields


@pytest.mark.parametrize("piece", [b"[", b'{"a":', b"9"], ids=["arrays", "objects", "a number"])
async def test_a_hundred_thousand_brackets_or_digits_do_no_harm(piece: bytes) -> None:
    async with serving(body_bytes=1 << 20) as ask:
        answer = await ask.post(b'{"name": "a", "weight": ' + piece * 100_000 + b"}")
        assert (answer.status, answer.problem["code"]) == (400, "invalid_input")
        assert (await ask.post(b'{"name": "a"}')).status == 201


async def test_every_fault_of_a_body_is_told_with_its_place_and_without_its_value(ask: Web) -> None:
    answer = await ask.post(b'{"name": 7, "weight": "hunter2", "extra": "hunter2"}')
    assert sorted(answer.fields) == [("extra", "extra_forbidden"), ("name", "string_type"), ("weight", "float_type")]
    assert b"hunter2" not in answer.body


async def test_ten_thousand_faults_make_a_short_answer() -> None:
    async with serving(body_bytes=1 << 20) as ask:
        answer = await ask.post(json.dumps({"n" * 300 + str(n): 1 for n in range(2_000)}).encode())
        assert answer.status == 400
        assert len(answer.fields) == 101
        assert "2001 faults" in answer.problem["faults"][-1]["message"]
        assert len(answer.body) < 40_000


async def test_a_body_announced_too_large_is_refused_before_it_is_sent(ask: Web) -> None:
    answer = await ask.raw(POST + b"Content-Length: 10000000000\r\n\r\n")
    assert (answer.status, answer.problem["code"], answer.problem["limit"]) == (413, "body_too_large", LIMIT)


async def test_a_body_that_turns_out_too_large_is_refused(ask: Web) -> None:
    chunk = b"400\r\n" + b" " * 1024 + b"\r\n"
    answer = await ask.raw(POST + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 20)
    assert (answer.status, answer.problem["code"]) == (413, "body_too_large")


async def test_a_body_that_swells_when_unpacked_is_too_large(ask: Web) -> None:
    packed = gzip.compress(b" " * 10_000_000)
    answer = await ask("POST", "/v1/shelves", data=packed,
                       headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})  # fmt: skip
    assert (answer.status, answer.problem["code"]) == (413, "body_too_large")


async def test_what_is_packed_in_no_way_that_we_know_is_refused(ask: Web) -> None:
    whole = gzip.compress(b'{"name": "a"}')
    for body, coding, code in (
        (whole, "br", "unsupported_media_type"),
        (whole[:-4], "gzip", "body_broken"),
        (whole + b"more", "gzip", "body_broken"),
        (b'{"name": "a"}', "gzip", "body_broken"),
    ):
        answer = await ask("POST", "/v1/shelves", data=body,
                           headers={"Content-Type": "application/json", "Content-Encoding": coding})  # fmt: skip
        assert answer.problem["code"] == code, (body, coding)
    upload = await ask("POST", "/v1/uploads", data=whole,
                       headers={"Content-Type": "text/csv", "Content-Encoding": "gzip"})  # fmt: skip
    assert (upload.status, upload.problem["code"]) == (415, "unsupported_media_type")


async def test_a_packed_body_is_unpacked(ask: Web) -> None:
    answer = await ask("POST", "/v1/shelves", data=gzip.compress(b'{"name": "a"}'),
                       headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})  # fmt: skip
    assert answer.status == 201


async def test_a_body_that_stops_is_ended_by_the_deadline(ask: Web) -> None:
    began = asyncio.get_running_loop().time()
    answer = await ask.raw(POST + b'Content-Length: 100\r\n\r\n{"name": ')
    assert (answer.status, answer.problem["code"]) == (408, "body_too_slow")
    assert 0.3 < asyncio.get_running_loop().time() - began < 2


async def test_single_bytes_now_and_then_do_not_move_the_deadline(ask: Web) -> None:
    began = asyncio.get_running_loop().time()
    answer = await ask.raw(UPLOAD + b"Content-Length: 1000\r\n\r\n", *[b"x"] * 100, pause=0.05)
    assert (answer.status, answer.problem["code"]) == (408, "body_too_slow")
    assert asyncio.get_running_loop().time() - began < 2


async def test_a_long_body_may_take_its_time_as_long_as_it_goes_on(ask: Web) -> None:
    pieces = [bytes(70_000)] * 6
    answer = await ask.raw(UPLOAD + b"Content-Length: 420000\r\n\r\n", *pieces, pause=0.2)
    assert (answer.status, answer.json) == (200, {"heard": "420000"})


@pytest.mark.parametrize(
    "body", [b"ZZ\r\nabc", b"3\r\nabcdef\r\n", b"-1\r\n"], ids=["no size", "wrong size", "negative"]
)
async def test_chunks_that_break_midway_end_by_the_deadline_in_one_line(ask: Web, body: bytes) -> None:
    with capture_logs() as lines:
        answer = await ask.raw(UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", body, pause=0.05)
        assert (answer.status, answer.problem["code"]) == (408, "body_too_slow")
    assert [line["event"] for line in lines] == ["request"]


async def test_who_goes_away_amid_a_body_costs_one_line(ask: Web) -> None:
    with capture_logs() as lines:
        _, writer = await asyncio.open_connection("127.0.0.1", ask.port)
        writer.write(UPLOAD + b"Content-Length: 1000\r\n\r\nsome")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.transport.abort()
        await asyncio.sleep(0.2)
    assert [line["event"] for line in lines] == ["request"]


# Answers --------------------------------------------------------------------------------------------


async def test_answers_are_neither_kept_nor_guessed_at(ask: Web) -> None:
    for path in ("/v1/shelves", "/v1/raw", "/v1/stream"):
        answer = await ask("GET", path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_an_answer_may_have_no_body(ask: Web) -> None:
    answer = await ask("DELETE", "/v1/shelves")
    assert (answer.status, answer.body) == (204, b"")
    assert "Content-Type" not in answer.headers


async def test_ready_bytes_are_sent_as_they_are(ask: Web) -> None:
    answer = await ask("GET", "/v1/raw")
    assert (answer.body.decode(), answer.headers["Content-Type"]) == ("原样", "text/plain; charset=utf-8")


async def test_a_stream_is_sent_as_it_comes(ask: Web) -> None:
    answer = await ask("GET", "/v1/stream")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"first,last", "text/csv")


@pytest.mark.parametrize("path", ["/v1/stream-away", "/v1/stream-fail"])
async def test_a_stream_that_breaks_off_is_not_taken_for_a_whole_one(ask: Web, path: str) -> None:
    with capture_logs() as lines, pytest.raises(aiohttp.ClientError):
        await ask("GET", path)
    (told,) = [line for line in lines if line["event"] == "answer_cut_off"]
    assert told["exc_info"] is (path == "/v1/stream-fail")
    assert (await ask("GET", "/v1/raw")).status == 200


async def test_a_part_that_is_away_is_told_with_a_time_to_come_again(ask: Web) -> None:
    answer = await ask("GET", "/v1/away")
    assert (answer.status, answer.problem["code"]) == (503, "database_away")
    assert answer.headers["Retry-After"] == "1"


async def test_an_unforeseen_failure_is_told_without_details_and_logged_with_them(
    ask: Web, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as lines:
        answer = await ask("GET", "/v1/fail", headers={"X-Request-Id": "find-me-again"})
    assert (answer.status, answer.problem["code"]) == (500, "unexpected_failure")
    assert b"hunter2" not in answer.body
    assert b"ZeroDivision" not in answer.body
    failures = [line for line in lines if line["event"] == "unexpected_failure"]
    assert [(line["request_id"], line["exc_info"], line["log_level"]) for line in failures] == [
        ("find-me-again", True, "error")
    ]
    assert [line["status"] for line in lines if line["event"] == "request"] == [500]
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


# Request ids, log lines, addresses --------------------------------------------------------------------


async def request_lines(ask: Web, *args: Any, **more: Any) -> list[MutableMapping[str, Any]]:
    with capture_logs() as lines:
        await ask(*args, **more)
    return [line for line in lines if line["event"] == "request"]


@pytest.mark.parametrize("path", ["/v1/shelves", "/v1/nowhere", "/v1/stream", "/elsewhere", "/v1/fail"])
async def test_a_request_id_is_echoed_in_every_kind_of_answer(ask: Web, path: str) -> None:
    answer = await ask("GET", path, headers={"X-Request-Id": "order-2026.11_21"})
    assert answer.headers["X-Request-Id"] == "order-2026.11_21"


@pytest.mark.parametrize(
    "given", ["short", "x" * 65, "has space 1", 'quote"d-12', "中文中文中文中文", "<script>alert", "a;b=c;d=e"]
)
async def test_an_odd_request_id_is_replaced(ask: Web, given: str) -> None:
    answer = await ask("GET", "/v1/shelves", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] != given
    assert len(answer.headers["X-Request-Id"]) == 32


async def test_two_requests_have_two_ids(ask: Web) -> None:
    ids = {(await ask("GET", "/v1/shelves")).headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3


async def test_a_request_is_one_line(ask: Web) -> None:
    (line,) = await request_lines(ask, "GET", "/v1/shelves?limit=3", headers={"X-Request-Id": "order-2026"})
    assert line["milliseconds"] >= 0
    assert {name: line[name] for name in ("request_id", "method", "path", "status", "source", "caller")} == {
        "request_id": "order-2026", "method": "GET", "path": "/v1/shelves", "status": 200, "source": "127.0.0.1",
        "caller": "admin",
    }  # fmt: skip


async def test_a_redirection_is_logged_as_what_it_is(ask: Web) -> None:
    (line,) = await request_lines(ask, "GET", "/elsewhere")
    assert line["status"] == 303


async def test_lines_can_be_turned_off() -> None:
    async with serving(log_requests=False) as ask:
        assert await request_lines(ask, "GET", "/v1/shelves") == []


async def test_forwarded_addresses_are_believed_from_trusted_proxies_only(ask: Web) -> None:
    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
    (line,) = await request_lines(ask, "GET", "/v1/shelves", headers=forwarded)
    assert line["source"] == "127.0.0.1"
    async with serving(trusted_proxies=(ipaddress.ip_network("127.0.0.0/8"),)) as behind_proxy:
        (line,) = await request_lines(behind_proxy, "GET", "/v1/shelves", headers=forwarded)
        assert line["source"] == "203.0.113.9"
        assert "203.0.113.9" in (await behind_proxy("GET", "/v1/shelves", headers=forwarded)).json["heard"]
