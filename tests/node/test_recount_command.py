"""``biaoshi recount``: equal, or every difference and status 1."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from node.child import utc_now
from node.china_time import day_of
from node.cli import app
from node.database import Pool
from node.founding import found, node_id_of
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.folder import open_folder
from tests.support.counting import PREFIX, at, write
from tests.support.ledger import Ledger, honest

DAY = day_of(utc_now()) - timedelta(days=2)
NEXT = DAY + timedelta(days=1)
Recount = Callable[..., Awaitable[Result]]


@pytest.fixture
async def ledger(pool: Pool, database_url: str, tmp_path: Path) -> Ledger:
    """A laboratory with a day that is over and closed."""
    await found(database_url, laboratory=True, at=at(DAY))
    ledger = Ledger(database_url, pool, open_folder(tmp_path, await node_id_of(pool)), at(DAY))
    await ledger.steward()
    await ledger.resolve(honest(120), DAY)
    await ledger.end(DAY)
    return ledger


@pytest.fixture
def recount(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recount:
    monkeypatch.setenv("BIAOSHI_DATABASE_URL", database_url)
    monkeypatch.setenv("BIAOSHI_COUNTING_DIRECTORY", str(tmp_path))
    days = ["--from", str(DAY), "--to", str(NEXT)]

    async def run(*words: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, ["recount", *days, *words])

    return run


@pytest.mark.usefixtures("ledger")
async def test_equal_days_end_with_status_0_and_say_that_they_are_a_laboratory_s(recount: Recount) -> None:
    told = await recount()
    assert told.exit_code == 0, told.output
    assert "120" in told.output
    assert "一致 · equal" in told.output
    assert "实验数据" in told.output
    answer = json.loads((await recount("--json")).stdout)
    assert (answer["equal"], answer["differences"]) == (True, [])
    assert (answer["laboratory"], answer["mark"]) == (True, "实验数据")
    assert answer["resolutions"] == {str(DAY): 120, str(NEXT): 0}


@pytest.mark.usefixtures("ledger")
async def test_of_the_running_day_it_says_up_to_when_was_counted(recount: Recount) -> None:
    told = await recount("--to", str(day_of(utc_now()) + timedelta(days=1)))
    assert re.search(r"末日计至北京时间 \d\d:\d\d", told.output)


async def test_a_difference_is_shown_with_status_1_and_corrected_when_asked(ledger: Ledger, recount: Recount) -> None:
    await write(ledger.pool, {(at(DAY, 10), (PREFIX, Interface.PAGE, Outcome.HIT)): 4321})
    await ledger.steward()

    told = await recount()
    assert told.exit_code == 1
    assert "4,321" in told.output
    differences = json.loads((await recount("--json")).stdout)["differences"]
    assert {difference["what"] for difference in differences} >= {"minute", "hour", "day", "closing"}
    minute = next(difference for difference in differences if difference["what"] == "minute")
    assert (minute["day"], minute["counted"], minute["recounted"]) == (str(DAY), 4321, 0)

    corrected = await recount("--correct")
    assert corrected.exit_code == 1
    assert f"corrected: {DAY} edition 3" in corrected.output
    assert (await recount()).exit_code == 0
