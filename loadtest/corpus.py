"""Generated rows to register: sequential product suffixes with the columns an enterprise would have."""

from __future__ import annotations

import csv
from pathlib import Path

HEADER = ("suffix", "name", "model", "weight_kg", "made_on", "passed")


def write_csv(target: Path, rows: int, *, marker: str = "PUMP") -> None:
    """A CSV of ``rows`` valid rows; the same arguments give the same bytes."""
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(
            (
                f"{marker}-{number:09d}",
                f"离心泵 {number % 97} 型",
                f"CP-{number % 1000:04d}",
                f"{number % 500 / 10 + 1:.1f}",
                f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
                "true" if number % 7 else "false",
            )
            for number in range(rows)
        )


def template(name: str = "pump") -> dict[str, object]:
    """The template of these rows, as ``POST /v1/templates`` takes it."""
    return {
        "name": name,
        "title_zh": "水泵",
        "title_en": "Pump",
        "attributes": [
            {"name": "name", "title_zh": "名称", "title_en": "name", "kind": "string", "required": True},
            {"name": "model", "title_zh": "型号", "title_en": "model", "kind": "string"},
            {"name": "weight_kg", "title_zh": "重量（千克）", "title_en": "weight (kg)", "kind": "number"},
            {"name": "made_on", "title_zh": "生产日期", "title_en": "made on", "kind": "date"},
            {"name": "passed", "title_zh": "检验合格", "title_en": "passed", "kind": "boolean"},
        ],
    }
