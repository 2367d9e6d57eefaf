"""Two-dimensional codes: a text as dark and light modules.

QR Code is ISO/IEC 18004, Data Matrix (ECC 200) ISO/IEC 16022. Text that is not ASCII is written as UTF-8 and says so
by an ECI, which readers need not guess then.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import cast

import zxingcpp

from node.errors import Malformed

LONGEST = 2953
"""Octets of the largest code there is: QR version 40-L."""

_UTF_8 = 26  # by the register of extended channel interpretations


class CodeTooLong(Malformed):
    """Evidence: ``octets``."""

    title_zh = "内容过长，无法生成二维码"


class CodeKind(StrEnum):
    QR = "qr"
    DATA_MATRIX = "datamatrix"

    @property
    def quiet(self) -> int:
        """Light modules that have to stay free around it."""
        return 4 if self is CodeKind.QR else 1


@dataclass(frozen=True, slots=True)
class Symbol:
    """One code: ``rows`` of modules without the quiet zone, true is dark; ``text`` is what it says, for people."""

    kind: CodeKind
    text: str
    rows: tuple[tuple[bool, ...], ...]

    @property
    def side(self) -> int:
        """Modules of a side with the quiet zone: codes are squares."""
        return len(self.rows) + 2 * self.kind.quiet


def symbol_of(kind: CodeKind, text: str) -> Symbol:
    """The code of a text. Raises ``CodeTooLong``."""
    octets = len(text.encode())
    if octets <= LONGEST:
        # A damaged label should read, so medium correction comes first; the longest texts leave room for little.
        for level in ("M", "L") if kind is CodeKind.QR else ("",):
            rows = _rows(kind, text, level)
            if rows is not None:
                return Symbol(kind, text, rows)
    raise CodeTooLong(f"{octets} octets are too many for a code of the kind {kind}", octets=octets)


def element_symbol(elements: str) -> Symbol:
    """GS1 DataMatrix of an element string in brackets, such as ``[01]09506000134352[21]A``: FNC1 at its begin, and
    after elements of open length (GS1 General Specifications, section 5.6).
    """
    made = zxingcpp.create_barcode(elements, zxingcpp.BarcodeFormat.DataMatrix, gs1=True, force_square=True)
    return Symbol(CodeKind.DATA_MATRIX, made.text, _modules(made))


def _rows(kind: CodeKind, text: str, level: str) -> tuple[tuple[bool, ...], ...] | None:
    """``None`` where the text is too long for the kind."""
    said = {} if text.isascii() else {"eci": _UTF_8}
    try:
        if kind is CodeKind.QR:
            made = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=level, **said)
        else:
            made = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix, force_square=True, **said)
    except ValueError:
        return None
    return _modules(made)


def _modules(made: zxingcpp.Barcode) -> tuple[tuple[bool, ...], ...]:
    # The image is a buffer of two dimensions, which its types do not say.
    pixels = memoryview(cast("bytes", made.to_image(scale=1, add_quiet_zones=False)))
    return tuple(tuple(pixel == 0 for pixel in row) for row in cast("list[list[int]]", pixels.tolist()))
