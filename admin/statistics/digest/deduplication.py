"""Resolutions without repetitions (去重): who asks again within a minute is counted once."""

from __future__ import annotations

from collections.abc import Iterator

from admin.statistics.digest.day import PAIR_BITS, Day


def first_asked(day: Day, seconds: int) -> Iterator[int]:
    """The rows whose client was not counted for the same identifier in so many seconds before.

    The window begins with a resolution that counts, not with each repetition: who asks all day long is counted once
    a window. Nothing is remembered for longer than two windows.
    """
    window = seconds * 1_000_000
    counted: dict[int, int] = {}
    counted_before: dict[int, int] = {}
    turn = 0
    for row, (at, client, identifier) in enumerate(zip(day.at, day.client, day.identifier, strict=True)):
        if at >= turn:
            counted_before = counted if at < turn + window else {}
            counted = {}
            turn = at + window
        pair = client << PAIR_BITS | identifier
        if at - counted.get(pair, counted_before.get(pair, -window)) >= window:
            counted[pair] = at
            yield row
