"""The operation report (运行报告): what the node registered, resolved and did in a time, by the sums of its days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from admin.reports.document import Chart, Contents, Fact, Section, Series, Words, column, table_of
from admin.reports.operation_business import business_section, national_section
from admin.statistics import counts, digests, registrations, resolutions
from admin.statistics.closing import newest_closings
from admin.statistics.counts import Totals
from admin.statistics.enterprises import EnterpriseFigures, enterprise_figures, enterprise_standings
from admin.statistics.examined_views import flag_rows, latency_rows
from admin.statistics.questions import ResolutionQuestion, ResolutionsBy, Span
from admin.statistics.registrations import RegistrationQuestion, RegistrationsBy
from admin.statistics.standing_views import MeanView
from node.china_time import day_of
from node.database import Connection
from registry.tallies import RegistrationCounts

_LEADERS = 20

_METHODS = (
    Words(
        "解析量为对外答复中的有效命中，按北京时间的日历日合计；原始量含未命中等全部计数结果。",
        "Resolutions are valid answers to the outside by calendar days of China; raw counts have every outcome.",
    ),
    Words(
        "日均为各整日之和除以天数，无数据之日计 0；去重与异常标记来自当日的存证文件，有存证的解析数另列（已检）。",
        "Means divide the sum of whole days by their number, days without data count 0. De-duplicated and flagged "
        "ones are known from event files; examined says of how many.",
    ),
    Words(
        "时延为节点内从收到请求到给出应答的时间，百分位可能高估、不会低估。",
        "Latency is the time from a request to its answer inside the node; percentiles may be too high, not too low.",
    ),
    Words(
        "企业与前缀的归属按现持有者统计；批次、服务与投诉按开始或受理时间计入，状态为制作报告时所知。",
        "Prefixes count for who holds them now; batches, requests and complaints for the time when they began, in "
        "the state that is known.",
    ),
    Words(
        "已送达国家顶级节点的普通消息按期清理，不在此统计；指令、拒收消息、日志文件和接管记录长期保留。",
        "Ordinary messages that the national node has are removed in time and not counted here; instructions, "
        "refused messages, log files and takeovers stay for ever.",
    ),
)


async def operation_contents(connection: Connection, since: date, until: date) -> Contents:
    """The report of the days from ``since`` to before ``until``."""
    span = Span(since, until - timedelta(days=1))
    return Contents(
        about=Words(f"{span.since} 至 {span.until}", f"{span.since} to {span.until}"),
        first=since,
        sections=[
            await _summary(connection, span),
            await _registrations(connection, span),
            await _resolutions(connection, span),
            await _latency(connection, span),
            await _holders(connection, span),
            await business_section(connection, span),
            await national_section(connection, span),
            await _closed(connection, span),
        ],
        methods=_METHODS,
    )


async def _summary(connection: Connection, span: Span) -> Section:
    made = await _by_day(connection, span)
    days = await counts.by_day(connection, span, None)
    mean = MeanView.of(counts.mean_of(days, span))
    before, after = await _standing(connection, span)
    digest = await digests.digest_of(connection, span, None)
    return Section(
        "summary",
        Words("概况", "Summary"),
        facts=[
            Fact("registered", Words("标识注册", "Registered"), sum(one.registered for one in made.values())),
            Fact("first_registered", Words("其中首次注册", "For the first time"),
                 sum(one.first_registered for one in made.values())),
            Fact("updated", Words("标识变更", "Updated"), sum(one.updated for one in made.values())),
            Fact("deleted", Words("标识注销", "Deleted"), sum(one.deleted for one in made.values())),
            Fact("live", Words("期末标识总数", "Identifiers at the end"),
                 await registrations.live_total(connection, span.until)),
            Fact("raw", Words("原始解析量", "Resolutions, raw"), sum(one.raw for one in days.values())),
            Fact("valid", Words("有效解析量", "Resolutions, valid"), mean.valid),
            Fact("daily_mean", Words("日均有效解析量", "Valid a day, mean"), mean.mean),
            Fact("missing_days", Words("无数据天数", "Days without data"), len(mean.missing)),
            Fact("examined", Words("已检有效解析量", "Valid ones examined"), digest.valid),
            Fact("deduplicated", Words("去重解析量", "De-duplicated"), digest.deduplicated),
            Fact("flagged", Words("异常标记", "Flagged"), digest.flagged),
            Fact("enterprises", Words("期末企业数", "Enterprises at the end"), after.total),
            Fact("connected", Words("接入企业数", "Connected"), after.connected),
            Fact("connected_before", Words("期初接入企业数", "Connected before"), before.connected),
            Fact("active", Words("活跃企业数", "Active"), after.active),
            Fact("enterprise_nodes", Words("企业节点数", "Enterprise nodes"), after.enterprise_nodes),
        ],
    )  # fmt: skip


async def _standing(connection: Connection, span: Span) -> tuple[EnterpriseFigures, EnterpriseFigures]:
    day_before = span.since - timedelta(days=1)
    return await enterprise_figures(connection, day_before), await enterprise_figures(connection, span.until)


async def _by_day(connection: Connection, span: Span) -> dict[date, RegistrationCounts]:
    asked = RegistrationQuestion(RegistrationsBy.DAY, span.since, span.until)
    return {date.fromisoformat(row.key): row.counts for row in await registrations.series(connection, asked)}


async def _registrations(connection: Connection, span: Span) -> Section:
    made = await _by_day(connection, span)
    days = [(day, made.get(day, RegistrationCounts())) for day in _days(span)]
    by_industry = RegistrationQuestion(RegistrationsBy.INDUSTRY, span.since, span.until)
    return Section(
        "registrations",
        Words("标识注册", "Registrations"),
        tables=[
            table_of(
                "registrations_by_day", Words("逐日", "By day"), days,
                column("day", "日期", "Day", lambda one: str(one[0])),
                column("registered", "注册", "Registered", lambda one: one[1].registered),
                column("first_registered", "首次注册", "First", lambda one: one[1].first_registered),
                column("updated", "变更", "Updated", lambda one: one[1].updated),
                column("deleted", "注销", "Deleted", lambda one: one[1].deleted),
            ),
            table_of(
                "registrations_by_industry", Words("按行业", "By industry"),
                (await registrations.series(connection, by_industry))[:_LEADERS],
                column("industry_code", "行业代码", "Industry", lambda row: row.key),
                column("industry", "行业", "Name", lambda row: row.name),
                column("registered", "注册", "Registered", lambda row: row.counts.registered),
                column("net", "净增", "Net", lambda row: row.counts.net),
            ),
        ],
        charts=[
            _daily("registrations", Words("逐日注册与注销", "Registered and deleted by day"), span, [
                Series(Words("注册", "registered"), [one.registered for _, one in days]),
                Series(Words("注销", "deleted"), [one.deleted for _, one in days]),
            ]),
        ],
    )  # fmt: skip


async def _resolutions(connection: Connection, span: Span) -> Section:
    found = await counts.by_day(connection, span, None)
    examined = {row.day: row for row in flag_rows(await digests.digests_by_day(connection, span, None))}
    days = [(day, found.get(day, Totals()), examined.get(day)) for day in _days(span)]
    by_interface = await resolutions.series(connection, ResolutionQuestion(ResolutionsBy.INTERFACE, span))
    by_outcome = await resolutions.series(connection, ResolutionQuestion(ResolutionsBy.OUTCOME, span))
    return Section(
        "resolutions",
        Words("标识解析", "Resolutions"),
        tables=[
            table_of(
                "resolutions_by_day", Words("逐日", "By day"), days,
                column("day", "日期", "Day", lambda one: str(one[0])),
                column("raw", "原始", "Raw", lambda one: one[1].raw),
                column("valid", "有效", "Valid", lambda one: one[1].valid),
                column("examined", "已检", "Examined", lambda one: one[2].examined if one[2] else None),
                column("deduplicated", "去重", "De-duplicated", lambda one: one[2].deduplicated if one[2] else None),
                column("flagged", "异常", "Flagged", lambda one: one[2].flagged if one[2] else None),
            ),
            table_of(
                "resolutions_by_interface", Words("按接口", "By interface"), by_interface,
                column("interface", "接口", "Interface", lambda row: row.key),
                column("raw", "原始", "Raw", lambda row: row.raw),
                column("valid", "有效", "Valid", lambda row: row.valid),
            ),
            table_of(
                "resolutions_by_outcome", Words("按结果", "By outcome"), by_outcome,
                column("outcome", "结果", "Outcome", lambda row: row.key),
                column("raw", "解析量", "Resolutions", lambda row: row.raw),
            ),
        ],
        charts=[
            _daily("resolutions", Words("逐日解析量", "Resolutions by day"), span, [
                Series(Words("原始", "raw"), [one.raw for _, one, _ in days]),
                Series(Words("有效", "valid"), [one.valid for _, one, _ in days]),
                Series(Words("去重", "de-duplicated"), [one.deduplicated if one else None for _, _, one in days]),
            ]),
        ],
    )  # fmt: skip


async def _latency(connection: Connection, span: Span) -> Section:
    rows = latency_rows(await digests.digest_of(connection, span, None))
    return Section(
        "latency",
        Words("解析时延", "Latency"),
        tables=[
            table_of(
                "latency", Words("各接口时延（微秒）", "By interface, microseconds"), rows,
                column("interface", "接口", "Interface", lambda row: row.interface),
                column("answers", "应答数", "Answers", lambda row: row.answers),
                column("p50", "P50", "P50", lambda row: row.p50),
                column("p90", "P90", "P90", lambda row: row.p90),
                column("p95", "P95", "P95", lambda row: row.p95),
                column("p99", "P99", "P99", lambda row: row.p99),
            )
        ],
        charts=[
            Chart("latency", Words("P95 时延（微秒）", "P95, microseconds"), "bar", [row.interface for row in rows],
                  [Series(Words("P95", "P95"), [row.p95 for row in rows])]),
        ],
    )  # fmt: skip


async def _holders(connection: Connection, span: Span) -> Section:
    standings = await enterprise_standings(connection, span.until)
    by_enterprise = await resolutions.series(connection, ResolutionQuestion(ResolutionsBy.ENTERPRISE, span))
    by_prefix = await resolutions.series(connection, ResolutionQuestion(ResolutionsBy.PREFIX, span))
    asked = RegistrationQuestion(RegistrationsBy.PREFIX, span.since, span.until)
    registered = {row.key: row.counts.registered for row in await registrations.series(connection, asked)}
    joined = [
        one for one in standings if one.connected_on is not None and span.since <= one.connected_on <= span.until
    ]
    return Section(
        "holders",
        Words("企业与前缀", "Enterprises and prefixes"),
        facts=[
            Fact("prefixes", Words("期末启用前缀", "Enabled prefixes at the end"),
                 sum(one.prefixes for one in standings)),
            Fact("joined", Words("本期新接入企业", "Newly connected"), len(joined)),
        ],
        tables=[
            table_of(
                "enterprises", Words(f"解析量前 {_LEADERS} 名企业", f"The {_LEADERS} most resolved enterprises"),
                [row for row in by_enterprise if row.key][:_LEADERS],
                column("enterprise", "企业", "Enterprise", lambda row: row.name),
                column("raw", "原始", "Raw", lambda row: row.raw),
                column("valid", "有效", "Valid", lambda row: row.valid),
                column("flagged", "异常", "Flagged", lambda row: row.flagged),
            ),
            table_of(
                "prefixes", Words(f"解析量前 {_LEADERS} 名前缀", f"The {_LEADERS} most resolved prefixes"),
                [row for row in by_prefix if row.key][:_LEADERS],
                column("prefix", "前缀", "Prefix", lambda row: row.key),
                column("enterprise", "企业", "Enterprise", lambda row: row.name),
                column("registered", "注册", "Registered", lambda row: registered.get(row.key, 0)),
                column("raw", "原始", "Raw", lambda row: row.raw),
                column("valid", "有效", "Valid", lambda row: row.valid),
            ),
            table_of(
                "joined", Words("本期新接入企业", "Newly connected enterprises"), joined,
                column("enterprise", "企业", "Enterprise", lambda one: one.name),
                column("industry_code", "行业代码", "Industry", lambda one: one.industry_code),
                column("connected_on", "接入日期", "Connected on", lambda one: str(one.connected_on)),
            ),
        ],
    )  # fmt: skip


async def _closed(connection: Connection, span: Span) -> Section:
    known = await newest_closings(connection, *span.half_open)
    row = await connection.fetchrow(counts.SQL["frame_of_figures"], span.until, timeout=counts.SECONDS)
    lived = [day for day in _days(span) if day >= day_of(row["created_at"])]
    return Section(
        "closed_days",
        Words("日结", "Closed days"),
        facts=[
            Fact("closed", Words("已结天数", "Days closed"), len(known)),
            Fact("open", Words("未结天数", "Days not closed"), len([day for day in lived if day not in known])),
        ],
        tables=[
            table_of(
                "closed_days", Words("各日最新版次", "Newest editions"), sorted(known.items()),
                column("day", "日期", "Day", lambda one: str(one[0])),
                column("edition", "版次", "Edition", lambda one: one[1].edition),
                column("valid", "有效", "Valid", lambda one: one[1].figures["valid"]),
                column("sha256", "散列 SHA-256", "SHA-256", lambda one: one[1].sha256.hex()),
            )
        ],
    )  # fmt: skip


def _daily(name: str, title: Words, span: Span, series: Sequence[Series]) -> Chart:
    return Chart(name, title, "line", [str(day) for day in _days(span)], series)


def _days(span: Span) -> list[date]:
    return [span.since + timedelta(days=passed) for passed in range(span.days)]
