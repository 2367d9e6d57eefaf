"""Routes on aiohttp: who asks, what they may, what they send, what they get, and every refusal as a problem.

The middlewares are one visible list (``MIDDLEWARES``), outermost first: ``observe`` gives each request its id,
its log line and its metrics; ``render_errors`` turns errors into problem+json. Handlers never see either.
"""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import structlog
from aiohttp import web
from pydantic import BaseModel, ValidationError

from node import metrics, problem
from node.auth import Account, NotAllowed, may_ever
from node.client_address import Network, client_address
from node.errors import Internal, Malformed, NodeError, NotFound
from node.journal import Interface
from node.routes import Call, NotSignedIn, Reply, Route, Upload

log = structlog.get_logger("request")

Authenticate = Callable[[str], Awaitable[Account]]
"""Whose a token is."""
Identify = Callable[[web.Request], Awaitable[Account]]
"""Who asks, by whatever proves it."""

SOURCE = web.RequestKey("source", str)
REQUEST_ID = web.RequestKey("request_id", str)
CALLER = web.RequestKey("caller", str)
BEGAN = web.RequestKey("began", float)
TENANT_SEEN = web.AppKey[Callable[[str, UUID], None]]("tenant_seen")
"""Told the address from which an account of an enterprise acts, wherever an application has somebody to tell."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_FAULTS_TOLD = 100
_NAME_TOLD = 200
_STRETCH = 64 * 1024


class InvalidInput(Malformed):
    title_zh = "输入有误"


class UnsupportedMediaType(Malformed):
    title_zh = "不支持的内容类型"


class BodyTooLarge(Malformed):
    title_zh = "请求体过大"


class BodyTooSlow(Malformed):
    title_zh = "请求体传输过慢"


class BodyBroken(Malformed):
    title_zh = "请求体不完整"


class NoSuchPath(NotFound):
    title_zh = "没有这个地址"


class MethodNotSupported(Malformed):
    title_zh = "不支持的方法"


class UnexpectedFailure(Internal):
    title_zh = "内部错误"


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What the adapter needs to know; ``body_seconds`` is the time for 64 KiB of a body, or for its end."""

    body_bytes: int = 1 << 20
    body_seconds: float = 30.0
    trusted_proxies: tuple[Network, ...] = ()
    log_requests: bool = True


WEB_SETTINGS = web.AppKey("web_settings", WebSettings)


def make_app(
    routes: Iterable[Route], *, authenticate: Authenticate, settings: WebSettings | None = None
) -> web.Application:
    """An application of these routes; other parts may add their own aiohttp routes to its router."""
    settings = settings or WebSettings()
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=settings.body_bytes)
    app[WEB_SETTINGS] = settings

    async def by_token(request: web.Request) -> Account:
        return await authenticate(bearer_token(request))

    add_operations(app.router, routes, by_token, settings)
    return app


def add_operations(
    router: web.UrlDispatcher,
    routes: Iterable[Route],
    identify: Identify,
    settings: WebSettings,
    *,
    under: str = "",
    interface: Interface = Interface.V1,
) -> None:
    """Answer these routes, their paths ``under`` another, to whom ``identify`` knows."""
    for route in routes:
        router.add_route(route.method, under + route.path, _adapter(route, identify, settings, interface))


# Middlewares --------------------------------------------------------------------------------------


