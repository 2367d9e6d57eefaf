"""What the test consists of: cases, each with what it expects, and what was found.

A case is a coroutine that asks its subject (an ``UpperSide`` or a ``LowerSide`` under test) and returns what came.
It raises ``Failed`` when something else came than it expects, ``NotOffered`` when the side under test does not have
that part of the interface, ``Skipped`` when the case cannot be tried here. These are outcomes, not errors.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, TypeVar

import structlog

log = structlog.get_logger("docking")

_CASE_SECONDS = 900.0
"""However patient a case is, it ends some time."""


class Said(NamedTuple):
    """One text in both languages."""

    zh: str
    en: str


class Side(StrEnum):
    """Which side of the interface is under test."""

    UPPER = "upper"
    LOWER = "lower"


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_OFFERED = "not_offered"
    SKIPPED = "skipped"


GROUPS = {
    "4.1": Said("接入申请", "access application"),
    "4.2": Said("数据同步", "data synchronisation"),
    "4.3": Said("运行监测", "operation monitoring"),
    "4.4": Said("应急接管", "emergency takeover"),
    "5.1": Said("安全传输", "secure transport"),
    "5.2": Said("接入认证", "access authentication"),
    "5.3": Said("解析与递归", "resolution and recursion"),
}
"""The test groups of AII/004-2021 by their clauses; 5.3 is ours, and comes last."""


class Failed(Exception):
    """Something else came than expected."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.came = Said(zh, en)


class Skipped(Exception):
    """The case cannot be tried here, and why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.reason = Said(zh, en)


class NotOffered(Exception):
    """The side under test does not have this part of the interface (a word of ``messages.PARTS``)."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.reason = Said(f"被测方不提供 {part}", f"the side under test does not offer {part}")


class Subject(Protocol):
    """What cases are tried on. ``steps`` is what was done since ``begin``, a line each."""

    steps: list[str]

    def begin(self) -> None: ...

    async def demand(self, part: str) -> None:
        """Raises ``NotOffered``."""


S = TypeVar("S", bound=Subject)
Work = Callable[[S], Awaitable[Said]]


@dataclass(frozen=True, slots=True)
class Case(Generic[S]):
    """``number`` begins with its group; ``part`` is the part of the interface it needs, if it is one."""

    number: str
    title: Said
    expected: Said
    part: str
    work: Work[S]

    @property
    def group(self) -> str:
        return self.number.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one case; ``came`` is the reason where nothing could be tried."""

    side: Side
    number: str
    group: str
    title: Said
    expected: Said
    outcome: Outcome
    came: Said
    done: tuple[str, ...]
    seconds: float


def case(
    number: str, title: tuple[str, str], expected: tuple[str, str], part: str = ""
) -> Callable[[Work[S]], Case[S]]:
    """Make a case of a coroutine function; texts are Chinese and English."""

    def made(work: Work[S]) -> Case[S]:
        return Case(number, Said(*title), Said(*expected), part, work)

    return made


async def run_cases(
    side: Side, cases: Sequence[Case[S]], subject: S, told: Callable[[Finding], None]
) -> list[Finding]:
    """Try the cases in this order; ``told`` hears of each as soon as it is done.

    The findings are in the order of their numbers.
    """
    findings = []
    for each in cases:
        subject.begin()
        began = time.monotonic()
        outcome, came = await _tried(each, subject)
        seconds = time.monotonic() - began
        finding = Finding(
            side, each.number, each.group, each.title, each.expected, outcome, came, tuple(subject.steps), seconds
        )
        findings.append(finding)
        told(finding)
    return sorted(findings, key=lambda finding: [int(part) for part in finding.number.split(".")])


async def _tried(each: Case[S], subject: S) -> tuple[Outcome, Said]:
    try:
        async with asyncio.timeout(_CASE_SECONDS):
            if each.part:
                await subject.demand(each.part)
            return Outcome.PASSED, await each.work(subject)
    except Failed as failure:
        return Outcome.FAILED, failure.came
    except NotOffered as absence:
        return Outcome.NOT_OFFERED, absence.reason
    except Skipped as skip:
        return Outcome.SKIPPED, skip.reason
    except TimeoutError:
        return Outcome.FAILED, Said(f"{_CASE_SECONDS:.0f} 秒内未结束", f"no end within {_CASE_SECONDS:.0f} s")
    except Exception as error:
        # Bytes that nobody expected must not end the test of everything else; the log says where they hurt.
        log.exception("docking_case_broken", number=each.number)
        words = f"{type(error).__name__}: {error}"
        return Outcome.FAILED, Said(f"用例中断 {words}", f"the case broke off by {words}")
