"""Files that are there as a whole or not at all, and are made once: keys and certificates of the node's own."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def put_once(file: Path, content: bytes, mode: int) -> None:
    """Write a new file; of two that write it at once one does, and one that is there already stays.

    Raises OSError.
    """
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):  # a link never replaces
            os.link(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)
