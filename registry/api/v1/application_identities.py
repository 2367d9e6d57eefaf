"""``/v1/application-identities``: applications of enterprises, known by a handle."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.accounts.password_policy import PasswordTooWeak
from registry.accounts.passwords import TooManySignIns
from registry.accounts.stored import AccountState
from registry.api.v1.fields import Body, Password, Text, View
from registry.api.v1.mappings import OwnedQuery
from registry.api.v1.paging import CursorBroken, cut, text_cursor
from registry.authorisations.application_identities import (
    ApplicationIdentities,
    ApplicationIdentity,
    IdentityHandleInvalid,
    IdentityHandleTaken,
    IdentityKeyInvalid,
    IdentityUnknown,
    fold_handle,
)
from registry.prefixes import PrefixNotEnabled, PrefixUnknown

_TAG = "application-identities"
_ONE = "/v1/application-identities/{prefix}/{suffix}"

IdentityHandle = Annotated[Text, Field(min_length=1, max_length=255, examples=["88.101.2001/App_mes"])]
_Pem = Annotated[str, Field(min_length=1, max_length=8192, description="RSA public key, 2,048 bits or more, PEM")]
_Title = Annotated[Text, Field(max_length=128)]


class IdentityBody(Body):
    """A new application. Without password and key it cannot sign in; its account is named like its handle."""

    handle: IdentityHandle
    title: _Title = ""
    public_key: _Pem | None = None
    password: Password | None = None


class IdentityChangeBody(Body):
    """Title and key anew; ``null`` takes the key away."""

    title: _Title
    public_key: _Pem | None


class IdentityView(View):
    """An application identity; ``name`` is that of its account, for ``POST /v1/tokens``."""

    handle: str
    account_id: UUID
    name: str
    enterprise_id: UUID
    enterprise_name: str
    title: str
    public_key: str | None
    state: AccountState
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, identity: ApplicationIdentity) -> Self:
        """The answer about one identity."""
        return cls(**{name: getattr(identity, name) for name in cls.model_fields})


class IdentityList(View):
    items: list[IdentityView]
    next_cursor: str | None


def application_identity_routes(identities: ApplicationIdentities) -> list[Route]:
    """Every route of application identities."""

    async def create(call: Call, body: IdentityBody) -> Reply:
        made = await identities.create(
            call.account,
            call.actor,
            body.handle,
            title=body.title,
            public_key=body.public_key,
            password=body.password.get_secret_value() if body.password else None,
        )
        location = f"/v1/application-identities/{made.handle}"
        return Reply(IdentityView.of(made), status=201, headers={"Location": location})

    async def listing(call: Call, query: OwnedQuery) -> Reply:
        found = await identities.list(
            call.account,
            enterprise_id=query.enterprise_id,
            after=text_cursor(query.cursor) or "",
            limit=query.limit + 1,
        )
        shown, cursor = cut(found, query.limit, lambda identity: fold_handle(identity.handle))
        return Reply(IdentityList(items=[IdentityView.of(identity) for identity in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(IdentityView.of(await identities.get(call.account, handle_of(call))))

    async def change(call: Call, body: IdentityChangeBody) -> Reply:
        changed = await identities.change(
            call.account, call.actor, handle_of(call), title=body.title, public_key=body.public_key
        )
        return Reply(IdentityView.of(changed))

    async def disable(call: Call) -> Reply:
        turned = await identities.turn(call.account, call.actor, handle_of(call), AccountState.DISABLED)
        return Reply(IdentityView.of(turned))

    async def enable(call: Call) -> Reply:
        turned = await identities.turn(call.account, call.actor, handle_of(call), AccountState.ACTIVE)
        return Reply(IdentityView.of(turned))

    return [
        Route("POST", "/v1/application-identities", create, action=Action.IDENTITY_EDIT, tag=_TAG,
              summary="Create an application identity", summary_zh="新建应用身份", body=IdentityBody,
              answers={201: IdentityView},
              errors=(IdentityHandleInvalid, IdentityHandleTaken, IdentityKeyInvalid, PasswordTooWeak,
                      TooManySignIns, PrefixUnknown, PrefixNotEnabled)),
        Route("GET", "/v1/application-identities", listing, action=Action.IDENTITY_READ, tag=_TAG,
              summary="List application identities by handle", summary_zh="应用身份列表", query=OwnedQuery,
              answers={200: IdentityList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.IDENTITY_READ, tag=_TAG,
              summary="Read an application identity", summary_zh="查看应用身份",
              answers={200: IdentityView}, errors=(IdentityUnknown,)),
        Route("PUT", _ONE, change, action=Action.IDENTITY_EDIT, tag=_TAG,
              summary="Change title and key of an application identity", summary_zh="变更应用身份",
              body=IdentityChangeBody, answers={200: IdentityView}, errors=(IdentityUnknown, IdentityKeyInvalid)),
        Route("POST", f"{_ONE}/disable", disable, action=Action.IDENTITY_EDIT, tag=_TAG,
              summary="Disable an application identity: tokens and key work no more", summary_zh="停用应用身份",
              answers={200: IdentityView}, errors=(IdentityUnknown,)),
        Route("POST", f"{_ONE}/enable", enable, action=Action.IDENTITY_EDIT, tag=_TAG,
              summary="Enable an application identity again", summary_zh="启用应用身份",
              answers={200: IdentityView}, errors=(IdentityUnknown,)),
    ]  # fmt: skip


def handle_of(call: Call) -> str:
    """The handle of an identity or group in a path."""
    return f"{call.text('prefix')}/{call.text('suffix')}"
