"""Free values in exported rows: one JSON text that holds everything of them, and the way back to the same octets.

    [{"index": 100, "type": "HS_ADMIN", "data": "D/8AAAAO…", "written_at": "2026-11-21T09:30:10+00:00"},
     {"index": 7, "type": "DESC", "text": "…", "written_at": "…", "ttl": 60, "permissions": 10}]

``text`` is data that is UTF-8, ``data`` any other in base64; members that say the usual are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from node.record import DEFAULT_TTL, USUAL_PERMISSIONS, InvalidRecord, Reference, Value, decode_value, encode_value
from registry.templates.free_values import free_value_fault


class InvalidFreeValues(Exception):
    """The text is not one of ours; only ``restored_rows.py`` sees it."""


class _Told(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    index: int
    type: str
    written_at: datetime
    text: str | None = None
    data: bytes | None = None  # written as base64
    ttl: int | None = None  # the default one
    ttl_type: int = 0
    permissions: int = USUAL_PERMISSIONS
    references: tuple[tuple[str, int], ...] = ()


_read = msgspec.json.Decoder(tuple[_Told, ...]).decode


def free_values_text(octets: Sequence[bytes]) -> str:
    """The JSON text of encoded values."""
    return msgspec.json.encode([_told(decode_value(one, 0)[0]) for one in octets]).decode()


def read_free_values(text: object) -> Mapping[int, bytes]:
    """The octets of the values by their indexes. Raises ``InvalidFreeValues``."""
    if text is None or text == "":
        return {}
    if not isinstance(text, str):
        raise InvalidFreeValues
    try:
        values = [_value(told) for told in _read(text)]
        octets = {value.index: encode_value(value) for value in values}
    except (msgspec.DecodeError, RecursionError, InvalidRecord, OverflowError) as error:
        raise InvalidFreeValues from error
    if len(octets) < len(values) or any(free_value_fault(value) for value in values):
        raise InvalidFreeValues
    return octets


def _told(value: Value) -> _Told:
    told = _Told(
        index=value.index,
        type=value.type,
        written_at=datetime.fromtimestamp(value.timestamp, UTC),
        ttl=None if value.ttl == DEFAULT_TTL else value.ttl,
        ttl_type=value.ttl_type,
        permissions=value.permissions,
        references=tuple((reference.handle, reference.index) for reference in value.references),
    )
    try:
        told.text = value.data.decode()
    except UnicodeDecodeError:
        told.data = value.data
    return told


def _value(told: _Told) -> Value:
    if (told.text is None) == (told.data is None) or told.written_at.tzinfo is None:
        raise InvalidFreeValues
    return Value(
        index=told.index,
        type=told.type,
        data=told.data if told.data is not None else str(told.text).encode(),
        ttl=DEFAULT_TTL if told.ttl is None else told.ttl,
        ttl_type=told.ttl_type,
        permissions=told.permissions,
        timestamp=int(told.written_at.timestamp()),
        references=tuple(Reference(handle, index) for handle, index in told.references),
    )
