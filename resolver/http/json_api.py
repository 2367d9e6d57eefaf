"""``/api/handles/{identifier}``: the Handle System's JSON interface as Handle.Net 9 speaks it, for reading.

Only values that everybody may read are ever answered; ``auth``, ``cert``, ``publicOnly`` and other parameters of
the interface are accepted and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from node.errors import Malformed
from node.journal import Interface
from node.problem import headers_of
from resolver.chain import Resolver
from resolver.counting import ResolutionCounter
from resolver.http.asking import Dress, dress
from resolver.http.caching import NOT_KEPT, is_current, kept_for
from resolver.http.handle_json import error_json, jsonp, record_json
from resolver.http.verdict import Verdict, count, judge

PATH = "/api/handles/"

_SCRIPT = "application/javascript;charset=utf-8"
_JSON = "application/json;charset=utf-8"


def add_routes(
    router: web.UrlDispatcher, resolver: Resolver, counter: ResolutionCounter, clock: Callable[[], float]
) -> None:
    """GET, HEAD and OPTIONS; ``clock`` is Unix time."""

    async def read(request: web.Request) -> web.Response:
        raw = request.rel_url.raw_path
        if not raw.startswith(PATH):  # the literal part of the path was written in escapes
            raise web.HTTPNotFound
        handle = raw.removeprefix(PATH)
        try:
            dressed = dress(request)
        except Malformed as error:
            refused = Verdict(handle, None, error)
            return allow_origin(request, json_response(request, refused, Dress(), clock()))
        verdict = await judge(request, resolver, handle)
        response = json_response(request, verdict, dressed, clock())
        count(counter, request, Interface.HANDLE_JSON, verdict, revalidated=response.status == 304)
        return allow_origin(request, response)

    async def options(request: web.Request) -> web.Response:
        return allow_origin(request, web.Response(status=204, headers={"Allow": "GET, HEAD, OPTIONS"}))

    path = PATH + "{handle:(?s:.+)}"
    router.add_get(path, read)
    router.add_options(path, options)


def json_response(
    request: web.Request,
    verdict: Verdict,
    dressed: Dress,
    now: float,
    attributes: Mapping[str, Any] | None = None,
) -> web.Response:
    """The verdict as Handle JSON, with the headers of its contents; 304 to a client that has it already."""
    headers = {"X-Content-Type-Options": "nosniff", **_headers(verdict, now)}
    found = verdict.found
    if found is not None and found.values:
        headers["ETag"] = f'"{found.entry.etag}"'
        if is_current(request, found.entry.etag):
            return web.Response(status=304, headers=headers)
    body = _body(verdict, dressed.pretty, attributes)
    if dressed.callback:
        body = jsonp(dressed.callback, body)
    headers["Content-Type"] = _SCRIPT if dressed.callback else _JSON
    return web.Response(body=body, status=verdict.status, headers=headers)


def allow_origin(request: web.Request, response: web.Response) -> web.Response:
    """Any site may read: there are no cookies here and nothing that is not public."""
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin")
    if origin:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Methods"] = "GET,POST,HEAD,PUT,DELETE"
        response.headers["Access-Control-Allow-Headers"] = "X-Requested-With,Authorization,Origin,Accept,Content-Type"
        response.headers["Access-Control-Max-Age"] = "86400"
    return response


def _headers(verdict: Verdict, now: float) -> dict[str, str]:
    found = verdict.found
    if found is not None and found.values:
        return kept_for(found, found.values, now)
    return {**NOT_KEPT, **(headers_of(verdict.refusal) if verdict.refusal is not None else {})}


def _body(verdict: Verdict, pretty: bool, attributes: Mapping[str, Any] | None) -> bytes:
    if verdict.found is not None:
        values = verdict.found.values
        return record_json(verdict.handle, values, verdict.response_code, pretty=pretty, attributes=attributes)
    told = verdict.refusal.detail if verdict.refusal is not None and verdict.response_code != 100 else None
    return error_json(verdict.handle, verdict.response_code, told, pretty=pretty)
