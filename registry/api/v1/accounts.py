"""``/v1/tokens``, ``/v1/me`` and ``/v1/accounts``: signing in and the accounts that may."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from node.auth import Account, Action, Role
from node.rate_limit import TooManyRequests
from node.routes import Call, Reply, Route
from registry.accounts.accounts import (
    Accounts,
    LastAdministrator,
    OldPasswordWrong,
    RoleNeedsEnterprise,
    TokenNotFound,
)
from registry.accounts.adding import AccountNameInvalid, AccountNameTaken, EmailTaken, MobileTaken
from registry.accounts.contact import Contact
from registry.accounts.password_policy import PasswordTooWeak
from registry.accounts.passwords import TooManySignIns
from registry.accounts.second_factor import SecondFactorWrong
from registry.accounts.signing_in import (
    PasswordExpired,
    SecondFactorDemanded,
    SecondFactorNeeded,
    SignInRefused,
    TokenLifeTooLong,
)
from registry.accounts.stored import AccountState, AccountUnknown, StoredAccount
from registry.accounts.tokens import IssuedToken, Token, TokenState
from registry.api.v1.fields import Body, Password, Text, View
from registry.api.v1.paging import CursorBroken, Page, cut, text_cursor, uuid_cursor
from registry.enterprises import EnterpriseUnknown
from registry.profiles.personal import mask_email, mask_phone

_ONE = "/v1/accounts/{account_id}"


class SignInBody(Body):
    """``hours`` is the life of the token; left out, the longest that the node allows.

    ``code`` is asked for by ``second_factor_needed``, ``new_password`` by ``password_expired``.
    """

    name: Annotated[Text, Field(min_length=1, max_length=64)]
    password: Password
    label: Annotated[Text, Field(max_length=64, description="what the token is for")] = ""
    hours: Annotated[float, Field(ge=0.01, le=8760, allow_inf_nan=False)] | None = None
    code: Annotated[Text, Field(max_length=32, description="of the second factor, or a recovery code")] = ""
    new_password: Password | None = None


class IssuedTokenView(View):
    """``token`` is shown this once: send it as ``Authorization: Bearer …``."""

    token: str
    token_id: UUID
    account_id: UUID
    label: str
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, issued: IssuedToken) -> Self:
        """The answer to a sign-in."""
        return cls(
            token=issued.text,
            token_id=issued.token.token_id,
            account_id=issued.token.account_id,
            label=issued.token.label,
            created_at=issued.token.created_at,
            expires_at=issued.token.expires_at,
        )


class UsedAtView(View):
    """Where a session of the console was opened, by what, and when it was last used (to the minute)."""

    source: str
    user_agent: str
    last_seen: datetime


class TokenView(View):
    """``session`` is null but for sessions of the console."""

    token_id: UUID
    label: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    state: TokenState
    session: UsedAtView | None

    @classmethod
    def of(cls, token: Token, state: TokenState) -> Self:
        """The answer about one token."""
        at = token.used_at
        return cls(
            token_id=token.token_id,
            label=token.label,
            created_at=token.created_at,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
            state=state,
            session=UsedAtView(source=at.source, user_agent=at.user_agent, last_seen=at.last_seen) if at else None,
        )


class TokenList(View):
    items: list[TokenView]
    next_cursor: str | None


class MeView(View):
    """Who the token belongs to; ``password_ends_at`` is null where passwords do not end."""

    account_id: UUID
    name: str
    role: Role
    enterprise_id: UUID | None
    password_ends_at: datetime | None

    @classmethod
    def of(cls, account: Account, password_ends_at: datetime | None) -> Self:
        """The answer about the caller."""
        return cls(
            account_id=account.account_id,
            name=account.name,
            role=account.role,
            enterprise_id=account.enterprise_id,
            password_ends_at=password_ends_at,
        )


class AccountBody(Body):
    """``enterprise_id`` is for enterprise users and application identities, and for them only."""

    name: Annotated[Text, Field(min_length=2, max_length=64)]
    role: Role
    enterprise_id: UUID | None = None
    password: Password
    email: Annotated[Text, Field(max_length=255, description="belongs to one account")] = ""
    mobile: Annotated[Text, Field(max_length=255, description="belongs to one account")] = ""
    remarks: Annotated[Text, Field(max_length=1024)] = ""


class PasswordBody(Body):
    """``old`` is needed for one's own password."""

    password: Password
    old: Password | None = None


