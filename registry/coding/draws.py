"""Drawing the next suffixes of a coding rule in bulk, to be registered later by whoever drew them.

All suffixes of a draw come from one counter, which is held until the draw is committed: the numbers of one draw
follow one another, those of the next draw follow these, and a draw that fails gives its numbers back. A number is
passed over only where its suffix is registered already. What is drawn and never registered is lost; nobody else is
given it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from node.auth import Account, Action
from node.database import Connection, Pool, transaction
from node.errors import Malformed
from node.identifier import Identifier, InvalidIdentifier, InvalidSuffix, Prefix, fold
from node.journal import Act, Actor, record_act
from node.sql import statements_beside
from registry.coding.rule import Maker
from registry.coding.rules import StoredCodingRule, coding_rule_by_id, suffix_not_made, usable_by
from registry.coding.serials import SuffixesTaken, standing, take_serials
from registry.mappings.mapping import SUFFIX
from registry.mappings.transforms import Unfit
from registry.prefixes import PrefixGrant, writable_prefix

_SQL = statements_beside(__file__, "coding_rules.sql")
Clock = Callable[[], datetime]

MOST = 10_000
"""Suffixes of one draw."""

_LEAST_WINDOW = 256
"""Numbers looked at together when suffixes are found to stand already; what is not used is put back."""
_ROUNDS = 24
_SLICE = 500
"""Suffixes made between two looks at the event loop."""


class NothingToDraw(Malformed):
    """The rule makes one suffix of the same values: it has neither serial numbers nor random characters."""

    title_zh = "编码规则不能批量取号"


@dataclass(frozen=True, slots=True)
class Draw:
    """What was drawn; the serial numbers of the first and the last suffix, if the rule counts."""

    prefix: Prefix
    suffixes: tuple[str, ...]
    first_serial: int | None
    last_serial: int | None


class Draws:
    """The use case."""

    def __init__(self, pool: Pool, clock: Clock, rng: Random) -> None:
        self._pool = pool
        self._clock = clock
        self._rng = rng

    async def draw(
        self, account: Account, actor: Actor, number: int, prefix: Prefix, count: int, values: Mapping[str, Any]
    ) -> Draw:
        """The next ``count`` suffixes of a rule under a prefix, all of the same values.

        Raises ``CodingRuleUnknown``, ``CodingRuleElsewhere``, ``PrefixUnknown``, ``NotAllowed``,
        ``PrefixNotEnabled``, ``EnterpriseNotApproved``, ``NothingToDraw``, ``SuffixNotMade``, ``SuffixesTaken``,
        ``InvalidSuffix``, ``InvalidIdentifier``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await writable_prefix(connection, account, Action.CODING_RULE_DRAW, prefix)
            rule = await usable_by(connection, await coding_rule_by_id(connection, number), grant.enterprise_id)
            draw = await drawn(connection, rule, grant, count, values, at, self._rng)
            after = {
                "prefix": prefix.key,
                "count": count,
                "first_serial": draw.first_serial,
                "last_serial": draw.last_serial,
            }
            act = Act("coding_rule.draw", "coding_rule", str(rule.number), after=after)
            await record_act(connection, actor, act, at)
        return draw


async def drawn(
    connection: Connection,
    rule: StoredCodingRule,
    grant: PrefixGrant,
    count: int,
    values: Mapping[str, Any],
    at: datetime,
    rng: Random,
) -> Draw:
    """``Draws.draw`` inside the caller's transaction, which holds the prefix."""
    if not rule.definition.may_differ:
        raise NothingToDraw(f"{rule.name} makes only one suffix of the same values", coding_rule=rule.name)
    make = rule.definition.compile(at, rng)
    serial = rule.definition.serial
    counter = (rule.number, grant.prefix_id, serial.period.of(at) if serial else "")
    made: dict[str, tuple[str, int]] = {}
    for attempt in range(_ROUNDS):
        missing = count - len(made)
        # The first look takes what is asked for; only where something stands the window widens.
        window = missing if attempt == 0 else max(missing, min(_LEAST_WINDOW << attempt, MOST))
        first = await take_serials(connection, *counter, window, serial.start) if serial else 0
        found, unfit = await _texts(make, values, range(first, first + window))
        taken = await standing(connection, grant.prefix_id, (text for text, _ in found))
        for text, each in found:
            if fold(text) not in taken and len(made) < count:
                made.setdefault(fold(text), (text, each))
        if len(made) == count:
            break
        if unfit is not None:
            raise suffix_not_made(rule, unfit.fault(SUFFIX))
    else:
        raise SuffixesTaken(
            f"the suffixes that {rule.name} makes of these values stand already", coding_rule=rule.name
        )
    texts, numbers = zip(*made.values(), strict=True)
    for place, text in enumerate(texts, start=1):
        if place % _SLICE == 0:
            await asyncio.sleep(0)
        _check(grant.prefix, text)
    if serial is None:
        return Draw(grant.prefix, texts, None, None)
    # Numbers behind the last one go back: whoever is next waits for this transaction.
    await connection.execute(_SQL["put_back_serials"], *counter, numbers[-1] + 1)
    return Draw(grant.prefix, texts, numbers[0], numbers[-1])


async def _texts(
    make: Maker, values: Mapping[str, Any], numbers: range
) -> tuple[list[tuple[str, int]], Unfit | None]:
    """A suffix for each number up to the first that none can be made for, and why."""
    found: list[tuple[str, int]] = []
    for number in numbers:
        if len(found) % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
        try:
            found.append((make(values, number), number))
        except Unfit as unfit:
            return found, unfit
    return found, None


def _check(prefix: Prefix, suffix: str) -> None:
    """Raises ``InvalidSuffix``, ``InvalidIdentifier`` where the values make something that cannot be registered."""
    try:
        Identifier.of(prefix, suffix)
    except (InvalidSuffix, InvalidIdentifier) as error:
        error.evidence["suffix"] = suffix
        raise
