"""The cluster exercise (集群演练): servers of PostgreSQL fall under load; resolving goes on, and writes come back.

Two members that Patroni leads with synchronous replication (``loadtest/cluster.py``), a node that registers and
resolves, a second one that resolves from the standby (``loadtest/cluster_stage.py``). Round by round the primary is
killed, falls silent as a machine without a network does, the standby is killed. In every round no resolution may
fail, writes have to be back within half a minute, and at the end everything that was acknowledged has to stand.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.cluster import Cluster, cluster
from loadtest.cluster_load import Asker, Resolved, Written, any_of, never_asked
from loadtest.cluster_stage import ClusterStage, set_up
from node.servers import PRIMARY, connect

WRITES_BACK_SECONDS = 30.0
_CLIENTS = 3
_QUIET_SECONDS = 5.0  # under load before and after a fault
_SILENT_SECONDS = 5.0  # a frozen primary stays so after another has been chosen
_REPORTED_SECONDS = 120.0
_TOLD = 20  # of the lost
_KINDS = ("from the cache", "from the standby", "never asked before")
_WAITING = "SELECT count(*) FROM outbox WHERE delivered_at IS NULL AND NOT refused"
_STANDING = "SELECT p.prefix || '/' || i.suffix_key AS name FROM identifier i JOIN prefix p USING (prefix_id)"


@dataclass(slots=True)
class Round:
    """One fault and what came of it; seconds from the fault on, ``led``: until a primary was there again."""

    fault: str
    led: float = 0.0
    whole: float = 0.0
    gap: float = 0.0
    resolved: Mapping[str, Resolved] = field(default_factory=dict)
    written: Written = field(default_factory=Written)

    @property
    def faults(self) -> list[str]:
        """What must not have happened."""
        found = [f"{kind}: {words}" for kind, each in self.resolved.items() for words in each.errors]
        found += [f"{kind}: nothing was resolved" for kind, each in self.resolved.items() if not each.right]
        found += [f"registering: {words}" for words in self.written.errors]
        if self.gap > WRITES_BACK_SECONDS:
            found.append(f"no registration was acknowledged for {self.gap:.1f} s")
        return [f"{self.fault}: {words}" for words in found]


async def exercise(faults: Sequence[str], *, haproxy: bool = False) -> bool:
    """Run the rounds, print their table, and say whether all was as it has to be.

    The nodes find the primary by an address that names both servers, or through HAProxy. Whoever is told to end by
    SIGTERM takes everything along that was started, as by Ctrl-C.
    """
    me = asyncio.current_task()
    assert me is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
    with tempfile.TemporaryDirectory(prefix="biaoshi-cluster-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        async with (
            cluster(folder, haproxy=haproxy) as servers,
            set_up(folder, servers, servers.addresses()) as place,
        ):
            numbers, standing, rounds = itertools.count(), Written(), []
            for fault in faults:
                _say(f"{fault} …")
                rounds.append(await _round(place, fault, numbers, standing))
            lost = await _lost(servers, standing)
            waiting = await _until_reported(servers)
    found = [words for each in rounds for words in each.faults]
    found += [f"acknowledged and lost: {identifier}" for identifier in lost[:_TOLD]]
    if waiting:
        found.append(f"{waiting} reports were not delivered within {_REPORTED_SECONDS:g} s")
    _print(rounds, len(standing.acknowledged), len(lost))
    for words in found:
        print(f"- {words}")
    return not found


async def _round(place: ClusterStage, fault: str, numbers: itertools.count[int], standing: Written) -> Round:
    """A fault amid load, until the cluster is whole again."""
    loop = asyncio.get_running_loop()
    done = Round(fault, resolved={kind: Resolved() for kind in _KINDS})
    async with _load(place, done, numbers):
        await asyncio.sleep(_QUIET_SECONDS)
        began = loop.time()
        back = await _FAULTS[fault](place.cluster)
        await place.cluster.leader()
        done.led = loop.time() - began
        await _until_written(done.written, began + done.led)
        await back()
        await place.cluster.synchronous_standby(120)
        done.whole = loop.time() - began
        await asyncio.sleep(_QUIET_SECONDS)
        done.gap = done.written.gap(began, loop.time())
    standing.acknowledged.update(done.written.acknowledged)
    return done


@contextlib.asynccontextmanager
async def _load(place: ClusterStage, done: Round, numbers: itertools.count[int]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    registrar, session = place.registrar, place.registrar.session
    known = any_of(place.known)
    askers = (
        Asker(session, registrar.url, known),
        Asker(session, place.resolver_url, known),
        Asker(session, place.resolver_url, never_asked(done.written)),
    )
    async with asyncio.TaskGroup() as group:
        for _ in range(_CLIENTS):
            group.create_task(registrar.run(numbers, done.written, stop))
            for kind, asker in zip(_KINDS[:2], askers[:2], strict=True):
                group.create_task(asker.run(done.resolved[kind], stop))
        group.create_task(askers[2].run(done.resolved[_KINDS[2]], stop))
        try:
            yield
        finally:
            stop.set()


async def _until_written(written: Written, since: float) -> None:
    """Until something is acknowledged again; for twice as long as it may take."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2 * WRITES_BACK_SECONDS):
            while not any(at > since for at in reversed(written.acknowledged.values())):  # noqa: ASYNC110 - clients count
                await asyncio.sleep(0.1)