@web.middleware
async def observe(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
    """Request id, client address, one log line, one latency observation."""
    began = request[BEGAN] = time.perf_counter()
    settings = request.app[WEB_SETTINGS]
    given = request.headers.get("X-Request-Id", "")
    request[REQUEST_ID] = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
    request[SOURCE] = client_address(
        request.remote or "",
        ",".join(request.headers.getall("X-Forwarded-For", ())),
        settings.trusted_proxies,
    )
    status = 499  # the client went away before an answer
    try:
        response = await handler(request)
        status = response.status
        if not response.prepared:
            _sign(response, request)
    except web.HTTPException as error:  # a redirection
        status = error.status
        _sign(error, request)
        raise
    finally:
        seconds = time.perf_counter() - began
        family = metrics.family_of(request.path)
        metrics.REQUESTS.labels(
            family, request.method if request.method in metrics.METHODS else "other", status
        ).inc()
        metrics.LATENCY.labels(family).observe(seconds)
        if settings.log_requests:
            log.info(
                "request",
                request_id=request[REQUEST_ID],
                method=request.method,
                path=request.path[:512],
                status=status,
                milliseconds=round(seconds * 1000, 2),
                source=request[SOURCE],
                caller=request.get(CALLER, ""),
            )
    return response


def _sign(response: web.StreamResponse, request: web.Request) -> None:
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    response.headers["Server"] = "biaoshi"


@web.middleware
async def render_errors(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
    """Errors as problem+json; an unforeseen one is logged with its traceback and told without it."""
    try:
        return await handler(request)
    except NodeError as error:
        return problem_response(request, error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return problem_response(request, _of_http(error), error.headers.get("Allow"))
    except Exception as error:
        if isinstance(error, ConnectionError) and _gone(request):
            raise
        log.exception("unexpected_failure", request_id=request[REQUEST_ID], path=request.path[:512])
        return problem_response(request, UnexpectedFailure("the node failed; the request id finds the reason"))


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


MIDDLEWARES = (observe, render_errors)


def problem_response(request: web.Request, error: NodeError, allow: str | None = None) -> web.Response:
    """One error as a response."""
    headers = problem.headers_of(error)
    if allow:
        headers["Allow"] = allow
    return web.Response(
        body=problem.problem(error, request[REQUEST_ID]),
        status=problem.status_of(error),
        headers=headers,
        content_type=problem.CONTENT_TYPE,
    )


def _of_http(error: web.HTTPException) -> NodeError:
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotSupported(f"{error.method[:16]} is not supported here", allowed=sorted(error.allowed_methods))
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return BodyTooLarge("the request body is larger than allowed")
    if error.status == 404:
        return NoSuchPath("there is nothing at this address")
    return InvalidInput(f"the request cannot be served: {error.reason}")


# From request to handler and back -----------------------------------------------------------------


def _adapter(
    route: Route, identify: Identify, settings: WebSettings, interface: Interface
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    body_model = route.body if isinstance(route.body, type) else None
    upload = route.body if isinstance(route.body, Upload) else None

    async def handle(request: web.Request) -> web.StreamResponse:
        caller = None
        if route.action is not None:
            caller = await identify(request)
            signed_in(request, caller)
            check_allowed(route, caller)
        inputs: dict[str, BaseModel] = {}
        if route.query is not None:
            inputs["query"] = parse_query(request, route.query)
        elif request.query:
            raise InvalidInput(
                "this operation takes no query parameters",
                faults=_named(request.query, "unknown", "unknown parameter"),
            )
        if route.body is not None:
            _check_coding(request, gzip=upload is None or upload.gzip)
        if body_model is not None:
            inputs["body"] = await parse_body(request, body_model, settings)
        elif upload is not None and request.content_type not in upload.media_types:
            raise UnsupportedMediaType(
                f"send one of {', '.join(upload.media_types)}", found=request.content_type[:100]
            )
        call = Call(request, caller, request[SOURCE], request.match_info, interface)
        return await render(request, await route.handler(call, **inputs))

    return handle


def check_allowed(route: Route, caller: Account) -> None:
    """Raises ``NotAllowed`` where no account of this role may ever."""
    if route.action is not None and not may_ever(caller, route.action):
        raise NotAllowed(f"{caller.role} may not do {route.action}", action=str(route.action))


def signed_in(request: web.Request, caller: Account) -> None:
    """Note who asks: for the log line, and where from for who counts resolutions."""
    request[CALLER] = caller.name
    told = request.app.get(TENANT_SEEN)
    if told is not None and caller.enterprise_id is not None:
        told(request[SOURCE], caller.enterprise_id)


def micros_of(request: web.Request) -> int:
    """Microseconds since a request was there, at most what 32 bits hold."""
    return min(int((time.perf_counter() - request[BEGAN]) * 1e6), 2**32 - 1)


def _check_coding(request: web.Request, *, gzip: bool) -> None:
    """A packed body is for those who unpack it with bounds. Raises ``UnsupportedMediaType``."""
    coding = request.headers.get("Content-Encoding", "identity").lower()
    if coding != "identity" and not (gzip and coding == "gzip"):
        wanted = "unpacked or as gzip" if gzip else "unpacked"
        raise UnsupportedMediaType(f"send the body {wanted}", found=f"Content-Encoding: {coding[:100]}")


def bearer_token(request: web.Request) -> str:
    """The token of the Authorization header. Raises ``NotSignedIn``."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotSignedIn("sign in first: send a token as Authorization: Bearer …")
    return token.strip()


def parse_query(request: web.Request, model: type[BaseModel]) -> BaseModel:
    """The query as the model. Raises ``InvalidInput`` with every fault."""
    repeated = sorted({key for key in request.query if len(request.query.getall(key)) > 1})
    if repeated:
        raise InvalidInput(
            "query parameters stand more than once",
            faults=_named(repeated, "repeated", "given more than once"),
        )
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise InvalidInput("the query has faults", faults=faults_of(error)) from None


async def parse_body(request: web.Request, model: type[BaseModel], settings: WebSettings) -> BaseModel:
    """The JSON body as the model. Raises ``UnsupportedMediaType``, ``InvalidInput`` and the ``Body…`` errors."""
    if request.content_type != "application/json":
        raise UnsupportedMediaType("send application/json", found=request.content_type[:100])
    body = b"".join([block async for block in body_blocks(request, settings.body_bytes, settings.body_seconds)])
    if request.headers.get("Content-Encoding", "").lower() == "gzip":
        body = _unpacked(body, settings.body_bytes)
    try:
        return model.model_validate_json(body, context=body)
    except ValidationError as error:
        raise InvalidInput("the body has faults", faults=faults_of(error)) from None


def _unpacked(packed: bytes, limit: int) -> bytes:
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)  # RFC 1952
    try:
        body = unpacking.decompress(packed, limit + 1)
    except zlib.error as error:
        raise BodyBroken(f"the body is no gzip: {error}", cause="zlib") from None
    if len(body) > limit:
        raise BodyTooLarge(f"the body may hold {limit} bytes", limit=limit)
    if not unpacking.eof or unpacking.unused_data:
        raise BodyBroken("the body is not one whole gzip", cause="zlib")
    return body


async def body_blocks(request: web.Request, limit: int, seconds: float) -> AsyncIterator[bytes]:
    """The body piece by piece: at most ``limit`` bytes, waited for at most ``seconds`` per 64 KiB.

    Only waiting counts: the time that the taker of the pieces needs is its own. Raises ``BodyTooLarge``,
    ``BodyTooSlow``, ``BodyBroken``.
    """
    if request.content_length is not None and request.content_length > limit:
        raise BodyTooLarge(f"the body may hold {limit} bytes", limit=limit)
    loop = asyncio.get_running_loop()
    total = stretch = 0
    patience = seconds
    while True:
        began = loop.time()
        try:
            async with asyncio.timeout(patience):
                block = await request.content.readany()
        except TimeoutError:
            raise BodyTooSlow(f"fewer than 64 KiB of the body came within {seconds:g} s", seconds=seconds) from None
        except (web.RequestPayloadError, ConnectionResetError, ValueError) as error:
            raise BodyBroken("the body ended before its announced end", cause=type(error).__name__) from None
        if not block:
            return
        total += len(block)
        stretch += len(block)
        patience -= loop.time() - began
        if stretch >= _STRETCH:
            stretch, patience = 0, seconds
        if total > limit:
            raise BodyTooLarge(f"the body may hold {limit} bytes", limit=limit)
        yield block


def faults_of(error: ValidationError) -> list[dict[str, str]]:
    """The faults of a model: field (dotted path), code, message; never the value that was sent.

    Of more than a hundred the first hundred and how many there are: an answer is not larger than its question.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [
        {
            "field": ".".join(str(part) for part in fault["loc"])[:_NAME_TOLD] or "(body)",
            "code": fault["type"],
            "message": fault["msg"],
        }
        for fault in found[:_FAULTS_TOLD]
    ]
    if len(found) > _FAULTS_TOLD:
        told.append({"field": "(body)", "code": "more_faults", "message": f"{len(found)} faults in all"})
    return told


def _named(names: Iterable[str], code: str, message: str) -> list[dict[str, str]]:
    return [{"field": name[:_NAME_TOLD], "code": code, "message": message} for name in islice(names, _FAULTS_TOLD)]


async def render(request: web.Request, reply: Reply) -> web.StreamResponse:
    """A reply as a response; streams are sent as they come."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **reply.headers}
    if reply.content is None:
        return web.Response(status=reply.status, headers=headers)
    if isinstance(reply.content, BaseModel):
        answer = web.Response(
            body=reply.content.model_dump_json(by_alias=True).encode(),
            status=reply.status,
            headers=headers,
            content_type=reply.content_type,
        )
        if headers.get("Connection") == "close":
            answer.force_close()
        return answer
    if isinstance(reply.content, bytes):
        written = reply.content_type.startswith("text/") or "json" in reply.content_type
        return web.Response(
            body=reply.content,
            status=reply.status,
            headers=headers,
            content_type=reply.content_type,
            charset="utf-8" if written else None,
        )
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_type = reply.content_type
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    await response.prepare(request)
    try:
        async for block in reply.content:
            await response.write(block)
    except Exception as error:
        if isinstance(error, ConnectionError) and _gone(request):
            raise
        # Too late for another answer: what is cut off is at least not taken for the whole.
        log.warning("answer_cut_off", request_id=request[REQUEST_ID], exc_info=not isinstance(error, NodeError))
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the answer was cut off") from error
    await response.write_eof()
    return response
