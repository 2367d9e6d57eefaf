"""``biaoshi uploads``: what would go to the city authority, or an upload beside the regular ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from node.config import Settings
from node.terminal import run

_SECONDS = 60.0  # for a statement

ProfileOption = Annotated[str | None, typer.Option("--profile", help="上传方案 · profile, by default the settings'")]
SinceOption = Annotated[
    datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="首日 · first day in China")
]
UntilOption = Annotated[
    datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="末日的次日 · the day after the last")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="只预览，不保存 · only show what would go")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="配置文件 · TOML settings file")]


def uploads_command(settings_of: Callable[[Path | None], Settings]) -> Callable[..., None]:
    """The command on the node that the settings describe."""

    def uploads(
        profile: ProfileOption = None,
        since: SinceOption = None,
        until: UntilOption = None,
        dry_run: DryRunOption = False,
        config_file: ConfigOption = None,
    ) -> None:
        """向主管部门上传统计数据和脱敏数据 · statistics and masked data for a city authority."""
        settings = settings_of(config_file)

        from node.child import utc_now
        from node.database import open_pool
        from node.journal import Actor, Interface
        from node.migrate import migrate
        from node.own_face import seal_key_file
        from node.parts import uploads_of
        from node.sealing import seal_of
        from node.serve import database_of_running_node

        async def work() -> dict[str, Any]:
            days = since.date() if since else None, until.date() if until else None
            async with database_of_running_node(settings) as url:
                await migrate(url)
                pool = await open_pool(url, "biaoshi_writer", size=2, seconds=_SECONDS, name="biaoshi uploads")
                try:
                    cases = uploads_of(settings, pool, seal_of(seal_key_file(settings)), utc_now)
                    if dry_run:
                        _, content = await cases.shown(profile, *days)
                        shown: dict[str, Any] = json.loads(content)
                        return shown
                    upload, new = await cases.made(Actor(None, Interface.COMMAND), profile, *days)
                    return {
                        "upload_id": str(upload.upload_id), "since": str(upload.since), "until": str(upload.until),
                        "sha256": upload.sha256.hex(), "new": new,
                    }  # fmt: skip
                finally:
                    await pool.close()

        typer.echo(json.dumps(run(work()), ensure_ascii=False, indent=2))

    return uploads
