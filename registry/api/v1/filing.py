"""``/v1/filing``: who holds a prefix (标识备案查询), for everybody, so often a minute."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from node.identifier import InvalidPrefix, Prefix
from node.rate_limit import RateLimit, TooManyRequests
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Text, View
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor
from registry.filing import FiledPrefix, Filing, FilingUnknown, asked_prefix
from registry.reference_data import divisions, industries
from registry.transitions import PrefixState

_TAG = "filing"


class FilingQuery(Page):
    q: Annotated[
        Text,
        Field(min_length=1, max_length=255, description="a prefix, an identifier, or an enterprise's exact name"),
    ]


class FilingView(View):
    """What is published about a prefix; names are null while their review is under way or the tables lack a code."""

    prefix: str
    state: PrefixState
    hosted: bool
    registered_at: datetime
    changed_at: datetime
    enterprise_number: int
    enterprise_name: str | None
    enterprise_name_en: str | None
    division_name: str | None
    industry_name: str | None

    @classmethod
    def of(cls, filed: FiledPrefix) -> Self:
        """The answer about one prefix."""
        division, industry = divisions().get(filed.division_code), industries().get(filed.industry_code)
        return cls(
            prefix=filed.prefix.key,
            state=filed.state,
            hosted=filed.hosted,
            registered_at=filed.registered_at,
            changed_at=filed.changed_at,
            enterprise_number=filed.enterprise_number,
            enterprise_name=filed.enterprise_name or None,
            enterprise_name_en=filed.enterprise_name_en,
            division_name=division.name if division else None,
            industry_name=industry.name if industry else None,
        )


class FilingList(View):
    items: list[FilingView]
    next_cursor: str | None


async def found(filing: Filing, q: str, after: int, limit: int) -> list[FiledPrefix]:
    """What is filed under a prefix or a name; empty when nothing is."""
    prefix = asked_prefix(q)
    if prefix is None:
        return await filing.of_name(q, after=after, limit=limit)
    try:
        one = await filing.prefix(prefix)
    except FilingUnknown:
        return []
    return [one] if one.prefix_id > after else []


def filing_routes(filing: Filing, limit: RateLimit) -> list[Route]:
    """Every route of filing; ``limit`` is that of each source's network."""

    async def query(call: Call, query: FilingQuery) -> Reply:
        limit.require(call.source)
        filed = await found(filing, query.q, number_cursor(query.cursor) or 0, query.limit + 1)
        shown, cursor = cut(filed, query.limit, lambda one: one.prefix_id)
        return Reply(FilingList(items=[FilingView.of(one) for one in shown], next_cursor=cursor))

    async def one(call: Call) -> Reply:
        limit.require(call.source)
        return Reply(FilingView.of(await filing.prefix(Prefix.parse_derived(call.text("prefix")))))

    return [
        Route("GET", "/v1/filing", query, action=None, tag=_TAG,
              summary="Who holds a prefix, or what an enterprise holds", summary_zh="标识备案查询",
              query=FilingQuery, answers={200: FilingList}, errors=(CursorBroken, TooManyRequests)),
        Route("GET", "/v1/filing/{prefix}", one, action=None, tag=_TAG,
              summary="What is filed under one prefix", summary_zh="前缀备案信息",
              answers={200: FilingView}, errors=(FilingUnknown, InvalidPrefix, TooManyRequests)),
    ]  # fmt: skip
