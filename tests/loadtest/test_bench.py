"""``make bench``: every part it names has a short form, and one that fails is told and stops nothing."""

from __future__ import annotations

import importlib
import inspect

import pytest

from loadtest.bench import PARTS, bench


@pytest.mark.parametrize("part", PARTS)
def test_a_part_has_a_short_form(part: str) -> None:
    assert inspect.iscoroutinefunction(importlib.import_module(f"loadtest.bench_{part}").short)


async def test_a_part_that_fails_is_told_with_its_last_words() -> None:
    rows, failures = await bench(["of_nothing"])
    assert rows == []
    assert len(failures) == 1
    assert "loadtest.bench_of_nothing" in failures[0]
