"""``/v1/identifiers``: register, update, delete, read, list, history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Annotated, Any, Self
from urllib.parse import quote
from uuid import UUID

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from node.auth import Action
from node.errors import Malformed
from node.identifier import PREFIX_LIMIT, Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix, Prefix
from node.record import decode_values
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Text, Version, View
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor, text_cursor
from registry.identifiers import (
    AttributesInvalid,
    IdentifierChanged,
    IdentifierExists,
    Identifiers,
    IdentifierUnknown,
    NotListed,
    PastVersion,
    StoredIdentifier,
    ValueTaken,
)
from registry.prefixes import PrefixNotEnabled, PrefixUnknown
from registry.template_store import StoredTemplate, TemplateNotPublished, TemplateUnknown
from registry.writing import TooContended

_TAG = "identifiers"
_ONE = "/v1/identifiers/{prefix}/{suffix:(?s:.+)}"
_HISTORY = "/v1/identifier-history/{prefix}/{suffix:(?s:.+)}"
_LAST_VERSION = 2**31 - 1


class _Sent(msgspec.Struct):
    attributes: dict[str, Any]


_EXACT = msgspec.json.Decoder(_Sent, float_hook=Decimal)


def _flat(value: object) -> object:
    if isinstance(value, list | dict) or (isinstance(value, float) and not isfinite(value)):
        raise PydanticCustomError("not_a_value", "must be text, a number, true, false or null")
    return value


def _exact(attributes: Mapping[str, Any], info: ValidationInfo[bytes]) -> Mapping[str, Any]:
    """Digits as they were sent: pydantic has read 1.10 as the float 1.1, so they are read again from the body."""
    if not any(isinstance(value, float) for value in attributes.values()):
        return attributes
    try:
        return _EXACT.decode(info.context).attributes
    except (msgspec.DecodeError, InvalidOperation):
        raise PydanticCustomError("number_out_of_range", "holds a number that is out of range") from None


Scalar = Annotated[Any, PlainValidator(_flat, json_schema_input_type=str | bool | int | float | None)]
Attributes = Annotated[
    dict[Annotated[str, Field(max_length=64)], Scalar],
    Field(max_length=500, description="values by the attribute's name in the template"),
    AfterValidator(_exact),
]


class RegistrationBody(Body):
    """A new identifier under an enabled prefix, its data by a published template."""

    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT, examples=["88.101.2001"])]
    suffix: Annotated[str, Field(min_length=1, max_length=255, examples=["PUMP-000123"])]
    template: Annotated[Text, Field(min_length=1, max_length=128, examples=["pump"])]
    attributes: Attributes


class UpdateBody(Body):
    """All attributes anew, for the version that was read."""

    version: Version
    attributes: Attributes


class DeletionQuery(BaseModel):
    """The version that was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Version


class IdentifierQuery(Page):
    """``attribute`` and ``value`` search a listed or unique attribute of the template."""

    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT)]
    template_id: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    attribute: Annotated[Text | None, Field(max_length=64)] = None
    value: Annotated[str | None, Field(max_length=255, pattern="^[^\\x00]*$")] = None


class IdentifierView(View):
    """An identifier with its data; ``attributes`` are texts as stored."""

    identifier: str
    prefix: str
    suffix: str
    template: str
    template_id: int
    attributes: dict[str, str]
    version: int
    registered_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, found: StoredIdentifier, stored: StoredTemplate) -> Self:
        """The answer about one identifier."""
        return cls(
            identifier=found.text,
            prefix=found.prefix.key,
            suffix=found.suffix,
            template=stored.template.name,
            template_id=found.template_id,
            attributes=attributes_of(found.record, stored),
            version=found.version,
            registered_at=found.registered_at,
            updated_at=found.updated_at,
        )


class IdentifierList(View):
    items: list[IdentifierView]
    next_cursor: str | None


class ValueView(View):
    """One Handle value of a former record, as text."""

    index: int
    type: str
    data: str


class VersionView(View):
    """One version; ``before`` is the data that it replaced, null for a registration."""

    version: int
    change: str
    interface: str
    at: datetime
    account_id: UUID
    batch_id: UUID | None
    before: list[ValueView] | None


class VersionList(View):
    items: list[VersionView]
    next_cursor: str | None


