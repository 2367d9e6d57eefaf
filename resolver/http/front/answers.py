"""Answers of the front from what is known: head and body as by way of aiohttp, made once and kept in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus

from node.record import TTL_RELATIVE
from node.resolutions import Outcome
from resolver.answer import Absence, Entry, Found, RecordDamaged
from resolver.http.front.ready import HttpAnswer
from resolver.http.front.simple import Asked
from resolver.http.handle_json import encode
from resolver.http.json_api import body_of, shared_headers
from resolver.http.json_front import JSON, VARY, body_headers
from resolver.http.usual_records import drawn
from resolver.http.verdict import Verdict, refusal_of

_ETAG = b"{etag}"


def found(asked: Asked, entry: Entry, now: float) -> HttpAnswer | None:
    """The answer with a record at ``now`` (Unix time); ``None`` for one of which nobody may read anything."""
    usual = drawn(entry.record)
    if usual is None:
        return _found_unusual(asked, entry, now)
    body = b"".join((b'{"responseCode":1,"handle":', encode(asked.handle), b',"values":[', usual.values, b"]}"))
    head = _usual_head(usual.ttl).replace(_ETAG, entry.etag.encode())
    return HttpAnswer(200, head, _middle(len(body)), body, asked.key, Outcome.HIT, entry)


def _found_unusual(asked: Asked, entry: Entry, now: float) -> HttpAnswer | None:
    try:
        values = entry.public_values()
    except RecordDamaged:
        return None
    if not values:
        return None
    # What holds until a moment holds shorter with each second, so such an answer is nobody else's.
    lasting = all(value.ttl_type == TTL_RELATIVE for value in values)
    verdict = Verdict(asked.handle, Found(entry, values), None, asked.key)
    return _answer(verdict, now, Outcome.HIT, entry if lasting else None)


def missing(asked: Asked, now: float) -> HttpAnswer:
    """The answer that there is no such identifier."""
    return _answer(Verdict(asked.handle, None, refusal_of(Absence.UNKNOWN), asked.key), now, Outcome.MISSING, None)


def _answer(verdict: Verdict, now: float, outcome: Outcome, entry: Entry | None) -> HttpAnswer:
    body = body_of(verdict)
    head = _head(HTTPStatus(verdict.status), shared_headers(verdict, now))
    return HttpAnswer(verdict.status, head, _middle(len(body)), body, verdict.key, outcome, entry)


def _head(status: HTTPStatus, shared: Mapping[str, str]) -> bytes:
    headers = {**body_headers(shared, JSON), "Vary": VARY}
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status:d} {status.phrase}\r\n{told}X-Request-Id: ".encode()


@lru_cache
def _usual_head(ttl: int) -> bytes:
    """Of an answer with a record that holds for so many seconds; ``_ETAG`` stands where its tag shall."""
    shared = {"Cache-Control": f"public, max-age={max(0, ttl)}", "ETag": f'"{_ETAG.decode()}"'}
    return _head(HTTPStatus.OK, shared)


@lru_cache(4096)
def _middle(length: int) -> bytes:
    return f"\r\nServer: biaoshi\r\nContent-Length: {length}\r\nDate: ".encode()
