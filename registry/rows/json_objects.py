"""One JSON object as a row: flat, each key once, its values text, numbers, true, false, null or a list of these.

Numbers keep their digits: a whole number becomes an ``int`` of any size, every other number a ``Decimal`` made
from its own text, so that 1.10 stays 1.10 and 12345678901234567890 loses nothing.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from registry.rejection import MAX_ROW, Code, Fault

Scalar = str | int | Decimal | bool | None
"""What a JSON value may be here, or a member of a list."""

DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation)
"""What ``decode`` raises for octets that are no JSON."""

_SPACED_COLONS = (b" :", b"\t:", b"\r:", b"\n:")

decode = msgspec.json.Decoder(float_hook=Decimal).decode


def surely_row(raw: bytes, fields: dict[str, Any]) -> bool:
    """True only if no value is nested deeper than a list and no key comes twice, told by counting octets.

    Each key ends in a quote before its colon, so that with no space before a colon there are at most as many
    keys as there are ``":``. Text that contains these characters makes the answer False, never wrongly True.
    """
    return (
        raw.count(b"{") == 1
        and (
            raw.count(b":") == len(fields)
            or (raw.count(b'":') == len(fields) and not any(colon in raw for colon in _SPACED_COLONS))
        )
        and (b"[" not in raw or _nested_key(fields) is None)
    )


def shape_fault(raw: bytes, value: object) -> Fault | None:
    """What keeps a decoded JSON text from being a row, if anything does."""
    if len(raw) > MAX_ROW:
        return Code.ROW_TOO_LONG.fault(limit=MAX_ROW)
    if type(value) is not dict:
        return Code.NOT_AN_OBJECT.fault()
    if (key := _nested_key(value)) is not None:
        return Code.NESTED_VALUE.fault(key)
    seen: set[str] = set()
    # Hardly nested by now: the slower standard reader cannot recurse far, and keeps every pair.
    for key, _ in json.loads(raw, object_pairs_hook=list, parse_int=str, parse_float=str):
        if key in seen:
            return Code.DUPLICATE_KEY.fault(key)
        seen.add(key)
    return None


def decode_fault(raw: bytes, error: Exception) -> Fault:
    """Why a text is no JSON; ``error`` is what ``decode`` raised."""
    if len(raw) > MAX_ROW:
        return Code.ROW_TOO_LONG.fault(limit=MAX_ROW)
    if isinstance(error, RecursionError):
        return Code.NESTED_VALUE.fault()
    try:
        raw.decode()
    except UnicodeDecodeError as place:
        return Code.NOT_UTF8.fault(position=place.start + 1)
    reason = "a number is out of range" if isinstance(error, InvalidOperation) else str(error)
    return Code.BAD_JSON.fault(reason=reason)


def _nested_key(fields: dict[str, Any]) -> str | None:
    """The first key whose value is neither a scalar nor a list of scalars."""
    for key, member in fields.items():
        if type(member) is dict:
            return key
        if type(member) is list and any(type(one) is list or type(one) is dict for one in member):
            return key
    return None
