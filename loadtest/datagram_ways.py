"""What each way of taking datagrams costs by itself: the measurement behind ADR 0024.

The servers of ``datagram_server.py`` and the C program run side by side, each a process of its own, and are asked in
turns by the same client.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen

from loadtest.bench_node import free_port
from loadtest.cpu import apart, compiled_echo, spent
from loadtest.datagram_server import WAYS
from loadtest.handle_load import by_udp, question

WINDOWS = (1, 16, 64)
ECHO = "C program that echoes"
_ANSWER_BYTES = 281
_HANDLES = 500


def costs(questions: int, rounds: int) -> dict[tuple[str, int], float]:
    """CPU µs a question of each way and of ``ECHO`` (where there is a C compiler), for each of ``WINDOWS``."""
    asked = [question(f"88.101.2001/H-{number % _HANDLES:09d}", number + 1) for number in range(questions)]
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    with contextlib.ExitStack() as stack:
        file = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="biaoshi-ways-"))) / "answer"
        file.write_bytes(bytes(_ANSWER_BYTES))
        program = stack.enter_context(compiled_echo())
        commands = {way: [sys.executable, "-m", "loadtest.datagram_server", way] for way in WAYS}
        behind = {way: [str(file)] for way in WAYS}
        if program is not None:
            commands = {ECHO: [str(program), "udp"], **commands}
            behind[ECHO] = [str(len(asked[0])), str(_ANSWER_BYTES)]
        servers: dict[str, tuple[int, int]] = {}
        for name, command in commands.items():
            port = free_port()
            server = stack.enter_context(Popen([*command, str(port), *behind[name]], stdout=PIPE))
            stack.callback(server.kill)
            assert server.stdout is not None, "it is a pipe"
            server.stdout.readline()
            servers[name] = server.pid, port
        for _, window, (name, (pid, port)) in itertools.product(range(rounds), WINDOWS, servers.items()):
            address = "127.0.0.1", port
            with apart([pid]):
                cost, _ = spent([pid], lambda: by_udp(address, asked, window, blind=_ANSWER_BYTES))  # noqa: B023
            found[name, window].append(cost / questions)
    return {key: median(each) for key, each in found.items()}


def print_ways(questions: int, rounds: int) -> None:
    """As a table."""
    found = costs(questions, rounds)
    names = list(dict.fromkeys(name for name, _ in found))
    print("\n| CPU µs a datagram (to C) |" + "".join(f" {window} under way |" for window in WINDOWS))
    print("|---|" + "---|" * len(WINDOWS))
    for name in names:
        cells = (
            f" {found[name, window]:.1f} ({found[name, window] / found[ECHO, window]:.1f})"
            if ECHO in names
            else f" {found[name, window]:.1f}"
            for window in WINDOWS
        )
        print(f"| {name} |" + " |".join(cells) + " |", flush=True)
