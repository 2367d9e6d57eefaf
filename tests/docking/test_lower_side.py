"""The docking test on lower sides: on ours nothing fails, and what is broken is found by the case made for it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from docking.case import Finding, Outcome
from docking.lower.programme import CASES, LowerUnderTest, examine_lower
from node.config import Settings
from node.database import open_pool
from node.national.signature import KeyPair
from node.upward import keep_reporting
from tests.support.docking import KEYS, SEAL, now
from tests.support.node import Node, running_node
from tests.support.small_node import FLAWS, living

HERE = ("127.0.0.1", 0)
FOUND_BY = {
    "gives up what was lost": {"4.2.2", "4.2.3"},
    "makes new ids": {"4.2.2"},
    "overtakes": {"4.2.6"},
    "keeps sending what was refused": {"4.2.7"},
    "drops what is malformed": {"4.2.8"},
    "storms": {"4.2.9"},
    "believes every 200": {"4.2.4"},
    "repeats nonces": {"5.2.1", "5.2.2"},
    "follows redirects": {"5.1.2"},
    "shows its secret": {"5.2.6"},
    "passes over verdicts": {"4.2.21"},
    "asks without rest": {"4.2.22"},
    "performs twice": {"4.3.6"},
    "does whatever it is told": {"4.3.5"},
    "counts backwards": {"4.3.2"},
    "reports people": {"4.2.24"},
    "reverses streams": {"4.2.10"},
    "compares wrongly": {"4.4.3"},
    "loses its successor": {"4.1.6"},
    "applies anew": {"4.1.3"},
    "does not wait for approval": {"4.1.4"},
    "changes its id": {"4.2.11"},
    "ages backwards": {"4.3.1"},
    "gives up what was not believed": {"5.2.4"},
    "reads without end": {"5.1.3"},
    "makes paths up": {"4.2.12"},
}
BESIDE = {
    "4.1.3": {"4.1.2"},
    "4.2.10": {"4.2.6", "4.2.7"},
    "4.2.11": {"4.2.1"},
    "4.2.12": {"4.3.1"},
    "4.2.24": {"4.2.1"},
    "4.3.2": {"4.3.1"},
}
"""Cases that make something happen to be watched."""
EVERYTHING = {case.number for case in CASES}
TAKES_MINUTES = {"4.3.3"}
"""A node states its counts once a minute."""
WAIT_FOR_LONG = {"4.2.7", "4.2.9", "4.2.22"}
"""Cases that are tried with ``--docking-whole`` only."""
IN_SHORT = {"4.2.2", "4.2.3", "4.2.5", "4.2.6", "4.3.1", "4.3.2", "5.2.1", "5.2.2"}
"""What is tried on our own node without ``--docking-whole``."""
APPLYING = ("applies anew", "does not wait for approval")
LOUD = ("storms", "asks without rest", "reads without end")
QUIET = tuple(flaw for flaw in FLAWS if flaw not in (*LOUD, "trusts anybody"))
"""Nodes that can be examined at the same time without one being in the way of others."""


def of(findings: list[Finding], outcome: Outcome) -> dict[str, str]:
    return {finding.number: finding.came.en for finding in findings if finding.outcome is outcome}


async def examined(
    live: Callable[[str], Any],
    keys: KeyPair | None,
    numbers: set[str] | None = None,
    patience: float = 3.0,
    **more: Any,
) -> list[Finding]:
    """The findings on the node that ``live`` keeps alive at an address, by all cases or those named."""
    pointed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def node() -> None:
        async with live(await pointed):
            await asyncio.Event().wait()

    life = asyncio.create_task(node())
    try:
        return await examine_lower(
            LowerUnderTest("88.101", HERE, keys, **more), lambda _: None, patience=patience, clock=now,
            ready=pointed.set_result, cases=[case for case in CASES if numbers is None or case.number in numbers],
        )  # fmt: skip
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


@contextlib.asynccontextmanager
async def reporting(node: Node, database_url: str, folder: Path, url: str, **national: Any) -> AsyncIterator[None]:
    """The steward's work of a node, put together as in its own process."""
    settings = Settings(
        national={
            "url": url, "standby_rows": 100, "log_minutes": 0.05, "heartbeat_seconds": 0.5, "poll_seconds": 0.2,
            "deadline_seconds": 4, **national,
        },
        node={"laboratory": True}, counting={"directory": str(folder / "counting")},
        handle={"key_file": str(folder / "key.pem"), "public_addresses": ["127.0.0.1"], "port": node.handle_port},
    )  # fmt: skip
    pool = await open_pool(database_url, "biaoshi_writer", size=10, seconds=5, name="test steward")
    stop = asyncio.Event()
    work = asyncio.create_task(keep_reporting(settings, pool, SEAL, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(work)
        pool.terminate()


@pytest.fixture
def tried(pytestconfig: pytest.Config) -> set[str]:
    """Every case that a node passes or fails within a minute, or the quicker ones of them."""
    return EVERYTHING - TAKES_MINUTES - (set() if pytestconfig.getoption("docking_whole") else WAIT_FOR_LONG)


async def test_our_node_keeps_to_the_interface(
    database_url: str, tmp_path: Path, tried: set[str], pytestconfig: pytest.Config
) -> None:
    whole = pytestconfig.getoption("docking_whole")
    async with running_node(database_url, node={"laboratory": True}) as node:
        holder = node.holder
        for number in range(30):
            await node.world.identifiers.register(
                holder.account, holder.actor, holder.identifier(f"T-{number:03}"), node.template.template_id,
                {"name": "泵"},
            )  # fmt: skip
        # In short by a key pair that was handed over and what deliveries rest on; else from the application on.
        keys = None if whole else KEYS
        given = {} if whole else {"access_key": KEYS.access_key, "secret_key": KEYS.secret_key}
        findings = await examined(
            lambda url: reporting(node, database_url, tmp_path, url, **given), keys,
            tried if whole else tried & IN_SHORT, patience=10,
            http=node.url, handle=("127.0.0.1", node.handle_port), identifier=str(holder.identifier("T-001")),
        )  # fmt: skip
    assert of(findings, Outcome.FAILED) == {}
    assert of(findings, Outcome.NOT_OFFERED) == {}
    if whole:
        assert set(of(findings, Outcome.SKIPPED)) == {"5.1.1"}  # the examiner was met by http


async def test_another_node_that_keeps_to_the_interface_passes(tried: set[str]) -> None:
    findings = await examined(lambda url: living(url, KEYS), KEYS, tried)
    assert of(findings, Outcome.FAILED) == {}


@pytest.mark.parametrize("flaws", [QUIET, *((flaw,) for flaw in LOUD)], ids=["quiet", *LOUD])
async def test_what_is_broken_is_found(flaws: tuple[str, ...]) -> None:
    found = await asyncio.gather(*(found_by(flaw) for flaw in flaws))
    missed = [flaw for flaw, numbers in zip(flaws, found, strict=True) if FOUND_BY[flaw] - numbers]
    # So many at once can be in each other's way on a busy machine: what was missed is looked for again by itself.
    assert {flaw: left for flaw in missed if (left := FOUND_BY[flaw] - await found_by(flaw))} == {}


async def test_by_https_a_node_is_tried_with_certificates_that_nobody_should_trust(tmp_path: Path) -> None:
    careful, careless = [
        await examined(
            functools.partial(living, keys=KEYS, flaw=flaw, authority=tmp_path / "authority.pem"), KEYS,
            {"4.1.1", "4.3.1", "5.1.1", "5.2.1"}, authority=tmp_path / "authority.pem",
        )
        for flaw in ("", "trusts anybody")
    ]  # fmt: skip
    assert {finding.number for finding in careful if finding.outcome is Outcome.PASSED} == {
        "4.1.1", "4.3.1", "5.1.1", "5.2.1",
    }  # fmt: skip
    assert set(of(careless, Outcome.FAILED)) == {"5.1.1"}


async def found_by(flaw: str) -> set[str]:
    """The numbers of the cases that failed on a node with a flaw."""
    made_for_it = FOUND_BY[flaw]
    asked = {"4.1.1", *made_for_it}.union(*(BESIDE.get(number, set()) for number in made_for_it))
    keys = None if flaw in APPLYING else KEYS
    return set(of(await examined(lambda url: living(url, keys, flaw), keys, asked), Outcome.FAILED))
