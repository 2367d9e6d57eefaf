"""Prefixes allotted below a prefix, withdrawn again, and prefixes that are homed and unhomed."""

from __future__ import annotations

import asyncio

import pytest

from node.administration import (
    AddValues,
    Change,
    CreateHandle,
    DeleteHandle,
    Done,
    HandleExists,
    HomePrefix,
    Identity,
    InvalidAdministrator,
    NotPermitted,
    OperationUnsupported,
    PrefixElsewhere,
    PrefixLimit,
    ProofNeeded,
    RemoveValues,
    UnhomePrefix,
)
from node.database import Pool, transaction
from node.identifier import Prefix
from node.journal import Interface
from registry.handle import prefix_handles
from registry.handle.derived_prefixes import PrefixHoldsHandles
from registry.handle.identities import keys_of
from registry.handle.names import prefix_handle
from registry.prefix_grant import PrefixAboveSuspended, PrefixGrant
from registry.transitions import EnterpriseState, PrefixState, TransitionRefused, Verb
from tests.support.node import running_node
from tests.support.notices import Notices
from tests.support.office import NODE_PREFIX, Office, acting
from tests.support.rights import ALL, AT, admin, plain, policy, public_key, register, say

NODE = Identity("0.NA/88.101", 300)
S = PrefixState


class Desk:
    """A prefix whose administrator may allot prefixes below it."""

    def __init__(self, office: Office, pool: Pool, grant: PrefixGrant) -> None:
        self.office = office
        self.pool = pool
        self.grant = grant
        self.tenant = Identity(prefix_handle(grant.prefix), 300)

    def below(self, *segments: str) -> str:
        return f"0.NA/{'.'.join((self.grant.prefix.key, *segments))}"

    async def __call__(self, change: Change, identity: Identity | None) -> Done:
        async with transaction(self.pool) as connection:
            await prefix_handles.check(connection, change, NODE_PREFIX, AT)
            return await prefix_handles.perform(
                connection, change, identity, node_prefix=NODE_PREFIX, interface=Interface.HANDLE_TCP, at=AT
            )

    async def states(self) -> dict[str, str]:
        """The states of all prefixes below, by what their names add."""
        grants = await self.office.prefixes.list(self.office.admin, enterprise_id=self.grant.enterprise_id)
        return {grant.prefix.key.removeprefix(self.grant.prefix.key): str(grant.state) for grant in grants}

    async def homed(self, identity: Identity | None) -> list[str]:
        async with transaction(self.pool) as connection:
            return await prefix_handles.homed_prefixes(connection, identity, NODE_PREFIX)


@pytest.fixture
async def desk(office: Office, pool: Pool) -> Desk:
    desk = Desk(office, pool, await office.grant())
    await policy(pool, desk.grant.prefix)
    async with pool.acquire() as connection:
        await say(connection, NODE_PREFIX, admin(100, NODE.handle, NODE.index))
        await say(connection, desk.grant.prefix, admin(100, desk.tenant.handle, 300), public_key(300))
    return desk


async def test_creating_its_handle_allots_a_prefix_to_the_same_enterprise(desk: Desk, notices: Notices) -> None:
    own = Identity(desk.below("7"), 300)
    change = CreateHandle(desk.below("7"), (plain(1), public_key(300), admin(100, own.handle, 300)))
    assert await desk(change, desk.tenant) == Done(desk.below("7"))
    [made] = [one for one in await desk.office.prefixes.list(desk.office.admin) if one.derived]
    assert made.enterprise_id == desk.grant.enterprise_id
    assert made.state is S.ENABLED
    assert made.log_secret != desk.grant.log_secret
    assert f"p{made.prefix.key}/" in await notices()
    async with desk.pool.acquire() as connection:
        assert len(await keys_of(connection, own, NODE_PREFIX)) == 1
    await desk(AddValues(own.handle, (plain(2),)), own)