class AccountView(View):
    """``locked_until`` lies in the past when a lock has ended; ``email`` and ``mobile`` are masked.

    ``second_factor`` says whether a sign-in asks for one, ``locked`` whether wrong passwords have shut it now.
    """

    account_id: UUID
    name: str
    role: Role
    enterprise_id: UUID | None
    state: AccountState
    locked: bool
    locked_until: datetime | None
    email: str
    mobile: str
    remarks: str
    password_set_at: datetime | None
    second_factor: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, stored: StoredAccount, contact: Contact, *, locked: bool) -> Self:
        """The answer about one account and how its holder is reached."""
        account = stored.account
        return cls(
            account_id=account.account_id,
            name=account.name,
            role=account.role,
            enterprise_id=account.enterprise_id,
            state=stored.state,
            locked=locked,
            locked_until=stored.locked_until,
            email=mask_email(contact.email),
            mobile=mask_phone(contact.mobile),
            remarks=stored.remarks,
            password_set_at=stored.password_set_at,
            second_factor=stored.second_factor,
            created_at=stored.created_at,
            updated_at=stored.updated_at,
        )


class AccountQuery(Page):
    """``name`` is a part of it, in any case."""

    name: Annotated[Text, Field(min_length=1, max_length=64)] | None = None
    role: Role | None = None
    enterprise_id: UUID | None = None


class AccountList(View):
    items: list[AccountView]
    next_cursor: str | None


def account_routes(accounts: Accounts) -> list[Route]:
    """Every route of tokens and accounts."""
    return [*_token_routes(accounts), *_account_routes(accounts)]


def _token_routes(accounts: Accounts) -> list[Route]:
    async def sign_in(call: Call, body: SignInBody) -> Reply:
        accounts.check_source(call.source)
        issued = await accounts.sign_in(
            body.name,
            body.password.get_secret_value(),
            life=timedelta(hours=body.hours) if body.hours is not None else None,
            label=body.label,
            interface=call.interface,
            code=body.code,
            new_password=body.new_password.get_secret_value() if body.new_password else None,
        )
        return Reply(IssuedTokenView.of(issued), status=201)

    async def listing(call: Call, query: Page) -> Reply:
        found = await accounts.tokens(call.account, before=uuid_cursor(query.cursor), limit=query.limit + 1)
        shown, cursor = cut(found, query.limit, lambda token: token.token_id)
        items = [TokenView.of(token, accounts.state_of(token)) for token in shown]
        return Reply(TokenList(items=items, next_cursor=cursor))

    async def revoke(call: Call) -> Reply:
        await accounts.revoke(call.account, call.actor, call.uuid("token_id"))
        return Reply(status=204)

    async def me(call: Call) -> Reply:
        return Reply(MeView.of(call.account, await accounts.password_ends_at(call.account)))

    return [
        Route("POST", "/v1/tokens", sign_in, action=None, tag="tokens",
              summary="Sign in: a token for a name and a password", summary_zh="登录，换取凭证",
              body=SignInBody, answers={201: IssuedTokenView},
              errors=(SignInRefused, TokenLifeTooLong, TooManySignIns, TooManyRequests, SecondFactorNeeded,
                      SecondFactorWrong, SecondFactorDemanded, PasswordExpired, PasswordTooWeak)),
        Route("GET", "/v1/tokens", listing, action=Action.TOKEN_READ, tag="tokens",
              summary="List one's own tokens, newest first", summary_zh="我的凭证列表",
              query=Page, answers={200: TokenList}, errors=(CursorBroken,)),
        Route("DELETE", "/v1/tokens/{token_id}", revoke, action=Action.TOKEN_REVOKE, tag="tokens",
              summary="Revoke a token", summary_zh="撤销凭证",
              answers={204: None}, errors=(TokenNotFound,)),
        Route("GET", "/v1/me", me, action=Action.TOKEN_READ, tag="tokens",
              summary="Who this token belongs to", summary_zh="当前账号",
              answers={200: MeView}, errors=(AccountUnknown,)),
    ]  # fmt: skip


