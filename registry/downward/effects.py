"""What a report from an enterprise's node does here, inside the transaction that receives it.

Its address becomes the route of its prefix, which is self-hosted from then on; what it registered goes on upward as
reports of ours about it. Its prefix is verified elsewhere (``passing_down``): there is no hurry, and one hand.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog

from node.database import Connection
from node.errors import NodeError
from node.identifier import Prefix
from node.journal import Actor, Interface
from node.national.access import Site
from node.national.messages import Counts, Message
from node.sealing import Seal
from node.upper.nodes import DockedNode
from registry.downward.access import receive
from registry.downward.below import mark_counts
from registry.downward.passing_up import pass_up
from registry.enterprise_record import enterprise_of
from registry.hosting.hosting import answer_elsewhere
from registry.hosting.sites import check_sites, read_site
from registry.own_enterprise import facts_told
from registry.prefixes import locked_prefix
from registry.store import SQL
from registry.transitions import PrefixState

log = structlog.get_logger("downward")

_STEWARD = Actor(None, Interface.STEWARD)
_ROUTED = frozenset({PrefixState.ENABLED, PrefixState.SUSPENDED})


class RouteReport(msgspec.Struct, frozen=True):
    """What this side reads of ``route.node``."""

    prefix: str
    sites: list[Site]


class EnterpriseEffects:
    """``at_once``: whose application fits is let in without a reviewer; ``laboratory``: whether this node is one."""

    def __init__(self, seal: Seal, *, at_once: bool, laboratory: bool) -> None:
        self._seal = seal
        self._at_once = at_once
        self._laboratory = laboratory

    async def applied(self, connection: Connection, application_id: UUID, at: datetime) -> None:
        """Raises ``KindNotDocked``, ``PrefixNotDocked``."""
        await receive(connection, self._seal, application_id, at, at_once=self._at_once)

    async def accepted(self, connection: Connection, node: DockedNode, message: Message, at: datetime) -> None:
        """A report of an enterprise's node, once."""
        if message.kind == "route.node":
            await _take_route(connection, node, message, at)
        elif not node.laboratory or self._laboratory:
            # What is 实验数据 below would lose its mark in the reports of a node that is no laboratory.
            await pass_up(connection, node, message, at)

    async def counted(self, connection: Connection, node: DockedNode, counts: Counts, at: datetime) -> None:  # noqa: ARG002
        """What it states is stated upward too, with its mark if it is a laboratory."""
        await mark_counts(connection, node.node_id, counts)

    async def enterprise_facts(self, connection: Connection, prefix: str) -> dict[str, str]:
        """Whose the prefix is, for its node to be founded with; nothing about people."""
        row: Any = await connection.fetchrow(SQL["find_prefix"], Prefix.parse(prefix).key, None)
        if row is None:
            return {}
        found = enterprise_of(
            await connection.fetchrow(SQL["find_enterprise"], row["enterprise_id"]), row["enterprise_id"]
        )
        return facts_told(found.facts, found.enterprise_id)


async def _take_route(connection: Connection, node: DockedNode, message: Message, at: datetime) -> None:
    """The addresses at which the node answers, in the handle of its prefix.

    A route that cannot be one is logged and passed over: the report came, and the one before it goes on holding.
    """
    try:
        report = msgspec.json.decode(message.body, type=RouteReport)
        sites = [
            read_site(site.address, tcp_port=site.tcp_port, udp_port=site.udp_port, http_port=site.http_port)
            for site in report.sites
        ]
        check_sites(sites)
        grant = await locked_prefix(connection, Prefix.parse(node.delegated_prefix))
        if report.prefix.upper() != grant.prefix.key or grant.state not in _ROUTED:
            log.warning("route_not_taken", prefix=grant.prefix.key, state=str(grant.state), reported=report.prefix)
            return
        async with connection.transaction():
            await answer_elsewhere(connection, grant, sites, _STEWARD, at)
    except (msgspec.MsgspecError, NodeError) as error:
        detail = error.detail if isinstance(error, NodeError) else str(error)
        log.warning("route_not_taken", prefix=node.delegated_prefix, cause=type(error).__name__, detail=detail)
