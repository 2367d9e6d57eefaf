"""``/v1/announcements``: what the node tells everybody, and its drafts for the staff."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Lines, Text, Version, View
from registry.api.v1.history import HistoryView
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor
from registry.service.announcements import Announcement, Announcements, AnnouncementText, AnnouncementUnknown
from registry.store import VersionChanged
from registry.transitions import ANNOUNCEMENT, AnnouncementState, TransitionRefused, Verb

_TAG = "announcements"
_MANAGED = "/v1/managed-announcements"
_ONE = f"{_MANAGED}/{{announcement_id}}"


class AnnouncementBody(Body):
    """Title in Chinese, in English if there is one, and plain text whose empty lines divide paragraphs."""

    title_zh: Annotated[Text, Field(min_length=1, max_length=200)]
    title_en: Annotated[Text, Field(max_length=200)] = ""
    body: Annotated[Lines, Field(min_length=1, max_length=20_000)]

    def text(self) -> AnnouncementText:
        """The domain value."""
        return AnnouncementText(self.title_zh, self.title_en, self.body)


class AnnouncementEditBody(AnnouncementBody):
    """The text of a draft anew."""

    version: Version


class AnnouncementQuery(Page):
    state: AnnouncementState | None = None


class PublishedView(View):
    """An announcement as everybody reads it."""

    announcement_id: int
    title_zh: str
    title_en: str
    body: str
    published_at: datetime | None

    @classmethod
    def of(cls, one: Announcement) -> Self:
        """The answer to everybody."""
        return cls(
            announcement_id=one.announcement_id,
            title_zh=one.text.title_zh,
            title_en=one.text.title_en,
            body=one.text.body,
            published_at=one.published_at,
        )


class PublishedList(View):
    items: list[PublishedView]
    next_cursor: str | None


class AnnouncementView(View):
    """An announcement as the staff manages it."""

    announcement_id: int
    title_zh: str
    title_en: str
    body: str
    state: AnnouncementState
    version: int
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None

    @classmethod
    def of(cls, one: Announcement) -> Self:
        """The answer to staff."""
        return cls(
            announcement_id=one.announcement_id,
            title_zh=one.text.title_zh,
            title_en=one.text.title_en,
            body=one.text.body,
            state=one.state,
            version=one.version,
            created_at=one.created_at,
            updated_at=one.updated_at,
            published_at=one.published_at,
        )


class AnnouncementList(View):
    items: list[AnnouncementView]
    next_cursor: str | None


def announcement_routes(announcements: Announcements) -> list[Route]:
    """Every route of announcements."""

    async def published(_: Call, query: Page) -> Reply:
        found = await announcements.published(before=number_cursor(query.cursor), limit=query.limit + 1)
        shown, cursor = cut(found, query.limit, lambda one: one.announcement_id)
        return Reply(PublishedList(items=[PublishedView.of(one) for one in shown], next_cursor=cursor))

    async def published_one(call: Call) -> Reply:
        return Reply(PublishedView.of(await announcements.published_one(call.number("announcement_id"))))

    async def create(call: Call, body: AnnouncementBody) -> Reply:
        made = await announcements.create(call.account, call.actor, body.text())
        location = f"{_MANAGED}/{made.announcement_id}"
        return Reply(AnnouncementView.of(made), status=201, headers={"Location": location})

    async def listing(call: Call, query: AnnouncementQuery) -> Reply:
        found = await announcements.list(
            call.account, state=query.state, before=number_cursor(query.cursor), limit=query.limit + 1
        )
        shown, cursor = cut(found, query.limit, lambda one: one.announcement_id)
        return Reply(AnnouncementList(items=[AnnouncementView.of(one) for one in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(AnnouncementView.of(await announcements.get(call.account, call.number("announcement_id"))))

    async def edit(call: Call, body: AnnouncementEditBody) -> Reply:
        edited = await announcements.edit(
            call.account, call.actor, call.number("announcement_id"), body.text(), body.version
        )
        return Reply(AnnouncementView.of(edited))

    async def publish(call: Call) -> Reply:
        return await _moved(call, Verb.PUBLISH)

    async def withdraw(call: Call) -> Reply:
        return await _moved(call, Verb.WITHDRAW)

    async def _moved(call: Call, verb: Verb) -> Reply:
        moved = await announcements.move(call.account, call.actor, call.number("announcement_id"), verb)
        return Reply(AnnouncementView.of(moved))

    async def history(call: Call, query: Page) -> Reply:
        acts = await announcements.history(
            call.account,
            call.number("announcement_id"),
            before_act=number_cursor(query.cursor),
            limit=query.limit + 1,
        )
        return Reply(HistoryView.of(acts, query.limit))

    editing = ANNOUNCEMENT[Verb.EDIT].action
    return [
        Route("GET", "/v1/announcements", published, action=None, tag=_TAG,
              summary="Published announcements, newest first", summary_zh="公告列表",
              query=Page, answers={200: PublishedList}, errors=(CursorBroken,)),
        Route("GET", "/v1/announcements/{announcement_id}", published_one, action=None, tag=_TAG,
              summary="A published announcement", summary_zh="查看公告",
              answers={200: PublishedView}, errors=(AnnouncementUnknown,)),
        Route("POST", _MANAGED, create, action=editing, tag=_TAG,
              summary="Write an announcement as a draft", summary_zh="新建公告（草稿）",
              body=AnnouncementBody, answers={201: AnnouncementView}),
        Route("GET", _MANAGED, listing, action=Action.ANNOUNCEMENT_READ, tag=_TAG,
              summary="Announcements in every state, newest first", summary_zh="公告管理列表",
              query=AnnouncementQuery, answers={200: AnnouncementList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.ANNOUNCEMENT_READ, tag=_TAG,
              summary="An announcement in whatever state", summary_zh="查看公告（管理）",
              answers={200: AnnouncementView}, errors=(AnnouncementUnknown,)),
        Route("PUT", _ONE, edit, action=editing, tag=_TAG,
              summary="Replace the text of a draft", summary_zh="修改公告",
              body=AnnouncementEditBody, answers={200: AnnouncementView},
              errors=(AnnouncementUnknown, VersionChanged, TransitionRefused)),
        Route("POST", f"{_ONE}/publish", publish, action=editing, tag=_TAG,
              summary="Publish an announcement", summary_zh="发布公告",
              answers={200: AnnouncementView}, errors=(AnnouncementUnknown, TransitionRefused)),
        Route("POST", f"{_ONE}/withdraw", withdraw, action=editing, tag=_TAG,
              summary="Withdraw an announcement", summary_zh="撤回公告",
              answers={200: AnnouncementView}, errors=(AnnouncementUnknown, TransitionRefused)),
        Route("GET", f"{_ONE}/history", history, action=Action.ANNOUNCEMENT_READ, tag=_TAG,
              summary="Acts on an announcement, newest first", summary_zh="公告变更历史",
              query=Page, answers={200: HistoryView}, errors=(AnnouncementUnknown, CursorBroken)),
    ]  # fmt: skip
