"""The report as a page that stands alone: nothing is fetched, nothing is run, everything foreign is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path

from docking.case import GROUPS, Finding, Said
from docking.report import OUTCOMES, SIDES, Report, summary

_STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def as_html(report: Report) -> str:
    """The whole page."""
    return "".join(_page(report))


def _page(report: Report) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<title>对接测试报告 · docking test</title>\n<style>{_STYLE}</style></head><body>\n"
    yield "<h1>对接测试报告 <small>docking test report</small></h1>\n<dl>"
    for side, address in report.tested.items():
        yield f"<dt>{_both(SIDES[side])}</dt><dd>{escape(address)}</dd>"
    yield f"<dt>开始 <small>began</small></dt><dd>{report.started_at.isoformat(timespec='seconds')}</dd>"
    yield f"<dt>结束 <small>ended</small></dt><dd>{report.ended_at.isoformat(timespec='seconds')}</dd>"
    verdict = ("不通过", "failed") if report.failed else ("没有不通过的用例", "nothing failed")
    yield f"<dt>结论 <small>result</small></dt><dd>{_both(Said(*verdict))} — {escape(summary(report))}</dd>"
    yield f"<dt>程序 <small>program</small></dt><dd>biaoshi docking-test {escape(report.version)}</dd></dl>\n"
    for (side, group), findings in groupby(report.findings, key=lambda finding: (finding.side, finding.group)):
        yield f"<h2>{_both(SIDES[side])} {group} {_both(GROUPS[group])}</h2>\n<table>\n"
        yield "<tr><th>编号 <small>no.</small></th><th>用例 <small>case</small></th>"
        yield "<th>应有 <small>expected</small></th><th>所见 <small>what came</small></th>"
        yield "<th>结果 <small>outcome</small></th></tr>\n"
        yield from map(_row, findings)
        yield "</table>\n"
    yield "</body></html>\n"


def _row(finding: Finding) -> str:
    steps = "".join(f"<li>{escape(step)}</li>" for step in finding.done)
    summary_of_steps = "<summary>做了什么 <small>what was done</small></summary>"
    done = f"<details>{summary_of_steps}<ol>{steps}</ol></details>" if steps else ""
    cells = (
        finding.number,
        _both(finding.title) + done,
        _both(finding.expected),
        _both(finding.came),
        f"{_both(OUTCOMES[finding.outcome])}<br><small>{finding.seconds:.2f} s</small>",
    )
    return f'<tr class="{finding.outcome}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"


def _both(said: Said) -> str:
    return escape(said.zh) + (f" <small>{escape(said.en)}</small>" if said.en != said.zh else "")