async def test_the_national_node_hears_nothing_of_a_derived_prefix(desk: Desk) -> None:
    async with desk.office.leaving(None, None, None):  # the account, the prefix, its handle
        await desk(CreateHandle(desk.below("7"), (plain(1),)), desk.tenant)
    *_, allotted, created = (await desk.office.traces()).acts
    assert (allotted["action"], created["action"]) == ("prefix.allot", "prefix_handle.create")
    async with desk.office.leaving(None, None):
        await desk(DeleteHandle(desk.below("7")), desk.tenant)


async def test_what_is_registered_below_a_derived_prefix_is_reported_as_the_enterprise_s(desk: Desk) -> None:
    await desk(CreateHandle(desk.below("7"), ()), desk.tenant)
    [made] = [one for one in await desk.office.prefixes.list(desk.office.admin) if one.derived]
    assert made.reported_as == desk.grant.prefix.key == desk.grant.reported_as


async def test_only_whoever_has_the_bit_above_allots(desk: Desk) -> None:
    create = CreateHandle(desk.below("7"), (plain(1),))
    async with desk.office.nothing_left():
        with pytest.raises(ProofNeeded):
            await desk(create, None)
        with pytest.raises(InvalidAdministrator):
            await desk(create, Identity(desk.below("7"), 300))
    async with desk.pool.acquire() as connection:
        await say(connection, desk.grant.prefix, admin(100, desk.tenant.handle, 300, ALL & ~0x004))
    with pytest.raises(NotPermitted, match="add_derived_prefix"):
        await desk(create, desk.tenant)
    await desk(create, NODE)


async def test_a_derived_prefix_has_prefixes_below_it(desk: Desk) -> None:
    below = Identity(desk.below("7"), 300)
    await desk(CreateHandle(desk.below("7"), (admin(100, below.handle, 300),)), desk.tenant)
    await desk(CreateHandle(desk.below("7", "A"), (plain(1),)), below)
    await desk(CreateHandle(desk.below("7", "B"), (plain(1),)), desk.tenant)
    with pytest.raises(InvalidAdministrator):
        await desk(CreateHandle(desk.below("8"), (plain(1),)), below)
    assert await desk.states() == {"": "enabled", ".7": "enabled", ".7.A": "enabled", ".7.B": "enabled"}


async def test_no_prefix_is_made_below_one_that_is_not_there_or_not_in_use(desk: Desk) -> None:
    with pytest.raises(PrefixElsewhere):
        await desk(CreateHandle(desk.below("7", "A"), (plain(1),)), desk.tenant)
    with pytest.raises(PrefixElsewhere):
        await desk(CreateHandle("0.NA/88.101.77.1", (plain(1),)), NODE)
    admin_ = desk.office.admin
    await desk.office.prefixes.move(admin_, acting(admin_), desk.grant.prefix, Verb.SUSPEND, "理由")
    with pytest.raises(NotPermitted, match="suspended"):
        await desk(CreateHandle(desk.below("7"), (plain(1),)), NODE)


async def test_no_prefix_is_made_for_an_enterprise_under_review(desk: Desk) -> None:
    admin_ = desk.office.admin
    enterprise = await desk.office.enterprises.get(admin_, desk.grant.enterprise_id)
    await desk.office.enterprises.edit(
        admin_, acting(admin_), enterprise.enterprise_id, desk.office.facts(name="另一个名字"), enterprise.version
    )
    enterprise = await desk.office.enterprises.get(admin_, desk.grant.enterprise_id)
    assert enterprise.state is EnterpriseState.SUBMITTED
    with pytest.raises(NotPermitted, match="not approved"):
        await desk(CreateHandle(desk.below("7"), (plain(1),)), desk.tenant)


async def test_without_a_policy_nothing_is_made(desk: Desk, office: Office, pool: Pool) -> None:
    other = Desk(office, pool, await office.grant())
    with pytest.raises(NotPermitted, match="no policy"):
        await other(CreateHandle(other.below("7"), (plain(1),)), NODE)


