"""Known bots by what their User-Agent says: crawlers, tools that load pages for others, watchers of sites.

A program that resolves on purpose is none, whatever library it uses. What is marked still counts as a resolution; it
is flagged.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from node.resolutions import BOT

_HEADERS = 4096
_LONGEST = 512

WORDS = tuple(
    line
    for line in Path(__file__).with_name("bots.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)
"""Parts of the User-Agent of known bots, in lower case."""

_BOTS = re.compile("|".join(map(re.escape, WORDS)))


def marks_of(user_agent: str) -> int:
    """``BOT`` for a known bot, else 0; nothing is known of who does not say what he is."""
    return _marks(user_agent[:_LONGEST])


@lru_cache(_HEADERS)
def _marks(user_agent: str) -> int:
    return BOT if _BOTS.search(user_agent.lower()) else 0
