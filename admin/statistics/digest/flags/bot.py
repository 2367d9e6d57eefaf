"""A known bot asks (已知爬虫)."""

from __future__ import annotations

from collections.abc import Iterator

from admin.statistics.digest.day import Day
from admin.statistics.digest.rule import DigestRule
from node.resolutions import BOT


def bot(day: Day, _rule: DigestRule) -> Iterator[int]:
    """The rows marked as a bot's when they were counted: by User-Agent or network."""
    for row, mark in enumerate(day.marks):
        if mark & BOT:
            yield row
