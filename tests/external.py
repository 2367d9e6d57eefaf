"""Run the database tests against Debian's PostgreSQL 15: ``python -m tests.external [PYTEST ARGUMENTS]``.

The server is started by our own runner from Debian's binaries, in a temporary directory, and ends with the tests.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from node import embedded
from node.embedded_runtime import Runtime
from tests.conftest import quick_folder

BINARIES = Path("/usr/lib/postgresql/15/bin")
# Interfaces, pages and whole stories ask the node more than the database: the embedded server is enough for them.
ELSEWHERE = (
    "--ignore=tests/registry/api", "--ignore=tests/resolver", "--ignore=tests/admin", "--ignore=tests/system",
    "--ignore=tests/node/movein",
)  # fmt: skip


async def main() -> int:
    """The tests' exit status; 1 with a sentence when PostgreSQL 15 is not there."""
    if not (BINARIES / "postgres").exists():
        print("PostgreSQL 15 is missing: apt install postgresql-15", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="biaoshi-external-", dir=quick_folder()) as folder:
        Path(folder).chmod(0o755)
        quick = {"fsync": "off", "synchronous_commit": "off", "shared_buffers": "64MB"}
        async with embedded.start(Path(folder) / "pg", Runtime.at(BINARIES), settings=quick) as server:
            command = [sys.executable, "-m", "pytest", "-m", "database", *ELSEWHERE, *sys.argv[1:]]
            environment = {**os.environ, "BIAOSHI_DATABASE_URL": server.url("postgres")}
            return await asyncio.to_thread(lambda: subprocess.run(command, env=environment, check=False).returncode)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
