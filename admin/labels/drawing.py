"""A code as a picture: SVG for print, PNG for whoever needs pixels. The same code gives the same octets."""

from __future__ import annotations

import struct
import zlib
from html import escape

from admin.labels.symbol import Symbol

_PNG = b"\x89PNG\r\n\x1a\n"
_GREY_OF_ONE_BIT = struct.pack(">BBBBB", 1, 0, 0, 0, 0)


def svg(symbol: Symbol) -> str:
    """One unit a module, without a size of its own; its title is what the code says."""
    side = symbol.side
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<title>{escape(symbol.text)}</title><path fill="#fff" d="M0 0h{side}v{side}H0z"/>'
        f'<path d="{_path(symbol)}"/></svg>'
    )


def png(symbol: Symbol, scale: int) -> bytes:
    """``scale`` pixels a module, black on white."""
    quiet = symbol.kind.quiet
    blank = (False,) * symbol.side
    margin = (False,) * quiet
    rows = [blank] * quiet + [margin + row + margin for row in symbol.rows] + [blank] * quiet
    width = symbol.side * scale
    lines = b"".join(_line(row, scale) * scale for row in rows)
    header = struct.pack(">II", width, width) + _GREY_OF_ONE_BIT
    return _PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")


def _path(symbol: Symbol) -> str:
    """Dark runs of every row as rectangles."""
    quiet = symbol.kind.quiet
    parts = []
    for y, row in enumerate(symbol.rows, start=quiet):
        begin = None
        for x, dark in enumerate((*row, False), start=quiet):
            if dark and begin is None:
                begin = x
            elif not dark and begin is not None:
                parts.append(f"M{begin} {y}h{x - begin}v1h-{x - begin}z")
                begin = None
    return "".join(parts)


def _line(row: tuple[bool, ...], scale: int) -> bytes:
    """One line of pixels, packed by eight: 1 is white; the first octet says that it is not filtered."""
    bits = "".join(("0" if dark else "1") * scale for dark in row)
    width = (len(bits) + 7) // 8
    return b"\0" + int(bits.ljust(width * 8, "0"), 2).to_bytes(width, "big")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
