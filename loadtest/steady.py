"""A steady stream of resolutions over HTTP, as a process of its own, until its standard input ends.

Questions leave on the beat of the rate, whatever became of those before (an open loop): a latency is from the beat on
which a question was due to the last byte of its answer, so that a stall counts for all who would have waited. Every
answer is checked. Keys: most from a small hot set, the others anywhere in the stock, so that most of them are looked
up in the database; one of twenty is registered nowhere.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import ipaddress
import json
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from loadtest.hammer import NotLoopback

_CONNECTIONS = 32
_HOT = 1_000
_UNKNOWN = 0.05
_COLD = 0.40
_PATIENCE = 30.0
_MAX_ERRORS = 5


@dataclass(frozen=True, slots=True)
class Calm:
    """What came of one stretch: milliseconds below which half, 99 % and all answers came."""

    asked: int
    p50: float
    p99: float
    most: float
    wrong: int
    errors: list[str]


def suffix_of(number: int) -> str:
    """The suffix of one of the stock."""
    return f"D-{number:09d}"


def serial_of(number: int) -> str:
    """The value of its attribute ``serial``, which nobody changes."""
    return f"S-{number:09d}"


@asynccontextmanager
async def steady(host: str, port: int, prefix: str, stock: int, rate: int) -> AsyncIterator[list[Calm]]:
    """Such a stream during the block; the list has what came of it when the block has ended."""
    asking = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loadtest.steady", host, str(port), prefix, "--stock", str(stock), "--rate", str(rate),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert asking.stdout is not None
    await asking.stdout.readline()  # it has its connections
    found: list[Calm] = []
    try:
        yield found
    finally:
        said, _ = await asking.communicate(b"")
        found.append(Calm(**json.loads(said)))


class _Stream:
    def __init__(self, host: str, port: int, prefix: str, stock: int) -> None:
        self._address = host, port
        self._prefix, self._stock = prefix, stock
        self._chance = random.Random(stock)
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self._latencies: list[float] = []
        self._wrong: Counter[str] = Counter()

    async def run(self, rate: int, over: asyncio.Event) -> Calm:
        for _ in range(_CONNECTIONS):
            self._free.put_nowait(await asyncio.open_connection(*self._address))
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        due, asking = loop.time(), set[asyncio.Task[None]]()
        while not over.is_set():
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - loop.time()))
            task = asyncio.create_task(self._ask(due))
            asking.add(task)
            task.add_done_callback(asking.discard)
        await asyncio.gather(*asking)
        ordered = sorted(self._latencies) or [0.0]
        p50, p99 = (ordered[int(share * len(ordered))] * 1000 for share in (0.5, 0.99))
        wrong = [f"{words} ({times} times)" for words, times in self._wrong.most_common(_MAX_ERRORS)]
        return Calm(len(self._latencies), p50, p99, ordered[-1] * 1000, self._wrong.total(), wrong)

    async def _ask(self, due: float) -> None:
        chance = self._chance.random()
        unknown = chance < _UNKNOWN
        number = self._chance.randrange(self._stock if unknown or chance < _UNKNOWN + _COLD else _HOT) % self._stock
        suffix = f"NONE-{number}" if unknown else suffix_of(number)
        expected = b'"responseCode":100' if unknown else f'"value":"{serial_of(number)}"'.encode()
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await self._free.get()
                status, body = await _answered(reader, writer, f"/api/handles/{self._prefix}/{suffix}")
                self._free.put_nowait((reader, writer))
        except (OSError, ValueError, EOFError, TimeoutError) as error:
            self._wrong[type(error).__name__] += 1
            self._free.put_nowait(await asyncio.open_connection(*self._address))
            return
        self._latencies.append(asyncio.get_running_loop().time() - due)
        if status != (404 if unknown else 200) or expected not in body:
            self._wrong[f"{suffix}: {status} {body[:120].decode(errors='replace')}"] += 1


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> tuple[int, bytes]:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: node\r\nAccept: application/json\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(head[9:12]), await reader.readexactly(int(value))
    raise ValueError("an answer without a length")


async def _main(told: argparse.Namespace) -> Calm:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: over.set())
    return await _Stream(told.host, told.port, told.prefix, told.stock).run(told.rate, over)


def main() -> None:
    """``python -m loadtest.steady HOST PORT PREFIX --stock N --rate N``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("prefix")
    parser.add_argument("--stock", type=int, required=True)
    parser.add_argument("--rate", type=int, required=True)
    told = parser.parse_args()
    if not ipaddress.ip_address(told.host).is_loopback:
        raise NotLoopback(told.host)
    gc.disable()  # a pause of ours is not the node's
    print(json.dumps(asdict(asyncio.run(_main(told)))), flush=True)


if __name__ == "__main__":
    main()
