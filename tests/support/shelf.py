"""Things on a shelf for the resolver's tests: rows written directly, with the notices that the writer would send."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from aiohttp import ClientSession, web

from node.auth import Account
from node.database import Pool
from node.identifier import Identifier, Prefix
from node.notices import CHANNEL, Notice, NoticeKind
from node.record import Value, encode_values
from node.site import Ports, own_site
from node.web import WebSettings, make_app
from registry.handle.administration import HandleAdministration
from resolver.chain import Resolver
from resolver.counting.counter import ResolutionCounter
from resolver.counting.never import NeverCounts
from resolver.handle.computing import Computing
from resolver.handle.proofs import Proofs
from resolver.http.routes import HandleDesk, add_routes
from resolver.http.sessions import Sessions
from resolver.recursion.beyond import Beyond

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TIMESTAMP = int(AT.timestamp())

PUMP: dict[str, Any] = {
    "name": "pump",
    "version": 1,
    "title_zh": "水泵",
    "title_en": "Pump",
    "ttl": 3600,
    "landing": "page",
    "attributes": [
        {"name": "name", "index": 2000, "type": "NAME", "title_zh": "名称", "title_en": "Name", "kind": "string"},
        {"name": "model", "index": 2001, "type": "MODEL", "title_zh": "型号", "title_en": "Model", "kind": "string"},
        {"name": "site", "index": 1, "type": "URL", "title_zh": "网址", "title_en": "Website", "kind": "string"},
    ],
}


def values(*texts: tuple[int, str, str | bytes], ttl: int = 3600, permissions: int = 0x0E) -> list[Value]:
    """Values from (index, type, data)."""
    return [
        Value(index, kind, data.encode() if isinstance(data, str) else data, ttl, 0, permissions, TIMESTAMP)
        for index, kind, data in texts
    ]


SITE = own_site(Prefix.parse("88.101"), "shelf", ["192.0.2.7"], Ports(2641, 2641, 8000, None), 1, b"")

PUMP_VALUES = values((1, "URL", "https://pumps.example/p1"), (2000, "NAME", "多级离心泵"), (2001, "MODEL", "DL-50"))


class Shelf:
    """Rows on one superuser connection; each change and its notice in one transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self._codes = 0

    async def enterprise(self, name: str = "中山示例水泵有限公司", name_en: str | None = None) -> UUID:
        """An approved enterprise."""
        enterprise_id = uuid4()
        self._codes += 1
        await self.connection.execute(
            "INSERT INTO enterprise (enterprise_id, credit_code, name, name_en, division_code, industry_code, state,"
            " created_at, updated_at) VALUES ($1, $2, $3, $4, '442000', '3441', 'approved', $5, $5)",
            enterprise_id, f"91442000MA{self._codes:08d}", name, name_en, AT,
        )  # fmt: skip
        return enterprise_id

    async def prefix(self, prefix: str = "88.101.1", holder: UUID | None = None, state: str = "enabled") -> str:
        """A prefix, of a new enterprise unless said otherwise."""
        owner = holder or await self.enterprise()
        await self.connection.execute(
            "INSERT INTO prefix (prefix, enterprise_id, state, log_secret, created_at, updated_at)"
            " VALUES ($1, $2, $3, $4, $5, $5)",
            prefix, owner, state, bytes(32), AT,
        )  # fmt: skip
        await self._tell(Notice(NoticeKind.PREFIX, prefix))
        return prefix

    async def template(self, definition: dict[str, Any] | None = None) -> int:
        """A published template of the node's own; its id."""
        shown = definition or PUMP
        template_id: int = await self.connection.fetchval(
            "INSERT INTO template (name, template_version, state, definition, created_at, updated_at)"
            " VALUES ($1, 1, 'published', $2, $3, $3) RETURNING template_id",
            f"{shown['name']}-{uuid4().hex[:6]}", json.dumps(shown), AT,
        )  # fmt: skip
        return template_id

    async def register(
        self,
        identifier: str,
        record: Sequence[Value] = tuple(PUMP_VALUES),
        template_id: int = 1,
    ) -> Identifier:
        """A live identifier of version 1."""
        parsed = Identifier.parse(identifier)
        async with self.connection.transaction():
            await self.connection.execute(
                "INSERT INTO identifier (prefix_id, template_id, version, registered_at, updated_at, suffix_key,"
                " suffix, record) SELECT prefix_id, $3, 1, $4, $4, $2, $5, $6 FROM prefix WHERE prefix = $1",
                parsed.prefix.key, parsed.key, template_id, AT,
                None if parsed.suffix == parsed.key else parsed.suffix, encode_values(record),
            )  # fmt: skip
            await self._tell(Notice(NoticeKind.ADDITIONS, parsed.prefix.key))
        return parsed

    async def update(self, identifier: str, record: Sequence[Value]) -> None:
        """The next version of an identifier."""
        await self._change(identifier, "record = $3, version = i.version + 1, updated_at = $4", record)

    async def delete(self, identifier: str) -> None:
        """An identifier withdrawn."""
        await self._change(identifier, "record = $3, version = i.version + 1, updated_at = $4, state = 2", ())

    async def _change(self, identifier: str, assignments: str, record: Sequence[Value]) -> None:
        parsed = Identifier.parse(identifier)
        async with self.connection.transaction():
            done = await self.connection.execute(
                f"UPDATE identifier i SET {assignments} FROM prefix p"
                " WHERE p.prefix_id = i.prefix_id AND p.prefix = $1 AND i.suffix_key = $2",
                parsed.prefix.key, parsed.key, encode_values(record), LATER,
            )  # fmt: skip
            assert done == "UPDATE 1"
            await self._tell(Notice(NoticeKind.IDENTIFIERS, parsed.prefix.key, (parsed.key,)))

    async def set_prefix_state(self, prefix: str, state: str) -> None:
        """Suspend, resume or withdraw a prefix."""
        async with self.connection.transaction():
            await self.connection.execute(
                "UPDATE prefix SET state = $2 WHERE prefix = $1", Prefix.parse(prefix).key, state
            )
            await self._tell(Notice(NoticeKind.PREFIX, prefix))

    async def _tell(self, notice: Notice) -> None:
        await self.connection.execute("SELECT pg_notify($1, $2)", CHANNEL, notice.encode())


