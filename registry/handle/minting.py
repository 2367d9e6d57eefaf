"""Suffixes that the node completes: by the coding rule of the prefix's policy, or else by chance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import Any

from node.administration import HandleExists, InvalidHandle, InvalidValue
from node.database import Connection
from node.identifier import Identifier, InvalidIdentifier, InvalidSuffix, Prefix
from registry.coding.rules import SuffixNotMade, coding_rule_by_id
from registry.coding.segments import UNMISTAKABLE
from registry.coding.serials import SuffixesTaken, next_suffix
from registry.handle.policy import HandlePolicy

RANDOM_CHARACTERS = 26
"""Of 32 different ones: 130 bits, so that nobody guesses a minted identifier."""


async def minted(
    connection: Connection,
    prefix: Prefix,
    policy: HandlePolicy,
    start: str,
    attributes: Mapping[str, Any],
    at: datetime,
    rng: Random,
) -> Identifier:
    """An identifier whose suffix begins with ``start``; whether it stands already the caller finds out.

    A rule takes its values from the attributes; the serial number that it takes goes back with the transaction.
    Raises ``InvalidHandle``, ``InvalidValue`` (the rule makes no suffix of these values), ``HandleExists`` (thousands
    that it makes stand already).
    """
    if policy.coding_rule_id is None:
        made = "".join(rng.choice(UNMISTAKABLE) for _ in range(RANDOM_CHARACTERS))
    else:
        rule = await coding_rule_by_id(connection, policy.coding_rule_id)
        try:
            made = await next_suffix(connection, rule, policy.prefix_id, attributes, at, rng)
        except SuffixNotMade as error:
            raise InvalidValue(error.detail, **error.evidence) from error
        except SuffixesTaken as error:
            raise HandleExists(error.detail, **error.evidence) from error
    try:
        return Identifier.of(prefix, start + made)
    except (InvalidSuffix, InvalidIdentifier) as error:
        raise InvalidHandle(error.detail, **error.evidence) from error
