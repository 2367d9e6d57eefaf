"""How long values hold, by their owner's word."""

from __future__ import annotations

from collections.abc import Iterable

from node.record import TTL_RELATIVE, Value


def smallest_ttl(values: Iterable[Value], now: float) -> int:
    """Seconds for which all of the values, of which there are some, hold from ``now`` (Unix time)."""
    return max(0, min(value.ttl if value.ttl_type == TTL_RELATIVE else value.ttl - int(now) for value in values))
