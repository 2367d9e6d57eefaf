"""Days are closed when they are over, and again when something that came late changes what is said of them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import date, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from admin.statistics.closing import close_day, closings, days_to_close, newest_closings
from admin.statistics.rollup import sum_all
from admin.statistics.rules import definition_of, record_rule
from node.config import FlagSettings
from node.database import Pool
from node.founding import found
from node.journal import Interface, canonical
from node.resolutions import Outcome
from resolver.counting.register import RegisteredSegment, register_segment
from resolver.counting.writing import Gap, note_gap
from tests.support.counting import MINUTE_DAYS, PREFIX, Key, at, close_days, write

DAY = date(2026, 11, 18)
TODAY = DAY + timedelta(days=2)
HIT: Key = (PREFIX, Interface.HANDLE_TCP, Outcome.HIT)
STALE: Key = (PREFIX, Interface.HANDLE_JSON, Outcome.STALE_HIT)
MISS: Key = ("", Interface.HANDLE_JSON, Outcome.MISSING)


@pytest.fixture
async def founded(pool: Pool, database_url: str) -> Pool:
    """A node that was founded on ``DAY``."""
    await found(database_url, laboratory=False, at=at(DAY, 8))
    await record_rule(pool, definition_of((), FlagSettings(), b""), at(DAY, 8))
    return pool


async def count(pool: Pool, day: date, key: Key, resolutions: int, boot_id: UUID | None = None) -> UUID:
    boot_id = await write(pool, {(at(day, 10), key): resolutions}, boot_id)
    await sum_all(pool, at(TODAY, 1), minute_days=MINUTE_DAYS)
    return boot_id


async def test_a_day_is_closed_ten_minutes_after_its_end(founded: Pool) -> None:
    await count(founded, DAY, HIT, 3)
    midnight = at(DAY + timedelta(days=1))
    assert await close_days(founded, midnight + timedelta(minutes=9, seconds=59)) == []
    closed = await close_days(founded, midnight + timedelta(minutes=10))
    assert [(closing.day, closing.edition, closing.reason) for closing in closed] == [(DAY, 1, "")]
    assert await close_days(founded, midnight + timedelta(minutes=11)) == []


async def test_after_a_long_time_every_day_is_closed_also_those_without_anything(founded: Pool) -> None:
    await count(founded, DAY + timedelta(days=3), HIT, 3)
    closed = await close_days(founded, at(DAY + timedelta(days=40), 12))
    assert [closing.day for closing in closed] == [DAY + timedelta(days=n) for n in range(40)]
    assert [closing.figures["valid"] for closing in closed[:5]] == [0, 0, 0, 3, 0]


async def test_a_closing_says_what_was_counted(founded: Pool) -> None:
    await write(founded, {(at(DAY, 10), HIT): 3, (at(DAY, 11), STALE): 2, (at(DAY, 12), MISS): 7})
    await sum_all(founded, at(TODAY), minute_days=MINUTE_DAYS)
    (closing, _) = await close_days(founded, at(TODAY, 1))
    figures = closing.figures
    assert (figures["day"], figures["laboratory"], figures["rule_version"]) == ("2026-11-18", False, 1)
    assert (figures["raw"], figures["valid"]) == (12, 5)
    assert figures["by_interface"] == {"7": {"1": 3}, "4": {"2": 2, "3": 7}}
    assert figures["valid_by_prefix"] == {PREFIX: 5}
    assert figures["deduplicated"] is None
    assert figures["registrations"]["net"] == 0
    assert figures["evidence"] == {"events": 0, "segments": [], "sha256": hashlib.sha256(b"").hexdigest()}
    assert closing.sha256 == hashlib.sha256(canonical(figures)).digest()


async def test_a_laboratory_s_closings_say_so(founded: Pool, database_url: str) -> None:
    await found(database_url, laboratory=True, at=at(DAY, 9))
    closed = await close_days(founded, at(TODAY, 1))
    told = [(closing.figures["laboratory"], closing.figures["mark"]) for closing in closed]
    assert told == [(True, "实验数据")] * 2


async def test_what_comes_late_makes_a_further_edition_and_the_first_stays(founded: Pool) -> None:
    boot_id = await count(founded, DAY, HIT, 3)
    await close_days(founded, at(TODAY, 1))
    await count(founded, DAY, HIT, 3, boot_id)
    assert await days_to_close(founded, at(TODAY, 2)) == [DAY]
    assert await close_days(founded, at(TODAY, 2)) == []  # told again, it changed nothing
    assert await days_to_close(founded, at(TODAY, 2)) == []
    await count(founded, DAY, HIT, 4, boot_id)
    (late,) = await close_days(founded, at(TODAY, 2))
    assert (late.day, late.edition, late.reason, late.figures["valid"]) == (DAY, 2, "late_data", 4)
    async with founded.acquire() as connection:
        assert [c.figures["valid"] for c in await closings(connection, DAY, TODAY)] == [3, 4, 0]
        assert {day: c.edition for day, c in (await newest_closings(connection, DAY, TODAY)).items()} == {
            DAY: 2,
            DAY + timedelta(days=1): 1,
        }


async def test_evidence_sealed_late_and_a_gap_found_late_make_a_further_edition(founded: Pool) -> None:
    await count(founded, DAY, HIT, 3)
    await close_days(founded, at(TODAY, 1))
    recorder, boot_id, digest = uuid4(), uuid4(), hashlib.sha256(b"evidence").digest()
    async with founded.acquire() as connection:
        segment = RegisteredSegment(boot_id, 1, recorder, DAY, digest, 100, 3, at(DAY, 10), at(DAY, 10), at(TODAY, 1))
        await register_segment(connection, segment)
    (sealed,) = await close_days(founded, at(TODAY, 2))
    assert sealed.figures["evidence"]["segments"] == [digest.hex()]
    assert sealed.figures["evidence"]["sha256"] == hashlib.sha256(digest).hexdigest()
    async with founded.acquire() as connection:
        gap = Gap(recorder, boot_id, "killed", at(DAY, 23), at(DAY + timedelta(days=1), 1))
        await note_gap(connection, gap, at(TODAY, 2))
    both = await close_days(founded, at(TODAY, 3))
    assert [(closing.day, closing.edition) for closing in both] == [(DAY, 3), (DAY + timedelta(days=1), 2)]
    assert [gap["cause"] for closing in both for gap in closing.figures["gaps"]] == ["killed", "killed"]


async def test_a_day_waits_for_hours_that_are_not_summed_yet(founded: Pool) -> None:
    await write(founded, {(at(DAY, 10), HIT): 3})
    assert [closing.day for closing in await close_days(founded, at(TODAY, 1))] == [DAY + timedelta(days=1)]
    await sum_all(founded, at(TODAY, 1), minute_days=MINUTE_DAYS)
    (closing,) = await close_days(founded, at(TODAY, 1))
    assert (closing.day, closing.figures["valid"]) == (DAY, 3)


async def test_each_closing_names_the_one_before_it(founded: Pool) -> None:
    await count(founded, DAY, HIT, 3)
    await close_days(founded, at(TODAY, 1))
    await count(founded, DAY, HIT, 5)
    await close_days(founded, at(TODAY, 2))
    async with founded.acquire() as connection:
        first, second, other = await closings(connection, DAY, TODAY)
    assert first.figures["previous"] is None
    assert other.figures["previous"] == {"day": str(DAY), "edition": 1, "sha256": first.sha256.hex()}
    assert second.figures["previous"] == {"day": str(other.day), "edition": 1, "sha256": other.sha256.hex()}


async def test_of_stewards_that_close_at_once_each_day_gets_one_edition(founded: Pool) -> None:
    await count(founded, DAY, HIT, 3)
    made = await asyncio.gather(*(close_days(founded, at(DAY + timedelta(days=9), 1)) for _ in range(4)))
    assert sorted(closing.day for one in made for closing in one) == [DAY + timedelta(days=n) for n in range(9)]
    async with founded.acquire() as connection:
        all_of_them = await closings(connection, DAY, DAY + timedelta(days=9))
    named = [json.dumps(closing.figures["previous"]) for closing in all_of_them]
    assert len(set(named)) == 9


async def test_a_closing_leaves_a_leaf(founded: Pool) -> None:
    (closing, _) = await close_days(founded, at(TODAY, 1))
    act = await founded.fetchrow(
        "SELECT action, account_id, after FROM act_history WHERE subject_kind = 'counted_day' AND subject_id = $1",
        str(DAY),
    )
    assert (act["action"], act["account_id"]) == ("count.close", None)
    assert json.loads(act["after"]) == {"edition": 1, "sha256": closing.sha256.hex()}
    await count(founded, DAY, HIT, 5)
    await close_days(founded, at(TODAY, 2))
    assert await founded.fetchval("SELECT count(*) FROM act_history WHERE action = 'count.correct'") == 1


async def test_a_closed_day_is_neither_changed_nor_removed(founded: Pool) -> None:
    await close_days(founded, at(TODAY, 1))
    for statement in ("UPDATE day_closing SET reason = 'x'", "DELETE FROM day_closing"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await founded.execute(statement)


async def test_a_day_before_there_was_a_rule_has_the_version_0(pool: Pool, database_url: str) -> None:
    await found(database_url, laboratory=False, at=at(DAY, 8))
    await record_rule(pool, definition_of((), FlagSettings(), b""), at(DAY + timedelta(days=1), 8))
    closed = await close_days(pool, at(TODAY, 1))
    assert [closing.rule_version for closing in closed] == [0, 1]
    assert await close_day(pool, DAY, at(TODAY, 2)) is None
