"""Log files of registrations and resolutions: each line once, none left out, whatever is killed, lost or late."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from mocknational.mock import Mock
from node.database import Pool
from node.founding import node_id_of
from node.journal import Interface
from node.national import log_lines
from node.national.client import NationalClient, NationalRefusal, NationalSilent
from node.national.docking import Docking, docked
from node.packing import unpacked
from node.resolutions import Outcome
from registry.connection.logs import GAP, Logs, LogSource
from registry.connection.registration_log import RegistrationLog
from resolver.counting.counter import ResolutionCounter
from resolver.counting.folder import CountingFolder, open_folder
from resolver.counting.never import NeverCounts
from resolver.counting.resolution_log import ResolutionLog
from tests.support.docking import KEYS, SEAL, DockedNode, kill, until
from tests.support.docking_fixtures import world as world
from tests.support.ledger import DAY, PREFIX, Asked, Ledger
from tests.support.world import Holder, World

IDLE = 5.0


@dataclass
class Desk:
    """A node with registrations and evidence, and the node above that takes its files."""

    docked_node: DockedNode
    mock: Mock
    client: NationalClient
    registry: World
    holder: Holder
    folder: CountingFolder
    spool: Path
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def pool(self) -> Pool:
        return self.docked_node.pool

    def logs(self, source: LogSource) -> Logs:
        return Logs(self.pool, lambda: self.now, self.spool, source)

    def registrations(self, rows: int = 100, minutes: float = 10) -> Logs:
        return self.logs(RegistrationLog(self.pool, lambda: self.now, rows=rows, minutes=minutes))

    def resolutions(self) -> Logs:
        return self.logs(ResolutionLog(self.pool, self.folder))

    async def register(self, *suffixes: str) -> None:
        for suffix in suffixes:
            said = {"name": "泵", "serial": suffix}
            identifier = self.holder.identifier(suffix)
            await self.registry.identifiers.register(self.holder.account, self.holder.actor, identifier, "pump", said)

    async def resolve(self, *suffixes: str, kept: bool = False) -> None:
        """One sealed event file."""
        ledger = Ledger(self.docked_node.database_url, self.pool, self.folder)
        asked = [Asked(60.0 + place, suffix, "203.0.113.77") for place, suffix in enumerate(suffixes)]
        counter = ResolutionCounter(
            self.pool, self.folder, never=NeverCounts(()), seconds=3600, clock=lambda: ledger.at.timestamp(),
            client_addresses="kept" if kept else "hashed",
        )  # fmt: skip
        async with counter:
            ledger.book(counter, asked)
        await ledger.steward()

    async def in_vain(self, logs: Logs) -> None:
        """One turn while nobody answers for the node above."""
        nobody = Docking("http://127.0.0.1:9", KEYS.access_key, KEYS.secret_key)
        async with docked(self.pool, nobody, SEAL, clock=lambda: datetime.now(UTC)) as client:
            with pytest.raises(NationalSilent):
                await logs.turn(client)

    async def files(self, kind: str) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """What the node above has, in the order of the numbers: manifests with their lines."""
        rows = await self.mock.pool.fetch(
            "SELECT manifest::text, content FROM docked_file WHERE kind = $1 ORDER BY (manifest->>'number')::bigint",
            kind,
        )
        found = []
        for row in rows:
            manifest, content = json.loads(row["manifest"]), unpacked(row["content"], 1 << 30)
            assert hashlib.sha256(row["content"]).hexdigest() == manifest["sha256"]
            assert hashlib.sha256(content).hexdigest() == manifest["content_sha256"]
            lines = [json.loads(line) for line in content.splitlines()]
            assert len(lines) == manifest["rows"]
            found.append((manifest, lines))
        for number, (manifest, _) in enumerate(found, 1):
            assert manifest["number"] == number
            assert manifest.get("previous_sha256", "") == (found[number - 2][0]["sha256"] if number > 1 else "")
        return found

    async def lines(self, kind: str) -> list[dict[str, Any]]:
        return [line for _, lines in await self.files(kind) for line in lines]

    def spooled(self) -> list[str]:
        return sorted(file.name for file in self.spool.glob("*")) if self.spool.exists() else []


@pytest.fixture
async def desk(world: DockedNode, tmp_path: Path) -> AsyncIterator[Desk]:
    registry = World(world.pool)
    holder = await registry.holder(2001)
    await registry.template()
    folder = open_folder(tmp_path / "counting", await node_id_of(world.pool))
    docking = Docking("", KEYS.access_key, KEYS.secret_key)
    async with world.mock() as mock:
        docking = Docking(mock.url, KEYS.access_key, KEYS.secret_key)
        async with docked(world.pool, docking, SEAL, clock=lambda: datetime.now(UTC)) as client:
            yield Desk(world, mock, client, registry, holder, folder, tmp_path / "outgoing")


async def test_registrations_go_up_line_by_line_in_the_order_of_their_positions(desk: Desk) -> None:
    await desk.register("a-1", "A-2")
    holder = desk.holder
    await desk.registry.identifiers.delete(holder.account, holder.actor, holder.identifier("A-1"), 1)
    assert await desk.registrations().turn(desk.client) == 0.0
    ((manifest, lines),) = await desk.files("log.registration")
    assert [(line["action"], line["prefix"], line["suffix"], line["version"]) for line in lines] == [
        ("register", "88.101.2001", "A-1", 1),
        ("register", "88.101.2001", "A-2", 1),
        ("delete", "88.101.2001", "A-1", 2),
    ]
    positions = [line["position"] for line in lines]
    assert positions == sorted(positions)
    assert manifest["about"] == f"0-{positions[-1]}"
    assert {line["account"] for line in lines} == {str(holder.account.account_id)}
    assert {"name", "serial", "泵"}.isdisjoint(json.dumps(lines, ensure_ascii=False).split('"'))
    row = await desk.pool.fetchrow("SELECT * FROM log_file")
    assert row["delivered_at"] is not None
    assert (row["kind"], row["number"], row["rows"]) == ("registration", 1, 3)
    assert desk.spooled() == []


async def test_a_file_is_due_when_it_is_full_or_the_last_one_is_old(desk: Desk) -> None:
    logs = desk.registrations(rows=3, minutes=10)
    await desk.register("A-1")
    assert await logs.turn(desk.client) == 0.0
    await desk.register("A-2", "A-3")
    assert await logs.turn(desk.client) == IDLE
    await desk.register("A-4")
    assert await logs.turn(desk.client) == 0.0
    await desk.register("A-5")
    assert await logs.turn(desk.client) == IDLE
    desk.now += timedelta(minutes=10)
    assert await logs.turn(desk.client) == 0.0
    desk.now += timedelta(minutes=10)
    assert await logs.turn(desk.client) == IDLE
    assert [manifest["rows"] for manifest, _ in await desk.files("log.registration")] == [1, 3, 1]


async def test_a_file_waits_for_whoever_has_drawn_a_position_and_not_yet_committed(desk: Desk) -> None:
    slow = await asyncpg.connect(desk.docked_node.database_url)
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(
        "INSERT INTO identifier_history (prefix_id, version, action, interface, at, account_id, suffix_key)"
        " VALUES (1, 1, 1, 1, now(), gen_random_uuid(), 'SLOW')"
    )
    fast = await asyncpg.connect(desk.docked_node.database_url)
    await fast.execute(
        "INSERT INTO identifier_history (prefix_id, version, action, interface, at, account_id, suffix_key)"
        " VALUES (1, 1, 1, 1, now(), gen_random_uuid(), 'FAST')"
    )
    await fast.close()
    turn = asyncio.create_task(desk.registrations().turn(desk.client))
    await asyncio.sleep(0.3)
    assert not turn.done()
    await transaction.commit()
    await slow.close()
    await turn
    assert [line["suffix"] for line in await desk.lines("log.registration")] == ["SLOW", "FAST"]


async def test_positions_that_were_left_out_by_the_thousand_million_cost_nothing(desk: Desk) -> None:
    logs = desk.registrations(minutes=0)
    await desk.register("A-1")
    await logs.turn(desk.client)
    owner = await asyncpg.connect(desk.docked_node.database_url)
    await owner.execute("SELECT setval('identifier_history_history_id_seq', 3221225472)")
    async with asyncio.timeout(5):
        assert await logs.turn(desk.client) == IDLE
        await desk.register("A-2")
        assert await logs.turn(desk.client) == 0.0
    await owner.close()
    assert [line["suffix"] for line in await desk.lines("log.registration")] == ["A-1", "A-2"]


async def test_a_file_that_would_be_too_large_goes_as_several(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "_ROOM", 100_000)
    owner = await asyncpg.connect(desk.docked_node.database_url)
    await owner.execute(
        "INSERT INTO identifier_history (prefix_id, version, action, interface, at, account_id, suffix_key)"
        " SELECT 1, 1, 1, 1, now(), gen_random_uuid(), 'N-' || n FROM generate_series(1, 20000) n"
    )
    await owner.close()
    logs = desk.registrations(rows=1_000_000, minutes=0)
    while await logs.turn(desk.client) == 0.0:
        continue
    files = await desk.files("log.registration")
    assert [manifest["rows"] for manifest, _ in files] == [5000] * 4
    assert [line["suffix"] for _, lines in files for line in lines] == [f"N-{n}" for n in range(1, 20_001)]


async def test_lines_stand_by_position_whatever_else_they_share(desk: Desk) -> None:
    batches = [uuid4(), uuid4()]
    owner = await asyncpg.connect(desk.docked_node.database_url)
    await owner.execute(
        "INSERT INTO identifier_history (prefix_id, version, action, interface, at, account_id, batch_id, suffix_key,"
        " registered_at) SELECT 1, 1, 1, 2, '2026-11-22T08:00Z', $1, ($2::uuid[])[1 + (n - 1) % 3], 'N\"' || n,"
        " CASE WHEN n = 5 THEN timestamptz '2025-01-01T00:00Z' END FROM generate_series(1, 6) n",
        UUID(int=7), batches,
    )  # fmt: skip
    await owner.close()
    assert await desk.registrations(minutes=0).turn(desk.client) == 0.0
    lines = await desk.lines("log.registration")
    assert [line["suffix"] for line in lines] == [f'N"{n}' for n in range(1, 7)]
    assert [line.get("batch") for line in lines] == 2 * [str(batches[0]), str(batches[1]), None]
    assert [line.get("registered_at") for line in lines] == [*4 * [None], "2025-01-01T00:00:00Z", None]
    told = "position at action prefix suffix version interface account batch registered_at"
    assert list(lines[4]) == told.split()
    assert lines[4]["account"] == str(UUID(int=7))


async def test_every_sealed_event_file_becomes_one_log_file_without_an_address(desk: Desk) -> None:
    await desk.resolve("PUMP-1", "PUMP-2", kept=True)
    await desk.resolve("PUMP-3")
    logs = desk.resolutions()
    assert [await logs.turn(desk.client) for _ in range(3)] == [0.0, 0.0, IDLE]
    files = await desk.files("log.resolution")
    assert [[line["suffix"] for line in lines] for _, lines in files] == [["PUMP-1", "PUMP-2"], ["PUMP-3"]]
    line = files[0][1][0]
    assert (line["prefix"], line["interface"], line["outcome"]) == (PREFIX, Interface.HANDLE_JSON, Outcome.HIT)
    assert datetime.fromisoformat(line["at"]).astimezone(UTC).date() in (DAY, DAY - timedelta(days=1))
    assert len(line["client"]) == len(line["network"]) == 16
    assert "203.0.113" not in json.dumps(files)
    assert await desk.pool.fetchval("SELECT count(*) FROM segment_to_log") == 0


async def test_the_spooled_file_is_only_a_copy(desk: Desk) -> None:
    """Lost or damaged while the node above was away, it is made again, byte for byte."""
    await desk.register("A-1")
    await desk.resolve("PUMP-1")
    for logs in (desk.registrations(), desk.resolutions()):
        await desk.in_vain(logs)
    digests = await desk.pool.fetch("SELECT kind, sha256, delivered_at FROM log_file ORDER BY kind")
    assert [row["delivered_at"] for row in digests] == [None, None]
    registered, resolved = desk.spooled()
    (desk.spool / registered).unlink()
    (desk.spool / resolved).write_bytes(b"damaged")
    (desk.spool / "resolution-left-behind.ndjson.zst").write_bytes(b"by a killed process")
    for logs in (desk.registrations(), desk.resolutions()):
        assert await logs.turn(desk.client) == 0.0
    found = [row["sha256"].hex() for row in digests]
    assert [manifest["sha256"] for kind in ("registration", "resolution")
            for manifest, _ in await desk.files(f"log.{kind}")] == found  # fmt: skip
    assert desk.spooled() == []


async def test_evidence_that_is_lost_keeps_nothing_else_from_being_told(desk: Desk) -> None:
    """The number of a file whose source is gone goes to the next one; the lost one goes on waiting."""
    await desk.resolve("PUMP-1")
    await desk.resolve("PUMP-2")
    (first, second) = await desk.pool.fetch("SELECT boot_id, number FROM segment_to_log ORDER BY arrival")
    await desk.in_vain(desk.resolutions())
    assert await desk.pool.fetchval("SELECT source FROM log_file") == f"{first['boot_id']}/{first['number']}"
    (desk.spool / desk.spooled()[0]).unlink()
    desk.folder.sealed_file(DAY, first["boot_id"], first["number"]).unlink()
    logs = desk.resolutions()
    assert [await logs.turn(desk.client) for _ in range(2)] == [0.0, IDLE]
    assert [line["suffix"] for line in await desk.lines("log.resolution")] == ["PUMP-2"]
    assert [tuple(row) for row in await desk.pool.fetch("SELECT boot_id, number FROM segment_to_log")] == [
        (first["boot_id"], first["number"])
    ]
    assert await desk.pool.fetchval("SELECT source FROM log_file") == f"{second['boot_id']}/{second['number']}"


async def test_while_the_node_above_is_away_one_file_of_a_kind_waits_and_nothing_is_lost(desk: Desk) -> None:
    logs = desk.registrations(rows=2, minutes=0)
    for place in range(5):
        await desk.register(f"A-{place}")
        await desk.in_vain(logs)
    assert len(desk.spooled()) == 1
    assert await desk.pool.fetchval("SELECT count(*) FROM log_file") == 1
    while await logs.turn(desk.client) == 0.0:
        continue
    assert [line["suffix"] for line in await desk.lines("log.registration")] == [f"A-{n}" for n in range(5)]


async def test_two_stewards_at_once_send_every_line_once(desk: Desk) -> None:
    await desk.register(*(f"A-{n}" for n in range(12)))
    both = [desk.registrations(rows=2, minutes=0), desk.registrations(rows=2, minutes=0)]
    for _ in range(8):
        await asyncio.gather(*(logs.turn(desk.client) for logs in both))
    assert [line["suffix"] for line in await desk.lines("log.registration")] == [f"A-{n}" for n in range(12)]


async def test_a_node_that_was_restored_from_before_its_newest_file_begins_a_chain_anew(desk: Desk) -> None:
    logs = desk.registrations(rows=1, minutes=0)
    for suffix in ("A-1", "A-2"):
        await desk.register(suffix)
        await logs.turn(desk.client)
    owner = await asyncpg.connect(desk.docked_node.database_url)
    await owner.execute("DELETE FROM log_file WHERE number = 2")  # it knows nothing of it any more
    await owner.execute("SET session_replication_role = replica; DELETE FROM identifier_history WHERE history_id = 2")
    await owner.close()
    await desk.register("A-3")
    with pytest.raises(NationalRefusal):
        await logs.turn(desk.client)
    assert await logs.turn(desk.client) == 0.0
    await desk.register("A-4")
    assert await logs.turn(desk.client) == 0.0
    rows = await desk.mock.pool.fetch("SELECT manifest::text FROM docked_file ORDER BY received_at")
    manifests = [json.loads(row["manifest"]) for row in rows]
    assert [manifest["number"] for manifest in manifests] == [1, 2, GAP + 2, GAP + 3]
    assert manifests[2].get("previous_sha256", "") == ""
    assert manifests[3]["previous_sha256"] == manifests[2]["sha256"]


@pytest.mark.system
async def test_whoever_is_killed_whenever_tells_every_line_once(desk: Desk, tmp_path: Path) -> None:
    """kill -9 while registrations and resolutions go on; then in peace to the end."""
    chance, rounds, told = random.Random(5), 8, 0
    arguments = (desk.docked_node.database_url, desk.mock.url, str(tmp_path / "counting"))
    for turn in range(rounds):
        process = await desk.docked_node.start("registry/connection/logs_process.py", *arguments)
        ends = asyncio.get_running_loop().time() + chance.uniform(0.05, 0.5)
        while asyncio.get_running_loop().time() < ends:
            await desk.register(*(f"A-{told + n}" for n in range(5)))
            await desk.resolve(*(f"PUMP-{turn}-{told + n}" for n in range(5)))
            told += 5
        await kill(process)
    process = await desk.docked_node.start("registry/connection/logs_process.py", *arguments)

    async def all_told() -> bool:
        kinds = ("log.registration", "log.resolution")
        return [len(await desk.lines(kind)) for kind in kinds] == [told, told]

    await until(all_told, seconds=30)
    await kill(process)
    assert [line["suffix"] for line in await desk.lines("log.registration")] == [f"A-{n}" for n in range(told)]
    positions = [(line["boot"], line["position"]) for line in await desk.lines("log.resolution")]
    assert len(set(positions)) == len(positions) == told


_MANY_ENTRIES = """
INSERT INTO identifier_history (prefix_id, version, action, interface, at, account_id, suffix_key)
SELECT h.prefix_id, 1, 1, 1, h.at, h.account_id, 'BULK-' || n FROM identifier_history h, generate_series(1, 5000) AS n
"""


async def test_a_file_of_registrations_reads_no_more_of_history_than_its_own_stretch(desk: Desk) -> None:
    await desk.register("A-1")
    await desk.pool.execute(_MANY_ENTRIES)
    await desk.registrations(rows=100).turn(desk.client)
    owner = await asyncpg.connect(desk.docked_node.database_url)
    try:
        left = await owner.fetchval("SELECT brin_summarize_new_values('identifier_history_by_position')")
    finally:
        await owner.close()
    assert left == 0, "ranges that nobody summed up are looked through for every page"