@contextlib.asynccontextmanager
async def shelf_at(url: str) -> AsyncIterator[Shelf]:
    """A shelf in the database at ``url``."""
    connection = await asyncpg.connect(url)
    try:
        yield Shelf(connection)
    finally:
        connection.terminate()


def resolver_of(url: str, **changed: Any) -> Resolver:
    """A resolver with everyday settings; run it with ``async with``."""
    settings: dict[str, Any] = {
        "cache_bytes": 8 << 20,
        "missing_bytes": 1 << 20,
        "missing_seconds": 10.0,
        "stale_seconds": 86_400.0,
        "lookup_seconds": 2.0,
        "site": SITE,
        **changed,
    }
    return Resolver(url, listen_url=settings.pop("listen_url", url), **settings)


async def _nobody(token: str) -> Account:
    raise AssertionError(token)


@dataclass(frozen=True, slots=True)
class Front:
    """A resolver that answers HTTP on a real socket."""

    session: ClientSession
    resolver: Resolver
    counter: ResolutionCounter
    port: int


def application_of(
    pool: Pool,
    resolver: Resolver,
    counter: ResolutionCounter,
    computing: Computing,
    settings: WebSettings,
    *,
    laboratory: bool = False,
    beyond: Beyond | None = None,
) -> web.Application:
    """The resolver's routes; nobody has a token."""
    app = make_app([], authenticate=_nobody, settings=settings)
    administration = HandleAdministration(pool, lambda: datetime.now(UTC), SITE.prefix)
    proofs = Proofs(administration.keys_of, computing, iterations=100_000, legacy=False)
    sessions = Sessions(pool, b"s", lambda: datetime.now(UTC), challenge_seconds=60, session_seconds=3600)
    desk = HandleDesk(administration, proofs, sessions, SITE)
    add_routes(app.router, resolver, counter, desk, laboratory=laboratory, beyond=beyond)
    return app


@contextlib.asynccontextmanager
async def front_of(
    url: str, pool: Pool, *, laboratory: bool = False, beyond: Beyond | None = None, **changed: Any
) -> AsyncIterator[Front]:
    """The resolver's routes on a free port of the loopback, with a client session bound to it."""
    counter = ResolutionCounter(pool, None, never=NeverCounts(()), seconds=3600)
    async with counter, resolver_of(url, **changed) as resolver:
        computing = Computing()
        quiet = WebSettings(log_requests=False)
        app = application_of(pool, resolver, counter, computing, quiet, laboratory=laboratory, beyond=beyond)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port: int = runner.addresses[0][1]
        async with ClientSession(f"http://127.0.0.1:{port}") as session:
            yield Front(session, resolver, counter, port)
        await runner.cleanup()
        await computing.close()
