"""The files of keys: what formats there are, what may be wrong with them, and secrets that stand in one as a line."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from node.errors import Conflict, Malformed


class KeyFileExists(Conflict):
    """Evidence: ``file``."""

    title_zh = "密钥文件已存在"


class KeyFileUnusable(Malformed):
    """Evidence: ``file``."""

    title_zh = "密钥文件无法读写"


class KeyFormat(StrEnum):
    PEM = "pem"
    HANDLE = "handle"


def read_line(file: Path) -> bytes:
    """A passphrase or secret: the file without the line end behind it. Raises ``KeyFileUnusable``."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise unusable(file, error) from error
    line = content.removesuffix(b"\n").removesuffix(b"\r")
    if not line:
        raise KeyFileUnusable(f"{file} is empty", file=str(file))
    return line


def unusable(file: Path, error: OSError) -> KeyFileUnusable:
    """What the system says of a file."""
    return KeyFileUnusable(f"{file}: {error.strerror or type(error).__name__}", file=str(file))
