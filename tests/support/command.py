"""``biaoshi`` as a process: a command that runs in the process of the tests would take their log with it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    exit_code: int
    output: str


def biaoshi(*arguments: str, **environment: str) -> Ended:
    """Run it to its end, on a wide terminal; ``output`` is all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", "node.cli", *arguments],
        cwd=_ROOT, env={**os.environ, "COLUMNS": "200", **environment}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, timeout=120, check=False,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout)
