"""What the locust process is told: where the node is, what stands in it, which days to send, where to write."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Self

from loadtest.days.plan import Stock
from node.china_time import midnight
from node.laboratory_clock import Clock

VARIABLE = "LOADTEST_ORDER"
"""The file that holds one."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day of China, and the criterion of valid resolutions that it has to reach."""

    day: str
    per_day: int

    @property
    def begins(self) -> float:
        """Its midnight as Unix seconds of the laboratory clock."""
        return midnight(date.fromisoformat(self.day)).timestamp()


@dataclass(frozen=True, slots=True)
class Order:
    """``prefixes`` have a token of their enterprise each; ``clock`` is the node's, as ``Clock.told``.

    ``spoil`` makes the clients expect a wrong value of the first identifier that they ask for: a load test that does
    not notice is none.
    """

    http: tuple[str, int]
    handle: tuple[str, int]
    clock: str
    prefixes: Mapping[str, str]
    per_enterprise: int
    days: Sequence[Day]
    folder: str
    phones: int = 80
    spoil: bool = False

    @property
    def stock(self) -> Stock:
        return Stock(len(self.prefixes), self.per_enterprise)

    def write(self, file: Path) -> None:
        """For its owner's eyes: it holds tokens."""
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls) -> Self:
        """The order of this process."""
        told = json.loads(Path(os.environ[VARIABLE]).read_text(encoding="utf-8"))
        days = [Day(**day) for day in told.pop("days")]
        http, handle = (tuple(told.pop(name)) for name in ("http", "handle"))
        return cls(http=http, handle=handle, days=days, **told)

    def read_clock(self) -> Clock:
        """The node's clock, in this process."""
        return Clock.of_told(self.clock)


def day_at(seconds: float) -> str:
    """The day of China of a moment in Unix seconds."""
    return (datetime.fromtimestamp(seconds + 8 * 3600, UTC)).date().isoformat()
