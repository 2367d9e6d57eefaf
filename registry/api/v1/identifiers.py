"""``/v1/identifiers``: register, update, delete, suspend, read, history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote
from uuid import UUID

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from node.auth import Action
from node.errors import Malformed
from node.identifier import PREFIX_LIMIT, Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix, Prefix
from node.record import Value, decode_values
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Text, Version, View
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor
from registry.authorisations.reading import NotReadable, NotWritable
from registry.coding.rules import CodingRuleElsewhere, CodingRuleUnknown, SuffixNotMade
from registry.coding.serials import SuffixesTaken
from registry.identifiers.admission import QuotaReached
from registry.identifiers.identifiers import (
    AttributesInvalid,
    IdentifierChanged,
    IdentifierExists,
    Identifiers,
    IdentifierUnknown,
    PastVersion,
    StoredIdentifier,
    ValueTaken,
)
from registry.identifiers.state import IdentifierState
from registry.identifiers.writing import TooContended
from registry.prefixes import PrefixNotEnabled, PrefixNotHosted, PrefixUnknown
from registry.templates.attributes import MOST_ITEMS
from registry.templates.record_pieces import count_of
from registry.templates.stored import StoredTemplate, TemplateNotPublished, TemplateUnknown

_TAG = "identifiers"
_ONE = "/v1/identifiers/{prefix}/{suffix:(?s:.+)}"
_HISTORY = "/v1/identifier-history/{prefix}/{suffix:(?s:.+)}"
_STATE = "/v1/identifier-states/{prefix}/{suffix:(?s:.+)}"
_LAST_VERSION = 2**31 - 1
_WORDS: dict[IdentifierState, Literal["live", "deleted", "suspended"]] = {
    IdentifierState.LIVE: "live",
    IdentifierState.DELETED: "deleted",
    IdentifierState.SUSPENDED: "suspended",
}


class _Sent(msgspec.Struct):
    attributes: dict[str, Any]


_EXACT = msgspec.json.Decoder(_Sent, float_hook=Decimal)


def _flat(value: object) -> object:
    items = value if isinstance(value, list) else (value,)
    if any(isinstance(one, list | dict) or (isinstance(one, float) and not isfinite(one)) for one in items):
        raise PydanticCustomError("not_a_value", "must be text, a number, true, false, null or an array of these")
    if len(items) > MOST_ITEMS:
        raise PydanticCustomError("too_many_items", "an array has at most {limit} items", {"limit": MOST_ITEMS})
    return value


def _exact(attributes: Mapping[str, Any], info: ValidationInfo[bytes]) -> Mapping[str, Any]:
    """Digits as they were sent: pydantic has read 1.10 as the float 1.1, so they are read again from the body."""
    if not any(
        isinstance(one, float)
        for value in attributes.values()
        for one in (value if isinstance(value, list) else (value,))
    ):
        return attributes
    try:
        return _EXACT.decode(info.context).attributes
    except (msgspec.DecodeError, InvalidOperation):
        raise PydanticCustomError("number_out_of_range", "holds a number that is out of range") from None


Scalar = str | bool | int | float | None
_Array = Annotated[list[Scalar], Field(max_length=MOST_ITEMS)]
_Value = Annotated[Any, PlainValidator(_flat, json_schema_input_type=Scalar | _Array)]
Values = Annotated[
    dict[Annotated[str, Field(max_length=64)], _Value],
    Field(max_length=500, description="values by the attribute's name in the template"),
]
Attributes = Annotated[Values, AfterValidator(_exact)]


class RegistrationBody(Body):
    """A new identifier under an enabled prefix, its data by a published template.

    Either ``suffix`` is given, or ``coding_rule`` names the rule of the prefix's enterprise that makes it.
    """

    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT, examples=["88.101.2001"])]
    suffix: Annotated[str | None, Field(min_length=1, max_length=255, examples=["PUMP-000123"])] = None
    coding_rule: Annotated[Text | None, Field(min_length=1, max_length=128)] = None
    template: Annotated[Text, Field(min_length=1, max_length=128, examples=["pump"])]
    attributes: Attributes


class UpdateBody(Body):
    """All attributes anew, for the version that was read; another enterprise's application names those to change."""

    version: Version
    attributes: Attributes


