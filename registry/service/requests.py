"""Service requests and complaints: filed by enterprises, taken up and answered by the node's staff in time."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict
from node.journal import Act, Actor, PastAct, acts_of, record_act
from node.sealing import Seal
from registry import transitions
from registry.enterprises import unknown_enterprise
from registry.notifications import notify
from registry.service.stored import (
    SQL,
    Contact,
    Deadlines,
    Entry,
    ServiceKind,
    ServiceRequest,
    ServiceRequestUnknown,
    add_entry,
    add_request,
    contact_of,
    entries_of,
    filed_request,
    request_of,
    say,
    write_moved,
)
from registry.store import reading, refusing
from registry.transitions import SERVICE_REQUEST, ServiceState, Verb

Clock = Callable[[], datetime]


class ServiceRequestClosed(Conflict):
    title_zh = "服务请求已关闭"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list: whether it has been answered, when it is due, its id."""

    answered: bool
    due_at: datetime
    service_request_id: UUID


_BEGINNING = Place(answered=False, due_at=datetime.min.replace(tzinfo=UTC), service_request_id=UUID(int=0))


class ServiceRequests:
    """The use cases. Besides what they name, all raise ``NotAllowed``, ``ServiceRequestUnknown``, ``DatabaseAway``.

    ``random`` makes the numbers that people quote.
    """

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        seal: Seal,
        deadlines: Deadlines,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._seal = seal
        self._deadlines = deadlines
        self._random = random

    @property
    def now(self) -> datetime:
        """What the clock says."""
        return self._clock()

    async def file(
        self,
        account: Account,
        actor: Actor,
        enterprise_id: UUID,
        kind: ServiceKind,
        subject: str,
        said: str,
        about: str = "",
    ) -> ServiceRequest:
        """A new one of an enterprise; the staff is notified. Raises ``EnterpriseUnknown``."""
        transitions.permit(SERVICE_REQUEST, Verb.FILE, account, enterprise_id)
        at = self._clock()
        filed = filed_request(
            kind, subject, about, at, self._deadlines, self._random,
            enterprise_id=enterprise_id, account_id=account.account_id,
        )  # fmt: skip
        async with transaction(self._pool) as connection:
            with refusing(service_request_enterprise_id_fkey=unknown_enterprise(enterprise_id)):
                await add_request(connection, filed, said, actor)
            await tell_staff(connection, filed, at)
        return filed

    async def get(self, account: Account, service_request_id: UUID) -> tuple[ServiceRequest, list[Entry]]:
        """One with what was said; notes among staff are for staff."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_service_request"], service_request_id)
            if row is None:
                raise _unknown(service_request_id)
            found = request_of(row)
            require(account, Action.SERVICE_REQUEST_READ, found.enterprise_id)
            return found, await entries_of(connection, service_request_id, internal=not account.of_enterprise)

    async def contact(self, account: Account, actor: Actor, service_request_id: UUID) -> Contact:
        """How to reach whoever complained without an account, in clear; the look is recorded."""
        require(account, Action.SERVICE_REQUEST_HANDLE, None)
        at = self._clock()
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_service_request"], service_request_id)
            if row is None:
                raise _unknown(service_request_id)
            act = Act("service_request.read_contact", "service_request", str(service_request_id))
            await record_act(connection, actor, act, at)
        return contact_of(row["contact"], self._seal, service_request_id)

    async def say(
        self, account: Account, actor: Actor, service_request_id: UUID, said: str, *, internal: bool = False
    ) -> tuple[ServiceRequest, list[Entry]]:
        """Add something; ``internal`` is for who handles it. Raises ``ServiceRequestClosed``, ``EntriesFull``."""
        at = self._clock()
        needed = Action.SERVICE_REQUEST_HANDLE if internal else Action.SERVICE_REQUEST_FILE
        async with transaction(self._pool) as connection:
            found = await _locked(connection, service_request_id)
            require(account, needed, found.enterprise_id)
            if found.state is ServiceState.CLOSED:
                raise ServiceRequestClosed("it is closed; reopen it to go on")
            await say(connection, found, said, actor, at, internal=internal)
        return await self.get(account, service_request_id)

    async def move(
        self, account: Account, actor: Actor, service_request_id: UUID, verb: Verb, said: str = ""
    ) -> tuple[ServiceRequest, list[Entry]]:
        """Take, answer, close or reopen; ``said`` is the answer, or why it is reopened.

        A reopened one is due anew. Raises ``TransitionRefused``, ``ReasonMissing``, ``EntriesFull``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = await _locked(connection, service_request_id)
            transitions.permit(SERVICE_REQUEST, verb, account, before.enterprise_id)
            after = moved(before, verb, actor, at, self._deadlines, said)
            if said:
                await add_entry(connection, before, said, actor, at)
            await write_moved(connection, before, after, verb, actor, at)
            if verb is Verb.ANSWER and after.enterprise_id is not None:
                await notify(connection, after.enterprise_id, "service_request.answered", _told(after), at)
        return await self.get(account, service_request_id)

    async def history(
        self, account: Account, service_request_id: UUID, *, before_act: int | None = None, limit: int = 50
    ) -> list[PastAct]:
        """Its acts, newest first."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_service_request"], service_request_id)
            if row is None:
                raise _unknown(service_request_id)
            require(account, Action.HISTORY_READ, row["enterprise_id"])
            return await acts_of(
                connection, "service_request", str(service_request_id), before_act=before_act, limit=limit
            )

    async def list(
        self,
        account: Account,
        *,
        state: ServiceState | None = None,
        kind: ServiceKind | None = None,
        overdue: bool = False,
        after: Place | None = None,
        limit: int = 50,
    ) -> list[ServiceRequest]:
        """What waits for an answer first, the longest due before the rest; an enterprise's account sees its own."""
        require(account, Action.SERVICE_REQUEST_READ, account.enterprise_id)
        after = after or _BEGINNING
        due_before = self._clock() if overdue else None
        async with reading(self._pool) as connection:
            rows = await connection.fetch(
                SQL["list_service_requests"], after.answered, after.due_at, after.service_request_id, state, kind,
                account.enterprise_id, due_before, limit,
            )  # fmt: skip
        return [request_of(row) for row in rows]


