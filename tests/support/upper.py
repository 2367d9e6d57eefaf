"""An upper side on loopback with a database of its own, and nodes below that ask it with signed requests."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import asyncpg
from aiohttp import web
from yarl import URL

from node.database import Pool
from node.http_server import Bounds, HttpServer, bind
from node.national.access import Application, Kind
from node.national.messages import PARTS, encode
from node.national.signature import KeyPair, sign
from node.rate_limit import RateLimit
from node.sealing import Seal
from node.tls import ServerCertificate
from node.upper.bulk import mount_bulk
from node.upper.desk import UpperDesk
from node.upper.effects import Effects, NoEffects
from node.upper.exchange import Face, Moods
from node.upper.keys import issue_key
from tests.support.world import Clock

SEAL = Seal(bytes(range(32)))
FACE = Face("国家顶级节点 · a node above", "88", False, PARTS)
KEY_HOURS = 24.0
CREDIT_CODE = "91442000MAD0000198"
_BOUNDS = Bounds(header_seconds=10, idle_seconds=30, connections=256, connections_per_source=256, stop_seconds=2)


@dataclass(frozen=True)
class Said:
    """What came back."""

    status: int
    content: Any

    @property
    def code(self) -> str:
        """Of a refusal."""
        return str(self.content["code"])


@dataclass
class Below:
    """A node below, with its key pair."""

    upper: Upper
    keys: KeyPair
    delegated_prefix: str
    node_id: UUID = field(default_factory=uuid4)
    laboratory: bool = False
    sequence: int = 0

    async def ask(self, method: str, path: str, body: bytes = b"", **how: Any) -> Said:
        return await self.upper.ask(method, path, body, keys=how.pop("keys", self.keys), **how)

    def message(self, kind: str, body: Any, *, stream: str = "", **other: Any) -> dict[str, Any]:
        """One message, the next of the node; the stream is the first word of its kind."""
        self.sequence += 1
        return {
            "message_id": str(uuid4()),
            "stream": stream or kind.partition(".")[0],
            "sequence": self.sequence,
            "kind": kind,
            "created_at": self.upper.clock().isoformat(),
            "body": body,
            **other,
        }

    async def send(self, *messages: dict[str, Any], **how: Any) -> Said:
        """One delivery."""
        content = {"node": str(self.node_id), "laboratory": self.laboratory, "messages": messages}
        return await self.ask("POST", "/v1/messages", json.dumps(content).encode(), **how)

    async def report(self, kind: str, **body: Any) -> dict[str, Any]:
        """Deliver one message: its result."""
        said = await self.send(self.message(kind, body))
        assert said.status == 200, said
        (result,) = said.content["results"]
        return dict(result)

    async def report_enterprise(self, enterprise_id: UUID, **changed: str) -> dict[str, Any]:
        facts = {
            "credit_code": CREDIT_CODE, "name": "示例食品", "division_code": "442000", "industry_code": "1411",
            "state": "approved", **changed,
        }  # fmt: skip
        return await self.report("enterprise.approved", enterprise_id=str(enterprise_id), **facts)

    async def report_prefix(
        self, prefix: str, enterprise_id: UUID, kind: str = "reviewed", **more: Any
    ) -> dict[str, Any]:
        state = more.pop("state", kind)
        return await self.report(
            f"prefix.{kind}",
            prefix=prefix,
            enterprise_id=str(enterprise_id),
            credit_code=CREDIT_CODE,
            state=state,
            **more,
        )


@dataclass
class Upper:
    """The desk, where it answers, and its tables."""

    pool: Pool
    desk: UpperDesk
    clock: Clock
    url: str
    session: aiohttp.ClientSession
    base: str = ""

    async def below(self, prefix: str = "88.101", kind: Kind = Kind.SECONDARY, **more: Any) -> Below:
        """A node with a key of its own."""
        keys = KeyPair(f"node-{secrets.token_hex(4)}", secrets.token_hex(16))
        certificate = more.pop("certificate_sha256", "")
        async with self.pool.acquire() as connection:
            await issue_key(
                connection, SEAL, keys, name="示例", kind=kind, delegated_prefix=prefix, at=self.clock(),
                certificate_sha256=certificate,
            )  # fmt: skip
        return Below(self, keys, prefix, **more)

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        keys: KeyPair | None = None,
        nonce: str = "",
        off: timedelta = timedelta(0),
        sign_as: str = "",
        context: ssl.SSLContext | bool = True,
        headers: dict[str, str] | None = None,
    ) -> Said:
        """One request below ``base``; the sender's clock may be ``off``, and what it signs another path."""
        url = URL(self.url + self.base + path, encoded=True)
        signed: dict[str, str] = {}
        if keys is not None:
            target = sign_as or url.raw_path_qs
            nonce = nonce or secrets.token_urlsafe(24)
            signed = sign(keys, method, target, body, at=self.clock() + off, nonce=nonce)
        async with self.session.request(
            method, url, data=io.BytesIO(body) if body else None, headers={**signed, **(headers or {})}, ssl=context
        ) as response:
            return Said(response.status, json.loads(await response.read()))

    async def apply(self, **changed: Any) -> tuple[Application, Said]:
        """An application for access, and what was said to it."""
        facts: dict[str, Any] = {
            "application_id": uuid4(), "secret": secrets.token_hex(24), "kind": Kind.SECONDARY,
            "name": "示例二级节点", "prefix": "88.102", "credit_code": CREDIT_CODE,
            "contact": "值班室 0574-0000000", **changed,
        }  # fmt: skip
        application = Application(**facts)
        return application, await self.ask("POST", "/v1/applications", encode(application))

    async def status_of(self, application: Application, **how: Any) -> Said:
        """As who applied."""
        number = str(application.application_id)
        keys = how.pop("keys", KeyPair(number, application.secret))
        return await self.ask("GET", f"/v1/applications/{number}", keys=keys, **how)

    async def rows(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        return list(await self.pool.fetch(statement, *arguments))


@contextlib.asynccontextmanager
async def running_upper(
    pool: Pool,
    *,
    clock: Clock | None = None,
    face: Face = FACE,
    effects: Effects | None = None,
    base: str = "",
    applications: RateLimit | None = None,
    certificate: ServerCertificate | None = None,
    around: Callable[[UpperDesk], Any] | None = None,
) -> AsyncIterator[Upper]:
    """It answers on a free port while the block lasts; with a certificate by HTTPS. ``around`` may take its place at
    the door: an aiohttp handler made of the desk."""
    clock = clock or Clock()
    desk = UpperDesk(
        pool, SEAL, clock, face, effects or NoEffects(), key_hours=KEY_HOURS, base=base, applications=applications
    )
    mount_bulk(desk)
    app = web.Application()
    if around is None:
        desk.add_routes(app.router)
    else:
        app.router.add_route("*", base + "/v1/{rest:.*}", around(desk))

    async def close(_: web.Application) -> None:
        desk.close()

    app.on_shutdown.append(close)
    bound = bind("127.0.0.1", 0)
    port = bound.getsockname()[1]
    doors = {"secure": [bound], "certificate": certificate} if certificate else {}
    async with (
        aiohttp.ClientSession() as session,
        HttpServer(app, [] if certificate else [bound], _BOUNDS, **doors),
    ):
        scheme = "https" if certificate else "http"
        host = "localhost" if certificate else "127.0.0.1"
        yield Upper(pool, desk, clock, f"{scheme}://{host}:{port}", session, base)


def moody(moods: Moods) -> Callable[[UpperDesk], Callable[[web.Request], Awaitable[web.Response]]]:
    """A desk in a mood, whatever it is asked."""

    def around(desk: UpperDesk) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def serve(request: web.Request) -> web.Response:
            answered = await desk.answer(request, await desk.read(request), moods)
            return web.Response(body=answered.body, status=answered.status)

        return serve

    return around


def moment(text: str) -> datetime:
    """Of ISO 8601."""
    return datetime.fromisoformat(text)
