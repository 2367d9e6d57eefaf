"""Suspension from above (上级暂停): the node above takes a prefix out of use, and nobody here puts it back.

Three hands may hold a prefix suspended, and it resolves again when the last of them lets go: an administrator here
(``suspended_here`` says that it was so before the node above came), the fate of its enterprise or of the prefix above
it (``suspended_with_enterprise``), and the node above (``suspended_from_above``). What is not in use yet is only
marked: it may be reviewed and verified, but is not enabled before the mark is gone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from node.database import Connection
from node.errors import Conflict
from node.identifier import Prefix
from node.journal import Actor, Interface
from registry.prefix_grant import PrefixGrant, move_with_derived, write_prefix
from registry.prefixes import known_prefix, locked_prefix
from registry.transitions import EnterpriseState, PrefixState, Verb

_STEWARD = Actor(None, Interface.STEWARD)
_OVER = frozenset({PrefixState.REJECTED, PrefixState.REFUSED, PrefixState.WITHDRAWN})


class PrefixOver(Conflict):
    """Evidence: ``prefix``, ``state``."""

    title_zh = "前缀已终止"


async def suspend_from_above(connection: Connection, prefix: Prefix, reason: str, at: datetime) -> PrefixGrant:
    """The prefix and what is derived from it resolve no more; again changes nothing.

    Raises ``PrefixUnknown``, ``PrefixOver``.
    """
    grant = await _living(connection, prefix)
    if grant.suspended_from_above:
        return grant
    if grant.state is PrefixState.ENABLED:
        return await move_with_derived(connection, grant, Verb.SUSPEND, _STEWARD, at, reason, from_above=True)
    here = grant.state is PrefixState.SUSPENDED and not grant.suspended_with_enterprise
    marked = replace(grant, suspended_from_above=True, suspended_here=here, version=grant.version + 1, updated_at=at)
    await write_prefix(connection, grant, marked, Verb.SUSPEND, _STEWARD, at)
    return marked


async def resume_from_above(connection: Connection, prefix: Prefix, at: datetime) -> PrefixGrant:
    """The end of it: what was in use before, and is held by nobody else, is in use again; again changes nothing.

    Raises ``PrefixUnknown``, ``PrefixOver``.
    """
    grant = await _living(connection, prefix)
    if not grant.suspended_from_above:
        return grant
    held = grant.suspended_here or grant.suspended_with_enterprise
    ended = grant.enterprise_state is EnterpriseState.SUSPENDED
    if grant.state is PrefixState.SUSPENDED and not held and not ended and await _above_in_use(connection, grant):
        return await move_with_derived(connection, grant, Verb.RESUME, _STEWARD, at, from_above=False)
    # Held by its enterprise, or by the prefix above, it goes on with their fate.
    follows = grant.state is PrefixState.SUSPENDED and not grant.suspended_here
    marked = replace(
        grant,
        suspended_from_above=False,
        suspended_here=False,
        suspended_with_enterprise=follows,
        version=grant.version + 1,
        updated_at=at,
    )
    await write_prefix(connection, grant, marked, Verb.RESUME, _STEWARD, at)
    return marked


async def _living(connection: Connection, prefix: Prefix) -> PrefixGrant:
    grant = await locked_prefix(connection, prefix)
    if grant.state in _OVER:
        raise PrefixOver(f"{prefix.key} is {grant.state}", prefix=prefix.key, state=str(grant.state))
    return grant


async def _above_in_use(connection: Connection, grant: PrefixGrant) -> bool:
    above = grant.prefix.parent
    if not grant.derived or above is None:
        return True
    return (await known_prefix(connection, above, None)).state is PrefixState.ENABLED
