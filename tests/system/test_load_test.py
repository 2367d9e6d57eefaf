"""The load test as ``make loadtest`` runs it, on little: days of some hundred resolutions, one expected wrongly."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

_LITTLE = ("--identifiers", "400", "--enterprises", "2", "--per-day", "300", "--criteria", "ningbo",
           "--day-seconds", "6", "--once", "--phones", "6", "--p99-ms", "5000")  # fmt: skip


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path, str]:
    """Two days, in the first of which one value is expected that nobody registered; its status, report and words."""
    report = tmp_path_factory.mktemp("loadtest")
    command = [
        sys.executable,
        "-m",
        "loadtest.load_test",
        *_LITTLE,
        "--spoil",
        "--days",
        "2",
        "--report",
        str(report),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert (report / "result.json").exists(), done.stdout[-1000:] + done.stderr[-3000:]
    return done.returncode, report, done.stdout


def test_a_planted_wrong_answer_makes_it_fail(spoilt: tuple[int, Path, str]) -> None:
    status, report, said = spoilt
    result = json.loads((report / "result.json").read_text())
    assert status == 1
    assert not result["met"]
    assert [day["wrong"] for day in result["days"]] == [1, 0]
    assert "planted" in said
    missed = {goal["en"] for goal in result["goals"] if not goal["met"]}
    assert {"wrong answers", "numbers equal to the node's"} <= missed


def test_the_other_day_is_equal_in_every_number_to_what_the_node_counted(spoilt: tuple[int, Path, str]) -> None:
    result = json.loads((spoilt[1] / "result.json").read_text())
    second = result["days"][1]["day"]
    pairs = [pair for pair in result["pairs"] if pair["day"] == second]
    rows = [
        row for row in csv.DictReader((spoilt[1] / "numbers.csv").open(encoding="utf-8-sig")) if row["day"] == second
    ]
    assert len(pairs) == len(rows) >= 18
    assert {row["number"]: row["equal"] for row in rows if row["equal"] != "True"} == {}
    assert result["days"][1]["valid"] >= 300
    assert result["days"][1]["unsent"] == result["days"][1]["torn"] == 0


def test_the_report_is_one_page_with_charts_and_the_mark(spoilt: tuple[int, Path, str]) -> None:
    page = (spoilt[1] / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "实验数据" in page
    assert "src=" not in page
    assert (spoilt[1] / "locust.html").exists()
