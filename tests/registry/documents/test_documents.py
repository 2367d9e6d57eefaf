"""Documents: versions in force one after the other, drafts for the staff only."""

from __future__ import annotations

import asyncio

import pytest

from node.auth import NotAllowed
from node.database import Pool
from registry.coding.rules import CodingRuleUnknown
from registry.documents.documents import Document, DocumentKind, DocumentUnknown, DocumentVersionTaken, Draft
from registry.store import VersionChanged
from registry.transitions import DocumentState, TransitionRefused
from tests.support.world import World, actor


@pytest.fixture
def world(pool: Pool) -> World:
    return World(pool)


def draft(body: str = "正文", **more: object) -> Draft:
    return Draft(DocumentKind.MANAGEMENT, "管理规范", "Rules", body, **more)  # type: ignore[arg-type]  # of a test


async def drafted(world: World, name: str = "rules", body: str = "正文") -> Document:
    admin = world.administrator
    return await world.documents.create(admin, actor(admin), name, draft(body))


async def published(world: World, name: str = "rules", body: str = "正文") -> Document:
    admin = world.administrator
    made = await drafted(world, name, body)
    return await world.documents.publish(admin, actor(admin), made.document_id)


async def test_a_version_is_drafted_edited_published_and_superseded(world: World) -> None:
    admin = world.administrator
    first = await drafted(world)
    edited = await world.documents.edit(admin, actor(admin), first.document_id, draft("新的正文"), 1)
    assert (edited.body, edited.version, edited.state) == ("新的正文", 2, DocumentState.DRAFT)
    with pytest.raises(VersionChanged):
        await world.documents.edit(admin, actor(admin), first.document_id, draft("又一次"), 1)
    in_force = await world.documents.publish(admin, actor(admin), first.document_id)
    assert await world.documents.published("rules") == in_force
    with pytest.raises(TransitionRefused):
        await world.documents.edit(admin, actor(admin), first.document_id, draft("改"), 3)
    second = await published(world, body="第二版")
    assert second.document_version == 2
    assert (await world.documents.published("rules")).body == "第二版"
    before = await world.documents.get(None, first.document_id)
    assert (before.state, before.body) == (DocumentState.SUPERSEDED, "新的正文")
    acts = await world.documents.history(admin, first.document_id)
    assert [act.action for act in acts] == [
        "document.supersede", "document.publish", "document.edit", "document.create",
    ]  # fmt: skip


async def test_drafts_and_withdrawn_versions_are_for_the_staff(world: World) -> None:
    admin, holder = world.administrator, await world.holder()
    made = await drafted(world)
    for account in (None, holder.account):
        with pytest.raises(DocumentUnknown):
            await world.documents.get(account, made.document_id)
        assert await world.documents.list(account, state=DocumentState.DRAFT) == []
    assert [one.body for one in await world.documents.list(world.reviewer, state=DocumentState.DRAFT)] == [""]
    await world.documents.publish(admin, actor(admin), made.document_id)
    assert len(await world.documents.list(None)) == 1
    await world.documents.withdraw(admin, actor(admin), made.document_id)
    assert await world.documents.list(None) == []
    with pytest.raises(DocumentUnknown):
        await world.documents.published("rules")
    for account in (holder.account, world.reviewer):
        with pytest.raises(NotAllowed):
            await world.documents.create(account, actor(account), "own", draft())


async def test_of_versions_published_at_once_one_is_in_force(world: World) -> None:
    admin = world.administrator
    drafts = [await drafted(world) for _ in range(6)]
    assert [one.document_version for one in drafts] == [1, 2, 3, 4, 5, 6]
    await asyncio.gather(*(world.documents.publish(admin, actor(admin), one.document_id) for one in reversed(drafts)))
    states = [(await world.documents.get(None, one.document_id)).state for one in drafts]
    assert sorted(states) == [DocumentState.PUBLISHED] + 5 * [DocumentState.SUPERSEDED]


async def test_a_version_is_begun_once(world: World) -> None:
    outcomes = await asyncio.gather(*(drafted(world) for _ in range(6)), return_exceptions=True)
    made = [one.document_version for one in outcomes if isinstance(one, Document)]
    assert sorted(made) == list(range(1, len(made) + 1))
    assert all(isinstance(one, Document | DocumentVersionTaken) for one in outcomes)


async def test_a_document_is_about_a_rule_that_exists(world: World) -> None:
    admin = world.administrator
    with pytest.raises(CodingRuleUnknown):
        await world.documents.create(admin, actor(admin), "rule", draft(coding_rule_id=7))
