"""Resolve many identifiers over HTTP, a few connections kept alive, and check every answer.

An answer counts as resolved only if its status is 200 and it names the identifier that was asked; everything
else is an error with its first words kept. Latency is from the first byte written to the last byte read.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

_MAX_ERRORS = 20


class NotLoopback(ValueError):
    """Load goes to this machine only."""


@dataclass(slots=True)
class Report:
    """What came of it; milliseconds are of single requests, ``seconds`` of the whole."""

    resolved: int = 0
    errors: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    first_errors: list[str] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Milliseconds below which ``share`` of the answers came; 0 when there are none."""
        if not self.latencies:
            return 0.0
        ordered = sorted(self.latencies)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2)

    def fail(self, words: str) -> None:
        self.errors += 1
        if len(self.first_errors) < _MAX_ERRORS:
            self.first_errors.append(words[:200])


async def resolve_many(
    host: str, port: int, identifiers: Sequence[str], *, total: int, connections: int = 8, seconds: float = 60.0
) -> Report:
    """Ask for ``total`` resolutions, walking through ``identifiers``; give up after ``seconds``."""
    if not ipaddress.ip_address(host).is_loopback:
        raise NotLoopback(host)
    report = Report()
    asked = iter(range(total))
    began = time.perf_counter()
    requests = [_request(host, port, identifier) for identifier in identifiers]
    expected = [f'"handle":"{_json_text(identifier)}"'.encode() for identifier in identifiers]

    async def one_connection() -> None:
        reader = writer = None
        for turn in asked:
            chosen = turn % len(requests)
            try:
                if writer is None or reader is None:
                    reader, writer = await asyncio.open_connection(host, port)
                before = time.perf_counter()
                writer.write(requests[chosen])
                status, body = await _answer(reader)
                report.latencies.append(time.perf_counter() - before)
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                report.fail(f"{identifiers[chosen]}: {type(error).__name__}")
                if writer is not None:
                    writer.close()
                reader = writer = None
                continue
            if status == 200 and expected[chosen] in body:
                report.resolved += 1
            else:
                report.fail(f"{identifiers[chosen]}: {status} {body[:120].decode(errors='replace')}")
        if writer is not None:
            writer.close()

    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for _ in range(min(connections, total)):
                group.create_task(one_connection())
    except TimeoutError:
        report.fail(f"not finished after {seconds:g} s")
    report.seconds = time.perf_counter() - began
    return report


def _request(host: str, port: int, identifier: str) -> bytes:
    path = quote(identifier, safe="/:@!$&'()*,;=-._~")
    return f"GET /api/handles/{path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: application/json\r\n\r\n".encode()


def _json_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return status, await reader.readexactly(int(value))
    raise ValueError("an answer without a length")
