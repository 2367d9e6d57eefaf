"""``/v1/node``: what waits for somebody, and what the processes measured."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from admin.condition.measurements import measured
from admin.condition.tasks import Tasks
from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.fields import View

_TAG = "node"


class TasksView(View):
    """``enterprises_ending`` within 30 days, ``enterprises_ended`` before today; ``gaps`` touch the last 30 days."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    reviews_open: int
    oldest_review_at: datetime | None
    batches_running: int
    batches_paused: int
    requests_open: int
    requests_overdue: int
    enterprises_ending: int
    enterprises_ended: int
    gaps: int
    messages_refused: int
    instructions_open: int
    uploads_waiting: int


class MeasurementsView(View):
    """Of all workers of this machine since their start; ``http_failures`` were answered with 500 or above."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    cache_hits: int
    cache_stale: int
    cache_entries: int
    cache_evictions: int
    hit_share: Annotated[float | None, Field(description="hits of hits and look-ups; null before the first")]
    lookups: int
    workers_listening: int
    http_requests: int
    http_failures: int


def condition_routes(tasks: Tasks) -> list[Route]:
    """Both routes."""

    async def waiting(call: Call) -> Reply:
        return Reply(TasksView.model_validate(await tasks.numbers(call.account)))

    async def measurements(call: Call) -> Reply:
        return Reply(MeasurementsView.model_validate(await measured(call.account)))

    return [
        Route("GET", "/v1/node/tasks", waiting, action=Action.NODE_READ, tag=_TAG,
              summary="What waits for somebody, runs, or went wrong, in numbers", summary_zh="待办与异常",
              answers={200: TasksView}),
        Route("GET", "/v1/node/measurements", measurements, action=Action.NODE_READ, tag=_TAG,
              summary="What the node's processes measured since their start", summary_zh="运行度量",
              answers={200: MeasurementsView}),
    ]  # fmt: skip
