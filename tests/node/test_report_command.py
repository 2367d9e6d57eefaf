"""``biaoshi report``: made, listed, fetched and checked by whoever runs the node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from admin.statistics.rollup import sum_all
from node.child import utc_now
from node.china_time import day_of
from node.database import Pool
from node.founding import found
from node.journal import Interface
from node.resolutions import Outcome
from tests.support.command import Ended, biaoshi
from tests.support.counting import MINUTE_DAYS, PREFIX, at, write
from tests.support.pdf_text import pages_of

YESTERDAY = day_of(utc_now()) - timedelta(days=1)
WINDOW = ("--since", str(YESTERDAY), "--until", str(YESTERDAY + timedelta(days=1)))
Report = Callable[..., Awaitable[Ended]]


async def count(pool: Pool, resolutions: int) -> None:
    """So many valid resolutions of yesterday."""
    await write(pool, {(at(YESTERDAY, 9), (PREFIX, Interface.HANDLE_JSON, Outcome.HIT)): resolutions})
    await sum_all(pool, utc_now(), minute_days=MINUTE_DAYS)


@pytest.fixture
async def report(pool: Pool, database_url: str, tmp_path: Path) -> Report:
    await found(database_url, laboratory=True, at=at(YESTERDAY))
    await count(pool, 40)
    environment = {
        "BIAOSHI_DATABASE_URL": database_url, "BIAOSHI_LOG_LEVEL": "error",
        "BIAOSHI_SECURITY_SEAL_KEY_FILE": str(tmp_path / "seal.key"),
    }  # fmt: skip

    async def run(*words: str) -> Ended:
        return await asyncio.to_thread(biaoshi, "report", *words, **environment)

    return run


async def test_a_report_is_made_once_listed_and_written_in_every_form(report: Report, tmp_path: Path) -> None:
    first = json.loads((await report("make", "operation", *WINDOW)).output)
    assert (first["new"], first["edition"], first["made_by"]) == (True, 1, None)
    again = json.loads((await report("make", "operation", *WINDOW)).output)
    assert (again["new"], again["report_id"]) == (False, first["report_id"])
    listed = json.loads((await report("list", "--limit", "5")).output)
    assert [one["sha256"] for one in listed] == [first["sha256"]]
    for form, begins in (("pdf", b"%PDF-"), ("xlsx", b"PK"), ("json", b"{")):
        target = tmp_path / f"report.{form}"
        got = await report("get", first["report_id"], "--format", form, "--output", str(target))
        assert got.exit_code == 0, got.output
        assert target.read_bytes().startswith(begins)
    assert all(first["sha256"] in page for page in pages_of((tmp_path / "report.pdf").read_bytes()))


async def test_a_file_is_checked_by_its_hash_and_against_the_database(
    report: Report, pool: Pool, tmp_path: Path
) -> None:
    made = json.loads((await report("make", "operation", *WINDOW)).output)
    file = tmp_path / "report.json"
    await report("get", made["report_id"], "--format", "json", "-o", str(file))
    told = await report("verify", str(file), "--recompute")
    assert told.exit_code == 0, told.output
    assert json.loads(told.output) == {"sha256": made["sha256"], "genuine": True, "same": True, "differences": []}
    await count(pool, 2)
    told = await report("verify", str(file), "--recompute")
    assert told.exit_code == 1
    assert json.loads(told.output)["genuine"]
    assert any(place.startswith("sections.") for place in json.loads(told.output)["differences"])
    assert (await report("verify", str(file))).exit_code == 0
    file.write_text(file.read_text(encoding="utf-8").replace('"laboratory": true', '"laboratory": false'))
    told = await report("verify", str(file))
    assert told.exit_code == 1
    assert json.loads(told.output)["genuine"] is False


async def test_what_cannot_be_is_refused_in_a_sentence(report: Report, tmp_path: Path) -> None:
    refused = await report("make", "statement")
    assert refused.exit_code == 1
    assert "报告请求有误" in refused.output
    refused = await report("get", str(uuid4()), "--output", str(tmp_path / "none.pdf"))
    assert refused.exit_code == 1
    assert "报告不存在" in refused.output
    nothing = tmp_path / "nothing.json"
    nothing.write_text("{}")
    refused = await report("verify", str(nothing))
    assert refused.exit_code == 1
    assert "报告文件无法读取" in refused.output
