"""The report: a table, JSON, a page that stands alone; the command ends with 1 when a case failed."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from docking.case import Case, Failed, Finding, NotOffered, Outcome, Said, Side, Skipped, case, run_cases
from docking.lower.programme import CASES as LOWER_CASES
from docking.page import as_html
from docking.report import Report, as_json, summary, table
from docking.upper.programme import CASES as UPPER_CASES
from tests.support.command import biaoshi

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


class Nobody:
    """A side that offers nothing but applications."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def begin(self) -> None:
        self.steps = []

    async def demand(self, part: str) -> None:
        if part != "applications":
            raise NotOffered(part)


@case("4.1.1", ("通过的", "passes"), ("好", "good"), "applications")
async def passes(nobody: Nobody) -> Said:
    nobody.steps.append("GET /<script>alert(1)</script>")
    return Said("见到 <b>", "<b> came")


@case("4.1.2", ("不通过的", "fails"), ("好", "good"))
async def fails(_: Nobody) -> Said:
    raise Failed("坏 \x1b[31m", "bad \x1b[31m [bold]")


@case("4.2.1", ("没有的", "is not offered"), ("好", "good"), "files")
async def absent(_: Nobody) -> Said:
    raise AssertionError("never asked")


@case("5.1.1", ("不能试的", "cannot be tried"), ("好", "good"))
async def cannot(_: Nobody) -> Said:
    raise Skipped("没有", "there is none")


@case("4.1.10", ("自己坏的", "breaks off"), ("好", "good"))
async def breaks(_: Nobody) -> Said:
    raise ValueError("bytes that nobody expected")


async def report_of(*cases: Case[Nobody]) -> Report:
    heard: list[Finding] = []
    findings = await run_cases(Side.UPPER, cases, Nobody(), heard.append)
    assert sorted(finding.number for finding in heard) == sorted(finding.number for finding in findings)
    return Report("1.0", AT, AT, {Side.UPPER: "http://upper.example (88.101)"}, findings)


async def test_each_outcome_is_counted_and_only_a_failure_fails_the_report() -> None:
    report = await report_of(cannot, breaks, passes, fails, absent)
    assert [finding.number for finding in report.findings] == ["4.1.1", "4.1.2", "4.1.10", "4.2.1", "5.1.1"]
    assert report.counts() == {
        Outcome.PASSED: 1, Outcome.FAILED: 2, Outcome.NOT_OFFERED: 1, Outcome.SKIPPED: 1,
    }  # fmt: skip
    assert report.failed
    assert not (await report_of(cannot, passes, absent)).failed
    assert "不通过 failed 2" in summary(report)


async def test_the_json_says_what_was_done_expected_and_seen() -> None:
    content = json.loads(as_json(await report_of(passes, fails)))
    first, second = content["cases"]
    assert first["done"] == ["GET /<script>alert(1)</script>"]
    assert first["came"] == {"zh": "见到 <b>", "en": "<b> came"}
    assert (second["outcome"], second["expected"]["zh"], second["group"]) == ("failed", "好", "4.1")
    assert content["tested"] == {"upper": "http://upper.example (88.101)"}
    assert content["failed"] is True


async def test_the_page_stands_alone_and_runs_nothing_of_what_it_shows() -> None:
    page = as_html(await report_of(passes, fails, absent, cannot))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"""(?:src|href)=|url\(|@import""", page)
    assert "接入申请" in page
    assert "access application" in page
    assert page.count("<tr class=") == 4


async def test_the_table_does_not_steer_the_terminal() -> None:
    console = Console(width=160, record=True)
    console.print(table(await report_of(passes, fails)))
    shown = console.export_text(styles=False)
    assert "\x1b[31m" not in shown
    assert "[bold]" in shown


def test_cases_have_a_number_of_their_own_in_a_published_group_and_both_languages() -> None:
    for cases in (UPPER_CASES, LOWER_CASES):
        numbers = [each.number for each in cases]
        assert len(set(numbers)) == len(numbers)
        for each in cases:
            assert re.fullmatch(r"(4\.[1-4]|5\.[1-3])\.[1-9][0-9]?", each.number)
            for said in (each.title, each.expected):
                assert re.search("[\u4e00-\u9fff]", said.zh) or said.zh.isascii()
                assert said.en.isascii()
        assert {each.group for each in cases} == {"4.1", "4.2", "4.3", "4.4", "5.1", "5.2", "5.3"}


_SECRET = {"BIAOSHI_DOCKING_SECRET_KEY": "sixteen characters"}


def test_where_nobody_answers_the_command_ends_with_1_and_writes_both_reports(tmp_path: Path) -> None:
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    arguments = ["docking-test", "--upper", "http://127.0.0.1:1", "--access-key", "test", "--prefix", "88.101"]
    ended = biaoshi(*arguments, "--patience", "1", "--json", str(data), "--html", str(page), **_SECRET)
    assert ended.exit_code == 1
    content = json.loads(data.read_bytes())
    assert content["counts"]["passed"] <= 3  # what was watched all the while, and found nothing
    assert content["counts"]["failed"] > 30
    assert "没有应答" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [[], ["--upper", "http://127.0.0.1:1", "--access-key", "test"], ["--listen", "127.0.0.1:0"]],
    ids=["neither side", "no prefix", "no prefix below"],
)
def test_an_incomplete_command_is_refused_in_a_sentence(arguments: list[str]) -> None:
    ended = biaoshi("docking-test", *arguments, **_SECRET)
    assert ended.exit_code == 1
    assert "docking_test_incomplete" in ended.output
