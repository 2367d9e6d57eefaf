"""Events with the node above absent, killed and flaky in turn, and our steward killed at any moment: each is counted
there exactly once, in order per prefix.

In the suite some thousands of events and a dozen kills; ``make soak`` takes 50,000 and 200.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from mocknational.faults import NO_FAULTS, Faults
from tests.support.docking import DockedNode, kill, until
from tests.support.docking_fixtures import session, upper, world
from tests.system.test_demo import free_port

__all__ = ["session", "upper", "world"]

pytestmark = pytest.mark.system

PREFIXES = [f"88.101.{number}" for number in range(1, 21)]
FLAKY = Faults(reject_share=0.05, busy_share=0.05, repeat_share=0.05, drop_share=0.05, wrong_signature_share=0.02)
_ONCE = 50


async def report_events(pool: asyncpg.Pool, first: int, count: int) -> None:
    """Summaries as registration writes them, numbered per prefix, some in each transaction."""
    for start in range(first, first + count, _ONCE):
        await pool.execute(
            "INSERT INTO outbox (message_id, stream, kind, body, created_at)"
            " SELECT gen_random_uuid(), 'registration', 'registration.summary', jsonb_build_object("
            "  'prefix', p.prefix, 'registered', 1, 'updated', n % 3, 'deleted', 0, 'number', n), now()"
            " FROM generate_series($1::int, $2::int) n,"
            " LATERAL (SELECT ($3::text[])[n % cardinality($3::text[]) + 1] AS prefix) p ORDER BY n",
            start, min(start + _ONCE, first + count) - 1, PREFIXES,
        )  # fmt: skip


class Weather:
    """The node above as a process, in whatever state."""

    def __init__(self, world: DockedNode, port: int, session: aiohttp.ClientSession, rng: random.Random) -> None:
        self._world = world
        self._port = port
        self._session = session
        self._rng = rng
        self._mock: asyncio.subprocess.Process | None = None
        self._coming: list[str] = []
        self.seen: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def change(self) -> None:
        """To another kind of day; each comes as often as the others."""
        kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "absent": self.end,
            "killed": self._killed,
            "flaky": lambda: self._switch(FLAKY),
            "stopped": lambda: self._switch(Faults(stopped=True)),
            "fine": lambda: self._switch(NO_FAULTS),
        }
        if not self._coming:
            self._coming = self._rng.sample(list(kinds), len(kinds))
        kind = self._coming.pop()
        self.seen.add(kind)
        await kinds[kind]()

    async def clear(self) -> None:
        """A fine day, for good."""
        await self._switch(NO_FAULTS)

    async def end(self) -> None:
        if self._mock is not None:
            await kill(self._mock)
            self._mock = None

    async def _killed(self) -> None:
        await self.end()
        self._mock = await self._world.start_mock(self._port, FLAKY)

    async def _switch(self, faults: Faults) -> None:
        if self._mock is None:
            self._mock = await self._world.start_mock(self._port, NO_FAULTS)
        wanted = {name: getattr(faults, name) for name in faults.__struct_fields__}
        async with self._session.put(f"{self.url}/faults", json=wanted) as answer:
            assert answer.status == 200, await answer.text()


@pytest.fixture
async def weather(world: DockedNode, session: aiohttp.ClientSession) -> AsyncIterator[Weather]:
    weather = Weather(world, free_port(), session, random.Random(4711))
    yield weather
    await weather.end()


async def test_every_event_is_counted_above_exactly_once_and_in_order_per_prefix(
    world: DockedNode, upper: asyncpg.Connection, weather: Weather, pytestconfig: pytest.Config
) -> None:
    events, kills = pytestconfig.getoption("link_events"), pytestconfig.getoption("link_kills")
    rng = random.Random(42)
    share = -(-events // kills)
    await world.report_enterprise(uuid4())
    reported = 0
    for _ in range(kills):
        steward = await world.start_steward(weather.url)
        await weather.change()
        count = min(share, events - reported)
        writing = asyncio.create_task(report_events(world.pool, reported, count))
        await asyncio.sleep(rng.uniform(0.02, 0.6))
        await kill(steward)
        await writing
        reported += count
    await weather.clear()
    steward = await world.start_steward(weather.url)

    async def nothing_waits() -> bool:
        return await world.waiting() == 0

    await until(nothing_waits, seconds=60 + events / 500)
    await kill(steward)
    assert weather.seen == {"absent", "killed", "flaky", "stopped", "fine"}
    await counted_exactly_once(upper, events)


async def counted_exactly_once(upper: asyncpg.Connection, events: int) -> None:
    """What the node above keeps and what it added up."""
    row = await upper.fetchrow(
        "SELECT count(*) AS kept, count(DISTINCT body::jsonb->'number') AS numbers FROM docked_message"
        " WHERE kind = 'registration.summary'"
    )
    assert (row["kept"], row["numbers"]) == (events, events)
    sums = await upper.fetchrow(
        "SELECT sum(registered) AS registered, sum(updated) AS updated FROM docked_registration"
    )
    assert (sums["registered"], sums["updated"]) == (events, sum(number % 3 for number in range(events)))
    disordered = await upper.fetchval(
        "SELECT count(*) FROM (SELECT (body::jsonb->>'number')::int AS number, lag((body::jsonb->>'number')::int)"
        "  OVER (PARTITION BY body::jsonb->>'prefix' ORDER BY arrival) AS before FROM docked_message"
        "  WHERE kind = 'registration.summary') AS came WHERE number <= before"
    )
    assert disordered == 0
    assert await upper.fetchval("SELECT coalesce(sum(disordered), 0) FROM docked_stream") == 0
