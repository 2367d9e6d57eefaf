"""The process that sets type: standard input is its task, standard output takes the PDF.

It gives up its rights first, and has no network to ask and no file to read but the fonts: whatever a text does to the
typesetter, it does it here. It ends with its parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any

import typst

_PR_SET_PDEATHSIG = 1
_MEMORY = 2 << 30
"""Octets of address space; a thousand labels take 140 MB of memory, a font file of 100 MB is mapped."""


def main() -> None:
    """Set the document that the task describes; status 1 and the reason on standard error where it cannot be."""
    task = json.load(sys.stdin.buffer)
    _restrict(task)
    try:
        set_in_type = _pdf(task)
    except typst.TypstError as error:
        sys.exit(f"{error.message}\n{error.diagnostic}")
    sys.stdout.buffer.write(set_in_type)


def _pdf(task: dict[str, Any]) -> bytes:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[task["folder"]])
    return typst.compile(
        task["source"].encode(),
        root=task["folder"],
        font_paths=fonts,
        format="pdf",
        sys_inputs=task["inputs"],
        timestamp=task["timestamp"],
    )


def _restrict(task: dict[str, Any]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != task["parent"]:
        os._exit(1)
    for kind, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, task["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        within = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (within, within))


if __name__ == "__main__":
    main()
