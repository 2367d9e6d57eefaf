"""Gzip into what was packed, piece by piece, with a bound for how much may come out of how little.

RFC 1952: several members after one another are one text. Nothing else may follow.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from node.errors import Malformed
from registry.rows.limits import Meter

MAGIC = b"\x1f\x8b"

_PIECE = 64 * 1024
_GZIP_FORM = 16 + zlib.MAX_WBITS


class NotGzip(Malformed):
    title_zh = "不是 gzip 压缩文件"


class BrokenGzip(Malformed):
    title_zh = "gzip 压缩数据已损坏"


class TruncatedGzip(Malformed):
    title_zh = "gzip 文件不完整"


class TrailingGarbage(Malformed):
    title_zh = "gzip 文件之后有多余内容"


class Gunzip:
    """Feed it blocks, take pieces of at most 64 KiB. At most ``most`` octets come out, and ``ratio`` times the
    octets that went in (the first MiB does not count)."""

    def __init__(self, *, ratio: int, most: int) -> None:
        self._meter = Meter("the gzip", ratio=ratio, most=most)
        self._member = zlib.decompressobj(_GZIP_FORM)
        self._within = False
        self._start = b""

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Raises ``NotGzip``, ``BrokenGzip``, ``TrailingGarbage``, ``RatioExceeded`` or ``TooLargeUnpacked``."""
        if len(self._start) < len(MAGIC):
            self._start += block[: len(MAGIC) - len(self._start)]
            if not MAGIC.startswith(self._start):
                raise NotGzip("the body does not begin like a gzip")
        self._meter.taken += len(block)
        while block:
            if not self._within and self._member.eof:
                if not block.startswith(MAGIC[:1]):
                    raise TrailingGarbage("something that is no gzip follows the end of the gzip")
                self._member = zlib.decompressobj(_GZIP_FORM)
            self._within = True
            try:
                piece = self._member.decompress(block, _PIECE)
            except zlib.error as error:
                raise BrokenGzip(f"the gzip is damaged: {error}", octets_unpacked=self._meter.given) from None
            if piece:
                self._meter.count(len(piece))
                yield piece
            if self._member.eof:
                self._within = False
                block = self._member.unused_data
            else:
                block = self._member.unconsumed_tail

    def finish(self) -> None:
        """The body is over. Raises ``TruncatedGzip``."""
        if self._within or not self._member.eof:
            raise TruncatedGzip(
                "the gzip ends in the middle; perhaps it was not sent whole", octets_unpacked=self._meter.given
            )
