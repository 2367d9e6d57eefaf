"""The handles of prefixes: changed by those who may, with all traces, and no secret ever leaves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from node.administration import (
    AddValues,
    Change,
    CreateHandle,
    DeleteHandle,
    Done,
    HandleExists,
    HandleUnknown,
    Identity,
    InvalidAdministrator,
    InvalidValue,
    ModifyValues,
    NotPermitted,
    PrefixElsewhere,
    ProofNeeded,
    ReadValues,
    RemoveValues,
    ValueExists,
    ValueUnknown,
)
from node.database import Pool, transaction
from node.errors import NodeError
from node.handle_data import Site, encode_site
from node.identifier import InvalidPrefix, Prefix
from node.journal import Interface
from node.record import DuplicateIndex, InvalidIndex, Record, Value, decode_values
from registry.handle import prefix_handles
from registry.handle.identities import keys_of
from registry.handle.names import prefix_handle
from registry.handle.store import found_record
from registry.prefix_grant import PrefixGrant
from registry.transitions import PrefixState, Verb
from tests.support.notices import Notices
from tests.support.office import NODE_PREFIX, Office, acting
from tests.support.rights import ALL, AT, admin, group, plain, public_key, say

NODE = Identity("0.NA/88.101", 300)
SITE = Value(3, "HS_SITE", encode_site(Site((2, 11), 1, True, False, (), ())))
SECRET = Value(301, "HS_SECKEY", b"correct horse battery")


class Desk:
    """The handle of one prefix, its own administrator and the node's."""

    def __init__(self, pool: Pool, grant: PrefixGrant) -> None:
        self.pool = pool
        self.grant = grant
        self.prefix = grant.prefix
        self.handle = prefix_handle(grant.prefix)
        self.tenant = Identity(self.handle, 300)

    async def __call__(self, change: Change, identity: Identity | None) -> Done:
        async with transaction(self.pool) as connection:
            await prefix_handles.check(connection, change, NODE_PREFIX, AT)
            return await prefix_handles.perform(
                connection, change, identity, node_prefix=NODE_PREFIX, interface=Interface.HANDLE_TCP, at=AT
            )

    async def read(self, identity: Identity | None, *indexes: int, types: tuple[str, ...] = ()) -> Record:
        async with transaction(self.pool) as connection:
            asked = ReadValues(self.handle, indexes, types)
            return await prefix_handles.read(connection, asked, identity, NODE_PREFIX)

    async def stands(self) -> dict[int, Value]:
        async with self.pool.acquire() as connection:
            return {value.index: value for value in (await found_record(connection, self.prefix)).values}

    async def version(self) -> int:
        return int(await self.pool.fetchval("SELECT version FROM prefix_handle WHERE prefix = $1", self.prefix.key))


@pytest.fixture
async def desk(office: Office, pool: Pool) -> Desk:
    desk = Desk(pool, await office.grant())
    async with pool.acquire() as connection:
        await say(connection, NODE_PREFIX, admin(100, NODE.handle, NODE.index), public_key(300))
        await say(connection, desk.prefix, plain(1), admin(100, desk.handle, 300), public_key(300))
    return desk


