"""The reporting loops: gain access, deliver, beat, count, poll for verdicts, do the duties, watch the backlog.

Of all stewards of one database one leads and does this; the others wait for its place. Each loop rests by itself
after a failure and never ends by one: what went wrong is logged, and the next turn comes. While the link's circuit is
open all of them rest, and one question of whichever comes first is the probe.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import random as chance
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from node.database import Pool
from node.errors import NodeError
from node.national.admission import Admission, Granted, nothing_else
from node.national.backoff import DEFAULT_PATIENCE, Backoff, Patience, Random
from node.national.client import LinkResting
from node.national.delivery import Courier
from node.national.desk import ReportingDesk, Turn, purge, watch
from node.national.docking import Docking, connected
from node.national.duties import Duty
from node.national.leadership import lead
from node.national.link import LINK
from node.national.verdicts import ApplyVerdict
from node.pause import pause
from node.sealing import Seal

__all__ = ["Docking", "run_steward"]

log = structlog.get_logger("national")

Clock = Callable[[], datetime]


async def run_steward(
    pool: Pool,
    docking: Docking,
    apply_verdict: ApplyVerdict,
    *,
    seal: Seal,
    version: str,
    clock: Clock,
    stop: asyncio.Event,
    random: Random = chance.random,
    patience: Patience = DEFAULT_PATIENCE,
    duties: Sequence[Duty] = (),
    granted: Granted = nothing_else,
) -> None:
    """Report until ``stop`` is set; then what is under way is finished within its deadline.

    ``pool`` acts as the writer; one of its connections is kept for leadership. Cancelling ends at once and is
    safe too: what was under way is sent again. Raises ``KeyPairInvalid`` when a url stands without its keys and
    nobody to apply for them, ``ClientCertificateUnusable``, ``AuthorityUnusable``.
    """
    started = clock()

    async def report() -> None:
        at_home: dict[str, Turn] = {
            "watch": functools.partial(watch, pool, clock),
            "purge": functools.partial(purge, pool, clock, timedelta(days=docking.outbox_days)),
        }
        if docking.url is None:
            await run_loops(at_home)
            return
        async with connected(pool, docking, seal, clock=clock, stop=stop, patience=patience, random=random) as (
            client,
            transport,
        ):
            admission = (
                Admission(pool, seal, docking.applicant, granted, clock, docking.poll_seconds)
                if docking.applicant
                else None
            )
            courier = Courier(pool, client, clock=clock, patience=patience, random=random)
            desk = ReportingDesk(
                pool, docking, client, transport, admission, courier, apply_verdict, version, clock, started
            )
            with contextlib.suppress(NodeError):  # the loop of access tries again, and says what is wrong
                await client.credentials.load()
            await run_loops({**at_home, **desk.loops(duties)})

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

    if docking.url is None:
        LINK.set(math.nan)
        log.warning("national_node_not_configured", detail="reports wait in the outbox, no verification comes back")
    else:
        docking.given_keys()
    await lead(pool, report, stop)


async def _repeat(name: str, turn: Turn, backoff: Backoff, stop: asyncio.Event) -> None:
    """Turn after turn until told to stop; a turn that failed is followed by a rest."""
    while not stop.is_set():
        try:
            seconds = await turn()
        except LinkResting as resting:
            seconds = float(resting.evidence["seconds"])
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
