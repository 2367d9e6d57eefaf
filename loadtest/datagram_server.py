"""A server of ready answers by UDP in one of several ways, as a process of its own: what a way itself costs.

``python -m loadtest.datagram_server WAY PORT ANSWER_FILE`` says "ready" and serves until it is ended. The work is
that of the node's hot path without its limits and counts: the question without its number is looked up, the answer
put together with it.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from loadtest.many_datagrams import ManyDatagrams

_BATCH = 64
_LARGEST = 2048
_DATAGRAM = 512
WAYS = ("datagram transport", "reader callback", "reader, until one is missing", "many at once")


class Answers:
    """One answer to whatever is asked, filled in as ``resolver/handle/ready.py`` does it."""

    def __init__(self, data: bytes) -> None:
        self._pieces = data[:8], data[12:36], data[40:]
        self._known: dict[bytes, tuple[bytes, bytes, bytes]] = {}

    def to(self, request: bytes) -> bytes:
        question = request[:8] + request[12:36] + request[40:]
        found = self._known.get(question)
        if found is None:
            found = self._known[question] = self._pieces
        head, middle, tail = found
        return b"".join((head, request[8:12], middle, request[36:40], tail))


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def connection_made(self, transport: Any) -> None:
        self._send = transport.sendto

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._send(self._answers.to(data), addr)


def _until_empty(bound: socket.socket, answers: Answers) -> Callable[[], None]:
    def read() -> None:
        for _ in range(_BATCH):
            try:
                request, peer = bound.recvfrom(_LARGEST)
            except BlockingIOError:
                return
            bound.sendto(answers.to(request), peer)

    return read


def _until_missing(bound: socket.socket, answers: Answers) -> Callable[[], None]:
    """Tries again only when it found more than one the last time: the try that finds nothing costs an exception."""
    several = False

    def read() -> None:
        nonlocal several
        request, peer = bound.recvfrom(_LARGEST)
        bound.sendto(answers.to(request), peer)
        for more in range(_BATCH - 1 if several else 0):
            try:
                request, peer = bound.recvfrom(_LARGEST)
            except BlockingIOError:
                several = more > 0
                return
            bound.sendto(answers.to(request), peer)
        several = not several

    return read


def _at_once(bound: socket.socket, answers: Answers) -> Callable[[], None]:
    many = ManyDatagrams(bound, slots=_BATCH, largest=_LARGEST, answer=_DATAGRAM)

    def read() -> None:
        for slot, request, _ in many.receive():
            many.put(slot, answers.to(request))
        many.send()

    return read


async def serve(way: str, port: int, answers: Answers) -> None:
    loop = asyncio.get_running_loop()
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.bind(("127.0.0.1", port))
    if way == WAYS[0]:
        await loop.create_datagram_endpoint(lambda: _Protocol(answers), sock=bound)
    else:
        loop.add_reader(
            bound, {WAYS[1]: _until_empty, WAYS[2]: _until_missing, WAYS[3]: _at_once}[way](bound, answers)
        )
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2]), Answers(Path(sys.argv[3]).read_bytes())))
