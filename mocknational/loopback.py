"""What only this machine may ask of the mock national node, and no real one has: its page, its switches, its hands.

Answers are JSON, refusals those of the interface; a body is JSON too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Protocol, TypeVar
from uuid import UUID

import msgspec
import structlog
from aiohttp import web

from mocknational import page, takeover
from mocknational.canaries import Canaries, list_canaries
from mocknational.faults import Faults
from mocknational.store import SEAL
from node.database import Pool
from node.errors import NodeError
from node.national.messages import Line, encode
from node.problem import status_of
from node.upper.applications import approve_application, reject_application
from node.upper.exchange import RequestMalformed, refusal
from node.upper.files import read_file
from node.upper.instructions import issue_instruction
from node.upper.management import list_applications, list_instructions

log = structlog.get_logger("mock_national")

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Prefix = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z.]{1,64}\Z")]


class _Approval(msgspec.Struct, forbid_unknown_fields=True):
    prefix: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z.]{0,64}\Z")] = ""


class _Rejection(msgspec.Struct, forbid_unknown_fields=True):
    reason: Line


class _Telling(msgspec.Struct, forbid_unknown_fields=True):
    prefix: Prefix
    kind: Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,50}\Z")]
    body: dict[str, Any] = msgspec.field(default_factory=dict)


class _Taking(msgspec.Struct, forbid_unknown_fields=True):
    prefix: Prefix
    drill: bool = False
    reason: Line = ""


class _Asking(msgspec.Struct, forbid_unknown_fields=True):
    prefix: Prefix
    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1


class Hands(Protocol):
    """What of a running mock its API reaches."""

    pool: Pool
    canaries: Canaries
    faults: Faults

    def now(self) -> datetime:
        """The time by the mock's clock."""


