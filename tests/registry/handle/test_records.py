"""Identifiers by the Handle protocol: created, changed, read and listed, refused in the order of Handle.Net."""

from __future__ import annotations

from typing import Any

import pytest

from node.administration import (
    CreateHandle,
    DeleteHandle,
    HandleExists,
    HandleUnknown,
    Identity,
    InvalidAdministrator,
    InvalidHandle,
    InvalidValue,
    ModifyValues,
    NotPermitted,
    PrefixElsewhere,
    ProofNeeded,
    ValueExists,
    ValueUnknown,
)
from node.auth import Role
from node.database import Pool
from node.journal import Interface
from node.record import ADMIN_READ, ADMIN_WRITE, PUBLIC_READ, PUBLIC_WRITE, Value, decode_values
from registry.identifiers.leaves import Change
from registry.identifiers.state import IdentifierState
from registry.transitions import Verb
from tests.support.notices import Notices
from tests.support.registrar import THING, Registrar, admin_value, administer, opened, value
from tests.support.world import NODE_PREFIX, World, actor

NAME = value(2000, "NAME", "泵")


@pytest.fixture
def world(pool: Pool) -> World:
    return World(pool)


@pytest.fixture
async def registrar(world: World) -> Registrar:
    return await opened(world, free_values=True)


async def history(registrar: Registrar, suffix: str) -> list[Any]:
    holder = registrar.holder
    return await registrar.world.identifiers.history(
        holder.account, holder.identifier(suffix), before_version=10**6, limit=100
    )


async def suspend(registrar: Registrar, suffix: str) -> None:
    holder = registrar.holder
    version = (await registrar.standing(suffix))["version"]
    await registrar.world.identifiers.turn(
        holder.account, holder.actor, holder.identifier(suffix), version, IdentifierState.SUSPENDED
    )


# Create ---------------------------------------------------------------------------------------------


async def test_what_is_created_stands_with_its_first_version_and_every_trace(
    registrar: Registrar, notices: Notices
) -> None:
    before = await registrar.world.traces()
    done = await registrar.create("Pump-1", NAME, admin_value("0.NA/88.101.2001"))
    assert (done.handle, done.overwritten) == ("88.101.2001/Pump-1", False)
    row = await registrar.standing("pump-1")
    assert (row["version"], row["state"], row["suffix"], row["suffix_key"]) == (1, 1, "Pump-1", "PUMP-1")
    histories, leaves, reports = await registrar.world.traces()
    assert (histories, reports) == (before[0] + 1, before[2] + 1)
    assert leaves == before[1] + 2  # the account of the prefix was made with it
    [entry] = await history(registrar, "Pump-1")
    assert (entry.change, entry.interface, entry.before) == (Change.REGISTER, Interface.HANDLE_TCP, None)
    account = await registrar.world.pool.fetchrow("SELECT * FROM account WHERE account_id = $1", entry.account_id)
    assert (account["name"], account["role"]) == ("handle-88.101.2001", Role.APPLICATION)
    assert account["enterprise_id"] == registrar.holder.account.enterprise_id
    assert any("88.101.2001" in notice for notice in await notices())
    report = await registrar.world.pool.fetchval("SELECT body FROM outbox ORDER BY outbox_id DESC LIMIT 1")
    assert '"registered": 1' in report


