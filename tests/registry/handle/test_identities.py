"""The keys that prove an identity, and the accounts that history knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from node.administration import Identity, InvalidAdministrator, NotPermitted, PrefixElsewhere
from node.auth import Role
from node.database import Connection, Pool, transaction
from node.identifier import Prefix
from node.journal import Interface
from node.record import Value
from registry.accounts.accounts import LastAdministrator
from registry.handle.accounts import account_of, name_of_account
from registry.handle.identities import MOST_KEYS, keys_of
from registry.handle.names import prefix_handle
from registry.prefix_grant import PrefixGrant
from registry.transitions import PrefixState
from tests.support.office import NODE_PREFIX, Office, acting
from tests.support.rights import AT, admin, plain, public_key, register, say

SECRET = Value(301, "HS_SECKEY", b"a secret of the prefix")


@pytest.fixture
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.acquire() as connection:
        yield connection


@pytest.fixture
async def grant(office: Office, connection: Connection) -> PrefixGrant:
    """A prefix with two public keys and a secret one."""
    grant = await office.grant()
    values = (plain(1), admin(100, prefix_handle(grant.prefix), 300), public_key(300), SECRET, public_key(302))
    await say(connection, grant.prefix, *values)
    return grant


async def indexes(connection: Connection, handle: str, index: int) -> list[tuple[int, str]]:
    return [(key.index, key.type) for key in await keys_of(connection, Identity(handle, index), NODE_PREFIX)]


async def test_a_prefix_handle_has_public_and_secret_keys(connection: Connection, grant: PrefixGrant) -> None:
    handle = prefix_handle(grant.prefix)
    assert await indexes(connection, handle, 300) == [(300, "HS_PUBKEY")]
    assert await indexes(connection, handle.lower(), 301) == [(301, "HS_SECKEY")]
    assert await indexes(connection, grant.prefix.text, 302) == [(302, "HS_PUBKEY")]
    [secret] = await keys_of(connection, Identity(handle, 301), NODE_PREFIX)
    assert secret.data == SECRET.data
    assert "secret" not in repr(secret)


async def test_index_0_is_every_key(connection: Connection, grant: PrefixGrant) -> None:
    found = await indexes(connection, prefix_handle(grant.prefix), 0)
    assert found == [(300, "HS_PUBKEY"), (301, "HS_SECKEY"), (302, "HS_PUBKEY")]


@pytest.mark.parametrize("index", [1, 100, 7, -1])
async def test_what_is_no_key_proves_nothing(connection: Connection, grant: PrefixGrant, index: int) -> None:
    assert await indexes(connection, prefix_handle(grant.prefix), index) == []


async def test_only_so_many_keys_are_tried_for_index_0(connection: Connection, grant: PrefixGrant) -> None:
    await say(connection, grant.prefix, *(public_key(number) for number in range(1, MOST_KEYS + 10)))
    found = await indexes(connection, prefix_handle(grant.prefix), 0)
    assert [index for index, _ in found] == list(range(1, MOST_KEYS + 1))
    assert await indexes(connection, prefix_handle(grant.prefix), MOST_KEYS + 5) == [(MOST_KEYS + 5, "HS_PUBKEY")]


@pytest.mark.parametrize("state", [PrefixState.SUSPENDED, PrefixState.WITHDRAWN, PrefixState.VERIFIED])
async def test_keys_of_a_prefix_that_is_not_in_use_prove_nothing(
    office: Office, connection: Connection, state: PrefixState
) -> None:
    grant = await office.grant(state)
    await say(connection, grant.prefix, public_key(300), SECRET)
    assert await indexes(connection, prefix_handle(grant.prefix), 0) == []


async def test_the_node_s_own_prefix_has_keys_without_being_anybody_s(connection: Connection) -> None:
    await say(connection, NODE_PREFIX, public_key(300), SECRET)
    assert await indexes(connection, "0.NA/88.101", 0) == [(300, "HS_PUBKEY"), (301, "HS_SECKEY")]


async def test_an_identifier_has_public_keys_while_it_is_live(
    pool: Pool, connection: Connection, grant: PrefixGrant
) -> None:
    record = (plain(1), public_key(300), Value(301, "HS_SECKEY", b"who wrote this here?"))
    await register(pool, grant.prefix, "Gate", record)
    await register(pool, grant.prefix, "Old", record, state=2)
    assert await indexes(connection, f"{grant.prefix.text}/gate", 0) == [(300, "HS_PUBKEY")]
    assert await indexes(connection, f"{grant.prefix.text}/Old", 0) == []


@pytest.mark.parametrize("handle", ["0.NA/88.101.77", "88.101.77/x", "10.1000/1", "", "0.NA/", "0.SITE/status", "0"])
async def test_what_is_not_here_has_no_keys(connection: Connection, handle: str) -> None:
    assert await indexes(connection, handle, 0) == []


# Accounts -----------------------------------------------------------------------------------------


async def account(connection: Connection, handle: str, index: int = 300) -> object:
    return await account_of(
        connection, Identity(handle, index), node_prefix=NODE_PREFIX, interface=Interface.HANDLE_TCP, at=AT
    )


async def test_all_identities_of_a_prefix_act_as_one_application_of_its_enterprise(
    office: Office, connection: Connection, grant: PrefixGrant
) -> None:
    async with office.leaving(None):
        first = await account(connection, prefix_handle(grant.prefix))
    async with office.nothing_left():
        assert await account(connection, f"{grant.prefix.text}/Gate", 7) == first
    stored = await office.accounts.get(office.admin, first.account_id)
    assert stored.account.name == f"handle-{grant.prefix.text}"
    assert stored.account.role is Role.APPLICATION
    assert stored.account.enterprise_id == grant.enterprise_id
    assert stored.password_hash is None


async def test_two_first_acts_at_once_make_one_account(office: Office, pool: Pool, grant: PrefixGrant) -> None:
    async def once() -> object:
        async with transaction(pool) as connection:
            return await account(connection, prefix_handle(grant.prefix))

    async with office.leaving(None):
        found = await asyncio.gather(*(once() for _ in range(6)))
    assert len(set(found)) == 1


async def test_the_node_s_administrators_act_as_an_administrator(connection: Connection) -> None:
    found = await account(connection, "0.NA/88.101")
    assert (found.name, found.role, found.enterprise_id) == ("handle-88.101", Role.ADMINISTRATOR, None)


async def test_the_account_of_the_node_s_prefix_is_not_the_last_administrator(
    office: Office, connection: Connection
) -> None:
    """It has no password: nobody could sign in as it."""
    assert await account(connection, "0.NA/88.101")
    assert await office.accounts.found_administrator("admin") is not None
    [human] = [one for one in await office.accounts.list(office.admin) if one.password_hash]
    with pytest.raises(LastAdministrator):
        await office.accounts.disable(office.admin, acting(office.admin), human.account.account_id)


async def test_a_disabled_account_shuts_the_protocol_to_the_prefix(
    office: Office, connection: Connection, grant: PrefixGrant
) -> None:
    made = await account(connection, prefix_handle(grant.prefix))
    await office.accounts.disable(office.admin, acting(office.admin), made.account_id)
    with pytest.raises(InvalidAdministrator, match="disabled"):
        await account(connection, prefix_handle(grant.prefix))


async def test_an_account_that_somebody_else_has_under_that_name_is_not_used(
    office: Office, connection: Connection, grant: PrefixGrant
) -> None:
    other = await office.enterprise()
    await office.accounts.create(
        office.admin, acting(office.admin), f"Handle-{grant.prefix.text}", Role.APPLICATION, other.enterprise_id,
        "Vj9#qLx2-mRt7",
    )  # fmt: skip
    with pytest.raises(InvalidAdministrator, match="somebody else"):
        await account(connection, prefix_handle(grant.prefix))


async def test_administrators_of_a_prefix_out_of_use_act_no_more(office: Office, connection: Connection) -> None:
    suspended = await office.grant(PrefixState.SUSPENDED)
    with pytest.raises(NotPermitted, match="suspended"):
        await account(connection, prefix_handle(suspended.prefix))
    with pytest.raises(PrefixElsewhere):
        await account(connection, "0.NA/88.101.77")


def test_the_account_of_the_longest_prefix_still_has_a_name() -> None:
    long = Prefix.parse_derived("88.101.2001." + "A" * 52)
    assert len(name_of_account(long)) <= 64
    assert name_of_account(long) != name_of_account(Prefix.parse_derived("88.101.2001." + "B" * 52))
    assert "." not in name_of_account(long)