async def test_an_administrator_adds_modifies_and_removes_what_a_tenant_may(desk: Desk) -> None:
    done = await desk(AddValues(desk.handle, (plain(2), group(20, (desk.handle, 300)))), desk.tenant)
    assert done == Done(desk.handle)
    await desk(ModifyValues(desk.handle.lower(), (plain(2, "changed"),)), desk.tenant)
    await desk(RemoveValues(desk.handle, (20,)), desk.tenant)
    stands = await desk.stands()
    assert stands.keys() == {1, 2, 100, 300}
    assert stands[2].data == b"changed"
    assert stands[2].timestamp == int(AT.timestamp())
    assert await desk.version() == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda handle: AddValues(handle, (admin(101, handle, 301),)),
        lambda handle: ModifyValues(handle, (admin(100, handle, 301),)),
        lambda handle: RemoveValues(handle, (100,)),
        lambda handle: ModifyValues(handle, (admin(1, handle, 301),)),
        lambda handle: AddValues(handle, (SITE,)),
        lambda handle: ModifyValues(handle, (Value(1, "hs_site", SITE.data),)),
        lambda handle: AddValues(handle, (Value(3, "HS_SERV", b"0.SERV/1"),)),
        lambda handle: AddValues(handle, (Value(3, "HS_NA_DELEGATE", SITE.data),)),
        lambda handle: AddValues(handle, (Value(3, "HS_NAMESPACE", b"<namespace/>"),)),
        lambda handle: CreateHandle(handle, (plain(1), SITE), overwrite=True),
        lambda handle: CreateHandle(handle, (), overwrite=True),
        lambda handle: DeleteHandle(handle),
    ],
)
async def test_a_tenant_neither_names_administrators_nor_says_where_the_prefix_is_served(
    desk: Desk, office: Office, change: Any
) -> None:
    async with office.nothing_left():
        with pytest.raises(NotPermitted):
            await desk(change(desk.handle), desk.tenant)
    before = await desk.stands()
    assert before.keys() == {1, 100, 300}
    await desk(change(desk.handle), NODE)
    assert await desk.stands() != before


async def test_strangers_and_nobody_are_told_apart(desk: Desk, office: Office) -> None:
    change = AddValues(desk.handle, (plain(2),))
    with pytest.raises(ProofNeeded):
        await desk(change, None)
    with pytest.raises(InvalidAdministrator):
        await desk(change, Identity(desk.handle, 301))
    other = await office.grant()
    with pytest.raises(InvalidAdministrator):
        await desk(change, Identity(prefix_handle(other.prefix), 300))


async def test_what_the_public_may_write_is_changed_by_nobody_in_particular(desk: Desk, pool: Pool) -> None:
    await desk(AddValues(desk.handle, (plain(2, permissions=0x0F),)), desk.tenant)
    await desk(ModifyValues(desk.handle, (plain(2, "anybody"),)), None)
    assert (await desk.stands())[2].data == b"anybody"
    name = await pool.fetchval(
        "SELECT name FROM account JOIN act_history USING (account_id) ORDER BY act_id DESC LIMIT 1"
    )
    assert name == f"handle-{desk.prefix.text}"


# Traces -------------------------------------------------------------------------------------------


async def test_a_change_leaves_history_a_leaf_and_a_notice(desk: Desk, office: Office, notices: Notices) -> None:
    await desk(AddValues(desk.handle, (plain(2),)), desk.tenant)  # makes the account
    await notices()
    async with office.leaving(None):
        await desk(ModifyValues(desk.handle, (plain(2, "changed"),)), desk.tenant)
    *_, act = (await office.traces()).acts
    assert (act["action"], act["subject_kind"], act["subject_id"]) == (
        "prefix_handle.modify", "prefix_handle", desk.prefix.key,
    )  # fmt: skip
    assert act["interface"] == Interface.HANDLE_TCP
    assert act["before"]["version"] + 1 == act["after"]["version"]
    changed = [new for old, new in zip(act["before"]["values"], act["after"]["values"], strict=True) if old != new]
    assert [value["index"] for value in changed] == [2]
    assert await notices() == [f"p{desk.prefix.key}/"]


async def test_a_change_that_changes_nothing_leaves_nothing(desk: Desk, office: Office) -> None:
    await desk(AddValues(desk.handle, (plain(2),)), desk.tenant)
    async with office.nothing_left():
        await desk(ModifyValues(desk.handle, (plain(2),)), desk.tenant)
        await desk(AddValues(desk.handle, (plain(2),), overwrite=True), desk.tenant)


