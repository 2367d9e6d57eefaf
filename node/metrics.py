"""Prometheus metrics every process shares, and their page.

With several workers each process writes its numbers into a common directory (``PROMETHEUS_MULTIPROC_DIR``, set
by the supervisor before anything is imported), so that whichever worker answers shows the sum of all.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Mapping

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.samples import Sample

_SNMS = ("/snms/", "/identity/", "/identityv2/", "/api/identityv2/")
_IDHUB = ("/api/v1/doip", "/api/v1/open/", "/api/v1/single-handle/")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

REQUESTS = Counter("biaoshi_http_requests_total", "HTTP requests answered", ["family", "method", "status"])
LABORATORY = Gauge(
    "biaoshi_laboratory", "1 on a laboratory node, whose numbers are 实验数据", multiprocess_mode="livemax"
)
LATENCY = Histogram(
    "biaoshi_http_request_seconds",
    "Time from request head to answer",
    ["family"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


def family_of(path: str) -> str:
    """A bounded label for a path: paths of identifiers are without number."""
    if path.startswith("/v1/"):
        return "v1"
    if path.startswith(_SNMS):
        return "snms"
    if path.startswith(_IDHUB):
        return "idhub"
    if path.startswith("/api/"):
        return "handle_json"
    if path.startswith(("/healthz", "/readyz", "/metrics")):
        return "observe"
    return "proxy"


def observe_many(family: str, latencies: Mapping[float, int]) -> None:
    """Many observations of the latency of a family of paths, by seconds: what each alone would do, with one addition
    a bucket.
    """
    child = LATENCY.labels(family)
    bounds, buckets = child._upper_bounds, Counts[int]()
    for seconds, number in latencies.items():
        buckets[bisect_left(bounds, seconds)] += number
    child._sum.inc(sum(seconds * number for seconds, number in latencies.items()))
    for bucket, number in buckets.items():
        child._buckets[bucket].inc(number)


def page() -> bytes:
    """All metrics in the text format: of every worker when there are several."""
    return generate_latest(_registry())


def samples() -> list[Sample]:
    """The same as values: each has a name, labels and a value."""
    return [sample for metric in _registry().collect() for sample in metric.samples]


def forget(pid: int, folder: str) -> None:
    """The gauges of a process that has ended are no longer true."""
    mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]  # the library has no annotation here


def _registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no annotation here
    return registry
