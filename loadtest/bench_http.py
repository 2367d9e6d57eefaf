"""What a resolution over HTTP costs the node, beside nginx serving the same answers from files.

A real node (``loadtest/bench_node.py``) of one worker that writes a line of log for every request is asked by a
client in C (``http_load.c``) that checks every answer: through the front for identifiers that are remembered, few and
many, for such that have to be looked up, for such that nobody registered, and on connections that the front has
handed over to aiohttp. In the same rounds nginx, one worker with a cache of open files, serves the same bodies. CPU
is that of the server processes by the kernel's own account in nanoseconds, PostgreSQL's not included; figures are
medians of the rounds. Last: how long hits take beside a flood of unknown identifiers, and beside as many others.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

from loadtest.bench_handle import register, suffix_of
from loadtest.bench_node import Ground, free_port, ground
from loadtest.cpu import cpu_micros
from loadtest.rows import Row, as_markdown
from node import config
from node.config import Settings
from node.serve import Started, node_running

HOT = 5_000
_CONNECTIONS = 64
_COLD = 10  # times fewer requests where an answer costs many times as much
_PATIENCE = 10.0
_MARKER = "W"
_COPIERS = 16
_SOURCE = Path(__file__).with_name("http_load.c")
_PATH = "/api/handles/"
_FOR_AIOHTTP = "Cookie: aiohttp=1"  # a header that the front leaves to aiohttp
_NGINX = """
user root; daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log off; default_type application/json; sendfile on; keepalive_requests 100000000;
  open_file_cache max=20000 inactive=600s; open_file_cache_valid 600s;
  server {{ listen 127.0.0.1:{silent}; root {folder}/files; }}
  server {{ listen 127.0.0.1:{logging}; root {folder}/files; access_log {folder}/access.log; }}
}}
"""


class Way(NamedTuple):
    """Who is asked for what, and what must be answered; ``goal`` is of the ratio to the CPU of the way ``beside``."""

    name: str
    server: str
    kind: str
    dear: bool = False
    order: str = "walk"
    status: int = 200
    header: str = ""
    beside: str = ""
    goal: str = ""


_HIT, _NGINX_HIT = "HTTP front, 5,000 remembered", "nginx, the same from files, no log"
_WAYS = (
    Way(_HIT, "node", "hot", beside=_NGINX_HIT, goal="≤ 1x"),
    Way(_NGINX_HIT, "silent", "hot"),
    Way("nginx, with its log", "logging", "hot", beside=_NGINX_HIT),
    Way("HTTP by aiohttp, 5,000 remembered", "node", "hot", dear=True, header=_FOR_AIOHTTP, beside=_HIT, goal="≥ 4x"),
    Way("HTTP front, all remembered, by chance", "node", "all", order="random", beside=_HIT, goal="≤ 1.2x"),
    Way("HTTP front, looked up", "node", "cold", dear=True, beside=_HIT, goal="≤ 3x"),
    Way("HTTP by aiohttp, looked up", "node", "cold", dear=True, header=_FOR_AIOHTTP, beside=_HIT),
    Way("HTTP front, unknown", "node", "unknown", dear=True, status=404, beside=_HIT),
)
_WARM = Way("", "node", "all")
_FLOOD, _CROWD = Way("", "node", "unknown", status=404), Way("", "node", "hot")


class Told(NamedTuple):
    """CPU microseconds a request; the 99th percentile of the latencies in milliseconds."""

    cpu: float
    p99: float


class Bench:
    """A node, perhaps an nginx beside it, and the program that asks them."""

    def __init__(self, place: Ground, folder: Path, program: Path, requests: int, remembered: int) -> None:
        self.place = place
        self.folder = folder
        self.requests = requests
        self._program = program
        self._remembered = remembered
        self._ports = {"node": urlsplit(place.scene.url).port or 0}
        self._pids = {"node": place.processes["worker"]}
        self._unseen = itertools.count(remembered)
        self._unknown = random.Random(9)

    def ask(self, way: Way, many: int = 0) -> Told:
        """As many times as it is asked in a round, unless told. Raises ``SystemExit`` when an answer was wrong."""
        many = many or (self.requests // _COLD if way.dear else self.requests)
        command = self._command(way, many)
        pids = self._pids[way.server]
        before = cpu_micros(pids)
        told = subprocess.run(command, check=False, capture_output=True, text=True)
        spent = cpu_micros(pids) - before
        if told.returncode:
            raise SystemExit(f"{way.name}: {told.stderr}")
        return Told(spent / many, float(told.stdout.split()[4]) / 1000)

    def ask_beside(self, other: Way) -> Told:
        """Hits by a few connections, while as many as usual ask for something else all the time."""
        with subprocess.Popen(self._command(other, 1 << 30), stdout=subprocess.DEVNULL) as crowd:
            try:
                time.sleep(0.2)
                return self.ask(_WAYS[0]._replace(dear=True))
            finally:
                crowd.kill()

    def warm(self) -> None:
        """All that is to be remembered has been asked for."""
        for _ in range(3):  # looked up, kept in bytes, ready
            self.ask(_WARM, self._remembered)

    @contextlib.contextmanager
    def nginx(self, program: str) -> Iterator[None]:
        """The same answers from files, by two servers of one worker."""
        files = self.folder / "files" / _PATH.strip("/") / self.place.prefix
        files.mkdir(parents=True)
        suffixes = [_suffix(number) for number in range(min(HOT, self._remembered))]
        with ThreadPoolExecutor(_COPIERS) as copiers:
            list(copiers.map(lambda first: self._copy(suffixes[first::_COPIERS], files), range(_COPIERS)))
        ports = {"silent": free_port(), "logging": free_port()}
        told = self.folder / "nginx.conf"
        told.write_text(_NGINX.format(folder=self.folder, **ports))
        with subprocess.Popen([program, "-c", told, "-p", self.folder], stderr=subprocess.DEVNULL) as server:
            try:
                self._ports |= ports
                pids = [server.pid, *_children_of(server.pid)]
                self._pids |= {"silent": pids, "logging": pids}
                yield
            finally:
                server.terminate()

    def _copy(self, suffixes: Sequence[str], files: Path) -> None:
        """Answers of the node as files."""
        node = HTTPConnection("127.0.0.1", self._ports["node"], timeout=_PATIENCE)
        for suffix in suffixes:
            node.request("GET", f"{_PATH}{self.place.prefix}/{suffix}")
            (files / suffix).write_bytes(node.getresponse().read())
        node.close()

    def _command(self, way: Way, many: int) -> list[str]:
        told = self._ports[way.server], _CONNECTIONS, many, way.status, way.order, self._paths(way.kind, many)
        return [str(self._program), *map(str, told), way.header]

    def _paths(self, kind: str, many: int) -> Path:
        """A file of paths of a kind, and what their answers contain."""
        suffixes = [_suffix(number) for number in range(self._remembered)]
        if kind == "hot":
            suffixes = suffixes[:HOT]
        elif kind == "cold":
            suffixes = [_suffix(next(self._unseen)) for _ in range(many)]
        elif kind == "unknown":
            suffixes = [f"nobody-{self._unknown.getrandbits(64):x}" for _ in range(min(many, 200_000))]
        prefix, file = self.place.prefix, self.folder / kind
        file.write_text("".join(f'{_PATH}{prefix}/{each} "handle":"{prefix}/{each}"\n' for each in suffixes))
        return file


def _suffix(number: int) -> str:
    return suffix_of(number, _MARKER)


def _children_of(pid: int) -> list[int]:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if found:
            return [int(each) for each in found]
        time.sleep(0.05)
    raise SystemExit("nginx did not start")


@contextlib.contextmanager
def _compiled() -> Iterator[Path]:
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("a C compiler (cc) is needed: apt install gcc libc6-dev")
    with tempfile.TemporaryDirectory(prefix="biaoshi-load-") as folder:
        program = Path(folder) / "http_load"
        subprocess.run([compiler, "-O2", "-o", program, _SOURCE], check=True)
        yield program


@contextlib.asynccontextmanager
async def _one_worker(_: Settings, file: Path) -> AsyncIterator[Started]:
    """A node of one worker that writes a line of log for every request into a file."""
    told = file.read_text().replace("workers = 2", "workers = 1").replace('level = "warning"', 'level = "info"')
    file.write_text(told)
    own = os.dup(2)
    try:
        with file.with_name("lines").open("ab") as lines:
            os.dup2(lines.fileno(), 2)  # its processes inherit it
        async with node_running(config.load(file), file) as node:
            os.dup2(own, 2)
            yield node
    finally:
        os.dup2(own, 2)
        os.close(own)


async def measured(requests: int, rounds: int, remembered: int) -> list[Row]:
    """What each way costs. Raises ``SystemExit`` when an answer was wrong, or there is no C compiler."""
    looked_up = sum(way.kind == "cold" for way in _WAYS) * rounds * (requests // _COLD)
    with _compiled() as program, tempfile.TemporaryDirectory(prefix="biaoshi-http-") as folder:
        Path(folder).chmod(0o755)
        async with ground(_one_worker) as place:
            await asyncio.to_thread(register, place, remembered + looked_up, _MARKER)
            bench = Bench(place, Path(folder), program, requests, remembered)
            return await asyncio.to_thread(_rows, bench, rounds)


def _rows(bench: Bench, rounds: int) -> list[Row]:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    ways = [way for way in _WAYS if nginx or way.server == "node"]
    told: dict[str, list[float]] = defaultdict(list)
    flood, crowd = [], []
    with bench.nginx(nginx) if nginx else contextlib.nullcontext():
        bench.warm()
        for _ in range(rounds):
            for way in ways:
                told[way.name].append(bench.ask(way).cpu)
            flood.append(bench.ask_beside(_FLOOD).p99)
            crowd.append(bench.ask_beside(_CROWD).p99)
    cpu = {name: median(figures) for name, figures in told.items()}
    rows = []
    for way in ways:
        theirs = cpu.get(way.beside)
        beside = way.beside if theirs else ""
        rows.append(Row(way.name, cpu[way.name], "CPU µs", beside, theirs, way.goal if theirs else ""))
    words = "hits beside a flood of unknown", "beside as many hits"
    return [*rows, Row(f"HTTP front, p99 of {words[0]}", median(flood), "ms", words[1], median(crowd))]


async def short() -> list[Row]:
    """For ``make bench``."""
    return await measured(40_000, 5, 20_000)


async def bench(requests: int, rounds: int, remembered: int) -> None:
    """Measure and print the table."""
    print(as_markdown(await measured(requests, rounds, remembered)))


def main() -> None:
    """``python -m loadtest.bench_http [--requests N] [--rounds N] [--remembered N]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--remembered", type=int, default=100_000)
    told = parser.parse_args()
    asyncio.run(bench(told.requests, told.rounds, told.remembered))


if __name__ == "__main__":
    main()
