"""Signing in, and accounts of users (snms-api 2)."""

from __future__ import annotations

from typing import Any

from node.journal import Interface
from registry.accounts.accounts import Accounts
from registry.accounts.contact import Contact
from registry.api.compatible import Asked, Endpoint
from registry.api.snms.said import Said, said
from registry.onboarding import Newcomer, Onboarding

_USER_NAME = 50
_SECRET = 128


def identity_endpoints(accounts: Accounts, onboarding: Onboarding) -> list[Endpoint]:
    """``/identity/token``, ``/identity/token/v1``, ``/identity/registry``."""

    async def token(asked: Asked) -> dict[str, str]:
        name, secret = _credentials(said(asked.content))
        return {"token": (await accounts.sign_in(name, secret, interface=Interface.SNMS)).text}

    async def ciphered_token(asked: Asked) -> dict[str, str]:
        name, digest = _credentials(said(asked.content))
        return {"token": (await accounts.sign_in_by_digest(name, digest, interface=Interface.SNMS)).text}

    async def registry(asked: Asked) -> bool:
        await onboarding.admit(asked.account, asked.actor, read_newcomer(said(asked.content), longest=255))
        return True

    return [
        Endpoint("POST", "/identity/token", token, open=True),
        Endpoint("POST", "/identity/token/v1", ciphered_token, open=True),
        Endpoint("POST", "/identity/registry", registry),
    ]


def read_newcomer(user: Said, *, longest: int) -> Newcomer:
    """Who is to sign in; ``longest`` bounds the addresses. Raises ``FieldMissing``, ``FieldUnreadable``."""
    more: dict[str, Any] = {
        "open_id": user.text("openId", most=64),
        "open_user_name": user.text("openUserName", most=255),
    }
    return Newcomer(
        name=user.text("userName", "username", most=_USER_NAME, needed=True),
        password_digest=user.text("password", most=longest, needed=True),
        contact=Contact(
            email=user.text("email", most=longest, needed=True),
            mobile=user.text("mobile", most=longest, needed=True),
            **more,
        ),
        remarks=user.text("remarks", most=1024),
    )


def _credentials(body: Said) -> tuple[str, str]:
    name = body.text("username", "userName", most=_USER_NAME, needed=True)
    return name, body.secret("password", most=_SECRET)