async def test_what_exists_is_told_before_anybody_proves_who_he_is(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    with pytest.raises(HandleExists):
        await registrar.administration.check(CreateHandle("88.101.2001/A", (NAME,)))
    with pytest.raises(HandleExists):
        await registrar.create("A", NAME)


async def test_overwriting_goes_on_with_the_versions_and_keeps_nothing_of_what_stood(registrar: Registrar) -> None:
    await registrar.create("a", NAME, value(7, "X", "x"), value(2001, "SERIAL", "S1"))
    registrar.world.clock.advance(seconds=5)
    done = await registrar.create("A", value(2001, "SERIAL", "S1"), value(8, "Y", "y"), overwrite=True)
    assert done.overwritten
    row = await registrar.standing("a")
    assert (row["version"], row["suffix"]) == (2, "a")
    assert await registrar.stored("a") == {8: ("Y", b"y"), 2001: ("SERIAL", b"S1")}
    newest, _ = await history(registrar, "a")
    assert newest.change is Change.UPDATE
    assert newest.before is not None


async def test_overwriting_nothing_is_creating(registrar: Registrar) -> None:
    assert not (await registrar.create("a", NAME, overwrite=True)).overwritten


async def test_overwriting_takes_up_the_template_that_the_policy_names_by_then(registrar: Registrar) -> None:
    await registrar.create("a", NAME, value(2001, "SERIAL", "S1"))
    other = [{"name": "serial", "title_zh": "编号", "index": 2001, "unique": True}]
    second = await registrar.world.template({**THING, "name": "second", "attributes": other})
    await registrar.policy("second", free_values=True)
    registrar.world.clock.advance(seconds=1)
    await registrar.create("a", value(2001, "SERIAL", "S2"), overwrite=True)
    assert (await registrar.standing("a"))["template_id"] == second.template_id
    side = await registrar.world.pool.fetch("SELECT template_id, value FROM attribute_index")
    assert [tuple(row) for row in side] == [(second.template_id, "S2")]


async def test_a_deleted_identifier_is_created_again_and_its_versions_go_on(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    await registrar.delete("A")
    row = await registrar.standing("a")
    assert (row["state"], row["version"], row["record"]) == (IdentifierState.DELETED, 2, b"\0\0\0\0")
    assert not (await registrar.create("a", NAME)).overwritten
    assert (await registrar.standing("a"))["version"] == 3
    assert [entry.change for entry in await history(registrar, "a")] == [
        Change.REGISTER, Change.DELETE, Change.REGISTER,
    ]  # fmt: skip


async def test_a_unique_value_of_another_is_refused_whole(registrar: Registrar) -> None:
    await registrar.create("a", value(2001, "SERIAL", "S1"))
    await registrar.create("b", value(2001, "SERIAL", "S2"))
    before = await registrar.world.traces()
    for attempt in (
        registrar.create("c", value(2001, "SERIAL", "S1")),
        registrar.create("b", value(2001, "SERIAL", "S1"), overwrite=True),
        registrar.modify("b", value(2001, "SERIAL", "S1")),
    ):
        with pytest.raises(InvalidValue) as refusal:
            await attempt
        assert [fault["code"] for fault in refusal.value.evidence["faults"]] == ["value_taken"]
    assert await registrar.world.traces() == before


async def test_a_file_that_nobody_brought_is_refused_and_one_that_is_there_is_taken(registrar: Registrar) -> None:
    with pytest.raises(InvalidValue) as refusal:
        await registrar.create("a", value(2005, "MANUAL", f"sha256-{64 * '0'}"))
    assert [fault["code"] for fault in refusal.value.evidence["faults"]] == ["file_unknown"]
    holder = registrar.holder
    stored, _ = await registrar.world.files.add(
        holder.account, holder.actor, holder.account.enterprise_id, "a.txt", "text/plain", b"words"
    )
    await registrar.create("a", value(2005, "MANUAL", stored.file_id))
    assert (await registrar.stored("a"))[2005] == ("MANUAL", stored.file_id.encode())


# Add, modify, remove, delete ------------------------------------------------------------------------


async def test_values_are_added_modified_and_removed_and_the_others_stay(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    registrar.world.clock.advance(seconds=9)
    assert not (await registrar.add("a", value(7, "X", b"\xff"), value(2001, "SERIAL", "S1"))).overwritten
    await registrar.modify("a", value(7, "X2", "x"))
    await registrar.remove("a", 2000, 2001, 2001)
    assert await registrar.stored("a") == {7: ("X2", b"x")}
    assert [(entry.version, entry.change.name) for entry in await history(registrar, "a")] == [
        (4, "UPDATE"), (3, "UPDATE"), (2, "UPDATE"), (1, "REGISTER"),
    ]  # fmt: skip
    assert await registrar.world.pool.fetchval("SELECT count(*) FROM attribute_index") == 0


async def test_an_added_value_in_the_way_of_another_is_refused_unless_it_may_overwrite(registrar: Registrar) -> None:
    await registrar.create("a", NAME, value(7, "X", "x"))
    with pytest.raises(ValueExists, match="Index conflict for 7") as refusal:
        await registrar.add("a", value(8, "Y", "y"), value(7, "Z", "z"))
    assert refusal.value.evidence == {"index": 7}
    assert (await registrar.add("a", value(8, "Y", "y"), value(7, "Z", "z"), overwrite=True)).overwritten
    assert (await registrar.stored("a"))[7] == ("Z", b"z")


async def test_what_is_not_there_is_neither_modified_nor_removed(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    for attempt in (registrar.modify("a", NAME, value(7, "X", "x")), registrar.remove("a", 2000, 7)):
        with pytest.raises(ValueUnknown) as refusal:
            await attempt
        assert refusal.value.evidence == {"index": 7}


async def test_a_change_that_says_what_stands_makes_no_version(registrar: Registrar) -> None:
    await registrar.create("a", NAME, value(7, "X", "x"))
    before = await registrar.world.traces()
    registrar.world.clock.advance(hours=1)
    await registrar.modify("a", NAME, value(7, "X", "x"))
    assert await registrar.world.traces() == before
    assert (await registrar.standing("a"))["version"] == 1


async def test_the_last_value_is_not_removed(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    with pytest.raises(InvalidValue):
        await registrar.remove("a", 2000)


async def test_what_does_not_stand_is_not_changed(registrar: Registrar) -> None:
    await registrar.create("gone", NAME)
    await registrar.delete("gone")
    for suffix in ("never", "gone"):
        for attempt in (
            registrar.delete(suffix), registrar.add(suffix, NAME), registrar.modify(suffix, NAME),
            registrar.remove(suffix, 2000), registrar.read(suffix),
        ):  # fmt: skip
            with pytest.raises(HandleUnknown):
                await attempt


async def test_a_suspended_identifier_is_not_read_and_not_changed(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    await suspend(registrar, "a")
    with pytest.raises(HandleUnknown):
        await registrar.read("a")
    with pytest.raises(HandleExists):
        await registrar.create("a", NAME)
    for attempt in (
        registrar.create("a", NAME, overwrite=True), registrar.delete("a"), registrar.modify("a", NAME),
        registrar.add("a", value(7, "X", "x")), registrar.remove("a", 2000),
    ):  # fmt: skip
        with pytest.raises(NotPermitted, match="已停用"):
            await attempt
    assert [one async for one in registrar.administration.handles("0.NA/88.101.2001", registrar.me, page=5)] == []


# Who, where, in which order -------------------------------------------------------------------------


async def test_nobody_in_particular_is_asked_for_proof_after_everything_else(registrar: Registrar) -> None:
    registrar.me = None
    await registrar.administration.check(CreateHandle("88.101.2001/a", (NAME,)))
    for attempt in (registrar.create("a", NAME), registrar.create("", NAME, mint=True)):
        with pytest.raises(ProofNeeded):
            await attempt
    with pytest.raises(InvalidValue):
        await registrar.create("a", value(1, "EMAIL", "x"))


async def test_a_stranger_is_no_administrator_and_leaves_nothing_behind(registrar: Registrar) -> None:
    before = await registrar.world.traces()
    registrar.me = Identity("0.NA/88.101.2002", 300)
    with pytest.raises(InvalidAdministrator):
        await registrar.create("a", NAME)
    assert await registrar.world.traces() == before
    assert await registrar.world.pool.fetchval("SELECT requests FROM handle_policy") == 0


async def test_an_identifier_s_own_administrators_may_what_its_value_says(registrar: Registrar) -> None:
    await registrar.create("a", NAME, admin_value("0.NA/88.101.2001", 301, permissions=0x010))
    registrar.me = Identity("0.na/88.101.2001", 301)
    await registrar.modify("a", value(2000, "NAME", "阀"))
    with pytest.raises(NotPermitted):
        await registrar.add("a", value(7, "X", "x"))


async def test_what_the_public_may_write_anybody_modifies_on_the_account_of_the_prefix(registrar: Registrar) -> None:
    note = value(7, "NOTE", "a", permissions=ADMIN_READ | ADMIN_WRITE | PUBLIC_READ | PUBLIC_WRITE)
    await registrar.create("a", NAME, note)
    registrar.me = None
    await registrar.modify("a", value(7, "NOTE", "b", permissions=note.permissions))
    newest, first = await history(registrar, "a")
    assert newest.account_id == first.account_id
    with pytest.raises(ProofNeeded):
        await registrar.modify("a", value(2000, "NAME", "阀"))


async def test_a_read_only_value_is_changed_by_nobody(registrar: Registrar) -> None:
    await registrar.create("a", NAME, value(7, "SEAL", "x", permissions=ADMIN_READ | PUBLIC_READ))
    for attempt in (registrar.modify("a", value(7, "SEAL", "y")), registrar.remove("a", 7)):
        with pytest.raises(NotPermitted, match="read-only"):
            await attempt


async def test_a_prefix_that_is_not_here_is_told_before_anything_else(registrar: Registrar) -> None:
    for handle in ("88.101.9/x", "20.500.123/x", "88.101.2001.D1/x"):
        with pytest.raises(PrefixElsewhere):
            await registrar.administration.check(CreateHandle(handle, (value(0, "X", ""),)))


@pytest.mark.parametrize("suffix", ["", " a", "a\u202e", "e\u0301", "x" * 300, "\ud800"])
async def test_what_is_no_suffix_is_no_handle(registrar: Registrar, suffix: str) -> None:
    with pytest.raises(InvalidHandle):
        await registrar.create(suffix, NAME)
    with pytest.raises(InvalidHandle):
        await registrar.read(suffix)


async def test_indexes_are_looked_at_before_what_stands_and_that_before_the_values(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    with pytest.raises(InvalidValue):
        await registrar.create("a", value(-1, "X", ""))
    with pytest.raises(ValueExists):
        await registrar.create("a", value(1, "X", ""), value(1, "X", ""))
    with pytest.raises(HandleExists):
        await registrar.create("a", value(1, "X", ""))
    with pytest.raises(ValueUnknown):
        await registrar.modify("a", value(1, "X", ""))
    with pytest.raises(InvalidValue):
        await registrar.remove("a", 0)


async def test_a_prefix_that_is_not_enabled_is_changed_by_nobody(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    admin = registrar.world.administrator
    await registrar.world.prefixes.move(admin, actor(admin), registrar.holder.prefix, Verb.SUSPEND, "停")
    for attempt in (registrar.create("b", NAME), registrar.delete("a"), registrar.read("a")):
        with pytest.raises(NotPermitted, match="suspended, not enabled"):
            await attempt


async def test_an_enterprise_whose_facts_are_under_review_changes_nothing(registrar: Registrar) -> None:
    await registrar.world.pool.execute("UPDATE enterprise SET state = 'submitted'")
    with pytest.raises(NotPermitted, match="the enterprise is submitted, not approved"):
        await registrar.create("a", NAME)


async def test_nothing_is_registered_where_no_template_is_named(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    admin = registrar.world.administrator
    await registrar.world.handle_policies.remove(admin, actor(admin), registrar.holder.prefix, 1)
    for attempt in (registrar.create("b", NAME), registrar.modify("a", NAME), registrar.delete("a")):
        with pytest.raises(NotPermitted, match="no template is named"):
            await attempt
    assert [one.index for one in await registrar.read("a")] == [2000]


async def test_a_withdrawn_template_takes_nothing_new_and_lets_what_stands_be_changed(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    admin = registrar.world.administrator
    template_id = (await registrar.standing("a"))["template_id"]
    await registrar.world.templates.withdraw(admin, actor(admin), template_id)
    with pytest.raises(NotPermitted, match="the template thing is withdrawn"):
        await registrar.create("b", NAME)
    await registrar.modify("a", value(2000, "NAME", "阀"))


async def test_no_identifier_stands_under_the_node_s_own_prefix(registrar: Registrar) -> None:
    for change in (CreateHandle("88.101/x", (NAME,)), DeleteHandle("88.101/x")):
        with pytest.raises(NotPermitted):
            await registrar.administration.check(change)


async def test_the_node_s_administrators_act_as_the_node(registrar: Registrar) -> None:
    await administer(registrar.world, NODE_PREFIX, admin_value("0.NA/88.101"))
    registrar.me = Identity("0.NA/88.101", 300)
    await registrar.create("a", NAME)
    [entry] = await history(registrar, "a")
    account = await registrar.world.pool.fetchrow("SELECT * FROM account WHERE account_id = $1", entry.account_id)
    assert (account["name"], account["role"]) == ("handle-88.101", Role.ADMINISTRATOR)


# Read and list --------------------------------------------------------------------------------------

HIDDEN = value(7, "SECRET-NOTE", "for us", permissions=ADMIN_READ | ADMIN_WRITE)
SEALED = value(8, "SEALED", "for nobody", permissions=ADMIN_WRITE)


async def test_values_that_are_not_public_are_read_by_administrators_only(registrar: Registrar) -> None:
    await registrar.create("a", NAME, HIDDEN)
    assert [one.index for one in await registrar.read("a")] == [7, 2000]
    assert [one.index for one in await registrar.read("A", 2000, types=("secret-note",))] == [7, 2000]
    registrar.me = None
    assert [one.index for one in await registrar.read("a", 2000)] == [2000]
    with pytest.raises(ProofNeeded):
        await registrar.read("a", types=("SECRET-NOTE",))
    registrar.me = Identity("0.NA/88.101.2002", 300)
    with pytest.raises(InvalidAdministrator):
        await registrar.read("a")


async def test_a_value_that_nobody_may_read_is_read_by_nobody(registrar: Registrar) -> None:
    await registrar.create("a", NAME, SEALED)
    with pytest.raises(NotPermitted):
        await registrar.read("a")
    assert [one.index for one in await registrar.read("a", 2000)] == [2000]


async def test_what_is_asked_for_and_not_there_is_an_empty_answer(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    assert await registrar.read("a", 9) == ()


async def test_handles_are_listed_in_pages_upper_case_and_counted(registrar: Registrar) -> None:
    for suffix in ("b", "a", "C", "d", "é"):
        await registrar.create(suffix, NAME)
    await registrar.delete("d")
    await suspend(registrar, "b")
    listed = [page async for page in registrar.administration.handles("0.NA/88.101.2001", registrar.me, page=2)]
    assert listed == [["88.101.2001/A", "88.101.2001/C"], ["88.101.2001/é"]]
    assert await registrar.administration.count_handles("0.na/88.101.2001", registrar.me) == 3


async def test_a_list_is_for_those_who_may_and_for_prefixes(registrar: Registrar) -> None:
    count = registrar.administration.count_handles
    with pytest.raises(ProofNeeded):
        await count("0.NA/88.101.2001", None)
    with pytest.raises(InvalidAdministrator):
        await count("0.NA/88.101.2001", Identity("0.NA/88.101.2002", 300))
    with pytest.raises(InvalidHandle):
        await count("88.101.2001/a", registrar.me)
    with pytest.raises(PrefixElsewhere):
        await count("0.NA/88.101.9", registrar.me)
    with pytest.raises(ProofNeeded):
        _ = [page async for page in registrar.administration.handles("0.NA/88.101.2001", None, page=2)]


# Beside /v1 -----------------------------------------------------------------------------------------


async def test_what_v1_registers_the_protocol_changes_by_its_own_template(registrar: Registrar) -> None:
    world, holder = registrar.world, registrar.holder
    another = [{"name": "colour", "title_zh": "颜色"}]
    await world.template({**THING, "name": "another", "attributes": another})
    await world.identifiers.register(
        holder.account, holder.actor, holder.identifier("V"), "another", {"colour": "红"}
    )
    await registrar.modify("v", value(2000, "COLOUR", "蓝"))
    await registrar.add("v", admin_value("0.NA/88.101.2001", 301), value(7, "X", "x"))
    found, stored = await world.identifiers.get(holder.account, holder.identifier("V"))
    assert (found.version, stored.template.name) == (3, "another")
    assert stored.template.attributes_of(found.record) == {"colour": "蓝"}


async def test_an_update_by_v1_keeps_what_its_template_does_not_know(registrar: Registrar) -> None:
    world, holder = registrar.world, registrar.holder
    admin = admin_value("0.NA/88.101.2001", 301)
    await registrar.create("a", NAME, admin, value(7, "X", b"\xff"), value(2001, "SERIAL", "S1"))
    await world.identifiers.update(holder.account, holder.actor, holder.identifier("a"), 1, {"name": "阀"})
    assert await registrar.stored("a") == {
        7: ("X", b"\xff"), 100: ("HS_ADMIN", admin.data), 2000: ("NAME", "阀".encode()),
    }  # fmt: skip
    assert await world.pool.fetchval("SELECT count(*) FROM attribute_index") == 0
    await registrar.delete("a")
    before = {value.index for value in _values((await history(registrar, "a"))[0].before)}
    assert before == {7, 100, 2000}


async def test_a_modification_is_checked_as_often_as_it_is_made(registrar: Registrar) -> None:
    """What ``check`` has seen may be gone when it is done."""
    await registrar.create("a", NAME)
    change = ModifyValues("88.101.2001/a", (NAME,))
    await registrar.administration.check(change)
    await registrar.delete("a")
    with pytest.raises(HandleUnknown):
        await registrar.administration.perform(change, registrar.me, Interface.HANDLE_JSON)


def _values(record: bytes | None) -> tuple[Value, ...]:
    assert record is not None
    return decode_values(record)
