"""``/v1/coding-rules``: how an enterprise makes its suffixes; a preview takes no serial number."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Text, Version, View
from registry.api.v1.history import HistoryView
from registry.api.v1.mappings import Name, OwnedQuery, RemovalQuery
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor
from registry.api.v1.prefixes import EnterpriseNotNamed
from registry.coding.check_digits import Check
from registry.coding.definition import (
    MAX_ALPHABET,
    MAX_CHOICES,
    MAX_LITERAL,
    MAX_RANDOM,
    MAX_SEGMENTS,
    MAX_SERIAL_WIDTH,
    MAX_WIDTH,
    InvalidCodingRule,
    read_coding_rule,
)
from registry.coding.rule import CodingRule
from registry.coding.rules import (
    CodingRuleInUse,
    CodingRuleNameTaken,
    CodingRules,
    CodingRuleUnknown,
    StoredCodingRule,
    SuffixNotMade,
)
from registry.coding.segments import Charset, Period
from registry.enterprises import EnterpriseUnknown
from registry.mappings.transforms import Case
from registry.store import VersionChanged

_TAG = "coding-rules"
_ONE = "/v1/coding-rules/{coding_rule_id}"


class SegmentKind(StrEnum):
    LITERAL = "literal"
    VALUE = "value"
    CHOICE = "choice"
    DATE = "date"
    SERIAL = "serial"
    RANDOM = "random"
    CHECK = "check"


class SegmentBody(Body):
    """One segment; the members are for their own kinds.

    literal: text. value: name, width, least, pad, case, charset, check. choice: name, choices. date: format, and name
    for an attribute that holds the day. serial: width, start, period. random: length, alphabet. check: method.
    """

    kind: SegmentKind
    text: Annotated[str, Field(max_length=MAX_LITERAL)] | None = None
    name: Annotated[str, Field(max_length=64, description="an attribute, or a further value of a mapping")] | None = (
        None
    )
    width: Annotated[int, Field(ge=1, le=MAX_WIDTH)] | None = None
    least: Annotated[int, Field(ge=1, le=MAX_WIDTH, description="fewest characters of a value")] | None = None
    pad: Annotated[str, Field(max_length=1, description="fills a value up on its left")] | None = None
    charset: Annotated[Charset, Field(description="which characters a value may have")] | None = None
    check: Annotated[Check, Field(description="a value ends in these check characters")] | None = None
    choices: Annotated[list[Annotated[str, Field(max_length=MAX_LITERAL)]], Field(max_length=MAX_CHOICES)] | None = (
        None
    )
    case: Case | None = None
    format: Annotated[str, Field(max_length=16, examples=["YYYYMMDD"])] | None = None
    start: Annotated[int, Field(ge=0, lt=10**MAX_SERIAL_WIDTH)] | None = None
    period: Period | None = None
    length: Annotated[int, Field(ge=1, le=MAX_RANDOM)] | None = None
    alphabet: Annotated[str, Field(max_length=MAX_ALPHABET)] | None = None
    method: Check | None = None


class ScopeBody(Body):
    """The enterprises that a rule of the node's is for, by GB/T 4754 and GB/T 2260; what lies below is meant too."""

    industry: Annotated[str, Field(max_length=4, examples=["39"])] | None = None
    division: Annotated[str, Field(max_length=6, examples=["440000"])] | None = None


class CodingRuleDefinitionBody(Body):
    """Segments, which stand in the suffix one after the other."""

    segments: Annotated[list[SegmentBody], Field(max_length=MAX_SEGMENTS)]
    scope: ScopeBody | None = None

    def rule(self) -> CodingRule:
        """The domain value. Raises ``InvalidCodingRule``."""
        return read_coding_rule(self.model_dump(mode="json", exclude_none=True))


class CodingRuleBody(Body):
    """``enterprise_id`` may be left out by the enterprise's own account, and is for a rule of the node's own."""

    enterprise_id: UUID | None = None
    of_node: Annotated[bool, Field(description="for every enterprise that it fits; administrators only")] = False
    name: Name
    definition: CodingRuleDefinitionBody


class CodingRuleCopyBody(Body):
    """A rule of the enterprise's own with the same segments, and serial numbers of its own."""

    enterprise_id: UUID | None = None
    name: Name


class CodingRuleEditBody(Body):
    """Name and definition anew, for the version that was read. Serial numbers go on where they are."""

    name: Name
    definition: CodingRuleDefinitionBody
    version: Version


class PreviewBody(Body):
    """Sample values by name; without ``serial`` the number that the rule starts with."""

    values: Annotated[dict[Annotated[Text, Field(max_length=64)], str | bool | int], Field(max_length=500)] = Field(
        default_factory=dict
    )
    serial: Annotated[int, Field(ge=0, lt=10**MAX_SERIAL_WIDTH)] | None = None


class PreviewView(View):
    """A suffix as it would be made now; the serial number was not taken."""

    suffix: str
    serial: int | None


class CodingRuleView(View):
    """A coding rule with its defaults written out; no ``enterprise_id``: the node's own."""

    coding_rule_id: int
    enterprise_id: UUID | None
    name: str
    definition: dict[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, stored: StoredCodingRule) -> Self:
        """The answer about one rule."""
        return cls(
            coding_rule_id=stored.number,
            enterprise_id=stored.enterprise_id,
            name=stored.name,
            definition=stored.definition.to_json(),
            version=stored.version,
            created_at=stored.created_at,
            updated_at=stored.updated_at,
        )


