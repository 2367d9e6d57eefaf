"""``biaoshi report``: make reports, list and fetch them, and check the file of one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from node.config import Settings
from node.terminal import run

if TYPE_CHECKING:
    from admin.reports.reports import Reports

_SECONDS = 60.0  # for a statement

_DAY = ["%Y-%m-%d"]


class KindWord(StrEnum):
    ACCEPTANCE = "acceptance"
    OPERATION = "operation"
    MASKED = "masked"
    STATEMENT = "statement"


class FormWord(StrEnum):
    PDF = "pdf"
    XLSX = "xlsx"
    JSON = "json"


KindArgument = Annotated[KindWord, typer.Argument(help="报告种类 · kind of report")]
IdArgument = Annotated[UUID, typer.Argument(help="报告编号 · report id")]
FileArgument = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="报告的 JSON 文件 · the JSON form of a report")
]
ProfileOption = Annotated[str | None, typer.Option("--profile", help="方案 · profile, by default the settings'")]
EnterpriseOption = Annotated[UUID | None, typer.Option("--enterprise", help="企业编号 · whose statement")]
SinceOption = Annotated[datetime | None, typer.Option("--since", formats=_DAY, help="首日 · first day in China")]
UntilOption = Annotated[
    datetime | None, typer.Option("--until", formats=_DAY, help="末日的次日 · the day after the last")
]
FormatOption = Annotated[FormWord, typer.Option("--format", help="格式 · pdf, xlsx or json")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="写入文件 · the file to write")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=200, help="条数 · how many")]
RecomputeOption = Annotated[
    bool, typer.Option("--recompute", help="按数据库重算并比对 · work it out again from the database and compare")
]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="配置文件 · TOML settings file")]


def report_app(settings_of: Callable[[Path | None], Settings]) -> typer.Typer:
    """The verbs, on the node that the settings describe."""
    app = typer.Typer(no_args_is_help=True, help="报告：制作、列出、下载、核验 · reports: make, list, get, verify")

    @app.command("make")
    def make(
        kind: KindArgument,
        profile: ProfileOption = None,
        enterprise: EnterpriseOption = None,
        since: SinceOption = None,
        until: UntilOption = None,
        config_file: ConfigOption = None,
    ) -> None:
        """制作报告；相同数据只保留一份 · make a report; the same data are kept once."""
        days = since.date() if since else None, until.date() if until else None
        _say(run(_made(settings_of(config_file), kind, profile, enterprise, days)))

    @app.command("list")
    def list_(limit: LimitOption = 50, config_file: ConfigOption = None) -> None:
        """列出报告，最新在前 · the reports that are kept, newest first."""
        _say(run(_listed(settings_of(config_file), limit)))

    @app.command("get")
    def get(
        report_id: IdArgument,
        output: OutputOption,
        form: FormatOption = FormWord.PDF,
        config_file: ConfigOption = None,
    ) -> None:
        """把报告写成 PDF、XLSX 或 JSON 文件 · write a report to a file."""
        output.write_bytes(run(_content(settings_of(config_file), report_id, form)))
        typer.echo(str(output))

    @app.command("verify")
    def verify(file: FileArgument, recompute: RecomputeOption = False, config_file: ConfigOption = None) -> None:
        """核验报告文件的散列；状态码 1 表示不符 · check the hash of a report's file; status 1 if it differs."""
        settings = settings_of(config_file) if recompute else None
        told = run(_verified(file.read_bytes(), settings))
        _say(told)
        if not told["genuine"] or not told.get("same", True):
            raise typer.Exit(1)

    return app


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Reports]:
    from node.database import open_pool
    from node.laboratory_clock import clock_of
    from node.log import configure
    from node.migrate import migrate
    from node.own_face import seal_key_file
    from node.printing import reports_of
    from node.sealing import seal_of
    from node.serve import database_of_running_node

    configure(settings.log.level)  # what is printed is the answer alone
    async with database_of_running_node(settings) as url:
        await migrate(url)
        pool = await open_pool(url, "biaoshi_writer", size=2, seconds=_SECONDS, name="biaoshi report")
        try:
            yield reports_of(settings, pool, seal_of(seal_key_file(settings)), await clock_of(pool))
        finally:
            await pool.close()


async def _made(
    settings: Settings,
    kind: KindWord,
    profile: str | None,
    enterprise_id: UUID | None,
    days: tuple[date | None, date | None],
) -> dict[str, Any]:
    from admin.reports.kinds import ReportKind
    from admin.reports.reports import Asked
    from admin.reports.views import ReportView
    from node.journal import Actor, Interface

    async with _opened(settings) as reports:
        asked = Asked(ReportKind(kind), profile, enterprise_id, *days)
        made, new = await reports.made(Actor(None, Interface.COMMAND), asked)
    return {**ReportView.of(made).model_dump(mode="json"), "new": new}


async def _listed(settings: Settings, limit: int) -> list[dict[str, Any]]:
    from admin.reports.views import ReportView

    async with _opened(settings) as reports:
        return [ReportView.of(one).model_dump(mode="json") for one in await reports.newest(limit)]


async def _content(settings: Settings, report_id: UUID, form: FormWord) -> bytes:
    from admin.reports.envelope import as_json
    from admin.reports.printing import as_pdf
    from admin.reports.workbook import as_xlsx
    from node.printing import typesetter_of

    async with _opened(settings) as reports:
        report = await reports.found(report_id)
    if form is FormWord.JSON:
        return as_json(report)
    return as_xlsx(report) if form is FormWord.XLSX else await as_pdf(report, typesetter_of(settings))


async def _verified(content: bytes, settings: Settings | None) -> dict[str, Any]:
    """With settings it is worked out again from the node's database."""
    from admin.reports.envelope import differences, read_envelope

    envelope = read_envelope(content)
    said: dict[str, Any] = {"sha256": envelope.sha256, "genuine": envelope.genuine}
    if settings is None:
        return said
    wanted = envelope.wanted
    async with _opened(settings) as reports:
        now = await reports.data(wanted)
    found = differences(envelope.data, now)
    return {**said, "same": not found, "differences": found}


def _say(content: object) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False, indent=2))
