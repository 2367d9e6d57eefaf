"""Parents and children as real processes: restarted when they fall, ended together, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from node.supervisor import LINK_VARIABLE, Child, ChildNotReady, ChildSpec, ParentLink, children
from tests.support.docking import until

pytestmark = pytest.mark.system

# What a child does: it keeps a diary, one line per deed.
CHILD = """
import asyncio, os, signal, sys
from node.supervisor import LINK_VARIABLE, ParentLink, until_told_to_stop

def note(words):
    with open(sys.argv[1], "a") as diary:
        diary.write(words + "\\n")

async def main(way):
    link = ParentLink()
    note(f"started {os.getpid()} {os.environ.get('COLOUR')} {LINK_VARIABLE in os.environ}")
    if way == "falls":
        sys.exit(3)
    if way == "never ready":
        await asyncio.sleep(600)
    if way == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        link.ready()
        await asyncio.sleep(600)
    await until_told_to_stop(link)
    if way == "slow to leave":
        await asyncio.sleep(0.3)
    note("stopped")

asyncio.run(main(sys.argv[2]))
"""

PARENT = """
import asyncio, sys
from node.supervisor import ChildSpec, children

async def main():
    specs = [ChildSpec(name, [sys.executable, "-c", sys.argv[1], sys.argv[2], "good"], {}) for name in "ab"]
    async with children(specs):
        print("ready", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary"


def spec(diary: Path, way: str = "good", name: str = "worker-1") -> ChildSpec:
    return ChildSpec(name, [sys.executable, "-c", CHILD, str(diary), way], {"COLOUR": "red"})


def deeds(diary: Path) -> list[str]:
    return diary.read_text().splitlines() if diary.exists() else []


def pids(diary: Path) -> list[int]:
    return [int(line.split()[1]) for line in deeds(diary) if line.startswith("started")]


def lives(pid: int) -> bool:
    """Whether there is such a process; one that waits to be buried does not live."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_children_are_ready_when_the_block_begins_and_gone_when_it_ends(diary: Path) -> None:
    async with children([spec(diary), spec(diary, name="worker-2")]) as family:
        assert [child.spec.name for child in family] == ["worker-1", "worker-2"]
        assert all(child.ready.is_set() for child in family)
        assert len(pids(diary)) == 2
        assert all(map(lives, pids(diary)))
    assert not any(map(lives, pids(diary)))
    assert deeds(diary).count("stopped") == 2
    assert [child.restarts for child in family] == [0, 0]


async def test_a_child_has_its_own_environment_and_passes_no_link_on(diary: Path) -> None:
    async with children([spec(diary)]):
        assert deeds(diary)[0].split()[2:] == ["red", "False"]


async def test_a_killed_child_is_started_again_and_its_siblings_stay(diary: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    async with children([spec(diary), spec(other, name="worker-2")]) as family:
        first = family[0].pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: len(pids(diary)) == 2)
        await until(family[0].ready.is_set)
        assert family[0].pid == pids(diary)[1] != first
        assert [child.restarts for child in family] == [1, 0]
        family[0].kill()
        await until(lambda: len(pids(diary)) == 3)
        assert len(pids(other)) == 1
    assert not any(map(lives, [*pids(diary), *pids(other)]))


async def test_a_child_that_keeps_falling_is_started_less_and_less_often(diary: Path) -> None:
    falling = ChildSpec("worker-1", ["/bin/sh", "-c", f"echo started $$ >> '{diary}'; exit 3"], {})
    child = Child(falling)
    task = asyncio.create_task(child.run())
    await asyncio.sleep(1.3)
    child.stop()
    await asyncio.wait_for(task, 5)
    assert 2 <= len(pids(diary)) <= 4  # at 0, 0.2, 0.6, 1.4 seconds


async def test_a_child_that_never_gets_ready_is_named_and_ended(diary: Path) -> None:
    with pytest.raises(ChildNotReady, match="worker-2") as caught:
        async with children([spec(diary), spec(diary, "never ready", "worker-2")], ready_seconds=3, stop_seconds=5):
            pytest.fail("nobody is ready")
    assert caught.value.evidence["children"] == ["worker-2"]
    assert not any(map(lives, pids(diary)))


@pytest.mark.parametrize("command", [["/nowhere/at-all"], ["/etc/passwd"]], ids=["missing", "no program"])
async def test_a_child_that_cannot_be_started_is_named(command: list[str]) -> None:
    with pytest.raises(ChildNotReady, match="steward"):
        async with children([ChildSpec("steward", command, {})], ready_seconds=0.5):
            pytest.fail("nobody is ready")


async def test_a_child_may_take_its_time_to_leave(diary: Path) -> None:
    async with children([spec(diary, "slow to leave")], stop_seconds=5):
        pass
    assert deeds(diary)[-1] == "stopped"


async def test_a_child_that_does_not_listen_is_ended_by_force(diary: Path) -> None:
    began = time.monotonic()
    async with children([spec(diary, "deaf")], stop_seconds=0.5):
        began = time.monotonic()
    assert 0.4 < time.monotonic() - began < 5
    await until(lambda: not lives(pids(diary)[0]))
    assert "stopped" not in deeds(diary)


async def test_a_stop_amid_a_start_is_a_stop(diary: Path) -> None:
    child = Child(spec(diary, "never ready"))
    task = asyncio.create_task(child.run())
    await asyncio.sleep(0)  # it is being started, and there is no process to tell yet
    assert child.pid is None
    child.stop()
    await asyncio.wait_for(task, 5)
    assert not any(map(lives, pids(diary)))


async def test_children_end_when_their_parent_is_killed(diary: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, CHILD, str(diary), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert parent.stdout is not None
        assert await asyncio.wait_for(parent.stdout.readline(), 30) == b"ready\n"
        assert len(pids(diary)) == 2
        assert all(map(lives, pids(diary)))
    finally:
        parent.kill()
        await parent.wait()
    await until(lambda: not any(map(lives, pids(diary))), seconds=2)
    assert deeds(diary).count("stopped") == 2


@pytest.mark.parametrize("role", ["worker", "steward"])
async def test_a_child_that_waits_for_the_database_does_not_outlive_its_parent(role: str, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        environment = {
            **os.environ, LINK_VARIABLE: str(theirs.fileno()),
            "BIAOSHI_DATABASE_URL": f"postgresql:///nowhere?host={tmp_path}",
        }  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "node.serve", role, env=environment, pass_fds=(theirs.fileno(),),
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stderr is not None
            assert b"waiting_for_database" in await asyncio.wait_for(process.stderr.readline(), 30)
            ours.close()
            theirs.close()
            await asyncio.wait_for(process.wait(), 2)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


async def test_who_has_no_supervisor_has_nobody_to_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LINK_VARIABLE, raising=False)
    link = ParentLink()
    link.ready()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(link.gone(), 0.1)
