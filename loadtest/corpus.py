"""Generated rows to register: sequential or random product suffixes with the columns an enterprise would have."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from random import Random
from typing import NamedTuple
from uuid import UUID

import xlsxwriter


class Product(NamedTuple):
    """One row; the fields are the columns."""

    suffix: str
    name: str
    model: str
    weight_kg: float
    made_on: date
    passed: bool


HEADER = Product._fields
MARKER = "PUMP"
SHEET_ROWS = 1_048_575
"""Below the header of one worksheet (ECMA-376 part 1, 18.3.1.73)."""


def products(rows: int, marker: str = MARKER, *, random: bool = False) -> Iterator[Product]:
    """The same arguments give the same rows, all of them valid. ``random``: suffixes are UUIDs below the marker."""
    chance = Random(marker)
    for number in range(rows):
        yield Product(
            f"{marker}-{UUID(int=chance.getrandbits(128))}" if random else f"{marker}-{number:09d}",
            f"离心泵 {number % 97} 型",
            f"CP-{number % 1000:04d}",
            number % 500 / 10 + 1,
            date(2026, number % 12 + 1, number % 28 + 1),
            bool(number % 7),
        )


def write_csv(target: Path, rows: int, *, marker: str = MARKER, random: bool = False) -> None:
    """A header and the rows, UTF-8."""
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(
            (one.suffix, one.name, one.model, f"{one.weight_kg:.1f}", one.made_on, "true" if one.passed else "false")
            for one in products(rows, marker, random=random)
        )


def write_csv_gz(target: Path, rows: int, *, marker: str = MARKER) -> None:
    """The CSV, packed as ``gzip`` does."""
    plain = target.with_suffix("")
    write_csv(plain, rows, marker=marker)
    with plain.open("rb") as file, gzip.open(target, "wb", compresslevel=6) as packed:
        shutil.copyfileobj(file, packed)
    plain.unlink()


def write_ndjson(target: Path, rows: int, *, marker: str = MARKER) -> None:
    """An object a line."""
    with target.open("w", encoding="utf-8") as file:
        file.writelines(_json(one) + "\n" for one in products(rows, marker))


def write_json(target: Path, rows: int, *, marker: str = MARKER) -> None:
    """One array, an object a line."""
    with target.open("w", encoding="utf-8") as file:
        for number, one in enumerate(products(rows, marker)):
            file.write((",\n" if number else "[\n") + _json(one))
        file.write("\n]\n")


def write_xlsx(target: Path, rows: int, *, marker: str = MARKER) -> None:
    """One worksheet with dates, numbers and truth values as such; at most ``SHEET_ROWS`` rows."""
    with xlsxwriter.Workbook(target, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, HEADER)
        for number, one in enumerate(products(rows, marker), 1):
            sheet.write_string(number, 0, one.suffix)
            sheet.write_string(number, 1, one.name)
            sheet.write_string(number, 2, one.model)
            sheet.write_number(number, 3, one.weight_kg)
            sheet.write_datetime(number, 4, datetime.combine(one.made_on, time()), day)
            sheet.write_boolean(number, 5, one.passed)


WRITERS: Mapping[str, Callable[[Path, int], None]] = {
    "csv": write_csv,
    "csv.gz": write_csv_gz,
    "ndjson": write_ndjson,
    "json": write_json,
    "xlsx": write_xlsx,
}
"""How to write the rows, by the ending of the file's name."""


def _json(one: Product) -> str:
    return json.dumps({**one._asdict(), "made_on": str(one.made_on)}, ensure_ascii=False)


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
