"""A prefix is in use again when the last of those who hold it suspended lets go, and not before."""

from __future__ import annotations

from uuid import UUID

import pytest

from node.database import Pool, transaction
from node.identifier import Prefix
from registry.connection.suspension import PrefixOver, resume_from_above, suspend_from_above
from registry.prefix_grant import PrefixGrant, PrefixSuspendedFromAbove
from registry.prefixes import PrefixUnknown
from registry.transitions import PrefixState, TransitionRefused, Verb
from tests.support.notices import Notices
from tests.support.world import Holder, World, actor

ENABLED, SUSPENDED = PrefixState.ENABLED, PrefixState.SUSPENDED


@pytest.fixture
async def world(pool: Pool) -> World:
    return World(pool)


@pytest.fixture
async def maker(world: World) -> Holder:
    return await world.holder()


async def suspend(world: World, prefix: Prefix, reason: str = "违规") -> PrefixGrant:
    async with transaction(world.pool) as connection:
        return await suspend_from_above(connection, prefix, reason, world.clock())


async def resume(world: World, prefix: Prefix) -> PrefixGrant:
    async with transaction(world.pool) as connection:
        return await resume_from_above(connection, prefix, world.clock())


async def move(world: World, prefix: Prefix, verb: Verb, reason: str = "") -> PrefixGrant:
    admin = world.administrator
    return await world.prefixes.move(admin, actor(admin), prefix, verb, reason)


async def move_enterprise(world: World, enterprise_id: UUID, verb: Verb, reason: str = "") -> None:
    admin = world.administrator
    await world.enterprises.move(admin, actor(admin), enterprise_id, verb, reason)


async def derived(world: World, holder: Holder, text: str) -> Prefix:
    """A prefix that the administrator of the holder's prefix has allotted."""
    await world.pool.execute(
        "INSERT INTO prefix (prefix, enterprise_id, state, log_secret, created_at, updated_at)"
        " VALUES ($1, $2, 'enabled', $3, $4, $4)",
        text, holder.account.enterprise_id, bytes(32), world.clock(),
    )  # fmt: skip
    return Prefix.parse_derived(text)


async def state(world: World, prefix: Prefix) -> PrefixState:
    return (await world.prefixes.get(world.administrator, prefix)).state


async def test_nobody_here_resumes_what_the_node_above_suspended(
    world: World, maker: Holder, notices: Notices
) -> None:
    await notices()
    grant = await suspend(world, maker.prefix)
    assert (grant.state, grant.suspended_from_above, grant.reason) == (SUSPENDED, True, "违规")
    with pytest.raises(PrefixSuspendedFromAbove):
        await move(world, maker.prefix, Verb.RESUME)
    assert await state(world, maker.prefix) is SUSPENDED
    assert (await resume(world, maker.prefix)).state is ENABLED
    assert await notices() == ["p88.101.2001/"] * 2


async def test_it_is_reported_upward_and_stands_in_history(world: World, maker: Holder) -> None:
    await suspend(world, maker.prefix)
    await resume(world, maker.prefix)
    kinds = await world.pool.fetch("SELECT kind FROM outbox WHERE stream = 'prefix' ORDER BY outbox_id DESC LIMIT 2")
    assert [row["kind"] for row in kinds] == ["prefix.enabled", "prefix.suspended"]
    newest, older, *_ = await world.prefixes.history(world.administrator, maker.prefix)
    assert [(act.action, act.account_id) for act in (older, newest)] == [
        ("prefix.suspend", None), ("prefix.resume", None),
    ]  # fmt: skip
    assert older.before is not None
    assert older.after is not None
    assert (older.before["suspended_from_above"], older.after["suspended_from_above"]) == (False, True)


async def test_done_again_it_changes_nothing(world: World, maker: Holder) -> None:
    first = await suspend(world, maker.prefix)
    again = await suspend(world, maker.prefix, "another reason")
    assert (again.version, again.reason) == (first.version, "违规")
    first = await resume(world, maker.prefix)
    assert (await resume(world, maker.prefix)).version == first.version


