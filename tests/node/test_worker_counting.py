"""Where a worker counts: in the folder of its node, or in memory where that cannot be used."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from structlog.testing import capture_logs

from node.config import Settings
from node.database import Pool
from node.founding import found, node_id_of
from node.fronts import counter_of
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.event_format import read_header


async def test_a_worker_counts_in_the_folder_of_its_node(database_url: str, pool: Pool, tmp_path: Path) -> None:
    await found(database_url, laboratory=True, at=datetime.now(UTC))
    settings = Settings(node={"laboratory": True}, counting={"directory": tmp_path})
    async with await counter_of(settings, pool, await node_id_of(pool), laboratory=True) as counter:
        counter.count(("88.101.1", "A"), Interface.PAGE, Outcome.HIT, "127.0.0.1")
    (file,) = (tmp_path / str(await node_id_of(pool)) / "open").glob("*.events")
    header, progress = read_header(file.read_bytes())
    assert (header.laboratory, header.never, progress.events) == (True, (), 1)
    assert await pool.fetchval("SELECT sum(resolutions) FROM resolution_count") == 1


async def test_a_worker_whose_folder_cannot_be_used_counts_all_the_same(
    database_url: str, pool: Pool, tmp_path: Path
) -> None:
    await found(database_url, laboratory=False, at=datetime.now(UTC))
    (tmp_path / "counting").write_text("no folder")
    settings = Settings(counting={"directory": tmp_path / "counting"})
    with capture_logs() as logs:
        async with await counter_of(settings, pool, await node_id_of(pool), laboratory=False) as counter:
            for source in ("127.0.0.1", "203.0.113.7"):
                counter.count(("88.101.1", "A"), Interface.PAGE, Outcome.HIT, source)
    assert [entry["event"] for entry in logs] == ["counting_in_memory_alone"]
    assert await pool.fetchval("SELECT sum(resolutions) FROM resolution_count") == 1
    assert [row["cause"] for row in await pool.fetch("SELECT cause FROM counting_gap")] == ["no_evidence"]
