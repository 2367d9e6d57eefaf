"""``biaoshi batch``: look at a batch, pause it, let it go on, give it up, undo it."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from node.terminal import LOCAL_NODE, ServerOption, TokenOption, out, run

batch_app = typer.Typer(no_args_is_help=True, help="批次：查看、暂停、恢复、取消、撤销 · batches of this node")
BatchArgument = Annotated[str, typer.Argument(metavar="ID", help="批次 · batch_id")]


def _tell(server: str, token: str, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> None:
    from node.client import connect

    async def done() -> Any:
        async with connect(server, token) as client:
            return await work(client)

    out.print_json(json.dumps(run(done()), ensure_ascii=False))


@batch_app.command("show")
def batch_show(batch: BatchArgument, token: TokenOption, server: ServerOption = LOCAL_NODE) -> None:
    """查看进度 · how far it has come."""
    _tell(server, token, lambda client: _show(client, batch))


@batch_app.command("pause")
def batch_pause(batch: BatchArgument, token: TokenOption, server: ServerOption = LOCAL_NODE) -> None:
    """暂停：此后不再写入 · nothing more is written until it is resumed."""
    _tell(server, token, lambda client: _move(client, batch, "pause"))


@batch_app.command("resume")
def batch_resume(batch: BatchArgument, token: TokenOption, server: ServerOption = LOCAL_NODE) -> None:
    """恢复，再重新发送即可继续 · then send the same file again."""
    _tell(server, token, lambda client: _move(client, batch, "resume"))


@batch_app.command("cancel")
def batch_cancel(batch: BatchArgument, token: TokenOption, server: ServerOption = LOCAL_NODE) -> None:
    """取消，已完成的保留 · give it up; what was settled stays."""
    _tell(server, token, lambda client: _move(client, batch, "cancel"))


@batch_app.command("undo")
def batch_undo(batch: BatchArgument, token: TokenOption, server: ServerOption = LOCAL_NODE) -> None:
    """撤销：恢复到批次之前 · everything becomes what it was before the batch, unless others changed it since."""
    _tell(server, token, lambda client: _undo(client, batch))


_ATTEMPTS = 9


async def _show(client: Any, batch_id: str) -> dict[str, Any]:
    return dict(await client.get(f"/v1/batches/{batch_id}"))


async def _move(client: Any, batch_id: str, verb: str) -> dict[str, Any]:
    return dict(await client.post(f"/v1/batches/{batch_id}/{verb}"))


async def _undo(client: Any, batch_id: str) -> dict[str, Any]:
    """Again after a stop it goes on; after an undo that was cancelled there is another one."""
    for number in range(1, _ATTEMPTS + 1):
        headers = {"Idempotency-Key": f"undo {batch_id} {number}"}
        async with client.request("POST", f"/v1/batches/{batch_id}/undo", headers=headers) as response:
            batch = dict(await response.json())
        if batch["state"] != "cancelled":
            break
    return batch
