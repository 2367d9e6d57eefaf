"""What is told of the requests that the front answered: the line of each and the metrics, as ``node.web`` tells them.

The same fields in the same order, in batches: by the logger and ``observe`` each would cost as much as its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from yarl import URL

from node import metrics
from resolver.http.front.ready import HttpAnswer

PATH = "/api/handles/"

_SECONDS = 0.1
_WAITING = 256
_WRITE_BYTES = 4096  # what a pipe takes whole, though several workers write to it (PIPE_BUF)
_LONGEST_PATH = 512
_REQUEST, _PATH = b'{"request_id":"', b'","method":"GET","path":"'
_TAIL = (
    b'","status":%d,"milliseconds":%.2f,"source":%b,"caller":"","event":"request","level":"info",'
    b'"timestamp":"%b.%06dZ"}\n'
)
_PERCENT = ord("%")
_PATH_BYTES = PATH.encode()
_LONGEST_TARGET = _LONGEST_PATH - len(PATH)
_FAMILY = metrics.family_of(PATH)


class Client(NamedTuple):
    """Who asks: its address, the same as JSON, and what marks it."""

    source: str
    source_json: bytes
    marks: int


Left = tuple[HttpAnswer, bytes, Client, bytes, float]
"""An answer that left, to what target, to whom, the request's id, and when it was asked for (0: in its turn)."""


class Telling:
    """``write`` takes lines of the log, ``None``: nobody wants any; ``later`` calls back after so many seconds."""

    def __init__(
        self, write: Callable[[str], object] | None, later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        self._write = write
        self._later = later
        self._turns: list[tuple[Sequence[Left], float, float, float]] = []
        self._waiting = 0
        self._second, self._second_text = 0, b""

    def tell(self, left: Sequence[Left], began: float, ended: float, at: float) -> None:
        """What left in one turn of the event loop; within a moment everybody knows.

        ``began`` and ``ended`` by ``perf_counter``, ``at`` in Unix time.
        """
        if not self._waiting:
            self._later(_SECONDS, self.flush)
        self._turns.append((left, began, ended, at))
        self._waiting += len(left)
        if self._waiting >= _WAITING:
            self.flush()

    def flush(self) -> None:
        """Now."""
        turns, self._turns = self._turns, []
        self._waiting = 0
        lines: list[bytes] = []
        statuses: dict[int, int] = {}
        latencies: dict[float, int] = {}
        for left, turn_began, ended, at in turns:
            status, source, tail = 0, b"", b""
            for answer, target, client, request_id, began in left:
                if answer.status != status or client.source_json != source or began:
                    # The rest of the line is the same for all that were answered alike in this turn.
                    status, source = answer.status, b"" if began else client.source_json
                    seconds = ended - (began or turn_began)
                    tail = _TAIL % (status, seconds * 1000, client.source_json, self._second_of(at), at % 1 * 1e6)
                latencies[seconds] = latencies.get(seconds, 0) + 1
                statuses[status] = statuses.get(status, 0) + 1
                if self._write is not None:
                    lines.append(b"".join((_REQUEST, request_id, _PATH, path_json(target), tail)))
        for status, number in statuses.items():
            metrics.REQUESTS.labels(_FAMILY, "GET", status).inc(number)
        metrics.observe_many(_FAMILY, latencies)
        if self._write is not None and lines:
            at_once = max(1, _WRITE_BYTES // max(map(len, lines)))
            for begin in range(0, len(lines), at_once):
                self._write(b"".join(lines[begin : begin + at_once]).decode())

    def _second_of(self, at: float) -> bytes:
        second = int(at)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).isoformat().removesuffix("+00:00").encode()
        return self._second_text


def path_json(target: bytes) -> bytes:
    """The path as a request's line has it: decoded and cut."""
    if _PERCENT not in target:
        return _PATH_BYTES + target[:_LONGEST_TARGET]
    path = URL.build(path=PATH + target.decode(), encoded=True).path[:_LONGEST_PATH]
    return msgspec.json.encode(path)[1:-1]
