"""Templates in other hands: granted, taken back, copied; and what becomes of identifiers that have them."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from node.auth import NotAllowed
from node.database import Pool
from node.founding import found
from registry.enterprises import EnterpriseUnknown
from registry.export.forms import as_ndjson
from registry.export.pages import Selection
from registry.identifiers.state import IdentifierState
from registry.search.filters import Filters
from registry.templates.grants import TemplateNotGrantable
from registry.templates.stored import StoredTemplate, TemplateNameTaken, TemplateNotPublished, TemplateUnknown
from registry.templates.template import Template
from tests.support.world import PUMP, Holder, World


@pytest.fixture
async def world(database_url: str, pool: Pool) -> World:
    world = World(pool)
    await found(database_url, laboratory=False, at=world.clock())
    return world


@pytest.fixture
async def owner(world: World) -> Holder:
    return await world.holder(2001)


@pytest.fixture
async def user(world: World) -> Holder:
    return await world.holder(2002)


async def made(world: World, holder: Holder, *, publish: bool = True, **changes: Any) -> StoredTemplate:
    template = Template.from_json({**PUMP, **changes})
    stored = await world.templates.create(holder.account, holder.actor, holder.account.enterprise_id, template)
    return await world.templates.publish(holder.account, holder.actor, stored.template_id) if publish else stored


async def register(world: World, holder: Holder, suffix: str, template: str | int = "pump") -> StoredTemplate:
    _, used = await world.identifiers.register(
        holder.account, holder.actor, holder.identifier(suffix), template, {"name": "离心泵", "model": "CP-7"}
    )
    return used


async def test_a_granted_template_is_seen_and_used_until_the_grant_is_taken_back(
    world: World, owner: Holder, user: Holder
) -> None:
    stored = await made(world, owner)
    stranger = await world.holder(2003)
    with pytest.raises(TemplateUnknown):
        await register(world, user, "A")
    grants = await world.template_grants.grant(
        owner.account, owner.actor, stored.template_id, user.account.enterprise_id
    )
    assert [one.grantee for one in grants] == [user.account.enterprise_id]
    assert await register(world, user, "A") == await register(world, user, "B", stored.template_id) == stored
    assert await world.templates.get(user.account, stored.template_id) == stored
    assert await world.templates.list(user.account) == [stored]
    assert await world.templates.list(stranger.account) == []
    for refused in (
        world.templates.get(stranger.account, stored.template_id),
        world.template_grants.list(user.account, stored.template_id),
        world.template_grants.grant(user.account, user.actor, stored.template_id, stranger.account.enterprise_id),
        world.template_grants.revoke(user.account, user.actor, stored.template_id, user.account.enterprise_id),
    ):
        with pytest.raises(NotAllowed):
            await refused
    with pytest.raises(TemplateUnknown):
        await register(world, stranger, "A", stored.template_id)
    await world.template_grants.revoke(owner.account, owner.actor, stored.template_id, user.account.enterprise_id)
    assert await world.template_grants.list(owner.account, stored.template_id) == []
    for template in ("pump", stored.template_id):
        with pytest.raises(TemplateUnknown):
            await register(world, user, "C", template)
    acts = await world.pool.fetch(
        "SELECT action FROM act_history WHERE action IN ('template.grant', 'template.revoke')"
    )
    assert [act["action"] for act in acts] == ["template.grant", "template.revoke"]


async def test_what_was_registered_stays_searchable_changeable_and_exportable_afterwards(
    world: World, owner: Holder, user: Holder
) -> None:
    stored = await made(world, owner)
    await world.template_grants.grant(owner.account, owner.actor, stored.template_id, None)
    await register(world, user, "A")
    await world.template_grants.revoke(owner.account, owner.actor, stored.template_id, None)
    found, _ = await world.identifiers.update(
        user.account, user.actor, user.identifier("A"), 1, {"name": "水泵", "model": "CP-7"}
    )
    assert (found.version, found.state) == (2, IdentifierState.LIVE)
    page = await world.search.page(user.account, user.prefix, Filters(template="pump"), after=None, limit=10)
    assert [one.suffix for one in page.items] == ["A"]
    opened = await world.exports.open(user.account, Selection(user.prefix))
    rows = [json.loads(line) for line in b"".join([block async for block in as_ndjson(opened)]).splitlines()]
    assert [row["biaoshi_template"] for row in rows] == [f"pump@1@{owner.account.enterprise_id}"]
    told = await world.exports.overview(user.account, Selection(user.prefix))
    assert [(use.mark, use.identifiers) for use in told.templates] == [(rows[0]["biaoshi_template"], 1)]


async def test_one_s_own_and_the_node_s_templates_come_before_granted_ones(
    world: World, owner: Holder, user: Holder
) -> None:
    granted = await made(world, owner)
    await world.template_grants.grant(owner.account, owner.actor, granted.template_id, None)
    assert await register(world, user, "A") == granted
    shared = await world.template()
    assert await register(world, user, "B") == shared
    own = await made(world, user)
    assert await register(world, user, "C") == own
    assert await register(world, user, "D", granted.template_id) == granted
    await world.templates.withdraw(user.account, user.actor, own.template_id)
    await world.templates.withdraw(world.administrator, user.actor, shared.template_id)
    assert await register(world, user, "E") == granted


async def test_drafts_and_withdrawn_editions_are_not_what_is_granted(
    world: World, owner: Holder, user: Holder
) -> None:
    draft = await made(world, owner, publish=False)
    await world.template_grants.grant(owner.account, owner.actor, draft.template_id, user.account.enterprise_id)
    with pytest.raises(NotAllowed):
        await world.templates.get(user.account, draft.template_id)
    assert await world.templates.list(user.account) == []
    stored = await world.templates.publish(owner.account, owner.actor, draft.template_id)
    assert await world.templates.list(user.account) == [stored]
    await world.templates.withdraw(owner.account, owner.actor, stored.template_id)
    with pytest.raises(TemplateNotPublished):
        await register(world, user, "A", stored.template_id)


async def test_whom_it_is_for_is_told_and_nobody_twice(world: World, owner: Holder, user: Holder) -> None:
    stored = await made(world, owner)
    for _ in range(2):
        await world.template_grants.grant(owner.account, owner.actor, stored.template_id, user.account.enterprise_id)
    for _ in range(2):
        await world.template_grants.revoke(owner.account, owner.actor, stored.template_id, user.account.enterprise_id)
    await world.template_grants.grant(owner.account, owner.actor, stored.template_id, None)
    told = await world.pool.fetch(
        "SELECT enterprise_id, kind, body FROM notification WHERE kind LIKE 'authorisation.%'"
        " ORDER BY notification_id"
    )
    assert [(row["enterprise_id"], row["kind"]) for row in told] == [
        (user.account.enterprise_id, "authorisation.template.granted"),
        (user.account.enterprise_id, "authorisation.template.removed"),
    ]
    assert "中山示例企业2001" in json.loads(told[0]["body"])["detail_zh"]


async def test_some_templates_are_not_granted(world: World, owner: Holder, user: Holder) -> None:
    admin, grant = world.administrator, world.template_grants.grant
    shared = await world.template()
    with pytest.raises(TemplateNotGrantable):
        await grant(admin, user.actor, shared.template_id, user.account.enterprise_id)
    with pytest.raises(NotAllowed):
        await grant(owner.account, owner.actor, shared.template_id, user.account.enterprise_id)
    stored = await made(world, owner, name="valve")
    with pytest.raises(EnterpriseUnknown):
        await grant(owner.account, owner.actor, stored.template_id, uuid4())
    copy = await world.templates.copy(
        owner.account, owner.actor, stored.template_id, owner.account.enterprise_id, "valve-copy", fixed=True
    )
    with pytest.raises(TemplateNotGrantable):
        await grant(owner.account, owner.actor, copy.template_id, user.account.enterprise_id)


async def test_a_copy_is_made_of_what_one_may_see(world: World, owner: Holder, user: Holder) -> None:
    stored, copy = await made(world, owner), world.templates.copy
    mine = user.account.enterprise_id
    with pytest.raises(NotAllowed):
        await copy(user.account, user.actor, stored.template_id, mine, "mine", fixed=False)
    await world.template_grants.grant(owner.account, owner.actor, stored.template_id, mine)
    copied = await copy(user.account, user.actor, stored.template_id, mine, "mine", fixed=False)
    assert (copied.enterprise_id, copied.based_on, copied.fixed) == (mine, stored.template_id, False)
    assert copied.template.attributes == stored.template.attributes
    with pytest.raises(TemplateNameTaken):
        await copy(user.account, user.actor, stored.template_id, mine, "mine", fixed=False)
    with pytest.raises(NotAllowed):
        await copy(user.account, user.actor, stored.template_id, owner.account.enterprise_id, "theirs", fixed=False)
    await world.templates.withdraw(owner.account, owner.actor, stored.template_id)
    with pytest.raises(TemplateNotPublished):
        await copy(user.account, user.actor, stored.template_id, mine, "late", fixed=True)