async def test_what_an_administrator_had_suspended_before_stays_so(world: World, maker: Holder) -> None:
    await move(world, maker.prefix, Verb.SUSPEND, "欠费")
    await suspend(world, maker.prefix)
    with pytest.raises(PrefixSuspendedFromAbove):
        await move(world, maker.prefix, Verb.RESUME)
    assert (await resume(world, maker.prefix)).state is SUSPENDED
    assert (await move(world, maker.prefix, Verb.RESUME)).state is ENABLED


async def test_it_outlasts_the_resumption_of_the_enterprise(world: World, maker: Holder) -> None:
    owner = maker.account.enterprise_id
    assert owner is not None
    await move_enterprise(world, owner, Verb.SUSPEND, "整改")
    await suspend(world, maker.prefix)
    await move_enterprise(world, owner, Verb.RESUME)
    assert await state(world, maker.prefix) is SUSPENDED
    assert (await resume(world, maker.prefix)).state is ENABLED


async def test_its_end_leaves_the_prefixes_of_a_suspended_enterprise_suspended(world: World, maker: Holder) -> None:
    owner = maker.account.enterprise_id
    assert owner is not None
    await suspend(world, maker.prefix)
    await move_enterprise(world, owner, Verb.SUSPEND, "整改")
    assert (await resume(world, maker.prefix)).state is SUSPENDED
    await move_enterprise(world, owner, Verb.RESUME)
    assert await state(world, maker.prefix) is ENABLED


async def test_an_enterprise_that_comes_and_goes_meanwhile_changes_nothing(world: World, maker: Holder) -> None:
    owner = maker.account.enterprise_id
    assert owner is not None
    await suspend(world, maker.prefix)
    await move_enterprise(world, owner, Verb.SUSPEND, "整改")
    await move_enterprise(world, owner, Verb.RESUME)
    assert await state(world, maker.prefix) is SUSPENDED
    assert (await resume(world, maker.prefix)).state is ENABLED


async def test_a_prefix_not_in_use_yet_is_verified_but_not_enabled(world: World, maker: Holder) -> None:
    admin, reviewer, prefix = world.administrator, world.reviewer, Prefix.parse("88.101.2002")
    owner = maker.account.enterprise_id
    assert owner is not None
    await world.prefixes.apply(admin, actor(admin), owner, prefix)
    await world.prefixes.move(reviewer, actor(reviewer), prefix, Verb.APPROVE)
    assert (await suspend(world, prefix)).state is PrefixState.REVIEWED
    assert (await world.prefixes.apply_verdict(prefix, True, "", True)).state is PrefixState.VERIFIED
    with pytest.raises(PrefixSuspendedFromAbove):
        await move(world, prefix, Verb.ENABLE)
    assert (await resume(world, prefix)).state is PrefixState.VERIFIED
    assert (await move(world, prefix, Verb.ENABLE)).state is ENABLED


async def test_derived_prefixes_share_it(world: World, maker: Holder) -> None:
    below = await derived(world, maker, "88.101.2001.7")
    await suspend(world, maker.prefix)
    assert await state(world, below) is SUSPENDED
    with pytest.raises((PrefixSuspendedFromAbove, TransitionRefused)):
        await move(world, maker.prefix, Verb.RESUME)
    await resume(world, maker.prefix)
    assert await state(world, below) is ENABLED


async def test_a_derived_prefix_that_is_suspended_itself_stays_so_when_the_one_above_is_resumed(
    world: World, maker: Holder
) -> None:
    below = await derived(world, maker, "88.101.2001.7")
    await suspend(world, below)
    await suspend(world, maker.prefix)
    await resume(world, maker.prefix)
    assert await state(world, below) is SUSPENDED
    await suspend(world, maker.prefix)
    assert (await resume(world, below)).state is SUSPENDED
    await resume(world, maker.prefix)
    assert await state(world, below) is ENABLED


async def test_it_may_be_withdrawn_and_then_there_is_nothing_to_suspend(world: World, maker: Holder) -> None:
    await suspend(world, maker.prefix)
    await move(world, maker.prefix, Verb.WITHDRAW, "退出")
    with pytest.raises(PrefixOver):
        await resume(world, maker.prefix)
    with pytest.raises(PrefixUnknown):
        await suspend(world, Prefix.parse("88.101.9999"))
