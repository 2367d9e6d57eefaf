"""The desk's part of ``/v1``: statistics, public monitoring, acceptance, uploads; put together for every worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from admin.acceptance.acceptance import Acceptance
from admin.acceptance.routes import acceptance_routes
from admin.audit.routes import audit_routes
from admin.audit.trail import Audit
from admin.condition.routes import condition_routes
from admin.condition.tasks import Tasks
from admin.reports.reports import Reports
from admin.reports.routes import report_routes
from admin.reports.schedules import Schedules
from admin.settings.effective import Effective
from admin.settings.node_facts import EffectiveSettings
from admin.settings.routes import settings_routes
from admin.statistics.monitoring import Monitoring
from admin.statistics.monitoring_routes import monitoring_routes
from admin.statistics.recount_routes import recount_routes
from admin.statistics.recounts import Recounts
from admin.statistics.routes import statistics_routes
from admin.statistics.statistics import Clock, Statistics
from admin.typesetting import Typesetter
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
    tasks: Tasks
    audit: Audit
    recounts: Recounts
    settings: EffectiveSettings
    acceptance: Acceptance
    uploads: Uploads
    reports: Reports
    schedules: Schedules
    typesetter: Typesetter
    public_limit: RateLimit


def figure_cases(
    pool: Pool,
    clock: Clock,
    ticks: Callable[[], float],
    public_limit: RateLimit,
    acceptance: Acceptance,
    uploads: Uploads,
    reports: Reports,
    typesetter: Typesetter,
    effective: Effective,
) -> FigureCases:
    """The use cases on one pool; ``ticks`` are seconds that never go back."""
    return FigureCases(
        statistics=Statistics(pool, clock),
        monitoring=Monitoring(pool, clock, ticks),
        tasks=Tasks(pool, clock),
        audit=Audit(pool, clock, ticks),
        recounts=Recounts(pool, clock),
        settings=EffectiveSettings(pool, effective),
        acceptance=acceptance,
        uploads=uploads,
        reports=reports,
        schedules=Schedules(pool, clock, reports),
        typesetter=typesetter,
        public_limit=public_limit,
    )


def figure_routes(cases: FigureCases) -> list[Route]:
    """Every operation of the desk."""
    return [
        *statistics_routes(cases.statistics),
        *monitoring_routes(cases.monitoring, cases.public_limit),
        *condition_routes(cases.tasks),
        *audit_routes(cases.audit),
        *recount_routes(cases.recounts),
        *settings_routes(cases.settings),
        *acceptance_routes(cases.acceptance),
        *upload_routes(cases.uploads),
        *report_routes(cases.reports, cases.schedules, cases.typesetter),
    ]
