"""``/v1/public/trace``: how an identifier is resolved, hop by hop (解析路径), for everybody, so often a minute."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from node.identifier import InvalidIdentifier, InvalidPrefix, InvalidSuffix
from node.rate_limit import RateLimit, TooManyRequests
from node.routes import Call, Reply, Route
from resolver.http.handle_json import value_json
from resolver.recursion.hop import Came
from resolver.recursion.tracing import Traced, Tracer


class TraceQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    identifier: Annotated[
        str, Field(min_length=1, max_length=255, description="an identifier", examples=["88.102.7/P-1"])
    ]


class HopView(BaseModel):
    """One question to one server; ``code`` is its response code, null where it gave none or was not asked."""

    model_config = ConfigDict(from_attributes=True)

    server: str
    question: str
    came: Came
    code: int | None
    milliseconds: float
    detail: str


class TraceView(BaseModel):
    """``came`` is what the resolution ended with, ``server`` who said so; ``values`` as the Handle System's JSON."""

    identifier: str
    came: Came
    server: str
    detail: str
    hops: list[HopView]
    values: list[dict[str, Any]]

    @classmethod
    def of(cls, identifier: str, traced: Traced) -> TraceView:
        return cls(
            identifier=identifier,
            came=traced.came,
            server=traced.server,
            detail=traced.detail,
            hops=[HopView.model_validate(hop) for hop in traced.hops],
            values=[value_json(value) for value in traced.values],
        )


def trace_routes(tracer: Tracer, limit: RateLimit) -> list[Route]:
    """The one route; ``limit`` is that of each source's network."""

    async def trace(call: Call, query: TraceQuery) -> Reply:
        limit.require(call.source)
        traced = await tracer.trace(query.identifier, call.source)
        return Reply(TraceView.of(query.identifier, traced), headers={"Cache-Control": "no-store"})

    return [
        Route("GET", "/v1/public/trace", trace, action=None, tag="monitoring",
              summary="How an identifier is resolved, hop by hop", summary_zh="解析路径",
              query=TraceQuery, answers={200: TraceView},
              errors=(InvalidIdentifier, InvalidPrefix, InvalidSuffix, TooManyRequests)),
    ]  # fmt: skip
