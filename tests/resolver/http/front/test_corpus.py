"""Whatever is sent, the front answers byte for byte what aiohttp alone answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from node.database import Pool
from node.record import TTL_ABSOLUTE, Value
from tests.support.shelf import Shelf, values
from tests.support.two_ways import SIMPLE, Ways, each, said, two_ways

PUMP = b"88.101.1/Pump-001"
HEAD = b"GET /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost: node\r\n"


@pytest.fixture
async def ways(database_url: str, pool: Pool, shelf: Shelf) -> AsyncIterator[Ways]:
    await shelf.prefix()
    await shelf.prefix("88.101.2", state="suspended")
    template = await shelf.template()
    await shelf.register(PUMP.decode(), template_id=template)
    await shelf.register("88.101.1/泵 1/a+b", template_id=template)
    await shelf.register("88.101.1/hidden", values((1, "COST", "9"), permissions=0x0C))
    await shelf.register("88.101.1/until", [Value(1, "URL", b"https://a/", 1_000_000_000, TTL_ABSOLUTE)])
    await shelf.register("88.101.1/long", values((1, "TEXT", "x" * 200_000)))
    async with two_ways(database_url, pool) as ways:
        yield ways


TARGETS = [
    PUMP, b"88.101.1/PUMP-001", b"88.101.1/pump%2d001", b"88.101.1/%50ump-001", b"88%2E101.1%2fPump-001",
    b"88.101.1/%E6%B3%B5%201/a+b", b"88.101.1/%e6%b3%b5%201%2Fa%2Bb", b"88.101.1/\xe6\xb3\xb5%201/a+b",
    b"88.101.1/none", b"88.101.1/no%2Bne%25", b"88.101.1/hidden", b"88.101.1/until", b"88.101.1/long",
    b"88.101.2/any", b"88.101.9/any", b"88.999/any", b"10.1000/1", b"0.NA/88.101.1", b"0.SITE/88.101", b"88.101.1",
    b"88.101.1/", b"", b"/", b"//88.101.1/x", b"88.101.1//x", b"88.101.1/../x", b"88.101.1/./x", b"../88.101.1/x",
    b"88.101.1/%", b"88.101.1/%zz", b"88.101.1/%ff", b"88.101.1/%00", b"88.101.1/a%20", b"88.101.1/" + b"x" * 300,
    b"88.101.1/" + b"%41" * 1500, b"88.101.1/Pump-001?", b"88.101.1/Pump-001?pretty", b"88.101.1/Pump-001?type=URL",
    b"88.101.1/Pump-001#there", b"88.101.1/Pump-001;x=1", b"88.101.1/a|b", b"88.101.1/a{b}", b'88.101.1/a"b',
    b"88.101.1/a\\b", b"88.101.1/a<b>", b"88.101.1/a^b`c",
]  # fmt: skip

HEADERS = [
    b"User-Agent: Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36", b"user-agent: Googlebot/2.1", b"Accept: */*",
    b"Connection: keep-alive", b"Connection: Keep-Alive", b"Connection: close", b"Connection: Upgrade",
    b"Connection: keep-alive, Upgrade", b"Upgrade: h2c", b"Proxy-Connection: close", b"Keep-Alive: timeout=5",
    b'If-None-Match: "1-x"', b"If-None-Match: *", b"If-Modified-Since: Sun, 22 Nov 2026 04:21:33 GMT",
    b"Range: bytes=0-9", b"Expect: 100-continue", b"Content-Length: 0", b"Content-Length: 3\r\n\r\nabc",
    b"Transfer-Encoding: chunked\r\n\r\n0", b"Content-Type: application/json", b"Origin: https://a.example",
    b"Authorization: Basic eDp5", b"Cookie: a=b", b"X-Requested-With: XMLHttpRequest", b"X-Request-Id: 12345678-abc",
    b"X-Request-Id: ?", b"X-Forwarded-For: 192.0.2.1", b"Accept-Encoding: gzip, br", b"Host: node", b"Host: other",
    b"Accept: a\r\nAccept: b", b"Accept: a\r\n b", b"Accept : a", b"Accept:", b"Accept:a", b"Accept: \t a \t",
    b"Accept: \xff", b"Accept: \x00", b"Accept: a\rb", b"Accept: a\nb", b"Accept", b": a", b" Accept: a", b"A b: c",
    b"Via: 1.1 proxy", b"Sec-Fetch-Mode: cors", b"X-Long: " + b"x" * 5000, b"X-Longer: " + b"x" * 17_000,
    b"\r\n".join(b"X-%d: y" % n for n in range(40)), b"\r\n".join(b"X-%d: y" % n for n in range(200)),
]  # fmt: skip

WHOLE = {
    "HEAD": b"HEAD /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost: node\r\n\r\n",
    "OPTIONS": b"OPTIONS /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost: node\r\n\r\n",
    "an odd method": b"BREW /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost: node\r\n\r\n",
    "a lower-case method": b"get /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost: node\r\n\r\n",
    "a POST": b"POST /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost: node\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.0": b"GET /api/handles/88.101.1/Pump-001 HTTP/1.0\r\n\r\n",
    "HTTP/1.0 with Host": b"GET /api/handles/88.101.1/x HTTP/1.0\r\nHost: node\r\nConnection: keep-alive\r\n\r\n",
    "HTTP/2.0": b"GET /api/handles/88.101.1/Pump-001 HTTP/2.0\r\nHost: node\r\n\r\n",
    "HTTP/9.9": b"GET /api/handles/88.101.1/Pump-001 HTTP/9.9\r\nHost: node\r\n\r\n",
    "no version": b"GET /api/handles/88.101.1/Pump-001\r\nHost: node\r\n\r\n",
    "two spaces": b"GET /api/handles/88.101.1/Pump-001  HTTP/1.1\r\nHost: node\r\n\r\n",
    "a space in front": b" GET /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost: node\r\n\r\n",
    "a space behind": b"GET /api/handles/88.101.1/Pump-001 HTTP/1.1 \r\nHost: node\r\n\r\n",
    "empty lines in front": b"\r\n\r\nGET /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost: node\r\n\r\n",
    "absolute": b"GET http://node/api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost: node\r\n\r\n",
    "escaped path": b"GET /api/h%61ndles/88.101.1/Pump-001 HTTP/1.1\r\nHost: node\r\n\r\n",
    "another path": b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n",
    "bare LF": b"GET /api/handles/88.101.1/Pump-001 HTTP/1.1\nHost: node\n\n",
    "LF within": b"GET /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost: node\nAccept: a\r\n\r\n",
    "LF at the end": b"GET /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost: node\r\n\n",
    "no Host": b"GET /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nAccept: a\r\n\r\n",
    "no headers": b"GET /api/handles/88.101.1/Pump-001 HTTP/1.1\r\n\r\n",
    "an empty Host": b"GET /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost:\r\n\r\n",
    "a strange Host": b"GET /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost: a b\r\n\r\n",
    "noise": bytes(range(256)) * 3 + b"\r\n\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
}  # fmt: skip


def corpus() -> Iterator[bytes]:
    yield from (SIMPLE % target for target in TARGETS)
    yield from (HEAD + header + b"\r\n\r\n" for header in HEADERS)
    yield from WHOLE.values()


async def test_every_request_of_the_corpus_is_answered_alike(ways: Ways) -> None:
    simple = SIMPLE % PUMP
    for asked in corpus():
        assert await said(ways.front, asked) == await said(ways.aiohttp, asked), asked[:200]
        by_aiohttp = await said(ways.aiohttp, asked, first=simple)
        assert by_aiohttp.startswith(b"HTTP/1.1 200 OK\r\n")
        assert await said(ways.front, asked, first=simple) == by_aiohttp, asked[:200]


async def test_most_simple_requests_are_answered_by_the_front_itself(ways: Ways) -> None:
    for target in (*TARGETS[:7], b"88.101.1/none", b"88.101.1/until", b"88.101.1/long"):
        before = ways.handed_over
        await each(ways.front, SIMPLE % target)
        assert ways.handed_over == before, target


async def test_a_request_may_come_in_two_pieces_cut_anywhere(ways: Ways) -> None:
    asked = HEAD + b"Accept: */*\r\n\r\n"
    whole = await said(ways.aiohttp, asked)
    behind = await said(ways.aiohttp, asked, asked)
    for cut in range(1, len(asked)):
        assert await said(ways.front, asked[:cut], asked[cut:]) == whole, asked[:cut]
        assert await said(ways.front, asked + asked[:cut], asked[cut:]) == behind, asked[:cut]


async def test_a_request_may_come_byte_by_byte(ways: Ways) -> None:
    asked = SIMPLE % PUMP + SIMPLE % b"88.101.1/none" + HEAD + b"If-None-Match: *\r\n\r\n" + SIMPLE % PUMP
    pieces = [asked[at : at + 1] for at in range(len(asked))]
    assert await said(ways.front, *pieces) == await said(ways.aiohttp, asked)


async def test_pipelined_requests_are_answered_in_order_whatever_each_needs(ways: Ways) -> None:
    targets = [PUMP, b"88.101.1/none", b"88.101.1/until", PUMP, b"88.101.1/Never-1", b"88.101.1/long", PUMP] * 3
    asked = b"".join(SIMPLE % target for target in targets)
    assert await said(ways.front, asked) == await said(ways.aiohttp, asked)
    asked += HEAD + b"Origin: https://a.example\r\n\r\n" + SIMPLE % b"88.101.2/any" + SIMPLE % PUMP
    assert await said(ways.front, asked) == await said(ways.aiohttp, asked)