Back = Callable[[], Awaitable[None]]


async def _kill_primary(servers: Cluster) -> Back:
    fallen = await servers.leader()
    await fallen.kill()
    return fallen.patroni.start


async def _freeze_primary(servers: Cluster) -> Back:
    silent = await servers.leader()
    silent.freeze()

    async def thaw() -> None:
        await asyncio.sleep(_SILENT_SECONDS)
        silent.thaw()

    return thaw


async def _kill_standby(servers: Cluster) -> Back:
    fallen = await servers.synchronous_standby()
    await fallen.kill()
    return fallen.patroni.start


_FAULTS: Mapping[str, Callable[[Cluster], Awaitable[Back]]] = {
    "primary killed": _kill_primary,
    "primary silent": _freeze_primary,
    "standby killed": _kill_standby,
}


async def _lost(servers: Cluster, written: Written) -> list[str]:
    """Acknowledged, and not there."""
    connection = await connect(servers.url("postgres"), timeout=10, target=PRIMARY)
    try:
        rows = await connection.fetch(_STANDING)
    finally:
        await connection.close()
    there = {row["name"] for row in rows}
    return [identifier for identifier in written.acknowledged if identifier not in there]


async def _until_reported(servers: Cluster) -> int:
    """Messages for the national node that are still not delivered after a while."""
    deadline = time.monotonic() + _REPORTED_SECONDS
    connection = await connect(servers.url("postgres"), timeout=10, target=PRIMARY)
    try:
        while True:
            waiting = await connection.fetchval(_WAITING)
            if not waiting or time.monotonic() > deadline:
                return int(waiting)
            await asyncio.sleep(0.5)
    finally:
        await connection.close()


def _print(rounds: Sequence[Round], acknowledged: int, lost: int) -> None:
    print("\n| fault | primary again | writes back | whole again | registrations (sent again) |", end="")
    print("".join(f" {kind}: right, stale, wrong, slowest |" for kind in _KINDS))
    print("|---|--:|--:|--:|--:|" + "--:|" * len(_KINDS))
    for each in rounds:
        answers = "".join(
            f" {one.right:,}, {one.stale:,}, {one.wrong:,}, {one.slowest * 1000:,.0f} ms |"
            for one in each.resolved.values()
        )
        print(
            f"| {each.fault} | {each.led:.1f} s | {each.gap:.1f} s | {each.whole:.1f} s |"
            f" {len(each.written.acknowledged):,} ({each.written.again}) |{answers}"
        )
    print(f"\n{acknowledged:,} registrations were acknowledged, {lost} of them are lost")


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def main() -> None:
    """``python -m loadtest.cluster_exercise [--rounds N] [--faults 'primary killed' …]``; ends with 1 for a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1, help="how many times all faults")
    parser.add_argument("--faults", nargs="+", choices=tuple(_FAULTS), default=tuple(_FAULTS))
    parser.add_argument(
        "--haproxy", action="store_true", help="between nodes and servers, as docker/haproxy.cfg has it"
    )
    told = parser.parse_args()
    if not asyncio.run(exercise([*told.faults] * told.rounds, haproxy=told.haproxy)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
