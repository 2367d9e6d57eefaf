"""Registering, changing and deleting one identifier, and what each leaves behind."""

from __future__ import annotations

import asyncio
import hmac
import json
from hashlib import sha256

import pytest

from node.auth import NotAllowed
from node.database import Pool
from node.record import decode_values
from registry.identifiers.identifiers import (
    AttributesInvalid,
    IdentifierChanged,
    IdentifierExists,
    IdentifierUnknown,
    ValueTaken,
)
from registry.identifiers.leaves import Change
from registry.prefixes import PrefixNotEnabled
from registry.transitions import Verb
from tests.support.world import Holder, World, actor


@pytest.fixture
async def world(pool: Pool) -> World:
    world = World(pool)
    await world.template()
    return world


@pytest.fixture
async def holder(world: World) -> Holder:
    return await world.holder()


GOOD = {"name": "离心泵", "serial": "S-1", "model": "CP-7", "weight_kg": "12.50"}


async def register(world: World, holder: Holder, suffix: str = "PUMP-1", **changes: object):  # type: ignore[no-untyped-def]
    found, _ = await world.identifiers.register(
        holder.account, holder.actor, holder.identifier(suffix), "pump", {**GOOD, **changes}
    )
    return found


async def test_a_registered_identifier_holds_its_values_as_on_the_wire(world: World, holder: Holder) -> None:
    found = await register(world, holder)
    values = decode_values(found.record)
    assert [(value.index, value.type, value.data.decode()) for value in values] == [
        (2000, "NAME", "离心泵"), (2001, "SERIAL", "S-1"), (2002, "MODEL", "CP-7"), (2003, "WEIGHT_KG", "12.50"),
    ]  # fmt: skip
    assert {value.timestamp for value in values} == {int(world.clock.now.timestamp())}
    assert found.version == 1


async def test_the_spelling_is_kept_and_case_does_not_matter(world: World, holder: Holder) -> None:
    await register(world, holder, "Pump-a")
    found, _ = await world.identifiers.get(holder.account, holder.identifier("PUMP-A"))
    assert found.suffix == "Pump-a"
    with pytest.raises(IdentifierExists):
        await register(world, holder, "pump-A", serial="S-2", name="another")


async def test_the_very_same_registration_again_is_refused_and_leaves_nothing(world: World, holder: Holder) -> None:
    await register(world, holder)
    before = await world.traces()
    with pytest.raises(IdentifierExists):
        await register(world, holder)
    assert await world.traces() == before


async def test_every_change_leaves_history_a_leaf_and_a_report(world: World, holder: Holder) -> None:
    before = await world.traces()
    await register(world, holder)
    assert [now - then for now, then in zip(await world.traces(), before, strict=True)] == [1, 1, 1]
    await world.identifiers.update(holder.account, holder.actor, holder.identifier("PUMP-1"), 1, {"name": "新"})
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("PUMP-1"), 2)
    assert [now - then for now, then in zip(await world.traces(), before, strict=True)] == [3, 3, 3]
    versions = await world.identifiers.history(
        holder.account, holder.identifier("PUMP-1"), before_version=100, limit=10
    )
    assert [version.change for version in versions] == [Change.DELETE, Change.UPDATE, Change.REGISTER]
    assert versions[2].before is None
    assert decode_values(versions[1].before or b"")[0].data.decode() == "离心泵"


async def test_a_refused_change_leaves_nothing(world: World, holder: Holder) -> None:
    await register(world, holder)
    before = await world.traces()
    with pytest.raises(IdentifierExists):
        await register(world, holder, name="other", serial="S-9")
    with pytest.raises(ValueTaken):
        await register(world, holder, "PUMP-2")
    with pytest.raises(IdentifierChanged):
        await world.identifiers.update(holder.account, holder.actor, holder.identifier("PUMP-1"), 7, GOOD)
    assert await world.traces() == before
    assert await world.pool.fetchval("SELECT count(*) FROM attribute_index") == 2


