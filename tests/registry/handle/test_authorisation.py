"""Whether an identity is an administrator: names, groups, prefixes above, bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from node.administration import Identity, InvalidAdministrator, NotPermitted, ProofNeeded
from node.database import Connection, Pool
from node.identifier import Prefix
from node.record import Value
from registry.handle import groups
from registry.handle.authorisation import Place, administers_node, authorise
from registry.handle.names import prefix_handle
from registry.handle.permissions import Grantor, Need, Permission
from registry.transitions import Verb
from tests.support.office import NODE_PREFIX, Office, acting
from tests.support.rights import ALL, admin, group, plain, register, say

ME = Identity("0.NA/88.101.9999", 300)
NEED = ((Need(Grantor.RECORD, Permission.ADD_VALUE),),)


@pytest.fixture
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.acquire() as connection:
        yield connection


@pytest.fixture
async def prefix(office: Office) -> Prefix:
    return (await office.grant()).prefix


async def may(connection: Connection, prefix: Prefix, *values: Value, identity: Identity = ME) -> bool:
    """Whether the identity may add to a record that holds these values."""
    try:
        await authorise(connection, identity, NEED, Place(prefix, NODE_PREFIX, tuple(values)))
    except InvalidAdministrator:
        return False
    return True


@pytest.mark.parametrize("handle", ["0.NA/88.101.9999", "0.na/88.101.9999", "88.101.9999"])
async def test_a_handle_is_the_same_in_every_spelling(connection: Connection, prefix: Prefix, handle: str) -> None:
    assert await may(connection, prefix, admin(100, handle, 300))
    assert await may(connection, prefix, admin(100, ME.handle, 300), identity=Identity(handle, 300))


async def test_index_0_of_an_administrator_means_every_index_and_of_an_identity_none(
    connection: Connection, prefix: Prefix
) -> None:
    nobody = Identity(ME.handle, 0)
    assert await may(connection, prefix, admin(100, ME.handle, 0))
    assert await may(connection, prefix, admin(100, ME.handle, 0), identity=nobody)
    assert not await may(connection, prefix, admin(100, ME.handle, 300), identity=nobody)
    assert not await may(connection, prefix, admin(100, ME.handle, 301))


async def test_an_administrator_that_cannot_be_read_is_none(connection: Connection, prefix: Prefix) -> None:
    assert not await may(connection, prefix, Value(100, "HS_ADMIN", b"\x0f\xffnonsense"))
    assert await may(connection, prefix, Value(100, "HS_ADMIN", b""), admin(101, ME.handle, 300))


async def test_nobody_is_asked_for_a_proof_unless_the_way_is_open(connection: Connection, prefix: Prefix) -> None:
    place = Place(prefix, NODE_PREFIX)
    await authorise(connection, None, (*NEED, ()), place)
    with pytest.raises(ProofNeeded):
        await authorise(connection, None, NEED, place)


async def test_an_administrator_of_the_prefix_who_lacks_the_bit_is_told_which(
    connection: Connection, prefix: Prefix
) -> None:
    await say(connection, prefix, admin(100, ME.handle, ME.index, ALL & ~0x040))
    with pytest.raises(NotPermitted, match="add_value") as caught:
        await may(connection, prefix)
    assert caught.value.evidence["needed"] == ["add_value"]


async def test_prefixes_above_count_while_they_are_in_use(
    office: Office, connection: Connection, prefix: Prefix
) -> None:
    await say(connection, prefix, admin(100, ME.handle, ME.index))
    assert await may(connection, prefix)
    await office.prefixes.move(office.admin, acting(office.admin), prefix, Verb.SUSPEND, "理由")
    assert not await may(connection, prefix)


async def test_a_neighbour_is_not_above(office: Office, connection: Connection, prefix: Prefix) -> None:
    neighbour = Prefix.parse(f"{prefix.key}1")
    await say(connection, neighbour, admin(100, ME.handle, ME.index))
    assert not await may(connection, prefix)


async def test_the_administrators_of_the_node_are_those_of_its_own_prefix(
    connection: Connection, prefix: Prefix
) -> None:
    await say(connection, NODE_PREFIX, admin(100, prefix_handle(prefix), 1, permissions=0))
    await say(connection, prefix, group(1, (ME.handle, ME.index)), admin(100, "0.NA/88.101.1", 1))
    assert await administers_node(connection, ME, NODE_PREFIX)
    assert not await administers_node(connection, None, NODE_PREFIX)
    assert not await administers_node(connection, Identity("0.NA/88.101.1", 1), NODE_PREFIX)


# Groups -------------------------------------------------------------------------------------------


async def test_a_group_may_stand_in_an_identifier_while_it_is_live(
    pool: Pool, connection: Connection, prefix: Prefix
) -> None:
    await register(pool, prefix, "Staff", (plain(1), group(7, (ME.handle, ME.index))))
    await register(pool, prefix, "Gone", (group(7, (ME.handle, ME.index)),), state=2)
    await register(pool, prefix, "Resting", (group(7, (ME.handle, ME.index)),), state=3)
    assert await may(connection, prefix, admin(100, f"{prefix.key}/sTAFF", 7))
    assert await may(connection, prefix, admin(100, f"{prefix.key}/Staff", 0))
    assert not await may(connection, prefix, admin(100, f"{prefix.key}/Staff", 1))
    assert not await may(connection, prefix, admin(100, f"{prefix.key}/Gone", 7))
    assert not await may(connection, prefix, admin(100, f"{prefix.key}/Resting", 7))


async def test_a_group_of_a_suspended_prefix_opens_nothing(
    office: Office, connection: Connection, prefix: Prefix
) -> None:
    other = (await office.grant()).prefix
    await say(connection, other, group(1, (ME.handle, ME.index)))
    assert await may(connection, prefix, admin(100, prefix_handle(other), 1))
    await office.prefixes.move(office.admin, acting(office.admin), other, Verb.SUSPEND, "理由")
    assert not await may(connection, prefix, admin(100, prefix_handle(other), 1))


async def test_a_value_of_another_type_is_no_group(connection: Connection, prefix: Prefix) -> None:
    members = group(1, (ME.handle, ME.index))
    await say(connection, prefix, Value(1, "HS_VLISTS", members.data), Value(2, "hs_vlist", members.data))
    here = prefix_handle(prefix)
    assert not await may(connection, prefix, admin(100, here, 1))
    assert await may(connection, prefix, admin(100, here, 2))


async def test_groups_in_a_circle_come_to_an_end(connection: Connection, prefix: Prefix) -> None:
    here = prefix_handle(prefix)
    await say(connection, prefix, group(1, (here, 2)), group(2, (here, 3), (here, 1)), group(3, (here, 1), (here, 0)))
    assert not await may(connection, prefix, admin(100, here, 1))
    # Whoever is meant by any value of a handle is in particular meant by this one.
    assert await may(connection, prefix, admin(100, here, 1), identity=Identity(here, 300))


async def test_groups_are_followed_to_a_depth_and_no_deeper(connection: Connection, prefix: Prefix) -> None:
    here = prefix_handle(prefix)
    deep = groups.MOST_LEVELS
    nested = [group(level, (here, level + 1)) for level in range(1, deep + 1)]
    await say(connection, prefix, *nested, group(deep + 1, (ME.handle, ME.index)))
    assert await may(connection, prefix, admin(100, here, 2))
    assert not await may(connection, prefix, admin(100, here, 1))


async def test_groups_that_name_too_many_handles_are_not_followed(connection: Connection, prefix: Prefix) -> None:
    here = prefix_handle(prefix)
    inner = group(2, (ME.handle, ME.index))
    strangers = [(f"0.NA/88.101.{number}", 1) for number in range(groups.MOST_HANDLES)]
    await say(connection, prefix, group(1, (here, 2), *strangers[:-2]), inner)
    assert await may(connection, prefix, admin(100, here, 1))
    await say(connection, prefix, group(1, (here, 2), *strangers), inner)
    assert not await may(connection, prefix, admin(100, here, 1))


async def test_a_large_group_still_knows_its_members(connection: Connection, prefix: Prefix) -> None:
    here = prefix_handle(prefix)
    strangers = [(f"0.NA/88.101.{number}", 1) for number in range(5000)]
    await say(connection, prefix, group(1, *strangers, (ME.handle, ME.index)))
    assert await may(connection, prefix, admin(100, here, 1))


async def test_groups_beyond_the_octets_for_one_question_open_nothing(
    office: Office, connection: Connection, prefix: Prefix
) -> None:
    here = prefix_handle(prefix)
    other = (await office.grant()).prefix
    strangers = [(f"0.NA/88.101.{number}", 1) for number in range(6000)]
    await say(connection, prefix, group(1, *strangers))
    await say(connection, other, group(1, *strangers, (ME.handle, ME.index)))
    assert await may(connection, prefix, admin(100, prefix_handle(other), 1))
    assert not await may(connection, prefix, admin(100, here, 1), admin(101, prefix_handle(other), 1))


@pytest.mark.parametrize(
    "handle", ["10.1000/1", "0.NA/10.1000", "86", "", "/", "0.NA/", "88.101.2001/", "0.SITE/status"]
)
async def test_names_that_are_not_here_are_nobody(connection: Connection, prefix: Prefix, handle: str) -> None:
    assert not await may(connection, prefix, admin(100, handle, 300))
    assert await may(connection, prefix, admin(100, handle, 300), identity=Identity(handle, 300))
