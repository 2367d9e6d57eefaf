"""Batches (批次): what is under way and how far, what was settled, which rows were rejected, and taking it back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from aiohttp import web

from admin.console.faults import spoken
from admin.console.page import Page
from admin.console.visit import Visit, address
from node.auth import Action

_BATCH = "/console/batches/{batch_id}"
_SHOWN_FAULTS = 50
_SHOWN_ROW = 300
_PAGE = 50


def batch_pages() -> list[Page]:
    """The list, the page of one, and its buttons."""

    async def listing(visit: Visit) -> web.StreamResponse:
        found = await visit.ask("GET /v1/batches", query={"limit": _PAGE, **visit.query("cursor")})
        return visit.show("batches.html", found=found, settled=settled)

    async def one(visit: Visit) -> web.StreamResponse:
        batch = await visit.ask("GET /v1/batches/{batch_id}", batch_id=visit.text("batch_id"))
        return visit.show(
            "batch.html", batch=batch, faults=await _first_faults(visit, batch), settled=settled(batch),
            rate=_rate(batch), undoable=_undoable(batch),
        )  # fmt: skip

    def button(verb: str, zh: str, en: str) -> Page:
        async def press(visit: Visit) -> web.StreamResponse:
            batch_id = visit.text("batch_id")
            place = address(_BATCH, batch_id=batch_id)
            return await visit.press(f"POST /v1/batches/{{batch_id}}/{verb}", place, (zh, en), batch_id=batch_id)

        return Page("POST", f"{_BATCH}/{verb}", press, Action.IDENTIFIER_REGISTER)

    async def undo(visit: Visit) -> web.StreamResponse:
        batch_id = visit.text("batch_id")
        return await visit.press(
            "POST /v1/batches/{batch_id}/undo",
            lambda undoing: address(_BATCH, batch_id=undoing.batch_id),
            ("已撤销，下面是撤销的批次", "Undone: this is the batch that did it"),
            # Pressed again, whatever fell over between, it goes on where it was.
            headers={"Idempotency-Key": f"console-undo-{batch_id}"},
            batch_id=batch_id,
        )

    return [
        Page("GET", "/console/batches", listing, Action.IDENTIFIER_READ),
        Page("GET", _BATCH, one, Action.IDENTIFIER_READ),
        button("pause", "已暂停", "Paused"),
        button("resume", "可以继续：请用同一文件再次导入", "It may go on: send the same file again"),
        button("cancel", "已取消，已完成的行保留", "Cancelled; what was settled stays"),
        Page("POST", f"{_BATCH}/undo", undo, Action.IDENTIFIER_UPDATE),
    ]


def settled(batch: Any) -> int:
    """Rows that are done with, in whatever way."""
    return int(batch.registered + batch.changed + batch.unchanged + batch.rejected)


def _rate(batch: Any) -> float | None:
    """Rows a second from its beginning to its last change; ``None`` where it took no time that could be told."""
    seconds = (batch.updated_at - batch.created_at).total_seconds()
    return settled(batch) / seconds if seconds >= 1 else None


def _undoable(batch: Any) -> bool:
    """Whether the button is worth showing; the operation knows how long it may."""
    return bool(
        batch.state in ("finished", "cancelled", "failed")
        and batch.operation not in ("restore", "undo")
        and batch.registered + batch.changed
        and batch.undone_by is None
    )


async def _first_faults(visit: Visit, batch: Any) -> list[dict[str, Any]]:
    """The first faults with their rows, cut."""
    if not batch.rejected:
        return []
    reply = await visit.reply(
        "GET /v1/batches/{batch_id}/rejections", query={"format": "ndjson", "limit": _SHOWN_FAULTS},
        batch_id=batch.batch_id,
    )  # fmt: skip
    async with aclosing(cast("Any", reply.content)) as blocks:
        lines = await _lines(blocks)
    said = visit.language
    return [{**one, "message": spoken(one["message"], said), "row": one["row"][:_SHOWN_ROW]} for one in lines]


async def _lines(blocks: AsyncIterator[bytes]) -> list[dict[str, Any]]:
    text = b"".join([block async for block in blocks])
    return [json.loads(line) for line in text.split(b"\n") if line]
