from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg

from mocknational.mock import Mock
from tests.support.bulk import page, record_of
from tests.support.caller import NODE, Caller, message
from tests.support.docking import DockedNode

RECORDS = {f"88.101.1/P-{number}": record_of(str(number)) for number in range(300)}


class Operator:
    """Whoever sits at the mock."""

    def __init__(self, session: aiohttp.ClientSession, mock: Mock) -> None:
        self.session = session
        self.mock = mock

    async def post(self, path: str, **content: Any) -> tuple[int, dict[str, Any]]:
        async with self.session.post(self.mock.url + path, json=content) as answer:
            return answer.status, dict(await answer.json())

    async def newest(self) -> dict[str, Any]:
        async with self.session.get(self.mock.url + "/takeovers") as answer:
            return dict((await answer.json())[0])


class Lower(Caller):
    """A node that keeps standby records above and answers instructions."""

    position = 7
    answered = 0

    async def bring(self, records: Mapping[str, bytes] = RECORDS) -> None:
        await self.put_standby(page(records, "snapshot", self.position, NODE, snapshot_id=uuid4(), last=True))

    async def next_instruction(self) -> dict[str, Any]:
        status, answer = await self.ask("GET", f"/v1/instructions?after={self.answered}")
        assert status == 200
        assert len(answer["instructions"]) == 1
        self.answered = answer["instructions"][0]["sequence"]
        return dict(answer["instructions"][0])

    async def answer(self, instruction: Mapping[str, Any], outcome: str = "done", **compared: Any) -> None:
        facts = {"instruction_id": instruction["instruction_id"], "sequence": instruction["sequence"]}
        result = compared or None
        told = message(
            instruction["sequence"], "instruction.answered", "instruction", outcome=outcome, result=result, **facts
        )
        assert await self.deliver(told) == [("accepted", False)]

    async def compare(self, instruction: Mapping[str, Any], records: Mapping[str, bytes], **changed: Any) -> None:
        digests = {
            name: hashlib.sha256(records[name]).hexdigest() if name in records else ""
            for name in instruction["body"]["sample"]
        }
        facts = {"position": self.position, "records": len(records), "digests": digests}
        await self.answer(instruction, **{**facts, **changed})


