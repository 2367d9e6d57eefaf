"""All kinds of conspicuous resolutions, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from admin.statistics.digest.day import Day
from admin.statistics.digest.flags.bot import bot
from admin.statistics.digest.flags.burst import burst
from admin.statistics.digest.flags.concentration import concentration
from admin.statistics.digest.flags.metronome import metronome
from admin.statistics.digest.flags.own_tenant import own_tenant
from admin.statistics.digest.flags.sequential_walk import sequential_walk
from admin.statistics.digest.flags.source_share import source_share
from admin.statistics.digest.rule import DigestRule

FLAGS: dict[str, Callable[[Day, DigestRule], Iterable[int]]] = {
    "own_tenant": own_tenant,
    "source_share": source_share,
    "sequential_walk": sequential_walk,
    "metronome": metronome,
    "concentration": concentration,
    "burst": burst,
    "bot": bot,
}
"""By name the function that finds the rows; a row may be found more than once."""

FLAG_TITLES: dict[str, tuple[str, str]] = {
    "own_tenant": ("自解析", "an enterprise resolves its own identifiers"),
    "source_share": ("来源集中", "one source network has a large part of the day"),
    "sequential_walk": ("顺序遍历", "identifiers asked in the order of their numbers"),
    "metronome": ("等间隔", "asked as regularly as a clock"),
    "concentration": ("标识集中", "a few identifiers have nearly all resolutions of their prefix"),
    "burst": ("突发集中", "many within a minute from few sources"),
    "bot": ("已知爬虫", "a known bot"),
}
"""What people read, Chinese and English."""
