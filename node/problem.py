"""Errors as ``application/problem+json`` (RFC 9457): one table from the categories to HTTP statuses."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from node.errors import (
    Conflict,
    Forbidden,
    Internal,
    Malformed,
    NodeError,
    NotFound,
    TooMany,
    Unauthenticated,
    Unavailable,
    category_of,
)

CONTENT_TYPE = "application/problem+json"

HTTP_STATUS: dict[type[NodeError], int] = {
    Malformed: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooMany: 429,
    Unavailable: 503,
    Internal: 500,
}

# Facts about HTTP itself have their own status below their category.
SPECIAL_STATUS: dict[str, int] = {
    "method_not_supported": 405,
    "body_too_large": 413,
    "body_too_slow": 408,
    "unsupported_media_type": 415,
    "idempotency_key_reused": 422,
    "registry_elsewhere": 421,
}


def status_of(error: NodeError) -> int:
    """The HTTP status of an error."""
    return SPECIAL_STATUS.get(error.code, HTTP_STATUS[category_of(error)])


def problem(error: NodeError, request_id: str = "") -> bytes:
    """The body: code, Chinese title, English detail, and the evidence as members of their own."""
    content: dict[str, Any] = {
        **error.evidence,
        "type": f"urn:biaoshi:error:{error.code}",
        "code": error.code,
        "title": error.title_zh,
        "status": status_of(error),
        "detail": error.detail,
    }
    if request_id:
        content["request_id"] = request_id
    try:
        return msgspec.json.encode(content, enc_hook=str)
    except UnicodeEncodeError:  # a header that was not UTF-8, for example: its halves of pairs as escapes
        return json.dumps(content, default=str).encode()


def headers_of(error: NodeError) -> dict[str, str]:
    """Headers that a status demands: how to authenticate, when to come back."""
    status = status_of(error)
    if status == 401:
        return {"WWW-Authenticate": 'Bearer realm="biaoshi"'}
    if status in (429, 503):
        return {"Retry-After": str(error.evidence.get("retry_after", 1))}
    return {}