async def test_no_more_prefixes_than_the_policy_allows_at_any_depth(desk: Desk, pool: Pool) -> None:
    await pool.execute("UPDATE handle_policy SET derived_prefixes = 2")
    await desk(CreateHandle(desk.below("7"), (plain(1),)), desk.tenant)
    await desk(CreateHandle(desk.below("7", "A"), (plain(1),)), desk.tenant)
    for name in (desk.below("8"), desk.below("7", "B")):
        with pytest.raises(PrefixLimit) as caught:
            await desk(CreateHandle(name, (plain(1),)), desk.tenant)
        assert caught.value.evidence == {"prefix": desk.grant.prefix.key, "limit": 2}
    await desk(DeleteHandle(desk.below("7", "A")), desk.tenant)
    await desk(CreateHandle(desk.below("8"), (plain(1),)), desk.tenant)


async def test_the_limit_holds_when_many_come_at_once(desk: Desk, pool: Pool) -> None:
    await pool.execute("UPDATE handle_policy SET derived_prefixes = 3")
    await desk(CreateHandle(desk.below("0"), (plain(1),)), desk.tenant)
    changes = [CreateHandle(desk.below(str(number)), (plain(1),)) for number in range(1, 9)]
    outcomes = await asyncio.gather(*(desk(change, desk.tenant) for change in changes), return_exceptions=True)
    assert sum(isinstance(outcome, Done) for outcome in outcomes) == 2
    assert sum(isinstance(outcome, PrefixLimit) for outcome in outcomes) == 6


async def test_a_derived_prefix_is_allotted_once(desk: Desk) -> None:
    await desk(CreateHandle(desk.below("7"), (plain(1),)), desk.tenant)
    with pytest.raises(HandleExists):
        await desk(CreateHandle(desk.below("7"), (plain(1),)), desk.tenant)
    done = await desk(CreateHandle(desk.below("7"), (plain(2),), overwrite=True), desk.tenant)
    assert done.overwritten


async def test_deleting_its_handle_withdraws_a_derived_prefix_for_good(desk: Desk, notices: Notices) -> None:
    await desk(CreateHandle(desk.below("7"), (plain(1), public_key(300))), desk.tenant)
    own = Identity(desk.below("7"), 300)
    with pytest.raises(InvalidAdministrator):
        await desk(DeleteHandle(own.handle), own)
    await notices()
    await desk(DeleteHandle(own.handle), desk.tenant)
    assert f"p{desk.grant.prefix.key}.7/" in await notices()
    assert await desk.states() == {"": "enabled", ".7": "withdrawn"}
    async with desk.pool.acquire() as connection:
        assert await keys_of(connection, own, NODE_PREFIX) == []
    with pytest.raises(NotPermitted, match="withdrawn"):
        await desk(CreateHandle(own.handle, (plain(1),)), desk.tenant)


async def test_a_derived_prefix_without_values_is_withdrawn_too(desk: Desk) -> None:
    await desk(CreateHandle(desk.below("7"), (plain(1),)), desk.tenant)
    await desk(RemoveValues(desk.below("7"), (1,)), desk.tenant)
    await desk(DeleteHandle(desk.below("7")), desk.tenant)
    assert await desk.states() == {"": "enabled", ".7": "withdrawn"}


@pytest.mark.parametrize("state", [1, 3])
async def test_a_prefix_that_holds_identifiers_is_not_withdrawn(desk: Desk, pool: Pool, state: int) -> None:
    await desk(CreateHandle(desk.below("7"), (plain(1),)), desk.tenant)
    prefix = Prefix.parse_derived(f"{desk.grant.prefix.key}.7")
    await register(pool, prefix, "Deleted", (plain(1),), state=2)
    await register(pool, prefix, "There", (plain(1),), state=state)
    async with desk.office.nothing_left():
        with pytest.raises(PrefixHoldsHandles):
            await desk(DeleteHandle(desk.below("7")), desk.tenant)
    await pool.execute("UPDATE identifier SET state = 2")
    await desk(DeleteHandle(desk.below("7")), desk.tenant)