async def test_untouched_values_keep_their_time(desk: Desk, pool: Pool) -> None:
    async with pool.acquire() as connection:
        await say(connection, desk.prefix, Value(1, "URL", b"old", timestamp=7), admin(100, desk.handle, 300))
    await desk(AddValues(desk.handle, (plain(2),)), desk.tenant)
    assert (await desk.stands())[1].timestamp == 7
    await desk(ModifyValues(desk.handle, (Value(1, "URL", b"new", timestamp=8),)), desk.tenant)
    assert (await desk.stands())[1].timestamp == int(AT.timestamp())


# Secret keys --------------------------------------------------------------------------------------


async def test_a_secret_key_is_kept_apart_and_answered_to_nobody(desk: Desk, office: Office, pool: Pool) -> None:
    await desk(AddValues(desk.handle, (SECRET, plain(5, permissions=0x0C))), desk.tenant)
    async with pool.acquire() as connection:
        [key] = await keys_of(connection, Identity(desk.handle, 301), NODE_PREFIX)
    assert key.data == SECRET.data
    stored = await pool.fetchval("SELECT record FROM prefix_handle WHERE prefix = $1", desk.prefix.key)
    assert {value.index for value in decode_values(stored)} == {1, 5, 100, 300}
    for identity in (desk.tenant, NODE):
        assert {value.index for value in await desk.read(identity)} == {1, 5, 100, 300}
        assert await desk.read(identity, 301) == ()
        assert await desk.read(identity, types=("HS_SECKEY",)) == ()
    everything = json.dumps([*(await office.traces()).acts, *(await office.traces()).leaves], default=str)
    assert "HS_SECKEY" in everything
    assert "correct horse" not in everything
    assert "Y29ycmVjdCBob3JzZ" not in everything  # the same in base64


async def test_a_resolver_cannot_read_secret_keys_even_in_the_database(reader_pool: Pool) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader_pool.fetch("SELECT secret FROM handle_secret")


async def test_a_secret_key_is_replaced_and_removed_for_good(desk: Desk, pool: Pool) -> None:
    await desk(AddValues(desk.handle, (SECRET,)), desk.tenant)
    with pytest.raises(ValueExists):
        await desk(AddValues(desk.handle, (SECRET,)), desk.tenant)
    await desk(ModifyValues(desk.handle, (Value(301, "hs_seckey", b"another secret", permissions=0xF),)), desk.tenant)
    assert await pool.fetchval("SELECT secret FROM handle_secret") == b"another secret"
    await desk(RemoveValues(desk.handle, (301,)), desk.tenant)
    assert await pool.fetchval("SELECT count(*) FROM handle_secret") == 0


async def test_a_secret_key_becomes_another_value_and_back_without_a_trace_of_itself(desk: Desk, pool: Pool) -> None:
    await desk(AddValues(desk.handle, (SECRET,)), desk.tenant)
    await desk(ModifyValues(desk.handle, (plain(301),)), desk.tenant)
    assert await pool.fetchval("SELECT count(*) FROM handle_secret") == 0
    await desk(ModifyValues(desk.handle, (SECRET,)), desk.tenant)
    assert {value.index for value in await desk.read(None)} == {1, 100, 300}


@pytest.mark.parametrize("octets", [0, 7, 1025])
async def test_a_secret_key_that_is_too_short_or_too_long_is_refused(desk: Desk, octets: int) -> None:
    with pytest.raises(InvalidValue, match="8 to 1,024") as caught:
        await desk(AddValues(desk.handle, (Value(301, "HS_SECKEY", bytes(octets)),)), desk.tenant)
    assert caught.value.evidence == {"index": 301}


async def test_a_prefix_has_only_so_many_secret_keys(desk: Desk) -> None:
    await desk(
        AddValues(desk.handle, tuple(Value(n, "HS_SECKEY", b"12345678") for n in range(400, 464))), desk.tenant
    )
    with pytest.raises(InvalidValue, match="at most 64"):
        await desk(AddValues(desk.handle, (SECRET,)), desk.tenant)


