"""Categories of templates: a tree without circles, each code once."""

from __future__ import annotations

from uuid import UUID

import pytest

from node.auth import NotAllowed
from node.database import Pool
from registry.templates.categories import (
    MOST_LEVELS,
    Categories,
    Category,
    CategoryCodeTaken,
    CategoryInUse,
    CategoryPlaceInvalid,
    CategoryUnknown,
)
from tests.support.world import Holder, World


class Desk:
    """Categories of one enterprise."""

    def __init__(self, world: World, holder: Holder) -> None:
        self.categories = Categories(world.pool, world.clock)
        self.holder = holder

    @property
    def owner(self) -> UUID:
        assert self.holder.account.enterprise_id is not None
        return self.holder.account.enterprise_id

    async def add(self, code: str, parent: int | None = None, sort: int = 0) -> Category:
        return await self.categories.add(
            self.holder.account, self.holder.actor, self.owner, code, code.title(), parent, sort
        )

    async def move(self, category: Category, parent: int | None) -> Category:
        return await self.categories.change(
            self.holder.account, self.holder.actor, category.template_category_id, category.name, parent, 1
        )


@pytest.fixture
async def desk(pool: Pool) -> Desk:
    world = World(pool)
    return Desk(world, await world.holder(2001))


async def test_every_enterprise_has_the_category_of_what_is_unclassified(desk: Desk) -> None:
    for _ in range(2):
        found = await desk.categories.list(desk.holder.account, desk.owner)
        assert [(category.code, category.name, category.parent_id) for category in found] == [
            ("UN_CLASSIFIED", "未分类", None)
        ]


async def test_categories_make_a_tree_and_leave_traces(desk: Desk) -> None:
    valves = await desk.add("valves")
    balls = await desk.add("balls", valves.template_category_id)
    assert balls.parent_id == valves.template_category_id
    with pytest.raises(CategoryCodeTaken):
        await desk.add("valves")
    moved = await desk.move(balls, None)
    assert (moved.parent_id, moved.sort, moved.code) == (None, 1, "balls")
    pool = desk.categories._pool
    acts = await pool.fetch("SELECT action FROM act_history WHERE subject_kind = 'template_category' ORDER BY act_id")
    assert [row["action"] for row in acts] == [
        "template_category.add", "template_category.add", "template_category.change",
    ]  # fmt: skip


async def test_a_category_is_not_put_below_itself_or_below_nothing(desk: Desk) -> None:
    top = await desk.add("top")
    below = await desk.add("below", top.template_category_id)
    for parent in (top.template_category_id, below.template_category_id, 99_999):
        with pytest.raises(CategoryPlaceInvalid):
            await desk.move(top, parent)
    for level in range(3, MOST_LEVELS + 1):
        below = await desk.add(f"level-{level}", below.template_category_id)
    with pytest.raises(CategoryPlaceInvalid):
        await desk.add("too-deep", below.template_category_id)


async def test_only_a_category_without_anything_in_it_is_removed(desk: Desk) -> None:
    account, actor = desk.holder.account, desk.holder.actor
    top = await desk.add("top")
    below = await desk.add("below", top.template_category_id)
    with pytest.raises(CategoryInUse):
        await desk.categories.remove(account, actor, top.template_category_id)
    await desk.categories.remove(account, actor, below.template_category_id)
    await desk.categories.remove(account, actor, top.template_category_id)
    with pytest.raises(CategoryUnknown):
        await desk.categories.remove(account, actor, top.template_category_id)
    default = (await desk.categories.list(account, desk.owner))[0]
    with pytest.raises(CategoryInUse):
        await desk.categories.remove(account, actor, default.template_category_id)


async def test_nobody_touches_the_categories_of_another_enterprise(desk: Desk, pool: Pool) -> None:
    other = await World(pool).holder(2002)
    top = await desk.add("top")
    with pytest.raises(NotAllowed):
        await desk.categories.list(other.account, desk.owner)
    with pytest.raises(NotAllowed):
        await desk.categories.remove(other.account, other.actor, top.template_category_id)
