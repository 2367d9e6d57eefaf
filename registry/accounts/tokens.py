"""API tokens: ``bst_<token id, 32 hex digits>_<secret, 32 random bytes in base64url>``.

The id finds the row by its index, the secret proves possession. Only the SHA-256 of the secret is stored: 256 random
bits need no slow hash. The fixed head lets secret scanners recognise a token that leaked.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

SECRET_BYTES = 32
_FORM = re.compile(r"bst_([0-9a-f]{32})_([A-Za-z0-9_-]{43})", re.ASCII)


class TokenState(StrEnum):
    ACTIVE = "active"
    IDLE = "idle"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class UsedAt:
    """Of a session of the console: the address it was opened from, its browser, and when it was last used."""

    source: str
    user_agent: str
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """A token as listed; its secret is not known any more."""

    token_id: UUID
    account_id: UUID
    label: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    used_at: UsedAt | None = None

    def state(self, at: datetime, idle: timedelta) -> TokenState:
        """Whether it opens anything at that time; sessions end when unused for ``idle``."""
        if self.revoked_at is not None:
            return TokenState.REVOKED
        if self.expires_at <= at:
            return TokenState.EXPIRED
        if self.used_at is not None and self.used_at.last_seen + idle <= at:
            return TokenState.IDLE
        return TokenState.ACTIVE

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {
            "account_id": str(self.account_id),
            "label": self.label,
            "expires_at": self.expires_at.isoformat(),
            "revoked_at": self.revoked_at.isoformat() if self.revoked_at else None,
        }


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token at the only moment when its text is known."""

    token: Token
    text: str = field(repr=False)


def new_secret(random: Callable[[int], bytes] = os.urandom) -> str:
    """The secret part of a new token."""
    return base64.urlsafe_b64encode(random(SECRET_BYTES)).rstrip(b"=").decode()


def token_text(token_id: UUID, secret: str) -> str:
    """What the account's owner keeps and sends."""
    return f"bst_{token_id.hex}_{secret}"


def read_token(text: str) -> tuple[UUID, str] | None:
    """Id and secret of a token's text, or ``None`` when it is none."""
    match = _FORM.fullmatch(text)
    return (UUID(match[1]), match[2]) if match else None


def secret_hash(secret: str) -> bytes:
    """What is stored of a secret: 32 bytes."""
    return hashlib.sha256(secret.encode()).digest()
