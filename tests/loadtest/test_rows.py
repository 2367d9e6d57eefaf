"""What a bench says of a path: its ratio, whether its goal is met, and the same in every form."""

from __future__ import annotations

import csv
import io

import pytest

from loadtest.rows import Row, as_csv, as_json, as_markdown, from_json

SLOWER = Row("解析 by UDP", 10.5, "CPU µs", "a C program", 3.0, "≤ 3.5x")
RATE = Row("bulk", 61_000.0, "identifiers/s", goal="≥ 60,000")


@pytest.mark.parametrize(
    ("ours", "theirs", "goal", "met"),
    [
        (7.0, 2.0, "≤ 3.5x", True),
        (7.1, 2.0, "≤ 3.5x", False),
        (8.0, 2.0, "≥ 4x", True),
        (7.9, 2.0, "≥ 4x", False),
        (50.0, None, "≤ 50", True),
        (59_999.0, 1.0, "≥ 60,000", False),
        (1.0, 2.0, "", None),
    ],
)
def test_a_goal_judges_the_ratio_or_our_own_figure(
    ours: float, theirs: float | None, goal: str, met: bool | None
) -> None:
    assert Row("path", ours, "ms", "another", theirs, goal).met is met


@pytest.mark.parametrize("goal", ["3.5x", "≤ fast", "≤ 2x"])
def test_a_goal_that_cannot_be_judged_is_refused(goal: str) -> None:
    with pytest.raises(ValueError, match="goal"):
        Row("path", 1.0, "ms", goal=goal)


def test_every_form_says_the_same() -> None:
    rows = [SLOWER, RATE]
    assert from_json(as_json(rows)) == rows
    told = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert [(line["path"], line["ratio"], line["met"]) for line in told] == [
        ("解析 by UDP", "3.5", "True"), ("bulk", "", "True"),
    ]  # fmt: skip
    lines = as_markdown(rows).splitlines()
    assert [line.count("|") for line in lines] == [9] * 4
    assert "61,000" in lines[3]