# What a record may hold ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    ["HS_ADMIN", "hs_admin", "HS_VLIST", "HS_PUBKEY", "HS_SITE", "HS_SITE.6", "HS_SITE.PREFIX", "HS_NA_DELEGATE"],
)
@pytest.mark.parametrize("data", [b"\x00", b"\xff" * 30])
async def test_a_value_of_the_system_s_types_that_cannot_be_read_is_refused(
    desk: Desk, kind: str, data: bytes
) -> None:
    for change in (
        AddValues(desk.handle, (plain(2), Value(17, kind, data))),
        CreateHandle(desk.handle, (Value(17, kind, data),), overwrite=True),
        ModifyValues(desk.handle, (Value(1, kind, data),)),
    ):
        with pytest.raises(InvalidValue) as caught:
            await desk(change, NODE)
        assert caught.value.evidence["index"] in (1, 17)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ((plain(0),), InvalidIndex),
        ((plain(-5),), InvalidIndex),
        ((plain(7), plain(7)), DuplicateIndex),
        ((Value(7, "DESC", b"x" * 262_000),), InvalidValue),
    ],
)
async def test_values_that_make_no_record_are_refused(desk: Desk, values: Record, error: type[NodeError]) -> None:
    with pytest.raises(error):
        await desk(AddValues(desk.handle, values), desk.tenant)


async def test_indexes_that_stand_or_do_not_are_told(desk: Desk) -> None:
    with pytest.raises(ValueExists) as taken:
        await desk(AddValues(desk.handle, (plain(2), plain(1))), None)
    assert taken.value.evidence == {"index": 1}
    for change in (ModifyValues(desk.handle, (plain(2),)), RemoveValues(desk.handle, (1, 2))):
        with pytest.raises(ValueUnknown) as missing:
            await desk(change, None)
        assert missing.value.evidence == {"index": 2}


# Coming and going ---------------------------------------------------------------------------------


async def test_a_handle_is_created_once_unless_it_is_overwritten(desk: Desk) -> None:
    values = (plain(1, "new"), admin(100, desk.handle, 300))
    with pytest.raises(HandleExists):
        await desk(CreateHandle(desk.handle, values), NODE)
    assert await desk(CreateHandle(desk.handle, values, overwrite=True), NODE) == Done(desk.handle, overwritten=True)
    assert (await desk.stands()).keys() == {1, 100}


async def test_a_tenant_overwrites_as_far_as_the_difference_is_a_tenant_s(desk: Desk) -> None:
    same = admin(100, desk.handle, 300)
    await desk(CreateHandle(desk.handle, (plain(1, "new"), same, public_key(300)), overwrite=True), desk.tenant)
    assert (await desk.stands())[1].data == b"new"


async def test_deleting_leaves_a_prefix_without_administrators_that_can_be_given_some_again(
    desk: Desk, office: Office
) -> None:
    await desk(AddValues(desk.handle, (SECRET,)), desk.tenant)
    await desk(DeleteHandle(desk.handle), NODE)
    assert await desk.stands() == {}
    assert (await office.prefixes.get(office.admin, desk.prefix)).state is PrefixState.ENABLED
    with pytest.raises(HandleUnknown):
        await desk(DeleteHandle(desk.handle), NODE)
    with pytest.raises(InvalidAdministrator):
        await desk(AddValues(desk.handle, (plain(1),)), desk.tenant)
    await desk(CreateHandle(desk.handle, (admin(100, desk.handle, 300),)), NODE)
    assert await desk.version() == 4


async def test_a_prefix_in_use_of_which_nothing_was_said_can_be_added_to(desk: Desk, office: Office) -> None:
    other = Desk(desk.pool, await office.grant())
    assert await other.read(None) == ()
    await other(AddValues(other.handle, (admin(100, other.handle, 300), plain(1))), NODE)
    await other(AddValues(other.handle, (plain(2),)), other.tenant)
    assert await other.version() == 2


