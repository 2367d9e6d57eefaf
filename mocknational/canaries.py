"""Canary resolutions: the national node resolves random identifiers of its nodes and remembers how many.

They come from an address that counts, by Handle (TCP) and by Handle JSON, so that a node's reports have to show
exactly these when nobody else asks. One that was asked and not answered is uncertain: the node may have counted it.
Around midnight of UTC+8 none is asked, for nobody could say on which day it counts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import quote

import aiohttp
import asyncpg
import msgspec
import structlog
from yarl import URL

from mocknational.store import SQL
from node.china_time import day_of
from node.database import AWAY, Connection, Pool
from node.errors import Conflict
from node.journal import Interface
from node.national.access import Site
from node.upper.standby import sample_names
from resolver.handle.bodies import ResolveRequest, encode_resolve
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.envelope import ENVELOPE_BYTES, HIGHEST, Envelope, WireFault, decode_envelope
from resolver.handle.message import UNKNOWN_SERIAL, Header, Message, decode_message, encode_message

log = structlog.get_logger("mock_national")

_SITES = msgspec.json.Decoder(list[Site])
_SECONDS = 5.0
_SAMPLE = 500
_MIDNIGHT = timedelta(seconds=5)
_MOST_AT_ONCE = 10_000
_KEPT = ("answered", "missed", "uncertain")


class NothingToResolve(Conflict):
    """Evidence: ``delegated_prefix``."""

    title_zh = "该节点没有可用于探测的标识或解析地址"


class AroundMidnight(Conflict):
    title_zh = "零点前后不做探测"


class _NoConnection(Exception):
    """Nobody was asked."""


@dataclass(frozen=True, slots=True)
class CanaryPlan:
    """``per_minute`` for each node, 0 for none of itself; ``source`` is the local address that they come from."""

    per_minute: float = 0.0
    source: str = "127.9.9.9"


class Canaries:
    """They fly when somebody asks for them, and by themselves as often as planned."""

    def __init__(self, pool: Pool, plan: CanaryPlan, clock: Callable[[], datetime], random: Random) -> None:
        self._pool = pool
        self._plan = plan
        self._clock = clock
        self._random = random

    async def run_for_ever(self) -> None:
        """One canary for each node, again and again; a plan of none does nothing."""
        while self._plan.per_minute:
            try:
                for row in await self._pool.fetch(SQL["canary_nodes"]):
                    await self._ask_if_possible(row["delegated_prefix"])
            except (*AWAY, asyncpg.PostgresError) as error:
                log.warning("canaries_wait_for_the_database", cause=type(error).__name__)
            await asyncio.sleep(60 / self._plan.per_minute)

    async def ask(self, delegated_prefix: str, count: int) -> dict[str, int]:
        """Resolve ``count`` random identifiers of a node; how many were answered, missed, uncertain and unasked.

        Raises ``NothingToResolve``, ``AroundMidnight``.
        """
        delegated_prefix = delegated_prefix.upper()
        async with self._pool.acquire(timeout=10) as connection:
            rows = await connection.fetch(SQL["canary_nodes"])
            sites = next((row["sites"] for row in rows if row["delegated_prefix"] == delegated_prefix), "[]")
            names = await sample_names(connection, delegated_prefix, _SAMPLE)
        doors = [
            door for door in _doors(_SITES.decode(sites)) if (":" in door[1].address) is (":" in self._plan.source)
        ]
        if not doors or not names:
            raise NothingToResolve(
                f"{delegated_prefix} named no address, or brought no standby records",
                delegated_prefix=delegated_prefix,
            )
        counted: Counter[tuple[date, Interface, str]] = Counter()
        try:
            async with aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(local_addr=(self._plan.source, 0)),
                timeout=aiohttp.ClientTimeout(total=_SECONDS),
            ) as session:
                for _ in range(min(count, _MOST_AT_ONCE)):
                    day = self._day()
                    interface, site = self._random.choice(doors)
                    name = self._random.choice(names)
                    counted[day, interface, "uncertain"] += 1  # until its answer is here, whatever ends us before
                    result = await self._resolve(session, interface, site, name)
                    counted[day, interface, "uncertain"] -= 1
                    counted[day, interface, result] += 1
        finally:
            async with self._pool.acquire(timeout=10) as connection, connection.transaction():
                await _note(connection, delegated_prefix, counted)
        total: Counter[str] = Counter()
        for (_, _, result), number in counted.items():
            total[result] += number
        return {result: total[result] for result in (*_KEPT, "unasked")}

    async def _ask_if_possible(self, delegated_prefix: str) -> None:
        try:
            await self.ask(delegated_prefix, 1)
        except (NothingToResolve, AroundMidnight) as error:
            log.info("no_canary", reason=error.detail)

    def _day(self) -> date:
        """The day on which a resolution counts that is asked now. Raises ``AroundMidnight``."""
        at = self._clock()
        day = day_of(at)
        if day_of(at - _MIDNIGHT) != day or day_of(at + _MIDNIGHT) != day:
            raise AroundMidnight("a resolution asked now could count on either of two days")
        return day

    async def _resolve(self, session: aiohttp.ClientSession, interface: Interface, site: Site, name: str) -> str:
        try:
            if interface is Interface.HANDLE_TCP:
                found = await self._by_handle(site, name)
            else:
                found = await self._by_http(session, site, name)
        except (_NoConnection, aiohttp.ClientConnectorError) as error:
            log.info("canary_found_nobody", site=site.address, cause=type(error).__name__)
            return "unasked"
        except (OSError, TimeoutError, aiohttp.ClientError, asyncio.IncompleteReadError, WireFault) as error:
            log.info("canary_unanswered", name=name, interface=interface.name, cause=type(error).__name__)
            return "uncertain"
        return "answered" if found else "missed"

    async def _by_handle(self, site: Site, name: str) -> bool:
        """Whether the identifier was found."""
        envelope = Envelope(*HIGHEST, 0, *HIGHEST, 0, self._random.randrange(1, 1 << 30), 0, 0)
        header = Header(OpCode.RESOLVE, 0, int(Flag.PUBLIC_ONLY), UNKNOWN_SERIAL, 0, 0)
        asked = Message(envelope, header, encode_resolve(ResolveRequest(name)))
        async with asyncio.timeout(_SECONDS):
            try:
                reader, writer = await asyncio.open_connection(
                    site.address, site.tcp_port, local_addr=(self._plan.source, 0)
                )
            except OSError as error:
                raise _NoConnection(str(error)) from error
            try:
                writer.write(encode_message(asked))
                heard = decode_envelope(await reader.readexactly(ENVELOPE_BYTES))
                answer = decode_message(heard, await reader.readexactly(heard.length))
            finally:
                writer.close()
        if heard.request_id != envelope.request_id:
            raise WireFault("the answer is to another question")
        return answer.header.response_code == ResponseCode.SUCCESS

    async def _by_http(self, session: aiohttp.ClientSession, site: Site, name: str) -> bool:
        """Whether the identifier was found."""
        host = f"[{site.address}]" if ":" in site.address else site.address
        url = URL(f"http://{host}:{site.http_port}/api/handles/{quote(name, safe='/')}", encoded=True)
        async with session.get(url, headers={"User-Agent": "biaoshi mock national node"}) as answer:
            await answer.read()
            return answer.status == 200


async def list_canaries(connection: Connection) -> list[dict[str, Any]]:
    """What was asked of each node by day and interface, beside what it reports; ``exact`` when they agree."""
    return [
        {**row, "exact": row["answered"] <= row["reported"] <= row["answered"] + row["uncertain"]}
        for row in await connection.fetch(SQL["list_canaries"])
    ]


async def _note(connection: Connection, delegated_prefix: str, counted: Counter[tuple[date, Interface, str]]) -> None:
    for day, interface in sorted({(day, interface) for day, interface, _ in counted}):
        numbers = [counted[day, interface, result] for result in _KEPT]
        if any(numbers):
            await connection.execute(SQL["note_canaries"], delegated_prefix, day, int(interface), *numbers)


def _doors(sites: Iterable[Site]) -> Iterable[tuple[Interface, Site]]:
    """The ways in which a node can be asked, of those whose resolutions are told apart by their interface."""
    for site in sites:
        if site.tcp_port:
            yield Interface.HANDLE_TCP, site
        if site.http_port:
            yield Interface.HANDLE_JSON, site
