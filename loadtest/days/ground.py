"""The node under test, twice on the same data: once to bring in enterprises and identifiers, once for the days.

Everything is made by the product's own ways: enterprises with their reviews and verified prefixes, an account each
with a token, identifiers by ``biaoshi import``. So registrations are counted as they always are.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from loadtest.bench_node import free_port
from loadtest.corpus import template, write_csv
from node import config
from node.china_time import midnight
from node.config import Settings
from node.demo.scene import Scene
from node.demo.stage import Stage
from node.demo.story import Cast, make_enterprise_user, make_reviewer, signed_in
from node.demo.workload import enterprises
from node.importer import Import, import_file
from node.laboratory_clock import Clock
from node.serve import Started, node_running

LEAD = 45.0
"""Seconds of the time of day between the second start and the first day: a busy machine starts a node slowly."""
_FLUSH_SECONDS = "0.25"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Brought:
    """What stands in the node: prefixes with a token of their enterprise's user, and the administrator's token."""

    prefixes: Mapping[str, str]
    per_enterprise: int
    administrator: str


@dataclass(frozen=True, slots=True)
class Ground:
    """A node with a fast clock, ready for its first day."""

    scene: Scene
    clock: Clock
    brought: Brought


@contextlib.asynccontextmanager
async def ground(
    folder: Path, identifiers: int, most: int, first: date, rate: float, say: Say, *, once: bool = False
) -> AsyncIterator[Ground]:
    """At least ``identifiers`` of at most ``most`` enterprises; ``first`` begins ``LEAD`` seconds after a new start.

    With ``once`` there is no second one: the stock comes in by the fast clock, too, and days begin when it is there.
    """
    stage = Stage(folder, *(free_port() for _ in range(4)))
    begins = midnight(first) - timedelta(seconds=LEAD * rate)
    async with _up(stage, begins - timedelta(days=1), rate if once else 1) as (scene, clock):
        brought = await _bring(scene, folder, identifiers, most, say)
        if once:
            yield Ground(scene, clock, brought)
            return
    async with _up(stage, begins, rate) as (scene, clock):
        yield Ground(scene, clock, brought)


@contextlib.asynccontextmanager
async def _up(stage: Stage, origin: datetime, rate: float) -> AsyncIterator[tuple[Scene, Clock]]:
    started: list[Started] = []
    wanted = {
        "BIAOSHI_LABORATORY_CLOCK_ORIGIN": origin.isoformat(),
        "BIAOSHI_LABORATORY_CLOCK_RATE": str(rate),
        "BIAOSHI_COUNTING_FLUSH_SECONDS": _FLUSH_SECONDS,
        "BIAOSHI_LOG_REQUESTS": "false",
    }

    @contextlib.asynccontextmanager
    async def running(_: Settings, file: Path) -> AsyncIterator[Started]:
        os.environ.update(wanted)  # the children read the same settings
        try:
            async with node_running(config.load(file), file) as node:
                started.append(node)
                yield node
        finally:
            for name in wanted:
                os.environ.pop(name, None)

    async with stage.set_up(running) as scene:
        clock = started[0].clock
        if clock is None:
            raise RuntimeError("a node with a clock of its own says which")
        yield scene, clock


async def _bring(scene: Scene, folder: Path, identifiers: int, most: int, say: Say) -> Brought:
    samples = enterprises()[:most]
    each = -(-identifiers // len(samples))
    admin = await signed_in(scene.client, "admin", scene.state.administrator_password)
    cast = Cast(admin, await make_reviewer(scene.client, admin, scene.state), say)
    await cast.bring_in(samples)
    await cast.publish(template())
    file = folder / "stock.csv"
    await asyncio.to_thread(write_csv, file, each)
    users = {sample.prefix: await make_enterprise_user(admin, sample) for sample in samples}
    began = time.monotonic()
    for sample in samples:
        user = users[sample.prefix]
        batch = await import_file(user, Import(file, sample.prefix, str(template()["name"])))
        if (batch["state"], batch["registered"]) != ("finished", each):
            raise SystemExit(f"{sample.prefix}: {batch}")
    seconds = time.monotonic() - began
    total = each * len(samples)
    say(f"{total:,} 个标识已注册 · identifiers registered, {total / seconds:,.0f}/s")
    return Brought({prefix: user.token for prefix, user in users.items()}, each, admin.token)
