"""The upper side as the test plays it for a lower: what cases see of the node under test, and tell it.

The node is pointed at the examiner's desk like at any node above.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from docking.arrivals import Arrival, Disturbance
from docking.case import Failed, NotOffered, Skipped
from docking.desk import Desk
from docking.doors import Doors
from docking.memory import Memory
from node.national.access import APPLICATIONS, KEYS
from node.national.bulk import FILES, STANDBY
from node.national.instructions import INSTRUCTIONS, Answered, Order
from node.national.messages import COUNTS, HEARTBEATS, MESSAGES, VERDICTS, Shape

_MOST_STEPS = 60
_PATH_OF = {
    "applications": APPLICATIONS, "keys": KEYS, "messages": MESSAGES, "heartbeats": HEARTBEATS, "counts": COUNTS,
    "verdicts": VERDICTS, "instructions": INSTRUCTIONS, "files": FILES, "standby": STANDBY,
}  # fmt: skip
_EVERY_NODE_DOES = ("heartbeats", "counts", "verdicts")

T = TypeVar("T")


@dataclass(slots=True)
class Examiner:
    """``handle``, ``http``: where the node under test resolves; ``identifier``: what may be blocked there."""

    memory: Memory
    patience: float
    clock: Callable[[], datetime]
    handle: tuple[str, int] | None = None
    http: str = ""
    identifier: str = ""
    doors: Doors | None = None
    steps: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(self.memory, self.clock, lambda arrival: self.did(arrival.words))

    def begin(self) -> None:
        self.steps = []

    def did(self, step: str) -> None:
        """Remember what was done, for the report."""
        if len(self.steps) < _MOST_STEPS:
            self.steps.append(step)

    @property
    def mark(self) -> int:
        """The number of the last arrival so far."""
        return self.desk.number

    def since(self, mark: int, path: str = "") -> list[Arrival]:
        """The arrivals after a mark, at one path if given."""
        return [each for each in self.desk.arrivals if each.number > mark and (not path or each.path == path)]

    @contextlib.contextmanager
    def disturbing(self, disturbance: Disturbance) -> Iterator[None]:
        """Ask ``disturbance`` about each arrival in this block; the newest one is asked first."""
        self.desk.disturbances.insert(0, disturbance)
        try:
            yield
        finally:
            self.desk.disturbances.remove(disturbance)

    async def until(self, look: Callable[[], T | None], seconds: float | None = None) -> T:
        """What ``look`` sees as soon as it sees something (is true). Raises ``TimeoutError``."""
        return await self.desk.until(look, self.patience if seconds is None else seconds)

    async def arrival(self, mark: int, wanted: Callable[[Arrival], bool], what: str) -> Arrival:
        """The first arrival after a mark that is wanted. Raises ``Failed`` when patience ends before."""
        try:
            return await self.until(lambda: next((each for each in self.since(mark) if wanted(each)), None))
        except TimeoutError:
            seconds = f"{self.patience:.0f}"
            raise Failed(f"{seconds} 秒内没有 {what}", f"no {what} within {seconds} s") from None

    async def demand(self, part: str) -> None:
        """Raises ``NotOffered`` when the node has never used this part since the test began."""
        path = _PATH_OF[part]
        left = max(1.0, self.began + self.patience - time.monotonic())
        try:
            await self.until(lambda: any(each.path.startswith(path) for each in self.desk.arrivals), left)
        except TimeoutError:
            if not self.desk.arrivals:
                raise Skipped("被测节点没有联系过考官", "the node under test never spoke to the examiner") from None
            if part == "messages":
                raise Skipped("节点没有可上报的消息", "the node had nothing to report") from None
            if part == "files":
                raise Skipped("节点没有送来文件", "no file came in that time") from None
            if part in _EVERY_NODE_DOES:
                raise Failed(f"从未使用 {path}", f"{path} was never asked") from None
            raise NotOffered(part) from None

    def uses(self, part: str) -> bool:
        """Whether the node used this part so far."""
        return any(each.path.startswith(_PATH_OF[part]) for each in self.desk.arrivals)

    def instruct(self, kind: Order | str, body: Shape | dict[str, object]) -> UUID:
        """Issue an instruction."""
        instruction = self.memory.instruct(kind, body)
        self.did(f"instruction {instruction.kind} {bytes(instruction.body).decode()[:160]}")
        self.desk.wake()
        return instruction.instruction_id

    async def answer_to(self, instruction_id: UUID, seconds: float | None = None) -> Answered:
        """What the node answered. Raises ``Failed`` when it does not."""
        try:
            answers = await self.until(lambda: self.memory.answers.get(instruction_id), seconds)
        except TimeoutError:
            waited = f"{self.patience if seconds is None else seconds:.0f}"
            raise Failed(
                f"指令 {waited} 秒内没有答复", f"the instruction was not answered within {waited} s"
            ) from None
        self.did(f"answered {answers[0].outcome} {answers[0].detail[:120]}".rstrip())
        return answers[0]

    async def ordered(self, kind: Order | str, body: Shape | dict[str, object]) -> Answered:
        """Issue an instruction, and what was answered."""
        return await self.answer_to(self.instruct(kind, body))

    def stir(self, count: int = 1) -> None:
        """Give the node something to report, if it takes instructions; otherwise it has to have something itself."""
        if self.uses("instructions"):
            for _ in range(count):
                self.instruct(Order.PROBE, {})