async def test_the_node_s_own_handle_is_changed_by_its_administrators(desk: Desk, pool: Pool) -> None:
    async with transaction(pool) as connection:
        done = await prefix_handles.perform(
            connection, AddValues("88.101", (plain(1), SITE, admin(101, "0.NA/88.101", 301))), NODE,
            node_prefix=NODE_PREFIX, interface=Interface.HANDLE_TCP, at=AT,
        )  # fmt: skip
    assert done == Done("0.NA/88.101")
    with pytest.raises(InvalidAdministrator):
        await desk(AddValues("0.NA/88.101", (plain(2),)), desk.tenant)


@pytest.mark.parametrize("handle", ["0.NA/88.101.77", "0.NA/88.102", "0.NA/88.102.2001.1", "0.NA/10.1000"])
async def test_prefixes_that_are_not_the_node_s_are_elsewhere(desk: Desk, handle: str) -> None:
    for change in (CreateHandle(handle, (plain(1),)), AddValues(handle, (plain(1),)), DeleteHandle(handle)):
        with pytest.raises(PrefixElsewhere):
            await desk(change, NODE)


async def test_what_is_no_prefix_is_told_so(desk: Desk) -> None:
    with pytest.raises(InvalidPrefix):
        await desk(AddValues("0.NA/88.101.ÄÖ", (plain(1),)), NODE)


@pytest.mark.parametrize("state", [PrefixState.APPLIED, PrefixState.SUSPENDED, PrefixState.WITHDRAWN])
async def test_the_handle_of_a_prefix_out_of_use_is_not_changed_by_anybody(
    desk: Desk, office: Office, state: PrefixState
) -> None:
    other = Desk(desk.pool, await office.grant(state))
    for identity in (NODE, other.tenant, None):
        with pytest.raises(NotPermitted, match=str(state)):
            await other(AddValues(other.handle, (plain(1),)), identity)
        with pytest.raises(NotPermitted, match=str(state)):
            await other.read(identity)


async def test_a_suspended_tenant_does_not_administer_another_prefix(desk: Desk, office: Office) -> None:
    other = await office.grant()
    await desk(AddValues(desk.handle, (admin(101, prefix_handle(other.prefix), 300),)), NODE)
    stranger = Identity(prefix_handle(other.prefix), 300)
    await desk(AddValues(desk.handle, (plain(2),)), stranger)
    await office.prefixes.move(office.admin, acting(office.admin), other.prefix, Verb.SUSPEND, "理由")
    with pytest.raises(NotPermitted, match="suspended"):
        await desk(AddValues(desk.handle, (plain(3),)), stranger)


# Reading ------------------------------------------------------------------------------------------


async def test_private_values_are_read_by_administrators_with_the_bit(desk: Desk, pool: Pool) -> None:
    values = (plain(1), plain(5, "private", permissions=0x0C), plain(6, permissions=0x04))
    weak, strong = admin(100, desk.handle, 300, ALL & ~0x400), admin(101, desk.handle, 302, 0x400)
    async with pool.acquire() as connection:
        await say(connection, desk.prefix, *values, weak, strong)
    assert [value.index for value in await desk.read(None, 1)] == [1]
    with pytest.raises(ProofNeeded):
        await desk.read(None, 1, 5)
    with pytest.raises(NotPermitted, match="read_value"):
        await desk.read(desk.tenant, 5)
    [found] = await desk.read(Identity(desk.handle, 302), 5)
    assert found.data == b"private"
    with pytest.raises(NotPermitted, match="nobody"):
        await desk.read(NODE)


async def test_two_changes_at_once_are_both_kept(desk: Desk) -> None:

    await desk(AddValues(desk.handle, (plain(2),)), desk.tenant)
    await asyncio.gather(*(desk(AddValues(desk.handle, (plain(n),)), desk.tenant) for n in range(10, 16)))
    assert {10, 11, 12, 13, 14, 15} <= (await desk.stands()).keys()


def test_the_handle_of_a_prefix_is_written_in_upper_case() -> None:
    assert prefix_handle(Prefix.parse("88.101.ab")) == "0.NA/88.101.AB"
