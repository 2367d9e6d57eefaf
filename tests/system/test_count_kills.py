"""Workers of a whole node killed while they answer: no resolution is counted that was not asked for, and of those
answered none is missing but such as a killed worker had in its hands, of which a gap tells.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from admin.statistics.day_recount import Kept
from admin.statistics.recount import Recount, recount
from loadtest.bench_node import Ground, ground
from node import config
from node.child import utc_now
from node.china_time import day_of
from node.database import Pool, open_pool
from node.founding import node_id_of
from node.own_face import counting_directory
from resolver.counting.adoption import left_behind
from resolver.counting.folder import CountingFolder, open_folder

pytestmark = pytest.mark.system

KILLS = 5
CLIENTS = 4


@dataclass(slots=True)
class Traffic:
    """What clients asked, and what was answered."""

    asked: int = 0
    answered: int = 0


@pytest.fixture
async def place(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ground]:
    monkeypatch.setenv("BIAOSHI_COUNTING_FLUSH_SECONDS", "0.2")
    async with ground() as place:
        yield place


async def register(place: Ground, suffix: str) -> None:
    body = {"prefix": place.prefix, "suffix": suffix, "template": "pump", "attributes": {"name": "离心泵"}}
    await place.scene.client.acting_with(place.token).post("/v1/identifiers", body)


async def ask(address: tuple[str, int], path: str, traffic: Traffic) -> None:
    """One question after the other, until cancelled; what breaks is not asked again."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    writer = None
    while True:
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection(*address)
            traffic.asked += 1
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            length = head.lower().partition(b"content-length:")[2].split()[0]
            await reader.readexactly(int(length))
            traffic.answered += 1
        except (OSError, asyncio.IncompleteReadError):
            if writer is not None:
                writer.close()
            writer = None
            await asyncio.sleep(0.01)


async def counted(pool: Pool, starts_of_now: int, folder: CountingFolder) -> int:
    """The resolutions counted, when the dead are adopted and the living have written everything."""
    known = -1
    async with asyncio.timeout(30):
        while True:
            await asyncio.sleep(0.5)
            number = await pool.fetchval("SELECT coalesce(sum(resolutions), 0)::bigint FROM resolution_count")
            if number == known and len(left_behind(folder)) == starts_of_now:
                return number
            known = number


async def recounted(pool: Pool, folder: CountingFolder, kept: Kept) -> Recount:
    """A recount some minutes later that finds no difference, once the steward has summed everything."""
    at = utc_now() + timedelta(minutes=3)
    async with asyncio.timeout(30):
        while True:
            found = await recount(pool, folder, day_of(utc_now()), day_of(at), at, kept)
            if not found.differences:
                return found
            await asyncio.sleep(0.5)


async def test_of_killed_workers_nothing_is_counted_twice_and_only_what_was_in_hand_is_missing(place: Ground) -> None:
    chance = random.Random(6)
    await register(place, "A-1")
    traffic = Traffic()
    address = urlsplit(place.scene.url)
    asked = (str(address.hostname), address.port or 0), f"/api/handles/{place.prefix}/A-1", traffic
    clients = [asyncio.create_task(ask(*asked)) for _ in range(CLIENTS)]
    workers = [child for child in place.scene.family if child.spec.name.startswith("worker")]
    for number in range(KILLS):
        await asyncio.sleep(chance.uniform(0.5, 1.0))
        before = traffic.answered
        workers[number % len(workers)].kill()
        while traffic.answered < before + 50:  # noqa: ASYNC110 - the other one answers, and then the new one
            await asyncio.sleep(0.05)
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)

    async with asyncio.timeout(60):
        for worker in workers:  # or one that was killed would be taken for one that lives
            await worker.ready.wait()
    settings = config.load(place.scene.config_file)
    pool = await open_pool(place.scene.server.url(), "biaoshi_writer", size=2, seconds=5, name="proof")
    folder = open_folder(counting_directory(settings), await node_id_of(pool))
    number = await counted(pool, len(workers), folder)
    assert traffic.answered - KILLS * CLIENTS <= number <= traffic.asked
    gaps = await pool.fetch("SELECT cause, began_at, ended_at FROM counting_gap")
    assert [gap["cause"] for gap in gaps] == ["killed"] * KILLS
    found = await recounted(pool, folder, Kept(settings.counting.minute_days, settings.counting.evidence_days))
    assert sum(day.resolutions for day in found.days) == number
    pool.terminate()
