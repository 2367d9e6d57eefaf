"""The route of a prefix that its enterprise answers for itself: read, set, removed, and tried out.

A route stands in the handle of the prefix (``0.NA/88.101.2001``) and so is changed by administrators of that handle
too. Resolvers learn of a change at once, clients elsewhere when the values they keep end (TTL). Identifiers that were
registered here go on being answered here until they are deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from random import Random, SystemRandom

from node.auth import Account, Action, require
from node.database import Pool, transaction
from node.errors import NotFound
from node.identifier import Prefix
from node.journal import Actor
from node.outward import Outward
from node.rate_limit import RateLimit
from registry.handle.names import prefix_handle
from registry.handle.store import found_record
from registry.hosting.hosting import answer_elsewhere
from registry.hosting.probe import Reach, probe
from registry.hosting.sites import RouteSite, check_sites, sites_of
from registry.prefix_grant import PrefixGrant
from registry.prefixes import check_in_use, locked_prefix, readable_prefix
from registry.store import reading

Clock = Callable[[], datetime]


class RouteUnknown(NotFound):
    title_zh = "该前缀没有自建解析路由"


class PrefixRoutes:
    """The use cases. All raise ``NotAllowed``, ``PrefixUnknown``, ``DatabaseAway`` besides what they name.

    ``outward`` opens the connections of checks, ``limit`` bounds how often an enterprise, or somebody of the staff,
    has one made; ``rng`` numbers their requests.
    """

    def __init__(
        self, pool: Pool, clock: Clock, outward: Outward, limit: RateLimit, rng: Random | None = None
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._outward = outward
        self._limit = limit
        self._rng = rng or SystemRandom()

    async def get(self, account: Account, prefix: Prefix) -> list[RouteSite]:
        """The sites that answer for the prefix; none where it is this node."""
        async with reading(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.PREFIX_READ, prefix)
            return sites_of((await found_record(connection, grant.prefix)).values)

    async def set(self, account: Account, actor: Actor, prefix: Prefix, sites: Sequence[RouteSite]) -> PrefixGrant:
        """Instead of any route before; a prefix that was hosted is self-hosted from now on.

        Raises ``RouteInvalid``, ``PrefixNotEnabled``, ``EnterpriseNotApproved``, ``PrefixDerived``.
        """
        check_sites(sites)
        async with transaction(self._pool) as connection:
            grant = await locked_prefix(connection, prefix)
            require(account, Action.ROUTE_EDIT, grant.enterprise_id)
            check_in_use(grant)
            return await answer_elsewhere(connection, grant, sites, actor, self._clock())

    async def remove(self, account: Account, actor: Actor, prefix: Prefix) -> PrefixGrant:
        """Nobody else answers for the prefix; whether it is hosted stays as it is.

        Raises ``RouteUnknown``, ``PrefixNotEnabled``, ``EnterpriseNotApproved``, ``PrefixDerived``.
        """
        async with transaction(self._pool) as connection:
            grant = await locked_prefix(connection, prefix)
            require(account, Action.ROUTE_EDIT, grant.enterprise_id)
            check_in_use(grant)
            if not sites_of((await found_record(connection, grant.prefix)).values):
                raise _unknown(grant.prefix)
            return await answer_elsewhere(connection, grant, (), actor, self._clock())

    async def check(self, account: Account, prefix: Prefix) -> list[Reach]:
        """Ask every port of the route once, all at the same time; within about three seconds.

        Raises ``RouteUnknown``, ``AddressRefused``, ``TooManyRequests``.
        """
        async with reading(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.ROUTE_CHECK, prefix)
            sites = sites_of((await found_record(connection, grant.prefix)).values)
        doors = [(site.address, protocol, port) for site in sites for protocol, port in site.ports][:_MOST_DOORS]
        if not doors:
            raise _unknown(grant.prefix)
        self._limit.require(str(account.enterprise_id or account.account_id))
        for address, _, _ in doors:
            self._outward.check(address)
        handle = prefix_handle(grant.prefix)
        return await asyncio.gather(
            *(
                probe(self._outward, protocol, address, port, handle, self._rng.randrange(1, 2**31))
                for address, protocol, port in doors
            )
        )


_MOST_DOORS = 12  # administrators of a prefix handle may have written more sites than a route has


def _unknown(prefix: Prefix) -> RouteUnknown:
    return RouteUnknown(f"no other service answers for {prefix.key}", prefix=prefix.key)
