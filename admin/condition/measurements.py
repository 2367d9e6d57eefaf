"""What the processes of this machine measured since their start, from their metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.samples import Sample

from node import metrics
from node.auth import Account, Action, require


@dataclass(frozen=True, slots=True)
class Measured:
    """Sums over all workers; ``http_failures`` were answered with 500 or above."""

    cache_hits: int
    cache_stale: int
    cache_entries: int
    cache_evictions: int
    lookups: int
    workers_listening: int
    http_requests: int
    http_failures: int

    @property
    def hit_share(self) -> float | None:
        """Of what was asked of cache or database, so much the cache answered; ``None`` before the first question."""
        asked = self.cache_hits + self.lookups
        return self.cache_hits / asked if asked else None


_NAMES = {
    "biaoshi_cache_hits_total": "cache_hits",
    "biaoshi_cache_stale_total": "cache_stale",
    "biaoshi_cache_entries": "cache_entries",
    "biaoshi_cache_evictions_total": "cache_evictions",
    "biaoshi_lookups_total": "lookups",
    "biaoshi_notices_heard": "workers_listening",
    "biaoshi_http_requests_total": "http_requests",
}


async def measured(account: Account) -> Measured:
    """The measurements now. Raises ``NotAllowed``."""
    require(account, Action.NODE_READ, None)
    return measured_of(await asyncio.to_thread(metrics.samples))  # several workers keep their numbers in files


def measured_of(samples: Iterable[Sample]) -> Measured:
    """The measurements that these samples make up."""
    sums = dict.fromkeys((*_NAMES.values(), "http_failures"), 0)
    for sample in samples:
        if sample.name in _NAMES:
            sums[_NAMES[sample.name]] += int(sample.value)
        if sample.name == "biaoshi_http_requests_total" and sample.labels["status"] >= "500":
            sums["http_failures"] += int(sample.value)
    return Measured(**sums)
