"""Answers that are ready: the same bytes that the desk would write, and none that is no longer right."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from node.database import Pool
from node.notices import Notice, NoticeKind
from node.record import Value
from resolver.cache import Cache
from resolver.handle.codes import Flag
from resolver.handle.desk import Reply
from resolver.handle.ready import ReadyAnswers, question_of
from tests.support.docking import until
from tests.support.handle import Peer, Served, connected, datagrams_to, record_of, resolution, served, told
from tests.support.shelf import Shelf

LONG = Value(7, "DESC", b"x" * 2000)


@pytest.fixture
async def node(database_url: str, pool: Pool, pump: str) -> AsyncIterator[Served]:
    async with served(database_url, pool) as node:
        yield node


@pytest.fixture
async def peer(node: Served) -> AsyncIterator[Peer]:
    async with connected(node.port) as peer:
        yield peer


def ready_of(node: Served) -> ReadyAnswers:
    return node.service.http.ready


async def test_the_second_answer_is_the_first_but_for_number_and_expiration(
    node: Served, peer: Peer, pump: str
) -> None:
    await peer.send(resolution(pump, 1, expiration=1_900_000_000))
    worked = await peer.data()
    assert len(ready_of(node)) == 1
    await peer.send(resolution(pump, 0x01020304, expiration=1_950_000_000))
    copied = await peer.data()
    assert told(copied).header.expiration == 1_950_000_000
    assert told(copied).envelope.request_id == 0x01020304
    assert copied[:8] + copied[12:36] + copied[40:] == worked[:8] + worked[12:36] + worked[40:]
    assert record_of(told(copied)) == record_of(told(worked))


async def test_what_is_asked_differently_is_answered_by_its_own(node: Served, peer: Peer, pump: str) -> None:
    asked = [
        resolution(pump), resolution(pump, types=["URL"]), resolution(pump.upper()), resolution(pump, version=(2, 3)),
        resolution(pump, version=(2, 10)), resolution(pump, flags=0), resolution(pump, types=["NONE"]),
    ]  # fmt: skip
    first = [await peer.ask(one) for one in asked]
    assert len(ready_of(node)) == len(asked)
    for turn in range(3):
        again = [await peer.ask(one) for one in asked]
        assert again == first, turn


@pytest.mark.parametrize(
    "flag", [Flag.CERTIFY, Flag.RETURN_DIGEST, Flag.AUTHORITATIVE, Flag.ENCRYPT], ids=lambda flag: flag.name
)
async def test_what_is_one_of_a_kind_is_never_kept(node: Served, peer: Peer, pump: str, flag: Flag) -> None:
    for number in range(3):
        reply = await peer.ask(resolution(pump, number + 1, flags=int(0x19000000 | flag)))
        assert reply.header.response_code == 1
    assert len(ready_of(node)) == 0


async def test_a_handle_that_is_not_there_is_never_kept(node: Served, peer: Peer, shelf: Shelf, pump: str) -> None:
    assert (await peer.ask(resolution("88.101.1/new"))).header.response_code == 100
    assert len(ready_of(node)) == 0
    await shelf.register("88.101.1/new")
    await until(lambda: node.resolver.listening)
    for _ in range(100):
        reply = await peer.ask(resolution("88.101.1/new"))
        if reply.header.response_code == 1:
            break
        await asyncio.sleep(0.02)
    assert record_of(reply)


async def test_a_change_is_answered_as_soon_as_it_is_heard(node: Served, peer: Peer, shelf: Shelf, pump: str) -> None:
    for turn, number in itertools.product(range(5), range(3)):
        new = (Value(1, "URL", b"https://example.com/%d" % turn),)
        if number == 0:
            before = node.resolver.epoch
            await shelf.update(pump, new)
            await until(lambda before=before: node.resolver.epoch > before)
        assert record_of(await peer.ask(resolution(pump))) == new


async def test_a_deleted_or_suspended_one_is_not_answered_from_memory(
    node: Served, peer: Peer, shelf: Shelf, pump: str
) -> None:
    assert record_of(await peer.ask(resolution(pump)))
    before = node.resolver.epoch
    await shelf.set_prefix_state("88.101.1", "suspended")
    await until(lambda: node.resolver.epoch > before)
    assert (await peer.ask(resolution(pump))).header.response_code == 301
    before = node.resolver.epoch
    await shelf.set_prefix_state("88.101.1", "enabled")
    await shelf.delete(pump)
    await until(lambda: node.resolver.epoch > before + 1)
    assert (await peer.ask(resolution(pump))).header.response_code == 100


async def test_nothing_is_ready_while_notices_are_not_heard(node: Served, peer: Peer, pump: str) -> None:
    question = question_of(resolution(pump))
    await peer.ask(resolution(pump))
    assert ready_of(node).find(question) is not None
    node.resolver._on_lost()
    assert ready_of(node).find(question) is None


async def test_a_long_answer_is_the_same_in_its_datagrams(node: Served, peer: Peer, shelf: Shelf, pump: str) -> None:
    before = node.resolver.epoch
    await shelf.update(pump, (LONG,))
    await until(lambda: node.resolver.epoch > before)
    whole = await peer.ask(resolution(pump, 1))
    answer = ready_of(node).find(question_of(resolution(pump)))
    assert answer is not None
    for number in (1, 7, 0x7FFFFFFF):
        request = resolution(pump, number, expiration=1_900_000_000 + number % 100)
        parts = answer.datagrams(request)
        assert len(parts) > 4
        assert all(len(part) <= 512 and part[8:12] == request[8:12] for part in parts)
        payload = b"".join(part[20:] for part in parts)
        assert payload == answer.message(request)[20:]
        assert told(answer.message(request)).body == whole.body
        assert payload[16:20] == request[36:40]


async def test_what_is_kept_is_bounded(node: Served, shelf: Shelf, pump: str) -> None:
    ready = ReadyAnswers(node.resolver, bound=20_000)
    async with connected(node.port) as peer:
        await peer.ask(resolution(pump))
    answer = ready_of(node).find(question_of(resolution(pump)))
    assert answer is not None
    for number in range(1000):
        request = resolution(pump, types=[f"T{number}"])
        reply = Reply(answer.message(request), answer.outcome, answer.key, answer.entry)
        ready.keep(request, question_of(request), reply)
    assert 0 < len(ready) <= 24
    request = resolution(pump, types=["huge"])
    huge = answer.message(request) + bytes(70_000)
    ready.keep(request, b"huge", Reply(huge, answer.outcome, answer.key, answer.entry))
    assert ready.find(b"huge") is None


async def test_an_answer_that_was_ready_counts_like_any_other(node: Served, pool: Pool, pump: str) -> None:
    async with connected(node.port) as peer:
        for number in range(10):
            await peer.ask(resolution(pump, number + 1))
        await peer.send(b"".join(resolution(pump, number + 1) for number in range(10)))
        for _ in range(10):
            await peer.message()
    with datagrams_to(node.port) as udp:
        for number in range(5):
            await udp.ask(resolution(pump, number + 1))
    await node.counter.write()
    rows = await pool.fetch("SELECT prefix, interface, outcome, resolutions FROM resolution_count ORDER BY interface")
    assert [tuple(row.values()) for row in rows] == [("88.101.1", 6, 1, 5), ("88.101.1", 7, 1, 20)]


def test_a_notice_of_any_kind_makes_a_new_epoch() -> None:
    cache = Cache(found_bytes=10_000, missing_bytes=10_000, missing_seconds=1, stale_seconds=1)
    seen = {cache.epoch}
    cache.resumed()
    for notice in (
        Notice(NoticeKind.IDENTIFIERS, "88.101.1", ("A",)), Notice(NoticeKind.PREFIX, "88.101.1"),
        Notice(NoticeKind.ADDITIONS, "88.101.1"),
    ):  # fmt: skip
        cache.hear(notice)
        assert cache.epoch not in seen
        seen.add(cache.epoch)
    for act in (cache.hear_unknown, cache.lost):
        act()
        assert cache.epoch not in seen
        seen.add(cache.epoch)
