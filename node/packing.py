"""zstd for what travels and what is kept: one frame (RFC 8878) in, one out, and never more than was bargained for.

In the standard library from Python 3.14 on, before that as its backport.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator

from node.errors import Malformed

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_STRETCH = 1 << 20


class PackingDamaged(Malformed):
    """No zstd frame, a damaged or a cut one, or one that unpacks to more than is allowed."""

    title_zh = "压缩数据有误"


def packed(content: bytes, level: int = 3) -> bytes:
    """One frame with a checksum of what it holds."""
    return zstd.compress(content, options=_options(level))


class Packer:
    """One frame, made piece by piece: what ``add`` and at last ``finish`` return belongs together."""

    def __init__(self, level: int = 3) -> None:
        self._compressor = zstd.ZstdCompressor(options=_options(level))

    def add(self, content: bytes) -> bytes:
        """The bytes of the frame that stand by now; often none."""
        return self._compressor.compress(content)

    def finish(self) -> bytes:
        return self._compressor.flush()


class Unpacker:
    """What one frame holds, read piece by piece, a megabyte in memory at a time."""

    def __init__(self) -> None:
        self._reader = zstd.ZstdDecompressor()

    def add(self, piece: bytes) -> Iterator[bytes]:
        """What the frame holds up to here. Raises ``PackingDamaged``."""
        while True:
            try:
                content = self._reader.decompress(piece, max_length=_STRETCH)
            except EOFError:
                raise PackingDamaged("something follows the frame") from None
            except zstd.ZstdError as error:
                raise PackingDamaged(f"the bytes are no zstd frame: {error}") from error
            if self._reader.unused_data:
                raise PackingDamaged("something follows the frame")
            if content:
                yield content
            if self._reader.eof or self._reader.needs_input:
                return
            piece = b""

    def finish(self) -> None:
        """Nothing follows. Raises ``PackingDamaged`` when the frame is cut off."""
        if not self._reader.eof:
            raise PackingDamaged("the frame is cut off")


def unpacked(frame: bytes, most: int) -> bytes:
    """What one whole frame holds, at most ``most`` bytes. Raises ``PackingDamaged``."""
    reader = zstd.ZstdDecompressor()
    try:
        content = reader.decompress(frame, max_length=most + 1)
    except zstd.ZstdError as error:
        raise PackingDamaged(f"the bytes are no zstd frame: {error}") from error
    if len(content) > most:
        raise PackingDamaged(f"the frame unpacks to more than {most} bytes")
    if not reader.eof or reader.unused_data:
        raise PackingDamaged("the frame is cut off, or something follows it")
    return content


def digest_unpacked(frame: bytes, most: int) -> bytes:
    """The SHA-256 of what one whole frame holds, a megabyte in memory at a time. Raises ``PackingDamaged``."""
    reader = zstd.ZstdDecompressor()
    digest, size = hashlib.sha256(), 0
    given = frame
    try:
        while not reader.eof:
            content = reader.decompress(given, max_length=_STRETCH)
            given = b""
            if not content and reader.needs_input:
                raise PackingDamaged("the frame is cut off")
            digest.update(content)
            size += len(content)
            if size > most:
                raise PackingDamaged(f"the frame unpacks to more than {most} bytes")
    except zstd.ZstdError as error:
        raise PackingDamaged(f"the bytes are no zstd frame: {error}") from error
    if reader.unused_data:
        raise PackingDamaged("something follows the frame")
    return digest.digest()


def _options(level: int) -> dict[int, int]:
    return {
        zstd.CompressionParameter.compression_level: level,
        zstd.CompressionParameter.checksum_flag: 1,
    }
