"""What the benches share: a real node ready to register, and what its processes cost.

Everything is real: an embedded PostgreSQL with fsync on, the node with two workers, its steward and the mock
national node, each a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from loadtest.corpus import template
from loadtest.registrar import Tally
from node.demo.scene import NodeRunning, Scene
from node.demo.stage import Stage
from node.demo.story import Cast, make_enterprise_user, make_reviewer, signed_in
from node.demo.workload import enterprises
from node.http_server import bind
from node.serve import node_running

_TICKS = os.sysconf("SC_CLK_TCK")
_SAMPLE_SECONDS = 0.05


@dataclass(slots=True)
class Cost:
    """What processes spent, and ``below`` what their descendants did: CPU seconds, and the most that one of them had
    resident, in MB.
    """

    cpu: float = 0.0
    peak: float = 0.0
    cpu_below: float = 0.0
    peak_below: float = 0.0

    @property
    def cpu_in_all(self) -> float:
        return self.cpu + self.cpu_below


@dataclass(frozen=True, slots=True)
class Ground:
    """A running node, a folder for the bench's own files, an enabled prefix, and a token of its enterprise's user."""

    scene: Scene
    folder: Path
    prefix: str
    token: str

    @property
    def processes(self) -> Mapping[str, list[int]]:
        """Process ids by what they are; both workers are one."""
        found: dict[str, list[int]] = {"worker": [], "postgresql": [self.scene.server.pid]}
        for child in self.scene.family:
            found.setdefault(child.spec.name.partition("-")[0], []).append(child.pid or 0)
        return found


@contextlib.asynccontextmanager
async def ground(running: NodeRunning = node_running, *, holders: int = 1) -> AsyncIterator[Ground]:
    """A node with approved enterprises, their enabled prefixes (the first is the ground's) and the published template
    of the corpus.
    """
    with tempfile.TemporaryDirectory(prefix="biaoshi-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        async with Stage(folder / "node", *(free_port() for _ in range(4))).set_up(running) as scene:
            samples = enterprises()[:holders]
            admin = await signed_in(scene.client, "admin", scene.state.administrator_password)
            cast = Cast(admin, await make_reviewer(scene.client, admin, scene.state), lambda _words: None)
            await cast.bring_in(samples)
            await cast.publish(template())
            yield Ground(scene, folder, samples[0].prefix, (await make_enterprise_user(admin, samples[0])).token)


@contextlib.asynccontextmanager
async def costs_of(watched: Mapping[str, list[int]]) -> AsyncIterator[Mapping[str, Cost]]:
    """What the processes and their descendants spend during the block; complete when it has ended."""
    for pid in {pid for pids in watched.values() for pid in _with_descendants(pids)}:
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the kernel's own peak begins anew
    costs = {who: Cost() for who in watched}
    before = {who: _spent(pids) for who, pids in watched.items()}

    def look() -> None:
        for who, pids in watched.items():
            now, then, cost = _spent(pids), before[who], costs[who]
            cost.cpu = max(cost.cpu, now.cpu - then.cpu)
            cost.cpu_below = max(cost.cpu_below, now.cpu_below - then.cpu_below)
            cost.peak, cost.peak_below = max(cost.peak, now.peak), max(cost.peak_below, now.peak_below)

    async def watch() -> None:
        while True:
            look()
            await asyncio.sleep(_SAMPLE_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        yield costs
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        look()


def _spent(pids: list[int]) -> Cost:
    """So far; CPU of descendants that have ended included."""
    found = Cost()
    for pid in _with_descendants(pids):
        with contextlib.suppress(OSError, IndexError):  # it has ended meanwhile
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            own, ended = (sum(map(int, fields[start : start + 2])) / _TICKS for start in (11, 13))
            status = Path(f"/proc/{pid}/status").read_text()
            peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
            found.cpu_below += ended
            if pid in pids:
                found.cpu, found.peak = found.cpu + own, max(found.peak, peak)
            else:
                found.cpu_below, found.peak_below = found.cpu_below + own, max(found.peak_below, peak)
    return found


def _with_descendants(pids: list[int]) -> list[int]:
    found = list(pids)
    for pid in found:
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in path.read_text().split()]
    return found


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with bind("127.0.0.1", 0) as probe:
        return int(probe.getsockname()[1])


async def registered(place: Ground, marker: str, total: int, connections: int) -> Tally:
    """Single registrations by a client process; exits where one was not answered as it must be."""
    address = urlsplit(place.scene.url)
    registrar = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loadtest.registrar", str(address.hostname), str(address.port), place.prefix,
        "--marker", marker, "--total", str(total), "--connections", str(connections),
        env={**os.environ, "BIAOSHI_TOKEN": place.token}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await registrar.communicate()
    tally = Tally(**json.loads(said))
    if tally.errors or tally.registered != total:
        raise SystemExit(f"{tally.registered} of {total} registered: {tally.first_errors[:3]}")
    return tally
