"""Handle policies: what administrators say, what enterprises see, and what history keeps of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.auth import NotAllowed, Role
from node.database import Pool
from node.identifier import Prefix
from registry.coding.rules import CodingRuleInUse, CodingRuleUnknown
from registry.handle.policy import CodingRuleUnfit, HandlePolicyUnknown, Terms
from registry.prefixes import PrefixUnknown
from registry.store import VersionChanged
from registry.templates.stored import TemplateNotPublished, TemplateUnknown
from registry.templates.template import Template
from tests.support.node import Node, running_node
from tests.support.registrar import Registrar, opened, value
from tests.support.world import PUMP, Holder, World, actor, staff


@pytest.fixture
async def world(pool: Pool) -> World:
    world = World(pool)
    await world.template()
    return world


@pytest.fixture
async def holder(world: World) -> Holder:
    return await world.holder()


async def say(world: World, holder: Holder, terms: Terms, version: int | None = None) -> Any:
    admin = world.administrator
    return await world.handle_policies.set(admin, actor(admin), holder.prefix, terms, version)


async def test_a_policy_is_said_read_changed_and_taken_back(world: World, holder: Holder) -> None:
    policies, admin = world.handle_policies, world.administrator
    with pytest.raises(HandlePolicyUnknown):
        await policies.get(admin, holder.prefix)
    first = await say(world, holder, Terms("pump"))
    assert (first.version, first.terms, first.template_version) == (1, Terms("pump"), 1)
    world.clock.advance(minutes=1)
    terms = Terms("pump", None, True, 100, 1000, 3)
    second = await say(world, holder, terms, 1)
    assert (second.version, second.terms) == (2, terms)
    assert second.updated_at > second.created_at == first.created_at
    assert await policies.get(holder.account, holder.prefix) == second
    await policies.remove(admin, actor(admin), holder.prefix, 2)
    with pytest.raises(HandlePolicyUnknown):
        await policies.get(holder.account, holder.prefix)
    with pytest.raises(HandlePolicyUnknown):
        await policies.remove(admin, actor(admin), holder.prefix, 2)


async def test_every_act_stands_in_the_history_of_the_prefix(world: World, holder: Holder) -> None:
    await say(world, holder, Terms("pump"))
    await say(world, holder, Terms("pump", free_values=True), 1)
    admin = world.administrator
    await world.handle_policies.remove(admin, actor(admin), holder.prefix, 2)
    acts = (await world.prefixes.history(holder.account, holder.prefix))[:3]
    assert [act.action for act in acts] == ["handle_policy.remove", "handle_policy.set", "handle_policy.set"]
    assert acts[0].after is None
    before, after = acts[1].before, acts[1].after
    assert before is not None
    assert after is not None
    assert (before["handle_policy"]["free_values"], after["handle_policy"]["free_values"]) == (False, True)
    assert {act.account_id for act in acts} == {admin.account_id}


async def test_administrators_say_it_and_an_enterprise_sees_its_own(world: World, holder: Holder) -> None:
    await say(world, holder, Terms("pump"))
    other = await world.holder(2002)
    for account in (staff(Role.REVIEWER), staff(Role.AUDITOR), holder.account):
        assert (await world.handle_policies.get(account, holder.prefix)).version == 1
        with pytest.raises(NotAllowed):
            await world.handle_policies.set(account, actor(account), holder.prefix, Terms("pump"), 1)
        with pytest.raises(NotAllowed):
            await world.handle_policies.remove(account, actor(account), holder.prefix, 1)
    with pytest.raises(NotAllowed):
        await world.handle_policies.get(other.account, holder.prefix)


async def test_a_policy_is_for_a_prefix_of_this_node(world: World) -> None:
    admin = world.administrator
    with pytest.raises(PrefixUnknown):
        await world.handle_policies.set(admin, actor(admin), Prefix.parse("88.101.9"), Terms("pump"), None)


async def test_two_who_change_it_at_once_do_not_overwrite_each_other(world: World, holder: Holder) -> None:
    for version in (None, 1):
        answers = await asyncio.gather(
            *(say(world, holder, Terms("pump", daily_requests=number), version) for number in (1, 2, 3)),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, VersionChanged) for answer in answers) == 2, answers
    with pytest.raises(VersionChanged):
        await say(world, holder, Terms("pump"))
    with pytest.raises(VersionChanged):
        await world.handle_policies.remove(world.administrator, actor(world.administrator), holder.prefix, 1)


async def test_it_names_a_published_template_of_the_enterprise_or_the_node(world: World, holder: Holder) -> None:
    with pytest.raises(TemplateUnknown):
        await say(world, holder, Terms("nothing"))
    other = await world.holder(2002)
    draft = await world.templates.create(
        other.account, other.actor, other.account.enterprise_id, Template.from_json({**PUMP, "name": "theirs"})
    )
    await world.templates.publish(other.account, other.actor, draft.template_id)
    with pytest.raises(TemplateUnknown):
        await say(world, holder, Terms("theirs"))
    own = await world.templates.create(
        holder.account, holder.actor, holder.account.enterprise_id, Template.from_json({**PUMP, "name": "own"})
    )
    with pytest.raises((TemplateNotPublished, TemplateUnknown)):
        await say(world, holder, Terms("own"))
    await world.templates.publish(holder.account, holder.actor, own.template_id)
    assert (await say(world, holder, Terms("own"))).template_id == own.template_id


async def test_a_later_edition_of_the_template_is_taken_up_when_it_is_said_again(
    world: World, holder: Holder
) -> None:
    first = await say(world, holder, Terms("pump"))
    admin = world.administrator
    draft = await world.templates.revise(admin, actor(admin), first.template_id)
    await world.templates.publish(admin, actor(admin), draft.template_id)
    assert (await world.handle_policies.get(admin, holder.prefix)).template_version == 1
    assert (await say(world, holder, Terms("pump"), 1)).template_version == 2


async def test_it_names_a_coding_rule_that_the_template_suffices_for(pool: Pool) -> None:
    registrar = await opened(World(pool))
    with pytest.raises(CodingRuleUnknown):
        await registrar.policy(coding_rule="number")
    await registrar.save_rule({"kind": "value", "name": "line"}, {"kind": "serial", "width": 4})
    with pytest.raises(CodingRuleUnfit) as refusal:
        await registrar.policy(coding_rule="number")
    assert refusal.value.evidence["missing"] == ["line"]
    await registrar.save_rule({"kind": "value", "name": "name"}, {"kind": "serial", "width": 4}, name="sound")
    assert (await registrar.policy(coding_rule="sound")).terms.coding_rule == "sound"


async def test_a_coding_rule_that_a_policy_names_is_not_deleted(pool: Pool) -> None:
    registrar = await opened(World(pool))
    number = await registrar.save_rule({"kind": "serial", "width": 4})
    await registrar.policy(coding_rule="number")
    holder, rules = registrar.holder, registrar.world.coding_rules
    with pytest.raises(CodingRuleInUse):
        await rules.delete(holder.account, holder.actor, number, 1)
    await registrar.policy()
    await rules.delete(holder.account, holder.actor, number, 1)


async def test_what_was_counted_stays_when_the_terms_change(pool: Pool) -> None:
    registrar: Registrar = await opened(World(pool))
    await registrar.create("a", value(2000, "NAME", "a"))
    after = await registrar.policy(identifiers=1)
    assert (after.registered, after.requests) == (1, 1)


# Over HTTP ------------------------------------------------------------------------------------------

PATH = "/v1/prefixes/88.101.2001/handle-policy"


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


async def test_the_policy_over_http(node: Node) -> None:
    assert (await node("GET", PATH)).code == "handle_policy_unknown"
    body = {"template": "pump", "free_values": True, "daily_requests": 100, "derived_prefixes": 0}
    made = await node("PUT", PATH, json=body)
    assert made.status == 200, made.body
    assert made.json | body == made.json
    assert (made.json["version"], made.json["identifiers"], made.json["requests"]) == (1, None, 0)
    seen = await node("GET", PATH, by="enterprise_user")
    assert seen.json == made.json
    assert (await node("GET", PATH, by="other")).code == "not_allowed"
    assert (await node("PUT", PATH, by="enterprise_user", json=body)).code == "not_allowed"
    assert (await node("PUT", PATH, json=body)).code == "version_changed"
    changed = await node("PUT", PATH, json={"template": "pump", "version": 1})
    assert (changed.json["version"], changed.json["free_values"], changed.json["daily_requests"]) == (2, False, None)
    acts = (await node("GET", "/v1/prefixes/88.101.2001/history")).json["items"]
    assert [act["action"] for act in acts[:2]] == ["handle_policy.set", "handle_policy.set"]
    assert (await node("DELETE", PATH, query={"version": 1})).code == "version_changed"
    assert (await node("DELETE", PATH, query={"version": 2})).status == 204
    assert (await node("GET", PATH)).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {}, {"daily_requests": 0}, {"identifiers": -1}, {"identifiers": 2**63}, {"derived_prefixes": -1},
        {"derived_prefixes": 2**31}, {"free_values": "yes"}, {"more": 1}, {"version": 0}, {"template": " "},
    ],
)  # fmt: skip
async def test_a_body_that_makes_no_sense_is_refused(node: Node, body: Any) -> None:
    sent = {"template": "pump", **body} if body else {}
    assert (await node("PUT", PATH, json=sent)).status in (400, 422)
    assert (await node("GET", PATH)).status == 404


async def test_largest_limits_are_kept(node: Node) -> None:
    body = {"template": "pump", "daily_requests": 2**63 - 1, "identifiers": 2**63 - 1, "derived_prefixes": 2**31 - 1}
    assert (await node("PUT", PATH, json=body)).json | body == (await node("GET", PATH)).json
