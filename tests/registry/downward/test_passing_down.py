"""What becomes of a prefix here reaches the node that answers for it."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from node.database import transaction
from node.national.instructions import Blocked, Blocklist, Suspend
from registry.connection import blocklist
from registry.connection.suspension import resume_from_above, suspend_from_above
from registry.downward.passing_down import NOT_HELD, NOT_ITS_OWN, PASSED, pass_down, pass_down_for_ever
from registry.prefix_grant import PrefixGrant
from registry.transitions import Verb
from tests.support.node_below import NodeBelow
from tests.support.office import Office, acting


async def passed(office: Office) -> None:
    await pass_down(office.pool, office.seal, office.clock(), at_once=False)


async def told(node: NodeBelow, after: int = 0) -> list[tuple[str, dict[str, Any]]]:
    return [(one.kind, msgspec.json.decode(one.body)) for one in await node.instructions(after)]


async def block(office: Office, prefix: str, *suffixes: str) -> None:
    """As by an instruction from above."""
    wanted = [Blocked(identifier=f"{prefix}/{suffix}", reason="违规") for suffix in suffixes]
    async with transaction(office.pool) as connection:
        await blocklist.block(connection, wanted, uuid4(), office.clock())


# Suspension ------------------------------------------------------------------------------------------


async def test_a_suspended_prefix_is_suspended_at_its_node_and_resumed_with_it(
    office: Office, docked: NodeBelow, held: PrefixGrant
) -> None:
    await passed(office)
    assert await told(docked) == []
    admin = office.admin
    await office.prefixes.move(admin, acting(admin), held.prefix, Verb.SUSPEND, "欠费")
    await passed(office)
    await passed(office)
    assert await told(docked) == [("suspend", {"prefix": held.prefix.key, "reason": "欠费"})]
    await office.prefixes.move(admin, acting(admin), held.prefix, Verb.RESUME)
    await passed(office)
    await passed(office)
    assert [kind for kind, _ in await told(docked)] == ["suspend", "resume"]


async def test_a_suspension_from_above_goes_on_to_the_node_and_ends_there_when_it_ends_above(
    office: Office, docked: NodeBelow, held: PrefixGrant
) -> None:
    async with transaction(office.pool) as connection:
        await suspend_from_above(connection, held.prefix, "国家节点暂停", office.clock())
    await passed(office)
    assert await told(docked) == [("suspend", {"prefix": held.prefix.key, "reason": "国家节点暂停"})]
    async with transaction(office.pool) as connection:
        await resume_from_above(connection, held.prefix, office.clock())
    await passed(office)
    assert [kind for kind, _ in await told(docked)] == ["suspend", "resume"]


@pytest.mark.parametrize("verb", [Verb.SUSPEND, Verb.CLOSE])
async def test_what_becomes_of_the_enterprise_reaches_its_node(
    office: Office, docked: NodeBelow, held: PrefixGrant, verb: Verb
) -> None:
    await office.enterprises.move(office.admin, acting(office.admin), held.enterprise_id, verb, "违规")
    await passed(office)
    assert [kind for kind, _ in await told(docked)] == ["suspend"]


async def test_a_withdrawn_prefix_is_suspended_at_its_node_for_good(
    office: Office, docked: NodeBelow, held: PrefixGrant
) -> None:
    await office.prefixes.move(office.admin, acting(office.admin), held.prefix, Verb.WITHDRAW, "注销")
    await passed(office)
    await passed(office)
    (only,) = await docked.instructions()
    assert msgspec.json.decode(only.body, type=Suspend).reason == "注销"


async def test_the_nodes_of_others_are_told_nothing(office: Office, docked: NodeBelow) -> None:
    other = await office.grant()
    await office.prefixes.move(office.admin, acting(office.admin), other.prefix, Verb.SUSPEND, "欠费")
    await block(office, other.prefix.key, "A-1")
    await passed(office)
    assert await told(docked) == []


# Blocking --------------------------------------------------------------------------------------------


async def test_what_is_blocked_below_the_prefix_is_blocked_at_its_node_until_it_is_no_more(
    office: Office, docked: NodeBelow, held: PrefixGrant
) -> None:
    key = held.prefix.key
    await block(office, key, "Pump-1", "Pump-2")
    await block(office, f"{key}.5", "x")
    await block(office, f"{key}0", "not-below")
    await passed(office)
    await passed(office)
    (first,) = await docked.instructions()
    blocked = msgspec.json.decode(first.body, type=Blocklist)
    assert {one.identifier for one in blocked.add} == {f"{key}/Pump-1", f"{key}/Pump-2", f"{key}.5/x"}
    assert {one.reason for one in blocked.add} == {"违规"}
    async with transaction(office.pool) as connection:
        await blocklist.unblock(connection, [f"{key}/pump-1"])
    await passed(office)
    await passed(office)
    (second,) = await docked.instructions(first.sequence)
    assert msgspec.json.decode(second.body, type=Blocklist) == Blocklist(remove=[f"{key}/Pump-1"])


async def test_a_node_that_docks_later_is_told_what_was_blocked_before(
    office: Office, below: NodeBelow, held: PrefixGrant
) -> None:
    await block(office, held.prefix.key, "Pump-1")
    await passed(office)
    await below.be_let_in()
    await passed(office)
    assert [kind for kind, _ in await told(below)] == ["blocklist"]


async def test_more_than_one_instruction_can_hold_goes_in_several(
    office: Office, docked: NodeBelow, held: PrefixGrant
) -> None:
    await block(office, held.prefix.key, *(f"P-{number}" for number in range(1200)))
    await passed(office)
    await passed(office)
    lengths = [len(body["add"]) for _, body in await told(docked)]
    assert sum(lengths) == 1200
    assert max(lengths) <= 1000


# Verification ----------------------------------------------------------------------------------------


def reviewed(held: PrefixGrant, **changed: Any) -> dict[str, Any]:
    return {
        "prefix": held.prefix.key, "enterprise_id": str(held.enterprise_id), "credit_code": held.credit_code,
        "other_certificate": held.other_certificate, "state": "reviewed", "application": 4, **changed,
    }  # fmt: skip


async def test_an_enabled_prefix_is_verified_for_its_node(
    office: Office, docked: NodeBelow, held: PrefixGrant
) -> None:
    await docked.report("prefix.reviewed", reviewed(held))
    await passed(office)
    (verdict,) = await docked.verdicts()
    assert (verdict.prefix, verdict.passed, verdict.reason, verdict.application) == (
        held.prefix.key, True, PASSED.reason, 4,
    )  # fmt: skip


async def test_a_suspended_prefix_is_verified_when_it_is_resumed(
    office: Office, docked: NodeBelow, held: PrefixGrant
) -> None:
    admin = office.admin
    await office.prefixes.move(admin, acting(admin), held.prefix, Verb.SUSPEND, "欠费")
    await docked.report("prefix.reviewed", reviewed(held))
    await passed(office)
    assert await docked.verdicts() == []
    await office.prefixes.move(admin, acting(admin), held.prefix, Verb.RESUME)
    await passed(office)
    assert [verdict.passed for verdict in await docked.verdicts()] == [True]


async def test_nobody_is_verified_for_what_is_not_theirs(
    office: Office, docked: NodeBelow, held: PrefixGrant
) -> None:
    await docked.report("prefix.reviewed", reviewed(held, prefix=f"{held.prefix.key}.5"))
    await docked.report("prefix.reviewed", reviewed(held, credit_code="91442000MAD0000198"))
    await passed(office)
    assert [(verdict.passed, verdict.reason) for verdict in await docked.verdicts()] == [
        (False, NOT_ITS_OWN.reason), (False, NOT_HELD.reason),
    ]  # fmt: skip


async def test_one_that_waits_does_not_hold_up_the_others(
    office: Office, docked: NodeBelow, held: PrefixGrant
) -> None:
    admin = office.admin
    await office.prefixes.move(admin, acting(admin), held.prefix, Verb.SUSPEND, "欠费")
    await docked.report("prefix.reviewed", reviewed(held))
    await docked.report("prefix.reviewed", reviewed(held, prefix=f"{held.prefix.key}.5"))
    await passed(office)
    assert [verdict.reason for verdict in await docked.verdicts()] == [NOT_ITS_OWN.reason]


async def test_several_stewards_pass_everything_on_once(office: Office, docked: NodeBelow, held: PrefixGrant) -> None:
    await office.prefixes.move(office.admin, acting(office.admin), held.prefix, Verb.SUSPEND, "欠费")
    await block(office, held.prefix.key, "Pump-1")
    stop = asyncio.Event()
    loops = [
        asyncio.create_task(pass_down_for_ever(office.pool, office.seal, office.clock, stop, at_once=True))
        for _ in range(4)
    ]
    async with asyncio.timeout(20):
        while len(await told(docked)) < 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.6)
    stop.set()
    await asyncio.gather(*loops)
    assert sorted(kind for kind, _ in await told(docked)) == ["blocklist", "suspend"]
