"""What ``biaoshi import`` does with one file: look, ask, send, save what comes back."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn
from rich.prompt import Confirm

from node.client import Client
from node.errors import Conflict, Malformed
from node.importer import CONFIRMED, Import, Report, import_file, preview_file, save_rejections
from node.preview_table import preview_table


class NotConfirmed(Conflict):
    title_zh = "未确认"


class MappingFileUnusable(Malformed):
    title_zh = "列映射文件无法读取"


@dataclass(frozen=True, slots=True)
class Desk:
    """Where results go, where people look, and whether somebody sits there who can be asked."""

    out: Console
    err: Console
    terminal: bool

    @classmethod
    def here(cls, out: Console, err: Console) -> Desk:
        """The desk of this process."""
        return cls(out, err, sys.stdin.isatty() and err.is_terminal)


def mapping_of(file: Path | None, pairs: list[str] | None) -> tuple[str, ...] | dict[str, Any]:
    """What ``--mapping FILE`` or ``--map`` says. Raises ``MappingFileUnusable``."""
    if file is None:
        return tuple(pairs or ())
    if pairs:
        raise MappingFileUnusable("give --mapping or --map, not both")
    try:
        said = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise MappingFileUnusable(f"{file} is no JSON that can be read: {error}", file=str(file)) from None
    if isinstance(said, list) and said and all(isinstance(pair, str) for pair in said):
        return tuple(said)
    if isinstance(said, dict) and said:
        return said
    raise MappingFileUnusable(f"{file} holds neither an object nor an array of texts", file=str(file))


async def look(client: Client, task: Import, desk: Desk) -> int:
    """Print the preview; 0 when nothing would be rejected, else 2."""
    preview = await _previewed(client, task, desk)
    desk.out.print(preview_table(task.file.name, preview))
    return 2 if preview["rejected"] else 0


async def do(client: Client, task: Import, desk: Desk, *, yes: bool, rejections: Path | None) -> tuple[Report, int]:
    """Send the file; returns the batch, and 0 when it is finished, else 1.

    What changes standing identifiers is previewed and asked for first. Raises ``NotConfirmed``.
    """
    confirmation = None
    if task.operation in CONFIRMED:
        preview = await _previewed(client, task, desk)
        desk.err.print(preview_table(task.file.name, preview))
        _ask(task, preview, desk, yes=yes)
        confirmation = preview["confirmation"]
    with bar(desk) as progress:
        batch = await import_file(
            client,
            task,
            confirmation=confirmation,
            progress=progress,
            paused=(lambda _: _say_paused(desk)) if desk.terminal else None,
        )
    if batch["rejected"]:
        target = rejections or rejections_beside(task)
        await save_rejections(client, batch["batch_id"], target)
        desk.err.print(f"驳回行 · rejected rows: {target}", markup=False, highlight=False, soft_wrap=True)
    if batch["state"] == "paused":
        desk.err.print(
            f"批次已暂停，恢复后重新执行即可继续 · paused: resume {batch['batch_id']}, run this again",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
    return batch, 0 if batch["state"] == "finished" else 1


def rejections_beside(task: Import) -> Path:
    """The file for rejected rows, in the format of the input, unpacked. Raises ``FileUnusable``."""
    plain = task.file.name[: -len(".gz")] if task.file.name.lower().endswith(".gz") else task.file.name
    return task.file.with_name(f"{plain}.rejections{task.ending}")


async def _previewed(client: Client, task: Import, desk: Desk) -> Report:
    with bar(desk) as progress:
        return await preview_file(client, task, progress=progress)


def _ask(task: Import, preview: Report, desk: Desk, *, yes: bool) -> None:
    if yes:
        return
    if not desk.terminal:
        raise NotConfirmed(f"{task.operation} changes standing identifiers: look at --dry-run, then say --yes")
    question = f"{task.operation}: 变更 {preview['changed']:,} 个标识，是否继续？· change these identifiers?"
    if not Confirm.ask(question, console=desk.err, default=False):
        raise NotConfirmed("nothing was changed")


def _say_paused(desk: Desk) -> None:
    desk.err.print("批次已暂停，等待恢复（Ctrl-C 结束，以后重新执行即可继续）· paused; waiting until it is resumed",
                   markup=False, highlight=False, soft_wrap=True)  # fmt: skip


@contextmanager
def bar(desk: Desk) -> Iterator[Callable[[int, int], None]]:
    """How much of a file has been sent, for as long as the block lasts."""
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=desk.err, transient=True) as progress:
        bar = progress.add_task("", total=None)
        yield lambda sent, total: progress.update(bar, completed=sent, total=total)
