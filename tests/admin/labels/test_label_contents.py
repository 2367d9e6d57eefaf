"""What codes say: identifiers, addresses that lead to them, and what GS1 makes of a record."""

from __future__ import annotations

from urllib.parse import unquote, urljoin

import pytest

from admin.labels.content import Content, ContentUnfit, Wanted, code_of, public_address
from admin.labels.gs1 import NoGtin, TradeItem, digital_link, element_string, trade_item
from admin.labels.symbol import CodeKind
from node.errors import NodeError

NODE = "https://node.example.cn"
PREFIX = "88.101.2001"


def wanted(content: Content, kind: CodeKind = CodeKind.DATA_MATRIX) -> Wanted:
    return Wanted(kind, content, NODE, "https://id.gs1.org")


@pytest.mark.parametrize(
    ("suffix", "address"),
    [
        ("PUMP-1", f"{NODE}/{PREFIX}/PUMP-1"),
        ("a/b c", f"{NODE}/{PREFIX}/a/b%20c"),
        ("泵?x=1#y%2F", f"{NODE}/{PREFIX}/%E6%B3%B5%3Fx%3D1%23y%252F"),
        ("a/../b", f"{NODE}/{PREFIX}/a%2F..%2Fb"),
        ("a//b", f"{NODE}/{PREFIX}/a%2F%2Fb"),
    ],
)
def test_an_address_leads_to_the_suffix_whatever_it_holds(suffix: str, address: str) -> None:
    assert public_address(NODE + "/", PREFIX, suffix) == address
    assert unquote(urljoin(NODE, address).removeprefix(f"{NODE}/{PREFIX}/")) == suffix


@pytest.mark.parametrize("suffix", [".", ".."])
def test_no_address_leads_to_a_suffix_that_clients_fold(suffix: str) -> None:
    with pytest.raises(ContentUnfit):
        public_address(NODE, PREFIX, suffix)


def test_each_content_says_its_own() -> None:
    record = {"GTIN": "9506000134352", "serial": "S/7", "lot": "L1", "name": "离心泵"}
    said = {content: code_of(wanted(content), PREFIX, "PUMP-1", record).text for content in Content}
    assert said == {
        Content.IDENTIFIER: "88.101.2001/PUMP-1",
        Content.ADDRESS: "https://node.example.cn/88.101.2001/PUMP-1",
        Content.DIGITAL_LINK: "https://id.gs1.org/01/09506000134352/10/L1/21/S%2F7",
        Content.ELEMENT_STRING: "(01)09506000134352(10)L1(21)S/7",
    }


def test_a_digital_link_escapes_what_uris_reserve() -> None:
    # GS1 Digital Link: URI syntax, section 4.10: "SN/01?" becomes SN%2F01%3F, "+" %2B.
    item = TradeItem("09506000134352", None, "SN/01?+")
    assert digital_link(item, "https://id.gs1.org/") == "https://id.gs1.org/01/09506000134352/21/SN%2F01%3F%2B"
    assert element_string(item) == "[01]09506000134352[21]SN/01?+"


@pytest.mark.parametrize(
    ("gtin", "whole"),
    [("96385074", "00000096385074"), ("614141000036", "00614141000036"), ("9506000134352", "09506000134352"),
     ("09506000134352", "09506000134352")],
)  # fmt: skip
def test_shorter_gtins_are_filled_up_to_fourteen_digits(gtin: str, whole: str) -> None:
    assert trade_item({"gtin": gtin}) == TradeItem(whole, None, None)


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({}, "gtin"),
        ({"gtin": ""}, "gtin"),
        ({"gtin": ["9506000134352"]}, "gtin"),
        ({"gtin": "9506000134353"}, "gtin"),
        ({"gtin": "950600013435"}, "gtin"),
        ({"gtin": "9506000134352 "}, "gtin"),
        ({"gtin": "９５０６０００１３４３５２"}, "gtin"),
        ({"gtin": "9506000134352", "serial": "泵"}, "serial"),
        ({"gtin": "9506000134352", "serial": "S" * 21}, "serial"),
        ({"gtin": "9506000134352", "lot": "a b"}, "lot"),
        ({"gtin": "9506000134352", "lot": "[21]x"}, "lot"),
    ],
)
def test_what_is_no_trade_item_is_refused_by_its_attribute(record: dict[str, object], field: str) -> None:
    for content in (Content.DIGITAL_LINK, Content.ELEMENT_STRING):
        with pytest.raises(NoGtin) as refused:
            code_of(wanted(content), PREFIX, "PUMP-1", record)
        assert refused.value.evidence == {"field": field}


def test_element_strings_are_for_data_matrix_only() -> None:
    with pytest.raises(NodeError, match="kind=datamatrix"):
        wanted(Content.ELEMENT_STRING, CodeKind.QR)