async def test_a_prefix_that_holds_prefixes_is_not_withdrawn(desk: Desk) -> None:
    await desk(CreateHandle(desk.below("7"), (plain(1),)), desk.tenant)
    await desk(CreateHandle(desk.below("7", "A"), (plain(1),)), desk.tenant)
    with pytest.raises(PrefixHoldsHandles):
        await desk(DeleteHandle(desk.below("7")), desk.tenant)
    await desk(CreateHandle(desk.below("7A"), (plain(1),)), desk.tenant)
    await desk(DeleteHandle(desk.below("7", "A")), desk.tenant)
    await desk(DeleteHandle(desk.below("7")), desk.tenant)
    assert await desk.states() == {"": "enabled", ".7": "withdrawn", ".7.A": "withdrawn", ".7A": "enabled"}


# The fate of those above --------------------------------------------------------------------------


async def family(desk: Desk) -> None:
    for segments in (("7",), ("7", "A"), ("8",)):
        await desk(CreateHandle(desk.below(*segments), (plain(1),)), desk.tenant)


async def move(desk: Desk, verb: Verb, below: str = "") -> None:
    who = desk.office.admin
    prefix = Prefix.parse_derived(desk.grant.prefix.key + below)
    await desk.office.prefixes.move(who, acting(who), prefix, verb, "理由")


async def test_derived_prefixes_are_suspended_and_resumed_with_the_one_above(desk: Desk) -> None:
    await family(desk)
    await move(desk, Verb.SUSPEND, ".8")
    await move(desk, Verb.SUSPEND)
    assert set((await desk.states()).values()) == {"suspended"}
    for below in (".7", ".7.A", ".8"):
        with pytest.raises(PrefixAboveSuspended):
            await move(desk, Verb.RESUME, below)
    await move(desk, Verb.RESUME)
    assert await desk.states() == {"": "enabled", ".7": "enabled", ".7.A": "enabled", ".8": "suspended"}
    await move(desk, Verb.RESUME, ".8")
    assert set((await desk.states()).values()) == {"enabled"}


async def test_derived_prefixes_are_withdrawn_with_the_one_above(desk: Desk) -> None:
    await family(desk)
    await move(desk, Verb.SUSPEND, ".7")
    await move(desk, Verb.WITHDRAW)
    assert set((await desk.states()).values()) == {"withdrawn"}


async def test_derived_prefixes_share_the_fate_of_their_enterprise(desk: Desk) -> None:
    await family(desk)
    await move(desk, Verb.SUSPEND, ".7")
    who, enterprises = desk.office.admin, desk.office.enterprises
    await enterprises.move(who, acting(who), desk.grant.enterprise_id, Verb.SUSPEND, "理由")
    assert set((await desk.states()).values()) == {"suspended"}
    await enterprises.move(who, acting(who), desk.grant.enterprise_id, Verb.RESUME)
    # .7.A was suspended with .7, which its own administrators' node keeps suspended.
    assert await desk.states() == {"": "enabled", ".7": "suspended", ".7.A": "suspended", ".8": "enabled"}
    await move(desk, Verb.RESUME, ".7")
    assert set((await desk.states()).values()) == {"enabled"}
    await enterprises.move(who, acting(who), desk.grant.enterprise_id, Verb.CLOSE, "理由")
    assert set((await desk.states()).values()) == {"withdrawn"}


# Home and unhome ----------------------------------------------------------------------------------


