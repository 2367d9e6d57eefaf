"""``/v1/statistics``: everything the steward summed up, for those who may see it."""

from __future__ import annotations

from admin.statistics.series_routes import series_routes
from admin.statistics.standing_routes import standing_routes
from admin.statistics.statistics import Statistics
from node.routes import Route


def statistics_routes(statistics: Statistics) -> list[Route]:
    """Every route of the statistics."""
    return [*standing_routes(statistics), *series_routes(statistics)]
