"""What every bench says of itself in one form: a path, its cost, what stands beside it, and whether the goal is met.

A bench that has a short form offers ``async def short() -> list[Row]``, which measures within a minute or two and
prints nothing; ``loadtest/bench.py`` runs them all and makes one table.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_GOAL = re.compile(r"([≤≥]) ([\d.,]+)(x?)")
_HEAD = ("path", "ours", "unit", "beside", "theirs", "ratio", "goal", "met")


@dataclass(frozen=True, slots=True)
class Row:
    """One path. ``ours`` in ``unit``; ``beside`` says what was measured in turns with it, ``theirs`` its figure.

    ``goal`` is "≤ 3.5x" or "≥ 4x" of the ratio, "≤ 50" or "≥ 60,000" of ours, or empty: none was set.
    """

    path: str
    ours: float
    unit: str
    beside: str = ""
    theirs: float | None = None
    goal: str = ""

    def __post_init__(self) -> None:
        if self.goal and (not _GOAL.fullmatch(self.goal) or (self.goal.endswith("x") and not self.theirs)):
            raise ValueError(f"not a goal for this row: {self.goal!r}")

    @property
    def ratio(self) -> float | None:
        """Ours divided by theirs."""
        return self.ours / self.theirs if self.theirs else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is; ``None`` without one."""
        told = _GOAL.fullmatch(self.goal)
        if told is None:
            return None
        judged = self.ratio if told[3] else self.ours
        assert judged is not None, "a goal for the ratio has something beside it"
        bound = float(told[2].replace(",", ""))
        return judged <= bound if told[1] == "≤" else judged >= bound

    def cells(self) -> tuple[str, ...]:
        """As ``_HEAD``, for people."""
        met = {True: "yes", False: "**no**", None: "–"}[self.met]
        ratio = "–" if self.ratio is None else f"{self.ratio:.2f}"
        return (
            self.path, _figure(self.ours), self.unit,
            self.beside or "–", _figure(self.theirs), ratio, self.goal or "–", met,
        )  # fmt: skip

    def facts(self) -> dict[str, str | float | bool | None]:
        """As ``_HEAD``, for programs."""
        told = (self.path, self.ours, self.unit, self.beside, self.theirs, self.ratio, self.goal, self.met)
        return dict(zip(_HEAD, told, strict=True))


def as_markdown(rows: Iterable[Row]) -> str:
    """One table, columns aligned."""
    cells: list[Sequence[str]] = [_HEAD, *(row.cells() for row in rows)]
    widths = [max(_width(line[at]) for line in cells) for at in range(len(_HEAD))]
    lines = [
        "| " + " | ".join(cell + " " * (wide - _width(cell)) for cell, wide in zip(line, widths, strict=True)) + " |"
        for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def as_csv(rows: Iterable[Row]) -> str:
    """With a heading; an absent figure is empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _HEAD, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.facts() for row in rows)
    return out.getvalue()


def as_json(rows: Iterable[Row]) -> str:
    """An array of objects."""
    return json.dumps([row.facts() for row in rows], ensure_ascii=False, indent=1)


def from_json(text: str) -> list[Row]:
    """What ``as_json`` made."""
    return [Row(*(told[name] for name in _HEAD if name not in ("ratio", "met"))) for told in json.loads(text)]


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _width(text: str) -> int:
    """Columns of a terminal: Chinese characters take two."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)
