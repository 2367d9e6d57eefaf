"""The statistics behind a real HTTP server, and a node with something to tell: two enterprises, three days."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import aiohttp
from aiohttp import web

from admin.statistics.digest.digest import digest_day, to_json
from admin.statistics.digesting import SQL as DIGESTING
from admin.statistics.monitoring import Monitoring
from admin.statistics.monitoring_routes import monitoring_routes
from admin.statistics.rollup import sum_all
from admin.statistics.routes import statistics_routes
from admin.statistics.rules import definition_of, record_rule, rule_of
from admin.statistics.statistics import Statistics
from node.auth import Account
from node.config import FlagSettings
from node.errors import Unauthenticated
from node.founding import found
from node.journal import Interface
from node.rate_limit import RateLimit
from node.resolutions import Outcome, tenant_of
from node.web import WebSettings, make_app
from resolver.counting.event_format import Event
from tests.support.counting import MINUTE_DAYS, at, write
from tests.support.office import Office

TODAY = date(2026, 3, 2)
"""Of an office."""
YESTERDAY = TODAY - timedelta(days=1)
EARLIER = TODAY - timedelta(days=3)


class Nobody(Unauthenticated):
    title_zh = "测试中没有此人"


@dataclass(frozen=True)
class Got:
    """One answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def items(self) -> list[dict[str, Any]]:
        assert self.status == 200, self.body
        return list(self.json["items"])


@dataclass
class Desk:
    """Asks the statistics as somebody; ``ticks`` is the time that the public figures grow old by."""

    office: Office
    people: dict[str, Account] = field(default_factory=dict)
    ticks: float = 0.0
    url: str = ""
    session: aiohttp.ClientSession | None = None

    async def __call__(
        self, path: str, who: Account | None = None, headers: Mapping[str, str] | None = None, /, **query: Any
    ) -> Got:
        assert self.session is not None
        sent = dict(headers or {})
        if who is not None:
            self.people[str(who.account_id)] = who
            sent["Authorization"] = f"Bearer {who.account_id}"
        words = {name: str(value) for name, value in query.items()}
        async with self.session.get(self.url + path, params=words, headers=sent) as answer:
            return Got(answer.status, answer.headers, await answer.read())

    async def authenticate(self, token: str) -> Account:
        if token not in self.people:
            raise Nobody("nobody has this token")
        return self.people[token]


async def founded(office: Office, database_url: str, *, laboratory: bool = False) -> None:
    """The node stands since some days, with its first rule."""
    await found(database_url, laboratory=laboratory, at=at(EARLIER))
    await record_rule(office.pool, definition_of((), FlagSettings(), b""), at(EARLIER))


@asynccontextmanager
async def open_desk(office: Office, *, burst: int = 1000) -> AsyncIterator[Desk]:
    """The statistics on a port of the loopback."""
    desk = Desk(office)
    limit = RateLimit(per_minute=60, burst=burst, most_sources=10, clock=lambda: desk.ticks)
    monitoring = Monitoring(office.pool, office.clock, lambda: desk.ticks)
    routes = [
        *statistics_routes(Statistics(office.pool, office.clock)),
        *monitoring_routes(monitoring, limit),
    ]
    app = make_app(routes, authenticate=desk.authenticate, settings=WebSettings(log_requests=False))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as desk.session:
        desk.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield desk
    await runner.cleanup()


def asked(
    day: date, suffix: str, second: float, *, prefix: str, client: int = 1,
    interface: Interface = Interface.HANDLE_JSON, outcome: Outcome = Outcome.HIT, tenant: int = 0, micros: int = 100,
) -> Event:  # fmt: skip
    """One event, so many seconds after ten o'clock; a client's network is its number in tens."""
    moment = at(day, 10) + timedelta(seconds=second)
    return Event(
        at=round(moment.timestamp() * 1_000_000), boot=_BOOT, position=round(second * 1000), prefix=prefix,
        suffix=suffix, interface=interface, outcome=outcome, client=client, network=client // 10, tenant=tenant,
        micros=micros, marks=0,
    )  # fmt: skip


_BOOT, _RECORDER = UUID(int=1), UUID(int=2)


async def book(
    office: Office,
    day: date,
    events: Iterable[Event],
    holders: Mapping[str, UUID] | None = None,
    *,
    digested: bool = True,
) -> None:
    """Events as they are counted and, unless told otherwise, digested (all that there are of the day)."""
    events = list(events)
    counted: dict[tuple[datetime, tuple[str, Interface, Outcome]], int] = {}
    for event in events:
        minute = at(day) + timedelta(minutes=(event.at // 1_000_000 - int(at(day).timestamp())) // 60)
        key = minute, (event.prefix, Interface(event.interface), Outcome(event.outcome))
        counted[key] = counted.get(key, 0) + 1
    await write(office.pool, counted)
    await sum_all(office.pool, office.clock(), minute_days=MINUTE_DAYS)
    if not digested:
        return
    async with office.pool.acquire() as connection:
        rule = await rule_of(connection, day)
        assert rule is not None
        tenants = {prefix: tenant_of(enterprise_id) for prefix, enterprise_id in (holders or {}).items()}
        digests = sorted(digest_day(events, rule.digest, tenants).items())
        await connection.execute(
            DIGESTING["keep_digests"], _RECORDER, day, rule.version, office.clock(),
            [prefix for prefix, _ in digests],
            [digest.raw for _, digest in digests],
            [to_json(digest) for _, digest in digests],
            [digest.clients for _, digest in digests],
            [digest.identifiers for _, digest in digests],
        )  # fmt: skip
