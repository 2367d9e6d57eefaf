"""Pictures as a scanner sees them: PNG read to grey pixels, codes read from them."""

from __future__ import annotations

import struct
import zlib
from itertools import accumulate

import zxingcpp

_CHANNELS = {0: 1, 2: 3, 6: 4}


def grey(png: bytes) -> memoryview:
    """The pixels of a PNG, not interlaced, of one bit grey or of octets; rows of 0 (black) to 255."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    packed, place = b"", 8
    width = height = depth = colour = 0
    while place < len(png):
        (length,), kind = struct.unpack_from(">I", png, place), png[place + 4 : place + 8]
        content = png[place + 8 : place + 8 + length]
        assert zlib.crc32(kind + content) == struct.unpack_from(">I", png, place + 8 + length)[0]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack_from(">IIBB", content)
        packed += content if kind == b"IDAT" else b""
        place += length + 12
    raw = zlib.decompress(packed)
    step = _CHANNELS[colour] if depth == 8 else 1
    line = width * step if depth == 8 else (width + 7) // 8
    rows = []
    before = bytes(line // step)
    for begin in range(0, len(raw), line + 1):
        # Each channel is filtered by itself, and one of them is enough for black and white.
        before = _unfiltered(raw[begin], raw[begin + 1 : begin + 1 + line : step], before)
        rows.append(before if depth == 8 else _octets(before, width))
    return memoryview(b"".join(rows)).cast("B", (height, width))


def codes_in(png: bytes) -> list[zxingcpp.Barcode]:
    """Every code of a picture that reads, from top to bottom."""
    found = zxingcpp.read_barcodes(
        grey(png), formats=[zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.DataMatrix]
    )
    return sorted(found, key=lambda one: (one.position.top_left.y, one.position.top_left.x))


def code_in(png: bytes) -> zxingcpp.Barcode:
    """The only code of a picture."""
    (found,) = codes_in(png)
    return found


def _octets(bits: bytes, width: int) -> bytes:
    """A line of one bit a pixel as octets."""
    text = f"{int.from_bytes(bits, 'big'):0{len(bits) * 8}b}"[:width]
    return text.encode().translate(bytes.maketrans(b"01", b"\x00\xff"))


def _unfiltered(kind: int, line: bytes, above: bytes) -> bytes:
    """PNG (ISO/IEC 15948), section 9."""
    match kind:
        case 0:
            return line
        case 1:
            return bytes(accumulate(line, lambda left, here: (left + here) & 255))
        case 2:
            return bytes((up + here) & 255 for up, here in zip(above, line, strict=True)) if any(line) else above
    made, left, corner = bytearray(), 0, 0
    for up, here in zip(above, line, strict=True):
        if kind == 3:
            guess = (left + up) // 2
        else:
            estimate = left + up - corner
            guess = min((left, up, corner), key=lambda one: abs(estimate - one))
        left, corner = (here + guess) & 255, up
        made.append(left)
    return bytes(made)
