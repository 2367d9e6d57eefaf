"""Templates that nobody used are removed; those that identifiers may have are not."""

from __future__ import annotations

import asyncio

import pytest

from node.auth import NotAllowed
from node.database import Pool, transaction
from registry.templates.aliases import Scheme, find_alias, put_alias
from registry.templates.removal import TemplateInUse, remove_template
from registry.templates.stored import StoredTemplate, TemplateUnknown
from registry.templates.template import Template
from registry.transitions import TemplateState
from tests.support.world import PUMP, Holder, World, actor


@pytest.fixture
async def world(pool: Pool) -> World:
    return World(pool)


@pytest.fixture
async def holder(world: World) -> Holder:
    return await world.holder()


async def draft(world: World, holder: Holder, name: str = "pump") -> StoredTemplate:
    template = Template.from_json({**PUMP, "name": name})
    return await world.templates.create(holder.account, holder.actor, holder.account.enterprise_id, template)


async def published(world: World, holder: Holder, name: str = "pump") -> StoredTemplate:
    made = await draft(world, holder, name)
    return await world.templates.publish(holder.account, holder.actor, made.template_id)


async def register(world: World, holder: Holder, suffix: str, template: str | int = "pump") -> None:
    await world.identifiers.register(
        holder.account, holder.actor, holder.identifier(suffix), template, {"name": "离心泵"}
    )


async def test_a_draft_and_what_was_published_and_never_used_are_removed(world: World, holder: Holder) -> None:
    for made in (await draft(world, holder, "a"), await published(world, holder, "b")):
        await world.templates.delete(holder.account, holder.actor, made.template_id)
        with pytest.raises(TemplateUnknown):
            await world.templates.get(holder.account, made.template_id)
    acts = await world.pool.fetch("SELECT action FROM act_history WHERE subject_kind = 'template' ORDER BY act_id")
    assert [act["action"].removeprefix("template.") for act in acts] == [
        "create", "create", "publish", "delete", "withdraw", "delete",
    ]  # fmt: skip
    reports = await world.pool.fetch("SELECT kind FROM outbox WHERE stream = 'template' ORDER BY outbox_id")
    assert [report["kind"] for report in reports] == ["template.published", "template.withdrawn"]
    await draft(world, holder, "b")  # the name is free again


async def test_one_that_an_identifier_had_is_not_removed_even_when_the_identifier_is_gone(
    world: World, holder: Holder
) -> None:
    made = await published(world, holder)
    await register(world, holder, "A")
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("A"), 1)
    with pytest.raises(TemplateInUse):
        await world.templates.delete(holder.account, holder.actor, made.template_id)
    stranger = await world.holder(2002)
    with pytest.raises(NotAllowed):
        await world.templates.delete(stranger.account, stranger.actor, made.template_id)


async def test_of_all_editions_the_used_ones_are_withdrawn_and_the_others_go(world: World, holder: Holder) -> None:
    owner, at = holder.account.enterprise_id, world.clock()
    assert owner is not None
    first = await published(world, holder)
    await register(world, holder, "A")
    await world.templates.revise(holder.account, holder.actor, first.template_id)
    async with transaction(world.pool) as connection:
        await put_alias(connection, Scheme.SNMS, "88.101.2001", "v1", owner, "pump", {}, at)
        kept = await remove_template(connection, holder.account, holder.actor, owner, "pump", at)
        assert [(one.template_id, one.state) for one in kept] == [(first.template_id, TemplateState.WITHDRAWN)]
        assert await find_alias(connection, Scheme.SNMS, "88.101.2001", "v1") is not None
    assert [one.template_id for one in await world.templates.list(holder.account)] == [first.template_id]


async def test_with_the_last_edition_the_names_elsewhere_and_the_grants_go(world: World, holder: Holder) -> None:
    owner, at = holder.account.enterprise_id, world.clock()
    assert owner is not None
    made = await published(world, holder)
    await world.template_grants.grant(holder.account, holder.actor, made.template_id, None)
    async with transaction(world.pool) as connection:
        await put_alias(connection, Scheme.SNMS, "88.101.2001", "v1", owner, "pump", {}, at)
        assert await remove_template(connection, holder.account, holder.actor, owner, "pump", at) == []
        assert await find_alias(connection, Scheme.SNMS, "88.101.2001", "v1") is None
        assert not await connection.fetchval("SELECT count(*) FROM template_grant")
        with pytest.raises(TemplateUnknown):
            await remove_template(connection, holder.account, holder.actor, owner, "pump", at)


async def test_a_removal_and_the_first_registrations_never_both_succeed(world: World, holder: Holder) -> None:
    admin = world.administrator
    for number in range(8):
        made = await published(world, holder, f"race-{number}")
        outcomes = await asyncio.gather(
            register(world, holder, f"R-{number}", made.template_id),
            world.templates.delete(admin, actor(admin), made.template_id),
            register(world, holder, f"S-{number}", made.template_id),
            return_exceptions=True,
        )
        registered = [outcome is None for outcome in (outcomes[0], outcomes[2])]
        if outcomes[1] is None:
            assert not any(registered)
            assert all(isinstance(outcomes[place], TemplateUnknown) for place in (0, 2))
        else:
            assert isinstance(outcomes[1], TemplateInUse)
            assert all(registered)
    orphans = await world.pool.fetchval(
        "SELECT count(*) FROM identifier i LEFT JOIN template t USING (template_id) WHERE t.template_id IS NULL"
    )
    assert orphans == 0
