"""The connections that ask until a change shows end when they are told to."""

from __future__ import annotations

import asyncio

import pytest

from loadtest.freshness import Answer, Watcher

ANSWER = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"


class _Nowhere:
    def write(self, data: bytes) -> None:
        """Whatever is asked goes nowhere."""


async def test_who_asks_ends_although_the_answer_comes_at_the_same_moment() -> None:
    reader = asyncio.StreamReader()
    watcher = Watcher(reader, _Nowhere())  # type: ignore[arg-type]
    asking = asyncio.create_task(watcher.ask("/"))
    await asyncio.sleep(0)
    reader.feed_data(ANSWER)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await watcher.ask("/") == Answer(404, b"{}")
