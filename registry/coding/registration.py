"""One registration whose suffix a coding rule makes: number, suffix and identifier in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import Any

from node.auth import Account, Action
from node.database import Connection
from node.identifier import Identifier, Prefix
from node.journal import Interface
from registry.coding.rules import coding_rule_by_name
from registry.coding.serials import next_suffix
from registry.identifiers.registering import Refused, Registered, Registration, write_allowed
from registry.identifiers.writing import write_signed
from registry.prefixes import writable_prefix


async def register_by_rule(
    connection: Connection,
    account: Account,
    interface: Interface,
    prefix: Prefix,
    coding_rule: str,
    template: str | int,
    attributes: Mapping[str, Any],
    at: datetime,
    rng: Random,
) -> tuple[Identifier, Registered | Refused]:
    """Register inside the caller's transaction; whoever rolls it back gives the serial number back.

    Raises ``CodingRuleUnknown``, ``SuffixNotMade``, ``SuffixesTaken``, ``InvalidSuffix``, ``InvalidIdentifier`` and
    what ``Registering.register`` does.
    """
    grant = await writable_prefix(connection, account, Action.IDENTIFIER_REGISTER, prefix)
    rule = await coding_rule_by_name(connection, grant.enterprise_id, coding_rule)
    suffix = await next_suffix(connection, rule, grant.prefix_id, attributes, at, rng)
    identifier = Identifier.of(prefix, suffix)
    asked = Registration(account, interface, identifier, attributes, at)
    answer = (await write_allowed(connection, grant, template, [asked], write_signed))[identifier.key]
    if isinstance(answer, Exception):
        raise answer
    return identifier, answer
