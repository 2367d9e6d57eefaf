"""Many labels as a PDF: the code at the left, beside it identifier, product and enterprise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from admin.labels.drawing import svg
from admin.labels.layouts import Layout
from admin.labels.symbol import Symbol
from node.errors import Malformed

PAD = 1.5
"""Millimetres that stay free at the edges of a label: printers and cutters are not exact."""
_SMALLEST_MODULE = 0.2
"""Millimetres of a module, below which phones fail and printers of 203 dots an inch blur."""
_MOST_WIDTH = 0.5
"""The part of a label's width that a code takes at most: the rest is for the texts."""

SOURCE = (Path(__file__).parent / "sheet.typ").read_text(encoding="utf-8")
"""Markup that reads ``sheet`` of the inputs, as ``inputs_of`` makes it."""


class CodeTooDense(Malformed):
    """Evidence: ``identifier``, ``layout``, ``module_mm``."""

    title_zh = "二维码过密，标签尺寸不足"


@dataclass(frozen=True, slots=True)
class Label:
    """A code and the texts beside it; empty ones are left out."""

    symbol: Symbol
    identifier: str
    product: str
    enterprise: str


def check_density(label: Label, layout: Layout) -> None:
    """Whether a code can be printed and read on labels of this size. Raises ``CodeTooDense``."""
    module = code_side(layout) / label.symbol.side
    if module < _SMALLEST_MODULE:
        raise CodeTooDense(
            f"the code of {label.identifier} would have modules of {module:.2f} mm on {layout.name}, less than "
            f"{_SMALLEST_MODULE} mm: choose larger labels, or a shorter content",
            identifier=label.identifier, layout=layout.name, module_mm=round(module, 3),
        )  # fmt: skip


def inputs_of(labels: Sequence[Label], layout: Layout) -> dict[str, str]:
    """What the source is given for these labels."""
    sheet = {
        "page": layout.page,
        "label": layout.label,
        "columns": layout.columns,
        "rows": layout.rows,
        "left": layout.left,
        "top": layout.top,
        "across": layout.across,
        "down": layout.down,
        "pad": PAD,
        "side": code_side(layout),
        "labels": [
            {"code": svg(label.symbol), "lines": [label.identifier, label.product, label.enterprise]}
            for label in labels
        ],
    }
    return {"sheet": json.dumps(sheet, ensure_ascii=False)}


def code_side(layout: Layout) -> float:
    """Millimetres of a code's side, with its quiet zone."""
    width, height = layout.label
    return min(height - 2 * PAD, width * _MOST_WIDTH)
