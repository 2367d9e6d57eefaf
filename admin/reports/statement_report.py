"""An enterprise's statement of a month (企业账单) as a report: use by day and prefix, and what its orders charge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from admin.reports.document import Cell, Chart, Contents, Fact, Section, Series, Words, column, table_of
from admin.statistics import registrations, resolutions
from admin.statistics.questions import ResolutionQuestion, ResolutionsBy, Span
from admin.statistics.registrations import RegistrationQuestion, RegistrationsBy
from node.database import Connection
from registry.commerce.pricing import Service
from registry.commerce.statements import content_of, statement_of
from registry.commerce.usage import DayOfUse, days_of_use
from registry.tallies import RegistrationCounts

_SERVICES = {
    Service.REGISTRATIONS: Words("注册", "Registrations"),
    Service.CHANGES: Words("变更", "Changes"),
    Service.DELETIONS: Words("注销", "Deletions"),
    Service.RESOLUTIONS: Words("解析", "Resolutions"),
}
_METHODS = (
    Words(
        "用量按企业现持有的前缀和北京时间的日历日统计；解析量为有效解析量。",
        "Use is that of the prefixes that the enterprise holds now, by calendar days of China; resolutions are valid "
        "ones.",
    ),
    Words(
        "金额以人民币分为单位；月费按订购天数占当月天数折算，超出包含量的用量按计费单位计价。",
        "Amounts are 分 of CNY; monthly fees go by the share of days, use beyond what is included by unit.",
    ),
    Words(
        "已出具的账单不再更改；“按现有数据重算一致”说明以现有记录重算是否得到同样的账单。",
        "A statement that was drawn up is never altered; “the same when worked out again” compares it with the "
        "records as they are now.",
    ),
)


async def statement_contents(connection: Connection, enterprise_id: UUID, name: str, month: date) -> Contents:
    """The report of an enterprise and a month, by its first day."""
    span = Span(month, (month + timedelta(days=31)).replace(day=1) - timedelta(days=1))
    drawn_up = await statement_of(connection, enterprise_id, month)
    worked_out = await content_of(connection, enterprise_id, month)
    content = worked_out if drawn_up is None else drawn_up.content
    days = await days_of_use(connection, enterprise_id, span.since, span.until)
    same = None if drawn_up is None else "是 yes" if worked_out == drawn_up.content else "否 no"
    return Contents(
        about=Words(f"{name} {month:%Y-%m}", f"{name} {month:%Y-%m}"),
        first=month,
        sections=[
            _amounts(content, drawn_up=drawn_up is not None, same=same),
            _use(content, days, await _by_prefix(connection, enterprise_id, span)),
        ],
        methods=_METHODS,
    )


async def _by_prefix(connection: Connection, enterprise_id: UUID, span: Span) -> list[tuple[str, int, int, int]]:
    """Prefix, registered, deleted, valid resolutions."""
    asked = RegistrationQuestion(RegistrationsBy.PREFIX, span.since, span.until, enterprise_id)
    made = {row.key: row.counts for row in await registrations.series(connection, asked)}
    question = ResolutionQuestion(ResolutionsBy.PREFIX, span, enterprise_id)
    valid = {row.key: row.valid for row in await resolutions.series(connection, question)}
    none = RegistrationCounts()
    return [
        (prefix, made.get(prefix, none).registered, made.get(prefix, none).deleted, valid.get(prefix, 0))
        for prefix in sorted(made.keys() | valid.keys())
    ]


def _amounts(content: Mapping[str, Any], *, drawn_up: bool, same: str | None) -> Section:
    return Section(
        "amounts",
        Words("账单", "Statement"),
        facts=[
            Fact("month", Words("账期", "Month"), content["month"]),
            Fact("drawn_up", Words("已出具账单", "Statement drawn up"), "是 yes" if drawn_up else "否 no"),
            Fact("same", Words("按现有数据重算一致", "The same when worked out again"), same),
            Fact("total", Words("应付合计（分）", "Total, 分"), content["total"]),
            Fact("total_yuan", Words("应付合计（元）", "Total, CNY"), _yuan(content["total"])),
        ],
        tables=[
            table_of(
                "parts", Words("订购", "Orders"), content["parts"],
                column("plan", "套餐", "Plan", lambda part: part["plan"]),
                column("first_day", "首日", "First day", lambda part: part["first_day"]),
                column("last_day", "末日", "Last day", lambda part: part["last_day"]),
                column("monthly_fee", "月费（分）", "Fee, 分", lambda part: part["monthly_fee"]),
                column("amount", "金额（分）", "Amount, 分", lambda part: part["amount"]),
            ),
            table_of(
                "lines", Words("计费明细", "Lines"), list(_lines(content)),
                column("plan", "套餐", "Plan", lambda line: line[0]),
                column("service", "服务", "Service", lambda line: line[1]["service"],
                       {str(service): words for service, words in _SERVICES.items()}),
                column("used", "用量", "Used", lambda line: line[1]["used"]),
                column("included", "包含", "Included", lambda line: line[1]["included"]),
                column("units", "计费单位数", "Units", lambda line: line[1]["units"]),
                column("price", "单价（分）", "Price, 分", lambda line: line[1]["price"]),
                column("amount", "金额（分）", "Amount, 分", lambda line: line[1]["amount"]),
            ),
        ],
    )  # fmt: skip


def _lines(content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((part["plan"], line) for part in content["parts"] for line in part["lines"])


def _use(content: Mapping[str, Any], days: list[DayOfUse], prefixes: list[tuple[str, int, int, int]]) -> Section:
    return Section(
        "use",
        Words("用量", "Use"),
        facts=[Fact(str(one), words, content["usage"].get(str(one), 0)) for one, words in _SERVICES.items()],
        tables=[
            table_of(
                "use_by_prefix", Words("按前缀", "By prefix"), prefixes,
                column("prefix", "前缀", "Prefix", lambda row: row[0]),
                column("registered", "注册", "Registered", lambda row: row[1]),
                column("deleted", "注销", "Deleted", lambda row: row[2]),
                column("valid", "有效解析", "Valid resolutions", lambda row: row[3]),
            ),
            table_of(
                "use_by_day", Words("逐日", "By day"), days,
                column("day", "日期", "Day", lambda day: str(day.day)),
                column("registrations", "注册", "Registrations", lambda day: day.registrations),
                column("changes", "变更", "Changes", lambda day: day.changes),
                column("deletions", "注销", "Deletions", lambda day: day.deletions),
                column("resolutions", "解析", "Resolutions", lambda day: day.resolutions),
            ),
        ],
        charts=[
            _chart(days, Service.REGISTRATIONS),
            _chart(days, Service.RESOLUTIONS),
        ],
    )  # fmt: skip


def _chart(days: list[DayOfUse], service: Service) -> Chart:
    title = _SERVICES[service]
    values = [getattr(day, service) for day in days]
    return Chart(
        str(service), Words(f"逐日{title.zh}", f"{title.en} by day"), "line", [str(day.day) for day in days],
        [Series(title, values)],
    )  # fmt: skip


def _yuan(fen: int) -> Cell:
    return f"{fen // 100}.{fen % 100:02d}"
