"""Type is set by a process of its own: the same bytes for the same input, with bounds, and texts are no markup."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from admin.typesetting import Typesetter, TypesettingBusy, TypesettingFailed, TypesettingTooLong
from node.fonts import FontMissing

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
SOURCE = """#set text(font: json(bytes(sys.inputs.families)))
#let data = json(bytes(sys.inputs.data))
#for line in data [#par(line)]"""
LINES = {"data": json.dumps(["中文", '#panic("x") *b* $x$', ']#read("/etc/passwd")['], ensure_ascii=False)}
SLOW = """#let spin(n) = if n == 0 { 0 } else { calc.rem(spin(n - 1) + n, 7) }
#let total = 0
#for i in range(10000000) { total += spin(40) + i }
#total"""


async def test_the_same_input_gives_the_same_bytes_and_another_moment_others() -> None:
    one, two = Typesetter(None, 60), Typesetter(None, 60)
    made = await one.pdf(SOURCE, LINES, at=AT)
    assert made.startswith(b"%PDF-")
    assert await two.pdf(SOURCE, LINES, at=AT) == made
    assert await one.pdf(SOURCE, LINES, at=AT.replace(day=22)) != made


async def test_a_source_that_is_wrong_is_told_with_its_reason() -> None:
    with pytest.raises(TypesettingFailed, match="unknown variable: nowhere"):
        await Typesetter(None, 60).pdf("#nowhere", {}, at=AT)


async def test_no_file_beside_the_fonts_can_be_read() -> None:
    for path in ("/etc/passwd", "../../../etc/passwd"):
        with pytest.raises(TypesettingFailed):
            await Typesetter(None, 60).pdf(f'#read("{path}")', {}, at=AT)


async def test_memory_has_a_bound() -> None:
    with pytest.raises(TypesettingFailed, match="memory allocation"):
        await Typesetter(None, 60).pdf("#let x = ()\n#while x.len() >= 0 { x.push(range(100000)) }", {}, at=AT)


async def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(TypesettingTooLong) as refused:
        await Typesetter(None, 0.7).pdf(SLOW, {}, at=AT)
    assert refused.value.evidence == {"limit_seconds": 0.7}


async def test_only_so_many_wait() -> None:
    typesetter = Typesetter(None, 60)
    tasks = [asyncio.create_task(typesetter.pdf(SLOW, {}, at=AT)) for _ in range(10)]
    await asyncio.sleep(0)
    with pytest.raises(TypesettingBusy):
        await typesetter.pdf(SOURCE, LINES, at=AT)
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert (await typesetter.pdf(SOURCE, LINES, at=AT)).startswith(b"%PDF-")


async def test_fonts_that_are_missing_are_looked_for_again(tmp_path: Path) -> None:
    typesetter = Typesetter(tmp_path, 60)
    for _ in range(2):
        with pytest.raises(FontMissing):
            await typesetter.pdf(SOURCE, LINES, at=AT)
