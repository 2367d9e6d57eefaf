"""Sealed event files are packed with zstd, once, and kept for months."""

from __future__ import annotations

from node.errors import Internal
from node.packing import PackingDamaged, packed, unpacked

_LEVEL = 9  # a fifth smaller than at level 3, at a tenth of a second


class SealedFileUnreadable(Internal):
    title_zh = "封存的解析事件文件无法读取"


def compressed(content: bytes) -> bytes:
    """One zstd frame (RFC 8878) with a checksum of what it holds."""
    return packed(content, _LEVEL)


def decompressed(frame: bytes, most: int) -> bytes:
    """What one whole frame holds. Raises ``SealedFileUnreadable``: damaged, cut off, or more than ``most`` bytes."""
    try:
        return unpacked(frame, most)
    except PackingDamaged as error:
        raise SealedFileUnreadable(f"a sealed event file: {error.detail}") from error
