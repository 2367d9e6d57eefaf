"""``biaoshi recount``: every figure of some days counted again from the evidence, on the machine that has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.china_time import CHINA, midnight
from node.config import Settings
from node.resolutions import LABORATORY_MARK
from node.terminal import out, run

if TYPE_CHECKING:
    from admin.statistics.closing import Closing
    from admin.statistics.recount import Recount

_SECONDS = 300.0  # for a statement
_SHOWN = 200  # differences; --json has all

FromOption = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="起始日期 · first day, in China")]
ToOption = Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="截止日期（含）· last day")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON 输出 · all of it as JSON")]
CorrectOption = Annotated[
    bool, typer.Option("--correct", help="按证据更正，另出日结版次 · write what the evidence says, as editions")
]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="配置文件 · TOML settings file")]


def recount_command(settings_of: Callable[[Path | None], Settings]) -> Callable[..., None]:
    """The command on the node that the settings describe."""

    def recount(
        since: FromOption,
        until: ToOption,
        as_json: JsonOption = False,
        correct: CorrectOption = False,
        config_file: ConfigOption = None,
    ) -> None:
        """据证据重新计数；有差异时状态码 1 · count again from the evidence; status 1 if anything differs."""
        settings = settings_of(config_file)

        from admin.statistics.correction import correct as write_down
        from admin.statistics.day_recount import Kept
        from admin.statistics.recount import recount as count_again
        from node.database import open_pool
        from node.founding import node_id_of
        from node.laboratory_clock import clock_of
        from node.migrate import migrate
        from node.own_face import counting_directory
        from node.serve import database_of_running_node
        from resolver.counting.folder import open_folder

        async def counted() -> tuple[Recount, list[Closing]]:
            counting = settings.counting
            kept = Kept(counting.minute_days, counting.evidence_days)
            async with database_of_running_node(settings) as url:
                await migrate(url)
                pool = await open_pool(url, "biaoshi_writer", size=1, seconds=_SECONDS, name="biaoshi recount")
                try:
                    now = await clock_of(pool)
                    folder = open_folder(counting_directory(settings), await node_id_of(pool))
                    found = await count_again(pool, folder, since.date(), until.date(), now(), kept)
                    if not correct:
                        return found, []
                    return found, await write_down(
                        pool, folder.recorder_id, found, now(), minute_days=kept.minute_days
                    )
                finally:
                    await pool.close()

        found, made = run(counted())
        if as_json:
            typer.echo(json.dumps(_told(found, made), ensure_ascii=False, indent=2, default=str))
        else:
            _print(found, made)
        raise typer.Exit(1 if found.differences else 0)

    return recount


def _told(found: Recount, made: list[Closing]) -> dict[str, Any]:
    return {
        "since": found.since,
        "until": found.until,
        "counted_to": found.counted_to.isoformat(),
        "laboratory": found.laboratory,
        "mark": LABORATORY_MARK if found.laboratory else None,
        "equal": not found.differences,
        "resolutions": {str(day.day): day.resolutions for day in found.days},
        "differences": [asdict(difference) for difference in found.differences],
        "notes": [asdict(note) for note in found.notes],
        "corrected": [{"day": closing.day, "edition": closing.edition, "sha256": closing.sha256.hex()}
                      for closing in made],
    }  # fmt: skip


def _print(found: Recount, made: list[Closing]) -> None:
    from rich.table import Table

    mark = f" · {LABORATORY_MARK}" if found.laboratory else ""
    recounted = sum(day.resolutions for day in found.days)
    out.print(f"{found.since} … {found.until}: {recounted:,} 次解析 · resolutions recounted{mark}", highlight=False)
    if found.counted_to < midnight(found.until + timedelta(days=1)):
        upto = found.counted_to.astimezone(CHINA)
        out.print(f"末日计至北京时间 {upto:%H:%M} · the last day up to then, China time", highlight=False)
    for note in found.notes:
        out.print(f"{note.day} {_NOTES[note.what]} {note.detail}", markup=False, highlight=False, soft_wrap=True)
    if not found.differences:
        out.print("一致 · equal", highlight=False)
        return
    table = Table("日期 · day", "对象 · what", "项 · key", "记录 · counted", "重计 · recounted", "缺口 · gap")
    for difference in found.differences[:_SHOWN]:
        table.add_row(*(_cell(value) for value in (
            difference.day, difference.what, difference.key, difference.counted, difference.recounted, difference.gap
        )))  # fmt: skip
    out.print(table)
    out.print(f"差异 · differences: {len(found.differences):,}", highlight=False)
    for closing in made:
        out.print(f"已更正 · corrected: {closing.day} edition {closing.edition} sha256 {closing.sha256.hex()}",
                  markup=False, highlight=False, soft_wrap=True)  # fmt: skip


def _cell(value: object) -> str:
    return "—" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


_NOTES = {
    "expired": "证据已过保存期，未重计 · its event files are kept no longer",
    "before_rules": "早于首个计数规则，无证据，未重计 · before the first rule: there is no evidence",
    "minutes_removed": "分钟计数已过保存期 · its counts by the minute are kept no longer",
    "unclosed": "尚未日结 · not closed yet",
    "elsewhere": "由其他机器计数（按其记录）· counted by another machine, taken as told",
    "clock_set_back": "进程时钟被调回 · the clock of a process went back",
}
