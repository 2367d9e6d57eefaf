"""A node of an enterprise as the far side sees it: signed requests to a real desk on a real port."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from node.database import Pool
from node.http_server import Bounds, HttpServer, bind
from node.national.access import APPLICATIONS, Application, ApplicationStatus, Kind
from node.national.bulk import FILES, FileManifest, FileReceipt
from node.national.instructions import INSTRUCTIONS, Instruction, Instructions
from node.national.messages import (
    COUNTS,
    MESSAGES,
    VERDICTS,
    Counts,
    DayCounts,
    Delivery,
    Message,
    PeriodCounts,
    Refusal,
    ResolutionCount,
    Result,
    Results,
    Verdict,
    Verdicts,
    encode,
)
from node.national.signature import KeyPair, sign
from node.packing import packed
from node.web import SOURCE
from registry.downward.desk import docking_desk
from registry.downward.nodes import NodesBelow
from tests.support.office import Office, acting
from tests.support.world import World

T = TypeVar("T")
_BOUNDS = Bounds(30, 30, 64, 64, ())


class Refused(Exception):
    """What the desk answered instead."""

    def __init__(self, status: int, refusal: Refusal) -> None:
        super().__init__(f"{status} {refusal.code}: {refusal.reason}")
        self.status, self.code, self.retry = status, refusal.code, refusal.retry


@dataclass
class NodeBelow:
    """It applies, reports and asks; ``prefix`` is what it answers for."""

    office: Office | World
    session: aiohttp.ClientSession
    url: str
    prefix: str
    credit_code: str
    laboratory: bool = False
    node_id: UUID = field(default_factory=uuid4)
    keys: KeyPair | None = None
    _sequence: int = 0

    async def apply(self, kind: Kind = Kind.ENTERPRISE, **changed: Any) -> Application:
        """Apply for access, unsigned."""
        application = Application(
            application_id=uuid4(), secret=secrets.token_urlsafe(32), kind=kind, name="示例企业节点",
            prefix=changed.get("prefix", self.prefix), credit_code=changed.get("credit_code", self.credit_code),
            contact="值班室", version="0.7",
        )  # fmt: skip
        await self._ask("POST", APPLICATIONS, encode(application), ApplicationStatus)
        return application

    async def status(self, application: Application) -> ApplicationStatus:
        """What became of it; the key pair is taken up."""
        keys = KeyPair(str(application.application_id), application.secret)
        path = f"{APPLICATIONS}/{application.application_id}"
        status = await self._ask("GET", path, b"", ApplicationStatus, keys)
        if status.key is not None:
            self.keys = KeyPair(status.key.access_key, status.key.secret_key)
        return status

    async def be_let_in(self) -> None:
        """Apply, be approved by a reviewer, take up the key pair."""
        application = await self.apply()
        staff = NodesBelow(self.office.pool, self.office.clock, self.office.seal)
        reviewer = self.office.reviewer
        await staff.approve(reviewer, acting(reviewer), application.application_id)
        await self.status(application)

    async def report(self, kind: str, body: Mapping[str, Any], *, stream: str | None = None) -> Result:
        """One message in a delivery of its own."""
        self._sequence += 1
        message = Message(
            message_id=uuid4(), stream=stream or kind.partition(".")[0], sequence=self._sequence, kind=kind,
            created_at=self.office.clock(), body=msgspec.Raw(msgspec.json.encode(body)),
        )  # fmt: skip
        return await self.deliver(message)

    async def deliver(self, message: Message) -> Result:
        delivery = Delivery(node=self.node_id, laboratory=self.laboratory, messages=[message])
        (result,) = (await self._ask("POST", MESSAGES, encode(delivery), Results, self.keys)).results
        return result

    async def count(self, day: date, registered: int, *, resolutions: int = 0, hour: datetime | None = None) -> None:
        """State a day, and an hour of it."""
        counted = [ResolutionCount(interface=1, outcome=1, resolutions=resolutions)]
        stated = Counts(
            node=self.node_id, laboratory=self.laboratory, at=self.office.clock(),
            days=[DayCounts(day=day, registered=registered, updated=0, deleted=0, resolutions=counted)],
            hours=[PeriodCounts(at=hour, resolutions=counted)] if hour else [],
        )  # fmt: skip
        await self._ask("POST", COUNTS, encode(stated), dict, self.keys)

    async def verdicts(self, after: int = 0) -> list[Verdict]:
        return (await self._ask("GET", f"{VERDICTS}?after={after}", b"", Verdicts, self.keys)).verdicts

    async def instructions(self, after: int = 0) -> list[Instruction]:
        return (await self._ask("GET", f"{INSTRUCTIONS}?after={after}", b"", Instructions, self.keys)).instructions

    async def put_log(self, lines: bytes) -> FileReceipt:
        """A first log file of registrations."""
        content = packed(lines)
        manifest = FileManifest(
            node=self.node_id, laboratory=self.laboratory, kind="log.registration", number=1, rows=1,
            sha256=hashlib.sha256(content).hexdigest(), content_sha256=hashlib.sha256(lines).hexdigest(),
            made_at=self.office.clock(),
        )  # fmt: skip
        told = base64.urlsafe_b64encode(encode(manifest)).rstrip(b"=").decode()
        return await self._ask("PUT", f"{FILES}/{manifest.sha256}?manifest={told}", content, FileReceipt, self.keys)

    async def _ask(self, method: str, path: str, body: bytes, shape: type[T], keys: KeyPair | None = None) -> T:
        url = URL(self.url + path, encoded=True)
        headers = {}
        if keys is not None:
            nonce = secrets.token_urlsafe(24)
            headers = sign(keys, method, url.raw_path_qs, body, at=self.office.clock(), nonce=nonce)
        async with self.session.request(method, url, data=body or None, headers=headers) as response:
            content = await response.read()
        if response.status != 200:
            raise Refused(response.status, msgspec.json.decode(content, type=Refusal))
        return msgspec.json.decode(content, type=shape)


@contextlib.asynccontextmanager
async def desk_open(
    office: Office | World, pool: Pool, *, at_once: bool = False, laboratory: bool = False
) -> AsyncIterator[str]:
    """A secondary node's desk for enterprise nodes, served; its address with ``/docking``."""

    @web.middleware
    async def sourced(request: web.Request, handler: Any) -> Any:
        request[SOURCE] = request.remote or ""
        return await handler(request)

    app = web.Application(middlewares=[sourced])
    async with (
        docking_desk(
            app, pool, office.seal, office.clock, name="二级节点", prefix="88.101", laboratory=laboratory,
            at_once=at_once, key_hours=24,
        ),
        HttpServer(app, [bind("127.0.0.1", 0)], _BOUNDS) as server,
    ):  # fmt: skip
        yield f"http://127.0.0.1:{server.ports[0]}/docking"
