"""Takeover, drill and hand-back, with a national node that answers for this one: nothing is lost on the way."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from mocknational import takeover
from registry.connection.standby import Standby, StandbyAhead
from registry.connection.takeover import ACTIVE
from tests.support.connected import Connected, digest
from tests.support.docking import now, until
from tests.support.world import Holder


@pytest.fixture
async def maker(connected: Connected) -> Holder:
    maker = await connected.world.holder()
    await register(connected, maker, *(f"Pump-{n}" for n in range(20)))
    return maker


async def register(connected: Connected, holder: Holder, *suffixes: str) -> None:
    for suffix in suffixes:
        data = {"name": f"泵 {suffix}", "serial": f"S-{suffix}"}
        await connected.world.identifiers.register(
            holder.account, holder.actor, holder.identifier(suffix), "pump", data
        )


async def rename(connected: Connected, holder: Holder, suffix: str, name: str) -> None:
    identifier = holder.identifier(suffix)
    found, _ = await connected.world.identifiers.get(holder.account, identifier)
    data = {"name": name, "serial": f"S-{suffix}"}
    await connected.world.identifiers.update(holder.account, holder.actor, identifier, found.version, data)


async def begin(connected: Connected, *, drill: bool = False) -> UUID:
    async with connected.mock.pool.acquire() as connection, connection.transaction():
        return await takeover.begin(connection, "88.101", drill=drill, reason="演练" if drill else "中断", at=now())


async def hand_back(connected: Connected, takeover_id: UUID) -> None:
    async with connected.mock.pool.acquire() as connection, connection.transaction():
        await takeover.hand_back(connection, takeover_id, now())


async def above(connected: Connected, takeover_id: UUID) -> dict[str, Any]:
    """What the national node knows of a takeover."""
    row = await connected.mock.pool.fetchrow(
        "SELECT state, report::text AS report FROM docked_takeover WHERE takeover_id = $1", takeover_id
    )
    return {"state": row["state"], **json.loads(row["report"] or "{}")}


async def reported(connected: Connected, takeover_id: UUID, step: str) -> dict[str, Any]:
    """The report of a step, when it has come."""

    async def there() -> bool:
        return step in await above(connected, takeover_id)

    await until(there)
    told: dict[str, Any] = (await above(connected, takeover_id))[step]
    return told


async def here(connected: Connected, takeover_id: UUID) -> Any:
    """What this node knows of it."""
    return await connected.pool.fetchrow("SELECT * FROM takeover WHERE takeover_id = $1", takeover_id)


async def test_a_drill_compares_and_is_over(connected: Connected, maker: Holder) -> None:
    async with connected.steward(rows=7):
        await connected.level()
        takeover_id = await begin(connected, drill=True)
        report = await reported(connected, takeover_id, "drill")
        assert (report["level"], report["sample"], report["equal"]) == (True, 20, 20)
        assert (await above(connected, takeover_id))["state"] == "ended"
    row = await here(connected, takeover_id)
    assert (row["drill"], row["ended_at"] is not None, row["position_ended"]) == (True, True, 20)
    assert json.loads(row["report"])["ended"] == {"position": 20, "records": 20, "sample": 20, "answered": 20}
    acts = await connected.pool.fetch(
        "SELECT action FROM act_history WHERE subject_kind = 'takeover' ORDER BY act_id"
    )
    assert [act["action"] for act in acts] == ["takeover.drill", "takeover.end"]


async def test_a_drill_amid_registrations_finds_no_difference(connected: Connected, maker: Holder) -> None:
    busy = True

    async def go_on() -> int:
        count = 0
        while busy:
            await rename(connected, maker, f"Pump-{count % 20}", f"名 {count}")
            await asyncio.sleep(0.05)
            count += 1
        return count

    async with connected.steward(rows=7):
        await connected.level()
        going = asyncio.create_task(go_on())
        for _ in range(3):
            report = await reported(connected, await begin(connected, drill=True), "drill")
            assert (report["outcome"], report["different"], report["level"]) == ("done", [], True)
        busy = False
        assert await going > 5


async def test_a_drill_finds_what_differs(connected: Connected, maker: Holder) -> None:
    async with connected.steward():
        await connected.level()
        await connected.mock.pool.execute(
            "UPDATE docked_standby_record SET record = '\\x00000000' WHERE name_key = '88.101.2001/PUMP-3'"
        )
        report = await reported(connected, await begin(connected, drill=True), "drill")
    assert (report["level"], report["different"]) == (False, ["88.101.2001/Pump-3"])


async def test_what_changed_during_a_takeover_is_above_when_it_is_handed_back(
    connected: Connected, maker: Holder
) -> None:
    async with connected.steward():
        await connected.level()
        takeover_id = await begin(connected)
        assert (await reported(connected, takeover_id, "began"))["outcome"] == "done"
        await until(lambda: ACTIVE._value.get() == 1)
    row = await here(connected, takeover_id)
    assert (row["drill"], row["ended_at"], row["position_began"]) == (False, None, 20)
    # The steward is away, the registry is not.
    await register(connected, maker, "New-1")
    await rename(connected, maker, "Pump-0", "新名")
    await connected.world.identifiers.delete(maker.account, maker.actor, maker.identifier("Pump-1"), 1)
    await hand_back(connected, takeover_id)
    async with connected.steward():
        report = await reported(connected, takeover_id, "handed_back")
        assert (report["level"], report["node"]["position"], report["different"]) == (True, 23, [])
        await until(lambda: ACTIVE._value.get() == 0)
    assert (await above(connected, takeover_id))["state"] == "ended"
    row = await here(connected, takeover_id)
    assert (row["position_began"], row["position_ended"]) == (20, 23)
    assert row["ended_at"] is not None
    names = (await connected.records()).keys()
    assert "88.101.2001/New-1" in names
    assert "88.101.2001/Pump-1" not in names


async def test_a_takeover_of_a_node_that_lay_still_is_known_to_it_when_it_is_back(
    connected: Connected, maker: Holder
) -> None:
    async with connected.steward():
        await connected.level()
    takeover_id = await begin(connected)
    await hand_back(connected, takeover_id)
    async with connected.steward():
        assert (await reported(connected, takeover_id, "handed_back"))["level"] is True
    assert (await here(connected, takeover_id))["ended_at"] is not None


async def test_what_this_node_lost_stays_above_while_it_is_answered_from_there(
    connected: Connected, maker: Holder
) -> None:
    """A backup of before is restored amid a takeover: nothing above is given up until somebody decides that."""
    async with connected.steward():
        await connected.level()
    await begin(connected)
    admin = await asyncpg.connect(connected.docked.database_url)
    try:
        await admin.execute("SET session_replication_role = replica")  # history is not removed otherwise
        await admin.execute("DELETE FROM identifier WHERE suffix_key = 'PUMP-19'")
        await admin.execute("DELETE FROM identifier_history WHERE suffix_key = 'PUMP-19'")
        await admin.execute("UPDATE national_state SET standby_sent = 19, standby_position = 19")
    finally:
        await admin.close()
    async with connected.steward():
        await until(lambda: ACTIVE._value.get() == 1)
        await asyncio.sleep(0.5)
        assert "88.101.2001/Pump-19" in await connected.records()
        await connected.pool.execute("UPDATE takeover SET ended_at = now()")  # decided: it is given up
        await until(lambda: _gone(connected, "88.101.2001/Pump-19"))
    assert len(await connected.records()) == 19


async def test_an_instruction_that_waits_may_be_a_takeover_and_keeps_the_records_above(
    connected: Connected, maker: Holder
) -> None:
    """Kept and not yet performed: neither is a takeover known, nor is there anything new to be fetched."""
    async with connected.steward():
        await connected.level()
    await connected.pool.execute("UPDATE national_state SET standby_sent = 19, last_instruction = 7")
    await connected.pool.execute(
        "INSERT INTO instruction (sequence, instruction_id, kind, body, issued_at, received_at)"
        " VALUES (7, gen_random_uuid(), 'takeover', '{}', now(), now())"
    )
    standby = Standby(connected.pool, now, rows=100)
    with pytest.raises(StandbyAhead):
        await standby._check_nobody_needs_them(None, 20)  # type: ignore[arg-type]  # nobody is asked


async def _gone(connected: Connected, name: str) -> bool:
    return name not in await connected.records()


async def test_the_digests_are_those_of_the_records_above_and_empty_where_nothing_is_answered(
    connected: Connected, maker: Holder
) -> None:
    sample = ["88.101.2001/PUMP-0", "88.101.2001/none", "88.7.1/x", "88.101.2001/Pump-1", "nonsense"]
    async with connected.steward():
        await connected.told("blocklist", add=[{"identifier": "88.101.2001/pump-1", "reason": "r"}])
        answer = await connected.told("takeover", takeover_id=str(uuid4()), on=True, drill=True, sample=sample)
        records = await connected.records()
    digests = answer["result"]["digests"]
    assert digests == dict.fromkeys(sample, "") | {sample[0]: digest(records["88.101.2001/Pump-0"])}
    assert answer["result"]["position"] == 20
    assert answer["result"]["records"] == 19


async def test_a_second_takeover_waits_for_the_end_of_the_first(connected: Connected, maker: Holder) -> None:
    first, second = str(uuid4()), str(uuid4())
    async with connected.steward():
        assert (await connected.told("takeover", takeover_id=first, on=True))["outcome"] == "done"
        assert (await connected.told("takeover", takeover_id=first, on=True))["outcome"] == "done"
        refused = await connected.told("takeover", takeover_id=second, on=True)
        assert (refused["outcome"], refused["result"]) == ("refused", {"code": "takeover_under_way"})
        drill = await connected.told("takeover", takeover_id=str(uuid4()), on=True, drill=True)
        assert drill["outcome"] == "done"
        assert (await connected.told("takeover", takeover_id=first, on=False))["outcome"] == "done"
        assert (await connected.told("takeover", takeover_id=second, on=True))["outcome"] == "done"
        unknown = await connected.told("takeover", takeover_id=second, on=False)
        assert unknown["outcome"] == "done"
    assert await connected.pool.fetchval("SELECT count(*) FROM takeover WHERE ended_at IS NULL") == 0
    assert await connected.pool.fetchval("SELECT count(*) FROM takeover") == 3
