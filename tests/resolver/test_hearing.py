"""A burst of notices is heard whole, in its order, and in no turn of the loop more than a little of it."""

from __future__ import annotations

import asyncio

from node.notices import Notice, NoticeKind
from resolver.hearing import MOST_AT_ONCE, MOST_WAITING, Hearing

PREFIX = Notice(NoticeKind.PREFIX, "88.101.1")
ADDITIONS = Notice(NoticeKind.ADDITIONS, "88.101.2")


def changed(first: int, count: int) -> Notice:
    return Notice(NoticeKind.IDENTIFIERS, "88.101.1", tuple(map(str, range(first, first + count))))


class _Heard:
    """Everything that was heard, ``None`` for "unknown", by turns of the loop."""

    def __init__(self) -> None:
        self.turns: list[list[Notice | None]] = [[]]
        self.hearing = Hearing(self._hear, lambda: self._hear(None))

    def _hear(self, notice: Notice | None) -> None:
        self.turns[-1].append(notice)

    async def to_the_end(self) -> None:
        while self.turns[-1] or len(self.turns) == 1:
            self.turns.append([])
            await asyncio.sleep(0)
        self.turns.pop()

    @property
    def all(self) -> list[Notice | None]:
        return [notice for turn in self.turns for notice in turn]


async def test_what_changes_alone_is_heard_at_once() -> None:
    heard = _Heard()
    notices = [changed(0, 1), PREFIX, changed(1, MOST_AT_ONCE - 3), ADDITIONS]
    for notice in notices:
        heard.hearing.take(notice)
    assert heard.all == notices


async def test_many_short_notices_of_one_turn_are_a_burst_as_well() -> None:
    heard = _Heard()
    burst = [changed(first, 90) for first in range(0, 900, 90)]
    for notice in burst:
        heard.hearing.take(notice)
    await heard.to_the_end()
    assert heard.all == burst
    assert max(map(len, heard.turns)) == MOST_AT_ONCE // 90


async def test_a_burst_is_heard_in_its_order_a_little_in_each_turn() -> None:
    heard = _Heard()
    burst = [changed(0, 650), PREFIX, changed(650, 650), changed(1300, 3), ADDITIONS]
    for notice in burst:
        heard.hearing.take(notice)
    await heard.to_the_end()
    names = [name for notice in heard.all if notice is not None for name in notice.suffix_keys]
    assert names == list(map(str, range(1303)))
    assert heard.all.index(PREFIX) < heard.all.index(ADDITIONS) == len(heard.all) - 1
    told = [sum(len(notice.suffix_keys) for notice in turn if notice is not None) for turn in heard.turns]
    assert max(told) <= MOST_AT_ONCE
    assert len(told) >= 1303 / MOST_AT_ONCE


async def test_behind_too_many_everything_counts_as_changed() -> None:
    heard = _Heard()
    for first in range(0, MOST_WAITING + 2_000, 1_000):
        heard.hearing.take(changed(first, 1_000))
    assert heard.all.count(None) == 1
    await heard.to_the_end()
    last = heard.all[-1]
    assert last is not None
    assert last.suffix_keys[-1] == str(MOST_WAITING + 1_999)  # what came after it is heard by its names again


async def test_notices_of_whole_prefixes_are_bounded_as_well() -> None:
    heard = _Heard()
    for _ in range(MOST_WAITING + 2 * MOST_AT_ONCE):
        heard.hearing.take(PREFIX)
    assert heard.all.count(None) == 1
