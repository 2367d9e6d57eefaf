"""``biaoshi acceptance``: how far the node is with what a place asks for, said by whoever runs it.

It reads the database itself, beside the running node, and says what ``/v1/acceptance`` says.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from node.config import Settings
from node.terminal import out, run

_SECONDS = 60.0  # for a statement

ProfileOption = Annotated[str | None, typer.Option("--profile", help="指标方案 · profile, by default the settings'")]
AtOption = Annotated[
    datetime | None,
    typer.Option("--at", formats=["%Y-%m-%d"], help="评估日期 · the day in China, by default today"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON 输出 · the answer of /v1/acceptance")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="配置文件 · TOML settings file")]


def acceptance_command(settings_of: Callable[[Path | None], Settings]) -> Callable[..., None]:
    """The command on the node that the settings describe."""

    def acceptance(
        profile: ProfileOption = None,
        at: AtOption = None,
        as_json: JsonOption = False,
        config_file: ConfigOption = None,
    ) -> None:
        """验收指标评估 · the criteria of a profile, judged at a day."""
        settings = settings_of(config_file)

        from admin.acceptance.acceptance import Acceptance
        from admin.acceptance.printing import acceptance_table
        from admin.acceptance.profiles import read_profiles
        from admin.acceptance.views import EvaluationView
        from node.database import open_pool
        from node.laboratory_clock import clock_of
        from node.migrate import migrate
        from node.serve import database_of_running_node

        async def judged() -> EvaluationView:
            asked = settings.acceptance
            profiles = read_profiles(asked.profiles)
            async with database_of_running_node(settings) as url:
                await migrate(url)
                pool = await open_pool(url, "biaoshi_writer", size=1, seconds=_SECONDS, name="biaoshi acceptance")
                try:
                    acceptance = Acceptance(pool, await clock_of(pool), profiles, asked.profile)
                    return EvaluationView.of(await acceptance.judge(profile, at.date() if at else None))
                finally:
                    await pool.close()

        answer = run(judged())
        if as_json:
            typer.echo(answer.model_dump_json(indent=2))
        else:
            out.print(acceptance_table(answer.model_dump(mode="json")))

    return acceptance
