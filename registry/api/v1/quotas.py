"""``/v1/prefixes/{prefix}/quota``: how much may be registered under a prefix."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Self

from pydantic import Field

from node.auth import Action
from node.identifier import InvalidPrefix, Prefix
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Version, View
from registry.api.v1.mappings import RemovalQuery
from registry.commerce.quotas import Quota, Quotas, QuotaUnknown
from registry.prefixes import PrefixUnknown
from registry.store import VersionChanged

_TAG = "quotas"
_ONE = "/v1/prefixes/{prefix}/quota"
_Count = Annotated[int, Field(ge=0, le=2**62)]


class QuotaBody(Body):
    """Bounds anew; one that is left out is none. ``version`` is that which was read, none for the first."""

    identifiers: Annotated[_Count, Field(description="all identifiers that were ever registered")] | None = None
    daily_registrations: Annotated[_Count, Field(description="registrations of a day, Asia/Shanghai")] | None = None
    version: Version | None = None


class QuotaView(View):
    """A quota and what was counted: in all, and on ``day``."""

    identifiers: int | None
    daily_registrations: int | None
    registered: int
    day: date | None
    registered_today: int
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, quota: Quota) -> Self:
        """The answer about one quota."""
        return cls(**asdict(quota))


def quota_routes(quotas: Quotas) -> list[Route]:
    """Every route of quotas."""

    def named(call: Call) -> Prefix:
        return Prefix.parse_derived(call.text("prefix"))

    async def read(call: Call) -> Reply:
        return Reply(QuotaView.of(await quotas.get(call.account, named(call))))

    async def replace(call: Call, body: QuotaBody) -> Reply:
        quota = await quotas.set(
            call.account, call.actor, named(call), body.identifiers, body.daily_registrations, body.version
        )
        return Reply(QuotaView.of(quota))

    async def remove(call: Call, query: RemovalQuery) -> Reply:
        await quotas.remove(call.account, call.actor, named(call), query.version)
        return Reply(status=204)

    return [
        Route("GET", _ONE, read, action=Action.QUOTA_READ, tag=_TAG,
              summary="The quota of a prefix, and what was counted", summary_zh="查看前缀配额",
              answers={200: QuotaView}, errors=(InvalidPrefix, PrefixUnknown, QuotaUnknown)),
        Route("PUT", _ONE, replace, action=Action.QUOTA_EDIT, tag=_TAG,
              summary="Say how much may be registered under a prefix", summary_zh="设置前缀配额",
              body=QuotaBody, answers={200: QuotaView}, errors=(InvalidPrefix, PrefixUnknown, VersionChanged)),
        Route("DELETE", _ONE, remove, action=Action.QUOTA_EDIT, tag=_TAG,
              summary="Let a prefix have no quota", summary_zh="删除前缀配额",
              query=RemovalQuery, answers={204: None},
              errors=(InvalidPrefix, PrefixUnknown, QuotaUnknown, VersionChanged)),
    ]  # fmt: skip
