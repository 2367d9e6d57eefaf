"""What was found, for people and for programs: a table, JSON; the page for browsers is made by ``page.py``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from rich.markup import escape
from rich.table import Table

from docking.case import GROUPS, Finding, Outcome, Said, Side

OUTCOMES = {
    Outcome.PASSED: Said("通过", "passed"),
    Outcome.FAILED: Said("不通过", "failed"),
    Outcome.NOT_OFFERED: Said("未提供", "not offered"),
    Outcome.SKIPPED: Said("跳过", "skipped"),
}
SIDES = {Side.UPPER: Said("上级接口", "the upper side"), Side.LOWER: Said("下级接口", "the lower side")}
_COLOURS = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.NOT_OFFERED: "yellow",
    Outcome.SKIPPED: "dim",
}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found; ``tested`` says of each side at what address it was met."""

    version: str
    started_at: datetime
    ended_at: datetime
    tested: dict[Side, str]
    findings: Sequence[Finding]

    @property
    def failed(self) -> bool:
        return any(finding.outcome is Outcome.FAILED for finding in self.findings)

    def counts(self) -> dict[Outcome, int]:
        """How many cases had which outcome, every outcome named."""
        found = Counter(finding.outcome for finding in self.findings)
        return {outcome: found[outcome] for outcome in Outcome}


def table(report: Report) -> Table:
    """For a terminal: a line for each case, more where it did not pass."""
    shown = Table("编号 no.", "用例 case", "结果 outcome", "所见 what came", title=_headline(report))
    last = None
    for finding in report.findings:
        if (finding.side, finding.group) != last:
            last = finding.side, finding.group
            side, group = SIDES[finding.side], GROUPS[finding.group]
            shown.add_section()
            shown.add_row(finding.group, f"[bold]{group.zh} · {group.en}[/]", "", f"{side.zh} · {side.en}")
        outcome, came = OUTCOMES[finding.outcome], finding.came
        words = "\n".join(_printable(text) for text in dict.fromkeys(came))
        if finding.outcome is Outcome.FAILED:
            words += f"\n应为 {finding.expected.zh}\nexpected: {finding.expected.en}"
        shown.add_row(
            finding.number,
            f"{finding.title.zh}\n[dim]{escape(finding.title.en)}[/]",
            f"[{_COLOURS[finding.outcome]}]{outcome.zh}\n{outcome.en}[/]",
            escape(words),
        )
    return shown


def summary(report: Report) -> str:
    """One line: how many of what."""
    return ", ".join(
        f"{OUTCOMES[outcome].zh} {OUTCOMES[outcome].en} {number}" for outcome, number in report.counts().items()
    )


def as_json(report: Report) -> bytes:
    """The whole report, indented."""
    content = {
        "program": f"biaoshi docking-test {report.version}",
        "interface": 1,
        "started_at": report.started_at,
        "ended_at": report.ended_at,
        "tested": report.tested,
        "failed": report.failed,
        "counts": report.counts(),
        "groups": {number: said._asdict() for number, said in GROUPS.items()},
        "cases": [
            {
                "side": finding.side,
                "group": finding.group,
                "number": finding.number,
                "title": finding.title._asdict(),
                "expected": finding.expected._asdict(),
                "outcome": finding.outcome,
                "came": finding.came._asdict(),
                "done": finding.done,
                "seconds": round(finding.seconds, 3),
            }
            for finding in report.findings
        ],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2)


def _headline(report: Report) -> str:
    return f"对接测试 · docking test   {escape(', '.join(report.tested.values()))}   {summary(report)}"


def _printable(text: str) -> str:
    """Without what would steer the terminal: parts of it come from the side under test."""
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text)
