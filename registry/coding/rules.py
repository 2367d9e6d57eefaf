"""Coding rules that an enterprise keeps under a name."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any
from uuid import UUID

from node.auth import Account, Action
from node.database import Connection, Pool
from node.errors import Conflict, Malformed, NotFound
from node.sql import statements_beside
from registry.coding.definition import read_coding_rule
from registry.coding.rule import CodingRule
from registry.mappings.mapping import SUFFIX
from registry.mappings.transforms import Unfit
from registry.named_definitions import Clock, NamedDefinitions, Noun, Stored, definition_by_name, definition_by_number
from registry.rejection import Fault

_SQL = statements_beside(__file__, "coding_rules.sql")


class CodingRuleUnknown(NotFound):
    title_zh = "编码规则不存在"


class CodingRuleNameTaken(Conflict):
    title_zh = "编码规则名已被使用"


class CodingRuleInUse(Conflict):
    title_zh = "编码规则正在使用，不能删除"


class SuffixNotMade(Malformed):
    """The coding rule cannot make a suffix of these values; ``faults`` says why."""

    title_zh = "无法按编码规则生成后缀"


_NOUN = Noun(
    word="coding_rule",
    read_action=Action.CODING_RULE_READ,
    edit_action=Action.CODING_RULE_EDIT,
    read=read_coding_rule,
    unknown=CodingRuleUnknown,
    name_taken=CodingRuleNameTaken,
    name_constraint="coding_rule_name_unique",
    enterprise_constraint="coding_rule_enterprise_known",
    in_use={"handle_policy_coding_rule_known": CodingRuleInUse},
    add=_SQL["add_coding_rule"],
    find=_SQL["find_coding_rule"],
    find_by_name=_SQL["coding_rule_by_name"],
    lock=_SQL["lock_coding_rule"],
    list=_SQL["list_coding_rules"],
    change=_SQL["change_coding_rule"],
    remove=_SQL["remove_coding_rule"],
)

StoredCodingRule = Stored[CodingRule]


class CodingRules(NamedDefinitions[CodingRule]):
    """The use cases of coding rules; ``rng`` makes the random segments of previews."""

    def __init__(self, pool: Pool, clock: Clock, rng: Random) -> None:
        super().__init__(_NOUN, pool, clock)
        self._rng = rng

    async def preview(
        self, account: Account, number: int, values: Mapping[str, Any], serial: int | None = None
    ) -> tuple[str, int | None]:
        """The suffix that the rule would make now of these values, and its serial number, which is not taken.

        Without ``serial`` it is the number that the rule starts with. Raises ``SuffixNotMade``.
        """
        rule = await self.get(account, number)
        segment = rule.definition.serial
        counted = None if segment is None else segment.start if serial is None else serial
        try:
            return rule.definition.suffix(values, counted or 0, self.now, self._rng), counted
        except Unfit as unfit:
            raise suffix_not_made(rule, unfit.fault(SUFFIX)) from None


def suffix_not_made(rule: StoredCodingRule, fault: Fault) -> SuffixNotMade:
    """The refusal that a fault of a single suffix becomes."""
    return SuffixNotMade(f"{rule.name} makes no suffix of these values", faults=[fault.to_json()])


async def coding_rule_by_id(connection: Connection, coding_rule_id: int) -> StoredCodingRule:
    """The rule that a policy names. Raises ``CodingRuleUnknown``."""
    return await definition_by_number(_NOUN, connection, coding_rule_id)


async def coding_rule_by_name(connection: Connection, enterprise_id: UUID, name: str) -> StoredCodingRule:
    """The rule that an enterprise means. Raises ``CodingRuleUnknown``."""
    return await definition_by_name(_NOUN, connection, enterprise_id, name)
