"""``/v1/acceptance`` and ``biaoshi acceptance``: the same figures to the digit, for whoever may see them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from admin.statistics.rollup import sum_all
from admin.statistics.rules import definition_of, record_rule
from node import terminal
from node.cli import app
from node.config import FlagSettings
from node.database import Pool, transaction
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.counters_format import Total
from resolver.counting.writing import write_totals
from tests.support.counting import close_days
from tests.support.node import Node, running_node

AT = date(2024, 6, 1)
"""Long ago by whatever clock the command reads."""


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


async def count(pool: Pool, day: date, resolutions: int) -> None:
    minute = int(noon(day).timestamp()) // 60
    total = Total(minute, "88.101.2001", Interface.HANDLE_JSON, Outcome.HIT, resolutions)
    async with transaction(pool) as connection:
        await write_totals(connection, UUID(int=day.toordinal()), [total])


async def a_month(pool: Pool) -> None:
    """May 2024, growing, summed up and closed, without its 20th; 31 of June's first day."""
    await record_rule(pool, definition_of(("192.0.2.0/24",), FlagSettings(), b""), noon(date(2024, 5, 1)))
    for number in range(31):
        if number != 19:
            await count(pool, date(2024, 5, 1) + timedelta(days=number), 1000 + 7 * number)
    await count(pool, AT, 31)
    at = noon(AT)
    await sum_all(pool, at, minute_days=400)
    await close_days(pool, at)


@pytest.fixture
async def node(database_url: str, pool: Pool) -> AsyncIterator[Node]:
    await a_month(pool)
    async with running_node(database_url, node={"laboratory": True}, log={"requests": False}) as running:
        yield running


async def commanded(monkeypatch: pytest.MonkeyPatch, database_url: str, *words: str) -> Result:
    monkeypatch.setenv("BIAOSHI_DATABASE_URL", database_url)
    monkeypatch.setattr(terminal.out, "width", 200)
    return await asyncio.to_thread(CliRunner().invoke, app, ["acceptance", *words])


async def test_the_command_says_what_the_interface_says_to_the_digit(
    node: Node, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for profile in ("ningbo", "shandong"):
        answer = await node("GET", "/v1/acceptance", query={"profile": profile, "at": str(AT)})
        said = await commanded(monkeypatch, database_url, "--profile", profile, "--at", str(AT), "--json")
        assert said.exit_code == 0, said.output
        served, printed = answer.json, json.loads(said.stdout)
        assert served.pop("as_of") != printed.pop("as_of")
        assert served == printed
    assert served["laboratory"] is True


async def test_the_answer_says_where_its_figures_come_from(node: Node, pool: Pool) -> None:
    told = (await node("GET", "/v1/acceptance", query={"at": str(AT)})).json
    assert told["profile"]["id"] == "ningbo"
    assert (told["mark"], told["last_day"], told["provisional"]) == ("实验数据", "2024-05-31", False)
    mean = told["criteria"][2]
    whole = sum(1000 + 7 * number for number in range(1, 31) if number != 19)
    assert (mean["sum"], mean["days"], mean["value"]) == (whole, 30, round(whole / 30, 2))
    assert mean["missing_days"] == ["2024-05-20"]
    assert (mean["evidence"]["closed"], mean["evidence"]["unclosed"], mean["evidence"]["differing"]) == (30, [], [])
    assert mean["evidence"]["newest"]["day"] == "2024-05-31"
    closed = await pool.fetchval("SELECT sha256 FROM day_closing WHERE day = '2024-05-31'")
    assert mean["evidence"]["newest"]["sha256"] == closed.hex()
    assert len(mean["series"]) == 60
    assert mean["series"][-1] == {"day": "2024-05-31", "value": mean["value"]}
    assert (told["rule"]["version"], told["rule"]["effective_day"]) == (1, "2024-05-01")
    assert any("192.0.2.0/24" in line for line in told["rule"]["text"])
    assert len(told["papers"]) == 3
    assert told["met"] is False


async def test_a_figure_that_somebody_edited_is_not_what_its_day_was_closed_with(node: Node, pool: Pool) -> None:
    await pool.execute("UPDATE resolution_day SET resolutions = resolutions + 60000 WHERE day = '2024-05-12'")
    mean = (await node("GET", "/v1/acceptance", query={"at": str(AT)})).json["criteria"][2]
    assert mean["evidence"]["differing"] == ["2024-05-12"]
    assert "differing_days" in [doubt["code"] for doubt in mean["doubts"]]


async def test_tomorrow_takes_in_today_as_far_as_it_is_counted(node: Node) -> None:
    node.world.clock.now = noon(AT)
    today = (await node("GET", "/v1/acceptance", query={"profile": "wuhan"})).json
    tomorrow = (await node("GET", "/v1/acceptance", query={"profile": "wuhan", "at": "2024-06-02"})).json
    assert [(told["provisional"], told["criteria"][2]["value"]) for told in (today, tomorrow)] == [
        (False, 1000 + 7 * 30), (True, 31),
    ]  # fmt: skip
    assert "unclosed_days" in [doubt["code"] for doubt in tomorrow["criteria"][2]["doubts"]]


REFUSED = (
    ({"profile": "atlantis"}, (404, "profile_unknown")),
    ({"at": "2026-11-23"}, (400, "day_not_told")),
    ({"at": "0001-01-01"}, (400, "day_not_told")),
    ({"at": "yesterday"}, (400, "invalid_input")),
    ({"place": "ningbo"}, (400, "invalid_input")),
)


async def test_what_cannot_be_judged_is_refused(node: Node) -> None:
    for query, refusal in REFUSED:
        answer = await node("GET", "/v1/acceptance", query=query)
        assert (answer.status, answer.code) == refusal


async def test_profiles_are_told_with_their_thresholds(node: Node) -> None:
    items = (await node("GET", "/v1/acceptance/profiles", by="auditor")).json["items"]
    assert [item["id"] for item in items] == ["chongqing", "ningbo", "shandong", "wuhan", "zhongshan"]
    assert items[4]["criteria"][0] | {"title_zh": "", "title_en": ""} == {
        "id": "registrations", "title_zh": "", "title_en": "", "figure": "registrations.new_in_year",
        "operator": "gt", "threshold": 100_000_000,
    }  # fmt: skip


async def test_the_table_for_people_says_value_threshold_doubts_and_papers(
    node: Node, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = await commanded(monkeypatch, database_url, "--at", str(AT))
    assert said.exit_code == 0, said.output
    for words in ("实验数据", "≥ 50,000", "1 天无数据，按 0 计", "需人工提供", "2024-05-31"):
        assert words in said.output


async def test_profiles_of_one_s_own_are_judged_and_their_faults_stop_the_command(
    node: Node, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = Path(__file__).parents[3] / "admin" / "acceptance" / "data" / "wuhan.toml"
    text = own.read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace("600_000", "1_000"), encoding="utf-8")
    monkeypatch.setenv("BIAOSHI_ACCEPTANCE_PROFILES", str(tmp_path))
    monkeypatch.setenv("BIAOSHI_ACCEPTANCE_PROFILE", "mine")
    said = await commanded(monkeypatch, database_url, "--at", str(AT), "--json")
    told: dict[str, Any] = json.loads(said.stdout)
    assert (told["profile"]["id"], told["criteria"][2]["met"]) == ("mine", True)
    (tmp_path / "broken.toml").write_text(text.replace("resolutions.daily", "resolutions.hourly"), encoding="utf-8")
    refused = await commanded(monkeypatch, database_url, "--at", str(AT))
    assert refused.exit_code == 1
    assert "broken.toml: criteria.3.figure" in refused.output
