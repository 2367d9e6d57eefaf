"""``/v1/accounts/{account_id}/access-keys``: pairs by which applications sign in as an account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.accounts.access_keys import AccessKey, AccessKeys, AccessKeyUnknown, IssuedKey, TooManyAccessKeys
from registry.accounts.stored import AccountUnknown
from registry.api.v1.fields import Body, Text, View

_TAG = "accounts"
_ALL = "/v1/accounts/{account_id}/access-keys"


class AccessKeyBody(Body):
    label: Annotated[Text, Field(max_length=64, description="what the pair is for")] = ""


class AccessKeyView(View):
    """A pair without its secret key."""

    access_key: str
    label: str
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: AccessKey) -> Self:
        """The answer about one pair."""
        return cls(access_key=key.access_key, label=key.label, created_at=key.created_at, revoked_at=key.revoked_at)


class IssuedKeyView(AccessKeyView):
    """``secret_key`` is shown this once: sign in with the pair as with a name and a password."""

    secret_key: str

    @classmethod
    def issued(cls, issued: IssuedKey) -> Self:
        """The answer to a creation."""
        return cls(**AccessKeyView.of(issued.key).model_dump(), secret_key=issued.secret)


class AccessKeyList(View):
    items: list[AccessKeyView]


def access_key_routes(keys: AccessKeys) -> list[Route]:
    """Every route of access keys."""

    async def create(call: Call, body: AccessKeyBody) -> Reply:
        issued = await keys.create(call.account, call.actor, call.uuid("account_id"), body.label)
        return Reply(IssuedKeyView.issued(issued), status=201)

    async def listing(call: Call) -> Reply:
        found = await keys.list(call.account, call.uuid("account_id"))
        return Reply(AccessKeyList(items=[AccessKeyView.of(key) for key in found]))

    async def revoke(call: Call) -> Reply:
        await keys.revoke(call.account, call.actor, call.uuid("account_id"), call.text("access_key"))
        return Reply(status=204)

    return [
        Route("POST", _ALL, create, action=Action.ACCESS_KEY_CREATE, tag=_TAG,
              summary="A new pair of access key and secret key", summary_zh="新建访问密钥（AccessKey、SecretKey）",
              body=AccessKeyBody, answers={201: IssuedKeyView}, errors=(AccountUnknown, TooManyAccessKeys)),
        Route("GET", _ALL, listing, action=Action.ACCESS_KEY_READ, tag=_TAG,
              summary="The pairs of an account, oldest first", summary_zh="访问密钥列表",
              answers={200: AccessKeyList}),
        Route("DELETE", _ALL + "/{access_key}", revoke, action=Action.ACCESS_KEY_REVOKE, tag=_TAG,
              summary="Revoke a pair for ever", summary_zh="撤销访问密钥",
              answers={204: None}, errors=(AccessKeyUnknown,)),
    ]  # fmt: skip
