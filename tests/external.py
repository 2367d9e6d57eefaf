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
# What another release may do otherwise: every statement is prepared; what writes, searches, races and moves on runs.
# Interfaces, pages and whole stories ask the node more than the database, and the embedded server is enough for them.
ASKED = (
    "tests/admin/statistics/test_closing.py", "tests/admin/statistics/test_rollup.py",
    "tests/architecture/test_statements.py", "tests/node/national", "tests/node/test_backup.py",
    "tests/node/test_database.py", "tests/node/test_migrate.py", "tests/node/test_notices.py",
    "tests/node/test_schema_upgrade.py", "tests/registry/authorisations", "tests/registry/batches",
    "tests/registry/coding", "tests/registry/commerce", "tests/registry/export", "tests/registry/files",
    "tests/registry/identifiers", "tests/registry/numbering", "tests/registry/reviews", "tests/registry/search",
    "tests/registry/transfers", "tests/registry/test_store.py", "tests/registry/test_tallies.py",
)  # fmt: skip


async def main() -> int:
    """The tests' exit status; 1 with a sentence when PostgreSQL 15 is not there."""
    if not (BINARIES / "postgres").exists():
        print("PostgreSQL 15 is missing: apt install postgresql-15", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="biaoshi-external-", dir=quick_folder()) as folder:
        Path(folder).chmod(0o755)
        # One server for all test processes, two of which may race with fifty connections at once.
        quick = {"fsync": "off", "synchronous_commit": "off", "shared_buffers": "64MB", "max_connections": "200"}
        async with embedded.start(Path(folder) / "pg", Runtime.at(BINARIES), settings=quick) as server:
            command = [sys.executable, "-m", "pytest", "-m", "database", *ASKED, *sys.argv[1:]]
            environment = {**os.environ, "BIAOSHI_DATABASE_URL": server.url("postgres")}
            return await asyncio.to_thread(lambda: subprocess.run(command, env=environment, check=False).returncode)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
