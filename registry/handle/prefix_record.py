"""What the record of a prefix may say, and what a change makes of it; pure.

Values whose data administrators, groups, sites or keys are read from must be readable, or the prefix would lose them
unnoticed. A secret key is only its octets: permissions, life and references that came with it are dropped, for
nobody is ever answered it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from node.administration import (
    SECRET_KEY,
    AddValues,
    CreateHandle,
    DeleteHandle,
    HandleExists,
    InvalidValue,
    ModifyValues,
    RemoveValues,
    ValueExists,
    ValueUnknown,
)
from node.handle_data import decode_admin, decode_public_key, decode_site, decode_vlist
from node.identifier import fold
from node.record import ADMIN_READ, ADMIN_WRITE, InvalidRecord, Record, Value, check_values, encode_values
from registry.handle.permissions import RecordChange

SECRET_OCTETS = range(8, 1025)
MOST_SECRETS = 64
_READABLE: dict[str, Callable[[bytes], object]] = {
    "HS_ADMIN": decode_admin,
    "HS_VLIST": decode_vlist,
    "HS_PUBKEY": decode_public_key,
    "HS_SITE": decode_site,
    "HS_NA_DELEGATE": decode_site,
}


def check_sane(change: RecordChange) -> None:
    """What is wrong with the values themselves.

    Raises ``InvalidValue`` with the ``index``, InvalidIndex, DuplicateIndex.
    """
    if not isinstance(change, CreateHandle | AddValues | ModifyValues):
        return
    check_values(change.values)
    for value in change.values:
        _check_readable(value)


def changed(change: RecordChange, standing: Record, handle: str, at: datetime) -> Record:
    """The record after the change, by index; what the change touches is stamped with its time.

    A handle without values can be created or added to. Raises ``HandleExists``, ``ValueExists``, ``ValueUnknown``;
    ``InvalidValue`` when the record grows too large.
    """
    before = {value.index: value for value in standing}
    after = dict(before)
    stamp = int(at.timestamp())
    match change:
        case CreateHandle(values=values, overwrite=overwrite):
            if before and not overwrite:
                raise HandleExists(f"{handle} exists already", handle=handle)
            after = {value.index: value for value in values}
        case DeleteHandle():
            after = {}
        case AddValues(values=values, overwrite=overwrite):
            taken = next((value.index for value in values if value.index in before), None)
            if taken is not None and not overwrite:
                raise ValueExists(f"{handle} has a value {taken} already", index=taken)
            after |= {value.index: value for value in values}
        case ModifyValues(values=values):
            _demand(before, [value.index for value in values], handle)
            after |= {value.index: value for value in values}
        case RemoveValues(indexes=indexes):
            _demand(before, indexes, handle)
            after = {index: value for index, value in before.items() if index not in indexes}
    record = tuple(_stamped(value, before.get(index), stamp) for index, value in sorted(after.items()))
    _check_size(record)
    return record


def is_secret(value: Value) -> bool:
    """Whether the value is a secret key."""
    return fold(value.type) == SECRET_KEY


def secret_value(index: int, secret: bytes, stored_at: datetime) -> Value:
    """A stored secret key as a value among the others, for changes only."""
    return Value(
        index, SECRET_KEY, secret, permissions=ADMIN_READ | ADMIN_WRITE, timestamp=int(stored_at.timestamp())
    )


def to_json(record: Record) -> list[dict[str, Any]]:
    """What history keeps of a record; of a secret key, that it is there."""
    return [
        {"index": value.index, "type": value.type}
        if is_secret(value)
        else {
            "index": value.index,
            "type": value.type,
            "data": base64.b64encode(value.data).decode(),
            "ttl": value.ttl,
            "permissions": value.permissions,
        }
        for value in record
    ]


def _stamped(value: Value, old: Value | None, stamp: int) -> Value:
    if is_secret(value):
        value = Value(value.index, SECRET_KEY, value.data, permissions=ADMIN_READ | ADMIN_WRITE)
    if old is not None and replace(value, timestamp=old.timestamp) == old:
        return old
    return replace(value, timestamp=stamp)


def _check_readable(value: Value) -> None:
    kind = fold(value.type)
    if kind == SECRET_KEY and len(value.data) not in SECRET_OCTETS:
        raise InvalidValue(
            f"value {value.index}: a secret key has 8 to 1,024 octets, this one {len(value.data)}", index=value.index
        )
    reader = decode_site if kind.startswith("HS_SITE.") else _READABLE.get(kind)
    if reader is None:
        return
    try:
        reader(value.data)
    except InvalidRecord as fault:
        raise InvalidValue(f"value {value.index} is no {kind}: {fault.detail}", index=value.index) from fault


def _check_size(record: Record) -> None:
    if sum(map(is_secret, record)) > MOST_SECRETS:
        raise InvalidValue(f"the handle of a prefix has at most {MOST_SECRETS} secret keys", limit=MOST_SECRETS)
    try:
        encode_values(record)
    except InvalidRecord as fault:
        raise InvalidValue(fault.detail, **fault.evidence) from fault


def _demand(before: dict[int, Value], indexes: list[int] | tuple[int, ...], handle: str) -> None:
    missing = next((index for index in indexes if index not in before), None)
    if missing is not None:
        raise ValueUnknown(f"{handle} has no value {missing}", index=missing)