class Loopback:
    """``add_routes`` puts it beside the interface."""

    def __init__(self, mock: Hands) -> None:
        self._mock = mock

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """The page at ``/``; see ``docs/national-interface.md`` for the others."""
        for method, path, handler in (
            ("GET", "/", self._page),
            ("GET", "/overview.css", self._style),
            ("GET", "/overview", self._overview),
            ("GET", "/faults", self._show_faults),
            ("PUT", "/faults", self._set_faults),
            ("GET", "/applications", self._applications),
            ("POST", "/applications/{application_id}/approve", self._approve),
            ("POST", "/applications/{application_id}/reject", self._reject),
            ("GET", "/instructions", self._instructions),
            ("POST", "/instructions", self._instruct),
            ("GET", "/takeovers", self._takeovers),
            ("POST", "/takeovers", self._take_over),
            ("POST", "/takeovers/{takeover_id}/hand-back", self._hand_back),
            ("GET", "/files/{node_id}/{sha256}", self._file),
            ("GET", "/canaries", self._canaries),
            ("POST", "/canaries", self._send_canaries),
        ):
            router.add_route(method, path, _guarded(handler))

    # To look at -----------------------------------------------------------------------------------------

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=page.render(await self._content()), content_type="text/html", headers=page.HEADERS)

    async def _overview(self, _: web.Request) -> web.Response:
        return _json(await self._content())

    async def _content(self) -> dict[str, Any]:
        return await page.overview(self._mock.pool, self._mock.faults, self._mock.now())

    async def _style(self, _: web.Request) -> web.Response:
        return web.Response(text=page.STYLE, content_type="text/css")

    # Switches -------------------------------------------------------------------------------------------

    async def _show_faults(self, _: web.Request) -> web.Response:
        return _json(self._mock.faults)

    async def _set_faults(self, request: web.Request) -> web.Response:
        self._mock.faults = await _body(request, Faults)
        log.warning("mock_faults_changed", **msgspec.structs.asdict(self._mock.faults))
        return _json(self._mock.faults)

    # Hands ----------------------------------------------------------------------------------------------

    async def _applications(self, request: web.Request) -> web.Response:
        async with self._mock.pool.acquire(timeout=10) as connection:
            rows = await list_applications(connection, state=request.query.get("state", ""))
        return _json([page.plain(row) for row in rows])

    async def _approve(self, request: web.Request) -> web.Response:
        application_id = _number(request, "application_id")
        told = await _body(request, _Approval) if request.can_read_body else _Approval()
        async with self._mock.pool.acquire(timeout=10) as connection, connection.transaction():
            keys = await approve_application(
                connection, SEAL, application_id, self._mock.now(), prefix=told.prefix.upper()
            )
        return _json({"access_key": keys.access_key})

    async def _reject(self, request: web.Request) -> web.Response:
        application_id = _number(request, "application_id")
        told = await _body(request, _Rejection)
        async with self._mock.pool.acquire(timeout=10) as connection, connection.transaction():
            await reject_application(connection, application_id, told.reason, self._mock.now())
        return _json({})

    async def _instructions(self, request: web.Request) -> web.Response:
        prefix = request.query.get("prefix", "").upper()
        async with self._mock.pool.acquire(timeout=10) as connection:
            rows = await list_instructions(connection, delegated_prefix=prefix)
        return _json([page.plain(row) for row in rows])

    async def _instruct(self, request: web.Request) -> web.Response:
        told = await _body(request, _Telling)
        async with self._mock.pool.acquire(timeout=10) as connection, connection.transaction():
            issued = await issue_instruction(connection, told.prefix, told.kind, told.body, self._mock.now())
        return _json(issued)

    async def _takeovers(self, _: web.Request) -> web.Response:
        async with self._mock.pool.acquire(timeout=10) as connection:
            rows = await takeover.list_takeovers(connection)
        return _json([page.plain(row) for row in rows])

    async def _take_over(self, request: web.Request) -> web.Response:
        told = await _body(request, _Taking)
        async with self._mock.pool.acquire(timeout=10) as connection, connection.transaction():
            takeover_id = await takeover.begin(
                connection, told.prefix.upper(), drill=told.drill, reason=told.reason, at=self._mock.now()
            )
        return _json({"takeover_id": takeover_id})

    async def _hand_back(self, request: web.Request) -> web.Response:
        takeover_id = _number(request, "takeover_id")
        async with self._mock.pool.acquire(timeout=10) as connection, connection.transaction():
            await takeover.hand_back(connection, takeover_id, self._mock.now())
        return _json({})

    async def _file(self, request: web.Request) -> web.Response:
        node_id = _number(request, "node_id")
        try:
            digest = bytes.fromhex(request.match_info["sha256"])
        except ValueError:
            raise RequestMalformed("sha256 is hexadecimal digits") from None
        async with self._mock.pool.acquire(timeout=10) as connection:
            manifest, content = await read_file(connection, node_id, digest)
        name = f"{manifest.kind}-{manifest.number}.zst"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=content, content_type="application/octet-stream", headers=headers)

    async def _canaries(self, _: web.Request) -> web.Response:
        async with self._mock.pool.acquire(timeout=10) as connection:
            return _json(await list_canaries(connection))

    async def _send_canaries(self, request: web.Request) -> web.Response:
        told = await _body(request, _Asking)
        return _json(await self._mock.canaries.ask(told.prefix, told.count))


def _guarded(handler: Handler) -> Handler:
    """From this machine only; what is refused reads as in the interface."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if not ipaddress.ip_address(request.remote or "0.0.0.0").is_loopback:  # noqa: S104 - nobody known is not loopback
            raise web.HTTPForbidden(text="仅限本机访问 / from this machine only")
        try:
            return await handler(request)
        except NodeError as error:
            return web.Response(body=refusal(error), status=status_of(error), content_type="application/json")

    return guarded


def _json(content: Any) -> web.Response:
    return web.Response(body=encode(content), content_type="application/json")


async def _body(request: web.Request, shape: type[T]) -> T:
    """Raises ``RequestMalformed``."""
    try:
        return msgspec.json.decode(await request.read(), type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RequestMalformed(f"the body is not what this path takes: {error}") from None


def _number(request: web.Request, name: str) -> UUID:
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise RequestMalformed(f"{name} is a UUID") from None
