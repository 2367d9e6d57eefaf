"""``/v1/class-scopes``, ``/v1/identifier-scopes``, ``/v1/data-grants``: who reads and writes what of identifiers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from node.auth import Action
from node.errors import Malformed
from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix, Prefix
from node.routes import Call, Reply, Route
from registry.api.v1.application_identities import IdentityHandle
from registry.api.v1.fields import Body, Text, View
from registry.api.v1.mappings import OwnedQuery
from registry.api.v1.paging import CursorBroken, cut, number_cursor
from registry.api.v1.prefixes import EnterpriseNotNamed
from registry.authorisations.grants import (
    MOST_GRANTEES,
    Access,
    ClassOfData,
    DataGrant,
    DataGrants,
    GranteeForeign,
    GranteeUnknown,
    TooManyGrantees,
)
from registry.authorisations.scopes import ClassInvalid, ClassScope, IdentifierFollowsClass, Readable, Scopes
from registry.enterprises import EnterpriseUnknown
from registry.identifiers.stored import IdentifierUnknown
from registry.prefixes import PrefixUnknown
from registry.templates.template import MAX_ATTRIBUTES

_TAG = "data-grants"
_SCOPE = "/v1/identifier-scopes/{prefix}/{suffix:(?s:.+)}"

_Template = Annotated[Text, Field(min_length=1, max_length=128, examples=["pump"])]
_Attribute = Annotated[Text, Field(min_length=1, max_length=64)]
_Identifier = Annotated[str, Field(min_length=3, max_length=255, examples=["88.101.2001/PUMP-000123"])]


class ClassOrIdentifier(Malformed):
    title_zh = "数据模板与标识须二选一"


class ClassScopeBody(Body):
    """``readable`` by the attribute's name, ``*`` for every other; ``null`` takes back what was said of one.

    What is not named stays. ``enterprise_id`` may be left out by the enterprise's own account.
    """

    enterprise_id: UUID | None = None
    template: _Template
    readable: Annotated[
        dict[_Attribute, Literal["public", "granted"] | None], Field(min_length=1, max_length=MAX_ATTRIBUTES + 1)
    ]


class ClassScopeQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    enterprise_id: UUID | None = None
    template: Annotated[str | None, Field(max_length=128)] = None


class ClassScopeView(View):
    """What was said of a class; what is not named is public, or as ``*`` says."""

    template: str
    readable: dict[str, Readable]

    @classmethod
    def of(cls, scope: ClassScope) -> Self:
        """The answer about one class."""
        return cls(template=scope.template, readable=dict(scope.readable))


class ClassScopeList(View):
    items: list[ClassScopeView]


class IdentifierScopeBody(Body):
    """``class``: it has the scopes and grants of its class, and its own end."""

    readable: Literal["class", "public", "granted"]


class IdentifierScopeView(View):
    readable: Literal["class", "public", "granted"]


class DataGrantBody(Body):
    """A class (``template``, and ``attributes`` unless all are meant) or one identifier with a scope of its own.

    ``to`` are handles of own applications, own groups and imported groups; ``write`` includes reading.
    """

    enterprise_id: UUID | None = None
    template: _Template | None = None
    attributes: Annotated[list[_Attribute], Field(default_factory=list, max_length=MAX_ATTRIBUTES)]
    identifier: _Identifier | None = None
    access: Literal["read", "write"]
    to: Annotated[list[IdentityHandle], Field(min_length=1, max_length=MOST_GRANTEES)]


class DataGrantQuery(OwnedQuery):
    """What an enterprise granted, of all or of a template or identifier; ``received``: what it was granted."""

    template: Annotated[str | None, Field(max_length=128)] = None
    identifier: Annotated[str | None, Field(max_length=255)] = None
    received: bool = False


class DataGrantView(View):
    """One grant; ``attribute`` null: of every attribute. ``identifier`` is in its comparison form."""

    data_grant_id: int
    enterprise_id: UUID
    template: str | None
    attribute: str | None
    identifier: str | None
    access: Access
    to: str
    created_at: datetime

    @classmethod
    def of(cls, grant: DataGrant) -> Self:
        """The answer about one grant."""
        return cls(
            data_grant_id=grant.data_grant_id,
            enterprise_id=grant.enterprise_id,
            template=grant.template,
            attribute=grant.attribute,
            identifier=f"{grant.prefix}/{grant.suffix_key}" if grant.prefix else None,
            access=grant.access,
            to=grant.grantee,
            created_at=grant.created_at,
        )


class DataGrantList(View):
    items: list[DataGrantView]
    next_cursor: str | None


def data_grant_routes(scopes: Scopes, grants: DataGrants) -> list[Route]:
    """Every route of scopes and grants."""
    return [*_scope_routes(scopes), *_grant_routes(grants)]


_NAMED_BADLY: tuple[type[Malformed], ...] = (InvalidPrefix, InvalidSuffix, InvalidIdentifier)


def _scope_routes(scopes: Scopes) -> list[Route]:
    def named(call: Call) -> Identifier:
        return Identifier.of(Prefix.parse_derived(call.text("prefix")), call.text("suffix"))

    async def of_classes(call: Call, query: ClassScopeQuery) -> Reply:
        owner = _owner(call, query.enterprise_id)
        found = await scopes.of_classes(call.account, owner, query.template)
        return Reply(ClassScopeList(items=[ClassScopeView.of(scope) for scope in found]))

    async def set_class(call: Call, body: ClassScopeBody) -> Reply:
        readable = {name: None if word is None else Readable(word) for name, word in body.readable.items()}
        owner = _owner(call, body.enterprise_id)
        return Reply(
            ClassScopeView.of(await scopes.set_class(call.account, call.actor, owner, body.template, readable))
        )

    async def of_identifier(call: Call) -> Reply:
        found = await scopes.of_identifier(call.account, named(call))
        return Reply(IdentifierScopeView(readable=found.value if found else "class"))

    async def set_identifier(call: Call, body: IdentifierScopeBody) -> Reply:
        readable = None if body.readable == "class" else Readable(body.readable)
        await scopes.set_identifier(call.account, call.actor, named(call), readable)
        return Reply(IdentifierScopeView(readable=body.readable))

    return [
        Route("GET", "/v1/class-scopes", of_classes, action=Action.GRANT_READ, tag=_TAG,
              summary="Which attributes of an enterprise's classes are public", summary_zh="同类数据的公开范围",
              query=ClassScopeQuery, answers={200: ClassScopeList}, errors=(EnterpriseNotNamed,)),
        Route("PUT", "/v1/class-scopes", set_class, action=Action.GRANT_EDIT, tag=_TAG,
              summary="Make attributes of a class public, or not", summary_zh="设置同类数据的公开范围",
              body=ClassScopeBody, answers={200: ClassScopeView},
              errors=(EnterpriseNotNamed, EnterpriseUnknown, ClassInvalid)),
        Route("GET", _SCOPE, of_identifier, action=Action.GRANT_READ, tag=_TAG,
              summary="Whether an identifier follows its class", summary_zh="标识的公开范围",
              answers={200: IdentifierScopeView}, errors=(*_NAMED_BADLY, PrefixUnknown)),
        Route("PUT", _SCOPE, set_identifier, action=Action.GRANT_EDIT, tag=_TAG,
              summary="Give an identifier a scope of its own, or let it follow its class",
              summary_zh="设置标识的公开范围", body=IdentifierScopeBody, answers={200: IdentifierScopeView},
              errors=(*_NAMED_BADLY, PrefixUnknown, IdentifierUnknown)),
    ]  # fmt: skip


def _grant_routes(grants: DataGrants) -> list[Route]:
    async def add(call: Call, body: DataGrantBody) -> Reply:
        await grants.grant(call.account, call.actor, _about(call, body), Access(body.access), body.to)
        return Reply(status=204)

    async def take_back(call: Call, body: DataGrantBody) -> Reply:
        await grants.revoke(call.account, call.actor, _about(call, body), Access(body.access), body.to)
        return Reply(status=204)

    async def listing(call: Call, query: DataGrantQuery) -> Reply:
        after, limit = number_cursor(query.cursor) or 0, query.limit + 1
        if query.received:
            found = await grants.received(call.account, enterprise_id=query.enterprise_id, after=after, limit=limit)
        else:
            about = _identifier(query.identifier) if query.identifier is not None else query.template
            found = await grants.given(
                call.account, enterprise_id=query.enterprise_id, about=about, after=after, limit=limit
            )
        shown, cursor = cut(found, query.limit, lambda grant: grant.data_grant_id)
        return Reply(DataGrantList(items=[DataGrantView.of(one) for one in shown], next_cursor=cursor))

    refusals = (*_NAMED_BADLY, ClassOrIdentifier, ClassInvalid, EnterpriseNotNamed, GranteeUnknown, TooManyGrantees,
                PrefixUnknown, IdentifierUnknown)  # fmt: skip
    return [
        Route("POST", "/v1/data-grants", add, action=Action.GRANT_EDIT, tag=_TAG,
              summary="Let identities and groups read or write a class or an identifier", summary_zh="授权数据",
              body=DataGrantBody, answers={204: None},
              errors=(*refusals, EnterpriseUnknown, GranteeForeign, IdentifierFollowsClass)),
        Route("POST", "/v1/data-grants/revocations", take_back, action=Action.GRANT_EDIT, tag=_TAG,
              summary="Take such grants back", summary_zh="取消数据授权", body=DataGrantBody, answers={204: None},
              errors=refusals),
        Route("GET", "/v1/data-grants", listing, action=Action.GRANT_READ, tag=_TAG,
              summary="List what an enterprise granted, or was granted", summary_zh="数据授权列表",
              query=DataGrantQuery, answers={200: DataGrantList},
              errors=(*_NAMED_BADLY, CursorBroken, PrefixUnknown)),
    ]  # fmt: skip


def _about(call: Call, body: DataGrantBody) -> ClassOfData | Identifier:
    if (body.template is None) == (body.identifier is None) or (body.identifier is not None and body.attributes):
        raise ClassOrIdentifier("name a template, perhaps with attributes, or an identifier", field="template")
    if body.identifier is not None:
        return _identifier(body.identifier)
    return ClassOfData(_owner(call, body.enterprise_id), body.template or "", tuple(body.attributes))


def _identifier(text: str) -> Identifier:
    prefix, slash, suffix = text.partition("/")
    return Identifier.of(Prefix.parse_derived(prefix), suffix) if slash else Identifier.parse(text)


def _owner(call: Call, enterprise_id: UUID | None) -> UUID:
    owner = enterprise_id or call.account.enterprise_id
    if owner is None:
        raise EnterpriseNotNamed("say whose data it is", field="enterprise_id")
    return owner
