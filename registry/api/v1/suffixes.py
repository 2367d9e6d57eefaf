"""Suffixes by coding rules: drawn in bulk, checked, and the rule that all of a prefix have to obey."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field

from node.auth import Action
from node.identifier import InvalidIdentifier, InvalidPrefix, InvalidSuffix, Prefix
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Text, Version, View
from registry.api.v1.mappings import Name
from registry.coding.draws import MOST, Draw, Draws, NothingToDraw
from registry.coding.rules import (
    CodingRuleElsewhere,
    CodingRules,
    CodingRuleUnknown,
    StoredCodingRule,
    SuffixNotMade,
)
from registry.coding.serials import SuffixesTaken
from registry.coding.suffix_rules import SuffixRules
from registry.enterprises import EnterpriseNotApproved
from registry.prefix_grant import PrefixGrant
from registry.prefixes import PrefixNotEnabled, PrefixUnknown
from registry.store import VersionChanged

_RULE = "/v1/coding-rules/{coding_rule_id}"
_PREFIX = "/v1/prefixes/{prefix}/suffix-rule"
_Value = Annotated[str, Field(max_length=4096)] | bool | int
_MOST_CHECKED = 1000


class DrawBody(Body):
    """How many suffixes, under which prefix, and the values that the rule needs, the same for all."""

    prefix: Annotated[Text, Field(min_length=1, max_length=64, examples=["88.101.2001"])]
    count: Annotated[int, Field(ge=1, le=MOST)]
    values: Annotated[dict[Annotated[Text, Field(max_length=64)], _Value], Field(max_length=500)] = Field(
        default_factory=dict
    )


class DrawView(View):
    """Suffixes for whoever drew them; nobody else is given these. Serial numbers of the first and the last."""

    prefix: str
    suffixes: list[str]
    first_serial: int | None
    last_serial: int | None

    @classmethod
    def of(cls, draw: Draw) -> Self:
        """The answer about one draw."""
        return cls(
            prefix=draw.prefix.text,
            suffixes=list(draw.suffixes),
            first_serial=draw.first_serial,
            last_serial=draw.last_serial,
        )


class CheckBody(Body):
    """Suffixes to be compared with a rule."""

    suffixes: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=255)]], Field(min_length=1, max_length=_MOST_CHECKED)
    ]


class SuffixFaultView(View):
    """What is wrong with one of them; the message is Chinese, a slash, English."""

    position: Annotated[int, Field(description="in the list that was sent, from 0")]
    suffix: str
    code: str
    message: str


class CheckView(View):
    """How many follow the rule, and what is wrong with the others."""

    fit: int
    faults: list[SuffixFaultView]


class SuffixRuleBody(Body):
    """A rule of the enterprise's own or of the node's by its name, or none; ``version`` is the prefix's."""

    coding_rule: Name | None
    version: Version


class SuffixRuleView(View):
    """The rule that every suffix registered from now on has to obey, if there is one."""

    prefix: str
    coding_rule: str | None
    coding_rule_id: int | None
    version: int

    @classmethod
    def of(cls, grant: PrefixGrant, rule: StoredCodingRule | None) -> Self:
        """The answer about one prefix."""
        return cls(
            prefix=grant.prefix.text,
            coding_rule=rule.name if rule else None,
            coding_rule_id=rule.number if rule else None,
            version=grant.version,
        )


def suffix_routes(rules: CodingRules, draws: Draws, suffix_rules: SuffixRules) -> list[Route]:
    """Drawing, checking, and the rules of prefixes."""

    async def draw(call: Call, body: DrawBody) -> Reply:
        prefix = Prefix.parse_derived(body.prefix)
        number = call.number("coding_rule_id")
        drawn = await draws.draw(call.account, call.actor, number, prefix, body.count, body.values)
        return Reply(DrawView.of(drawn), status=201)

    async def check(call: Call, body: CheckBody) -> Reply:
        rule = await rules.get(call.account, call.number("coding_rule_id"))
        faults = [
            SuffixFaultView(position=position, suffix=suffix, code=str(fault.code), message=fault.message)
            for position, suffix in enumerate(body.suffixes)
            for fault in rule.definition.check(suffix)
        ]
        return Reply(CheckView(fit=len(body.suffixes) - len({one.position for one in faults}), faults=faults))

    async def read(call: Call) -> Reply:
        prefix = Prefix.parse_derived(call.text("prefix"))
        return Reply(SuffixRuleView.of(*await suffix_rules.get(call.account, prefix)))

    async def replace(call: Call, body: SuffixRuleBody) -> Reply:
        prefix = Prefix.parse_derived(call.text("prefix"))
        found = await suffix_rules.set(call.account, call.actor, prefix, body.coding_rule, body.version)
        return Reply(SuffixRuleView.of(*found))

    return [
        Route("POST", f"{_RULE}/draws", draw, action=Action.CODING_RULE_DRAW, tag="coding-rules",
              summary="Draw the next suffixes of a rule in bulk", summary_zh="批量取号",
              body=DrawBody, answers={201: DrawView},
              errors=(CodingRuleUnknown, CodingRuleElsewhere, InvalidPrefix, PrefixUnknown, PrefixNotEnabled,
                      EnterpriseNotApproved, NothingToDraw, SuffixNotMade, SuffixesTaken, InvalidSuffix,
                      InvalidIdentifier)),
        Route("POST", f"{_RULE}/checks", check, action=Action.CODING_RULE_READ, tag="coding-rules",
              summary="Compare suffixes with a rule", summary_zh="校验后缀是否符合编码规则",
              body=CheckBody, answers={200: CheckView}, errors=(CodingRuleUnknown,)),
        Route("GET", _PREFIX, read, action=Action.PREFIX_READ, tag="prefixes",
              summary="The rule that new suffixes of a prefix have to obey", summary_zh="查看前缀的后缀规则",
              answers={200: SuffixRuleView}, errors=(InvalidPrefix, PrefixUnknown)),
        Route("PUT", _PREFIX, replace, action=Action.SUFFIX_RULE_EDIT, tag="prefixes",
              summary="Let new suffixes of a prefix obey a rule, or none", summary_zh="设置前缀的后缀规则",
              body=SuffixRuleBody, answers={200: SuffixRuleView},
              errors=(InvalidPrefix, PrefixUnknown, CodingRuleUnknown, CodingRuleElsewhere, VersionChanged)),
    ]  # fmt: skip
