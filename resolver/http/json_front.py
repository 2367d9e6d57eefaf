"""What all addresses below ``/api`` have in common: methods, refusals as Handle JSON, JSONP, and who may call.

Any site's scripts may call: there are no cookies here, and whoever identifies himself does so in a header that a
browser never sends by itself. So answers name the origin that asked, but credentials are never allowed: a browser
then keeps what it would add on its own, a TLS client certificate for one, out of requests of foreign sites.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from aiohttp import web

from node.errors import Conflict, NodeError, Unauthenticated
from node.problem import SPECIAL_STATUS
from node.web import MethodNotSupported
from resolver.handle.codes import ResponseCode, response_code_of
from resolver.http.asking import Dress, dress
from resolver.http.caching import NOT_KEPT
from resolver.http.handle_json import encode, http_status, jsonp

_R = TypeVar("_R", bound=web.StreamResponse)

Handler = Callable[[web.Request, Dress], Awaitable[web.StreamResponse]]

NAMED = web.RequestKey("named", str)
"""The handle that a request is about, as it is echoed."""

SCRIPT = "application/javascript;charset=utf-8"
JSON = "application/json;charset=utf-8"

VARY = "Origin, Authorization"

_METHODS = "GET,POST,HEAD,PUT,DELETE"
_HEADERS = "X-Requested-With,Authorization,Origin,Accept,Content-Type"
_EXPOSED = "Content-Length,ETag,Location,WWW-Authenticate"
_WRITING = frozenset({"PUT", "DELETE"})
_FAULTS_TOLD = 100


class JsonFront:
    """``challenge`` makes the value of a ``WWW-Authenticate`` header for those who can answer one."""

    def __init__(self, router: web.UrlDispatcher, challenge: Callable[[], str]) -> None:
        self._router = router
        self._challenge = challenge

    def add(self, path: str, **handlers: Handler) -> None:
        """Answer the methods by which the handlers are named; HEAD as GET without its body, others with 405."""
        methods = {**handlers, **({"HEAD": handlers["GET"]} if "GET" in handlers else {})}
        allowed = ", ".join([*methods, "OPTIONS"])

        async def options(request: web.Request) -> web.Response:
            return allow_origin(request, web.Response(status=204, headers={"Allow": allowed}))

        async def other(request: web.Request) -> web.Response:
            refused = MethodNotSupported(f"{request.method[:16]} is not supported here")
            response = self.refusal(request, refused, Dress())
            response.headers["Allow"] = allowed
            return allow_origin(request, response)

        for method, handler in methods.items():
            self._router.add_route(method, path, self._guarded(handler))
        self._router.add_route("OPTIONS", path, options)
        self._router.add_route("*", path, other)

    def _guarded(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            dressed = Dress()
            try:
                dressed = dress(request)
                response = await handler(request, dressed)
            except NodeError as error:
                response = self.refusal(request, error, dressed)
            return response if response.prepared else allow_origin(request, response)

        return answer

    def refusal(self, request: web.Request, error: NodeError, dressed: Dress) -> web.Response:
        """A refusal with its response code, its status and, where somebody has to identify himself, how."""
        code = int(response_code_of(error))
        told: dict[str, Any] = {"responseCode": code, "message": error.detail}
        if NAMED in request:
            told["handle"] = request[NAMED].encode("utf-8", "backslashreplace").decode()
        faults = error.evidence.get("faults")
        if faults:
            told["faults"] = faults[:_FAULTS_TOLD]
        response = answered(told, dressed, _status(request, error, code))
        if response.status == 401:
            self._ask_who(request, response)
        elif response.status == 503:
            response.headers["Retry-After"] = str(error.evidence.get("retry_after", 1))
        return response

    def _ask_who(self, request: web.Request, response: web.Response) -> None:
        # A browser shows a dialogue of its own for "Basic", in the middle of a script's request.
        if request.headers.get("X-Requested-With") != "XMLHttpRequest":
            response.headers.add("WWW-Authenticate", 'Basic realm="handle"')
        response.headers.add("WWW-Authenticate", self._challenge())


def answered(content: Mapping[str, Any], dressed: Dress, status: int = 200) -> web.Response:
    """JSON, or a script that calls with it; never kept by anybody on the way."""
    return dressed_body(encode(content, pretty=dressed.pretty), dressed, status)


def dressed_body(
    body: bytes, dressed: Dress, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A body of JSON in its dress."""
    shown = body_headers(headers if headers is not None else NOT_KEPT, SCRIPT if dressed.callback else JSON)
    if dressed.callback:
        body = jsonp(dressed.callback, body)
    return web.Response(body=body, status=status, headers=shown)


def body_headers(headers: Mapping[str, str], content_type: str) -> dict[str, str]:
    """The headers of an answer with a body, beside those of every answer."""
    return {"X-Content-Type-Options": "nosniff", **headers, "Content-Type": content_type}


def allow_origin(request: web.Request, response: _R) -> _R:
    """Let the site that asked see the answer."""
    response.headers.add("Vary", VARY)
    origin = request.headers.get("Origin")
    if origin:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Methods"] = _METHODS
        response.headers["Access-Control-Allow-Headers"] = _HEADERS
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        response.headers["Access-Control-Max-Age"] = "86400"
    return response


def _status(request: web.Request, error: NodeError, code: int) -> int:
    if isinstance(error, Unauthenticated):
        # To ask for a secret where everybody can read it would be worse than to refuse.
        return 401 if request.secure else 403
    if error.code in SPECIAL_STATUS:
        return SPECIAL_STATUS[error.code]
    if isinstance(error, Conflict) and code == ResponseCode.ERROR:
        return 409  # the protocol has no code for most conflicts, but they are no fault of the node
    return http_status(code, writing=request.method in _WRITING)
