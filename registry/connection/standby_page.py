"""Pages of standby records as they travel: a line with the facts, a line for each record, packed with zstd.

A record goes whole, but for what is answered to nobody, and a value that is not public goes as not public: whoever
answers from it shows only what carries the permission. The digest of a record is that of exactly these bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
import structlog

from node.identifier import fold
from node.national.bulk import StandbyPage, StandbyRecord
from node.packing import packed
from node.record import InvalidRecord, check_record, decode_values, encode_values, without_public_read

log = structlog.get_logger("standby")

_SECRET = "HS_SECKEY"  # noqa: S105 - the name of a type
_SECRET_OCTETS = _SECRET.encode()


def page_of(head: StandbyPage, records: Iterable[StandbyRecord]) -> bytes:
    """The bytes of a page; ``head.rows`` is the number of its records."""
    return packed(msgspec.json.Encoder().encode_lines((head, *records)))


def standby_records(rows: Iterable[Any]) -> list[StandbyRecord]:
    """The records of rows with ``name``, ``record`` (none: answered no more) and ``hidden``."""
    return [
        StandbyRecord(name=row["name"], record=answered_record(row["record"], row["hidden"] or ())) for row in rows
    ]


def answered_record(record: bytes | None, hidden: Collection[int] = ()) -> bytes:
    """A stored record as it lies above, empty where nothing is answered.

    ``hidden`` are the indexes that an owner's scopes close. One that is damaged here is answered nowhere.
    """
    if record is None:
        return b""
    try:
        check_record(record)
        if _SECRET_OCTETS in record.upper():  # seldom, and then most often as a type
            record = encode_values(value for value in decode_values(record) if fold(value.type) != _SECRET)
        return without_public_read(record, hidden) if hidden else record
    except InvalidRecord as error:
        log.warning("standby_record_damaged", detail=error.detail)
        return b""