async def test_the_node_s_administrators_home_and_unhome_a_prefix_with_what_is_below(desk: Desk) -> None:
    await family(desk)
    handle = desk.below()
    assert await desk(UnhomePrefix(handle), NODE) == Done(handle)
    assert set((await desk.states()).values()) == {"suspended"}
    async with desk.office.nothing_left():
        await desk(UnhomePrefix(handle), NODE)
    await desk(HomePrefix(handle), NODE)
    assert set((await desk.states()).values()) == {"enabled"}
    grant = await desk.office.prefixes.get(desk.office.admin, desk.grant.prefix)
    history = await desk.office.prefixes.history(desk.office.admin, grant.prefix)
    assert [act.action for act in history[:2]] == ["prefix.resume", "prefix.suspend"]
    assert str(NODE) in history[1].reason


async def test_nobody_but_the_node_s_administrators_homes_or_lists_what_is_homed(desk: Desk) -> None:
    await family(desk)
    for change in (HomePrefix(desk.below("7")), UnhomePrefix(desk.below("7"))):
        with pytest.raises(NotPermitted):
            await desk(change, desk.tenant)
        with pytest.raises(ProofNeeded):
            await desk(change, None)
    with pytest.raises(InvalidAdministrator):
        await desk.homed(desk.tenant)
    await desk(UnhomePrefix(desk.below("8")), NODE)
    assert await desk.homed(NODE) == ["0.NA/88.101", *(desk.below(*name) for name in ((), ("7",), ("7", "A")))]


async def test_a_prefix_that_the_node_was_never_given_cannot_be_homed(desk: Desk, office: Office) -> None:
    with pytest.raises(PrefixElsewhere, match="none of this node's"):
        await desk(HomePrefix("0.NA/88.101.77"), NODE)
    turned_down = await office.grant(S.REJECTED)
    with pytest.raises(PrefixElsewhere):
        await desk(HomePrefix(prefix_handle(turned_down.prefix)), NODE)
    withdrawn = await office.grant(S.WITHDRAWN)
    with pytest.raises(TransitionRefused):
        await desk(HomePrefix(prefix_handle(withdrawn.prefix)), NODE)
    with pytest.raises(OperationUnsupported):
        await desk(UnhomePrefix("0.NA/88.101"), NODE)


async def test_homing_does_not_undo_what_stands_above(desk: Desk) -> None:
    await family(desk)
    await move(desk, Verb.SUSPEND)
    with pytest.raises(PrefixAboveSuspended):
        await desk(HomePrefix(desk.below("7")), NODE)
    who = desk.office.admin
    await desk.office.enterprises.move(who, acting(who), desk.grant.enterprise_id, Verb.SUSPEND, "理由")
    with pytest.raises(NotPermitted, match="not approved"):
        await desk(HomePrefix(desk.below()), NODE)


async def test_the_management_interface_shows_and_moves_derived_prefixes(database_url: str) -> None:
    async with running_node(database_url, log={"requests": False}) as node:
        above = node.holder.prefix
        name = f"{above.key}.7"
        async with transaction(node.world.pool) as connection:
            await say(connection, above, admin(100, prefix_handle(above), 300))
        await policy(node.world.pool, above)
        async with transaction(node.world.pool) as connection:
            await prefix_handles.perform(
                connection, CreateHandle(f"0.NA/{name}", (plain(1),)), Identity(prefix_handle(above), 300),
                node_prefix=NODE_PREFIX, interface=Interface.HANDLE_TCP, at=AT,
            )  # fmt: skip
        listed = await node("GET", "/v1/prefixes")
        assert name in [item["prefix"] for item in listed.json["items"]]
        for verb, state in (("suspend", "suspended"), ("resume", "enabled")):
            moved = await node(
                "POST", f"/v1/prefixes/{name}/{verb}", json={"reason": "理由"} if verb == "suspend" else None
            )
            assert moved.json["state"] == state
        shown = await node("GET", f"/v1/prefixes/{name}/history")
        assert [act["action"] for act in shown.json["items"]] == ["prefix.resume", "prefix.suspend", "prefix.allot"]
        applied = await node("POST", "/v1/prefixes", json={"prefix": f"{above.key}.8"}, by="enterprise_user")
        assert (applied.status, applied.code) == (400, "invalid_prefix")
