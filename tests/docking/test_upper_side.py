"""The docking test on upper sides: on ours nothing fails, and what is broken is found by the case made for it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from docking.case import Case, Finding, Outcome
from docking.upper.programme import CASES, Trust, UpperUnderTest, examine_upper
from registry.downward.passing_down import pass_down_for_ever
from tests.support.certificates import certificate_of, rsa_key, written
from tests.support.docking import KEYS, DockedNode, now
from tests.support.node_below import NodeBelow, desk_open
from tests.support.office import Office
from tests.support.spoiling import Passed, Spoil, spoiled

PATIENCE = 4.0
WAITS_FOR_LONG = "4.3.6"
"""A case that is tried with ``--docking-whole`` only."""

Tried = list[Case[Any]]


def of(findings: list[Finding], outcome: Outcome) -> dict[str, str]:
    return {finding.number: finding.came.en for finding in findings if finding.outcome is outcome}


async def examined(tested: UpperUnderTest, *groups: str) -> list[Finding]:
    """The findings of the cases whose numbers begin so, of all when none is named."""
    chosen = [case for case in CASES if not groups or case.number.startswith(groups)]
    return await examine_upper(tested, lambda _: None, patience=PATIENCE, clock=now, cases=chosen)


@pytest.fixture
def tried(pytestconfig: pytest.Config) -> Tried:
    """All cases, or those that do not wait for half a minute."""
    return [case for case in CASES if pytestconfig.getoption("docking_whole") or case.number != WAITS_FOR_LONG]


async def test_the_mock_national_node_keeps_to_the_interface(world: DockedNode, tried: Tried) -> None:
    async with world.mock(approve=True, handle_port=0) as mock:
        tested = UpperUnderTest(mock.url, KEYS, "88.101", mock.handle_address)
        findings = await examine_upper(tested, lambda _: None, patience=PATIENCE, clock=now, cases=tried)
    assert of(findings, Outcome.FAILED) == {}
    assert of(findings, Outcome.NOT_OFFERED) == {}
    assert set(of(findings, Outcome.SKIPPED)) == {"5.1.1", "5.1.2", "5.1.3"}  # it was met by http
    assert len(findings) == len(tried)
    numbers = [[int(part) for part in finding.number.split(".")] for finding in findings]
    assert numbers == sorted(numbers)


async def test_a_secondary_node_keeps_to_it_towards_enterprise_nodes(office: Office, tried: Tried) -> None:
    held, stop = await office.grant(), asyncio.Event()
    passing_down = asyncio.create_task(pass_down_for_ever(office.pool, office.seal, office.clock, stop, at_once=True))
    async with desk_open(office, office.pool, at_once=True) as url, aiohttp.ClientSession() as session:
        below = NodeBelow(office, session, url, held.prefix.key, held.credit_code)
        await below.status(await below.apply())
        assert below.keys is not None
        tested = UpperUnderTest(url, below.keys, held.prefix.key, credit_code=held.credit_code)
        findings = await examine_upper(tested, lambda _: None, patience=PATIENCE, clock=office.clock, cases=tried)
    stop.set()
    await passing_down
    assert of(findings, Outcome.FAILED) == {}


async def test_by_https_the_certificate_is_looked_at_and_a_key_is_bound_to_one(
    world: DockedNode, tmp_path: Path
) -> None:
    key, ours = rsa_key(), rsa_key()
    server = written(tmp_path, key, certificate_of(key, "localhost"), "server")
    client = written(tmp_path, ours, certificate_of(ours, "docking test"), "client")
    async with world.mock(approve=True, pair=server) as mock:
        url = f"https://localhost:{mock.url.rpartition(':')[2]}"
        trust = Trust(server.certificate, client.certificate, client.key)
        findings = await examined(UpperUnderTest(url, KEYS, "88.101", trust=trust), "4.1.", "5.1.")
        untrusted = await examined(UpperUnderTest(url, KEYS, "88.101"), "5.1.1")
    assert of(findings, Outcome.FAILED) == {}
    assert of(findings, Outcome.SKIPPED) == {}
    assert set(of(untrusted, Outcome.FAILED)) == {"5.1.1"}


def forgets(passed: Passed) -> None:
    """Acknowledges without keeping: see ``never_kept``."""
    if passed.path == "/v1/messages":
        passed.accept_all()


def never_kept(passed: Passed) -> bool:
    return passed.path != "/v1/messages"


def instead_of(*codes: str) -> Spoil:
    """Takes what is to be refused so."""

    def spoil(passed: Passed) -> None:
        if passed.code in codes and passed.path == "/v1/messages" and b'"messages"' in passed.body:
            passed.accept_all()

    return spoil


def tells_keys_apart(numbers: itertools.count[int]) -> Spoil:
    def spoil(passed: Passed) -> None:
        if passed.code == "signature_wrong":
            passed.say({**passed.content, "reason": f"no key, or not this one: {next(numbers)}"}, 401)

    return spoil


def overtakes(passed: Passed) -> None:
    """Puts a message off, and takes what comes after it in its stream."""
    if passed.path == "/v1/messages" and passed.status == 200:
        results = passed.content["results"]
        if len(results) > 2 and results[0]["status"] == "accepted":
            results[0] |= {"status": "refused", "retry": True}
            passed.say({"results": results})


def leaves_a_result_out(passed: Passed) -> None:
    if passed.path == "/v1/messages" and passed.status == 200:
        passed.say({"results": passed.content["results"][:-1]})


def answers_pages(passed: Passed) -> None:
    if passed.status != 200:
        passed.answer = b"<html>an error</html>"


def of_verdicts(change: Callable[[dict[str, object]], dict[str, object]], step: int = 1) -> Spoil:
    def spoil(passed: Passed) -> None:
        if passed.path == "/v1/verdicts" and passed.status == 200:
            passed.say({"verdicts": [change(each) for each in passed.content["verdicts"]][::step]})

    return spoil


def another_successor(numbers: itertools.count[int]) -> Spoil:
    def spoil(passed: Passed) -> None:
        if passed.path == "/v1/keys" and passed.status == 200:
            passed.say({**passed.content, "access_key": f"successor-{next(numbers)}"})

    return spoil


def talkative(passed: Passed) -> None:
    """Tells anybody about an application."""
    if passed.path.startswith("/v1/applications/") and passed.status == 401:
        number = passed.path.rpartition("/")[2]
        passed.say({"application_id": number, "state": "pending"})


def takes_any(path: str, content: dict[str, object]) -> Spoil:
    """Refuses nothing at a path."""

    def spoil(passed: Passed) -> None:
        if passed.path.startswith(path) and passed.status in (400, 403, 409):
            digest = passed.path.rpartition("/")[2]
            passed.say({**content, **({"sha256": digest, "bytes": len(passed.body)} if "receipt" in content else {})})

    return spoil


def leaks(passed: Passed) -> None:
    if passed.path == "/v1/heartbeats" and passed.status == 200:
        passed.say({"debug": KEYS.secret_key})


RECEIPT = {"received_at": "2026-11-21T09:30:00Z", "known": False, "receipt": "yes"}
BROKEN = {
    "acknowledges without keeping": (forgets, {"4.2.1", "4.2.2", "4.2.11"}),
    "accepts replays": (instead_of("nonce_reused"), {"5.2.6", "5.2.7", "5.2.8"}),
    "does not look at signatures": (instead_of("signature_wrong"), {"5.2.2", "5.2.3", "5.2.5"}),
    "does not need signatures": (instead_of("signature_missing"), {"5.2.4"}),
    "tells unknown keys apart": (tells_keys_apart(itertools.count()), {"5.2.3"}),
    "does not look at the clock": (instead_of("clock_skewed"), {"5.2.9"}),
    "loses the order of a stream": (overtakes, {"4.2.14"}),
    "leaves a result out": (leaves_a_result_out, {"4.2.1", "4.2.3"}),
    "takes what is malformed": (instead_of("request_malformed"), {"4.2.8"}),
    "answers pages": (answers_pages, {"4.2.8", "4.2.12"}),
    "passes every prefix": (of_verdicts(lambda each: {**each, "passed": True}), {"4.2.21", "4.2.22"}),
    "forgets which application": (of_verdicts(lambda each: {**each, "application": 0}), {"4.2.20"}),
    "gives verdicts in any order": (of_verdicts(dict, step=-1), {"4.2.23"}),
    "gives another successor each time": (another_successor(itertools.count()), {"4.1.9"}),
    "tells anybody about applications": (talkative, {"4.1.4"}),
    "takes any file": (takes_any("/v1/files/", RECEIPT), {"4.2.31", "4.2.32"}),
    "takes any standby page": (takes_any("/v1/standby", {"position": 1000, "records": 2}), {"4.4.3", "4.4.4"}),
    "takes any heartbeat": (takes_any("/v1/heartbeats", {}), {"4.3.2"}),
    "takes any counts": (takes_any("/v1/counts", {}), {"4.3.4"}),
    "takes any application": (takes_any("/v1/applications", {}), {"4.1.3", "4.1.5"}),
    "shows the secret": (leaks, {"5.2.10"}),
}  # fmt: skip
BESIDE = {"4.2.14": ("4.2.1",), "5.2.10": ("4.3.1",), "4.1.9": ("4.1.7",)}
"""Cases on which another one depends."""


@pytest.mark.parametrize("broken", BROKEN)
async def test_what_is_broken_is_found(world: DockedNode, broken: str) -> None:
    spoil, found_by = BROKEN[broken]
    asked = sorted({*found_by, *(each for number in found_by for each in BESIDE.get(number, ()))})
    async with world.mock(approve=True) as mock:
        sound = await exactly(UpperUnderTest(mock.url, KEYS, "88.101"), asked)
        keeps = never_kept if spoil is forgets else always
        async with spoiled(mock.url, spoil, keeps=keeps) as url:
            findings = await exactly(UpperUnderTest(url, KEYS, "88.101"), asked)
    assert of(sound, Outcome.FAILED) == {}
    assert set(of(findings, Outcome.FAILED)) >= found_by


async def exactly(tested: UpperUnderTest, numbers: list[str]) -> list[Finding]:
    chosen = [case for case in CASES if case.number in numbers]
    return await examine_upper(tested, lambda _: None, patience=PATIENCE, clock=now, cases=chosen)


def always(_: Passed) -> bool:
    return True
