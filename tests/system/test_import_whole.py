"""A large file with bad rows of every kind registers the good ones, and the corrected rejections complete it.

``--rows`` says how large; ``make test-million`` takes a million.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from node.client import Client
from node.demo.scene import Scene
from node.demo.stage import Stage
from node.demo.story import Cast, make_enterprise_user, make_reviewer, signed_in
from node.demo.workload import enterprises
from node.serve import node_running
from tests.support.node_process import free_port

pytestmark = pytest.mark.system

HEADER = ["suffix", "name", "serial", "weight_kg", "made_on", "passed", "grade"]
TEMPLATE: dict[str, Any] = {
    "name": "whole",
    "title_zh": "水泵",
    "attributes": [
        {"name": "name", "title_zh": "名称", "required": True, "max_length": 64},
        {"name": "serial", "title_zh": "出厂编号", "unique": True},
        {"name": "weight_kg", "title_zh": "重量", "kind": "number", "minimum": "0"},
        {"name": "made_on", "title_zh": "生产日期", "kind": "date"},
        {"name": "passed", "title_zh": "合格", "kind": "boolean"},
        {"name": "grade", "title_zh": "等级", "kind": "enum", "choices": ["A", "B"]},
    ],
}
MOST_BAD = 1000

Spoil = Callable[[list[str]], list[str]]


def cell(name: str, value: str) -> Spoil:
    place = HEADER.index(name)
    return lambda row: [*row[:place], value, *row[place + 1 :]]


# Every kind spoils a good row in its own way; the row before the spoiled one stands, so it can be repeated.
KINDS: dict[str, Spoil] = {
    "required": cell("name", ""),
    "too_long": cell("name", "长" * 65),
    "not_a_number": cell("weight_kg", "heavy"),
    "too_small": cell("weight_kg", "-1"),
    "not_a_date": cell("made_on", "2026-02-30"),
    "not_a_boolean": cell("passed", "perhaps"),
    "not_a_choice": cell("grade", "C"),
    "suffix_missing": cell("suffix", ""),
    "invalid_suffix": cell("suffix", "P\u202e1"),
    "duplicate_row": cell("suffix", "W-000000000"),
    "value_taken": cell("serial", "S-0"),
    "wrong_field_count": lambda row: [*row, "more"],
}


def good(number: int) -> list[str]:
    day = f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
    return [
        f"W-{number:09d}",
        f"离心泵 {number % 97} 型",
        f"S-{number}",
        f"{number % 500}.5",
        day,
        "true",
        "AB"[number % 2],
    ]


def write(file: Path, rows: int) -> dict[int, str]:
    """The file; returns which line is bad in which way."""
    bad = min(rows // 100, MOST_BAD)
    every = rows // bad
    kinds = list(KINDS)
    spoiled: dict[int, str] = {}
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(HEADER)
        for number in range(rows):
            row = good(number)
            if number % every == every - 1 and len(spoiled) < bad:
                kind = kinds[len(spoiled) % len(kinds)]
                spoiled[number + 2] = kind
                row = KINDS[kind](row)
            writer.writerow(row)
    return spoiled


def mend(file: Path, kinds: dict[int, str]) -> None:
    """The rejected rows with their cells put right; the columns with the reasons stay."""
    with file.open(encoding="utf-8", newline="") as text:
        header, *rows = csv.reader(text)
    line_at = header.index("biaoshi_line")
    code_at = header.index("biaoshi_code")
    assert header[: len(HEADER)] == HEADER
    assert {int(row[line_at]): row[code_at] for row in rows} == kinds
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow([*good(int(row[line_at]) - 2), *row[len(HEADER) : len(header)]])


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="biaoshi-whole-") as folder:
        Path(folder).chmod(0o755)
        async with Stage(Path(folder) / "node", *(free_port() for _ in range(4))).set_up(node_running) as scene:
            yield scene


async def user_of(scene: Scene) -> Client:
    sample = enterprises()[0]
    admin = await signed_in(scene.client, "admin", scene.state.administrator_password)
    cast = Cast(admin, await make_reviewer(scene.client, admin, scene.state), lambda _words: None)
    await cast.bring_in([sample])
    await cast.publish(TEMPLATE)
    return await make_enterprise_user(admin, sample)


async def biaoshi_import(scene: Scene, client: Client, file: Path, *more: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "node.cli", "import", str(file), "--prefix", enterprises()[0].prefix,
        "--template", "whole", "--server", scene.url, *more, env={**os.environ, "BIAOSHI_TOKEN": client.token},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode in (0, 2), err.decode()
    return process.returncode, out.decode()


def counts(report: str) -> tuple[int, int, int]:
    batch = json.loads(report)
    assert batch["state"] == "finished"
    return batch["registered"], batch["unchanged"], batch["rejected"]


async def test_the_good_rows_are_registered_and_the_corrected_ones_complete_it(
    scene: Scene, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    rows = pytestconfig.getoption("--rows")
    file = tmp_path / "whole.csv"
    spoiled = write(file, rows)
    bad = len(spoiled)
    assert len(Counter(spoiled.values())) == len(KINDS) == 12
    client = await user_of(scene)
    status, shown = await biaoshi_import(scene, client, file, "--dry-run")
    assert (status, f"{rows - bad:,}" in shown, f"{bad:,}" in shown) == (2, True, True)
    _, report = await biaoshi_import(scene, client, file)
    assert counts(report) == (rows - bad, 0, bad)
    _, again = await biaoshi_import(scene, client, file)
    assert json.loads(again) == json.loads(report)
    back = tmp_path / "whole.csv.rejections.csv"
    mend(back, spoiled)
    _, mended = await biaoshi_import(scene, client, back)
    assert counts(mended) == (bad, 0, 0)
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")  # the same rows under another key
    _, repeated = await biaoshi_import(scene, client, file)
    registered, unchanged, rejected = counts(repeated)
    assert (registered, unchanged + rejected) == (0, rows)
    assert unchanged == rows - bad