async def test_a_leaf_commits_to_the_record_without_naming_the_identifier(world: World, holder: Holder) -> None:
    found = await register(world, holder)
    leaf = json.loads(await world.pool.fetchval("SELECT leaf FROM event ORDER BY event_id DESC LIMIT 1"))
    secret = await world.pool.fetchval("SELECT log_secret FROM prefix")
    keyed = hmac.new(secret, b"PUMP-1", sha256).digest()
    assert leaf["id"] == keyed[:16].hex()
    assert leaf["hash"] == sha256(keyed[16:] + (1).to_bytes(4, "big") + found.record).hexdigest()
    assert leaf["op"] == "identifier.register"
    assert "PUMP" not in json.dumps(leaf)


async def test_all_faults_of_the_attributes_come_back_together(world: World, holder: Holder) -> None:
    with pytest.raises(AttributesInvalid) as refused:
        await world.identifiers.register(
            holder.account, holder.actor, holder.identifier("X"), "pump",
            {"weight_kg": "heavy", "made_on": "2026-02-30", "colour": "red"},
        )  # fmt: skip
    assert {(fault["field"], fault["code"]) for fault in refused.value.evidence["faults"]} == {
        ("name", "required"), ("weight_kg", "not_a_number"), ("made_on", "not_a_date"),
        ("colour", "unknown_attribute"),
    }  # fmt: skip


async def test_an_update_frees_the_unique_values_it_gives_up(world: World, holder: Holder) -> None:
    await register(world, holder)
    await world.identifiers.update(
        holder.account, holder.actor, holder.identifier("PUMP-1"), 1, {"name": "泵", "serial": "S-2"}
    )
    await register(world, holder, "PUMP-2", serial="S-1")
    with pytest.raises(ValueTaken):
        await world.identifiers.update(
            holder.account, holder.actor, holder.identifier("PUMP-2"), 1, {"name": "泵", "serial": "S-2"}
        )


async def test_an_update_may_keep_its_own_unique_value(world: World, holder: Holder) -> None:
    await register(world, holder)
    found, _ = await world.identifiers.update(holder.account, holder.actor, holder.identifier("PUMP-1"), 1, GOOD)
    assert found.version == 2


async def test_a_deleted_identifier_can_be_registered_again_and_its_versions_go_on(
    world: World, holder: Holder
) -> None:
    await register(world, holder)
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("PUMP-1"), 1)
    with pytest.raises(IdentifierUnknown):
        await world.identifiers.get(holder.account, holder.identifier("PUMP-1"))
    again = await register(world, holder)
    assert again.version == 3


async def test_another_enterprise_can_neither_register_nor_change_nor_see_the_history(
    world: World, holder: Holder
) -> None:
    stranger, pump = await world.holder(2002), holder.identifier("PUMP-1")
    found = await register(world, holder)
    for refused in (
        world.identifiers.register(stranger.account, stranger.actor, holder.identifier("PUMP-2"), "pump", GOOD),
        world.identifiers.update(stranger.account, stranger.actor, pump, 1, GOOD),
        world.identifiers.delete(stranger.account, stranger.actor, pump, 1),
        world.identifiers.history(stranger.account, pump, before_version=9, limit=1),
    ):
        with pytest.raises(NotAllowed):
            await refused
    assert (await world.identifiers.get(stranger.account, pump))[0] == found


async def test_nothing_is_registered_under_a_suspended_prefix(world: World, holder: Holder) -> None:
    admin = world.administrator
    await world.prefixes.move(admin, actor(admin), holder.prefix, Verb.SUSPEND, "检查")
    with pytest.raises(PrefixNotEnabled):
        await register(world, holder)


@pytest.mark.parametrize("races", [20])
async def test_of_fifty_clients_racing_for_one_identifier_exactly_one_wins(
    world: World, holder: Holder, races: int
) -> None:
    async def try_once(suffix: str, number: int) -> bool:
        try:
            await register(world, holder, suffix, name=f"client {number}", serial=f"{suffix}-{number}")
        except IdentifierExists:
            return False
        return True

    for race in range(races):
        suffix = f"RACE-{race}"
        won = await asyncio.gather(*(try_once(suffix, number) for number in range(50)))
        assert sum(won) == 1
        found, _ = await world.identifiers.get(holder.account, holder.identifier(suffix))
        assert decode_values(found.record)[0].data.decode() == f"client {won.index(True)}"
    assert await world.pool.fetchval("SELECT count(*) FROM identifier_history") == races
