"""Instructions given by a national node that runs, and what becomes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import web
from msgspec import Raw

from mocknational.faults import Faults
from node.national.docking import Docking, docked
from node.national.instructions import LARGEST_RESULT, MOST_INSTRUCTIONS, Instruction, Instructions
from node.national.messages import encode
from registry.connection.instructions import MOST_ATTEMPTS, InstructionDesk
from registry.transitions import PrefixState
from resolver.answer import Absence, Missing, Query
from tests.support.connected import Connected
from tests.support.docking import SEAL, now, until
from tests.support.shelf import resolver_of
from tests.support.world import Holder


@pytest.fixture
async def maker(connected: Connected) -> Holder:
    maker = await connected.world.holder()
    data = {"name": "离心泵", "serial": "S-1"}
    await connected.world.identifiers.register(maker.account, maker.actor, maker.identifier("Pump-1"), "pump", data)
    return maker


async def state(connected: Connected, holder: Holder) -> PrefixState:
    return (await connected.world.prefixes.get(connected.world.administrator, holder.prefix)).state


async def instructions(connected: Connected) -> list[dict[str, Any]]:
    rows = await connected.pool.fetch("SELECT * FROM instruction ORDER BY sequence")
    return [dict(row) for row in rows]


async def test_a_probe_is_answered_with_how_the_node_is(connected: Connected) -> None:
    async with connected.steward():
        answer = await connected.told("probe")
    assert answer["outcome"] == "done"
    assert answer["result"]["state"] == "running"
    assert answer["result"].keys() == {"state", "version", "uptime_seconds", "backlog", "at"}


async def test_a_suspension_takes_effect_at_once_and_is_reported_back(connected: Connected, maker: Holder) -> None:
    async with connected.steward(), resolver_of(connected.docked.database_url) as resolver:
        answer = await connected.told("suspend", prefix="88.101.2001", reason="违规")
        assert (answer["outcome"], answer["result"]) == ("done", {"prefix": "88.101.2001", "state": "suspended"})
        suspended = Missing(Absence.SUSPENDED)
        assert await resolver.resolve(Query(maker.identifier("Pump-1")), anew=True) == suspended

        async def reported() -> bool:
            kinds = await connected.mock.pool.fetch("SELECT kind FROM docked_message WHERE stream = 'prefix'")
            return "prefix.suspended" in {row["kind"] for row in kinds}

        await until(reported)
        assert (await connected.told("resume", prefix="88.101.2001"))["result"]["state"] == "enabled"
    assert await state(connected, maker) is PrefixState.ENABLED


async def test_a_blocklist_is_in_force_when_it_is_answered(connected: Connected, maker: Holder) -> None:
    async with connected.steward(), resolver_of(connected.docked.database_url) as resolver:
        pump = Query(maker.identifier("Pump-1"))
        await resolver.resolve(pump)
        wanted = [{"identifier": "88.101.2001/PUMP-1", "reason": "召回"}, {"identifier": "88.7.1/x", "reason": ""}]
        answer = await connected.told("blocklist", add=wanted, remove=["88.1.1/y"])
        assert answer["result"] == {"added": 2, "removed": 0}
        async with asyncio.timeout(0.1):
            while await resolver.resolve(pump) != Missing(Absence.BLOCKED):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.002)
        assert (await connected.told("blocklist", remove=["88.101.2001/pump-1"]))["result"] == {
            "added": 0, "removed": 1,
        }  # fmt: skip
    acts = await connected.pool.fetch(
        "SELECT after FROM act_history WHERE action = 'identifier.block' ORDER BY act_id"
    )
    assert [json.loads(act["after"]) for act in acts] == [{"added": 2, "removed": 0}, {"added": 0, "removed": 1}]


async def test_what_is_to_be_verified_is_reported_again(connected: Connected, maker: Holder) -> None:
    async with connected.steward():
        await until(lambda: _nothing_waits(connected))
        before = await _messages(connected)
        assert (await connected.told("verify", prefix="88.101.2001"))["result"]["state"] == "enabled"
        owner = str(maker.account.enterprise_id)
        assert (await connected.told("verify", enterprise_id=owner))["result"]["state"] == "approved"
        await until(lambda: _nothing_waits(connected))
    assert await _messages(connected) == [
        *before, "prefix.enabled", "enterprise.approved",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("dance", {}, "instruction_unknown"),
        ("suspend", {"prefix": "88.101.2001"}, "instruction_unreadable"),
        ("suspend", {"prefix": "88.101.9999", "reason": "r"}, "prefix_unknown"),
        ("suspend", {"prefix": "10.1000", "reason": "r"}, "invalid_prefix"),
        ("verify", {"prefix": "88.101.9999"}, "prefix_unknown"),
        ("verify", {"enterprise_id": str(uuid4())}, "enterprise_unknown"),
        ("blocklist", {"add": [{"identifier": "88.101.1", "reason": "r"}]}, "not_blockable"),
        ("query", {"what": "identifier", "identifier": "88.101.1"}, "demand_incomplete"),
        ("query", {"what": "counts", "since": "2026-01-01", "until": "tomorrow"}, "demand_incomplete"),
        ("query", {"what": "accounts"}, "instruction_unreadable"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_the_next_one_performed(
    connected: Connected, maker: Holder, kind: str, body: dict[str, Any], code: str
) -> None:
    async with connected.steward():
        answer = await connected.told(kind, **body)
        assert (answer["outcome"], answer["result"]) == ("refused", {"code": code})
        assert answer["detail"]
        assert (await connected.told("probe"))["outcome"] == "done"
    assert await state(connected, maker) is PrefixState.ENABLED


async def test_they_are_performed_in_order_each_once_whatever_happens_to_the_line(
    connected: Connected, maker: Holder
) -> None:
    """Every other answer is lost, and the steward is cut off amid its work."""
    connected.mock.faults = Faults(drop_share=0.3, reject_share=0.2)
    orders = [("suspend", {"prefix": "88.101.2001", "reason": f"{n}"}) for n in range(3)]
    orders += [("resume", {"prefix": "88.101.2001"})] * 2
    issued: list[UUID] = []
    for _ in range(6):
        for kind, body in orders:
            issued.append(await connected.instruct(kind, body))
        async with connected.steward() as _:
            await asyncio.sleep(0.3)
    connected.mock.faults = Faults()
    async with connected.steward():
        for instruction_id in issued:
            assert (await connected.answer(instruction_id))["outcome"] == "done"
    kept = await instructions(connected)
    assert [row["instruction_id"] for row in kept] == issued
    assert sorted(kept, key=lambda row: row["answered_at"]) == kept
    answers = await connected.mock.pool.fetch(
        "SELECT body::jsonb ->> 'instruction_id' AS answered FROM docked_message WHERE kind = 'instruction.answered'"
        " ORDER BY sequence"
    )
    assert [UUID(row["answered"]) for row in answers] == issued
    acts = await connected.pool.fetch(
        "SELECT action FROM act_history WHERE account_id IS NULL AND action LIKE 'prefix.%su%' ORDER BY act_id"
    )
    assert [row["action"] for row in acts] == ["prefix.suspend", "prefix.resume"] * 6


async def test_more_than_one_answer_holds_are_all_performed(connected: Connected) -> None:
    for _ in range(MOST_INSTRUCTIONS + 5):
        last = await connected.instruct("probe", {})
    async with connected.steward():
        assert (await connected.answer(last))["outcome"] == "done"
    assert {row["outcome"] for row in await instructions(connected)} == {"done"}
    assert await connected.pool.fetchval("SELECT last_instruction FROM national_state") == MOST_INSTRUCTIONS + 5


async def test_one_that_never_works_is_said_to_have_failed_and_the_others_go_on(
    connected: Connected, maker: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("registry.connection.performing.suspend_from_above", broken)
    async with connected.steward():
        poison = await connected.instruct("suspend", {"prefix": "88.101.2001", "reason": "r"})
        assert (await connected.told("probe"))["outcome"] == "done"
        answer = await connected.answer(poison)
    assert answer["outcome"] == "failed"
    assert "ZeroDivisionError" in answer["detail"]
    assert [row["attempts"] for row in await instructions(connected)] == [MOST_ATTEMPTS, 0]


async def test_the_key_pair_is_replaced_on_demand_without_a_gap(connected: Connected) -> None:
    async with connected.steward():
        answer = await connected.told("key", before="2030-01-01T00:00:00+08:00")
        assert answer["outcome"] == "done"
        assert answer["result"]["access_key"] != "test-node"
        assert (await connected.told("probe"))["outcome"] == "done"


async def test_data_on_demand_come_page_by_page_and_hold_nothing_about_people(
    connected: Connected, maker: Holder
) -> None:
    for number in (2002, 2003, 2004):
        await connected.world.holder(number)
    async with connected.steward():
        seen: list[dict[str, Any]] = []
        after = ""
        while True:
            page = (await connected.told("query", what="enterprise", limit=3, after=after))["result"]
            seen += page["items"]
            if page["after"] is None:
                break
            after = page["after"]
        assert sorted(item["name"] for item in seen) == [f"中山示例企业{n}" for n in range(2001, 2005)]
        assert not {"contact", "personal", "phone"} & seen[0].keys()
        prefixes = (await connected.told("query", what="prefix"))["result"]["items"]
        assert [item["prefix"] for item in prefixes] == [f"88.101.{n}" for n in range(2001, 2005)]
        [one] = (await connected.told("query", what="prefix", prefix="88.101.2002"))["result"]["items"]
        assert (one["state"], one["suspended_from_above"], one["application"]) == ("enabled", False, 2)
        [template] = (await connected.told("query", what="template"))["result"]["items"]
        assert (template["name"], template["definition"]["title_zh"]) == ("pump", "水泵")


async def test_an_identifier_is_told_as_anybody_may_read_it_with_what_happened_to_it(
    connected: Connected, maker: Holder
) -> None:
    pump = maker.identifier("Pump-1")
    await connected.world.identifiers.update(maker.account, maker.actor, pump, 1, {"name": "新名", "serial": "S-1"})
    async with connected.steward():
        [item] = (await connected.told("query", what="identifier", identifier="88.101.2001/PUMP-1"))["result"][
            "items"
        ]
        assert (item["identifier"], item["state"], item["version"]) == ("88.101.2001/Pump-1", "live", 2)
        assert {value["type"]: value["data"] for value in item["values"]} == {"NAME": "新名", "SERIAL": "S-1"}
        history = (await connected.told("query", what="history", identifier=pump.text, limit=1))["result"]
        assert [entry["action"] for entry in history["items"]] == ["update"]
        assert history["items"][0].keys() == {"version", "action", "interface", "at", "position"}
        rest = await connected.told("query", what="history", identifier=pump.text, after=history["after"])
        assert [entry["action"] for entry in rest["result"]["items"]] == ["register"]
        await connected.told("blocklist", add=[{"identifier": pump.text, "reason": "r"}])
        [item] = (await connected.told("query", what="identifier", identifier=pump.text))["result"]["items"]
        assert (item["blocked"], item["answered"], item["values"]) == (True, False, [])
        assert (await connected.told("query", what="identifier", identifier="88.9.9/x"))["result"]["items"] == []


async def test_counts_are_told_by_days(connected: Connected, maker: Holder) -> None:
    async with connected.steward():
        day = connected.world.clock().date().isoformat()
        for what in ({"since": "9999-12-31"}, {"after": "9999-12-31"}, {"until": "0001-01-01"}):
            nothing = await connected.told("query", **{"what": "counts", "since": day, "until": "9999-12-31", **what})
            assert nothing["result"] == {"items": [], "after": None}
        page = (await connected.told("query", what="counts", since=day, until="2026-11-25", limit=2))["result"]
        assert [item["registered"] for item in page["items"]] == [1, 0]
        assert page["after"] == "2026-11-22"
        rest = await connected.told("query", what="counts", since=day, until="2026-11-25", after=page["after"])
        assert [item["day"] for item in rest["result"]["items"]] == ["2026-11-23", "2026-11-24"]
        assert rest["result"]["after"] is None


async def test_an_answer_too_long_to_travel_is_told_in_pieces(connected: Connected, maker: Holder) -> None:
    many = [{"name": f"a{n}", "title_zh": "名" * 100} for n in range(200)]
    for number in range(4):
        await connected.world.template({"name": f"big-{number}", "version": 1, "title_zh": "大", "attributes": many})
    async with connected.steward():
        names, after = [], ""
        for _ in range(5):
            page = (await connected.told("query", what="template", after=after))["result"]
            assert len(json.dumps(page, ensure_ascii=False).encode()) <= LARGEST_RESULT
            names += [item["name"] for item in page["items"]]
            if page["after"] is None:
                break
            after = page["after"]
    assert names == ["pump", *(f"big-{number}" for number in range(4))]


async def test_without_standby_records_a_takeover_is_refused(connected: Connected) -> None:
    async with connected.steward(standby=False):
        answer = await connected.told("takeover", takeover_id=str(uuid4()), on=True)
    assert answer["result"] == {"code": "no_standby_records"}


@asynccontextmanager
async def another_upper(*instructions: Instruction) -> AsyncIterator[str]:
    """The address of some other node above, which gives these instructions to everybody, again and again."""

    async def give(_: web.Request) -> web.Response:
        return web.Response(body=encode(Instructions(instructions=list(instructions))))

    app = web.Application()
    app.router.add_get("/v1/instructions", give)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def given(sequence: int, body: bytes, instruction_id: UUID | None = None, kind: str = "suspend") -> Instruction:
    return Instruction(
        sequence=sequence, instruction_id=instruction_id or uuid4(), kind=kind, body=Raw(body), issued_at=now()
    )


async def test_what_no_database_keeps_is_kept_as_nothing_and_refused(connected: Connected) -> None:
    nul = rb'{"prefix": "88.101.2001", "reason": "a\u0000b"}'
    desk = InstructionDesk(connected.pool, now, version="0")
    async with another_upper(given(1, nul), given(2, b"[]"), given(3, b"{}", kind="probe")) as url:
        docking = Docking(url, "test-node", "a secret of the tests")
        async with docked(connected.pool, docking, SEAL, clock=now) as client:
            assert await desk.turn(client) == 0.0
            await desk.turn(client)
    kept = await instructions(connected)
    assert [(row["body"], row["outcome"]) for row in kept] == [
        ("null", "refused"), ("[]", "refused"), ("{}", "done"),
    ]  # fmt: skip


async def test_what_came_before_is_not_kept_again(connected: Connected) -> None:
    first = given(7, b"{}", kind="probe")
    again = given(8, b"{}", first.instruction_id, kind="probe")
    desk = InstructionDesk(connected.pool, now, version="0")
    async with another_upper(first, again) as url:
        docking = Docking(url, "test-node", "a secret of the tests")
        async with docked(connected.pool, docking, SEAL, clock=now) as client:
            assert await desk.turn(client) == 0.0
            assert await desk.turn(client) > 10  # both are older than what is kept: something is wrong up there
    assert [row["sequence"] for row in await instructions(connected)] == [7]
    assert await connected.pool.fetchval("SELECT count(*) FROM outbox WHERE stream = 'instruction'") == 1


async def _nothing_waits(connected: Connected) -> bool:
    return await connected.docked.waiting() == 0


async def _messages(connected: Connected) -> list[str]:
    rows = await connected.mock.pool.fetch(
        "SELECT kind FROM docked_message WHERE kind <> 'instruction.answered' ORDER BY sequence"
    )
    return [row["kind"] for row in rows]
