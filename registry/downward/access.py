"""Who is let in: the node of the enterprise that holds a prefix here.

An application names the prefix and the credit code of its holder (of an enterprise without one, its other
certificate). A reviewer decides, or the settings let in at once whose application says both right.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from node.database import Connection
from node.errors import Conflict, Malformed, NodeError, TooMany
from node.identifier import Prefix
from node.national.access import Kind
from node.sealing import Seal
from node.sql import statements_beside
from node.upper.applications import ApplicationUnknown, approve_application
from node.upper.management import application_of
from registry.prefix_grant import PrefixGrant, grant_of
from registry.prefixes import check_in_use
from registry.store import SQL

log = structlog.get_logger("downward")

_SQL = statements_beside(__file__)
_MOST_PENDING = 20  # of one prefix


class KindNotDocked(Malformed):
    """Evidence: ``kind``."""

    title_zh = "只接入企业节点"


class PrefixNotDocked(Conflict):
    """Evidence: ``prefix``."""

    title_zh = "该前缀的企业节点不能接入"


class TooManyForPrefix(TooMany):
    """Evidence: ``limit``."""

    title_zh = "该前缀待审核的接入申请过多"


async def receive(connection: Connection, seal: Seal, application_id: UUID, at: datetime, *, at_once: bool) -> None:
    """A new application: refused if it can never be granted, granted if the settings say so and it fits.

    Raises ``KindNotDocked``, ``PrefixNotDocked``, ``TooManyForPrefix``.
    """
    application = await application_named(connection, application_id)
    if application["kind"] != Kind.ENTERPRISE:
        raise KindNotDocked("nodes of enterprises dock here, no secondary nodes", kind=application["kind"])
    held = await _held(connection, application["prefix"])
    # Anybody may apply: who floods one prefix shall not take the room of the others.
    if await connection.fetchval(_SQL["pending_of_prefix"], held.prefix.key) > _MOST_PENDING:
        raise TooManyForPrefix(
            f"{_MOST_PENDING} applications for {held.prefix.key} wait already", limit=_MOST_PENDING
        )
    if at_once:
        await _grant_if_it_fits(connection, seal, application, at)


async def grant(connection: Connection, seal: Seal, application_id: UUID, at: datetime) -> Mapping[str, Any]:
    """Let an applicant in; the application as it was.

    Raises ``ApplicationUnknown``, ``PrefixNotDocked``, ``PrefixNotEnabled``, ``EnterpriseNotApproved`` and what
    ``approve_application`` raises.
    """
    application = await application_named(connection, application_id)
    held = await _held(connection, application["prefix"])
    check_in_use(held)
    if application["credit_code"] and not _names_holder(application, held):
        raise PrefixNotDocked(
            f"{held.prefix.key} is held by an enterprise with another credit code", prefix=held.prefix.key
        )
    await approve_application(connection, seal, application_id, at, prefix=held.prefix.key)
    return application


async def grant_what_fits(connection: Connection, seal: Seal, at: datetime) -> int:
    """Those that waited for their prefix to be enabled; how many were let in."""
    waiting = await connection.fetch(_SQL["applications_of_enabled_prefixes"])
    return sum([await _grant_if_it_fits(connection, seal, application, at) for application in waiting])


async def application_named(connection: Connection, application_id: UUID) -> Mapping[str, Any]:
    """One application. Raises ``ApplicationUnknown``."""
    row: Mapping[str, Any] | None = await application_of(connection, application_id)
    if row is None:
        raise ApplicationUnknown(f"there is no application {application_id}", application_id=str(application_id))
    return row


async def _grant_if_it_fits(connection: Connection, seal: Seal, application: Mapping[str, Any], at: datetime) -> bool:
    held = await _held(connection, application["prefix"])
    if not application["credit_code"] or not _names_holder(application, held):
        return False
    try:
        check_in_use(held)
    except NodeError:
        return False  # it waits until the prefix is enabled
    await approve_application(connection, seal, application["application_id"], at, prefix=held.prefix.key)
    log.info("enterprise_node_let_in", prefix=held.prefix.key, application_id=str(application["application_id"]))
    return True


def _names_holder(application: Mapping[str, Any], held: PrefixGrant) -> bool:
    return bool(application["credit_code"] == (held.credit_code or held.other_certificate))


async def _held(connection: Connection, text: str) -> PrefixGrant:
    """The prefix of an enterprise of this node, as it stands; those derived from it come with it."""
    row = await connection.fetchrow(SQL["find_prefix"], Prefix.parse(text).key, None)
    if row is None:
        raise PrefixNotDocked(f"no enterprise here has the prefix {text}", prefix=text)
    return grant_of(row)
