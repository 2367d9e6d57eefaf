"""The digests by which SNMS clients prove a password without sending it.

``inner`` is the SHA-256 of the password as 64 lower-case hexadecimal digits; what travels is the SHA-256 of these
digits and the day, ``yyyy-MM-dd``, put together without anything between. It is good all day for whoever has seen
it, which is why a node answers it only where its operator says so.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import date, datetime, timedelta

from node.china_time import day_of

_DIGEST = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_DAY = timedelta(days=1)


def inner_digest(password: str) -> str:
    """What is known of a password where only its digest was sent."""
    return hashlib.sha256(password.encode()).hexdigest()


def read_digest(text: str) -> str | None:
    """The text as an inner digest, or ``None`` when it is none."""
    return text.lower() if _DIGEST.fullmatch(text) else None


def day_digest(inner: str, day: date) -> str:
    """What a client sends on that day."""
    return inner_digest(inner + day.isoformat())


def is_of_these_days(inner: str, presented: str, at: datetime) -> bool:
    """Whether it is the digest of yesterday, today or tomorrow in China: clocks and time zones differ.

    ``presented`` has been through ``read_digest``.
    """
    today = day_of(at)
    days = (today - _DAY, today, today + _DAY)
    right = [hmac.compare_digest(day_digest(inner, day), presented) for day in days]
    return any(right)
