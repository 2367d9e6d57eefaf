"""The ``biaoshi`` command: one verb each, thin, errors as one sentence with a status code.

This file and ``node/serve.py`` are the only ones of ``node`` that look up. Heavy parts are imported where a verb
needs them, so that ``biaoshi --help`` answers at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from node import __version__, config
from node.errors import NodeError
from node.log import configure

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="工业互联网标识解析二级节点 · secondary node for industrial-internet identifier resolution",
)  # fmt: skip
out = Console()
err = Console(stderr=True)

ConfigOption = Annotated[Path | None, typer.Option("--config", help="配置文件 · TOML settings file")]
ServerOption = Annotated[str, typer.Option(help="节点地址 · the node's address")]
TokenOption = Annotated[str, typer.Option(envvar="BIAOSHI_TOKEN", help="令牌 · token of the account")]
LOCAL_NODE = "http://127.0.0.1:8000"


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end; refusals become one sentence and status 1, Ctrl-C status 130."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except NodeError as error:
        err.print(f"[bold red]{error.title_zh}[/] {error.code}", highlight=False)
        err.print(error.detail, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _settings(path: Path | None) -> config.Settings:
    try:
        return config.load(path)
    except NodeError as error:
        err.print(f"[bold red]{error.title_zh}[/]", highlight=False)
        for fault in error.evidence.get("faults", [error.detail]):
            err.print(f"  {fault}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


@app.command()
def version() -> None:
    """版本 · the version."""
    out.print(__version__, highlight=False)


@app.command("check-config")
def check_config(config_file: ConfigOption = None) -> None:
    """检查配置，一次报告所有问题 · check the settings, report every fault together."""
    _settings(config_file)
    out.print("配置有效 · the settings are valid")


@app.command()
def serve(
    config_file: ConfigOption = None,
    workers: Annotated[int | None, typer.Option(min=1, help="工作进程数 · worker processes")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="HTTP 端口 · HTTP port")] = None,
    laboratory: Annotated[bool, typer.Option("--laboratory", help="实验节点（不可撤销）· a laboratory node")] = False,
) -> None:
    """运行节点 · run the node."""
    for name, given in (
        ("BIAOSHI_NODE_WORKERS", workers),
        ("BIAOSHI_HTTP_PORT", port),
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
) -> None:
    """完整演示：真实产品注册、解析、上报 · the whole node with real products."""
    configure("warning")

    from loadtest.hammer import resolve_many
    from node.demo.stage import Stage
    from node.demo.story import Table as DemoTable
    from node.serve import node_running
    from node.supervisor import until_told_to_stop

    stage = Stage(directory or config.data_home() / "demo", http_port, national_port)

    async def hammer(identifiers: Any, total: int) -> Any:
        return await resolve_many("127.0.0.1", http_port, identifiers, total=total)

    def show(table: DemoTable) -> None:
        out.print(_demo_table(table))
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


def _demo_table(table: Any) -> Table:
    shown = Table(title="实验数据 · laboratory data", show_header=False)
    for zh, en, value in (
        ("企业", "enterprises", f"{table.enterprises:,}"),
        ("前缀", "prefixes", f"{table.prefixes:,}"),
        ("注册标识", "registered", f"{table.registered:,}"),
        ("驳回行", "rejected", f"{table.rejected:,}"),
        ("解析", "resolved", f"{table.resolved:,}"),
        ("错误", "errors", f"{table.errors:,}"),
        ("解析延迟", "latency", f"p50 {table.p50_ms} ms · p99 {table.p99_ms} ms"),
        ("用时", "seconds", f"{table.seconds}"),
    ):
        shown.add_row(f"{zh} {en}", value)
    return shown


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV 或 NDJSON 文件 · the file")],
    prefix: Annotated[str, typer.Option(help="企业前缀 · enterprise prefix")],
    template: Annotated[str, typer.Option(help="数据模板 · template")],
    token: TokenOption,
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="列=属性 · column=attribute, or column=suffix")
    ] = None,
    delimiter: Annotated[str, typer.Option(help="CSV 分隔符 · delimiter")] = ",",
    server: ServerOption = LOCAL_NODE,
    rejections: Annotated[Path | None, typer.Option(help="驳回行写入 · where rejected rows are written")] = None,
) -> None:
    """批量注册文件中的标识；中断后重新执行即可继续 · register a file; run it again to go on after a stop."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from node.client import connect
    from node.importer import Import, import_file, save_rejections

    async def work() -> dict[str, Any]:
        task = Import(file, prefix, template, tuple(map_ or ()), delimiter)
        async with connect(server, token) as client:
            columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
            with Progress(*columns, console=err, transient=True) as progress:
                bar = progress.add_task("", total=file.stat().st_size)
                batch = await import_file(client, task, progress=lambda sent, _: progress.update(bar, completed=sent))
            if batch["rejected"]:
                target = rejections or file.with_name(f"{file.name}.rejections.csv")
                await save_rejections(client, batch["batch_id"], target)
                err.print(f"驳回行 · rejected rows: {target}", markup=False, highlight=False, soft_wrap=True)
            return batch

    batch = run(work())
    out.print_json(json.dumps(batch, ensure_ascii=False))


@app.command("mock-national")
def mock_national(
    database_url: Annotated[str, typer.Option(help="它自己的数据库 · its own PostgreSQL database")],
    access_key: Annotated[str, typer.Option(help="发给节点的 AccessKey · issued to the node")],
    secret_key: Annotated[str, typer.Option(envvar="BIAOSHI_MOCK_SECRET_KEY", help="SecretKey")],
    prefix: Annotated[str, typer.Option(help="授权给该节点的前缀 · the prefix delegated to the node")] = "88.101",
    host: Annotated[str, typer.Option(help="监听地址 · address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="端口 · port")] = 8900,
    delay_ms: Annotated[int, typer.Option(min=0, max=600_000, help="每个应答延迟 · delay of every answer")] = 0,
    reject_share: Annotated[float, typer.Option(min=0, max=1, help="拒绝有效随机数 · share of nonces refused")] = 0.0,
    busy_share: Annotated[float, typer.Option(min=0, max=1, help="暂缓的消息 · share of messages put off")] = 0.0,
    repeat_share: Annotated[float, typer.Option(min=0, max=1, help="重复确认 · share acknowledged twice")] = 0.0,
    drop_share: Annotated[float, typer.Option(min=0, max=1, help="断开连接 · share of connections reset")] = 0.0,
) -> None:
    """模拟国家顶级节点，可带故障 · the mock national top-level node, with faults if asked."""
    configure("warning")

    from node.national.mock import run_mock
    from node.national.mock_faults import Faults
    from node.national.mock_store import IssuedKey
    from node.national.signature import KeyPair
    from node.supervisor import ParentLink, until_told_to_stop

    faults = Faults(
        delay_ms=delay_ms,
        reject_share=reject_share,
        busy_share=busy_share,
        repeat_share=repeat_share,
        drop_share=drop_share,
    )

    async def work() -> None:
        link = ParentLink()
        keys = [IssuedKey(KeyPair(access_key, secret_key), prefix)]
        async with run_mock(database_url, host, port, keys=keys, faults=faults) as mock:
            out.print(f"模拟国家顶级节点 · mock national node: {mock.url}", highlight=False)
            await until_told_to_stop(link)

    run(work())


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
