"""An enterprise resolves its own identifiers (自解析)."""

from __future__ import annotations

from collections.abc import Iterator

from admin.statistics.digest.day import Day
from admin.statistics.digest.rule import DigestRule


def own_tenant(day: Day, _rule: DigestRule) -> Iterator[int]:
    """The rows of clients from which an account of the prefix's holder acted that day, before or after."""
    acting = {number: day.tenants[client] for number, client in enumerate(day.clients) if client in day.tenants}
    if not acting:
        return
    for row, (client, prefix) in enumerate(zip(day.client, day.prefix, strict=True)):
        if client in acting and day.holders[prefix] in acting[client]:
            yield row
