"""What all commands share: where they print, how they end, how they find their node."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console

from node.errors import NodeError

out = Console()
err = Console(stderr=True)

ServerOption = Annotated[str, typer.Option(help="节点地址 · the node's address")]
TokenOption = Annotated[str, typer.Option(envvar="BIAOSHI_TOKEN", help="令牌 · token of the account")]
LOCAL_NODE = "http://127.0.0.1:8000"


def run(work: Coroutine[Any, Any, Any], *, interrupted: str = "") -> Any:
    """Run to the end; refusals become one sentence and status 1, Ctrl-C (told as ``interrupted``) status 130."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except NodeError as error:
        err.print(f"[bold red]{error.title_zh}[/] {error.code}", highlight=False)
        err.print(error.detail, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        if interrupted:
            err.print(interrupted, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(130) from None
