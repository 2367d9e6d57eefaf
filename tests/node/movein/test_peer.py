"""A node that others run is asked with patience, and its answers are bounded, JSON, and its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from node.movein.peer import Peer, PeerAddressUnreadable, PeerAway, PeerStrange, peer_at, refused, whole_number


async def answer(request: web.Request) -> web.StreamResponse:
    match request.path.rpartition("/")[2]:
        case "long":
            return web.Response(body=b'"' + b"x" * 5000 + b'"')
        case "deep":
            return web.Response(body=b"[" * 200_000)
        case "list":
            return web.json_response([1])
        case "infinite":
            return web.Response(body=b'{"a": Infinity}')
        case "elsewhere":
            raise web.HTTPFound("/long")
        case "failing":
            return web.Response(status=500, body=b"{}")
        case "busy":
            return web.Response(status=503, body=b"{}")
        case _:
            return web.Response(body=b'{"number": 1.50, "token": "%s"}' % request.headers["Authorization"].encode())


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with peer_at(f"http://127.0.0.1:{runner.addresses[0][1]}/behind/a/proxy", patience=0.3) as peer:
        yield peer
    await runner.cleanup()


async def test_an_answer_is_an_object_whose_fractions_lose_nothing(peer: Peer) -> None:
    assert await peer.told("GET", "/right", token="t") == {"number": "1.50", "token": "Bearer t"}


@pytest.mark.parametrize("path", ["long", "deep", "list", "infinite", "elsewhere", "failing"])
async def test_what_a_node_would_not_answer_is_refused_at_once(peer: Peer, path: str) -> None:
    with pytest.raises(PeerStrange):
        await peer.told("GET", f"/{path}", token="t")


async def test_an_answer_that_is_too_long_is_not_read_to_its_end(peer: Peer) -> None:
    with pytest.raises(PeerStrange, match="more than 4999 octets"):
        await peer.content("GET", "/long", limit=4999)


async def test_a_node_that_stays_busy_or_away_is_given_up_when_patience_ends(peer: Peer) -> None:
    with pytest.raises(PeerAway, match="HTTP 503"):
        await peer.told("GET", "/busy")
    async with peer_at("http://127.0.0.1:1", patience=0.2) as nobody:
        with pytest.raises(PeerAway):
            await nobody.told("GET", "/")


@pytest.mark.parametrize(
    "address", ["nonsense", "ftp://a", "http://u:p@a", "http://", "http://a:99999", "http://a?b"]
)
async def test_an_address_that_is_none_or_holds_a_password_is_refused(address: str) -> None:
    with pytest.raises(PeerAddressUnreadable):
        async with peer_at(address):
            pass


def test_numbers_may_stand_in_quotes_and_refusals_tell_nothing_that_a_terminal_obeys() -> None:
    assert [whole_number(one) for one in (7, "7", "-2", True, "x", 1.5, "9" * 30, None)] == [7, 7, -2, *[None] * 5]
    assert refused(-2, "\x1b[2J没有" + "x" * 500).evidence["said"].startswith("?[2J没有")
    assert len(refused(-2, "x" * 500).evidence["said"]) == 200