class QueryIncomplete(Malformed):
    title_zh = "检索条件不完整"


def attributes_of(record: bytes, stored: StoredTemplate) -> dict[str, str]:
    """The attributes of a stored record by their names."""
    names = {attribute.index: attribute.name for attribute in stored.template.attributes}
    return {
        names[value.index]: value.data.decode()
        for value in decode_values(record)
        if value.index in names
    }  # fmt: skip


def identifier_routes(identifiers: Identifiers) -> list[Route]:
    """Every route of identifiers."""

    def named(call: Call) -> Identifier:
        return Identifier.of(Prefix.parse(call.text("prefix")), call.text("suffix"))

    async def register(call: Call, body: RegistrationBody) -> Reply:
        identifier = Identifier.of(Prefix.parse(body.prefix), body.suffix)
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

    async def read(call: Call) -> Reply:
        return Reply(IdentifierView.of(*await identifiers.get(call.account, named(call))))

    async def listing(call: Call, query: IdentifierQuery) -> Reply:
        found, templates = await identifiers.list(
            call.account,
            Prefix.parse(query.prefix),
            after=text_cursor(query.cursor) or "",
            limit=query.limit + 1,
            template_id=query.template_id,
            attribute=_searched(query),
        )
        shown, cursor = cut(found, query.limit, lambda identifier: identifier.suffix_key)
        items = [IdentifierView.of(identifier, templates[identifier.template_id]) for identifier in shown]
        return Reply(IdentifierList(items=items, next_cursor=cursor))

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
              errors=(*named_badly, PrefixUnknown, PrefixNotEnabled, TemplateUnknown, TemplateNotPublished,
                      AttributesInvalid, IdentifierExists, ValueTaken, TooContended)),
        Route("GET", "/v1/identifiers", listing, action=Action.IDENTIFIER_READ, tag=_TAG,
              summary="List identifiers below a prefix, or those with a value", summary_zh="标识列表",
              query=IdentifierQuery, answers={200: IdentifierList},
              errors=(InvalidPrefix, PrefixUnknown, TemplateUnknown, NotListed, QueryIncomplete, CursorBroken)),
        Route("GET", _ONE, read, action=Action.IDENTIFIER_READ, tag=_TAG,
              summary="Read an identifier", summary_zh="查看标识", answers={200: IdentifierView},
              errors=(*named_badly, PrefixUnknown, IdentifierUnknown)),
        Route("PUT", _ONE, update, action=Action.IDENTIFIER_UPDATE, tag=_TAG,
              summary="Replace the data of an identifier", summary_zh="变更标识", body=UpdateBody,
              answers={200: IdentifierView},
              errors=(*named_badly, PrefixUnknown, PrefixNotEnabled, AttributesInvalid, IdentifierUnknown,
                      IdentifierChanged, ValueTaken)),
        Route("DELETE", _ONE, delete, action=Action.IDENTIFIER_DELETE, tag=_TAG,
              summary="Delete an identifier; its history stays", summary_zh="注销标识", query=DeletionQuery,
              answers={204: None},
              errors=(*named_badly, PrefixUnknown, PrefixNotEnabled, IdentifierUnknown, IdentifierChanged)),
        Route("GET", _HISTORY, history, action=Action.HISTORY_READ, tag=_TAG,
              summary="Versions of an identifier, newest first", summary_zh="标识变更历史", query=Page,
              answers={200: VersionList}, errors=(*named_badly, PrefixUnknown, IdentifierUnknown, CursorBroken)),
    ]  # fmt: skip


def _searched(query: IdentifierQuery) -> tuple[str, str] | None:
    if (query.attribute is None) != (query.value is None):
        raise QueryIncomplete("attribute and value go together", field="attribute")
    if query.attribute is None or query.value is None:
        return None
    return query.attribute, query.value


def _version_view(version: PastVersion) -> VersionView:
    before = None
    if version.before is not None:
        before = [
            ValueView(index=value.index, type=value.type, data=value.data.decode(errors="replace"))
            for value in decode_values(version.before)
        ]
    return VersionView(
        version=version.version,
        change=version.change.name.lower(),
        interface=version.interface.name.lower(),
        at=version.at,
        account_id=version.account_id,
        batch_id=version.batch_id,
        before=before,
    )
