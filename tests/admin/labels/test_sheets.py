"""Sheets of labels: every code on every page reads, texts are texts, what would not read is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
import typst

from admin.labels.layouts import A4, LAYOUTS, Layout
from admin.labels.sheet import SOURCE, CodeTooDense, Label, check_density, code_side, inputs_of
from admin.labels.symbol import CodeKind, symbol_of
from node.fonts import cjk_fonts
from tests.support.pictures import codes_in

HOSTILE = '#panic("x") *b* _i_ $x$ @a <b> \\ "q" // c /* ` [ ] { } = h'


def label(number: int, kind: CodeKind = CodeKind.QR, product: str = "不锈钢离心泵", suffix: str = "") -> Label:
    identifier = f"88.101.2001/PUMP-{number:04}{suffix}"
    text = f"https://node.example.cn/88.101.2001/PUMP-{number:04}"
    return Label(symbol_of(kind, text), identifier, product, "宁波示例水泵有限公司")


def pages_of(labels: Sequence[Label], layout: Layout, ppi: int = 150) -> list[bytes]:
    """The pages as pictures: the same source and inputs as those of the PDF."""
    fonts = cjk_fonts(None)
    inputs = {**inputs_of(labels, layout), "families": json.dumps(fonts.families)}
    found = typst.compile(
        SOURCE.encode(), format="png", ppi=ppi, sys_inputs=inputs,
        font_paths=typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(fonts.folder)]
        ),
    )  # fmt: skip
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("kind", CodeKind)
def test_every_code_of_every_page_reads_in_its_order(kind: CodeKind) -> None:
    layout = LAYOUTS["a4-70x37"]
    labels = [label(number, kind) for number in range(layout.a_page + 4)]
    pages = pages_of(labels, layout)
    assert [len(codes_in(page)) for page in pages] == [24, 4]
    read = {code.text for page in pages for code in codes_in(page)}
    assert read == {one.symbol.text for one in labels}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_every_layout_has_its_labels_on_the_page_without_overlap(layout: Layout) -> None:
    width, height = layout.label
    assert layout.left + (layout.columns - 1) * layout.across + width <= layout.page[0]
    assert layout.top + (layout.rows - 1) * layout.down + height <= layout.page[1]
    assert layout.columns == 1 or layout.across >= width
    assert layout.rows == 1 or layout.down >= height
    assert layout.page == A4 or layout.page == layout.label
    (page,) = pages_of([label(number) for number in range(layout.a_page)], layout, ppi=200)
    assert len(codes_in(page)) == layout.a_page


def test_texts_are_no_markup_and_long_ones_stay_on_their_label() -> None:
    layout = LAYOUTS["roll-50x30"]
    labels = [
        label(1, product=HOSTILE), label(2, product="长" * 400), label(3, suffix="X" * 230), label(4, product=""),
        label(5, product="עברית ‏\u202eabc"), label(6, product="😀"),
    ]  # fmt: skip
    pages = pages_of(labels, layout)
    assert [code.text for page in pages for code in codes_in(page)] == [one.symbol.text for one in labels]


def test_codes_whose_modules_would_be_too_small_are_refused_with_their_size() -> None:
    small = LAYOUTS["a4-38.1x21.2"]
    dense = Label(symbol_of(CodeKind.QR, "x" * 700), "88.101.2001/A", "", "")
    with pytest.raises(CodeTooDense) as refused:
        check_density(dense, small)
    assert refused.value.evidence["module_mm"] == round(code_side(small) / dense.symbol.side, 3) < 0.2
    check_density(dense, LAYOUTS["roll-100x70"])
    check_density(label(1), small)
