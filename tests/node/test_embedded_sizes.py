"""What the embedded PostgreSQL gets of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.embedded_sizes import memory, sizes

GB = 1 << 30


@pytest.mark.parametrize(
    ("machine", "free", "buffers", "log"),
    [
        (GB // 2, GB, "128MB", "1024MB"),
        (4 * GB, 30 * GB, "512MB", "3072MB"),
        (24 * GB, 500 * GB, "3072MB", "8192MB"),
        (256 * GB, 9000 * GB, "4096MB", "8192MB"),
    ],
)
def test_buffers_follow_the_memory_and_the_log_the_disk(machine: int, free: int, buffers: str, log: str) -> None:
    assert sizes(machine, free) == {"shared_buffers": buffers, "max_wal_size": log}


def test_a_container_has_the_memory_that_it_is_allowed(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    whole = memory(limit)
    assert whole > 0
    limit.write_text("max\n")
    assert memory(limit) == whole
    limit.write_text("268435456\n")
    assert memory(limit) == 256 << 20
