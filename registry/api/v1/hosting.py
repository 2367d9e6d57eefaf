"""``/v1/prefixes/{prefix}/hosting`` and ``/route``: where the identifiers of a prefix are answered."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field

from node.auth import Action
from node.identifier import InvalidPrefix, Prefix
from node.outward import AddressRefused
from node.rate_limit import TooManyRequests
from node.record import InvalidRecord
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Reason, View
from registry.api.v1.prefixes import PrefixView
from registry.enterprises import EnterpriseNotApproved
from registry.hosting.hosting import PrefixHosting
from registry.hosting.probe import Reach
from registry.hosting.routes import PrefixRoutes, RouteUnknown
from registry.hosting.sites import RouteInvalid, RouteSite, read_site
from registry.prefixes import PrefixDerived, PrefixNotEnabled, PrefixUnknown
from registry.reviews.cases import ReviewClaimedByOther, SecondPersonNeeded
from registry.transitions import TransitionRefused, Verb

_TAG = "prefixes"
_HOSTING = "/v1/prefixes/{prefix}/hosting"
_ROUTE = "/v1/prefixes/{prefix}/route"
_Port = Annotated[int, Field(ge=1, le=65535)]


class SiteBody(Body):
    """One address; a port that is left out is not used, and one at least is."""

    address: Annotated[str, Field(max_length=45, examples=["203.0.113.10", "2001:db8::10"])]
    tcp_port: _Port | None = None
    udp_port: _Port | None = None
    http_port: _Port | None = None

    def site(self) -> RouteSite:
        """The domain value. Raises ``RouteInvalid``."""
        return read_site(self.address, tcp_port=self.tcp_port, udp_port=self.udp_port, http_port=self.http_port)


class RouteBody(Body):
    """One IPv4 address, one IPv6 address, or one of each."""

    sites: Annotated[list[SiteBody], Field(min_length=1, max_length=2)]


class SiteView(View):
    address: str
    tcp_port: int | None
    udp_port: int | None
    http_port: int | None

    @classmethod
    def of(cls, site: RouteSite) -> Self:
        """The answer about one address."""
        return cls(**site.to_json())


class RouteView(View):
    """No sites: this node answers."""

    prefix: str
    sites: list[SiteView]

    @classmethod
    def of(cls, prefix: Prefix, sites: list[RouteSite]) -> Self:
        """The answer about the route of a prefix."""
        return cls(prefix=prefix.key, sites=[SiteView.of(site) for site in sites])


class ReachView(View):
    """``code`` is the response code of the Handle protocol or the HTTP status of what answered."""

    protocol: Annotated[str, Field(examples=["tcp", "udp", "http"])]
    address: str
    port: int
    reachable: bool
    milliseconds: int
    code: int | None
    error: Annotated[str, Field(description="empty, timeout, refused, unreachable or not_that_protocol")]

    @classmethod
    def of(cls, reach: Reach) -> Self:
        """The answer about one port."""
        return cls(
            protocol=reach.protocol.name.lower(),
            address=str(reach.address),
            port=reach.port,
            reachable=reach.reachable,
            milliseconds=reach.milliseconds,
            code=reach.code,
            error=reach.error,
        )


class RouteCheckView(View):
    reachable: Annotated[bool, Field(description="every port answered")]
    checks: list[ReachView]


def hosting_routes(hosting: PrefixHosting, routes: PrefixRoutes) -> list[Route]:
    """Every route of hosting and of self-hosted routes."""

    def named(call: Call) -> Prefix:
        return Prefix.parse_derived(call.text("prefix"))

    async def apply(call: Call) -> Reply:
        return Reply(PrefixView.of(await hosting.apply(call.account, call.actor, named(call))))

    async def host(call: Call) -> Reply:
        return Reply(PrefixView.of(await hosting.host(call.account, call.actor, named(call))))

    async def approve(call: Call) -> Reply:
        return Reply(PrefixView.of(await hosting.decide(call.account, call.actor, named(call), Verb.APPROVE)))

    async def reject(call: Call, body: Reason) -> Reply:
        grant = await hosting.decide(call.account, call.actor, named(call), Verb.REJECT, body.reason)
        return Reply(PrefixView.of(grant))

    async def read(call: Call) -> Reply:
        return Reply(RouteView.of(named(call), await routes.get(call.account, named(call))))

    async def replace(call: Call, body: RouteBody) -> Reply:
        sites = [site.site() for site in body.sites]
        await routes.set(call.account, call.actor, named(call), sites)
        return Reply(RouteView.of(named(call), sites))

    async def remove(call: Call) -> Reply:
        await routes.remove(call.account, call.actor, named(call))
        return Reply(status=204)

    async def check(call: Call) -> Reply:
        found = await routes.check(call.account, named(call))
        return Reply(
            RouteCheckView(reachable=all(one.reachable for one in found), checks=[ReachView.of(one) for one in found])
        )

    moves = (InvalidPrefix, PrefixUnknown, TransitionRefused, PrefixDerived, PrefixNotEnabled, EnterpriseNotApproved)
    changes = (InvalidPrefix, PrefixUnknown, PrefixDerived, PrefixNotEnabled, EnterpriseNotApproved)
    return [
        Route("POST", f"{_HOSTING}/apply", apply, action=Action.HOSTING_APPLY, tag=_TAG,
              summary="Ask that the identifiers of a prefix be hosted here", summary_zh="申请托管",
              answers={200: PrefixView}, errors=moves),
        Route("POST", f"{_HOSTING}/host", host, action=Action.HOSTING_GRANT, tag=_TAG,
              summary="Host a prefix at once", summary_zh="直接托管",
              answers={200: PrefixView}, errors=moves),
        Route("POST", f"{_HOSTING}/approve", approve, action=Action.HOSTING_REVIEW, tag=_TAG,
              summary="Approve the hosting of a prefix", summary_zh="托管审核通过",
              answers={200: PrefixView}, errors=(*moves, ReviewClaimedByOther, SecondPersonNeeded)),
        Route("POST", f"{_HOSTING}/reject", reject, action=Action.HOSTING_REVIEW, tag=_TAG,
              summary="Reject the hosting of a prefix", summary_zh="驳回托管申请",
              body=Reason, answers={200: PrefixView}, errors=(*moves, ReviewClaimedByOther)),
        Route("GET", _ROUTE, read, action=Action.PREFIX_READ, tag=_TAG,
              summary="Read who answers for a prefix", summary_zh="查看解析路由",
              answers={200: RouteView}, errors=(InvalidPrefix, PrefixUnknown)),
        Route("PUT", _ROUTE, replace, action=Action.ROUTE_EDIT, tag=_TAG,
              summary="Say where the enterprise answers for its prefix itself", summary_zh="设置自建解析路由",
              body=RouteBody, answers={200: RouteView}, errors=(*changes, RouteInvalid, InvalidRecord)),
        Route("DELETE", _ROUTE, remove, action=Action.ROUTE_EDIT, tag=_TAG,
              summary="Remove the self-hosted route of a prefix", summary_zh="删除自建解析路由",
              answers={204: None}, errors=(*changes, RouteUnknown)),
        Route("POST", f"{_ROUTE}/checks", check, action=Action.ROUTE_CHECK, tag=_TAG,
              summary="Try whether the self-hosted route can be reached", summary_zh="检测解析路由可达性",
              answers={200: RouteCheckView},
              errors=(InvalidPrefix, PrefixUnknown, RouteUnknown, AddressRefused, TooManyRequests)),
    ]  # fmt: skip
