"""zstd: in the standard library from Python 3.14 on, before that as its backport."""

from __future__ import annotations

import sys

from node.errors import Internal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_LEVEL = (
    9  # a sealed file is written once and kept for months: a fifth smaller than at level 3, at a tenth of a second
)


class SealedFileUnreadable(Internal):
    title_zh = "封存的解析事件文件无法读取"


def compressed(content: bytes) -> bytes:
    """One zstd frame (RFC 8878) with a checksum of what it holds."""
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: _LEVEL,
        zstd.CompressionParameter.checksum_flag: 1,
    }
    return zstd.compress(content, options=options)


def decompressed(frame: bytes, most: int) -> bytes:
    """What one whole frame holds. Raises ``SealedFileUnreadable``: damaged, cut off, or more than ``most`` bytes."""
    reader = zstd.ZstdDecompressor()
    try:
        content = reader.decompress(frame, max_length=most + 1)
    except zstd.ZstdError as error:
        raise SealedFileUnreadable(f"a sealed event file cannot be read: {error}") from error
    if len(content) > most or not reader.eof:
        raise SealedFileUnreadable("a sealed event file is cut off, or larger than any that was written")
    return content
