"""The resolver's numbers for Prometheus; one set per process, summed over the workers by ``node.metrics``."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

RESOLUTIONS = Counter(
    "biaoshi_resolutions_total", "Resolutions that count, by door and outcome", ["interface", "outcome"]
)
CACHE_HITS = Counter("biaoshi_cache_hits_total", "Resolutions answered from fresh entries of the cache")
CACHE_STALE = Counter("biaoshi_cache_stale_total", "Resolutions answered stale while the database was away")
CACHE_EVICTIONS = Counter("biaoshi_cache_evictions_total", "Entries that gave way to others")
CACHE_ENTRIES = Gauge("biaoshi_cache_entries", "Entries in the cache", multiprocess_mode="livesum")
CACHE_BYTES = Gauge("biaoshi_cache_bytes", "Memory that they occupy", multiprocess_mode="livesum")
CACHE_WARMED = Counter("biaoshi_cache_warmed_total", "Entries loaded at the start because they used to be asked for")
LISTENING = Gauge("biaoshi_notices_heard", "Processes that hear the writer's notices", multiprocess_mode="livesum")
LOOKUPS = Counter("biaoshi_lookups_total", "Identifiers looked up in the database")
LOOKUPS_AT_PRIMARY = Counter(
    "biaoshi_lookups_at_primary_total", "Of these, asked at the primary because the replica may not have them yet"
)
REPLICA_BEHIND = Gauge(
    "biaoshi_replica_behind_seconds",
    "For how long the replica has lacked what was heard",
    multiprocess_mode="livemax",
)
LOOKUP_BATCHES = Counter("biaoshi_lookup_batches_total", "Statements that looked them up")
HANDLE_CONNECTIONS = Gauge(
    "biaoshi_handle_connections", "Open TCP connections of the Handle protocol", multiprocess_mode="livesum"
)
HANDLE_TURNED_AWAY = Counter("biaoshi_handle_connections_turned_away_total", "Connections above the bounds")
HANDLE_REQUESTS = Counter("biaoshi_handle_requests_total", "Messages of the Handle protocol answered", ["transport"])
HANDLE_LIMITED = Counter(
    "biaoshi_handle_answers_limited_total", "Long answers by UDP held back because their network had its share"
)
HANDLE_REASSEMBLIES_DROPPED = Counter(
    "biaoshi_handle_reassemblies_dropped_total", "Fragmented requests given up before they were complete"
)
HANDLE_DROPPED = Counter("biaoshi_handle_datagrams_dropped_total", "Datagrams not answered", ["reason"])
RECURSIONS = Counter("biaoshi_recursions_total", "Resolutions at other nodes, by what was answered", ["answered"])
RECURSION_QUESTIONS = Counter(
    "biaoshi_recursion_questions_total", "Questions to servers of other nodes, by what came of them", ["came"]
)
