"""Interfaces that others designed, on this node's use cases: bodies read with patience, answers in their envelopes.

Clients of such interfaces look at the envelope and not at the HTTP status, so whatever happens they get 200 and JSON:
bad JSON, missing fields, no token, an address that does not exist, a failure of our own. Request ids, the log and the
metrics are those of ``node/web.py``.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar, cast

import msgspec
import structlog
from aiohttp import web

from node.auth import Account
from node.errors import Malformed, NodeError, NotFound
from node.journal import Actor, Interface
from node.web import (
    REQUEST_ID,
    SOURCE,
    WEB_SETTINGS,
    Authenticate,
    MethodNotSupported,
    UnsupportedMediaType,
    bearer_token,
    body_blocks,
    signed_in,
)

log = structlog.get_logger("request")

_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_LONGEST = 200

Said = tuple[int, str]
"""A refusal in an envelope: its code and its sentence."""
Wording = Said | Callable[[Any], Said]

_T = TypeVar("_T")


class FieldMissing(Malformed):
    """Evidence: ``field``."""

    title_zh = "缺少必要的请求参数"


class FieldUnreadable(Malformed):
    """Evidence: ``field``."""

    title_zh = "请求参数格式有误"


class NoJsonBody(Malformed):
    title_zh = "请求体不是有效的 JSON"


class NoSuchInterface(NotFound):
    title_zh = "接口不存在"


class Envelope(Protocol):
    """How one family of interfaces dresses its answers, each one JSON document."""

    @property
    def interface(self) -> Interface: ...

    def success(self, value: Any) -> bytes:
        """What a handler returned."""
        ...

    def refusal(self, error: NodeError) -> bytes:
        """An error of the node, in that family's codes and words."""
        ...

    def failure(self) -> bytes:
        """A fault of our own: nothing of it is told."""
        ...


@dataclass(frozen=True)
class Asked:
    """One request of such a client."""

    request: web.Request
    caller: Account | None
    interface: Interface
    content: bytes = field(default=b"", repr=False)

    @property
    def account(self) -> Account:
        """Who asks; there is somebody wherever the endpoint is not open."""
        return cast("Account", self.caller)

    @property
    def actor(self) -> Actor:
        return Actor(self.account.account_id, self.interface)

    @property
    def source(self) -> str:
        """The address it came from, trusted proxies resolved."""
        return self.request[SOURCE]

    @cached_property
    def query(self) -> dict[str, str]:
        """Query parameters; of one that stands twice the first. Raises ``FieldUnreadable`` for what no text has."""
        told = {name: self.request.query[name] for name in self.request.query}
        for name, text in told.items():
            if "\0" in text:
                raise FieldUnreadable(f"the query parameter {name} holds a NUL character", field=name)
        return told

    def needed(self, name: str, most: int) -> str:
        """A query parameter that must say something. Raises ``FieldMissing``, ``FieldUnreadable``."""
        told = self.query.get(name, "")
        if not told:
            raise FieldMissing(f"the query parameter {name} is missing", field=name)
        return shorter(told, name, most)

    def body(self, kind: type[_T]) -> _T:
        """The JSON body as ``kind``; members that it does not know are passed over, numbers may stand in quotes.

        Raises ``NoJsonBody``, ``FieldMissing``, ``FieldUnreadable``.
        """
        return read_json(self.content, kind)


Handler = Callable[[Asked], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation: its handler returns what the envelope takes, or a whole response (a file).

    ``open``: without a token. ``body_bytes``: the most that is read, where the node's own bound is too narrow; with
    ``streamed`` the handler reads the body itself.
    """

    method: str
    path: str
    handler: Handler
    open: bool = False
    body_bytes: int | None = None
    streamed: bool = False


def add_endpoints(
    router: web.UrlDispatcher,
    endpoints: Iterable[Endpoint],
    envelope: Envelope,
    authenticate: Authenticate,
    *,
    beneath: Iterable[str] = (),
) -> None:
    """Serve the endpoints; other methods, and other addresses ``beneath``, are refused in the same envelope."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    for path, methods in by_path.items():
        for method, endpoint in methods.items():
            router.add_route(method, path, _adapter(endpoint, envelope, authenticate))
        refused = MethodNotSupported("this method is not supported here", allowed=sorted(methods))
        router.add_route("*", path, _refuser(refused, envelope))
    for path in beneath:
        nothing = NoSuchInterface("there is nothing at this address")
        router.add_route("*", path + "{rest:(?:/.*)?}", _refuser(nothing, envelope))


def read_json(content: bytes | msgspec.Raw, kind: type[_T]) -> _T:
    """JSON as ``kind``. Raises ``NoJsonBody``, ``FieldMissing``, ``FieldUnreadable``."""
    try:
        return msgspec.json.decode(content, type=kind, strict=False)
    except msgspec.ValidationError as error:
        raise _fault_of(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoJsonBody(f"the body is no JSON: {str(error)[:_LONGEST]}") from None


def shorter(text: str, name: str, most: int) -> str:
    """The text, if it has at most ``most`` characters. Raises ``FieldUnreadable``."""
    if len(text) > most:
        raise FieldUnreadable(f"{name} has {len(text)} characters, at most {most} are taken", field=name, limit=most)
    return text


def worded(error: NodeError, table: Mapping[type[NodeError], Wording]) -> Said:
    """What a family's table says of an error; an error that is not in it is called what its nearest kind is."""
    for kind in type(error).__mro__:
        wording = table.get(kind)
        if wording is not None:
            return wording(error) if callable(wording) else wording
    raise AssertionError(f"the table says nothing of {error.code}, not even of its category")


def _adapter(
    endpoint: Endpoint, envelope: Envelope, authenticate: Authenticate
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            caller = None
            if not endpoint.open:
                caller = await authenticate(bearer_token(request))
                signed_in(request, caller)
            content = b"" if endpoint.streamed else await _content(request, endpoint)
            value = await endpoint.handler(Asked(request, caller, envelope.interface, content))
        except NodeError as error:
            return _answer(envelope.refusal(error))
        except web.HTTPException as error:
            log.info("not_served", request_id=request[REQUEST_ID], cause=error.reason)
            return _answer(envelope.refusal(NoJsonBody(f"the request cannot be served: {error.reason}")))
        except Exception as error:
            if isinstance(error, ConnectionError) and (request.transport is None or request.transport.is_closing()):
                raise
            log.exception("unexpected_failure", request_id=request[REQUEST_ID], path=request.path[:512])
            return _answer(envelope.failure())
        return value if isinstance(value, web.StreamResponse) else _answer(envelope.success(value))

    return handle


def _refuser(refused: NodeError, envelope: Envelope) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return _answer(envelope.refusal(refused))

    return refuse


async def _content(request: web.Request, endpoint: Endpoint) -> bytes:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("send the body unpacked")
    settings = request.app[WEB_SETTINGS]
    limit = endpoint.body_bytes or settings.body_bytes
    return b"".join([block async for block in body_blocks(request, limit, settings.body_seconds)])


def _answer(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", charset="utf-8", headers=_HEADERS)


def _fault_of(told: str) -> NodeError:
    """msgspec's sentence as an error that names the field."""
    found = _PLACE.search(told)
    place = found[1] if found else ""
    missing = _MISSING.match(told)
    if missing:
        name = f"{place}.{missing[1]}" if place else missing[1]
        return FieldMissing(f"the field {name} is missing", field=name)
    return FieldUnreadable(told[:_LONGEST], field=place or "(body)")
