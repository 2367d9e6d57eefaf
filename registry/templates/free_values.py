"""Free values: what a record may hold beside the attributes of its template.

Registrations by ``/v1`` make none; the Handle protocol does, and they are kept, exported and restored as they came.
Some types of the Handle System belong to the records of prefixes (0.NA/…) alone: in an identifier a site or service
would send clients elsewhere, and a secret key would stand among data that is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from node.handle_data import decode_admin, decode_public_key, decode_vlist
from node.identifier import fold
from node.record import InvalidRecord, Value, encode_value
from registry.rejection import Code, Fault

MAX_TYPE = 255
"""Characters of a type."""

_OF_PREFIXES_ONLY = ("HS_SECKEY", "HS_SITE", "HS_SERV", "HS_NA_DELEGATE", "HS_NAMESPACE")
_DECODERS: Mapping[str, Callable[[bytes], object]] = {
    "HS_ADMIN": decode_admin,
    "HS_VLIST": decode_vlist,
    "HS_PUBKEY": decode_public_key,
}


def free_value_fault(value: Value) -> Fault | None:
    """What forbids a value as a free value of an identifier, by its index."""
    place, kind = str(value.index), fold(value.type)
    if value.index <= 0:
        return Code.BAD_INDEX.fault(place)
    if not 0 < len(value.type) <= MAX_TYPE or not value.type.isprintable():
        return Code.BAD_VALUE_TYPE.fault(place, limit=MAX_TYPE)
    # HS_SITE.6 and HS_SERV.PREFIX are of the kind of HS_SITE and HS_SERV.
    if any(kind == name or kind.startswith(f"{name}.") for name in _OF_PREFIXES_ONLY):
        return Code.TYPE_OF_PREFIXES.fault(place, type=value.type)
    if not 0 <= value.permissions <= 15 or value.ttl < 0:
        return Code.VALUE_OUT_OF_RANGE.fault(place)
    try:
        encode_value(value)
        decode = _DECODERS.get(kind)
        if decode is not None:
            decode(value.data)
    except InvalidRecord as error:
        return Code.VALUE_UNREADABLE.fault(place, type=value.type, reason=error.detail)
    return None
