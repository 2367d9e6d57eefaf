"""What the embedded PostgreSQL gets of the machine: memory for its buffers, disk for its write-ahead log.

Random suffixes change pages all over the indexes. Buffers that do not hold these read each page again and write it
out again, and after every checkpoint the first change of a page writes the whole page to the log. With 256 MB and
2 GB a registration among a million random ones cost PostgreSQL 62 µs and 3,000 bytes of log, with 2 and 8 GB 40 µs
and 1,600 bytes (docs/performance.md, Storage).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_MB = 1 << 20
_LEAST_BUFFERS, _MOST_BUFFERS = 128 * _MB, 4096 * _MB
_SHARE_OF_MEMORY = 8  # the workers, the page cache and other programs need the rest
_LEAST_LOG, _MOST_LOG = 1024 * _MB, 8192 * _MB
_SHARE_OF_DISK = 10  # of what is free
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def sizes_for(root: Path) -> dict[str, str]:
    """Settings for this machine and the disk of ``root``, which exists."""
    return sizes(memory(), shutil.disk_usage(root).free)


def sizes(memory_bytes: int, free_bytes: int) -> dict[str, str]:
    """Settings for so much memory and so much free disk."""
    buffers = min(max(memory_bytes // _SHARE_OF_MEMORY, _LEAST_BUFFERS), _MOST_BUFFERS)
    log = min(max(free_bytes // _SHARE_OF_DISK, _LEAST_LOG), _MOST_LOG)
    return {"shared_buffers": f"{buffers // _MB}MB", "max_wal_size": f"{log // _MB}MB"}


def memory(limit: Path = _CGROUP_LIMIT) -> int:
    """Bytes of memory that this process may use: the machine's, or what its container is allowed."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(limit.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no control group, or "max"
        return machine
