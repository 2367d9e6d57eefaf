"""A steward as a process that tests may kill: DATABASE URL."""

import asyncio
import sys
from datetime import UTC, datetime

from node.database import open_pool
from node.log import configure
from node.national.backoff import Patience
from node.national.steward import Docking, run_steward
from node.sealing import Seal


async def main(database: str, url: str) -> None:
    pool = await open_pool(database, "biaoshi_writer", size=6, seconds=10, name="test steward")
    docking = Docking(url, "test-node", "a secret of the tests", heartbeat_seconds=0.2, poll_seconds=0.1)
    print("running", flush=True)

    async def apply_verdict(prefix: str, passed: bool, reason: str, application: int) -> None:
        await pool.execute(
            "INSERT INTO act_history (at, interface, action, subject_kind, subject_id, nonce)"
            " VALUES (now(), 3, 'prefix.verify', 'prefix', $1, decode(repeat('00', 16), 'hex'))",
            prefix,
        )

    await run_steward(
        pool, docking, apply_verdict, seal=Seal(b"the seal of the tests"), version="0",
        clock=lambda: datetime.now(UTC), stop=asyncio.Event(), patience=Patience(0.02, 0.2),
    )  # fmt: skip


configure("error")
asyncio.run(main(*sys.argv[1:]))
