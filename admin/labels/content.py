"""What a code says of an identifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from admin.labels import gs1
from admin.labels.symbol import CodeKind, Symbol, element_symbol, symbol_of
from node.errors import Malformed

_FOLDED = frozenset({"", ".", ".."})


class ContentUnfit(Malformed):
    title_zh = "该码制不支持此内容"


class Content(StrEnum):
    IDENTIFIER = "identifier"
    ADDRESS = "address"
    DIGITAL_LINK = "digital_link"
    ELEMENT_STRING = "element_string"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A kind of code and what it is to say; ``address`` and ``stem`` are where addresses and Digital Links begin.

    Raises ``ContentUnfit`` for an element string as QR code.
    """

    kind: CodeKind
    content: Content
    address: str
    stem: str

    def __post_init__(self) -> None:
        if self.content is Content.ELEMENT_STRING and self.kind is not CodeKind.DATA_MATRIX:
            raise ContentUnfit("an element string is for GS1 DataMatrix: choose kind=datamatrix", field="content")


def code_of(wanted: Wanted, prefix: str, suffix: str, attributes: Mapping[str, object]) -> Symbol:
    """The code of an identifier with its record's attributes.

    Raises ``CodeTooLong``, ``NoGtin`` for the contents of GS1, ``ContentUnfit``.
    """
    match wanted.content:
        case Content.IDENTIFIER:
            return symbol_of(wanted.kind, f"{prefix}/{suffix}")
        case Content.ADDRESS:
            return symbol_of(wanted.kind, public_address(wanted.address, prefix, suffix))
        case Content.DIGITAL_LINK:
            return symbol_of(wanted.kind, gs1.digital_link(gs1.trade_item(attributes), wanted.stem))
        case Content.ELEMENT_STRING:
            return element_symbol(gs1.element_string(gs1.trade_item(attributes)))


def public_address(base: str, prefix: str, suffix: str) -> str:
    """Where everybody sees the identifier. Slashes stay, but for those that clients would fold (``a/../b``).

    Raises ``ContentUnfit`` for a suffix of one or two dots, which clients fold however they are written.
    """
    if suffix in _FOLDED:
        raise ContentUnfit("no address leads to a suffix of dots: choose the identifier", field="content")
    folded = not _FOLDED.isdisjoint(suffix.split("/"))
    return f"{base.rstrip('/')}/{prefix}/{quote(suffix, safe='' if folded else '/')}"
