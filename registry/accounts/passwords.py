"""Passwords: the policy ``dengbao`` (等保, GB/T 22239-2019 8.1.4.1 a) and argon2id hashes.

Hashing takes tens of milliseconds and 64 MiB, so it runs in a thread, two at a time; at most ``WAITING`` callers
queue for a place and the rest are told to come back.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

from node.errors import Malformed, TooMany

LEAST_LENGTH = 12
MOST_LENGTH = 128
AT_ONCE = 2
WAITING = 32

# Found inside a password whatever their case: the head of every guesser's list, and words of this place.
COMMON = (
    "password", "passw0rd", "p@ssw0rd", "p@ssword", "administrator", "welcome", "letmein", "iloveyou", "woaini",
    "qwerty", "asdfgh", "zxcvbn", "1qaz2wsx", "123456", "654321", "111111", "000000", "666666", "888888", "520520",
    "abc123", "abcdef", "monkey", "dragon", "sunshine", "football", "changeme", "default", "biaoshi", "handle",
)  # fmt: skip

_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"


class PasswordTooWeak(Malformed):
    title_zh = "口令强度不足"


class TooManySignIns(TooMany):
    title_zh = "登录请求过多，请稍后再试"


def check(password: str, account_name: str) -> None:
    """Raises ``PasswordTooWeak`` with every fault in ``faults``."""
    found = faults(password, account_name)
    if found:
        raise PasswordTooWeak("the password does not meet the policy: " + "; ".join(found), faults=found)


def faults(password: str, account_name: str) -> list[str]:
    """What the policy has against a password; empty when nothing."""
    found = []
    if not LEAST_LENGTH <= len(password) <= MOST_LENGTH:
        found.append(f"it has {len(password)} characters, {LEAST_LENGTH} to {MOST_LENGTH} are needed")
    classes = {_class_of(character) for character in password}
    if len(classes) < 3:
        found.append("it needs three of: lower-case letters, upper-case letters, digits, other characters")
    folded = password.casefold()
    if account_name.casefold() in folded:
        found.append("it contains the account's name")
    if any(word in folded for word in COMMON):
        found.append("it contains a word or sequence that everybody tries first")
    return found


def _class_of(character: str) -> str:
    if not character.isascii() or not character.isalnum():
        return "other"
    if character.isdigit():
        return "digit"
    return "lower" if character.islower() else "upper"


def random_password(choose: Callable[[str], str] = secrets.choice) -> str:
    """A password of 20 readable characters in five groups (about 115 bits) that meets the policy."""
    while True:
        password = "-".join("".join(choose(_LETTERS) for _ in range(4)) for _ in range(5))
        if not faults(password, "admin"):
            return password


class Passwords:
    """Hashing and verifying off the event loop, with a bound on both work and queue."""

    def __init__(self, parameters: Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobody = self._hasher.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        """The argon2id hash in its PHC form. Raises ``TooManySignIns``."""
        async with self._place():
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password made the hash; ``None`` costs the same and is never right.

        Raises ``TooManySignIns``.
        """
        async with self._place():
            right = await asyncio.to_thread(self._verify, password_hash or self._nobody, password)
        return right and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except VerifyMismatchError:
            return False

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._waiting >= WAITING:
            raise TooManySignIns("too many passwords are being checked at this moment", retry_after=2)
        self._waiting += 1
        try:
            async with self._places:
                yield
        finally:
            self._waiting -= 1
