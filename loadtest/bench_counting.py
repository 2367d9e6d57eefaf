"""What counting a resolution costs: by itself, and as a part of answering.

First in one process: the CPU of noting and booking one resolution, for answers that leave one by one and 16 at once,
with totals alone and with event files. What the loop around it costs is taken off; medians of rounds that take turns.
Then two real nodes side by side, one that counts whoever asks and one whose setting says that nobody counts: CPU of
their workers for the same questions over the native protocol.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from uuid import uuid4

import uvloop

from loadtest.bench_handle import HOT, register, suffix_of
from loadtest.bench_node import Ground, ground
from loadtest.cpu import spent
from loadtest.handle_load import Load, by_tcp, by_udp, question
from loadtest.rows import Row
from node import config
from node.config import Settings
from node.journal import Interface
from node.resolutions import Outcome
from node.serve import Started, node_running
from resolver.counting.counter import ResolutionCounter
from resolver.counting.folder import open_folder
from resolver.counting.never import NeverCounts

_AT_ONCE = (1, 16)
_KEYS = [(f"88.101.{number % 7}", f"PUMP-{number:09d}") for number in range(1000)]
_SOURCES = [f"203.0.113.{number}" for number in range(200)]
_EVERYBODY = '["0.0.0.0/0", "::/0"]'


class Way(NamedTuple):
    """How is asked, and by how many questions at once."""

    name: str
    ask: Callable[..., Load]
    window: int


_WAYS = (Way("udp, 1", by_udp, 1), Way("tcp, 1", by_tcp, 1), Way("tcp, 16", by_tcp, 16))


async def bench(parts: list[str], events: int, questions: int, rounds: int) -> None:
    """Run the parts and print their tables."""
    if "cost" in parts:
        await _cost(events, rounds)
    if "path" in parts:
        await _path(questions, rounds)


# By itself ----------------------------------------------------------------------------------------


async def _cost(events: int, rounds: int) -> None:
    costs = await _costs(events, rounds)
    print(f"{'CPU µs a resolution':<28}" + "".join(f"{f'{at_once} at once':>12}" for at_once in _AT_ONCE))
    for name in ("totals alone", "totals and event file"):
        print(f"{name:<28}" + "".join(f"{costs[name, at_once]:>12.2f}" for at_once in _AT_ONCE), flush=True)


async def _costs(events: int, rounds: int) -> dict[tuple[str, int], float]:
    """By what is counted and how many leave at once, what the loop around it costs taken off."""
    costs: dict[tuple[str, int], list[float]] = defaultdict(list)
    for _, at_once in itertools.product(range(rounds), _AT_ONCE):
        with _counters() as counters:
            for name, count in counters.items():
                costs[name, at_once].append(await _micros(count, events, at_once))
    return {
        (name, at_once): median(each) - median(costs["the loop", at_once]) for (name, at_once), each in costs.items()
    }


async def short() -> list[Row]:
    """For ``make bench``: counting by itself."""
    costs, counted = await _costs(30_000, 5), "totals and event file"
    return [
        Row(
            f"counting, {at_once} at once",
            costs[counted, at_once],
            "CPU µs",
            "totals alone",
            costs["totals alone", at_once],
        )
        for at_once in _AT_ONCE
    ]


@contextlib.contextmanager
def _counters() -> Iterator[dict[str, Callable[..., None]]]:
    no_database: Any = None  # nothing is written there
    with tempfile.TemporaryDirectory(prefix="biaoshi-bench-") as folder:
        never, place = NeverCounts(()), open_folder(Path(folder), uuid4())
        alone = ResolutionCounter(no_database, None, never=never, seconds=3600)
        whole = ResolutionCounter(no_database, place, never=never, seconds=3600)
        yield {"the loop": _nothing, "totals alone": alone.count, "totals and event file": whole.count}


def _nothing(*_: object) -> None:
    pass


async def _micros(count: Callable[..., None], events: int, at_once: int) -> float:
    """CPU of each; what is noted is booked in the next turn of the event loop, and so a turn is taken."""
    keys, sources = itertools.cycle(_KEYS), itertools.cycle(_SOURCES)
    began = time.process_time_ns()
    for _ in range(events // at_once):
        for _ in range(at_once):
            count(next(keys), Interface.HANDLE_TCP, Outcome.HIT, next(sources), 120)
        await asyncio.sleep(0)
    return (time.process_time_ns() - began) / 1000 / events


# As a part of answering ---------------------------------------------------------------------------


async def _path(questions: int, rounds: int) -> None:
    cpu: dict[tuple[str, Way], list[float]] = defaultdict(list)
    async with ground() as counting, ground(_counting_nobody) as silent:
        nodes = {"counts": counting, "counts nobody": silent}
        for place in nodes.values():
            await asyncio.to_thread(register, place, HOT)
        for _, way, (name, place) in itertools.product(range(rounds), _WAYS, nodes.items()):
            cpu[name, way].append(await asyncio.to_thread(_asked, place, way, questions))
    print(f"\n{'CPU µs an answer':<28}{'counts':>12}{'nobody':>12}{'ratio':>8}")
    for way in _WAYS:
        with_it, without = median(cpu["counts", way]), median(cpu["counts nobody", way])
        print(f"{way.name + ' under way':<28}{with_it:>12.2f}{without:>12.2f}{with_it / without:>8.3f}", flush=True)


@contextlib.asynccontextmanager
async def _counting_nobody(_: Settings, file: Path) -> AsyncIterator[Started]:
    """A node that is told that nobody counts."""
    file.write_text(file.read_text().replace("[counting]", f"[counting]\nnever = {_EVERYBODY}"))
    async with node_running(config.load(file), file) as node:
        yield node


def _asked(place: Ground, way: Way, questions: int) -> float:
    address = place.scene.handle_address
    hot = (f"{place.prefix}/{suffix_of(number % HOT)}" for number in range(questions))
    asked = [question(handle, number) for number, handle in enumerate(hot, time.monotonic_ns() % 1_000_000_000)]
    way.ask(address, asked[:HOT], 1)
    cost, _ = spent(place.processes["worker"], lambda: way.ask(address, asked, way.window))
    return cost / questions


def main() -> None:
    """``python -m loadtest.bench_counting [--parts …] [--events N] [--questions N] [--rounds N]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=("cost", "path"), default=["cost", "path"])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    told = parser.parse_args()
    uvloop.run(bench(told.parts, told.events, told.questions, told.rounds))


if __name__ == "__main__":
    main()
