"""Both kinds of log files made and sent without a rest, in a process of its own, to be killed at any moment.

python logs_process.py DATABASE_URL NATIONAL_URL COUNTING_DIRECTORY
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from node.database import open_pool
from node.errors import NodeError
from node.founding import node_id_of
from node.national.docking import Docking, docked
from registry.connection.logs import Logs, LogSource
from registry.connection.registration_log import RegistrationLog
from resolver.counting.folder import open_folder
from resolver.counting.resolution_log import ResolutionLog
from tests.support.docking import KEYS, SEAL


def now() -> datetime:
    return datetime.now(UTC)


async def main(database_url: str, url: str, directory: Path) -> None:
    pool = await open_pool(database_url, "biaoshi_writer", size=4, seconds=10, name="test logs")
    folder = open_folder(directory, await node_id_of(pool))
    sources: list[LogSource] = [RegistrationLog(pool, now, rows=40, minutes=0), ResolutionLog(pool, folder)]
    docking = Docking(url, KEYS.access_key, KEYS.secret_key)
    async with docked(pool, docking, SEAL, clock=now) as client:
        print("ready", flush=True)
        while True:
            for source in sources:
                try:
                    await Logs(pool, now, directory / "outgoing", source).turn(client)
                except NodeError as error:
                    print(error, file=sys.stderr)
            await asyncio.sleep(0.005)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
