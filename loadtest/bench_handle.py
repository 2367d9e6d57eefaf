"""What a resolution over the native protocol costs the node, beside a server in C that does nothing at all.

A real node (``loadtest/bench_node.py``) is asked by UDP and TCP, one question at a time and pipelined, for
identifiers that its workers remember and for such that they have to look up. In the same round a C program
(``echo.c``) takes questions and gives answers of the same sizes. CPU is that of the server processes by the kernel's
own account in nanoseconds; the tables show medians of the rounds. Then: how long resolutions take while somebody
fails to prove who he is, and what idle connections cost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import resource
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from loadtest.bench_node import Ground, free_port, ground
from loadtest.corpus import write_ndjson
from loadtest.cpu import apart, compiled_echo, spent
from loadtest.datagram_ways import print_ways
from loadtest.handle_load import Load, by_tcp, by_udp, question
from loadtest.handle_siege import Impostor, Round, bad_proof, cheap_refusal, laid
from loadtest.rows import Row
from loadtest.sender import send

_PARTS = ("ways", "cost", "proofs", "idle")
_MARKER = "H"
HOT = 500
"""Identifiers that are asked for again and again."""
_PIPELINED = 16
_MANY = 64
_MEETINGS = 8  # which of two workers a socket meets is the kernel's choice; 1 time in 128 one of them is left out
_COLD = 20  # times fewer questions where each is looked up
_SIEGE_RATE = 500.0
_LADEN_SECONDS = 4.0


class Way(NamedTuple):
    """How is asked, and by how many questions at once."""

    transport: str
    window: int
    remembered: bool

    @property
    def ask(self) -> Callable[..., Load]:
        return by_udp if self.transport == "udp" else by_tcp

    def __str__(self) -> str:
        return f"{self.transport} {'remembered' if self.remembered else 'looked up'}, {self.window} under way"


_WAYS = [
    Way(transport, window, remembered)
    for remembered in (True, False)
    for transport in ("udp", "tcp")
    for window in ((1, _PIPELINED, _MANY) if remembered and transport == "udp" else (1, _PIPELINED))
]
_GOALS = {
    Way("udp", 1, remembered=True): "≤ 3.5x",
    Way("udp", _PIPELINED, remembered=True): "≤ 3.5x",
    Way("udp", _MANY, remembered=True): "≤ 3.5x",
    Way("tcp", 1, remembered=True): "≤ 4x",
    Way("tcp", _PIPELINED, remembered=True): "≤ 2x",
}


async def bench(parts: Sequence[str], questions: int, rounds: int, idle: int) -> None:
    """Run the parts and print their tables. Exits when an answer was not as it must be."""
    cold = questions // _COLD
    if "ways" in parts:
        await asyncio.to_thread(print_ways, questions, rounds)
    async with ground() as place:
        await asyncio.to_thread(register, place, HOT + rounds * cold * sum(not way.remembered for way in _WAYS))
        if "cost" in parts:
            _print_cost(*await asyncio.to_thread(cost, place, questions, cold, rounds))
        if "proofs" in parts:
            await asyncio.to_thread(_proofs, place, rounds)
        if "idle" in parts:
            await asyncio.to_thread(_idle, place, idle)


async def short() -> list[Row]:
    """For ``make bench``. A pipelined TCP answer is set beside a single one of the C program, which writes once for
    all that came: its own 16 tell nothing.
    """
    questions, cold, rounds = 6_000, 400, 5
    async with ground() as place:
        await asyncio.to_thread(register, place, HOT + rounds * cold * sum(not way.remembered for way in _WAYS))
        figures, _ = await asyncio.to_thread(cost, place, questions, cold, rounds)
    rows = []
    for way, found in figures.items():
        pipelined = way.transport == "tcp" and way.window > 1
        beside = figures[way._replace(window=1)].echo if pipelined else found.echo
        told = "a C program, one at a time" if pipelined else "a C program that echoes"
        rows.append(Row(f"Handle {way}", found.node, "CPU µs", told, beside, _GOALS.get(way, "") if beside else ""))
    return rows


def register(place: Ground, rows: int, marker: str = _MARKER) -> None:
    """Identifiers to ask for: ``suffix_of`` 0 to before ``rows``."""
    file = place.folder / "identifiers.ndjson"
    write_ndjson(file, rows, marker=marker)
    node = urlsplit(place.scene.url)
    path = f"/v1/batches?{urlencode({'prefix': place.prefix, 'template': 'pump'})}"
    headers = {
        "Authorization": f"Bearer {place.token}",
        "Content-Type": "application/x-ndjson",
        "Idempotency-Key": f"bench-{marker}",
    }
    status, content = send(str(node.hostname), node.port or 0, path, headers, file)
    if status >= 300 or json.loads(content)["registered"] != rows:
        raise SystemExit(f"{rows} identifiers to ask for were not registered: {content[:500].decode()}")


def suffix_of(number: int, marker: str = _MARKER) -> str:
    """Of a registered identifier."""
    return f"{marker}-{number:09d}"


# What a resolution costs ---------------------------------------------------------------------------


class Figures(NamedTuple):
    """Medians of the rounds: CPU of the node and of the C program in µs a question, answers a second."""

    node: float
    echo: float | None
    rate: float


def cost(place: Ground, questions: int, cold: int, rounds: int) -> tuple[dict[Way, Figures], str]:
    """What each way costs, and how many bytes were asked and answered."""
    address = place.scene.handle_address
    numbers, unseen = itertools.count(1), itertools.count(HOT)
    hot = [f"{place.prefix}/{suffix_of(number)}" for number in range(HOT)]
    node: dict[Way, list[float]] = defaultdict(list)
    echo: dict[Way, list[float]] = defaultdict(list)
    rates: dict[Way, list[float]] = defaultdict(list)
    for _ in range(_MEETINGS):
        by_udp(address, [question(handle, next(numbers)) for handle in hot], _PIPELINED)
    with compiled_echo() as program:
        for _, way in itertools.product(range(rounds), _WAYS):
            handles = (
                itertools.islice(itertools.cycle(hot), questions)
                if way.remembered
                else (f"{place.prefix}/{suffix_of(next(unseen))}" for _ in range(cold))
            )
            asked = [question(handle, next(numbers)) for handle in handles]
            began = time.perf_counter()
            with apart(place.processes["worker"]):
                spending, load = spent(place.processes["worker"], lambda: way.ask(address, asked, way.window))  # noqa: B023
            rates[way].append(len(asked) / (time.perf_counter() - began))
            node[way].append(spending / len(asked))
            if program is not None:
                echo[way].append(_echoed(program, way, asked, load.answer_bytes) / len(asked))
    figures = {
        way: Figures(median(node[way]), median(echo[way]) if way in echo else None, median(rates[way]))
        for way in _WAYS
    }
    return figures, f"{len(asked[0])} bytes asked, {load.answer_bytes} answered"


def _print_cost(figures: dict[Way, Figures], sizes: str) -> None:
    print(sizes)
    print(f"{'':<28}{'node µs':>9}{'C echo µs':>11}{'ratio':>7}{'answers/s':>11}   (CPU of the server a question)")
    for way, found in figures.items():
        least = f"{'-':>11}{'-':>7}" if found.echo is None else f"{found.echo:>11.1f}{found.node / found.echo:>7.1f}"
        print(f"{way!s:<28}{found.node:>9.1f}{least}{found.rate:>11,.0f}", flush=True)
    if not all(found.echo for found in figures.values()):
        print("no C compiler (cc) here: the least that it could cost was not measured")


def _echoed(program: Path, way: Way, asked: Sequence[bytes], answer_bytes: int) -> float:
    """CPU of the C program in µs for the same questions, which it answers without looking at them."""
    port = free_port()
    command: list[str] = [str(program), way.transport, str(port), str(len(asked[0])), str(answer_bytes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None, "it is a pipe"
            server.stdout.readline()
            address = "127.0.0.1", port
            with apart([server.pid]):
                return spent([server.pid], lambda: way.ask(address, asked, way.window, blind=answer_bytes))[0]
        finally:
            server.kill()


# What others suffer from failing proofs ------------------------------------------------------------


def _proofs(place: Ground, rounds: int) -> None:
    prefix_handle = f"0.NA/{place.prefix}"
    _add_key(place)
    sieges: dict[str, Round] = {
        "cheap refusals": cheap_refusal,
        "failing proofs": bad_proof(prefix_handle),
    }
    p99: dict[str, list[float]] = defaultdict(list)
    rates: dict[str, list[float]] = defaultdict(list)
    codes: dict[str, dict[int, int]] = {}
    address = place.scene.handle_address
    asked = [question(f"{place.prefix}/{suffix_of(number)}", number + 1) for number in range(HOT)]
    by_udp(address, asked, _PIPELINED)
    for _, (name, each) in itertools.product(range(rounds), sieges.items()):
        waits: list[float] = []
        began = time.perf_counter()
        with laid(address, each, Impostor(prefix_handle, 300), _SIEGE_RATE) as siege:
            while time.perf_counter() - began < _LADEN_SECONDS:
                waits += by_udp(address, asked, 1).waits
        rates[name].append(siege.rounds / (time.perf_counter() - began))
        p99[name].append(quantiles(waits, n=100)[98] * 1000)
        codes[name] = dict(siege.codes)
    print(f"\n{'resolutions during':<28}{'rounds/s':>9}{'p99 ms':>9}   codes of the last round")
    for name in sieges:
        print(f"{name:<28}{median(rates[name]):>9,.0f}{median(p99[name]):>9.2f}   {codes[name]}", flush=True)
    cheap, failing = (median(p99[name]) for name in sieges)
    print(f"{'ratio':<28}{'':>9}{failing / cheap:>9.2f}")


def _add_key(place: Ground) -> None:
    """The impostor says to be somebody who exists."""
    file = place.folder / "secret"
    file.write_bytes(b"a secret of the bench")
    command = [sys.executable, "-m", "node.cli", "admin-key", "add", "--prefix", place.prefix, "--index", "300"]
    subprocess.run(
        [*command, "--secret-file", str(file), "--config", str(place.scene.config_file)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


# What idle connections cost -----------------------------------------------------------------------


def _idle(place: Ground, connections: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, connections + 1000), most))
    asked = question(f"{place.prefix}/{suffix_of(0)}", 1)
    pids = place.processes["worker"]
    by_tcp(place.scene.handle_address, [asked] * 100, 1)
    before = _resident(pids)
    with contextlib.ExitStack() as stack:
        for _ in range(connections):
            one = stack.enter_context(socket.create_connection(place.scene.handle_address, 10))
            one.sendall(asked)
            if not one.recv(4096):
                raise SystemExit("a connection was turned away")
        grown = _resident(pids) - before
    print(f"\n{connections:,} idle connections that asked once: {grown:.1f} MB in all workers")


def _resident(pids: Sequence[int]) -> float:
    """MB."""
    found = (Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0] for pid in pids)
    return sum(int(kilobytes) for kilobytes in found) / 1024


def main() -> None:
    """``python -m loadtest.bench_handle [--parts …] [--questions N] [--rounds N] [--idle N]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS)
    parser.add_argument("--questions", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle", type=int, default=5_000)
    told = parser.parse_args()
    asyncio.run(bench(told.parts, told.questions, told.rounds, told.idle))


if __name__ == "__main__":
    main()
