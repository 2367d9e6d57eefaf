"""Waiting that ends at a signal, at its time, or with whoever waits.

``asyncio.wait_for`` will not do in a loop under a deadline: on Python 3.11 it drops a cancellation that arrives in
the same turn as what it waits for, and the loop outlives its deadline.
"""

from __future__ import annotations

import asyncio


async def pause(signal: asyncio.Event, seconds: float) -> bool:
    """Wait so many seconds, or until the signal; whether it has come. A time of 0 still lets other tasks run once."""
    try:
        async with asyncio.timeout(seconds):
            return await signal.wait()
    except TimeoutError:
        return signal.is_set()
