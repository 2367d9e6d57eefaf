"""One source asks for a large part of a day (来源集中)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from admin.statistics.digest.day import Day
from admin.statistics.digest.rule import DigestRule


def source_share(day: Day, rule: DigestRule) -> Iterator[int]:
    """The rows of every network (/24, /56) that has more than its share of the whole node's day."""
    total = len(day.at)
    if total < rule.least:
        return
    of_network: Counter[int] = Counter()
    for client, resolutions in Counter(day.client).items():
        of_network[day.networks[client]] += resolutions
    large = {network for network, resolutions in of_network.items() if resolutions > rule.source_share * total}
    if not large:
        return
    clients = {client for client, network in enumerate(day.networks) if network in large}
    for row, client in enumerate(day.client):
        if client in clients:
            yield row
