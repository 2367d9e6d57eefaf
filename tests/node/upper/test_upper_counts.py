"""Counts at the upper side: the later statement holds, in whatever order statements arrive."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from node.china_time import CHINA
from node.database import Connection, Pool
from node.national.messages import Counts
from node.upper.effects import NoEffects
from node.upper.nodes import DockedNode
from tests.support.upper import Below, Said, Upper, running_upper

DAY = "2026-11-21"
HOUR = "2026-11-21T09:00:00+08:00"
MINUTE = "2026-11-21T09:17:00+08:00"


def day(registered: int, resolutions: int = 0, day: str = DAY) -> dict[str, Any]:
    asked = [{"interface": 4, "outcome": 1, "resolutions": resolutions}] if resolutions else []
    return {"day": day, "registered": registered, "updated": 0, "deleted": 0, "resolutions": asked}


def period(at: str, resolutions: int) -> dict[str, Any]:
    return {"at": at, "resolutions": [{"interface": 4, "outcome": 1, "resolutions": resolutions}]}


async def state(sender: Below, *, later: float = 0, **content: Any) -> Said:
    body = {
        "node": str(sender.node_id), "laboratory": sender.laboratory,
        "at": (sender.upper.clock() + timedelta(seconds=later)).isoformat(), "days": [], **content,
    }  # fmt: skip
    return await sender.ask("POST", "/v1/counts", json.dumps(body).encode())


async def stated(upper: Upper) -> dict[tuple[str, datetime], tuple[int, int]]:
    """Registered and resolutions by period and beginning."""
    return {
        (row["period"], row["at"]): (
            row["registered"], sum(each["resolutions"] for each in json.loads(row["resolutions"])),
        )
        for row in await upper.rows("SELECT * FROM docked_count")
    }  # fmt: skip


MIDNIGHT = datetime(2026, 11, 21, tzinfo=CHINA)


async def test_days_hours_and_minutes_are_kept(upper: Upper, below: Below) -> None:
    said = await state(below, days=[day(5, 3)], hours=[period(HOUR, 2)], minutes=[period(MINUTE, 1)])
    assert said.content == {}
    assert await stated(upper) == {
        ("day", MIDNIGHT): (5, 3),
        ("hour", datetime(2026, 11, 21, 1, tzinfo=UTC)): (0, 2),
        ("minute", datetime(2026, 11, 21, 1, 17, tzinfo=UTC)): (0, 1),
    }


async def test_a_later_statement_replaces_an_earlier_one(upper: Upper, below: Below) -> None:
    await state(below, days=[day(5)])
    await state(below, later=1, days=[day(7)])
    assert await stated(upper) == {("day", MIDNIGHT): (7, 0)}


async def test_an_earlier_statement_that_comes_late_changes_nothing(upper: Upper, below: Below) -> None:
    await state(below, later=1, days=[day(7)])
    assert (await state(below, days=[day(5)])).status == 200
    assert await stated(upper) == {("day", MIDNIGHT): (7, 0)}


async def test_a_statement_that_comes_twice_counts_once(upper: Upper, below: Below) -> None:
    for _ in range(2):
        await state(below, days=[day(5, 3)])
    assert await stated(upper) == {("day", MIDNIGHT): (5, 3)}


async def test_of_two_words_on_one_day_in_one_statement_the_last_holds(upper: Upper, below: Below) -> None:
    await state(below, days=[day(5), day(6)], hours=[period(HOUR, 1), period(HOUR, 2)])
    assert sorted((await stated(upper)).values()) == [(0, 2), (6, 0)]


async def test_two_nodes_state_the_same_day_apart(upper: Upper, below: Below) -> None:
    other = await upper.below("88.102")
    await state(below, days=[day(5)])
    await state(other, days=[day(7)])
    rows = await upper.rows("SELECT node_id, registered FROM docked_count ORDER BY registered")
    assert [tuple(row) for row in rows] == [(below.node_id, 5), (other.node_id, 7)]


async def test_counts_keep_the_mark_of_a_laboratory(upper: Upper, below: Below) -> None:
    below.laboratory = True
    await state(below, days=[day(5)])
    assert (await upper.rows("SELECT laboratory FROM docked_count"))[0]["laboratory"]


@pytest.mark.parametrize(
    "content",
    [
        {"hours": [period("2026-11-21T09:17:00+08:00", 1)]},
        {"minutes": [period("2026-11-21T09:17:30+08:00", 1)]},
        {"days": [day(1, day="0001-01-01")]},
        {"hours": [period("0001-01-01T00:00:00+08:00", 1)]},
        {"days": [day(-1)]},
        {"days": [day(1)] * 11},
        {"hours": [period(HOUR, 1)] * 7},
        {"below": [{"node": "x"}]},
    ],
)
async def test_a_malformed_statement_is_refused_whole(upper: Upper, below: Below, content: dict[str, Any]) -> None:
    said = await state(below, **{"days": [day(5)], **content})
    assert (said.status, said.code, said.content["retry"]) == (400, "request_malformed", False)
    assert await stated(upper) == {}


async def test_the_counts_of_nodes_below_are_theirs(upper: Upper, below: Below) -> None:
    enterprise = uuid4()
    told = {
        "node": str(enterprise), "prefix": "88.101.2001", "laboratory": True, "at": upper.clock().isoformat(),
        "days": [day(9)], "hours": [period(HOUR, 4)],
    }  # fmt: skip
    await state(below, days=[day(5)], below=[told])
    rows = await upper.rows("SELECT node_id, period, registered, laboratory FROM docked_count ORDER BY 1, 2")
    assert {tuple(row) for row in rows} == {
        (below.node_id, "day", 5, False), (enterprise, "day", 9, True), (enterprise, "hour", 0, True),
    }  # fmt: skip
    (node,) = await upper.rows("SELECT delegated_prefix FROM docked_node WHERE node_id = $1", enterprise)
    assert node["delegated_prefix"] == "88.101.2001"


async def test_what_a_node_below_was_called_stays_when_its_reports_come_by(upper: Upper, below: Below) -> None:
    enterprise = uuid4()
    told = {"node": str(enterprise), "prefix": "88.101.2001", "laboratory": False, "at": upper.clock().isoformat()}
    await state(below, below=[told])
    await below.report(
        "registration.summary", prefix="88.101.2001", registered=1, updated=0, deleted=0, origin=str(enterprise)
    )
    (node,) = await upper.rows("SELECT delegated_prefix FROM docked_node WHERE node_id = $1", enterprise)
    assert node["delegated_prefix"] == "88.101.2001"


@pytest.mark.parametrize("prefix", ["88.102.1", "88.1012"])
async def test_nobody_states_counts_outside_what_was_delegated_to_him(
    upper: Upper, below: Below, prefix: str
) -> None:
    told = {"node": str(uuid4()), "prefix": prefix, "laboratory": False, "at": upper.clock().isoformat()}
    said = await state(below, days=[day(5)], below=[told])
    assert (said.status, said.code) == (403, "node_of_another")
    assert await stated(upper) == {}


async def test_nobody_states_the_counts_of_a_node_of_others(upper: Upper, below: Below) -> None:
    other = await upper.below("88.102")
    await state(other, days=[day(7)])
    told = {
        "node": str(other.node_id), "prefix": "88.101.1", "laboratory": False, "at": upper.clock().isoformat(),
        "days": [day(0)],
    }  # fmt: skip
    assert (await state(below, below=[told])).code == "node_of_another"
    assert await stated(upper) == {("day", MIDNIGHT): (7, 0)}


class Listening(NoEffects):
    """Remembers who counted what, and what lay in the tables then."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, int, int]] = []

    async def counted(self, connection: Connection, node: DockedNode, counts: Counts, _: datetime) -> None:
        kept = await connection.fetchval("SELECT count(*) FROM docked_count")
        self.heard.append((node.node_id, counts.days[0].registered, kept))


async def test_effects_beside_are_told_of_each_statement_after_it_was_kept(pool: Pool) -> None:
    effects = Listening()
    async with running_upper(pool, effects=effects) as upper:
        below = await upper.below()
        await state(below, days=[day(5)])
        await state(below, later=1, days=[day(6)])
    assert effects.heard == [(below.node_id, 5, 1), (below.node_id, 6, 1)]