def moved(
    before: ServiceRequest, verb: Verb, actor: Actor, at: datetime, deadlines: Deadlines, said: str
) -> ServiceRequest:
    """What the verb makes of it. Raises ``TransitionRefused``, ``ReasonMissing``."""
    state = transitions.step(SERVICE_REQUEST, verb, before.state, said)
    if verb is Verb.REOPEN:
        return before.moved(state, at, due_at=deadlines.due(before.kind, at), answered_at=None)
    if verb is Verb.TAKE:
        return before.moved(state, at, handled_by=actor.account_id)
    if verb is Verb.ANSWER:
        return before.moved(state, at, handled_by=actor.account_id, answered_at=at)
    return before.moved(state, at)


async def tell_staff(connection: Connection, filed: ServiceRequest, at: datetime) -> None:
    """Notify the node's staff of a new one; what it says stands in it, not in the notification."""
    complaint = filed.kind is ServiceKind.COMPLAINT
    body = {
        "title_zh": "新的投诉" if complaint else "新的服务请求",
        "title_en": "a new complaint" if complaint else "a new service request",
        "detail_zh": f"编号 {filed.number}",
        "detail_en": f"number {filed.number}",
        "service_request_id": str(filed.service_request_id),
    }
    await notify(connection, None, "service_request.filed", body, at)


def _told(answered: ServiceRequest) -> dict[str, str]:
    complaint = answered.kind is ServiceKind.COMPLAINT
    return {
        "title_zh": "投诉已答复" if complaint else "服务请求已答复",
        "title_en": "your complaint was answered" if complaint else "your service request was answered",
        "detail_zh": f"编号 {answered.number}",
        "detail_en": f"number {answered.number}",
        "service_request_id": str(answered.service_request_id),
    }


async def _locked(connection: Connection, service_request_id: UUID) -> ServiceRequest:
    row = await connection.fetchrow(SQL["lock_service_request"], service_request_id)
    if row is None:
        raise _unknown(service_request_id)
    return request_of(row)


def _unknown(service_request_id: UUID) -> ServiceRequestUnknown:
    return ServiceRequestUnknown(
        f"there is no service request {service_request_id}", service_request_id=str(service_request_id)
    )
