"""The steward's part: statements of months that are over, without being asked."""

from __future__ import annotations

import asyncio

import structlog

from node.errors import NodeError
from node.pause import pause
from registry.commerce.statements import Statements

log = structlog.get_logger(__name__)

_SECONDS = 3600.0


async def draw_up_hourly(statements: Statements, stop: asyncio.Event) -> None:
    """A look now and every hour until told to stop; what went wrong is logged and tried again."""
    while not stop.is_set():
        try:
            await statements.draw_up_due()
        except NodeError as error:
            log.warning("statements_not_drawn_up", code=error.code, detail=error.detail)
        await pause(stop, _SECONDS)
