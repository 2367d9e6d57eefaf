"""A report as PDF: one layout for all kinds, which reads the data and draws the charts."""

from __future__ import annotations

import json
from pathlib import Path

from admin.filters import china
from admin.reports.reports import Report
from admin.typesetting import Typesetter

LAYOUT = Path(__file__).with_name("layouts") / "report.typ"


async def as_pdf(report: Report, typesetter: Typesetter) -> bytes:
    """The PDF of a report with its data; the same report has the same bytes. Raises what typesetting raises."""
    return await typesetter.pdf(LAYOUT.read_text(encoding="utf-8"), inputs_of(report), at=report.made_at)


def inputs_of(report: Report) -> dict[str, str]:
    """What the layout reads."""
    kept = {"sha256": report.sha256.hex(), "edition": report.edition, "made_at": china(report.made_at)}
    return {"data": report.data.decode(), "kept": json.dumps(kept)}
