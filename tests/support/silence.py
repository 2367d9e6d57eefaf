"""A server that has fallen silent: connections stand, and nothing answers."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

from node.embedded import EmbeddedPostgres
from node.embedded_processes import processes_of


@contextlib.contextmanager
def silent(server: EmbeddedPostgres) -> Iterator[None]:
    """All of its processes are stopped until the block ends."""
    pids = processes_of(server.directory.cluster)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
