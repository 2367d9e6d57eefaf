"""Applications with a handle of their own."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from node.auth import NotAllowed, Role
from node.errors import NodeError
from registry.accounts.stored import AccountState
from registry.authorisations.application_identities import (
    IdentityHandleTaken,
    IdentityKeyInvalid,
    IdentityUnknown,
    handles_of_accounts,
    identity_of_handle,
    read_public_key,
)
from registry.prefixes import PrefixNotEnabled
from registry.transitions import Verb
from tests.support.granting import application
from tests.support.world import Holder, World, actor

KEY = generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


async def test_an_identity_is_an_account_that_is_found_by_its_handle_in_any_case(world: World, maker: Holder) -> None:
    made = await world.application_identities.create(
        maker.account, maker.actor, "88.101.2001/App_mes", title="制造执行", public_key=PEM
    )
    assert (made.handle, made.name, made.public_key) == ("88.101.2001/App_mes", "88.101.2001.App_mes", PEM)
    assert (made.account.role, made.account.enterprise_id) == (Role.APPLICATION, maker.account.enterprise_id)
    async with world.pool.acquire() as connection:
        found = await identity_of_handle(connection, "88.101.2001/APP_MES")
        assert found == made
        assert await identity_of_handle(connection, "no handle") is None
        assert await handles_of_accounts(connection, [made.account_id, maker.account.account_id]) == {
            made.account_id: made.handle
        }
    [act] = await world.pool.fetch("SELECT action FROM act_history WHERE subject_kind = 'application_identity'")
    assert act["action"] == "identity.create"


@pytest.mark.parametrize(
    "handle",
    ["88.101.2001", "88.101.2001/mes", "88.101.2001/App_", "88.101.2001/App_a b", "88.101.2001/App_" + "x" * 33,
     "abc/App_x", "88.101.2001/App_数据"],
)  # fmt: skip
async def test_a_handle_that_is_none_of_an_application_is_refused(world: World, maker: Holder, handle: str) -> None:
    with pytest.raises(NodeError) as refused:
        await world.application_identities.create(maker.account, maker.actor, handle)
    assert refused.value.code == "identity_handle_invalid"


async def test_a_handle_is_given_once_and_only_under_ones_own_enabled_prefix(
    world: World, maker: Holder, partner: Holder
) -> None:
    await application(world, maker)
    with pytest.raises(IdentityHandleTaken):
        await application(world, maker, "App_MES")
    create = world.application_identities.create
    with pytest.raises(NotAllowed):
        await create(partner.account, partner.actor, "88.101.2001/App_spy")
    admin = world.administrator
    await world.prefixes.move(admin, actor(admin), maker.prefix, Verb.SUSPEND, "检查")
    with pytest.raises(PrefixNotEnabled):
        await application(world, maker, "App_late")


def test_keys_that_are_too_short_or_of_another_kind_or_private_are_refused() -> None:
    short = generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505 - to be refused
    curve = generate_ec_key(SECP256R1()).public_key()
    private = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    bad = [key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() for key in (short, curve)]
    for text in (*bad, private, "no key", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n", "x" * 9000):
        with pytest.raises(IdentityKeyInvalid):
            read_public_key(text)
    older = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    assert read_public_key(older) == PEM


async def test_title_and_key_change_and_a_disabled_identity_comes_back(world: World, maker: Holder) -> None:
    made = await application(world, maker)
    identities = world.application_identities
    changed = await identities.change(maker.account, maker.actor, made.handle, title="新", public_key=PEM)
    assert (changed.title, changed.public_key) == ("新", PEM)
    off = await identities.turn(maker.account, maker.actor, made.handle, AccountState.DISABLED)
    assert off.state is AccountState.DISABLED
    assert (await identities.get(maker.account, made.handle)).state is AccountState.DISABLED
    on = await identities.turn(maker.account, maker.actor, made.handle, AccountState.ACTIVE)
    assert on.state is AccountState.ACTIVE
    acts = await world.pool.fetch(
        "SELECT action FROM act_history WHERE subject_kind = 'application_identity' ORDER BY act_id"
    )
    assert [row["action"] for row in acts] == [
        "identity.create", "identity.change", "identity.disable", "identity.enable",
    ]  # fmt: skip


async def test_an_enterprise_sees_and_changes_its_own_identities_only(
    world: World, maker: Holder, partner: Holder
) -> None:
    mine = await application(world, maker)
    theirs = await application(world, partner)
    identities = world.application_identities
    assert [one.handle for one in await identities.list(maker.account)] == [mine.handle]
    assert [one.handle for one in await identities.list(mine.account)] == [mine.handle]
    assert [one.handle for one in await identities.list(world.administrator)] == [mine.handle, theirs.handle]
    with pytest.raises(NotAllowed):
        await identities.get(maker.account, theirs.handle)
    with pytest.raises(NotAllowed):
        await identities.turn(maker.account, maker.actor, theirs.handle, AccountState.DISABLED)
    with pytest.raises(IdentityUnknown):
        await identities.change(maker.account, maker.actor, "88.101.2001/App_x", title="", public_key=None)
