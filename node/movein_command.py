"""``biaoshi move-in``: identifiers, templates and files of another node, through SNMS or IDHub, into this one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from node.errors import Unauthenticated
from node.terminal import LOCAL_NODE, ServerOption, err, out, run

move_in_app = typer.Typer(
    no_args_is_help=True, help="迁入：从 SNMS 或 IDHub 节点迁来标识 · move identifiers in from another node"
)

_PASSWORD = "BIAOSHI_FROM_PASSWORD"  # noqa: S105 - the name of a variable
_INTERRUPTED = "已中断，重新执行同一命令即可继续 · interrupted; the same command goes on where it stopped"

FromOption = Annotated[str, typer.Option("--from", metavar="URL", help="原节点地址 · the other node's address")]
OutOption = Annotated[
    Path, typer.Option("--out", file_okay=False, help="工作目录：保存已取得的内容 · keeps what was fetched")
]
NewTokenOption = Annotated[
    str, typer.Option("--token", envvar="BIAOSHI_TOKEN", help="本节点管理员令牌 · token of an administrator here")
]
FetchOnlyOption = Annotated[bool, typer.Option("--fetch-only", help="只取不迁 · nothing is sent to this node")]


class PasswordMissing(Unauthenticated):
    title_zh = "未给出原节点的密码"


@move_in_app.command("snms")
def move_in_snms(
    from_: FromOption,
    user: Annotated[str, typer.Option(help="原节点用户名或 AccessKey · user or AccessKey there")],
    prefix: Annotated[str, typer.Option(help="要迁入的前缀 · the prefix to move")],
    handles: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="标识清单：每行一个，或 CSV · one a line, or CSV")
    ],
    out_: OutOption,
    token: NewTokenOption = "",
    server: ServerOption = LOCAL_NODE,
    fetch_only: FetchOnlyOption = False,
) -> None:
    """从 SNMS 迁入；密码取自环境变量 BIAOSHI_FROM_PASSWORD · the password stands in that variable."""
    from node.client import connect
    from node.identifier import Prefix
    from node.movein.from_snms import fetch, fetch_templates, make_templates
    from node.movein.peer import peer_at
    from node.movein.sending import Report, send
    from node.movein.snms import Snms
    from node.movein.workplace import Workplace

    _check_token(token, fetch_only=fetch_only)

    async def moved() -> Report:
        password = os.environ.get(_PASSWORD, "")
        if not password:
            raise PasswordMissing(f"put the password of {user} into the variable {_PASSWORD}")
        moving = Prefix.parse_derived(prefix).text
        with Workplace(out_, {"interface": "snms", "from": from_, "prefix": moving}) as work:
            async with peer_at(from_) as there:
                old = Snms(there, user=user, password=password)
                with _bar("取 · fetched") as progress:
                    await fetch(old, moving, handles, work, progress)
                absent = await fetch_templates(old, moving, work)
            report = Report()
            if fetch_only:
                for version, error in absent.items():
                    work.problem_of(f"{moving} {version}", error)
            else:
                async with peer_at(server) as here, connect(server, token) as client:
                    targets = await make_templates(client, Snms(here, token=token), moving, work, absent)
                    with _bar("写 · written") as progress:
                        report = await send(client, work, targets, progress)
            report.identifiers, report.problems = work.number, work.problems
            return report

    _end(moved(), out_)


@move_in_app.command("idhub")
def move_in_idhub(
    from_: FromOption,
    identity: Annotated[str, typer.Option(help="原节点的应用标识身份 · application identity there")],
    key: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="其私钥 (PEM) · its private key")],
    out_: OutOption,
    to_identity: Annotated[str, typer.Option(help="本节点的应用标识身份 · application identity here")] = "",
    to_key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="其私钥 (PEM) · its private key")
    ] = None,
    token: NewTokenOption = "",
    server: ServerOption = LOCAL_NODE,
    fetch_only: FetchOnlyOption = False,
) -> None:
    """从 IDHub 迁入元数据、标识和文件 · metadata, identifiers and files out of IDHub."""
    from node.client import connect
    from node.movein.from_idhub import fetch
    from node.movein.idhub import Idhub, read_key
    from node.movein.idhub_metadata import make_metadata, send_files
    from node.movein.peer import peer_at
    from node.movein.sending import Report, send
    from node.movein.workplace import Workplace

    _check_token(token, fetch_only=fetch_only)
    if not fetch_only and not (to_identity and to_key):
        raise typer.BadParameter("give --to-identity and --to-key, or --fetch-only")

    async def moved() -> Report:
        own_key = read_key(to_key) if to_key else None
        with Workplace(out_, {"interface": "idhub", "from": from_, "identity": identity}) as work:
            async with peer_at(from_) as there:
                with _bar("取 · fetched") as progress:
                    await fetch(Idhub(there, identity, read_key(key)), work, progress)
            report = Report()
            if own_key is not None and not fetch_only:
                async with peer_at(server) as here, connect(server, token) as client:
                    new = Idhub(here, to_identity, own_key)
                    targets = await make_metadata(client, new, work)
                    await send_files(client, new, work)
                    with _bar("写 · written") as progress:
                        report = await send(client, work, targets, progress)
            report.identifiers, report.problems = work.number, work.problems
            return report

    _end(moved(), out_)


def _check_token(token: str, *, fetch_only: bool) -> None:
    if not token and not fetch_only:
        raise typer.BadParameter("put an administrator's token into BIAOSHI_TOKEN, or say --fetch-only")


def _end(work: Coroutine[Any, Any, Any], folder: Path) -> None:
    report = run(work, interrupted=_INTERRUPTED)
    out.print_json(json.dumps(report.to_json(), ensure_ascii=False))
    if report.problems:
        err.print(f"未能迁入的 · what could not be moved: {folder / 'problems.ndjson'}",
                  markup=False, highlight=False, soft_wrap=True)  # fmt: skip
    raise typer.Exit(0 if report.well else 2 if report.finished else 1)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        bar = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)
