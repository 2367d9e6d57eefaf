"""The reporting loops: deliver, beat, count, poll for verdicts, watch the backlog.

Of all stewards of one database one leads and does this; the others wait for its place. Each loop rests by itself
after a failure and never ends by one: what went wrong is logged, and the next turn comes.
"""

from __future__ import annotations

import asyncio
import functools
import random as chance
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp
import structlog
from prometheus_client import Gauge

from node.database import Pool, database_errors
from node.errors import NodeError
from node.national import outbox
from node.national.backoff import DEFAULT_PATIENCE, Backoff, Patience, Random
from node.national.client import NationalClient
from node.national.counts import days_so_far
from node.national.delivery import Courier
from node.national.leadership import lead, pause
from node.national.messages import Counts, Heartbeat
from node.national.signature import KeyPair
from node.national.verdicts import ApplyVerdict, apply_new_verdicts
from node.sql import statements_beside

log = structlog.get_logger("national")

Clock = Callable[[], datetime]
Turn = Callable[[], Awaitable[float]]
"""One turn of a loop; returns the seconds until the next."""

WAITING = Gauge("biaoshi_outbox_waiting", "Messages waiting in the outbox", multiprocess_mode="livemostrecent")

_SQL = statements_beside(__file__)
_IDLE_SECONDS = 0.25
_COUNT_SECONDS = 60.0
_WATCH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Docking:
    """Where to report and as whom; times in seconds. Without a ``url`` reports wait in the outbox."""

    url: str | None
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    heartbeat_seconds: float = 30.0
    poll_seconds: float = 2.0
    deadline_seconds: float = 10.0


async def run_steward(
    pool: Pool,
    docking: Docking,
    apply_verdict: ApplyVerdict,
    *,
    version: str,
    clock: Clock,
    stop: asyncio.Event,
    random: Random = chance.random,
    patience: Patience = DEFAULT_PATIENCE,
) -> None:
    """Report until ``stop`` is set; then what is under way is finished within its deadline.

    ``pool`` acts as the writer; one of its connections is kept for leadership. Cancelling ends at once and is
    safe too: what was under way is sent again. Raises ``KeyPairInvalid`` when a url stands without its keys.
    """
    started = clock()

    async def report() -> None:
        watch = functools.partial(_watch, pool)
        if docking.url is None or keys is None:
            await run_loops({"watch": watch})
            return
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=8), trust_env=False) as session:
            client = NationalClient(
                session,
                docking.url,
                keys,
                deadline_seconds=docking.deadline_seconds,
                clock=clock,
                nonce=lambda: secrets.token_urlsafe(24),
            )
            courier = Courier(pool, client, clock=clock, patience=patience, random=random)
            desk = _Desk(pool, docking, client, courier, apply_verdict, version, clock, started)
            await run_loops(
                {"deliver": desk.deliver, "beat": desk.beat, "count": desk.count, "poll": desk.poll, "watch": watch}
            )

    async def run_loops(turns: Mapping[str, Turn]) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_repeat(name, turn, Backoff(patience, random), stop), name=name)
                for name, turn in turns.items()
            ]
            await stop.wait()
            _, late = await asyncio.wait(tasks, timeout=docking.deadline_seconds)
            for task in late:
                task.cancel()

    keys = None if docking.url is None else KeyPair(docking.access_key, docking.secret_key)
    if keys is None:
        log.warning("national_node_not_configured", detail="reports wait in the outbox, no verification comes back")
    await lead(pool, report, stop)


@dataclass(frozen=True, slots=True)
class _Desk:
    """One turn of each loop that talks to the national node; returns the seconds until the next."""

    pool: Pool
    docking: Docking
    client: NationalClient
    courier: Courier
    apply_verdict: ApplyVerdict
    version: str
    clock: Clock
    started: datetime

    async def deliver(self) -> float:
        return 0.0 if await self.courier.round() else _IDLE_SECONDS

    async def beat(self) -> float:
        sender, at = await outbox.sender(self.pool), self.clock()
        await self.client.beat(
            Heartbeat(
                node=sender.node_id,
                laboratory=sender.laboratory,
                state="running",
                version=self.version,
                uptime_seconds=max(0, int((at - self.started).total_seconds())),
                backlog=await outbox.backlog(self.pool),
                at=at,
            )
        )
        with database_errors():
            await self.pool.execute(_SQL["remember_contact"], at)
        return self.docking.heartbeat_seconds

    async def count(self) -> float:
        sender, at = await outbox.sender(self.pool), self.clock()
        days = await days_so_far(self.pool, at)
        await self.client.count(Counts(node=sender.node_id, laboratory=sender.laboratory, at=at, days=days))
        return _COUNT_SECONDS

    async def poll(self) -> float:
        more = await apply_new_verdicts(self.pool, self.client, self.apply_verdict)
        return 0.0 if more else self.docking.poll_seconds


async def _watch(pool: Pool) -> float:
    began = time.monotonic()
    WAITING.set(await outbox.backlog(pool))
    # Counting a long backlog is work too: at most a twentieth of the time goes into it.
    return max(_WATCH_SECONDS, 20 * (time.monotonic() - began))


async def _repeat(name: str, turn: Turn, backoff: Backoff, stop: asyncio.Event) -> None:
    """Turn after turn until told to stop; a turn that failed is followed by a rest."""
    while not stop.is_set():
        try:
            seconds = await turn()
        except NodeError as error:
            seconds = backoff.failed(time.monotonic())
            log.warning(
                "reporting_failed", loop=name, failures=backoff.failures, rest_seconds=round(seconds, 2),
                code=error.code, detail=error.detail, **{f"of_{key}": value for key, value in error.evidence.items()},
            )  # fmt: skip
        except Exception:
            seconds = backoff.failed(time.monotonic())
            log.exception("reporting_broken", loop=name, failures=backoff.failures, rest_seconds=round(seconds, 2))
        else:
            if backoff.failures:
                log.info("reporting_resumed", loop=name, failures=backoff.failures)
            backoff.succeeded()
        await pause(stop, seconds)
