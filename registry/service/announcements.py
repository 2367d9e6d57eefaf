"""Announcements (公告): what the node tells everybody. A published one is withdrawn, never changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import NotFound
from node.journal import Act, Actor, PastAct, acts_of, record_act
from node.sql import statements_beside
from registry import transitions
from registry.store import check_version, reading
from registry.transitions import ANNOUNCEMENT, AnnouncementState, Verb

_SQL = statements_beside(__file__, "announcements.sql")
_NEWEST = 2**31 - 1
Clock = Callable[[], datetime]


class AnnouncementUnknown(NotFound):
    title_zh = "公告不存在"


@dataclass(frozen=True, slots=True)
class AnnouncementText:
    """``body`` is plain text whose empty lines divide paragraphs."""

    title_zh: str
    title_en: str
    body: str


@dataclass(frozen=True, slots=True)
class Announcement:
    announcement_id: int
    text: AnnouncementText
    state: AnnouncementState
    version: int
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {**asdict(self.text), "state": str(self.state), "version": self.version}


class Announcements:
    """The use cases. Besides what they name, all raise ``NotAllowed``, ``AnnouncementUnknown``, ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def create(self, account: Account, actor: Actor, text: AnnouncementText) -> Announcement:
        """A draft."""
        transitions.permit(ANNOUNCEMENT, Verb.CREATE, account, None)
        at = self._clock()
        state = transitions.step(ANNOUNCEMENT, Verb.CREATE, None)
        async with transaction(self._pool) as connection:
            number: int = await connection.fetchval(
                _SQL["add_announcement"], text.title_zh, text.title_en, text.body, state, at
            )
            made = Announcement(number, text, state, 1, at, at, None)
            await _trace(connection, None, made, Verb.CREATE, actor, at)
        return made

    async def edit(
        self, account: Account, actor: Actor, announcement_id: int, text: AnnouncementText, version: int
    ) -> Announcement:
        """Replace the text of a draft. Raises ``VersionChanged``, ``TransitionRefused``."""
        return await self._change(account, actor, announcement_id, Verb.EDIT, text, version)

    async def move(self, account: Account, actor: Actor, announcement_id: int, verb: Verb) -> Announcement:
        """Publish or withdraw. Raises ``TransitionRefused``."""
        return await self._change(account, actor, announcement_id, verb)

    async def _change(
        self,
        account: Account,
        actor: Actor,
        announcement_id: int,
        verb: Verb,
        text: AnnouncementText | None = None,
        version: int | None = None,
    ) -> Announcement:
        transitions.permit(ANNOUNCEMENT, verb, account, None)
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = _found(await connection.fetchrow(_SQL["lock_announcement"], announcement_id), announcement_id)
            if version is not None:
                check_version(version, before.version)
            after = replace(
                before,
                text=text or before.text,
                state=transitions.step(ANNOUNCEMENT, verb, before.state),
                version=before.version + 1,
                updated_at=at,
                published_at=at if verb is Verb.PUBLISH else before.published_at,
            )
            await connection.execute(
                _SQL["change_announcement"], announcement_id, after.text.title_zh, after.text.title_en,
                after.text.body, after.state, after.version, at, after.published_at,
            )  # fmt: skip
            await _trace(connection, before, after, verb, actor, at)
            return after

    async def get(self, account: Account, announcement_id: int) -> Announcement:
        """One in whatever state, for staff."""
        require(account, Action.ANNOUNCEMENT_READ, None)
        async with reading(self._pool) as connection:
            return _found(await connection.fetchrow(_SQL["find_announcement"], announcement_id), announcement_id)

    async def published_one(self, announcement_id: int) -> Announcement:
        """One that is published, for everybody."""
        async with reading(self._pool) as connection:
            found = _found(await connection.fetchrow(_SQL["find_announcement"], announcement_id), announcement_id)
        if found.state is not AnnouncementState.PUBLISHED:
            raise _unknown(announcement_id)
        return found

    async def published(self, *, before: int | None = None, limit: int = 50) -> list[Announcement]:
        """Those that are published, newest first below a number, for everybody."""
        return await self._list(AnnouncementState.PUBLISHED, before, limit)

    async def history(
        self, account: Account, announcement_id: int, *, before_act: int | None = None, limit: int = 50
    ) -> list[PastAct]:
        """Its acts, newest first."""
        await self.get(account, announcement_id)
        async with reading(self._pool) as connection:
            return await acts_of(connection, "announcement", str(announcement_id), before_act=before_act, limit=limit)

    async def _list(self, state: AnnouncementState | None, before: int | None, limit: int) -> list[Announcement]:
        async with reading(self._pool) as connection:
            rows = await connection.fetch(_SQL["list_announcements"], before or _NEWEST, state, limit)
        return [_of_row(row) for row in rows]

    async def list(
        self,
        account: Account,
        *,
        state: AnnouncementState | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Announcement]:
        """All of them or those in a state, newest first below a number, for staff."""
        require(account, Action.ANNOUNCEMENT_READ, None)
        return await self._list(state, before, limit)


async def _trace(
    connection: Connection,
    before: Announcement | None,
    after: Announcement,
    verb: Verb,
    actor: Actor,
    at: datetime,
) -> None:
    act = Act(
        f"announcement.{verb}",
        "announcement",
        str(after.announcement_id),
        before=before.to_json() if before else None,
        after=after.to_json(),
    )
    await record_act(connection, actor, act, at)


def _found(row: Mapping[str, Any] | None, announcement_id: int) -> Announcement:
    if row is None:
        raise _unknown(announcement_id)
    return _of_row(row)


def _of_row(row: Mapping[str, Any]) -> Announcement:
    return Announcement(
        announcement_id=row["announcement_id"],
        text=AnnouncementText(row["title_zh"], row["title_en"], row["body"]),
        state=AnnouncementState(row["state"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        published_at=row["published_at"],
    )


def _unknown(announcement_id: int) -> AnnouncementUnknown:
    return AnnouncementUnknown(f"there is no announcement {announcement_id}", announcement_id=announcement_id)
