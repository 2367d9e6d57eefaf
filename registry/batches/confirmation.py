"""Confirmations: what a preview gives, and without which nothing standing is changed by the thousand.

A confirmation is good for one request by one account, and for what the preview saw: the very body, or as many
selected identifiers. Nothing is stored: it carries what it is good for, under a key that only the registry can make
from the secret of the prefix.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from node.auth import Account
from node.errors import Conflict, Malformed
from registry.prefix_grant import PrefixGrant

GOOD_FOR = timedelta(hours=24)
_SEEN = 32
_SEAL = 16
_LENGTH = 8 + _SEEN + _SEAL


class ConfirmationMissing(Malformed):
    title_zh = "缺少确认码"


class ConfirmationUnfit(Conflict):
    title_zh = "确认码与请求不符"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """``seen`` (32 bytes) is the SHA-256 of the body, or the number of selected identifiers, big-endian."""

    seen: bytes
    until: datetime

    @classmethod
    def of_body(cls, digest: bytes, at: datetime) -> Confirmation:
        """The confirmation of a body with this SHA-256."""
        return cls(digest, at + GOOD_FOR)

    @classmethod
    def of_selection(cls, selected: int, at: datetime) -> Confirmation:
        """The confirmation of this many identifiers."""
        return cls(selected.to_bytes(_SEEN, "big"), at + GOOD_FOR)

    @property
    def selected(self) -> int:
        """How many identifiers the preview counted, when it was about a query."""
        return int.from_bytes(self.seen, "big")

    def written(self, grant: PrefixGrant, account: Account, request: Mapping[str, Any]) -> str:
        """The text that is sent, good for this account and request."""
        said = int(self.until.timestamp()).to_bytes(8, "big") + self.seen
        return base64.urlsafe_b64encode(said + _seal(grant, account, request, said)).rstrip(b"=").decode()


def read_confirmation(
    text: str | None, grant: PrefixGrant, account: Account, request: Mapping[str, Any], at: datetime
) -> Confirmation:
    """What a text that was sent with a request confirms; ``at`` decides whether it does still.

    Raises ``ConfirmationMissing``, ``ConfirmationUnfit``.
    """
    if not text:
        raise ConfirmationMissing(
            "send the request with dry_run first, and then with the confirmation of its preview", field="confirmation"
        )
    try:
        said = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        said = b""
    content, seal = said[:-_SEAL], said[-_SEAL:]
    if len(said) != _LENGTH or not hmac.compare_digest(seal, _seal(grant, account, request, content)):
        raise unfit("the confirmation is for another request")
    until = datetime.fromtimestamp(int.from_bytes(content[:8], "big"), at.tzinfo)
    if until < at:
        raise unfit("the confirmation is too old")
    return Confirmation(content[8:], until)


def unfit(why: str) -> ConfirmationUnfit:
    """A confirmation that does not confirm this."""
    return ConfirmationUnfit(f"{why}: look at a new preview (dry_run)", field="confirmation")


def _seal(grant: PrefixGrant, account: Account, request: Mapping[str, Any], said: bytes) -> bytes:
    asked = json.dumps(request, sort_keys=True, ensure_ascii=True).encode()
    message = b"\0".join((b"confirmation", account.account_id.bytes, asked, said))
    return hmac.digest(grant.log_secret, message, "sha256")[:_SEAL]
