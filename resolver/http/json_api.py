"""A verdict as an answer in the Handle System's JSON, with the headers of its contents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from node.problem import headers_of
from resolver.handle.codes import ResponseCode
from resolver.http.asking import Dress
from resolver.http.caching import NOT_KEPT, is_current, kept_for
from resolver.http.handle_json import error_json, record_json, referral_json
from resolver.http.json_front import dressed_body
from resolver.http.verdict import Verdict


def json_response(
    request: web.Request,
    verdict: Verdict,
    dressed: Dress,
    now: float,
    attributes: Mapping[str, Any] | None = None,
    *,
    keep: bool = True,
) -> web.Response:
    """The verdict as Handle JSON; 304 to a client that has it already. ``keep``: anybody may have it."""
    headers = shared_headers(verdict, now) if keep else dict(NOT_KEPT)
    found = verdict.found
    if found is not None and "ETag" in headers and is_current(request, found.entry.etag):
        return web.Response(status=304, headers={"X-Content-Type-Options": "nosniff", **headers})
    return dressed_body(body_of(verdict, dressed.pretty, attributes), dressed, verdict.status, headers)


def shared_headers(verdict: Verdict, now: float) -> dict[str, str]:
    """How long anybody may keep the answer, and the tag of its contents where it has any."""
    found = verdict.found
    if found is not None and found.values:
        return {**kept_for(found, found.values, now), "ETag": f'"{found.entry.etag}"'}
    return {**NOT_KEPT, **(headers_of(verdict.refusal) if verdict.refusal is not None else {})}


def body_of(verdict: Verdict, pretty: bool = False, attributes: Mapping[str, Any] | None = None) -> bytes:
    """The JSON of a verdict."""
    code = verdict.response_code
    if verdict.found is not None:
        return record_json(verdict.handle, verdict.found.values, code, pretty=pretty, attributes=attributes)
    if verdict.referral is not None:
        named_by, values = verdict.referral.handle, verdict.referral.values
        return referral_json(verdict.handle, code, named_by, values, pretty=pretty)
    refusal = verdict.refusal
    told = refusal.detail if refusal is not None and code != ResponseCode.HANDLE_NOT_FOUND else None
    return error_json(verdict.handle, code, told, pretty=pretty)
