"""Complaints (投诉) of people without an account: anybody may complain, and look at the answer by number and code.

How somebody can be reached is sealed, and of the code only a digest is kept. One network may not complain without end
(``node/rate_limit.py``), and no more complaints wait for an answer than there is room for.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from node.database import Connection, Pool, transaction
from node.errors import NotFound, TooMany
from node.journal import Actor, Interface
from node.rate_limit import RateLimit
from node.sealing import Seal
from registry.service.requests import moved, tell_staff
from registry.service.stored import (
    SQL,
    Contact,
    Deadlines,
    Entry,
    ServiceKind,
    ServiceRequest,
    add_entry,
    add_request,
    entries_of,
    filed_request,
    request_of,
    say,
    write_moved,
)
from registry.transitions import Verb

Clock = Callable[[], datetime]

_ANYBODY = Actor(None, Interface.V1)
_CODE_BYTES = 15


class ComplaintUnknown(NotFound):
    """No complaint has this number, or the code is not its own."""

    title_zh = "投诉编号或查询码有误"


class ComplaintsFull(TooMany):
    title_zh = "待处理的投诉过多，请稍后再试"


class Complaints:
    """The use cases, open to everybody; ``source`` is the address that asks. All raise ``TooManyRequests``.

    ``most_waiting`` complaints wait for an answer at most; ``random`` makes numbers and codes.
    """

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        seal: Seal,
        deadlines: Deadlines,
        rate_limit: RateLimit,
        *,
        most_waiting: int = 10_000,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._seal = seal
        self._deadlines = deadlines
        self._rate_limit = rate_limit
        self._most_waiting = most_waiting
        self._random = random

    @property
    def now(self) -> datetime:
        """What the clock says."""
        return self._clock()

    async def file(
        self, source: str, subject: str, said: str, about: str, contact: Contact
    ) -> tuple[ServiceRequest, str]:
        """A new one, and the code that nobody is told again. Raises ``ComplaintsFull``."""
        self._rate_limit.require(source)
        at = self._clock()
        code = base64.b32encode(self._random(_CODE_BYTES)).decode()
        filed = filed_request(
            ServiceKind.COMPLAINT, subject, about, at, self._deadlines, self._random,
        )  # fmt: skip
        async with transaction(self._pool) as connection:
            if await connection.fetchval(SQL["count_waiting_complaints"]) >= self._most_waiting:
                raise ComplaintsFull("too many complaints wait for an answer; try again later", retry_after=3600)
            await add_request(
                connection, filed, said, _ANYBODY,
                contact=contact.sealed(self._seal, filed.service_request_id),
                query_digest=self._digest(filed.number, code),
            )  # fmt: skip
            await tell_staff(connection, filed, at)
        return filed, code

    async def look(self, source: str, number: str, code: str) -> tuple[ServiceRequest, list[Entry]]:
        """What became of it, without the notes among staff. Raises ``ComplaintUnknown``."""
        self._rate_limit.require(source)
        async with transaction(self._pool) as connection:
            found = await self._locked(connection, number, code)
            return found, await entries_of(connection, found.service_request_id, internal=False)

    async def say(self, source: str, number: str, code: str, said: str) -> tuple[ServiceRequest, list[Entry]]:
        """Add something; what was answered is taken up again. Raises ``ComplaintUnknown``, ``EntriesFull``."""
        self._rate_limit.require(source)
        at = self._clock()
        async with transaction(self._pool) as connection:
            found = await self._locked(connection, number, code)
            if found.waiting:
                await say(connection, found, said, _ANYBODY, at)
            else:
                await add_entry(connection, found, said, _ANYBODY, at)
                reopened = moved(found, Verb.REOPEN, _ANYBODY, at, self._deadlines, said)
                await write_moved(connection, found, reopened, Verb.REOPEN, _ANYBODY, at)
                found = reopened
            return found, await entries_of(connection, found.service_request_id, internal=False)

    async def _locked(self, connection: Connection, number: str, code: str) -> ServiceRequest:
        row: Mapping[str, Any] | None = await connection.fetchrow(SQL["complaint_by_number"], number)
        if row is None or not hmac.compare_digest(row["query_digest"], self._digest(number, code)):
            raise ComplaintUnknown("there is no complaint of this number and code")
        return request_of(row)

    def _digest(self, number: str, code: str) -> bytes:
        return self._seal.digest(f"complaint {number} {code.upper()}")
