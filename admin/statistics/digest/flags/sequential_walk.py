"""A client asks for identifiers in the order of their numbers (顺序遍历)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from admin.statistics.digest.day import Day
from admin.statistics.digest.rule import DigestRule

_LAST_NUMBER = re.compile(r"(.*[^0-9]|)([0-9]+)([^0-9]*)", re.DOTALL)


@dataclass(slots=True)
class _Run:
    """Identifiers alike but for their number, each higher than the one before (``rising``) or each lower; the last
    ``repeated`` rows ask for the same one."""

    number: int
    rows: list[int]
    rising: bool | None = None
    steps: int = 1
    repeated: int = 1


def sequential_walk(day: Day, rule: DigestRule) -> Iterator[int]:
    """The rows of every run of at least ``walk_steps`` identifiers that a client asked upwards or downwards.

    Gaps do not end a run, nor do repetitions, nor what the client asks in between under another prefix or with
    another spelling around the number: who walks slowly or through several lists at once walks all the same.
    """
    for rows in day.rows_of_clients(rule.walk_steps):
        runs: dict[tuple[int, str, str], _Run] = {}
        for row in rows:
            match = _LAST_NUMBER.fullmatch(day.suffixes[day.identifier[row]])
            if match is None:
                continue
            before, digits, behind = match.groups()
            key, number = (day.prefix[row], before, behind), int(digits)
            run = runs.get(key)
            if run is None:
                runs[key] = _Run(number, [row])
            elif not _goes_on(run, number, row):
                if run.steps >= rule.walk_steps:
                    yield from run.rows
                turned = [*run.rows[-run.repeated :], row]
                runs[key] = _Run(number, turned, rising=not run.rising, steps=2)
        for run in runs.values():
            if run.steps >= rule.walk_steps:
                yield from run.rows


def _goes_on(run: _Run, number: int, row: int) -> bool:
    """Whether this belongs to the run; it is taken into it then."""
    if number == run.number:
        run.repeated += 1
    else:
        rising = number > run.number
        if run.rising is not None and run.rising != rising:
            return False
        run.rising = rising
        run.number = number
        run.steps += 1
        run.repeated = 1
    run.rows.append(row)
    return True
