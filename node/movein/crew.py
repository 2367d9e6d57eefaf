"""Several identifiers at a time, never more than the other node can bear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
AT_ONCE = 8


async def each(items: AsyncIterable[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Work on all of them, ``AT_ONCE`` at a time; the first failure ends everything and is raised."""
    waiting: asyncio.Queue[T | None] = asyncio.Queue(AT_ONCE)

    async def hand_out() -> None:
        async for item in items:
            await waiting.put(item)
        for _ in range(AT_ONCE):
            await waiting.put(None)

    async def hand() -> None:
        while (item := await waiting.get()) is not None:
            await work(item)

    hands = [asyncio.create_task(one) for one in (hand_out(), *(hand() for _ in range(AT_ONCE)))]
    try:
        await asyncio.gather(*hands)
    finally:
        for task in hands:
            task.cancel()
        await asyncio.gather(*hands, return_exceptions=True)
