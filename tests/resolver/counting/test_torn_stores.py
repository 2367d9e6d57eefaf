"""kill -9 of a process that counts, at any moment: what it had booked is there, and nothing that it had not."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from node.journal import Interface
from resolver.counting.counters_format import read_counters
from resolver.counting.event_format import Event, read_header, read_records
from resolver.counting.folder import CountingFolder, open_folder

Round = Callable[[int, float], tuple[int, int]]


@pytest.fixture
def folder(tmp_path: Path) -> CountingFolder:
    return open_folder(tmp_path, uuid4())


@pytest.fixture
def count_and_kill(folder: CountingFolder) -> Iterator[Round]:
    """Let a child count for some milliseconds and kill it: what it had told that it would book, and had booked."""
    command = [sys.executable, "-m", "tests.support.torn_stores", str(folder.path.parent), str(folder.node_id)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answered = process.stdin, process.stdout

        def once(seed: int, milliseconds: float) -> tuple[int, int]:
            asked.write(json.dumps([seed, milliseconds]) + "\n")
            asked.flush()
            status, told, booked = json.loads(answered.readline())
            assert status == -9
            return told, booked

        yield once
        asked.close()


def test_a_killed_process_leaves_what_it_had_booked_and_nothing_else(
    folder: CountingFolder, count_and_kill: Round, pytestconfig: pytest.Config
) -> None:
    chance, full = random.Random(6), 0
    for number in range(pytestconfig.getoption("torn")):
        told, booked = count_and_kill(number, chance.expovariate(1 / 20))
        events: list[Event] = []
        late: set[int] = set()
        files = folder.events_files()
        full += len(files) > 1
        for file in files:
            data = file.read_bytes()
            header, progress = read_header(data)
            told_here = [each for each in read_records(data, header, progress.head) if isinstance(each, Event)]
            assert not (late and told_here), "nothing stands behind the turn that was killed before its sign of life"
            late = {event.at for event in told_here if event.at > progress.alive}
            assert late <= {told_here[-1].at if told_here else 0}
            events += told_here
            file.unlink()
        assert [event.suffix for event in events] == [f"P-{each}" for each in range(len(events))]
        assert booked <= len(events) <= told
        (counters,) = folder.counters_files()
        _, _, totals = read_counters(counters.read_bytes())
        counters.unlink()
        by_key = Counter({(total.minute, total.prefix): total.resolutions for total in totals})
        assert booked <= by_key.total() <= len(events)
        assert by_key <= Counter((event.at // 60_000_000, event.prefix) for event in events)
        assert {total.interface for total in totals} == {Interface.HANDLE_TCP}
    assert full > 0  # some were killed with full files behind them
