"""How soon a change shows at every worker of a node, without other work and while others ask.

Each worker has a connection that asks all the time. A change is sent by ``/v1`` to any worker; its time runs from its
acknowledgement to the first right answer of each worker. Blocking is what the steward does when the node above
orders it: its time runs from the commit.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import uvloop

from loadtest.bench_node import Ground, ground
from loadtest.freshness import Right, Watcher, shown, spread, watchers
from loadtest.rows import Row
from node.client import Client
from node.database import Connection
from node.demo.story import signed_in
from node.national.instructions import Blocked
from registry.connection.blocklist import block, unblock

GOAL = "≤ 100"  # ms
_ASKERS = 8
_MARKER = "I"
_ATTRIBUTES = {"name": "离心泵", "model": "CP-0001", "weight_kg": 1.5, "made_on": "2026-01-01", "passed": True}

Change = Callable[[], Awaitable[object]]


class Act(NamedTuple):
    """What is changed, and how one sees it."""

    name: str
    path: str
    right: Right
    change: Change


async def bench(changes: int) -> list[Row]:
    """Each change so many times, with other questions in every second round."""
    found: dict[tuple[str, bool], list[float]] = defaultdict(list)
    async with ground() as place:
        port = urlsplit(place.scene.url).port or 0
        admin = await administrator(place)
        async with watchers(port, place.processes["worker"]) as seen_by, _load(port, place.prefix) as busy:
            for number in range(changes):
                busy.set() if number % 2 else busy.clear()
                async for act in acts(place, admin, _MARKER, number):
                    found[act.name, bool(number % 2)] += await shown(seen_by, act.path, act.right, act.change)
    return [
        Row(f"{name} at every worker, {'others asking' if loaded else 'idle'}, {word}", figure, "ms", "", None, goal)
        for (name, loaded), times in found.items()
        for word, figure, goal in zip(("p50", "p99", "longest"), spread(times), ("", GOAL, ""), strict=True)
    ]


async def short() -> list[Row]:
    """For ``make bench``: the 99th percentiles."""
    return [row for row in await bench(40) if row.goal]


async def acts(place: Ground, admin: Client, marker: str, number: int) -> AsyncIterator[Act]:
    """The changes of one identifier's life, in their order; ``marker`` tells those of one bench from another's."""
    user = place.scene.client.acting_with(place.token)
    suffix = f"FRESH-{marker}{number:06d}"
    path, one = f"/api/handles/{place.prefix}/{suffix}", f"/v1/identifiers/{place.prefix}/{suffix}"
    model = f"CP-N{number}"

    async def send(method: str, content: dict[str, Any] | None = None) -> None:
        async with user.request(method, one, json=content):
            pass

    new = {"prefix": place.prefix, "suffix": suffix, "template": "pump", "attributes": _ATTRIBUTES}
    yield Act("registration", path, _status(200), lambda: user.post("/v1/identifiers", new))
    changed = {"version": 1, "attributes": {**_ATTRIBUTES, "model": model}}
    yield Act("update", path, lambda answer: model.encode() in answer.body, lambda: send("PUT", changed))
    name = f"{place.prefix}/{suffix}"
    yield Act("blocked", path, _status(404), lambda: _ordered(place, lambda by: _block(by, name)))
    yield Act("unblocked", path, _status(200), lambda: _ordered(place, lambda by: unblock(by, [name])))
    prefix = f"/v1/prefixes/{place.prefix}"
    yield Act("prefix suspended", path, _status(404), lambda: admin.post(f"{prefix}/suspend", {"reason": "bench"}))
    yield Act("prefix resumed", path, _status(200), lambda: admin.post(f"{prefix}/resume"))
    one += "?version=2"
    yield Act("deletion", path, _status(404), lambda: send("DELETE"))


async def _block(connection: Connection, name: str) -> int:
    return await block(connection, [Blocked(identifier=name, reason="bench")], uuid4(), datetime.now(UTC))


async def _ordered(place: Ground, act: Callable[[Connection], Awaitable[int]]) -> None:
    connection = await asyncpg.connect(place.scene.server.url())
    try:
        async with connection.transaction():
            await act(connection)
    finally:
        connection.terminate()


def _status(status: int) -> Right:
    return lambda answer: answer.status == status


async def administrator(place: Ground) -> Client:
    """Who may suspend a prefix."""
    state = place.scene.state
    if not state.administrator_password:
        raise SystemExit("the node has no administrator's password")
    return await signed_in(place.scene.client, "admin", state.administrator_password)


@contextlib.asynccontextmanager
async def _load(port: int, prefix: str) -> AsyncIterator[asyncio.Event]:
    """Others who ask for what is there and what is not, while the event is set."""
    busy = asyncio.Event()
    numbers = itertools.count()

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        other = Watcher(reader, writer)
        try:
            while True:
                await busy.wait()
                await other.ask(f"/api/handles/{prefix}/OTHER-{next(numbers) % 5_000}")
        finally:
            other.close()

    asking = [asyncio.create_task(ask()) for _ in range(_ASKERS)]
    try:
        yield busy
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


def print_table(rows: Sequence[Row]) -> None:
    """One line for each change: p50, p99 and longest in ms."""
    for begin in range(0, len(rows), 3):
        name = rows[begin].path.rpartition(",")[0]
        print(f"{name:<52}" + "".join(f"{row.ours:>9.1f}" for row in rows[begin : begin + 3]))


def main() -> None:
    """``python -m loadtest.bench_invalidation [--changes N]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=200, help="of each kind")
    rows = uvloop.run(bench(parser.parse_args().changes))
    print(f"{'ms from acknowledgement to answer':<52}{'p50':>9}{'p99':>9}{'longest':>9}")
    print_table(rows)


if __name__ == "__main__":
    main()
