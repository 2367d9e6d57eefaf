"""What the database does for a statement, as EXPLAIN (ANALYZE, FORMAT JSON) tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def steps_on(table: str, explained: str) -> list[dict[str, Any]]:
    """The steps that read a table."""
    return [step for step in _steps(json.loads(explained)[0]["Plan"]) if step.get("Relation Name") == table]


def rows_read(step: dict[str, Any]) -> float:
    """How many rows it looked at, over all its loops."""
    return float((step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) * step["Actual Loops"])


def _steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _steps(below)
