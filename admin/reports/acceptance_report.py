"""The acceptance report (验收报告): a profile judged at a day, to the digit as ``/v1/acceptance``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from admin.acceptance.evaluation import evaluate
from admin.acceptance.profiles import Profile
from admin.acceptance.views import EvaluationView
from admin.reports.document import Chart, Contents, Fact, Section, Series, Words, column, table_of
from node.database import Connection

_YES_NO = {"yes": Words("是", "yes"), "no": Words("否", "no")}
_LIGHTS = {
    "green": Words("达标", "met"),
    "yellow": Words("关注", "attention"),
    "red": Words("未达", "not met"),
}
_SIGNS = {"ge": "≥", "gt": ">"}
_FORECASTS = {"pace": Words("近30日速度", "pace of 30 days"), "line": Words("最小二乘", "least squares")}

_METHODS = (
    Words(
        "评估以北京时间某日零时为准，只计此前的整日；数值与门槛按精确值比较，仅显示时保留两位小数。",
        "A date stands for its first moment in China: whole days before it count. Values are compared exactly and "
        "printed with two decimals.",
    ),
    Words(
        "无数据之日计 0 并列出；计数中断不补数；异常标记只并列、不剔除；“剔除异常”一列另行给出。",
        "Days without data count 0 and are listed; nothing is put in the place of gaps; flags are shown beside and "
        "never subtracted, the net value stands in a column of its own.",
    ),
    Words(
        "预计：累计量按近 30 日速度，日均量按最小二乘直线，给出 80% 预测区间（学生 t 分布，按残差自相关放宽）。",
        "Forecasts: totals by the pace of the last 30 days, daily means by a line of least squares; 80 % prediction "
        "intervals (Student's t, widened for autocorrelation).",
    ),
    Words(
        "依据：各日日结的最新版次及其 SHA-256；每项指标的散列为逐行“日期 版次 散列”的 SHA-256。",
        "Evidence: the newest editions of closed days; the hash of a criterion is the SHA-256 of its lines "
        "“day edition hash”.",
    ),
)


async def acceptance_contents(connection: Connection, profile: Profile, at: date, as_of: datetime) -> Contents:
    """The report of a profile at a date: the whole days before it."""
    answer = EvaluationView.of(await evaluate(connection, profile, at, as_of)).model_dump(mode="json")
    of_resolutions = [one["first_day"] for one in answer["criteria"] if one["beside"] is not None]
    return Contents(
        about=Words(profile.name_zh, profile.name_en),
        first=date.fromisoformat(min(of_resolutions, default=answer["last_day"])),
        sections=[_criteria(answer), _trends(answer), _evidence(answer), _doubts(answer), _papers(answer)],
        methods=_METHODS,
    )


def _criteria(answer: Mapping[str, Any]) -> Section:
    profile = answer["profile"]
    return Section(
        "criteria",
        Words("指标达成情况", "Criteria"),
        facts=[
            Fact("result", Words("结论", "Result"), _told(answer["light"])),
            Fact("met", Words("已达指标", "Criteria met"), sum(one["met"] for one in answer["criteria"])),
            Fact("asked", Words("指标总数", "Criteria in all"), len(answer["criteria"])),
            Fact("place", Words("适用地区", "Place"), profile["place"]),
            Fact("basis", Words("依据文件", "Basis"), profile["basis"]),
            Fact("year", Words("年度", "Year"), profile["year"]),
            Fact("note", Words("说明", "Note"), f"{profile['note_zh']} {profile['note_en']}".strip()),
        ],
        tables=[
            table_of(
                "criteria", Words("门槛与当前值", "Thresholds and values"), answer["criteria"],
                column("title_zh", "指标", "Criterion", lambda one: one["title_zh"]),
                column("title_en", "英文", "In English", lambda one: one["title_en"]),
                column("operator", "要求", "Demanded", lambda one: _SIGNS[one["operator"]]),
                column("threshold", "门槛", "Threshold", lambda one: one["threshold"]),
                column("value", "当前值", "Reached", lambda one: one["value"]),
                column("net_value", "剔除异常", "Net", lambda one: one["net_value"]),
                column("light", "结论", "Result", lambda one: one["light"], _LIGHTS),
            ),
            table_of(
                "composition", Words("构成", "What values are made of"), answer["criteria"],
                column("figure", "统计量", "Figure", lambda one: f"{one['figure_zh']} {one['figure_en']}"),
                column("first_day", "首日", "First day", lambda one: one["first_day"]),
                column("last_day", "末日", "Last day", lambda one: one["last_day"]),
                column("sum", "合计", "Sum", lambda one: one["sum"]),
                column("days", "天数", "Days", lambda one: one["days"]),
                column("missing_days", "无数据天数", "Days without data", lambda one: len(one["missing_days"])),
            ),
            table_of(
                "beside", Words("存证中的有效解析", "Valid resolutions in event files"),
                [one for one in answer["criteria"] if one["beside"] is not None],
                column("figure", "统计量", "Figure", lambda one: f"{one['figure_zh']} {one['figure_en']}"),
                column("valid", "有效", "Valid", lambda one: one["beside"]["valid"]),
                column("deduplicated", "去重", "De-duplicated", lambda one: one["beside"]["deduplicated"]),
                column("flagged", "异常", "Flagged", lambda one: one["beside"]["flagged"]),
                column("flagged_share", "异常占比", "Share flagged", lambda one: one["beside"]["flagged_share"]),
                column("known_days", "有存证天数", "Days with files", lambda one: one["beside"]["known_days"]),
                column("data_days", "有数据天数", "Days with data", lambda one: one["beside"]["data_days"]),
            ),
        ],
    )  # fmt: skip


def _trends(answer: Mapping[str, Any]) -> Section:
    def foretold(name: str) -> Any:
        return lambda one: one["forecast"][name] if one["forecast"] else None

    return Section(
        "trends",
        Words("趋势与预计", "Trends and forecasts"),
        tables=[
            table_of(
                "forecasts", Words("预计达到日期（80% 区间）", "Days of reaching the threshold (80 %)"),
                answer["criteria"],
                column("title_zh", "指标", "Criterion", lambda one: one["title_zh"]),
                column("per_day", "日趋势", "Per day", lambda one: one["per_day"]),
                column("met", "已达", "Met", lambda one: "yes" if one["met"] else "no", _YES_NO),
                column("day", "预计", "Forecast", foretold("day")),
                column("earliest", "最早", "Earliest", foretold("earliest")),
                column("latest", "最晚", "Latest", foretold("latest")),
                column("method", "方法", "Method", foretold("method"), _FORECASTS),
            )
        ],
        charts=[
            Chart(
                one["id"], Words(one["title_zh"], one["title_en"]), "line",
                [point["day"] for point in one["series"]],
                [Series(Words(one["figure_zh"], one["figure_en"]), [point["value"] for point in one["series"]])],
                limit=one["threshold"],
            )
            for one in answer["criteria"]
        ],
    )  # fmt: skip


def _evidence(answer: Mapping[str, Any]) -> Section:
    def newest(name: str) -> Any:
        return lambda one: one["evidence"]["newest"][name] if one["evidence"]["newest"] else None

    return Section(
        "evidence",
        Words("日结依据", "Closed days"),
        tables=[
            table_of(
                "evidence", Words("各指标所依据的日结", "Closings that criteria rest on"), answer["criteria"],
                column("title_zh", "指标", "Criterion", lambda one: one["title_zh"]),
                column("closed", "已结", "Closed", lambda one: one["evidence"]["closed"]),
                column("unclosed", "未结", "Not closed", lambda one: len(one["evidence"]["unclosed"])),
                column("differing", "不符", "Differing", lambda one: len(one["evidence"]["differing"])),
                column("newest_day", "最新日", "Newest day", newest("day")),
                column("edition", "版次", "Edition", newest("edition")),
                column("sha256", "散列 SHA-256", "SHA-256", lambda one: one["evidence"]["sha256"]),
            )
        ],
    )  # fmt: skip


def _doubts(answer: Mapping[str, Any]) -> Section:
    doubts = [(one, doubt) for one in answer["criteria"] for doubt in one["doubts"]]
    missing = [(one, run) for one in answer["criteria"] for run in _runs(one["missing_days"])]
    return Section(
        "doubts",
        Words("需说明事项", "What asks for an explanation"),
        tables=[
            table_of(
                "doubts", Words("事项", "Doubts"), doubts,
                column("title_zh", "指标", "Criterion", lambda pair: pair[0]["title_zh"]),
                column("code", "代码", "Code", lambda pair: pair[1]["code"]),
                column("text_zh", "说明", "In Chinese", lambda pair: pair[1]["text_zh"]),
                column("text_en", "英文", "In English", lambda pair: pair[1]["text_en"]),
            ),
            table_of(
                "missing_days", Words("无数据日期", "Days without data"), missing,
                column("title_zh", "指标", "Criterion", lambda pair: pair[0]["title_zh"]),
                column("first_day", "首日", "From", lambda pair: pair[1][0]),
                column("last_day", "末日", "To", lambda pair: pair[1][-1]),
                column("days", "天数", "Days", lambda pair: len(pair[1])),
            ),
        ],
    )  # fmt: skip


def _papers(answer: Mapping[str, Any]) -> Section:
    return Section(
        "papers",
        Words("需人工提供的材料（本节点不作判断）", "Papers to be handed in (not judged here)"),
        tables=[
            table_of(
                "papers", Words("材料", "Papers"), answer["papers"],
                column("title_zh", "材料", "Paper", lambda paper: paper["title_zh"]),
                column("title_en", "英文", "In English", lambda paper: paper["title_en"]),
            )
        ],
    )  # fmt: skip


def _runs(days: Sequence[str]) -> list[list[str]]:
    """Days that follow each other, together."""
    runs: list[list[str]] = []
    for day in days:
        if runs and date.fromisoformat(day) - date.fromisoformat(runs[-1][-1]) == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def _told(light: str) -> str:
    return f"{_LIGHTS[light].zh} {_LIGHTS[light].en}"
