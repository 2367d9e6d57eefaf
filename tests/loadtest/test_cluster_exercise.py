"""The cluster exercise judges as it says; its clients believe only what was answered, and it names what is missing.

The exercise itself takes minutes and Debian's programs: ``make cluster-exercise``.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from loadtest import debian_programs
from loadtest.cluster_exercise import WRITES_BACK_SECONDS, Round
from loadtest.cluster_load import Asker, Registrar, Resolved, Written, never_asked

IDENTIFIER = "88.101.2001/X-0000007"


class Desk:
    """Answers of a node, one after the other as a test says them; the last again and again."""

    url: str

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.asked = 0

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=said.status, body=said.body, headers=said.headers)


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", desk.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    desk.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield desk
    await runner.cleanup()


async def registered(desk: Desk, *answers: web.Response) -> Written:
    """What a client makes of these answers to its first number, until it is done with it."""
    desk.answers = list(answers)
    written, stop = Written(), asyncio.Event()
    async with aiohttp.ClientSession() as session:
        registrar = Registrar(session, desk.url, "token", "88.101.2001", "pump", "X")
        running = asyncio.create_task(registrar.run(itertools.count(7), written, stop))
        async with asyncio.timeout(30):
            while not written.acknowledged and not written.errors:  # noqa: ASYNC110 - a client counts
                await asyncio.sleep(0.01)
        stop.set()
        await running
    return written


def conflict(code: str) -> web.Response:
    return web.json_response({"code": code}, status=409)


async def test_a_registration_counts_when_it_was_created(desk: Desk) -> None:
    written = await registered(desk, web.json_response({}, status=201))
    assert next(iter(written.acknowledged)) == IDENTIFIER
    assert (written.again, written.errors) == (0, [])


async def test_standing_already_is_an_answer_for_whoever_asked_before_only(desk: Desk) -> None:
    away = web.json_response({"code": "database_away"}, status=503)
    written = await registered(desk, away, conflict("identifier_exists"), web.json_response({}, status=201))
    assert next(iter(written.acknowledged)) == IDENTIFIER
    assert written.again == 1
    written = await registered(desk, conflict("identifier_exists"), web.json_response({}, status=503))
    assert "identifier_exists" in written.errors[0]
    assert not written.acknowledged


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (web.Response(status=200, text=f'{{"handle":"{IDENTIFIER}"}}'), ""),
        (web.Response(status=200, text='{"handle":"88.101.2001/OTHER"}'), "200"),
        (web.Response(status=503, text=f'{{"handle":"{IDENTIFIER}"}}'), "503"),
    ],
)
async def test_every_resolution_is_compared_with_what_was_asked(desk: Desk, answer: web.Response, fault: str) -> None:
    desk.answers = [answer]
    resolved, stop = Resolved(), asyncio.Event()
    async with aiohttp.ClientSession() as session:
        running = asyncio.create_task(Asker(session, desk.url, lambda: IDENTIFIER).run(resolved, stop))
        async with asyncio.timeout(30):
            while not resolved.right and not resolved.errors:  # noqa: ASYNC110 - a client counts
                await asyncio.sleep(0.01)
        stop.set()
        await running
    assert bool(resolved.right) is not bool(fault)
    assert all(fault in words for words in resolved.errors)


async def test_what_was_just_acknowledged_is_left_to_the_standby_for_a_moment() -> None:
    now = asyncio.get_running_loop().time()
    choose = never_asked(Written({"old": now - 60, "new": now}))
    assert [choose(), choose()] == ["old", None]


def test_a_round_tells_what_must_not_have_happened() -> None:
    answers = {"from the cache": Resolved(right=5), "from the standby": Resolved(errors=["a: 503"])}
    good = Round("primary killed", gap=WRITES_BACK_SECONDS, resolved={"from the cache": Resolved(right=5)})
    bad = Round("primary killed", gap=WRITES_BACK_SECONDS + 1, resolved=answers, written=Written(errors=["b: 500"]))
    assert good.faults == []
    assert bad.faults == [
        "primary killed: from the standby: a: 503",
        "primary killed: from the standby: nothing was resolved",
        "primary killed: registering: b: 500",
        "primary killed: no registration was acknowledged for 31.0 s",
    ]


def test_the_longest_time_without_an_acknowledgement_lies_between_the_fault_and_the_end() -> None:
    written = Written({"a": 1.0, "b": 11.0, "c": 31.5, "d": 32.0})
    assert written.gap(since=10.0, until=33.0) == 20.5
    assert written.gap(since=10.0, until=60.0) == 28.0
    assert Written().gap(since=10.0, until=60.0) == 50.0


def test_programs_that_are_missing_are_named_by_debian_s_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian_programs, "_PATH", str(tmp_path))
    monkeypatch.setattr(debian_programs, "_POSTGRES", tmp_path)
    with pytest.raises(
        debian_programs.ProgramMissing, match=r"apt install etcd-server patroni haproxy postgresql-15$"
    ):
        debian_programs.find_programs(haproxy=True)
