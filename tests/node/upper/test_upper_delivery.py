"""Messages at the upper side: each once, in order, and what is at fault is refused alone."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any
from uuid import UUID, uuid4

import pytest

from node.database import Connection, Pool
from node.errors import Malformed
from node.national.messages import Message
from node.upper.effects import NoEffects
from node.upper.exchange import Moods
from node.upper.nodes import DockedNode
from node.upper.reports import LARGEST_BODY
from tests.support.upper import Below, Upper, moody, running_upper

SUMMARY = {"prefix": "88.101.1", "registered": 1, "updated": 0, "deleted": 0}


def statuses(said: Any) -> list[str]:
    assert said.status == 200, said
    return [result["status"] for result in said.content["results"]]


async def registered(upper: Upper) -> int:
    (row,) = await upper.rows("SELECT coalesce(sum(registered), 0)::bigint AS sum FROM docked_registration")
    return int(row["sum"])


async def test_a_message_is_accepted_once_and_has_its_effect_once(upper: Upper, below: Below) -> None:
    message = below.message("registration.summary", SUMMARY)
    assert statuses(await below.send(message)) == ["accepted"]
    assert statuses(await below.send(message)) == ["duplicate"]
    assert await registered(upper) == 1


async def test_twice_in_one_delivery_is_once(upper: Upper, below: Below) -> None:
    message = below.message("registration.summary", SUMMARY)
    assert statuses(await below.send(message, message)) == ["accepted", "duplicate"]
    assert await registered(upper) == 1


async def test_the_same_delivery_many_times_at_once_has_its_effect_once(upper: Upper, below: Below) -> None:
    messages = [below.message("registration.summary", SUMMARY) for _ in range(20)]
    said = await asyncio.gather(*[below.send(*messages) for _ in range(8)])
    assert sorted(status for each in said for status in statuses(each)) == ["accepted"] * 20 + ["duplicate"] * 140
    assert await registered(upper) == 20


async def test_the_same_message_id_of_two_nodes_is_two_messages(upper: Upper, below: Below) -> None:
    other = await upper.below("88.102")
    message = below.message("registration.summary", SUMMARY)
    assert statuses(await below.send(message)) == statuses(await other.send(message)) == ["accepted"]


async def test_messages_are_kept_as_they_came_in_their_order(upper: Upper, below: Below) -> None:
    bodies = [{"n": n, "文": "字", "z": [1.5, None]} for n in range(3)]
    messages = [below.message("audit.note", body) for body in bodies]
    await below.send(*messages)
    kept = await upper.rows("SELECT message_id, body, kind FROM docked_message ORDER BY arrival")
    assert [str(row["message_id"]) for row in kept] == [message["message_id"] for message in messages]
    assert [json.loads(row["body"]) for row in kept] == bodies


async def test_a_kind_that_nobody_knows_is_kept(upper: Upper, below: Below) -> None:
    assert statuses(await below.send(below.message("weather.sunny", {"degrees": 21}))) == ["accepted"]
    assert len(await upper.rows("SELECT 1 FROM docked_message WHERE kind = 'weather.sunny'")) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("registration.summary", {"prefix": "88.101.1"}),
        ("registration.summary", {**SUMMARY, "registered": -1}),
        ("registration.summary", {**SUMMARY, "registered": 2**63}),
        ("registration.summary", {**SUMMARY, "prefix": "no prefix"}),
        ("prefix.reviewed", {"prefix": "88.101.1", "enterprise_id": "not a uuid", "credit_code": "", "state": "x"}),
        ("enterprise.approved", {"enterprise_id": str(uuid4()), "name": "a\x00b"}),
        ("template.published", {"template_id": "one"}),
        ("instruction.answered", {"instruction_id": str(uuid4()), "sequence": 1, "outcome": "perhaps"}),
        ("route.node", {"prefix": "88.101", "serial": 1, "sites": [{"address": "example.org"}]}),
        ("route.node", {"prefix": "88.101", "serial": 1, "sites": [{"address": "192.0.2.1", "tcp_port": 0}]}),
        ("route.node", {"prefix": "88.102", "serial": 1, "sites": []}),
        ("audit.note", ["no", "object"]),
        ("audit.note", {"padding": "x" * LARGEST_BODY}),
    ],
)
async def test_a_message_at_fault_is_refused_for_good_and_alone(
    upper: Upper, below: Below, kind: str, body: Any
) -> None:
    good = [below.message("registration.summary", SUMMARY) for _ in range(2)]
    said = await below.send(good[0], below.message(kind, body), good[1])
    assert statuses(said) == ["accepted", "refused", "accepted"]
    refused = said.content["results"][1]
    assert not refused["retry"]
    assert len(refused["reason"]) > 10
    assert await registered(upper) == 2
    assert len(await upper.rows("SELECT 1 FROM docked_message")) == 2


async def test_what_no_column_takes_is_refused_with_the_whole_request(upper: Upper, below: Below) -> None:
    """NUL is JSON, and no text of PostgreSQL: the sender finds the message by sending less at a time."""
    body = {
        "template_id": 1, "name": "pump", "template_version": 1, "state": "published", "definition": {"t": "\x00"},
    }  # fmt: skip
    said = await below.send(below.message("registration.summary", SUMMARY), below.message("template.published", body))
    assert (said.status, said.code, said.content["retry"]) == (400, "request_malformed", False)
    assert await registered(upper) == 0
    assert await upper.rows("SELECT 1 FROM docked_message") == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"node": "x"}', b"\xff\xfe", b'{"messages": []}', b"[" * 50_000],
)
async def test_a_body_that_is_no_delivery_is_malformed(below: Below, body: bytes) -> None:
    said = await below.ask("POST", "/v1/messages", body)
    assert (said.status, said.code, said.content["retry"]) == (400, "request_malformed", False)


async def test_a_body_that_is_nested_too_deep_is_malformed(upper: Upper, below: Below) -> None:
    content = {
        "node": str(below.node_id),
        "laboratory": False,
        "messages": [below.message("audit.note", {"deep": 0})],
    }
    for depth in (100, 5000, 30_000):
        nested = b'"deep": ' + b"[" * depth + b"]" * depth
        said = await below.ask("POST", "/v1/messages", json.dumps(content).encode().replace(b'"deep": 0', nested))
        assert said.status == (200 if depth == 100 else 400), said
    assert len(await upper.rows("SELECT 1 FROM docked_message")) == 1


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
async def test_a_moment_outside_the_calendar_is_malformed(upper: Upper, below: Below, moment: str) -> None:
    said = await below.send(below.message("audit.note", {}, created_at=moment))
    assert (said.status, said.code) == (400, "request_malformed")
    beat = {
        "node": str(below.node_id), "laboratory": False, "state": "", "version": "", "uptime_seconds": 2**63 - 1,
        "backlog": 0, "at": moment,
    }  # fmt: skip
    assert (await below.ask("POST", "/v1/heartbeats", json.dumps(beat).encode())).status in (200, 400)
    counts = {"node": str(below.node_id), "laboratory": False, "at": moment, "days": []}
    assert (await below.ask("POST", "/v1/counts", json.dumps(counts).encode())).status in (200, 400)
    assert await upper.rows("SELECT 1 FROM docked_message") == []


@pytest.mark.parametrize("count", [0, 201])
async def test_a_delivery_holds_1_to_200_messages(upper: Upper, below: Below, count: int) -> None:
    said = await below.send(*[below.message("audit.note", {}) for _ in range(count)])
    assert said.status == 400
    assert await upper.rows("SELECT 1 FROM docked_message") == []


async def test_streams_say_how_far_they_came(upper: Upper, below: Below) -> None:
    await below.send(*[below.message("audit.note", {}, stream="a") for _ in range(3)])
    await below.send(below.message("audit.note", {}, stream="b"))
    rows = await upper.rows("SELECT stream, last_sequence, messages, disordered FROM docked_stream ORDER BY stream")
    assert [tuple(row) for row in rows] == [("a", 3, 3, 0), ("b", 4, 1, 0)]


async def test_what_comes_in_the_wrong_order_is_counted(upper: Upper, below: Below) -> None:
    messages = [below.message("audit.note", {}, stream="a") for _ in range(4)]
    await below.send(messages[1], messages[0])
    await below.send(messages[3])
    await below.send(messages[2])
    (row,) = await upper.rows("SELECT last_sequence, messages, disordered FROM docked_stream")
    assert tuple(row) == (4, 4, 2)


async def test_a_message_put_off_holds_its_stream_and_no_other(pool: Pool) -> None:
    async with running_upper(pool) as upper:
        below = await upper.below()
        messages = [below.message("audit.note", {}, stream=stream) for stream in "abab"]
        said = await _moody(upper, below, messages, Moods(busy=0.3))
        assert [(result["status"], result.get("retry", False)) for result in said["results"]] == [
            ("accepted", False), ("refused", True), ("accepted", False), ("refused", True),
        ]  # fmt: skip
        assert statuses(await below.send(*messages)) == ["duplicate", "accepted", "duplicate", "accepted"]
        rows = await upper.rows("SELECT sum(disordered) AS disordered FROM docked_stream")
        assert rows[0]["disordered"] == 0


async def _moody(upper: Upper, below: Below, messages: list[dict[str, Any]], moods: Moods) -> dict[str, Any]:
    """The same tables, behind a desk in a mood."""
    async with running_upper(upper.pool, clock=upper.clock, around=moody(moods)) as other:
        below.upper = other
        said = await below.send(*messages)
        below.upper = upper
    return dict(said.content)


async def test_results_may_come_twice_for_practice(pool: Pool) -> None:
    async with running_upper(pool) as upper:
        below = await upper.below()
        said = await _moody(upper, below, [below.message("audit.note", {})], Moods(repeat_results=True))
    assert [result["status"] for result in said["results"]] == ["accepted", "accepted"]


async def test_laboratory_data_keep_their_mark_for_ever(upper: Upper, below: Below) -> None:
    below.laboratory = True
    await below.send(below.message("audit.note", {}))
    below.laboratory = False
    await below.send(below.message("audit.note", {}))
    marks = await upper.rows("SELECT laboratory FROM docked_message ORDER BY arrival")
    assert [row["laboratory"] for row in marks] == [True, False]
    assert (await upper.rows("SELECT laboratory FROM docked_node"))[0]["laboratory"]


async def test_a_node_id_belongs_to_who_spoke_with_it_first(upper: Upper, below: Below) -> None:
    await below.send(below.message("audit.note", {}))
    thief = await upper.below("88.102", node_id=below.node_id)
    said = await thief.send(thief.message("audit.note", {}))
    assert (said.status, said.code) == (403, "node_of_another")
    assert len(await upper.rows("SELECT 1 FROM docked_message")) == 1


async def test_a_node_whose_prefix_has_no_key_any_more_may_come_with_another(upper: Upper, below: Below) -> None:
    await below.send(below.message("audit.note", {}))
    await upper.pool.execute("UPDATE docking_key SET revoked_at = now()")
    again = await upper.below("88.102", node_id=below.node_id)
    assert statuses(await again.send(again.message("audit.note", {}))) == ["accepted"]


async def test_a_report_of_a_node_below_the_sender_is_that_node_s(upper: Upper, below: Below) -> None:
    origin = uuid4()
    body = {"template_id": 7, "name": "pump", "template_version": 1, "state": "published", "definition": {}}
    await below.report("template.published", **body)
    await below.report("template.published", **body, origin=str(origin))
    await below.report("registration.summary", **SUMMARY, origin=str(origin))
    rows = await upper.rows("SELECT node_id FROM docked_template ORDER BY node_id = $1", origin)
    assert [row["node_id"] for row in rows] == [below.node_id, origin]
    assert [row["node_id"] for row in await upper.rows("SELECT node_id FROM docked_registration")] == [origin]


async def test_nobody_reports_for_a_node_of_others(upper: Upper, below: Below) -> None:
    other = await upper.below("88.102")
    await other.send(other.message("audit.note", {}))
    result = await below.report("registration.summary", **SUMMARY, origin=str(other.node_id))
    assert (result["status"], result.get("retry", False)) == ("refused", False)
    assert await registered(upper) == 0


# What the user of the desk does beside -------------------------------------------------------------------------


class Noting(NoEffects):
    """Remembers what was accepted, and may refuse."""

    def __init__(self) -> None:
        self.accepted_kinds: list[tuple[UUID, str, int]] = []
        self.refuse = False

    async def accepted(self, connection: Connection, node: DockedNode, message: Message, _: Any) -> None:
        if self.refuse:
            raise Unwanted("not now")
        seen = await connection.fetchval(
            "SELECT count(*) FROM docked_message WHERE message_id = $1", message.message_id
        )
        self.accepted_kinds.append((node.node_id, message.kind, seen))


class Unwanted(Malformed):
    title_zh = "不接受"


async def test_effects_beside_are_told_of_each_new_message_in_its_transaction(pool: Pool) -> None:
    effects = Noting()
    async with running_upper(pool, effects=effects) as upper:
        below = await upper.below()
        messages = [below.message("registration.summary", SUMMARY), below.message("weather.sunny", {})]
        await below.send(*messages)
        await below.send(*messages)
        assert effects.accepted_kinds == [
            (below.node_id, "registration.summary", 1), (below.node_id, "weather.sunny", 1),
        ]  # fmt: skip
        effects.refuse = True
        said = await below.send(below.message("registration.summary", SUMMARY))
        assert (said.status, said.code) == (400, "unwanted")
        assert await registered(upper) == 1


async def test_ten_thousand_messages_in_random_order_of_arrival_are_each_there_once(upper: Upper) -> None:
    """Deliveries overlap, come twice and at once, as after lost answers."""
    chance = random.Random(7)
    nodes = [await upper.below(f"88.{number}") for number in (101, 102)]
    pages = []
    for below in nodes:
        messages = [below.message("registration.summary", SUMMARY) for _ in range(5000)]
        for start in range(0, 5000, 150):
            pages.append((below, messages[start : start + 200]))
    pages += chance.sample(pages, 20)
    chance.shuffle(pages)
    while pages:
        await asyncio.gather(*[below.send(*page) for below, page in (pages.pop() for _ in range(min(4, len(pages))))])
    assert await registered(upper) == 10_000
    (row,) = await upper.rows("SELECT count(*) AS messages, count(DISTINCT message_id) AS ids FROM docked_message")
    assert tuple(row) == (10_000, 10_000)
    (row,) = await upper.rows(
        "SELECT sum(messages)::bigint AS messages, max(last_sequence) AS last FROM docked_stream"
    )
    assert tuple(row) == (10_000, 5000)