async def test_a_drill_compares_a_sample_and_ends_with_a_report(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    async with world.mock() as mock:
        lower, operator = Lower(session, mock), Operator(session, mock)
        await lower.bring()
        status, begun = await operator.post("/takeovers", prefix="88.101", drill=True, reason="季度演练")
        assert status == 200
        instruction = await lower.next_instruction()
        told = instruction["body"]
        assert (instruction["kind"], told["on"], told["drill"]) == ("takeover", True, True)
        assert told["takeover_id"] == begun["takeover_id"]
        assert len(set(told["sample"])) == 200
        changed = {**RECORDS, told["sample"][0]: record_of("changed")}
        del changed[told["sample"][1]]
        await lower.compare(instruction, changed)
        drill = await operator.newest()
        report = drill["report"]["drill"]
        assert (drill["state"], drill["drill"], drill["reason"]) == ("ended", True, "季度演练")
        assert drill["ended_at"] is not None
        assert (report["sample"], report["equal"], report["level"]) == (200, 198, False)
        assert set(report["different"]) == set(told["sample"][:2])
        assert report["node"] == {"position": 7, "records": 299}
        assert report["standby"] == {"position": 7, "records": 300}
        # The next one may begin, and finds everything equal.
        assert (await operator.post("/takeovers", prefix="88.101", drill=True))[0] == 200
        await lower.compare(await lower.next_instruction(), RECORDS)
        assert (await operator.newest())["report"]["drill"]["level"] is True
    assert await upper.fetchval("SELECT count(*) FROM docked_instruction WHERE outcome = 'done'") == 2


async def test_a_takeover_ends_only_when_nothing_differs_any_more(
    world: DockedNode, session: aiohttp.ClientSession
) -> None:
    async with world.mock() as mock:
        lower, operator = Lower(session, mock), Operator(session, mock)
        await lower.bring()
        _, begun = await operator.post("/takeovers", prefix="88.101", reason="节点断电")
        hand_back = f"/takeovers/{begun['takeover_id']}/hand-back"
        instruction = await lower.next_instruction()
        assert (instruction["body"]["on"], instruction["body"].get("sample", [])) == (True, [])
        await lower.answer(instruction, position=7, records=300)
        assert (await operator.newest())["state"] == "active"
        # What changed at the node meanwhile did not come up yet.
        assert (await operator.post(hand_back))[0] == 200
        assert (await operator.newest())["state"] == "handing_back"
        await lower.compare(await lower.next_instruction(), RECORDS, position=8)
        takeover = await operator.newest()
        assert (takeover["state"], takeover["report"]["handed_back"]["level"]) == ("active", False)
        # The node cannot do it now.
        assert (await operator.post(hand_back))[0] == 200
        await lower.answer(await lower.next_instruction(), "failed")
        assert (await operator.newest())["state"] == "active"
        # Another record, and nothing of it known above.
        assert (await operator.post(hand_back))[0] == 200
        instruction = await lower.next_instruction()
        await lower.compare(instruction, {**RECORDS, instruction["body"]["sample"][7]: record_of("new")})
        takeover = await operator.newest()
        assert takeover["report"]["handed_back"]["different"] == [instruction["body"]["sample"][7]]
        assert takeover["state"] == "active"
        assert (await operator.post(hand_back))[0] == 200
        await lower.compare(await lower.next_instruction(), RECORDS)
        takeover = await operator.newest()
        assert (takeover["state"], takeover["report"]["handed_back"]["level"]) == ("ended", True)
        assert takeover["report"]["began"]["outcome"] == "done"
        assert (await operator.post(hand_back))[0] == 404


async def test_what_cannot_be_taken_over_is_refused(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    async with world.mock() as mock:
        lower, operator = Lower(session, mock), Operator(session, mock)
        status, refused = await operator.post("/takeovers", prefix="88.101")
        assert (status, refused["code"]) == (409, "standby_missing")
        # A snapshot that is under way is none.
        await lower.put_standby(page(RECORDS, "snapshot", 7, NODE, snapshot_id=uuid4()))
        assert (await operator.post("/takeovers", prefix="88.101", drill=True))[1]["code"] == "standby_missing"
        await lower.bring()
        _, begun = await operator.post("/takeovers", prefix="88.101", drill=True)
        assert (await operator.post("/takeovers", prefix="88.101"))[1]["code"] == "takeover_active"
        # A drill is not handed back, and nobody hands back what never was.
        for takeover_id in (begun["takeover_id"], uuid4()):
            assert (await operator.post(f"/takeovers/{takeover_id}/hand-back"))[0] == 404
        assert (await operator.post("/takeovers/x/hand-back"))[0] == 400
        for wrong in ({}, {"prefix": ""}, {"prefix": "88.101", "drill": 1}, {"prefix": "88.101", "more": 1}):
            assert (await operator.post("/takeovers", **wrong))[0] == 400
    assert await upper.fetchval("SELECT count(*) FROM docked_instruction") == 1


async def test_answers_of_others_and_of_other_kinds_are_no_steps_of_a_takeover(
    world: DockedNode, session: aiohttp.ClientSession
) -> None:
    async with world.mock() as mock:
        lower, operator = Lower(session, mock), Operator(session, mock)
        await lower.bring()
        status, probe = await operator.post("/instructions", prefix="88.101", kind="probe")
        assert status == 200
        await lower.answer(await lower.next_instruction(), position=7, records=300)
        assert probe["kind"] == "probe"
        await operator.post("/takeovers", prefix="88.101", drill=True)
        await lower.answer({"instruction_id": str(uuid4()), "sequence": 9}, position=7, records=300)
        assert (await operator.newest())["report"] is None
        # An answer without its result says nothing that could be compared.
        await lower.answer(await lower.next_instruction())
        report = (await operator.newest())["report"]["drill"]
        assert (report["level"], report["equal"], report["node"], len(report["different"])) == (False, 0, None, 50)
        assert json.dumps(report)
