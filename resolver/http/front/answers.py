"""Answers of the front from what is known: head and body as by way of aiohttp, made once and kept in bytes."""

from __future__ import annotations

from http import HTTPStatus

from node.record import TTL_RELATIVE
from node.resolutions import Outcome
from resolver.answer import Absence, Entry, Found, RecordDamaged
from resolver.http.front.ready import HttpAnswer
from resolver.http.front.simple import Asked
from resolver.http.json_api import body_of, shared_headers
from resolver.http.json_front import JSON, VARY, body_headers
from resolver.http.verdict import Verdict, refusal_of


def found(asked: Asked, entry: Entry, now: float) -> HttpAnswer | None:
    """The answer with a record at ``now`` (Unix time); ``None`` for one of which nobody may read anything."""
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
    status = HTTPStatus(verdict.status)
    headers = {**body_headers(shared_headers(verdict, now), JSON), "Vary": VARY}
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status:d} {status.phrase}\r\n{told}X-Request-Id: "
    middle = f"\r\nServer: biaoshi\r\nContent-Length: {len(body)}\r\nDate: "
    return HttpAnswer(status, head.encode(), middle.encode(), body, verdict.key, outcome, entry)
