"""What every child of the supervisor needs before it can work: the time, its database, patience."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from node.config import Settings
from node.database import DatabaseAway
from node.founding import NodeNotFounded
from node.laboratory_clock import VARIABLE, Clock
from node.supervisor import ParentLink

log = structlog.get_logger("serve")

T = TypeVar("T")

PLACE = "BIAOSHI_WORKER_PLACE"
"""Which of the workers a process is: ``0/2``."""
MEETING_PLACE = "BIAOSHI_WORKER_DIRECTORY"
"""Where the workers have the sockets by which they hand each other messages."""
_RETRY_SECONDS = 0.25
_LABORATORY = Clock.of_told(os.environ[VARIABLE]) if VARIABLE in os.environ else None


def utc_now() -> datetime:
    """The time of day: for what expires or proves somebody."""
    return datetime.now(UTC)


def node_now() -> datetime:
    """What a running node dates acts and figures by: the time of day, on a laboratory node perhaps its own clock."""
    return _LABORATORY.now() if _LABORATORY else datetime.now(UTC)


node_time: Callable[[], float] = _LABORATORY.time if _LABORATORY else time.time
"""The same as Unix seconds: it is asked for with every resolution."""


async def until_there(open_it: Callable[[], Awaitable[T]], link: ParentLink) -> T:
    """What is there when the database is, and has been founded; a child waits no longer than its parent lives."""
    orphaned = asyncio.create_task(link.gone())
    try:
        while not orphaned.done():
            try:
                return await open_it()
            except (DatabaseAway, NodeNotFounded) as error:
                log.info("waiting_for_database", cause=error.evidence.get("cause", error.code))
            await asyncio.wait({orphaned}, timeout=_RETRY_SECONDS)
        raise SystemExit("the parent is gone")
    finally:
        orphaned.cancel()


def database_url(settings: Settings) -> str:
    """Where the database is, as the supervisor said."""
    if settings.database.url is None:
        raise RuntimeError("a child process is told its database by the supervisor")
    return settings.database.url