def _account_routes(accounts: Accounts) -> list[Route]:
    def shown(stored: StoredAccount) -> AccountView:
        return AccountView.of(stored, accounts.contact_of(stored), locked=accounts.is_locked(stored))

    async def create(call: Call, body: AccountBody) -> Reply:
        created = await accounts.create(
            call.account, call.actor, body.name, body.role, body.enterprise_id, body.password.get_secret_value(),
            Contact(body.email, body.mobile), body.remarks,
        )  # fmt: skip
        location = f"/v1/accounts/{created.account.account_id}"
        return Reply(shown(created), status=201, headers={"Location": location})

    async def listing(call: Call, query: AccountQuery) -> Reply:
        found = await accounts.list(
            call.account, after=text_cursor(query.cursor) or "", limit=query.limit + 1, part=query.name,
            role=query.role, enterprise_id=query.enterprise_id,
        )  # fmt: skip
        found_page, cursor = cut(found, query.limit, lambda stored: stored.account.name.lower())
        return Reply(AccountList(items=[shown(stored) for stored in found_page], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(shown(await accounts.get(call.account, call.uuid("account_id"))))

    async def disable(call: Call) -> Reply:
        return Reply(shown(await accounts.disable(call.account, call.actor, call.uuid("account_id"))))

    async def enable(call: Call) -> Reply:
        return Reply(shown(await accounts.enable(call.account, call.actor, call.uuid("account_id"))))

    async def password(call: Call, body: PasswordBody) -> Reply:
        await accounts.set_password(
            call.account,
            call.actor,
            call.uuid("account_id"),
            body.password.get_secret_value(),
            body.old.get_secret_value() if body.old else None,
        )
        return Reply(status=204)

    async def sign_out(call: Call) -> Reply:
        await accounts.sign_out(call.account, call.actor, call.uuid("account_id"))
        return Reply(status=204)

    return [
        Route("POST", "/v1/accounts", create, action=Action.ACCOUNT_CREATE, tag="accounts",
              summary="Create an account", summary_zh="新建账号",
              body=AccountBody, answers={201: AccountView},
              errors=(AccountNameInvalid, RoleNeedsEnterprise, PasswordTooWeak, AccountNameTaken, EmailTaken,
                      MobileTaken, EnterpriseUnknown, TooManySignIns)),
        Route("GET", "/v1/accounts", listing, action=Action.ACCOUNT_READ, tag="accounts",
              summary="List accounts by name", summary_zh="账号列表",
              query=AccountQuery, answers={200: AccountList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.ACCOUNT_READ, tag="accounts",
              summary="Read an account", summary_zh="查看账号",
              answers={200: AccountView}, errors=(AccountUnknown,)),
        Route("POST", f"{_ONE}/disable", disable, action=Action.ACCOUNT_CHANGE, tag="accounts",
              summary="Disable an account: its tokens work no more", summary_zh="停用账号",
              answers={200: AccountView}, errors=(AccountUnknown, LastAdministrator)),
        Route("POST", f"{_ONE}/enable", enable, action=Action.ACCOUNT_CHANGE, tag="accounts",
              summary="Enable an account and end its lock", summary_zh="启用账号（并解除锁定）",
              answers={200: AccountView}, errors=(AccountUnknown,)),
        Route("POST", f"{_ONE}/password", password, action=Action.OWN_PASSWORD_CHANGE, tag="accounts",
              summary="Set a password; all tokens of the account are revoked", summary_zh="修改口令（撤销全部凭证）",
              body=PasswordBody, answers={204: None},
              errors=(AccountUnknown, OldPasswordWrong, PasswordTooWeak, TooManySignIns)),
        Route("DELETE", f"{_ONE}/tokens", sign_out, action=Action.ACCOUNT_CHANGE, tag="accounts",
              summary="Revoke every token and session of an account", summary_zh="撤销账号的全部凭证与会话",
              answers={204: None}, errors=(AccountUnknown,)),
    ]  # fmt: skip
