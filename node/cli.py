"""The ``biaoshi`` command: one verb each, thin, errors as one sentence with a status code.

This file and those that put processes together (``tests/architecture/test_imports.py`` names them) look up.
Heavy parts are imported where a verb needs them, so that ``biaoshi --help`` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from node import __version__, config
from node.acceptance_command import acceptance_command
from node.admin_key_command import admin_key_app
from node.batch_command import batch_app
from node.docking_command import docking_test
from node.errors import NodeError
from node.escrow_command import escrow_app
from node.export_command import export
from node.keygen_command import keygen
from node.log import configure
from node.mock_national_command import mock_national
from node.movein_command import move_in_app
from node.recount_command import recount_command
from node.report_command import report_app
from node.resolve_command import resolve, whois
from node.terminal import LOCAL_NODE, ServerOption, TokenOption, err, out, run
from node.trace_command import trace
from node.uploads_command import uploads_command

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="工业互联网标识解析二级节点 · secondary node for industrial-internet identifier resolution",
)  # fmt: skip
app.add_typer(batch_app, name="batch")
app.add_typer(move_in_app, name="move-in")
app.command("docking-test")(docking_test)
app.command("export")(export)
app.command("keygen")(keygen)
app.command("mock-national")(mock_national)
app.command("resolve")(resolve)
app.command("whois")(whois)
app.command("trace")(trace)

ConfigOption = Annotated[Path | None, typer.Option("--config", help="配置文件 · TOML settings file")]


class Profile(StrEnum):
    SECONDARY = "secondary"
    ENTERPRISE = "enterprise"


class Operation(StrEnum):
    REGISTER = "register"
    UPDATE = "update"
    DELETE = "delete"
    SUSPEND = "suspend"
    RESUME = "resume"
    RESTORE = "restore"


def _settings(path: Path | None) -> config.Settings:
    with _every_fault_told():
        return config.load(path)


@contextmanager
def _every_fault_told() -> Iterator[None]:
    try:
        yield
    except NodeError as error:
        err.print(f"[bold red]{error.title_zh}[/]", highlight=False)
        for fault in error.evidence.get("faults", [error.detail]):
            err.print(f"  {fault}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


@asynccontextmanager
async def _admin_keys(config_file: Path | None) -> AsyncIterator[Any]:
    settings = _settings(config_file)
    from node.child import utc_now
    from node.identifier import Prefix
    from node.serve import database_of_running_node
    from registry.handle.admin_keys import opened

    node_prefix = Prefix.parse(settings.node.prefix)
    async with database_of_running_node(settings) as url, opened(url, utc_now, node_prefix) as keys:
        yield keys


app.add_typer(admin_key_app(_admin_keys), name="admin-key")
app.add_typer(escrow_app(_settings), name="escrow")
app.add_typer(report_app(_settings), name="report")
app.command("acceptance")(acceptance_command(_settings))
app.command("recount")(recount_command(_settings))
app.command("uploads")(uploads_command(_settings))


@app.command()
def version() -> None:
    """版本 · the version."""
    out.print(__version__, highlight=False)


@app.command("check-config")
def check_config(config_file: ConfigOption = None) -> None:
    """检查配置，一次报告所有问题 · check the settings, report every fault together."""
    from admin.acceptance.profiles import find_profile, read_profiles
    from node.national.docking import check_docking
    from node.parts import check_uploads

    settings = _settings(config_file)
    with _every_fault_told():
        find_profile(read_profiles(settings.acceptance.profiles), settings.acceptance.profile)
        check_uploads(settings)
        check_docking(settings)
    out.print("配置有效 · the settings are valid")


@app.command()
def serve(
    config_file: ConfigOption = None,
    workers: Annotated[int | None, typer.Option(min=1, help="工作进程数 · worker processes")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="HTTP 端口 · HTTP port")] = None,
    https_port: Annotated[int | None, typer.Option(min=1, max=65535, help="HTTPS 端口 · HTTPS port")] = None,
    handle_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Handle 端口 · Handle port")] = None,
    laboratory: Annotated[bool, typer.Option("--laboratory", help="实验节点（不可撤销）· a laboratory node")] = False,
    profile: Annotated[Profile | None, typer.Option(help="二级节点或企业节点 · which kind of node")] = None,
    roles: Annotated[
        str | None, typer.Option(help="worker,steward（默认）或 resolver（只解析）· what this machine does")
    ] = None,
) -> None:
    """运行节点 · run the node."""
    for name, given in (
        ("BIAOSHI_NODE_PROFILE", profile and profile.value),
        ("BIAOSHI_NODE_ROLES", roles),
        ("BIAOSHI_NODE_WORKERS", workers),
        ("BIAOSHI_HTTP_PORT", port),
        ("BIAOSHI_HTTPS_PORT", https_port),
        ("BIAOSHI_HANDLE_PORT", handle_port),
        ("BIAOSHI_NODE_LABORATORY", "true" if laboratory else None),
    ):
        if given is not None:
            os.environ[name] = str(given)  # the children read the same settings
    settings = _settings(config_file)
    configure(settings.log.level)

    from node.serve import ADMINISTRATOR, node_running
    from node.supervisor import until_told_to_stop

    async def work() -> None:
        async with node_running(settings, config_file) as started:
            if started.administrator_password:
                out.print(f"管理员 · administrator: {ADMINISTRATOR}", highlight=False)
                out.print(f"密码（只显示这一次）· password, shown this once: {started.administrator_password}",
                          markup=False, highlight=False)  # fmt: skip
            out.print(f"节点已启动 · the node runs: {started.url}", highlight=False)
            if started.handle_address:
                host, number = started.handle_address
                out.print(f"Handle (TCP, UDP): {host}:{number}", highlight=False)
            await until_told_to_stop()

    run(work())


@app.command()
def demo(
    fresh: Annotated[bool, typer.Option("--fresh", help="从头开始 · start anew")] = False,
    leave: Annotated[bool, typer.Option("--exit", help="演示完即退出 · run to the end and exit")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="结果写入文件 · write the table to a file")] = None,
    directory: Annotated[Path | None, typer.Option(help="数据目录 · data directory")] = None,
    http_port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    national_port: Annotated[int, typer.Option(min=1, max=65535)] = 8900,
    https_port: Annotated[int, typer.Option(min=1, max=65535)] = 8443,
    handle_port: Annotated[int, typer.Option(min=1, max=65535)] = 2641,
    root_port: Annotated[int, typer.Option(min=1, max=65535, help="国家顶级节点 Handle · its Handle port")] = 3641,
    neighbour_port: Annotated[
        int,
        typer.Option(min=0, max=65532, help="邻节点的首个端口，0 不开 · first of four ports; 0: none"),
    ] = 8011,
) -> None:
    """完整演示：真实产品注册、解析、上报 · the whole node with real products."""
    configure("warning")

    from admin.acceptance.printing import acceptance_table
    from loadtest.hammer import resolve_many
    from node.demo.shown import shown
    from node.demo.stage import Stage
    from node.demo.story import Table as DemoTable
    from node.serve import node_running
    from node.supervisor import until_told_to_stop
    from node.trace_command import trace_tables

    folder = directory or config.data_home() / "demo"
    stage = Stage(folder, http_port, national_port, https_port, handle_port, root_port, neighbour_port)

    async def hammer(identifiers: Any, total: int) -> Any:
        return await resolve_many("127.0.0.1", http_port, identifiers, total=total)

    def show(table: DemoTable) -> None:
        out.print(shown(table))
        for part in trace_tables(table.trace) if table.trace else ():
            out.print(part)
        out.print(acceptance_table(table.acceptance))
        for name, address in table.addresses.items():
            out.print(f"{name}: {address}", markup=False, highlight=False, soft_wrap=True)
        if json_file is not None:
            table.write(json_file)

    async def work() -> int:
        async with stage.played(
            node_running,
            hammer,
            fresh=fresh,
            say=lambda words: out.print(words, markup=False, highlight=False, soft_wrap=True),
        ) as table:
            show(table)
            if not leave:
                out.print("按 Ctrl-C 结束，数据保留 · Ctrl-C ends it, the data stays", highlight=False)
                await until_told_to_stop()
        return 1 if table.errors else 0

    raise typer.Exit(run(work()))


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, help="CSV、TSV、NDJSON、JSON、XLSX（可加 .gz）或导出目录 · a file, or an export's directory"
        ),
    ],
    token: TokenOption,
    prefix: Annotated[str | None, typer.Option(help="企业前缀 · enterprise prefix")] = None,
    template: Annotated[str | None, typer.Option(help="数据模板 · template, to register or update")] = None,
    operation: Annotated[Operation, typer.Option(help="操作 · what is done with the rows")] = Operation.REGISTER,
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="列=属性 · column=attribute, or column=suffix")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="列映射文件 (JSON) · a mapping")
    ] = None,
    mapping_name: Annotated[str | None, typer.Option(help="已保存的列映射 · a saved mapping")] = None,
    sheet: Annotated[str | None, typer.Option(help="工作表 · the one worksheet to read")] = None,
    encoding: Annotated[
        str | None, typer.Option(help="utf-8 | gb18030，默认自动识别 · found out if not said")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="CSV 分隔符，默认自动识别 · found out if not said")] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="只预览；有驳回时状态码 2 · only look; status 2 if rows would be rejected"),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="不再询问 · do not ask")] = False,
    server: ServerOption = LOCAL_NODE,
    rejections: Annotated[Path | None, typer.Option(help="驳回行写入 · where rejected rows are written")] = None,
) -> None:
    """按文件批量注册、变更标识，或恢复导出目录；中断后重新执行即可继续 · run it again to go on after a stop."""
    from node.client import connect
    from node.import_command import Desk, do, look, mapping_of
    from node.importer import Import

    desk = Desk.here(out, err)

    async def rows() -> int:
        task = Import(
            file, prefix or "", template, operation.value, mapping_of(mapping, map_), mapping_name, delimiter,
            encoding, sheet,
        )  # fmt: skip
        async with connect(server, token) as client:
            if dry_run:
                return await look(client, task, desk)
            batch, status = await do(client, task, desk, yes=yes, rejections=rejections)
        out.print_json(json.dumps(batch, ensure_ascii=False))
        return status

    async def directory() -> int:
        from node.import_command import bar
        from node.restorer import restore as bring_back

        async with connect(server, token) as client:
            with bar(desk) as progress:
                report = await bring_back(client, file, rejections=rejections, progress=progress)
        out.print_json(json.dumps(report, ensure_ascii=False))
        return 0 if all(batch["state"] == "finished" for batch in report["batches"]) else 1

    if file.is_file() and prefix is None:
        raise typer.BadParameter("a file needs --prefix")
    interrupted = "已中断，重新执行同一命令即可继续 · interrupted; the same command goes on where it stopped"
    raise typer.Exit(run(directory() if file.is_dir() else rows(), interrupted=interrupted))


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="备份文件 · the file to write")], config_file: ConfigOption = None
) -> None:
    """备份数据库，写完即校验 · back the database up and check what was written."""
    settings = _settings(config_file)
    configure(settings.log.level)

    from node.backup import backup as back_up
    from node.serve import database_of_running_node

    async def work() -> Any:
        async with database_of_running_node(settings) as url:
            return await back_up(url, target)

    manifest = run(work()).manifest
    rows = sum(manifest.tables.values())
    out.print(f"{target}: {manifest.bytes:,} B, {rows:,} rows, sha256 {manifest.sha256}",
              markup=False, highlight=False, soft_wrap=True)  # fmt: skip


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(exists=True, help="备份文件 · the file")], config_file: ConfigOption = None
) -> None:
    """把备份恢复到空数据库 · restore a backup into an empty database."""
    settings = _settings(config_file)
    configure(settings.log.level)

    from node.backup import restore as bring_back
    from node.serve import database

    async def work() -> None:
        async with database(settings) as url:
            await bring_back(url, source)

    run(work())
    out.print("已恢复 · restored")


def main() -> None:
    """Entry of the console script."""
    try:
        app()
    except BrokenPipeError:
        sys.exit(141)


if __name__ == "__main__":
    main()
