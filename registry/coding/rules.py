"""Coding rules that an enterprise, or the node for the enterprises that a rule fits, keeps under a name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

from node.auth import Account, Action
from node.database import Connection, Pool
from node.errors import Conflict, Malformed, NotFound
from node.journal import Actor
from node.sql import statements_beside
from registry.coding.definition import read_coding_rule
from registry.coding.rule import CodingRule
from registry.coding.scope import EVERYBODY
from registry.mappings.mapping import SUFFIX
from registry.mappings.transforms import Unfit
from registry.named_definitions import (
    Clock,
    NamedDefinitions,
    Noun,
    Stored,
    add_definition,
    definition_by_name,
    definition_by_number,
)
from registry.rejection import Fault

_SQL = statements_beside(__file__, "coding_rules.sql")


class CodingRuleUnknown(NotFound):
    title_zh = "编码规则不存在"


class CodingRuleNameTaken(Conflict):
    title_zh = "编码规则名已被使用"


class CodingRuleInUse(Conflict):
    title_zh = "编码规则正在使用，不能删除"


class CodingRuleElsewhere(Conflict):
    """The node's rule is for another industry or region. Evidence: ``coding_rule``, ``scope``."""

    title_zh = "编码规则不适用于该企业"


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
    in_use={
        "handle_policy_coding_rule_known": CodingRuleInUse,
        "prefix_suffix_rule_known": CodingRuleInUse,
        "document_coding_rule_known": CodingRuleInUse,
    },
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

    async def copy(
        self, account: Account, actor: Actor, number: int, enterprise_id: UUID, name: str
    ) -> StoredCodingRule:
        """A rule of the enterprise's own with the segments of another, and numbers of its own.

        Raises ``CodingRuleNameTaken``, ``EnterpriseUnknown``.
        """
        origin = await self.get(account, number)
        return await self.create(account, actor, enterprise_id, name, CodingRule(origin.definition.segments))


def suffix_not_made(rule: StoredCodingRule, fault: Fault) -> SuffixNotMade:
    """The refusal that a fault of a single suffix becomes."""
    return SuffixNotMade(f"{rule.name} makes no suffix of these values", faults=[fault.to_json()])


async def add_rule_of_node(
    connection: Connection, actor: Actor, name: str, definition: CodingRule, at: datetime
) -> int:
    """The number of a rule of the node's own, made now unless there is one of that name."""
    row = await connection.fetchrow(_NOUN.find_by_name, None, name)
    if row is not None:
        return int(row["number"])
    return (await add_definition(_NOUN, connection, actor, None, name, definition, at)).number


async def coding_rule_by_id(connection: Connection, coding_rule_id: int) -> StoredCodingRule:
    """The rule that a policy names. Raises ``CodingRuleUnknown``."""
    return await definition_by_number(_NOUN, connection, coding_rule_id)


async def coding_rule_by_name(connection: Connection, enterprise_id: UUID, name: str) -> StoredCodingRule:
    """The rule that an enterprise means. Raises ``CodingRuleUnknown``, ``CodingRuleElsewhere``."""
    rule = await definition_by_name(_NOUN, connection, enterprise_id, name)
    return await usable_by(connection, rule, enterprise_id)


async def usable_by(connection: Connection, rule: StoredCodingRule, enterprise_id: UUID) -> StoredCodingRule:
    """The rule itself, if it is the enterprise's or one of the node's that fits it.

    Raises ``CodingRuleUnknown``, ``CodingRuleElsewhere``.
    """
    if rule.enterprise_id == enterprise_id:
        return rule
    if rule.enterprise_id is not None:
        raise CodingRuleUnknown(f"the enterprise has no coding_rule {rule.number}", number=rule.number)
    scope = rule.definition.scope
    if scope != EVERYBODY:
        place = await connection.fetchrow(_SQL["place_of_enterprise"], enterprise_id)
        if place is None or not scope.fits(place["industry_code"], place["division_code"]):
            raise CodingRuleElsewhere(
                f"the coding rule {rule.name} is for another industry or region",
                coding_rule=rule.name,
                scope=scope.to_json(),
            )
    return rule
