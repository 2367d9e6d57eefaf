"""The desk: the paths of the interface, one transaction for each request, and who is kept waiting for news.

A request that is refused leaves nothing but its spent nonce. Who asks for news with ``wait=`` and is told nothing at
once waits without a transaction and without a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import asyncpg
import structlog
from aiohttp import web

from node.database import AWAY, Connection, DatabaseAway, Pool
from node.errors import NodeError
from node.national.access import APPLICATIONS, Application
from node.national.messages import INTERFACE, LONGEST_WAIT, Offers, encode
from node.national.signature import ACCESS_KEY, NONCE_LIFE, SignatureWrong
from node.rate_limit import RateLimit
from node.sealing import Seal
from node.sql import statements_beside
from node.upper.applications import application_status, receive_application
from node.upper.authentication import authenticate, authenticate_applicant, holds, received
from node.upper.effects import Effects
from node.upper.exchange import (
    CALM,
    Answered,
    Face,
    Handler,
    Keep,
    Moods,
    PathUnknown,
    Question,
    RequestMalformed,
    decoded,
    number_of,
    refusal,
)
from node.upper.keys import forget_nonces
from node.upper.news import News
from node.upper.openapi import OPENAPI, document
from node.upper.parts import NOTHING_NEW, Parts
from node.upper.paths import LARGEST_BODY, Path, Visit
from node.web import SOURCE, body_blocks

log = structlog.get_logger("docking")

VERSION = 1

_SQL = statements_beside(__file__, "desk.sql")
_BODY_SECONDS = 30.0  # for 64 KiB of a body
_SMALL_BODY = 64 << 10  # octets that are read from anybody
_LARGE_AT_ONCE = 4
_CONNECTION_SECONDS = 10.0


class UpperDesk:
    """Answers with one face. ``base`` stands before ``/v1`` in the paths of this desk, and is signed with them."""

    def __init__(
        self,
        pool: Pool,
        seal: Seal,
        clock: Callable[[], datetime],
        face: Face,
        effects: Effects,
        *,
        key_hours: float,
        base: str = "",
        applications: RateLimit | None = None,
    ) -> None:
        """``key_hours``: how long a replaced key still holds; ``applications``: how often a network may apply."""
        self._pool = pool
        self._seal = seal
        self._clock = clock
        self._effects = effects
        self._key_hours = key_hours
        self._base = base
        self._applications = applications
        self._offered = {*face.parts, ""}
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        self._news = News(self._newest)
        offers = Offers(
            version=VERSION, name=face.name, prefix=face.prefix, laboratory=face.laboratory, parts=list(face.parts)
        )
        self._paths = [
            Path("", "GET", INTERFACE, static=encode(offers)),
            Path("", "GET", OPENAPI, static=encode(document())),
            Path("applications", "POST", APPLICATIONS, self._admit_anybody, self._apply, _SMALL_BODY),
            Path("applications", "GET", f"{APPLICATIONS}/{{number}}", self._admit_applicant, self._tell_applicant),
        ]
        for part, method, path, handler in Parts(seal, effects, key_hours).handlers():
            self.mount(part, method, path, handler)

    def mount(self, part: str, method: str, path: str, handler: Handler, *, largest: int = LARGEST_BODY) -> None:
        """One more path, for callers with a key; answered while ``part`` is among those of the face."""

        async def answer(connection: Connection, visit: Visit) -> bytes | None:
            assert visit.caller is not None  # admitted
            question = Question(
                visit.caller, part, visit.target, visit.request.query, visit.body, visit.at, visit.moods
            )
            return await handler(connection, question)

        nothing = NOTHING_NEW.get(path)
        self._paths.append(Path(part, method, path, self._admit_caller, answer, largest, nothing=nothing))

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Everything below ``{base}/v1``."""
        router.add_route("*", self._base + "/v1/{rest:.*}", self._serve)

    def close(self) -> None:
        """Who is kept waiting is answered now, and nobody is kept waiting any more."""
        self._news.close()

    async def forget_nonces(self) -> None:
        """Those that no believable request can carry any more; often enough is once a minute."""
        await forget_nonces(self._pool, self._clock() - NONCE_LIFE)

    async def read(self, request: web.Request) -> bytes | NodeError:
        """The body within the bounds of its path, or why there is none; only a key that holds may send much."""
        try:
            path, _ = self._path_of(request)
            size = path.largest if request.content_length is None else request.content_length
            if size > _SMALL_BODY < path.largest:
                async with self._pool.acquire(timeout=_CONNECTION_SECONDS) as connection:
                    if not await holds(connection, request.headers.get(ACCESS_KEY, ""), self._clock()):
                        return b""
            async with self._large if size > LARGEST_BODY else contextlib.nullcontext():
                return await _body_of(request, path.largest)
        except NodeError as error:
            return error

    async def answer(
        self, request: web.Request, body: bytes | NodeError, moods: Moods = CALM, keep: Keep | None = None
    ) -> Answered:
        """What to answer; ``keep`` is told of it at the end of the transaction that it comes from.

        Raises what the database raises: nothing happened then.
        """
        visit = Visit(request, b"" if isinstance(body, NodeError) else body, "", self._clock(), moods)
        try:
            path, visit.target = self._path_of(request)
            seconds = _wait_of(request) if path.nothing is not None else 0.0
            if isinstance(body, NodeError):
                raise body
        except NodeError as error:
            return await self._kept(visit.refused(error), keep)
        if path.static is not None:
            visit.signature = "unsigned"
            return await self._kept(visit.answered(200, path.static), keep)
        time = asyncio.get_running_loop().time
        until = time() + seconds
        while True:
            mark = self._news.mark()
            last = self._news.closed or time() >= until
            async with self._pool.acquire(timeout=_CONNECTION_SECONDS) as connection, connection.transaction():
                answered = await self._attempt(connection, path, visit, last=last)
                if answered is not None:
                    if keep is not None:
                        await keep(connection, answered)
                    return answered
            await self._news.wait(mark, until - time())

    async def _kept(self, answered: Answered, keep: Keep | None) -> Answered:
        if keep is not None:
            async with self._pool.acquire(timeout=_CONNECTION_SECONDS) as connection, connection.transaction():
                await keep(connection, answered)
        return answered

    async def _attempt(self, connection: Connection, path: Path, visit: Visit, *, last: bool) -> Answered | None:
        assert path.admit is not None  # only what is static has nobody who admits and answers
        assert path.answer is not None
        try:
            await path.admit(connection, visit)
            # What is refused leaves no trace but what admitting it left.
            async with connection.transaction():
                content = await path.answer(connection, visit)
        except asyncpg.DataError as error:
            return visit.refused(RequestMalformed(f"a value does not fit its column: {error}"))
        except NodeError as error:
            return visit.refused(error)
        if content is None and not last:
            return None
        return visit.answered(200, content or path.nothing or b"{}")

    async def _serve(self, request: web.Request) -> web.Response:
        try:
            answered = await self.answer(request, await self.read(request))
            status, body = answered.status, answered.body
        except (*AWAY, asyncpg.PostgresError) as error:
            log.exception("docking_request_failed", path=request.path[:512])
            status, body = 503, refusal(DatabaseAway("the database does not answer", cause=type(error).__name__))
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=body, status=status, content_type="application/json", headers=headers)

    def _path_of(self, request: web.Request) -> tuple[Path, str]:
        asked = request.path.removeprefix(self._base)
        if not request.raw_path.isascii():
            raise RequestMalformed("the path is to be sent percent-encoded")
        for path in self._paths:
            target = path.target_of(asked) if path.method == request.method and path.part in self._offered else None
            if target is not None:
                return path, target
        raise PathUnknown(f"{request.method} {asked[:200]} is not part of the interface, or not offered here")

    async def _newest(self) -> object:
        return await self._pool.fetchrow(_SQL["newest"])

    # Who is let in -------------------------------------------------------------------------------------

    async def _admit_caller(self, connection: Connection, visit: Visit) -> None:
        if visit.caller is not None:  # who waited: its nonce is spent
            if not await holds(connection, visit.caller.access_key, self._clock()):
                raise SignatureWrong("the key was revoked or expired meanwhile")
            return
        came = received(visit.request, visit.body)
        visit.caller = await authenticate(
            connection, self._seal, came, visit.at, key_hours=self._key_hours, moods=visit.moods
        )
        visit.signature = "valid"

    async def _admit_applicant(self, connection: Connection, visit: Visit) -> None:
        number = _number_of_application(visit.target)
        came = received(visit.request, visit.body)
        await authenticate_applicant(connection, self._seal, came, number, visit.at, visit.moods)
        visit.signature = "valid"

    async def _admit_anybody(self, _: Connection, visit: Visit) -> None:
        visit.signature = "unsigned"
        if self._applications is not None:
            self._applications.require(visit.request.get(SOURCE, visit.request.remote or ""))

    # Applications, which come before there is a key ------------------------------------------------------

    async def _apply(self, connection: Connection, visit: Visit) -> bytes:
        application = decoded(visit.body, Application)
        return encode(await receive_application(connection, self._seal, application, self._effects, visit.at))

    async def _tell_applicant(self, connection: Connection, visit: Visit) -> bytes:
        number = _number_of_application(visit.target)
        return encode(await application_status(connection, self._seal, number, self._effects))


def _wait_of(request: web.Request) -> float:
    return float(min(LONGEST_WAIT, number_of(request.query, "wait"))) if "wait" in request.query else 0.0


def _number_of_application(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise RequestMalformed("the number of an application is a UUID") from None


async def _body_of(request: web.Request, largest: int) -> bytes:
    return b"".join([block async for block in body_blocks(request, largest, _BODY_SECONDS)])
