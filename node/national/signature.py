"""The signature of a request between a node and the national top-level node: AccessKey and SecretKey.

Both sides hold the pair; only the AccessKey travels. HMAC-SHA256 over what a request consists of, each part with
its length before it, so that no two requests sign the same bytes::

    scheme · method · path with query as sent · SHA-256 of the body · AccessKey · timestamp · nonce

The receiver believes a timestamp within 300 s of its own clock and accepts a nonce once; it remembers nonces for
15 minutes, longer than any timestamp stays believable. What a receiver remembers is its own affair: ``verify``
returns the nonce, and the caller spends it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from node.errors import Malformed, Unauthenticated

SCHEME = b"biaoshi-national-1"
WINDOW = timedelta(seconds=300)
NONCE_LIFE = timedelta(minutes=15)

ACCESS_KEY = "Biaoshi-Access-Key"
TIMESTAMP = "Biaoshi-Timestamp"
NONCE = "Biaoshi-Nonce"
SIGNATURE = "Biaoshi-Signature"

_ACCESS_KEY_FORM = re.compile(r"[A-Za-z0-9_-]{4,64}")
_TIMESTAMP_FORM = re.compile(r"[0-9]{1,11}")
_NONCE_FORM = re.compile(r"[A-Za-z0-9_-]{16,64}")
_SIGNATURE_FORM = re.compile(r"[0-9a-f]{64}")


class KeyPairInvalid(Malformed):
    title_zh = "密钥对有误"


class SignatureMissing(Unauthenticated):
    title_zh = "缺少签名或签名格式有误"


class ClockSkewed(Unauthenticated):
    title_zh = "时间戳超出允许范围"


class SignatureWrong(Unauthenticated):
    title_zh = "签名不符或密钥未知"


class NonceReused(Unauthenticated):
    title_zh = "随机数已被使用"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Raises ``KeyPairInvalid``; a secret is at least 16 characters."""

    access_key: str
    secret_key: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _ACCESS_KEY_FORM.fullmatch(self.access_key):
            raise KeyPairInvalid("an AccessKey is 4 to 64 letters, digits, - and _", field="access_key")
        if len(self.secret_key) < 16:
            raise KeyPairInvalid("a SecretKey has at least 16 characters", field="secret_key")


@dataclass(frozen=True, slots=True)
class Signed:
    """A request that holds: whose it is, and the nonce the receiver has to spend."""

    access_key: str
    nonce: str
    at: datetime


def sign(keys: KeyPair, method: str, target: str, body: bytes, *, at: datetime, nonce: str) -> dict[str, str]:
    """The headers of a request; ``target`` is the path with its query exactly as it will be sent."""
    timestamp = str(int(at.timestamp()))
    return {
        ACCESS_KEY: keys.access_key,
        TIMESTAMP: timestamp,
        NONCE: nonce,
        SIGNATURE: _mac(keys.secret_key, method, target, body, keys.access_key, timestamp, nonce),
    }


def verify(
    headers: Mapping[str, str],
    method: str,
    target: str,
    body: bytes,
    *,
    secret_of: Callable[[str], str | None],
    at: datetime,
) -> Signed:
    """Check a received request against the receiver's clock ``at``.

    Raises ``SignatureMissing``, ``ClockSkewed`` (evidence ``off_seconds``) or ``SignatureWrong``, which does not
    say whether the key or the signature is at fault.
    """
    access_key = _header(headers, ACCESS_KEY, _ACCESS_KEY_FORM)
    timestamp = _header(headers, TIMESTAMP, _TIMESTAMP_FORM)
    nonce = _header(headers, NONCE, _NONCE_FORM)
    given = _header(headers, SIGNATURE, _SIGNATURE_FORM)
    off = int(timestamp) - at.timestamp()
    if abs(off) > WINDOW.total_seconds():
        raise ClockSkewed(f"the timestamp is {off:.0f} s off this clock, 300 s are allowed", off_seconds=round(off))
    secret = secret_of(access_key)
    # An unknown key costs the same work and gets the same answer as a wrong signature.
    wanted = _mac(secret or "unknown", method, target, body, access_key, timestamp, nonce)
    if not hmac.compare_digest(wanted, given) or secret is None:
        raise SignatureWrong("the key is unknown or the signature does not fit the request")
    return Signed(access_key, nonce, datetime.fromtimestamp(int(timestamp), UTC))


def _header(headers: Mapping[str, str], name: str, form: re.Pattern[str]) -> str:
    value = headers.get(name, "")
    if not form.fullmatch(value):
        raise SignatureMissing(f"the header {name} is missing or malformed", header=name)
    return value


def _mac(secret: str, method: str, target: str, body: bytes, access_key: str, timestamp: str, nonce: str) -> str:
    parts = (
        SCHEME, method.encode(), target.encode(), hashlib.sha256(body).digest(),
        access_key.encode(), timestamp.encode(), nonce.encode(),
    )  # fmt: skip
    canonical = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.new(secret.encode(), canonical, hashlib.sha256).hexdigest()