class StateBody(Body):
    """Whether it is to resolve, for the version that was read."""

    state: Annotated[Literal["live", "suspended"], Field(description="suspended: kept, and not resolved")]
    version: Version


class DeletionQuery(BaseModel):
    """The version that was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Version


class ValueView(View):
    """One Handle value, its data as text."""

    index: int
    type: str
    data: str

    @classmethod
    def of(cls, value: Value) -> Self:
        """The value; what is not UTF-8 in its data is shown as U+FFFD."""
        return cls(index=value.index, type=value.type, data=value.data.decode(errors="replace"))


class IdentifierView(View):
    """An identifier with its data; ``attributes`` are texts as stored, ``template_version`` is the template's.

    ``other_values`` are those that the template does not know: the Handle protocol may register such.
    """

    identifier: str
    prefix: str
    suffix: str
    template: str
    template_id: int
    template_version: int
    attributes: dict[str, str | list[str]]
    other_values: list[ValueView]
    state: Literal["live", "deleted", "suspended"]
    version: int
    registered_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, found: StoredIdentifier, stored: StoredTemplate) -> Self:
        """The answer about one identifier."""
        attributes = stored.template.attributes_of(found.record)
        others = stored.template.free_values_of(found.record) if len(attributes) < count_of(found.record) else []
        return cls(
            identifier=found.text,
            prefix=found.prefix.key,
            suffix=found.suffix,
            template=stored.template.name,
            template_id=found.template_id,
            template_version=stored.template.version,
            attributes=attributes,
            other_values=[ValueView.of(value) for value in others],
            state=_WORDS[found.state],
            version=found.version,
            registered_at=found.registered_at,
            updated_at=found.updated_at,
        )


class IdentifierList(View):
    items: list[IdentifierView]
    next_cursor: str | None


class VersionView(View):
    """One version; ``before`` is the data that it replaced, null where there was none or it stayed the same.

    ``before_state`` and ``before_template_id`` are null for a first registration.
    """

    version: int
    change: str
    interface: str
    at: datetime
    account_id: UUID
    batch_id: UUID | None
    before: list[ValueView] | None
    before_state: Literal["live", "deleted", "suspended"] | None
    before_template_id: int | None


class VersionList(View):
    items: list[VersionView]
    next_cursor: str | None


class SuffixOrCodingRule(Malformed):
    title_zh = "后缀与编码规则须二选一"


def identifier_routes(identifiers: Identifiers) -> list[Route]:
    """Every route of identifiers."""

    def named(call: Call) -> Identifier:
        return Identifier.of(Prefix.parse_derived(call.text("prefix")), call.text("suffix"))

    async def register(call: Call, body: RegistrationBody) -> Reply:
        prefix = Prefix.parse_derived(body.prefix)
        if (body.suffix is None) == (body.coding_rule is None):
            raise SuffixOrCodingRule("give either a suffix or the coding rule that makes it", field="suffix")
        if body.coding_rule is not None:
            found, stored = await identifiers.register_by_rule(
                call.account, call.actor, prefix, body.coding_rule, body.template, body.attributes
            )
        else:
            identifier = Identifier.of(prefix, body.suffix or "")
            found, stored = await identifiers.register(
                call.account, call.actor, identifier, body.template, body.attributes
            )
        # Slashes are escaped too: clients fold "a/../b" before they ask.
        location = f"/v1/identifiers/{found.prefix.text}/{quote(found.suffix, safe='')}"
        return Reply(IdentifierView.of(found, stored), status=201, headers={"Location": location})

    async def update(call: Call, body: UpdateBody) -> Reply:
        found, stored = await identifiers.update(call.account, call.actor, named(call), body.version, body.attributes)
        return Reply(IdentifierView.of(found, stored))

    async def delete(call: Call, query: DeletionQuery) -> Reply:
        await identifiers.delete(call.account, call.actor, named(call), query.version)
        return Reply(status=204)

    async def turn(call: Call, body: StateBody) -> Reply:
        state = IdentifierState.SUSPENDED if body.state == "suspended" else IdentifierState.LIVE
        found, stored = await identifiers.turn(call.account, call.actor, named(call), body.version, state)
        return Reply(IdentifierView.of(found, stored))

    async def read(call: Call) -> Reply:
        return Reply(IdentifierView.of(*await identifiers.get(call.account, named(call))))

    async def history(call: Call, query: Page) -> Reply:
        before = number_cursor(query.cursor)
        if before is not None and before > _LAST_VERSION:
            raise CursorBroken("no identifier has that many versions; begin without a cursor", field="cursor")
        versions = await identifiers.history(
            call.account,
            named(call),
            before_version=_LAST_VERSION if before is None else before,
            limit=query.limit + 1,
        )
        shown, cursor = cut(versions, query.limit, lambda version: version.version)
        return Reply(VersionList(items=[_version_view(one) for one in shown], next_cursor=cursor))

    named_badly: tuple[type[Malformed], ...] = (InvalidPrefix, InvalidSuffix, InvalidIdentifier)
    return [
        Route("POST", "/v1/identifiers", register, action=Action.IDENTIFIER_REGISTER, tag=_TAG,
              summary="Register one identifier", summary_zh="注册标识", body=RegistrationBody,
              answers={201: IdentifierView},
              errors=(*named_badly, PrefixUnknown, PrefixNotEnabled, PrefixNotHosted, TemplateUnknown,
                      TemplateNotPublished, AttributesInvalid, IdentifierExists, ValueTaken, TooContended,
                      SuffixOrCodingRule, QuotaReached, CodingRuleUnknown, CodingRuleElsewhere, SuffixNotMade,
                      SuffixesTaken)),
        Route("GET", _ONE, read, action=Action.IDENTIFIER_READ, tag=_TAG,
              summary="Read an identifier: of another enterprise, what is public or granted",
              summary_zh="查看标识（其他企业的：公开或已授权的数据）", answers={200: IdentifierView},
              errors=(*named_badly, PrefixUnknown, IdentifierUnknown, NotReadable)),
        Route("PUT", _ONE, update, action=Action.IDENTIFIER_UPDATE, tag=_TAG,
              summary="Replace the data of an identifier", summary_zh="变更标识", body=UpdateBody,
              answers={200: IdentifierView},
              errors=(*named_badly, PrefixUnknown, PrefixNotEnabled, AttributesInvalid, IdentifierUnknown,
                      IdentifierChanged, NotWritable, ValueTaken, TooContended)),
        Route("DELETE", _ONE, delete, action=Action.IDENTIFIER_DELETE, tag=_TAG,
              summary="Delete an identifier; its history stays", summary_zh="注销标识", query=DeletionQuery,
              answers={204: None},
              errors=(*named_badly, PrefixUnknown, PrefixNotEnabled, IdentifierUnknown, IdentifierChanged)),
        Route("PUT", _STATE, turn, action=Action.IDENTIFIER_SUSPEND, tag=_TAG,
              summary="Suspend an identifier, so that it does not resolve, or resume it", summary_zh="停用或恢复标识",
              body=StateBody, answers={200: IdentifierView},
              errors=(*named_badly, PrefixUnknown, PrefixNotEnabled, IdentifierUnknown, IdentifierChanged)),
        Route("GET", _HISTORY, history, action=Action.HISTORY_READ, tag=_TAG,
              summary="Versions of an identifier, newest first", summary_zh="标识变更历史", query=Page,
              answers={200: VersionList}, errors=(*named_badly, PrefixUnknown, IdentifierUnknown, CursorBroken)),
    ]  # fmt: skip


def _version_view(version: PastVersion) -> VersionView:
    before = None
    if version.before is not None:
        before = [ValueView.of(value) for value in decode_values(version.before)]
    return VersionView(
        version=version.version,
        change=version.change.name.lower(),
        interface=version.interface.name.lower(),
        at=version.at,
        account_id=version.account_id,
        batch_id=version.batch_id,
        before=before,
        before_state=None if version.before_state is None else _WORDS[version.before_state],
        before_template_id=version.before_template_id,
    )
