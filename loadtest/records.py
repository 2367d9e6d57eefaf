"""Records of several industries (行业), to weigh what storing them takes: real products, and invented ones.

What is invented draws its words from real lists and texts: names of trades and places, the sentences of the node's
own documents. It repeats itself as files of enterprises do, and no more: serial numbers, addresses, texts differ.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from node.demo import workload
from registry.templates.template import Template

_HERE = Path(__file__).parent.parent
_TIMESTAMP = (1_790_000_000).to_bytes(4, "big")
Row = dict[str, str]


def samples(rows: int) -> dict[str, list[bytes]]:
    """Encoded records by industry, shuffled, so many of each where there are as many."""
    chance = random.Random(9)
    made = {"消费品 · consumer products, real": _encoded(workload.template(), _products())}
    for name, (template, row) in _INDUSTRIES.items():
        words = _Words(chance)
        made[name] = _encoded(template, [row(words, number) for number in range(rows)])
    for records in made.values():
        chance.shuffle(records)
    return {name: records[:rows] for name, records in made.items()}


def _encoded(definition: Mapping[str, Any], rows: list[Row]) -> list[bytes]:
    """The rows that the template takes: a few of the real ones are faulty."""
    encoder = Template.from_json({**definition, "version": 1}).compile()
    records = []
    for row in rows:
        encoded = encoder.named(row, _TIMESTAMP)
        if not isinstance(encoded, list):
            records.append(encoded.record)
    return records


def _products() -> list[Row]:
    """The demo's products, by its own mapping."""
    columns = dict(one.split("=") for one in workload.MAPPING)
    rows = []
    with (_HERE / "node/demo/products.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            named = {columns[column]: value for column, value in row.items() if value and column in columns}
            rows.append({**named, "url": f"{workload.RESOLVER_ADDRESS}/01/{row['GTIN-14']}"})
    return rows


class _Words:
    """Words and sentences, drawn by chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self._trades = _column("industries.csv")
        self._places = _column("divisions.csv")
        self._sentences = _sentences()
        self._firms = [f"{self.place()}{self.trade()}有限公司" for _ in range(40)]

    def trade(self) -> str:
        return self.chance.choice(self._trades)

    def place(self) -> str:
        return self.chance.choice(self._places)

    def firm(self) -> str:
        """One of a few: an enterprise has so many suppliers."""
        return self.chance.choice(self._firms)

    def address(self) -> str:
        return f"{self.place()}{self.place()}第{self.chance.randrange(1, 80)}号路{self.chance.randrange(1, 999)}号"

    def text(self, least: int, most: int) -> str:
        """So many sentences, none of which stands as it stood in another record."""
        drawn = self.chance.choices(self._sentences, k=self.chance.randint(least, most))
        return "；".join(f"{sentence}（{self.trade()}、{self.trade()}）" for sentence in drawn)

    def code(self, length: int) -> str:
        return "".join(self.chance.choices("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", k=length))

    def day(self) -> str:
        return str(date(2024, 1, 1) + timedelta(days=self.chance.randrange(900)))


def _column(name: str) -> list[str]:
    with (_HERE / "registry/data" / name).open(encoding="utf-8", newline="") as file:
        return [row["name"] for row in csv.DictReader(file)]


def _sentences() -> list[str]:
    """The Chinese clauses of the node's own documents."""
    said = "".join(
        path.read_text(encoding="utf-8") for path in sorted((_HERE / "registry/documents/data").glob("*.txt"))
    )
    return sorted(set(re.findall(r"[一-龥、，]{8,60}", said)))


def _template(title: str, /, **kinds: str) -> dict[str, Any]:
    attributes: list[dict[str, Any]] = [{"name": key, "title_zh": key, "kind": kind} for key, kind in kinds.items()]
    for attribute in attributes:
        if attribute["kind"] == "text":
            attribute.update({"kind": "string", "max_length": 4000})
    return {"name": title, "title_zh": title, "attributes": attributes}


def _part(words: _Words, number: int) -> Row:
    return {
        "name": f"{words.trade()}用离心泵",
        "model": f"CP-{number % 1000:04d}",
        "serial": words.code(10),
        "made_on": words.day(),
        "weight_kg": f"{words.chance.randrange(10, 900) / 10}",
        "passed": "true",
    }


def _device(words: _Words, number: int) -> Row:
    serial = words.code(12)
    return {
        "name": f"{words.trade()}设备",
        "maker": words.firm(),
        "address": words.address(),
        "model": f"{words.code(3)}-{number % 300}",
        "serial": serial,
        "manual": f"https://www.example.com/manuals/{words.code(3).lower()}/{serial}.pdf",
        "made_on": words.day(),
        "power_kw": f"{words.chance.randrange(1, 5000) / 10}",
        "standard": f"GB/T {words.chance.randrange(1000, 40000)}-20{words.chance.randrange(10, 25)}",
    }


def _medicine(words: _Words, _: int) -> Row:
    return {
        "name": f"{words.trade()}片",
        "approval": f"国药准字H{words.chance.randrange(10**7, 10**8)}",
        "maker": words.firm(),
        "address": words.address(),
        "batch": words.code(8),
        "made_on": words.day(),
        "good_until": words.day(),
        "indications": words.text(1, 4),
        "storage": words.text(1, 1),
    }


def _dossier(words: _Words, _: int) -> Row:
    return {
        "name": f"{words.trade()}生产线",
        "owner": words.firm(),
        "address": words.address(),
        "description": words.text(8, 16),
        "maintenance": words.text(4, 8),
        "manual": f"https://www.example.com/{words.code(16).lower()}",
    }


_INDUSTRIES: Mapping[str, tuple[Mapping[str, Any], Callable[[_Words, int], Row]]] = {
    "零部件 · parts": (
        _template("part", name="string", model="string", serial="string", made_on="date", weight_kg="number",
                  passed="boolean"), _part,
    ),
    "设备 · devices with a URL": (
        _template("device", name="string", maker="string", address="string", model="string", serial="string",
                  manual="string", made_on="date", power_kw="number", standard="string"), _device,
    ),
    "药品 · medicines with texts": (
        _template("medicine", name="string", approval="string", maker="string", address="string", batch="string",
                  made_on="date", good_until="date", indications="text", storage="text"), _medicine,
    ),
    "档案 · dossiers, long texts": (
        _template("dossier", name="string", owner="string", address="string", description="text",
                  maintenance="text", manual="string"), _dossier,
    ),
}  # fmt: skip
