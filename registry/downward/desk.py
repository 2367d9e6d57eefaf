"""The interface for the nodes of enterprises, at ``/docking``: the upper side once more, with this node's effects.

Standby records are not taken from them: whoever takes over for an enterprise's node has to be asked to by a contract,
and hosting (托管) is the form in which this node answers for an enterprise.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import asyncpg
import msgspec
import structlog
from aiohttp import web

from node.database import AWAY, Connection, Pool
from node.national.bulk import FILES, LARGEST_FILE, FileReceipt
from node.rate_limit import RateLimit
from node.sealing import Seal
from node.upper.desk import UpperDesk
from node.upper.exchange import Face, Question
from node.upper.files import manifest_of, put_file
from registry.downward.effects import EnterpriseEffects
from registry.downward.passing_up import pass_manifest_up

log = structlog.get_logger("downward")

BASE = "/docking"
PARTS = ("applications", "keys", "messages", "heartbeats", "counts", "verdicts", "instructions", "files")

_APPLICATIONS = 60  # a minute, of one network
_SOURCES = 10_000
_NONCE_SECONDS = 60.0
_PUSHED = "log."


@contextlib.asynccontextmanager
async def docking_desk(
    app: web.Application,
    pool: Pool,
    seal: Seal,
    clock: Callable[[], datetime],
    *,
    name: str,
    prefix: str,
    laboratory: bool,
    at_once: bool,
    key_hours: float,
) -> AsyncIterator[UpperDesk]:
    """Mounted in the application, before it is served; nonces are forgotten while the block lasts."""
    limit = RateLimit(per_minute=_APPLICATIONS, burst=_APPLICATIONS, most_sources=_SOURCES, clock=time.monotonic)
    effects = EnterpriseEffects(seal, at_once=at_once, laboratory=laboratory)
    face = Face(name, prefix, laboratory, PARTS)
    desk = UpperDesk(pool, seal, clock, face, effects, key_hours=key_hours, base=BASE, applications=limit)

    async def take_file(connection: Connection, question: Question) -> bytes:
        answer = await put_file(connection, question)
        manifest = manifest_of(question)
        new = not msgspec.json.decode(answer, type=FileReceipt).known
        if new and manifest.kind.startswith(_PUSHED) and (laboratory or not manifest.laboratory):
            await pass_manifest_up(connection, manifest, question.at)
        return answer

    async def end_waiting(_: web.Application) -> None:
        desk.close()

    desk.mount("files", "PUT", f"{FILES}/{{sha256}}", take_file, largest=LARGEST_FILE)
    desk.add_routes(app.router)
    app.on_shutdown.append(end_waiting)
    forgetting = asyncio.create_task(_forget_nonces(desk))
    try:
        yield desk
    finally:
        forgetting.cancel()
        await asyncio.gather(forgetting, return_exceptions=True)


async def _forget_nonces(desk: UpperDesk) -> None:
    while True:
        try:
            await desk.forget_nonces()
        except (*AWAY, asyncpg.PostgresError) as error:
            log.warning("nonces_wait_for_the_database", cause=type(error).__name__)
        await asyncio.sleep(_NONCE_SECONDS)
