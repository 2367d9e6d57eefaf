"""Every code reads back as what it was made of."""

from __future__ import annotations

import re

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from admin.labels.drawing import png, svg
from admin.labels.symbol import LONGEST, CodeKind, CodeTooLong, Symbol, element_symbol, symbol_of
from node.identifier import Identifier, InvalidIdentifier, InvalidSuffix, Prefix
from tests.support.pictures import code_in, grey

PREFIX = Prefix.parse("88.101.2001")
SUFFIXES = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("泵/\\()[]<>&\"' 09Azאبß😀日")), min_size=1, max_size=40
)


def read(symbol: Symbol, scale: int = 3) -> zxingcpp.Barcode:
    return code_in(png(symbol, scale))


@settings(max_examples=60, deadline=None)
@given(suffix=SUFFIXES, kind=st.sampled_from(CodeKind))
def test_whatever_may_be_an_identifier_reads_back_from_its_picture(suffix: str, kind: CodeKind) -> None:
    try:
        identifier = Identifier.of(PREFIX, suffix)
    except (InvalidSuffix, InvalidIdentifier):
        return
    found = read(symbol_of(kind, identifier.text))
    assert found.bytes.decode() == identifier.text
    assert found.format == (
        zxingcpp.BarcodeFormat.QRCode if kind is CodeKind.QR else zxingcpp.BarcodeFormat.DataMatrix
    )


@pytest.mark.parametrize("kind", CodeKind)
def test_text_beyond_ascii_says_that_it_is_utf_8(kind: CodeKind) -> None:
    said = "88.101.2001/不锈钢离心泵-1"
    found = read(symbol_of(kind, said))
    assert found.text == said
    told = zxingcpp.read_barcode(grey(png(symbol_of(kind, said), 3)), text_mode=zxingcpp.TextMode.ECI)
    assert told is not None
    assert told.text[3:] == f"\\000026{said}"


def test_codes_are_squares_with_their_quiet_zone_and_of_medium_correction() -> None:
    qr, matrix = (symbol_of(kind, "88.101.2001/PUMP-1") for kind in CodeKind)
    assert (len(qr.rows), qr.side) == (21, 29)
    assert (len(matrix.rows), matrix.side) == (18, 20)
    assert all(len(row) == len(one.rows) for one in (qr, matrix) for row in one.rows)
    assert read(qr).ec_level == "M"


def test_the_longest_texts_give_up_correction_before_they_are_refused() -> None:
    assert read(symbol_of(CodeKind.QR, "x" * LONGEST), 2).ec_level == "L"
    assert read(symbol_of(CodeKind.DATA_MATRIX, "x" * 1555), 2).text == "x" * 1555
    for kind, octets in ((CodeKind.QR, LONGEST + 1), (CodeKind.DATA_MATRIX, 2400), (CodeKind.DATA_MATRIX, 10**6)):
        with pytest.raises(CodeTooLong) as refused:
            symbol_of(kind, "x" * octets)
        assert refused.value.evidence == {"octets": octets}


def test_an_element_string_is_gs1_data_matrix_with_fnc1_behind_what_has_an_open_length() -> None:
    symbol = element_symbol("[01]09506000134352[10]L/1(2)[21]S-7")
    found = read(symbol)
    assert found.bytes == b"010950600013435210L/1(2)\x1d21S-7"
    assert (found.symbology_identifier, found.content_type) == ("]d2", zxingcpp.ContentType.GS1)
    assert symbol.text == "(01)09506000134352(10)L/1(2)(21)S-7"


def test_the_same_code_is_the_same_picture() -> None:
    one, two = symbol_of(CodeKind.QR, "88.101.2001/A"), symbol_of(CodeKind.QR, "88.101.2001/A")
    assert svg(one) == svg(two)
    assert png(one, 4) == png(two, 4)


def test_what_a_code_says_is_no_markup_in_its_svg() -> None:
    drawn = svg(symbol_of(CodeKind.QR, '88.101.2001/</title><script>alert(1)</script>&"'))
    assert "<script" not in drawn
    assert re.findall(r"<(\w+)", drawn) == ["svg", "title", "path", "path"]
