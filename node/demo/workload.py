"""What the demo's enterprises register: real products, serials of products, and 17 rows that must come back."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
RESOLVER_ADDRESS = "https://id.example.com"
FILES = 8
SERIALS_FROM = 4  # files from this one on register serials of products
_BAD_ROWS_OF = {0: (11, 17), 1: (0, 6), 5: (6, 11)}  # which prepared rows go at the end of which file

# Column of the file = attribute of the template; the GTIN is an attribute beside being part of the suffix.
MAPPING = (
    "suffix=suffix",
    "url=url",
    "GTIN-14=gtin",
    "Brand Name=brand",
    "Name=name",
    "Size=size",
    "Ingredients=ingredients",
    "Serving Size=serving_size",
    "Servings Per Container=servings",
    "Calories=calories",
    "Fat (g)=fat_g",
    "Sodium (mg)=sodium_mg",
    "Carbohydrate (g)=carbohydrate_g",
    "Sugars (g)=sugars_g",
    "Protein (g)=protein_g",
    "Author=author",
    "Format=format",
    "Publisher=publisher",
    "Pages=pages",
    "Alcohol By Volume=alcohol_by_volume",
)


@dataclass(frozen=True, slots=True)
class SampleEnterprise:
    """An invented enterprise and the prefix it applies for."""

    form: dict[str, Any]
    prefix: str

    @property
    def user_name(self) -> str:
        return f"e{self.prefix.rpartition('.')[2]}"


def enterprises() -> list[SampleEnterprise]:
    """All 24, in the order of their prefixes."""
    listed = json.loads((_HERE / "enterprises.json").read_text(encoding="utf-8"))
    return [
        SampleEnterprise({name: value for name, value in entry.items() if name != "prefix"}, entry["prefix"])
        for entry in listed
    ]


def template() -> dict[str, Any]:
    """The template of consumer products, as ``POST /v1/templates`` takes it."""

    def text(name: str, zh: str, en: str, **rules: Any) -> dict[str, Any]:
        return {"name": name, "title_zh": zh, "title_en": en, "kind": "string", **rules}

    def amount(name: str, zh: str, en: str, **rules: Any) -> dict[str, Any]:
        return {"name": name, "title_zh": zh, "title_en": en, "kind": "number", "minimum": "0", **rules}

    return {
        "name": "product",
        "title_zh": "消费品",
        "title_en": "Consumer product",
        "attributes": [
            text("url", "网址", "web address", index=1, type="URL"),
            text("gtin", "全球贸易项目代码", "GTIN-14", required=True, pattern="[0-9]{14}", listed=True),
            text("brand", "品牌", "brand", listed=True),
            text("name", "名称", "name", required=True),
            text("size", "规格", "size"),
            text("ingredients", "配料", "ingredients", max_length=2000),
            text("serving_size", "每份分量", "serving size"),
            amount("servings", "份数", "servings per container"),
            amount("calories", "热量（千卡）", "calories (kcal)"),
            amount("fat_g", "脂肪（克）", "fat (g)"),
            amount("sodium_mg", "钠（毫克）", "sodium (mg)"),
            amount("carbohydrate_g", "碳水化合物（克）", "carbohydrate (g)"),
            amount("sugars_g", "糖（克）", "sugars (g)"),
            amount("protein_g", "蛋白质（克）", "protein (g)"),
            text("author", "作者", "author"),
            {
                "name": "format", "title_zh": "装帧", "title_en": "format", "kind": "enum",
                "choices": ["Paperback", "Hardcover"],
            },
            text("publisher", "出版社", "publisher"),
            amount("pages", "页数", "pages"),
            amount("alcohol_by_volume", "酒精度（%）", "alcohol by volume (%)", maximum="100"),
        ],
    }  # fmt: skip


def write_files(folder: Path) -> list[Path]:
    """The files to import, one an enterprise; each product stands in exactly one of them.

    Four files register products by their GTIN, four register serials (GTIN, a dot, a serial number). Beside
    each stands its GS1 Digital Link (GS1 Digital Link URI Syntax, application identifiers 01 and 21).
    """
    with (_HERE / "products.csv").open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        columns = next(reader)
        products = list(reader)
    bad = (_HERE / "bad_rows.csv").read_bytes().split(b"\n")[1:]
    share = -(-len(products) // FILES)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number in range(FILES):
        target = folder / f"products-{number + 1}.csv"
        rows = products[number * share : (number + 1) * share]
        with target.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(["suffix", "url", *columns])
            writer.writerows(_serials(rows) if number >= SERIALS_FROM else _products(rows))
        first, last = _BAD_ROWS_OF.get(number, (0, 0))
        if last:
            with target.open("ab") as out:
                out.write(b"\n".join(bad[first:last]) + b"\n")
        written.append(target)
    return written


def _products(rows: list[list[str]]) -> Iterator[list[str]]:
    for row in rows:
        yield [row[0], f"{RESOLVER_ADDRESS}/01/{row[0]}", *row]


def _serials(rows: list[list[str]]) -> Iterator[list[str]]:
    for number, row in enumerate(rows, 1):
        serial = f"26{number:06d}"
        yield [f"{row[0]}.{serial}", f"{RESOLVER_ADDRESS}/01/{row[0]}/21/{serial}", *row]
