"""What is told of the requests that the front answered: the line of each and the metrics, as ``node.web`` tells them.

The same fields in the same order, in batches: by the logger and ``observe`` each would cost as much as its answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
from yarl import URL

from node import metrics

PATH = "/api/handles/"

_SECONDS = 0.1
_WAITING = 256
_WRITE_BYTES = 4096  # what a pipe takes whole, though several workers write to it (PIPE_BUF)
_LONGEST_PATH = 512
_FAMILY = metrics.family_of(PATH)

Told = tuple[bytes, bytes, int, float, bytes, float]
"""Request id, target, status, seconds that it took, the client's address as JSON, Unix time."""


class Telling:
    """``write`` takes lines of the log, ``None``: nobody wants any; ``later`` calls back after so many seconds."""

    def __init__(
        self, write: Callable[[str], object] | None, later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        self._write = write
        self._later = later
        self._waiting: list[Told] = []
        self._second, self._second_text = 0, ""

    def tell(self, told: Told) -> None:
        """Of one request; within a moment everybody knows."""
        waiting = self._waiting
        waiting.append(told)
        if len(waiting) == 1:
            self._later(_SECONDS, self.flush)
        elif len(waiting) >= _WAITING:
            self.flush()

    def flush(self) -> None:
        """Now."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        for status, number in Counter(told[2] for told in waiting).items():
            metrics.REQUESTS.labels(_FAMILY, "GET", status).inc(number)
        metrics.observe_many(_FAMILY, [told[3] for told in waiting])
        if self._write is not None:
            self._write_lines([self._line(*told) for told in waiting])

    def _write_lines(self, lines: Sequence[str]) -> None:
        assert self._write is not None
        begin, size = 0, 0
        for at, line in enumerate(lines):
            size += (length := len(line.encode()))
            if size > _WRITE_BYTES and at > begin:
                self._write("".join(lines[begin:at]))
                begin, size = at, length
        self._write("".join(lines[begin:]))

    def _line(self, request_id: bytes, target: bytes, status: int, seconds: float, source: bytes, at: float) -> str:
        return (
            f'{{"request_id":"{request_id.decode()}","method":"GET","path":{path_json(target)},"status":{status},'
            f'"milliseconds":{seconds * 1000:.2f},"source":{source.decode()},"caller":"","event":"request",'
            f'"level":"info","timestamp":"{self._time_text(at)}"}}\n'
        )

    def _time_text(self, at: float) -> str:
        second = int(at)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).isoformat().removesuffix("+00:00")
        return f"{self._second_text}.{int((at - second) * 1e6):06d}Z"


def path_json(target: bytes) -> str:
    """The path as a request's line has it: decoded and cut."""
    raw = target.decode()
    if "%" in raw:
        path = URL.build(path=PATH + raw, encoded=True).path[:_LONGEST_PATH]
        return msgspec.json.encode(path).decode()
    return f'"{(PATH + raw)[:_LONGEST_PATH]}"'
