"""The rule that all new suffixes of a prefix have to obey, whatever door they come through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.administration import InvalidHandle
from node.auth import NotAllowed
from node.database import Pool
from registry.batches.request import BatchRequest
from registry.coding.definition import read_coding_rule
from registry.coding.rules import CodingRuleInUse, CodingRuleUnknown, StoredCodingRule
from registry.identifiers.identifiers import AttributesInvalid
from registry.identifiers.many import ManyIdentifiers, Wanted
from registry.rows.form import Form, Format
from registry.store import VersionChanged
from tests.support.registrar import opened, value
from tests.support.world import Holder, World, actor

NUMBERED: list[dict[str, Any]] = [{"kind": "literal", "text": "P-"}, {"kind": "serial", "width": 3}]
NAME = {"name": "泵"}


@pytest.fixture
async def world(pool: Pool) -> World:
    world = World(pool)
    await world.template()
    return world


async def rule_of(world: World, holder: Holder, name: str = "numbered") -> StoredCodingRule:
    rule = read_coding_rule({"segments": NUMBERED})
    account = holder.account
    return await world.coding_rules.create(account, holder.actor, account.enterprise_id, name, rule)


async def enforced(world: World, name: str | None = "numbered", number: int = 2001) -> Holder:
    """A holder whose prefix has the rule."""
    holder = await world.holder(number)
    await rule_of(world, holder)
    await enforce(world, holder, name)
    return holder


async def enforce(world: World, holder: Holder, name: str | None) -> int:
    grant, _ = await world.suffix_rules.get(holder.account, holder.prefix)
    after, _ = await world.suffix_rules.set(holder.account, holder.actor, holder.prefix, name, grant.version)
    return after.version


async def blocks(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


async def register(world: World, holder: Holder, suffix: str) -> None:
    await world.identifiers.register(holder.account, holder.actor, holder.identifier(suffix), "pump", NAME)


async def test_a_single_registration_has_to_obey(world: World) -> None:
    holder = await enforced(world)
    await register(world, holder, "P-001")
    await register(world, holder, "p-002")
    before = await world.traces()
    for suffix in ("X-001", "P-1", "P-0001"):
        with pytest.raises(AttributesInvalid) as refusal:
            await register(world, holder, suffix)
        fault = refusal.value.evidence["faults"][0]
        assert (fault["field"], fault["code"]) == ("suffix", "suffix_not_by_rule")
    assert await world.traces() == before
    await enforce(world, holder, None)
    await register(world, holder, "X-001")


async def test_rows_of_a_batch_have_to_obey_and_a_preview_says_so(world: World) -> None:
    holder = await enforced(world)
    lines = [f"{'P' if number % 3 else 'Q'}-{number:03d},泵" for number in range(1, 401)]
    body = "suffix,name\n" + "\n".join(lines) + "\n"
    request = BatchRequest(holder.prefix, Form(Format.CSV), template="pump")
    preview = await world.batches.preview(holder.account, request, blocks(body))
    assert (preview.registered, preview.rejected) == (267, 133)
    batch, _ = await world.batches.run(holder.account, holder.actor, request, "key", blocks(body))
    assert (batch.registered, batch.rejected) == (267, 133)
    rejections = await world.batches.rejections(holder.account, batch.batch_id, limit=1)
    assert (rejections[0][1].line, rejections[0][1].code) == (4, "suffix_not_by_rule")


async def test_many_at_once_and_registration_by_another_rule_have_to_obey(world: World) -> None:
    holder = await enforced(world)
    many = ManyIdentifiers(world.pool, world.clock)
    rows = [Wanted(holder.identifier(suffix), "pump", NAME) for suffix in ("P-001", "bad", "P-002")]
    outcomes = await many.register(holder.account, holder.actor, rows)
    assert [type(outcome) for outcome in outcomes] == [type(None), AttributesInvalid, type(None)]
    other = read_coding_rule({"segments": [{"kind": "serial", "width": 5}]})
    await world.coding_rules.create(holder.account, holder.actor, holder.account.enterprise_id, "other", other)
    with pytest.raises(AttributesInvalid):
        await world.identifiers.register_by_rule(holder.account, holder.actor, holder.prefix, "other", "pump", NAME)
    made, _ = await world.identifiers.register_by_rule(
        holder.account, holder.actor, holder.prefix, "numbered", "pump", NAME
    )
    assert made.suffix == "P-003"


async def test_the_handle_protocol_has_to_obey(world: World) -> None:
    registrar = await opened(world, 2003)
    await rule_of(world, registrar.holder)
    await enforce(world, registrar.holder, "numbered")
    await registrar.create("P-001", value(2000, "NAME", "泵"))
    with pytest.raises(InvalidHandle):
        await registrar.create("Q-001", value(2000, "NAME", "泵"))
    assert await registrar.standing("Q-001") is None


async def test_what_stands_stays_and_changes_as_before(world: World) -> None:
    holder = await world.holder()
    await register(world, holder, "old one")
    await rule_of(world, holder)
    await enforce(world, holder, "numbered")
    found, _ = await world.identifiers.update(
        holder.account, holder.actor, holder.identifier("old one"), 1, {"name": "新名"}
    )
    assert found.version == 2


async def test_setting_a_rule_is_versioned_traced_and_for_those_who_may(world: World) -> None:
    holder = await world.holder()
    rule = await rule_of(world, holder)
    grant, none = await world.suffix_rules.get(holder.account, holder.prefix)
    assert none is None
    after, found = await world.suffix_rules.set(
        holder.account, holder.actor, holder.prefix, "numbered", grant.version
    )
    assert (found, after.suffix_rule_id, after.version) == (rule, rule.number, grant.version + 1)
    acts = await world.prefixes.history(holder.account, holder.prefix, limit=1)
    assert (acts[0].action, acts[0].after and acts[0].after["suffix_rule_id"]) == ("suffix_rule.edit", rule.number)
    with pytest.raises(VersionChanged):
        await world.suffix_rules.set(holder.account, holder.actor, holder.prefix, None, grant.version)
    with pytest.raises(CodingRuleUnknown):
        await world.suffix_rules.set(holder.account, holder.actor, holder.prefix, "none", after.version)
    stranger = await world.holder(2002)
    for account in (stranger.account, world.reviewer):
        with pytest.raises(NotAllowed):
            await world.suffix_rules.set(account, actor(account), holder.prefix, None, after.version)
    with pytest.raises(CodingRuleInUse):
        await world.coding_rules.delete(holder.account, holder.actor, rule.number, 1)


async def test_a_changed_rule_holds_from_the_next_registration_on(world: World) -> None:
    holder = await enforced(world)
    rule = (await world.coding_rules.list(holder.account))[0]
    changed = read_coding_rule({"segments": [{"kind": "literal", "text": "N"}, {"kind": "serial", "width": 2}]})
    await world.coding_rules.replace(holder.account, holder.actor, rule.number, "numbered", changed, 1)
    await register(world, holder, "N07")
    with pytest.raises(AttributesInvalid):
        await register(world, holder, "P-001")
