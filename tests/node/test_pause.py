import asyncio

import pytest

from node.pause import pause


async def _never_ending_after(signal: asyncio.Event) -> None:
    await pause(signal, 60)
    await asyncio.Event().wait()


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancellation_that_meets_the_signal_is_not_lost(turns: int) -> None:
    signal = asyncio.Event()
    waiting = asyncio.create_task(_never_ending_after(signal))
    await asyncio.sleep(0)
    signal.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel()
    done, _ = await asyncio.wait({waiting}, timeout=5)
    assert done, "it went on waiting"


async def test_a_pause_says_whether_the_signal_came() -> None:
    signal = asyncio.Event()
    assert not await pause(signal, 0.001)
    asyncio.get_running_loop().call_soon(signal.set)
    assert await pause(signal, 60)
    assert await pause(signal, 0)


async def test_a_pause_without_length_lets_others_run() -> None:
    seen = []
    asyncio.get_running_loop().call_soon(seen.append, "the other")
    assert not await pause(asyncio.Event(), 0)
    assert seen == ["the other"]