class CodingRuleList(View):
    items: list[CodingRuleView]
    next_cursor: str | None


def _owner(call: Call, enterprise_id: UUID | None) -> UUID:
    owner = enterprise_id or call.account.enterprise_id
    if owner is None:
        raise EnterpriseNotNamed("say which enterprise the coding rule is for", field="enterprise_id")
    return owner


def _created(made: StoredCodingRule) -> Reply:
    return Reply(CodingRuleView.of(made), status=201, headers={"Location": f"/v1/coding-rules/{made.number}"})


def coding_rule_routes(rules: CodingRules) -> list[Route]:
    """Every route of coding rules."""

    async def create(call: Call, body: CodingRuleBody) -> Reply:
        owner = None if body.of_node else _owner(call, body.enterprise_id)
        return _created(await rules.create(call.account, call.actor, owner, body.name, body.definition.rule()))

    async def copy(call: Call, body: CodingRuleCopyBody) -> Reply:
        owner = _owner(call, body.enterprise_id)
        number = call.number("coding_rule_id")
        return _created(await rules.copy(call.account, call.actor, number, owner, body.name))

    async def listing(call: Call, query: OwnedQuery) -> Reply:
        found = await rules.list(
            call.account,
            enterprise_id=query.enterprise_id,
            after=number_cursor(query.cursor) or 0,
            limit=query.limit + 1,
        )
        shown, cursor = cut(found, query.limit, lambda stored: stored.number)
        return Reply(CodingRuleList(items=[CodingRuleView.of(stored) for stored in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(CodingRuleView.of(await rules.get(call.account, call.number("coding_rule_id"))))

    async def replace(call: Call, body: CodingRuleEditBody) -> Reply:
        replaced = await rules.replace(
            call.account, call.actor, call.number("coding_rule_id"), body.name, body.definition.rule(), body.version
        )
        return Reply(CodingRuleView.of(replaced))

    async def delete(call: Call, query: RemovalQuery) -> Reply:
        await rules.delete(call.account, call.actor, call.number("coding_rule_id"), query.version)
        return Reply(status=204)

    async def preview(call: Call, body: PreviewBody) -> Reply:
        suffix, serial = await rules.preview(call.account, call.number("coding_rule_id"), body.values, body.serial)
        return Reply(PreviewView(suffix=suffix, serial=serial))

    async def history(call: Call, query: Page) -> Reply:
        acts = await rules.history(
            call.account,
            call.number("coding_rule_id"),
            before_act=number_cursor(query.cursor),
            limit=query.limit + 1,
        )
        return Reply(HistoryView.of(acts, query.limit))

    return [
        Route("POST", "/v1/coding-rules", create, action=Action.CODING_RULE_EDIT, tag=_TAG,
              summary="Make a coding rule", summary_zh="新建编码规则",
              body=CodingRuleBody, answers={201: CodingRuleView},
              errors=(EnterpriseNotNamed, EnterpriseUnknown, InvalidCodingRule, CodingRuleNameTaken)),
        Route("GET", "/v1/coding-rules", listing, action=Action.CODING_RULE_READ, tag=_TAG,
              summary="List coding rules in the order of creation", summary_zh="编码规则列表",
              query=OwnedQuery, answers={200: CodingRuleList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.CODING_RULE_READ, tag=_TAG,
              summary="Read a coding rule", summary_zh="查看编码规则",
              answers={200: CodingRuleView}, errors=(CodingRuleUnknown,)),
        Route("PUT", _ONE, replace, action=Action.CODING_RULE_EDIT, tag=_TAG,
              summary="Replace a coding rule; its serial numbers go on", summary_zh="修改编码规则",
              body=CodingRuleEditBody, answers={200: CodingRuleView},
              errors=(CodingRuleUnknown, InvalidCodingRule, VersionChanged, CodingRuleNameTaken)),
        Route("DELETE", _ONE, delete, action=Action.CODING_RULE_EDIT, tag=_TAG,
              summary="Delete a coding rule", summary_zh="删除编码规则", query=RemovalQuery, answers={204: None},
              errors=(CodingRuleUnknown, CodingRuleInUse, VersionChanged)),
        Route("POST", f"{_ONE}/copies", copy, action=Action.CODING_RULE_EDIT, tag=_TAG,
              summary="Copy a coding rule into the own enterprise", summary_zh="复制编码规则",
              body=CodingRuleCopyBody, answers={201: CodingRuleView},
              errors=(CodingRuleUnknown, EnterpriseNotNamed, EnterpriseUnknown, CodingRuleNameTaken)),
        Route("POST", f"{_ONE}/preview", preview, action=Action.CODING_RULE_READ, tag=_TAG,
              summary="The suffix that a rule would make of sample values; no serial number is taken",
              summary_zh="预览编码规则生成的后缀", body=PreviewBody, answers={200: PreviewView},
              errors=(CodingRuleUnknown, SuffixNotMade)),
        Route("GET", f"{_ONE}/history", history, action=Action.HISTORY_READ, tag=_TAG,
              summary="Acts on a coding rule, newest first", summary_zh="编码规则变更历史",
              query=Page, answers={200: HistoryView}, errors=(CodingRuleUnknown, CursorBroken)),
    ]  # fmt: skip
