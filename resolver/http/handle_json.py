"""Values and answers in the Handle System's JSON, as Handle.Net 9 writes and reads it.

``{"responseCode": 1, "handle": "88.111.1/Prod-001", "values": [{"index": 1, "type": "URL", "data": {"format":
"string", "value": "https://…"}, "ttl": 86400, "timestamp": "2023-11-14T22:13:20Z"}]}``
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from node.errors import Malformed
from node.record import DEFAULT_TTL, TTL_ABSOLUTE, TTL_RELATIVE, USUAL_PERMISSIONS, Value
from resolver.http.handle_data_json import data_from_json, data_json, reference_from_json, reference_json
from resolver.http.json_place import INT_HIGH, INT_LOW, JsonPlace

SUCCESS = 1
VALUES_NOT_FOUND = 200
"""Response codes that this module itself tells apart; RFC 3652 lists them."""

RESPONSE_TO_STATUS = {
    SUCCESS: 200,
    3: 503,
    4: 400,
    5: 501,
    7: 503,
    100: 404,
    101: 409,
    102: 400,
    VALUES_NOT_FOUND: 200,
    201: 409,
    202: 400,
    301: 400,
    302: 300,
    303: 300,
    400: 403,
    401: 403,
    402: 401,
    403: 403,
    404: 403,
}
"""HTTP status of a Handle response code when reading; a code that is not here is 500."""

MAX_CALLBACK = 128

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_PERMISSIONS = re.compile(r"[01]{4}")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_$.]")
_CALLBACK = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*(?:\.[A-Za-z_$][A-Za-z0-9_$]*)*")
_encoder = msgspec.json.Encoder()


class InvalidCallback(Malformed):
    """A JSONP callback that is no JavaScript name. Evidence: ``callback``, what is left of it, or its ``length``."""

    title_zh = "回调函数名有误"


def http_status(response_code: int, *, writing: bool = False) -> int:
    """The HTTP status for a response code; ``writing``: values that are not there are then a fault, 400."""
    if writing and response_code == VALUES_NOT_FOUND:
        return 400
    return RESPONSE_TO_STATUS.get(response_code, 500)


def record_json(
    handle: str,
    values: Iterable[Value],
    response_code: int = SUCCESS,
    *,
    pretty: bool = False,
    attributes: Mapping[str, Any] | None = None,
) -> bytes:
    """The body of an answer with values, UTF-8; ``handle`` is echoed as the client spelled it.

    With response code 200 (values not found) and no values it is the answer that nothing matched. ``attributes`` is
    a member of our own beside the values, which the Handle System's own interface never has.
    """
    body: dict[str, Any] = {
        "responseCode": response_code,
        "handle": handle,
        "values": [value_json(value) for value in values],
    }
    if attributes is not None:
        body["attributes"] = attributes
    return encode(body, pretty=pretty)


def referral_json(handle: str, response_code: int, named_by: str, values: Iterable[Value], *, pretty: bool) -> bytes:
    """The body of an answer that names others who know: at ``values``, which the record of ``named_by`` holds."""
    body = {
        "responseCode": response_code,
        "handle": handle,
        "referralHandle": named_by,
        "values": [value_json(value) for value in values],
    }
    return encode(body, pretty=pretty)


def error_json(handle: str | None, response_code: int, message: str | None = None, *, pretty: bool = False) -> bytes:
    """The body of a refusal, UTF-8; what cannot be written as UTF-8 in ``handle`` is shown escaped."""
    body: dict[str, Any] = {"responseCode": response_code}
    if handle is not None:
        body["handle"] = handle.encode("utf-8", "backslashreplace").decode()
    if message:
        body["message"] = message
    return encode(body, pretty=pretty)


def jsonp(callback: str, body: bytes) -> bytes:
    """The body as a script that calls ``callback``, which ``callback_name`` has checked."""
    # U+2028 and U+2029 are line ends inside a string to JavaScript before 2019, but not to JSON.
    script = body.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return callback.encode("ascii") + b"(" + script + b");"


def callback_name(text: str) -> str:
    """A callback's name without whatever no dotted JavaScript name contains; InvalidCallback if none is left."""
    if len(text) > MAX_CALLBACK:
        raise InvalidCallback(f"The callback's name has more than {MAX_CALLBACK} characters.", length=len(text))
    name = _NOT_IN_A_NAME.sub("", text)
    if not _CALLBACK.fullmatch(name):
        raise InvalidCallback("The callback is no JavaScript name.", callback=name)
    return name


def value_json(value: Value) -> dict[str, Any]:
    """One value. ``permissions`` stands there only when they are unusual, ``timestamp`` only when known."""
    shown: dict[str, Any] = {
        "index": value.index,
        "type": value.type,
        "data": data_json(value.type, value.data),
    }
    if value.permissions != USUAL_PERMISSIONS:
        shown["permissions"] = f"{value.permissions & 15:04b}"
    shown["ttl"] = value.ttl if value.ttl_type == TTL_RELATIVE else time_text(value.ttl)
    if value.timestamp:
        shown["timestamp"] = time_text(value.timestamp)
    if value.references:
        shown["references"] = [reference_json(reference) for reference in value.references]
    return shown


def value_from_json(obj: Any, path: str = "$") -> Value:
    """The value that decoded JSON describes; ``path`` says where ``obj`` stands in what the client sent.

    ``index``, ``type`` and ``data`` are needed, ``data`` may be a bare string. Raises InvalidValueJson.
    """
    place = JsonPlace(obj, path)
    optional = ("ttl", "timestamp", "permissions", "references")
    members = place.members(("index", "type", "data"), optional)
    ttl, ttl_type = DEFAULT_TTL, TTL_RELATIVE
    if "ttl" in members:
        absolute = isinstance(members["ttl"].value, str)
        ttl = _seconds(members["ttl"]) if absolute else members["ttl"].integer()
        ttl_type = TTL_ABSOLUTE if absolute else TTL_RELATIVE
    permissions = USUAL_PERMISSIONS
    if "permissions" in members:
        permissions = int(members["permissions"].matching(_PERMISSIONS, "four characters 0 and 1")[0], 2)
    references = members["references"].items() if "references" in members else []
    return Value(
        index=members["index"].integer(),
        type=members["type"].text(),
        data=data_from_json(members["data"]),
        ttl=ttl,
        ttl_type=ttl_type,
        permissions=permissions,
        timestamp=_seconds(members["timestamp"]) if "timestamp" in members else 0,
        references=tuple(reference_from_json(item) for item in references),
    )


def encode(body: Any, *, pretty: bool = False) -> bytes:
    """JSON, on one line or for people."""
    encoded = _encoder.encode(body)
    return msgspec.json.format(encoded, indent=2) if pretty else encoded


def time_text(seconds: int) -> str:
    """A Unix time, as ``timestamp`` shows it."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19] + "Z"


def _seconds(place: JsonPlace) -> int:
    """Seconds since 1970 of an ISO time with its zone; fractions are dropped, as the protocol has none."""
    what = "a time such as 2023-11-14T22:13:20Z"
    text = place.matching(_TIME, what)[0]
    try:
        seconds = (datetime.fromisoformat(text) - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError) as fault:
        raise place.fault(f"is not {what}") from fault
    if not INT_LOW <= seconds <= INT_HIGH:
        raise place.fault("is not between the years 1901 and 2038")
    return seconds
