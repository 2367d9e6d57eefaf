"""Entries of a cache as the bench makes them, and caches that are filled with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from resolver.answer import Entry, Key
from resolver.cache import Cache

RECORD = 220
"""Bytes of a usual record: four values."""
USUAL = 640
"""Bytes that its entry is counted as."""
PREFIXES = 200
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def key_of(number: int) -> Key:
    """As a question brings it: texts of its own."""
    return f"88.101.{number % PREFIXES}", f"PUMP-{number:09d}"


def entry_of(number: int, record: int = RECORD) -> Entry:
    """As the database gives it: nothing but the enterprise's name is shared with another."""
    at = _BEGAN + timedelta(seconds=number)
    content = number.to_bytes(8, "big") * (record // 8 + 1)
    return Entry(
        "/".join(key_of(number)), content[:record], 1000 + number % 7, 1, at, at, "中山示例水泵有限公司", None
    )


def put(cache: Cache, number: int, entry: Entry) -> int:
    """As a look-up that landed."""
    return cache.land(cache.depart(key_of(number), cast("Any", None)), entry, float(number))


def new_cache(bound: int) -> Cache:
    """One that hears notices, with so many bytes for what was found."""
    cache = Cache(found_bytes=bound, missing_bytes=16 << 20, missing_seconds=10, stale_seconds=86_400)
    cache.resumed()
    return cache


def bound_of(entries: int) -> int:
    """Bytes for so many usual entries."""
    return entries * USUAL


def full(entries: int, values: list[Entry]) -> Cache:
    """A cache that keeps the first ``entries`` of the values."""
    cache = new_cache(2 * bound_of(entries))
    for number in range(entries):
        put(cache, number, values[number])
    return cache
