"""What a cluster has to do while its servers fall: resolve without an error, and keep what it acknowledged.

Clients of two kinds, paced, until told to stop. A registration is sent again until it is answered for good, as a
program does that cannot know whether its first attempt was written; a resolution is asked once, and every answer is
checked. Times are those of the event loop's clock.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

_PAUSE = 0.01  # between the requests of one client: the machine is shared with the cluster
_AGAIN = 0.1
_PATIENCE = aiohttp.ClientTimeout(total=15)
_MOST_ERRORS = 20  # told; all are counted
_SETTLED_SECONDS = 3.0  # after which a standby has applied what was acknowledged


@dataclass(slots=True)
class Written:
    """Registrations that were acknowledged, and when; ``again``: sent more than once."""

    acknowledged: dict[str, float] = field(default_factory=dict)
    again: int = 0
    errors: list[str] = field(default_factory=list)

    def gap(self, since: float, until: float) -> float:
        """The longest time from ``since`` to ``until`` without an acknowledgement, in seconds."""
        times = sorted(at for at in self.acknowledged.values() if since <= at <= until)
        return max(later - earlier for earlier, later in itertools.pairwise([since, *times, until]))


@dataclass(slots=True)
class Resolved:
    """Answers of one kind of question to one node; ``slowest`` in seconds, ``errors`` the first of the ``wrong``."""

    right: int = 0
    stale: int = 0
    wrong: int = 0
    slowest: float = 0.0
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Registrar:
    """Registers ``marker``-numbers under one prefix with an enterprise user's token."""

    session: aiohttp.ClientSession
    url: str
    token: str
    prefix: str
    template: str
    marker: str

    async def run(self, numbers: itertools.count[int], written: Written, stop: asyncio.Event) -> None:
        """One client: the next number as soon as the one before was acknowledged."""
        while not stop.is_set():
            await self._until_acknowledged(f"{self.marker}-{next(numbers):07d}", written, stop)
            await asyncio.sleep(_PAUSE)

    async def _until_acknowledged(self, suffix: str, written: Written, stop: asyncio.Event) -> None:
        attempts = 0
        while not stop.is_set():
            attempts += 1
            status, said = await self._register(suffix)
            # Standing already is an acknowledgement only for who asked before: that attempt was written unheard.
            if status == 201 or (status == 409 and attempts > 1 and said.get("code") == "identifier_exists"):
                written.acknowledged[f"{self.prefix}/{suffix}"] = asyncio.get_running_loop().time()
                written.again += attempts > 1
                return
            if status not in (0, 503) and len(written.errors) < _MOST_ERRORS:
                written.errors.append(f"{suffix}: {status} {said}"[:300])
            await asyncio.sleep(_AGAIN)

    async def _register(self, suffix: str) -> tuple[int, dict[str, Any]]:
        body = {"prefix": self.prefix, "suffix": suffix, "template": self.template, "attributes": {"name": "离心泵"}}
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            address = f"{self.url}/v1/identifiers"
            async with self.session.post(address, json=body, headers=headers, timeout=_PATIENCE) as answer:
                return answer.status, await answer.json()
        except (aiohttp.ClientError, TimeoutError):
            return 0, {}


@dataclass(frozen=True, slots=True)
class Asker:
    """Resolves at one node what ``choose`` names; ``None``: there is nothing to ask yet."""

    session: aiohttp.ClientSession
    url: str
    choose: Callable[[], str | None]

    async def run(self, resolved: Resolved, stop: asyncio.Event) -> None:
        """One client, one question at a time."""
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            identifier = self.choose()
            if identifier is not None:
                began = loop.time()
                fault = await self._ask(identifier, resolved)
                resolved.slowest = max(resolved.slowest, loop.time() - began)
                resolved.wrong += bool(fault)
                if fault and len(resolved.errors) < _MOST_ERRORS:
                    resolved.errors.append(f"{identifier}: {fault}"[:300])
            await asyncio.sleep(_PAUSE)

    async def _ask(self, identifier: str, resolved: Resolved) -> str:
        try:
            async with self.session.get(f"{self.url}/api/handles/{identifier}", timeout=_PATIENCE) as answer:
                said = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__
        if answer.status != 200 or f'"handle":"{identifier}"' not in said:
            return f"{answer.status} {said}"
        resolved.right += 1
        resolved.stale += "detail=stale" in answer.headers.get("Cache-Status", "")
        return ""


def any_of(known: Sequence[str]) -> Callable[[], str]:
    """One of those that were asked before, at random."""
    return lambda: random.choice(known)


def never_asked(written: Written) -> Callable[[], str | None]:
    """Each acknowledged registration once, a moment after it was acknowledged: no cache can know it."""
    asked = 0

    def choose() -> str | None:
        nonlocal asked
        found = next(itertools.islice(written.acknowledged.items(), asked, None), None)
        if found is None or found[1] > asyncio.get_running_loop().time() - _SETTLED_SECONDS:
            return None
        asked += 1
        return found[0]

    return choose
