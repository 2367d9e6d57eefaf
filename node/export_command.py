"""``biaoshi export``: everything below a prefix, what a search finds, or what changed, into a directory."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from node.terminal import LOCAL_NODE, ServerOption, err, out, run


class ExportFormat(StrEnum):
    NDJSON = "ndjson"
    CSV = "csv"
    XLSX = "xlsx"


def export(
    directory: Annotated[Path, typer.Argument(file_okay=False, help="导出到此目录 · the directory to write")],
    prefix: Annotated[str | None, typer.Option(help="企业前缀 · enterprise prefix")] = None,
    token: Annotated[str, typer.Option(envvar="BIAOSHI_TOKEN", help="令牌 · token of the account")] = "",
    format_: Annotated[
        ExportFormat, typer.Option("--format", help="格式 · format of the rows")
    ] = ExportFormat.NDJSON,
    since: Annotated[int | None, typer.Option(min=0, help="只导出此历史位置之后的变更 · changes after it")] = None,
    since_last: Annotated[
        Path | None, typer.Option(exists=True, help="接着此目录中的导出 · changes since the export that stands there")
    ] = None,
    filter_: Annotated[
        list[str] | None, typer.Option("--filter", help="检索条件，名=值 · a filter of the search, name=value")
    ] = None,
    server: ServerOption = LOCAL_NODE,
    verify: Annotated[bool, typer.Option("--verify", help="只校验目录 · only check what stands there")] = False,
) -> None:
    """导出前缀下的全部标识或增量 · take everything below a prefix, or what changed, into a directory."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from node import export_directory
    from node.client import connect
    from node.exporter import Export, export_to

    async def check() -> Any:
        return await asyncio.to_thread(export_directory.verified, directory)

    async def work() -> Any:
        last = None if since_last is None else export_directory.read(since_last)
        position = since if last is None else last.position
        named = prefix or (last.prefix if last is not None else None)
        if named is None or (since is not None and last is not None):
            raise typer.BadParameter("name --prefix, and one of --since and --since-last at most")
        filters = dict(one.split("=", 1) for one in filter_ or () if "=" in one)
        if len(filters) < len(filter_ or ()):
            raise typer.BadParameter("a --filter is NAME=VALUE, each name once")
        before = last.facts.get("filters", {}) if last is not None else {}
        task = Export(named, format_.value, position, {**before, **filters})
        async with connect(server, token) as client:
            columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            with Progress(*columns, console=err, transient=True) as progress:
                bar = progress.add_task("", total=None)
                return await export_to(
                    client, task, directory, after=last,
                    progress=lambda rows, total: progress.update(bar, completed=rows, total=max(rows, total)),
                )  # fmt: skip

    manifest = run(check() if verify else work())
    rows = sum(part.rows or 0 for part in manifest.parts)
    octets = sum(part.octets for part in manifest.parts)
    out.print(f"{directory}: {manifest.prefix}, position {manifest.position}, {rows:,} rows, {octets:,} B",
              markup=False, highlight=False, soft_wrap=True)  # fmt: skip
