"""The registry's own messages against the national node: two stages until a prefix may be used."""

from __future__ import annotations

import asyncpg

from node.identifier import Prefix
from registry.transitions import EnterpriseState, PrefixState, Verb
from tests.support.docking import DockedNode, until
from tests.support.office import Office, acting


async def test_a_reviewed_prefix_is_enabled_by_the_national_node_and_a_wrong_one_refused(
    world: DockedNode, upper: asyncpg.Connection
) -> None:
    office = Office(world.pool)

    async def apply(prefix: str, passed: bool, reason: str, application: int) -> None:
        await office.prefixes.apply_verdict(Prefix.parse(prefix), passed, reason, True, application)

    async def state(prefix: Prefix) -> PrefixState:
        return (await office.prefixes.get(office.admin, prefix)).state

    async with world.mock() as mock:
        good = await office.grant(PrefixState.REVIEWED)
        suspended = await office.enterprise()
        bad = await office.grant(PrefixState.REVIEWED, suspended)
        admin = office.admin
        await office.enterprises.move(admin, acting(admin), suspended.enterprise_id, Verb.SUSPEND, "理由")
        async with world.steward(mock.url, apply_verdict=apply):

            async def all_decided() -> bool:
                return PrefixState.REVIEWED not in (await state(good.prefix), await state(bad.prefix))

            await until(all_decided)
            assert (await state(good.prefix), await state(bad.prefix)) == (PrefixState.ENABLED, PrefixState.REFUSED)
            await office.prefixes.move(admin, acting(admin), good.prefix, Verb.SUSPEND, "理由")

            async def known_above() -> bool:
                return bool(await upper.fetchval("SELECT state FROM docked_prefix") == "suspended")

            await until(known_above)
    refused = await office.prefixes.get(office.admin, bad.prefix)
    assert refused.reason.startswith("企业未作为审核通过上报")
    assert await upper.fetchval(
        "SELECT state FROM docked_enterprise WHERE enterprise_id = $1", suspended.enterprise_id
    ) == (EnterpriseState.SUSPENDED)
    assert await world.pool.fetchval("SELECT count(*) FROM outbox WHERE last_error IS NOT NULL") == 0
