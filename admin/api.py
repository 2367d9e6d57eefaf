"""The desk's part of ``/v1``: statistics, public monitoring, acceptance, uploads; put together for every worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from admin.acceptance.acceptance import Acceptance
from admin.acceptance.routes import acceptance_routes
from admin.statistics.monitoring import Monitoring
from admin.statistics.monitoring_routes import monitoring_routes
from admin.statistics.routes import statistics_routes
from admin.statistics.statistics import Clock, Statistics
from admin.uploads.routes import upload_routes
from admin.uploads.uploads import Uploads
from node.database import Pool
from node.rate_limit import RateLimit
from node.routes import Route


@dataclass(frozen=True, slots=True)
class FigureCases:
    """What the routes stand in front of; ``public_limit`` is that of each source's network."""

    statistics: Statistics
    monitoring: Monitoring
    acceptance: Acceptance
    uploads: Uploads
    public_limit: RateLimit


def figure_cases(
    pool: Pool,
    clock: Clock,
    ticks: Callable[[], float],
    public_limit: RateLimit,
    acceptance: Acceptance,
    uploads: Uploads,
) -> FigureCases:
    """The use cases on one pool; ``ticks`` are seconds that never go back."""
    return FigureCases(
        statistics=Statistics(pool, clock),
        monitoring=Monitoring(pool, clock, ticks),
        acceptance=acceptance,
        uploads=uploads,
        public_limit=public_limit,
    )


def figure_routes(cases: FigureCases) -> list[Route]:
    """Every operation of the desk."""
    return [
        *statistics_routes(cases.statistics),
        *monitoring_routes(cases.monitoring, cases.public_limit),
        *acceptance_routes(cases.acceptance),
        *upload_routes(cases.uploads),
    ]
