"""A token of another node: asked for when it is needed, and again when the node no longer knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from node.movein.peer import PeerRefused

T = TypeVar("T")


class SignedIn:
    """``over`` tells refusals that a new token would mend; without ``sign_in`` the token is all there is."""

    def __init__(
        self,
        sign_in: Callable[[], Awaitable[str]] | None,
        over: Callable[[PeerRefused], bool],
        token: str = "",
    ) -> None:
        self._sign_in = sign_in
        self._over = over
        self._lock = asyncio.Lock()
        self._token = token

    async def current(self) -> str:
        """The token, signing in if there is none. Raises what signing in raises."""
        if not self._token:
            await self._renew("")
        return self._token

    async def call(self, ask: Callable[[str], Awaitable[T]]) -> T:
        """What ``ask`` brings with a token. Raises what it and signing in raise."""
        token = await self.current()
        try:
            return await ask(token)
        except PeerRefused as refusal:
            if self._sign_in is None or not self._over(refusal):
                raise
        await self._renew(token)
        return await ask(self._token)

    async def _renew(self, old: str) -> None:
        async with self._lock:
            if self._sign_in is not None and self._token == old:
                self._token = await self._sign_in()
