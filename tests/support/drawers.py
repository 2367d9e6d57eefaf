"""Processes that draw suffixes from one coding rule at once, each with a connection of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Sequence
from random import Random
from uuid import UUID

from node.auth import Account, Role
from node.database import open_pool
from node.identifier import Prefix
from node.journal import Actor, Interface
from registry.coding.draws import Draw, Draws
from tests.support.world import Clock

Job = tuple[str, UUID, int, str, int, int]
"""Database, enterprise, rule, prefix, draws, suffixes of each."""


def drawn_by_processes(job: Job, processes: int) -> list[list[Draw]]:
    """What each process drew, in the order in which it did."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.drawers"])
    with context.Pool(processes) as pool:
        return pool.map(_draw, [job] * processes, chunksize=1)


def _draw(job: Job) -> list[Draw]:
    return asyncio.run(_drawn(job))


async def _drawn(job: Job) -> list[Draw]:
    url, enterprise_id, number, prefix, times, count = job
    account = Account(UUID(int=1), "drawer", Role.APPLICATION, enterprise_id)
    pool = await open_pool(url, "biaoshi_writer", size=1, seconds=60, name="drawer")
    try:
        draws = Draws(pool, Clock(), Random(1))
        actor = Actor(account.account_id, Interface.V1)
        return [await draws.draw(account, actor, number, Prefix.parse(prefix), count, {}) for _ in range(times)]
    finally:
        pool.terminate()


def serials_of(draws: Sequence[Draw]) -> list[int]:
    """The numbers of draws whose suffixes are nothing else."""
    return [int(suffix) for draw in draws for suffix in draw.suffixes]
