"""One-time codes by time (TOTP, RFC 6238): six digits, SHA-1, a step of 30 seconds, as every authenticator has it."""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from collections.abc import Callable
from datetime import datetime

import pyotp

STEP_SECONDS = 30
RECOVERY_CODES = 10
_SECRET_BYTES = 20  # RFC 4226 section 4, R6
_STEPS_APART = (0, -1, 1)
_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
_RECOVERY_LENGTH = 10  # 49 bits: with the account's lock nobody guesses them


def new_secret(random: Callable[[int], bytes] = os.urandom) -> str:
    """20 octets in base 32, as people type them into an authenticator."""
    return base64.b32encode(random(_SECRET_BYTES)).decode()


def address_of(secret: str, account_name: str, issuer: str) -> str:
    """The ``otpauth://`` address that a QR code carries to an authenticator."""
    return pyotp.TOTP(secret).provisioning_uri(name=account_name, issuer_name=issuer)


def code_at(secret: str, at: datetime) -> str:
    """What an authenticator shows at that time."""
    return pyotp.HOTP(secret).at(int(at.timestamp()) // STEP_SECONDS)


def step_of(secret: str, code: str, at: datetime) -> int | None:
    """The step whose code this is, now or one step to either side for clocks that differ (RFC 6238 section 5.2)."""
    now = int(at.timestamp()) // STEP_SECONDS
    codes = pyotp.HOTP(secret)
    found = [now + apart for apart in _STEPS_APART if hmac.compare_digest(codes.at(now + apart), code)]
    return found[0] if found else None


def new_recovery_codes(choose: Callable[[str], str] = secrets.choice) -> list[str]:
    """Ten codes in two groups of five."""
    made = ["".join(choose(_LETTERS) for _ in range(_RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)]
    return [f"{code[:5]}-{code[5:]}" for code in made]


def read_code(text: str) -> str:
    """A code as people type it, without blanks and dashes, in capitals; "" where it is none."""
    code = "".join(character for character in text.upper() if character not in " -")
    return code if code.isascii() and code.isalnum() else ""
