"""The coding rule that every suffix registered under a prefix has to obey, set by its enterprise.

It holds for registrations from then on, whoever makes them and through whatever door; what stands stays. A derived
prefix has a rule of its own, or none.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.identifier import Prefix
from node.journal import Act, Actor, record_act
from node.sql import statements_beside
from registry.coding.rules import StoredCodingRule, coding_rule_by_id, coding_rule_by_name
from registry.prefix_grant import PrefixGrant
from registry.prefixes import locked_prefix, readable_prefix
from registry.store import check_version, reading

_SQL = statements_beside(__file__, "coding_rules.sql")
Clock = Callable[[], datetime]


class SuffixRules:
    """The use cases. All raise ``PrefixUnknown``, ``NotAllowed``, ``DatabaseAway`` besides what they name."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def get(self, account: Account, prefix: Prefix) -> tuple[PrefixGrant, StoredCodingRule | None]:
        """The prefix, and its rule if it has one."""
        async with reading(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.PREFIX_READ, prefix)
            return grant, await _rule_of(connection, grant)

    async def set(
        self, account: Account, actor: Actor, prefix: Prefix, coding_rule: str | None, version: int
    ) -> tuple[PrefixGrant, StoredCodingRule | None]:
        """Another rule by its name, or none, for the expected version of the prefix.

        Waits for the registrations under way. Raises ``VersionChanged``, ``CodingRuleUnknown``,
        ``CodingRuleElsewhere``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = await locked_prefix(connection, prefix)
            require(account, Action.SUFFIX_RULE_EDIT, before.enterprise_id)
            check_version(version, before.version)
            rule = None
            if coding_rule is not None:
                rule = await coding_rule_by_name(connection, before.enterprise_id, coding_rule)
            number = rule.number if rule else None
            if number == before.suffix_rule_id:
                return before, rule
            await connection.execute(_SQL["set_suffix_rule"], before.prefix_id, number, before.version + 1, at)
            after = await locked_prefix(connection, prefix)
            act = Act("suffix_rule.edit", "prefix", str(before.prefix_id), before.to_json(), after.to_json())
            await record_act(connection, actor, act, at)
        return after, rule


async def _rule_of(connection: Connection, grant: PrefixGrant) -> StoredCodingRule | None:
    if grant.suffix_rule_id is None:
        return None
    return await coding_rule_by_id(connection, grant.suffix_rule_id)
