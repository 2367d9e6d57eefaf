"""Announcements from draft to withdrawal."""

from __future__ import annotations

import pytest

from node.auth import NotAllowed
from registry.service.announcements import Announcements, AnnouncementText, AnnouncementUnknown
from registry.store import VersionChanged
from registry.transitions import AnnouncementState, TransitionRefused, Verb
from tests.support.office import Office, acting

TEXT = AnnouncementText("系统维护公告", "Maintenance", "本周六维护。\n\n期间解析不受影响。")


async def test_everybody_reads_what_is_published_and_nothing_else(office: Office) -> None:
    announcements = Announcements(office.pool, office.clock)
    admin = office.admin
    async with office.leaving(None):
        draft = await announcements.create(admin, acting(admin), TEXT)
    assert await announcements.published() == []
    with pytest.raises(AnnouncementUnknown):
        await announcements.published_one(draft.announcement_id)
    office.clock.turn(hours=1)
    async with office.leaving(None):
        published = await announcements.move(admin, acting(admin), draft.announcement_id, Verb.PUBLISH)
    assert (published.published_at, published.text) == (office.clock(), TEXT)
    assert await announcements.published() == [published]
    assert await announcements.published_one(draft.announcement_id) == published
    await announcements.move(admin, acting(admin), draft.announcement_id, Verb.WITHDRAW)
    assert await announcements.published() == []
    assert [one.state for one in await announcements.list(office.auditor)] == [AnnouncementState.WITHDRAWN]
    acts = await announcements.history(office.auditor, draft.announcement_id)
    assert [act.action for act in acts] == ["announcement.withdraw", "announcement.publish", "announcement.create"]


async def test_a_draft_is_edited_and_a_published_one_is_not(office: Office) -> None:
    announcements = Announcements(office.pool, office.clock)
    admin = office.admin
    draft = await announcements.create(admin, acting(admin), TEXT)
    changed = AnnouncementText("系统升级公告", "", "周日升级。")
    edited = await announcements.edit(admin, acting(admin), draft.announcement_id, changed, 1)
    assert (edited.text, edited.version) == (changed, 2)
    with pytest.raises(VersionChanged):
        await announcements.edit(admin, acting(admin), draft.announcement_id, TEXT, 1)
    await announcements.move(admin, acting(admin), draft.announcement_id, Verb.PUBLISH)
    async with office.nothing_left():
        with pytest.raises(TransitionRefused):
            await announcements.edit(admin, acting(admin), draft.announcement_id, TEXT, 3)
        with pytest.raises(TransitionRefused):
            await announcements.move(admin, acting(admin), draft.announcement_id, Verb.PUBLISH)


async def test_the_newest_come_first_page_by_page(office: Office) -> None:
    announcements = Announcements(office.pool, office.clock)
    admin = office.admin
    for number in range(3):
        made = await announcements.create(admin, acting(admin), AnnouncementText(f"公告{number}", "", "正文"))
        await announcements.move(admin, acting(admin), made.announcement_id, Verb.PUBLISH)
    first = await announcements.published(limit=2)
    assert [one.text.title_zh for one in first] == ["公告2", "公告1"]
    rest = await announcements.published(before=first[-1].announcement_id)
    assert [one.text.title_zh for one in rest] == ["公告0"]


async def test_only_the_administrator_writes_them(office: Office) -> None:
    announcements = Announcements(office.pool, office.clock)
    draft = await announcements.create(office.admin, acting(office.admin), TEXT)
    for name, who in office.cast(await office.enterprise()).items():
        if name == "administrator":
            continue
        async with office.nothing_left():
            with pytest.raises(NotAllowed):
                await announcements.create(who, acting(who), TEXT)
            with pytest.raises(NotAllowed):
                await announcements.move(who, acting(who), draft.announcement_id, Verb.PUBLISH)
        if name not in ("auditor", "reviewer"):
            with pytest.raises(NotAllowed):
                await announcements.list(who)
