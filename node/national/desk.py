"""One turn of each loop of the steward.

What needs a key pair rests until there is one, a duty until the node above offers what it needs.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog
from prometheus_client import Gauge

from node.database import Pool, database_errors
from node.national import outbox
from node.national.admission import Admission
from node.national.client import NationalClient
from node.national.counts import counts_waiting, state_counts
from node.national.delivery import Courier
from node.national.docking import Docking
from node.national.duties import Duty
from node.national.link import LinkState
from node.national.messages import LONGEST_WAIT, Heartbeat, Offers, encode
from node.national.transport import Transport
from node.national.verdicts import ApplyVerdict, apply_new_verdicts
from node.sql import statements_beside

log = structlog.get_logger("national")

Clock = Callable[[], datetime]
Turn = Callable[[], Awaitable[float]]
"""One turn of a loop; returns the seconds until the next."""

WAITING = Gauge("biaoshi_outbox_waiting", "Messages waiting in the outbox", multiprocess_mode="livemostrecent")
LAG = Gauge(
    "biaoshi_outbox_lag_seconds", "Age of the oldest waiting message, 0 for none", multiprocess_mode="livemostrecent"
)

COUNTS_WAITING = Gauge(
    "biaoshi_counts_waiting",
    "Hours and days whose newest count the node above does not know",
    multiprocess_mode="livemostrecent",
)

_SQL = statements_beside(__file__)
_IDLE_SECONDS = 0.25
_NOT_YET_SECONDS = 0.5
_ACCESS_SECONDS = 60.0
_OFFERS_SECONDS = 300.0
_WATCH_SECONDS = 5.0
_NOTE_SECONDS = 1.0
_CONTACT_SECONDS = 15.0
_CERTIFICATE_SECONDS = 30.0
_PURGE_SECONDS = 600.0


class ReportingDesk:
    """One turn of each loop that talks to the national node; returns the seconds until the next."""

    def __init__(
        self,
        pool: Pool,
        docking: Docking,
        client: NationalClient,
        transport: Transport,
        admission: Admission | None,
        courier: Courier,
        apply_verdict: ApplyVerdict,
        version: str,
        clock: Clock,
        started: datetime,
    ) -> None:
        self._pool = pool
        self._docking = docking
        self._client = client
        self._transport = transport
        self._admission = admission
        self._courier = courier
        self._apply_verdict = apply_verdict
        self._version = version
        self._clock = clock
        self._started = started
        self._offers: Offers | None = None
        self._noted = LinkState()

    def loops(self, duties: Sequence[Duty]) -> dict[str, Turn]:
        """By name; what needs a key pair rests until there is one."""
        with_access = {"deliver": self.deliver, "beat": self.beat, "count": self.count, "poll": self.poll}
        return {
            "access": self.access,
            "offers": self.offers,
            "certificate": self.certificate,
            "note": self.note,
            **{name: functools.partial(self.with_access, turn) for name, turn in with_access.items()},
            **{
                duty.name: functools.partial(self.with_access, functools.partial(self.do_duty, duty))
                for duty in duties
            },
        }

    async def with_access(self, turn: Turn) -> float:
        return await turn() if self._client.credentials.granted else _NOT_YET_SECONDS

    async def access(self) -> float:
        credentials = self._client.credentials
        await credentials.load()
        if not credentials.granted:
            assert self._admission is not None  # run_steward has seen to it
            return await self._admission.turn(self._client)
        if credentials.due and self._offers is None:
            return _NOT_YET_SECONDS
        if credentials.due and self._offered("keys"):
            await self._client.replace_key()
        return _ACCESS_SECONDS

    async def offers(self) -> float:
        offers = await self._client.offers()
        if offers != self._offers:
            self._offers = offers
            log.info("offers_known", name=offers.name, prefix=offers.prefix, parts=offers.parts)
            with database_errors():
                await self._pool.execute(_SQL["note_offers"], encode(offers).decode())
        return _OFFERS_SECONDS

    async def certificate(self) -> float:
        await asyncio.to_thread(self._transport.renew)
        return _CERTIFICATE_SECONDS

    async def do_duty(self, duty: Duty) -> float:
        return await duty.turn(self._client) if self._offered(duty.part) else _NOT_YET_SECONDS

    async def deliver(self) -> float:
        return 0.0 if await self._courier.round() else _IDLE_SECONDS

    async def beat(self) -> float:
        sender, at = await outbox.sender(self._pool), self._clock()
        await self._client.beat(
            Heartbeat(
                node=sender.node_id,
                laboratory=sender.laboratory,
                state="running",
                version=self._version,
                uptime_seconds=max(0, int((at - self._started).total_seconds())),
                backlog=await outbox.backlog(self._pool),
                at=at,
            )
        )
        return self._docking.heartbeat_seconds

    async def count(self) -> float:
        more = await state_counts(self._pool, self._client, self._clock())
        return 0.0 if more else self._docking.count_seconds

    async def poll(self) -> float:
        more = await apply_new_verdicts(self._pool, self._client, self._apply_verdict, LONGEST_WAIT)
        return 0.0 if more else self._docking.poll_seconds

    async def note(self) -> float:
        """What other processes and operators see of the link; the time of the last contact roughly."""
        now, known = self._client.link.state, self._noted
        if now.failing_since == known.failing_since and now.last_error == known.last_error:
            if now.last_contact_at == known.last_contact_at:
                return _NOTE_SECONDS
            since = (now.last_contact_at, known.last_contact_at)
            if since[0] and since[1] and abs((since[0] - since[1]).total_seconds()) < _CONTACT_SECONDS:
                return _NOTE_SECONDS
        with database_errors():
            await self._pool.execute(_SQL["note_link"], now.last_contact_at, now.failing_since, now.last_error)
        self._noted = now
        return _NOTE_SECONDS

    def _offered(self, part: str) -> bool:
        return self._offers is not None and part in self._offers.parts


async def watch(pool: Pool, clock: Clock) -> float:
    """Look at the backlog, for the metrics."""
    began = time.monotonic()
    since = await outbox.waiting_since(pool)
    LAG.set(max(0.0, (clock() - since).total_seconds()) if since else 0)
    WAITING.set(await outbox.backlog(pool))
    COUNTS_WAITING.set(await counts_waiting(pool))
    # Counting a long backlog is work too: at most a twentieth of the time goes into it.
    return max(_WATCH_SECONDS, 20 * (time.monotonic() - began))


async def purge(pool: Pool, clock: Clock, kept: timedelta) -> float:
    """Remove what was delivered longer ago than this."""
    return 0.0 if await outbox.purge(pool, clock() - kept) else _PURGE_SECONDS
