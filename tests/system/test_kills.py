"""kill -9 of worker, PostgreSQL and importer in turn during an import: no acknowledged row is lost, none twice."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from loadtest.corpus import template, write_csv
from node.client import Client, NodeAway, Refused
from node.demo.scene import Scene
from node.demo.stage import Stage
from node.demo.story import Cast, make_enterprise_user, make_reviewer, signed_in
from node.demo.workload import SampleEnterprise, enterprises
from node.serve import node_running
from tests.support.node_process import free_port

pytestmark = pytest.mark.system

VICTIMS = ("worker", "postgresql", "importer")
BAD_EVERY = 1000
UPDATED_EVERY = 5  # rounds


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    # Small chunks make many commits, so that a kill can fall between any two of them.
    monkeypatch.setenv("BIAOSHI_REGISTRY_CHUNK_ROWS", "500")
    with tempfile.TemporaryDirectory(prefix="biaoshi-kills-") as folder:
        Path(folder).chmod(0o755)
        async with Stage(Path(folder) / "node", *(free_port() for _ in range(4))).set_up(node_running) as scene:
            yield scene


async def user_of(scene: Scene, sample: SampleEnterprise) -> Client:
    admin = await signed_in(scene.client, "admin", scene.state.administrator_password)
    cast = Cast(admin, await make_reviewer(scene.client, admin, scene.state), lambda _words: None)
    await cast.bring_in([sample])
    await cast.publish(template())
    return await make_enterprise_user(admin, sample)


def spoil(file: Path) -> int:
    """Make every thousandth row unacceptable; returns how many."""
    lines = file.read_text(encoding="utf-8").split("\n")
    spoiled = 0
    for number in range(BAD_EVERY, len(lines) - 1, BAD_EVERY):
        lines[number] = lines[number].replace(",CP-", ",", 1).rsplit(",", 1)[0] + ",perhaps"
        spoiled += 1
    file.write_text("\n".join(lines), encoding="utf-8")
    return spoiled


class Importer:
    """``biaoshi import`` as a process that is started again whenever it was killed."""

    def __init__(self, scene: Scene, sample: SampleEnterprise, token: str, file: Path, *more: str) -> None:
        self._command = [
            sys.executable, "-m", "node.cli", "import", str(file), "--prefix", sample.prefix, "--template", "pump",
            "--server", scene.url, "--rejections", str(file.with_suffix(".rejected")), *more,
        ]  # fmt: skip
        self._environment = {**os.environ, "BIAOSHI_TOKEN": token}
        self.process: asyncio.subprocess.Process | None = None

    async def run(self) -> str:
        """The importer's own report, however often it has to begin."""
        while True:
            self.process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            said, complained = await self.process.communicate()
            if self.process.returncode == 0:
                return said.decode()
            assert self.process.returncode == -9, complained.decode()


async def kill(victim: str, scene: Scene, importer: Importer, chance: random.Random) -> None:
    if victim == "worker":
        chance.choice([child for child in scene.family if child.spec.name.startswith("worker")]).kill()
    elif victim == "postgresql":
        await asyncio.to_thread(scene.server.kill)  # the node starts it again by itself
    elif importer.process is not None and importer.process.returncode is None:
        importer.process.kill()


async def settled(client: Client, count: str = "registered") -> int:
    """What the node has acknowledged of its newest batch; 0 when it does not answer just now."""
    with suppress(NodeAway, Refused):
        newest = (await client.get("/v1/batches", limit=1))["items"]
        return int(newest[0][count]) if newest and newest[0]["state"] == "running" else 0
    return 0


async def _connected(scene: Scene) -> asyncpg.Connection:
    async with asyncio.timeout(30):
        while True:
            try:
                return await asyncpg.connect(scene.server.url(), timeout=5)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(0.05)


async def counts(scene: Scene, marker: str) -> tuple[int, int, int, int]:
    """Identifiers, their histories, all leaves of registrations, all registrations reported."""
    connection = await _connected(scene)
    try:
        row = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM identifier WHERE suffix_key LIKE $1) AS identifiers,"
            " (SELECT count(*) FROM identifier_history WHERE suffix_key LIKE $1) AS histories,"
            " (SELECT coalesce(sum(coalesce(octet_length(packed) / 52, 1)), 0) FROM event"
            "   WHERE position('identifier.register'::bytea IN leaf) > 0) AS leaves,"
            " (SELECT coalesce(sum((body->>'registered')::bigint), 0) FROM outbox"
            "   WHERE kind = 'registration.summary') AS reported",
            f"{marker}-%",
        )
    finally:
        await connection.close()
    return row["identifiers"], row["histories"], row["leaves"], row["reported"]


async def test_no_acknowledged_row_is_lost_and_none_is_registered_twice(
    scene: Scene, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    rows, rounds = pytestconfig.getoption("--rows"), pytestconfig.getoption("--rounds")
    chance = random.Random(20261121)
    sample = enterprises()[0]
    client = await user_of(scene, sample)
    registered_before = 0
    for number in range(rounds):
        marker = f"ROUND{number:03d}"
        file = tmp_path / f"{marker}.csv"
        write_csv(file, rows, marker=marker)
        expected = rows - spoil(file)
        importer = Importer(scene, sample, client.token, file)
        done = asyncio.create_task(importer.run())
        for victim in (VICTIMS[number % 3], VICTIMS[(number + 1) % 3]):
            await asyncio.sleep(chance.uniform(0.5, 1.2))
            acknowledged = await settled(client)
            await kill(victim, scene, importer, chance)
            identifiers, histories, _, _ = await counts(scene, marker)
            assert identifiers == histories >= acknowledged, f"round {number}: {victim} took acknowledged rows"
        async with asyncio.timeout(120):
            report = await done
        assert f'"registered": {expected}' in report, report
        assert f'"rejected": {rows - expected}' in report, report
        registered_before += expected
        assert await counts(scene, marker) == (expected, expected, registered_before, registered_before)
        if number % UPDATED_EVERY == 0:
            await update_all(scene, sample, client, file, (marker, expected), VICTIMS[number // UPDATED_EVERY % 3])
        file.unlink()


async def update_all(
    scene: Scene, sample: SampleEnterprise, client: Client, file: Path, registered: tuple[str, int], victim: str
) -> None:
    """Change every identifier of a round by file, with a kill in the middle: each is changed once."""
    marker, expected = registered
    file.write_text(file.read_text(encoding="utf-8").replace(",CP-", ",NEW-"), encoding="utf-8")
    importer = Importer(scene, sample, client.token, file, "--operation", "update", "--yes")
    done = asyncio.create_task(importer.run())
    async with asyncio.timeout(60):
        while not await settled(client, "changed") and not done.done():  # noqa: ASYNC110 - it happens elsewhere
            await asyncio.sleep(0.05)
    await kill(victim, scene, importer, random.Random(marker))
    async with asyncio.timeout(120):
        report = await done
    assert f'"changed": {expected}' in report, report
    connection = await _connected(scene)
    try:
        versions = await connection.fetch(
            "SELECT i.version, count(*) AS number, count(h.version) AS updated FROM identifier i"
            " LEFT JOIN identifier_history h"
            " ON (h.prefix_id, h.suffix_key) = (i.prefix_id, i.suffix_key) AND h.action = 2"
            " WHERE i.suffix_key LIKE $1 GROUP BY i.version",
            f"{marker}-%",
        )
    finally:
        await connection.close()
    assert [tuple(row) for row in versions] == [(2, expected, expected)]
