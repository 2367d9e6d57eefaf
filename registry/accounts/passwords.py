"""Passwords: argon2id hashes; what a password has to be like is in ``password_policy.py``.

Hashing takes tens of milliseconds and 64 MiB, so it runs in a thread, two at a time; at most ``WAITING`` callers
queue for a place and the rest are told to come back.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

from node.errors import TooMany

AT_ONCE = 2
WAITING = 32


class TooManySignIns(TooMany):
    title_zh = "登录请求过多，请稍后再试"


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
