"""A rule holds for days to come."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta

import asyncpg
import pytest

from admin.statistics.rule_text import rule_text
from admin.statistics.rules import Rule, definition_of, digest_of, record_rule, rule_of, rules
from node.config import FlagSettings
from node.database import Pool
from tests.support.counting import at

DAY = date(2026, 11, 20)
FIRST = definition_of(("127.0.0.0/8",), FlagSettings(), b"bot\n")
SECOND = definition_of(("127.0.0.0/8", "10.0.0.0/8"), FlagSettings(walk_steps=9), b"bot\n")


async def test_the_first_rule_holds_from_its_day_on_and_the_next_one_from_the_day_after(pool: Pool) -> None:
    first = await record_rule(pool, FIRST, at(DAY, 9))
    assert await record_rule(pool, FIRST, at(DAY, 10)) is None
    second = await record_rule(pool, SECOND, at(DAY, 23, 59))
    assert first is not None
    assert second is not None

    async with pool.acquire() as connection:
        assert [rule.version for rule in await rules(connection)] == [2, 1]
        assert await rule_of(connection, DAY - timedelta(days=1)) is None
        assert await rule_of(connection, DAY) == first
        assert await rule_of(connection, DAY + timedelta(days=1)) == second
        assert await rule_of(connection, DAY + timedelta(days=100)) == second
    assert second.digest.walk_steps == 9
    assert first.digest.walk_steps == FlagSettings().walk_steps


async def test_going_back_to_an_old_rule_is_a_new_rule(pool: Pool) -> None:
    for number, definition in enumerate((FIRST, SECOND, FIRST)):
        await record_rule(pool, definition, at(DAY, number))
    async with pool.acquire() as connection:
        known = await rules(connection)
    assert [(rule.version, rule.definition["never"]) for rule in known] == [
        (3, ["127.0.0.0/8"]),
        (2, ["10.0.0.0/8", "127.0.0.0/8"]),
        (1, ["127.0.0.0/8"]),
    ]


async def test_a_rule_entered_for_days_that_had_passed_is_none(pool: Pool) -> None:
    await record_rule(pool, FIRST, at(DAY, 9))
    await pool.execute(
        "INSERT INTO counting_rule VALUES (2, $1, $2, $3)", DAY, json.dumps(SECOND), at(DAY + timedelta(days=3))
    )
    async with pool.acquire() as connection:
        rule = await rule_of(connection, DAY)
    assert rule is not None
    assert rule.version == 1


async def test_a_rule_is_neither_changed_nor_removed(pool: Pool) -> None:
    await record_rule(pool, FIRST, at(DAY))
    for statement in ("UPDATE counting_rule SET rule_version = 7", "DELETE FROM counting_rule"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)


async def test_two_stewards_record_one_rule(pool: Pool) -> None:
    recorded = await asyncio.gather(*(record_rule(pool, FIRST, at(DAY)) for _ in range(5)))
    assert [rule is not None for rule in recorded].count(True) == 1


async def test_a_rule_leaves_a_leaf_that_commits_to_its_definition(pool: Pool) -> None:
    rule = await record_rule(pool, FIRST, at(DAY))
    assert isinstance(rule, Rule)
    act = await pool.fetchrow(
        "SELECT action, subject_id, after FROM act_history WHERE subject_kind = 'counting_rule'"
    )
    assert tuple(act)[:2] == ("count.rule", "1")
    assert json.loads(act["after"]) == {"effective_day": "2026-11-20", "sha256": digest_of(rule)}
    leaf = json.loads(await pool.fetchval("SELECT leaf FROM event"))
    assert (leaf["op"], leaf["by"]) == ("count.rule", "node")


def test_the_text_of_a_rule_names_every_threshold_in_both_languages() -> None:
    flags = FlagSettings(
        least=1234, source_share=0.31, walk_steps=41, metronome_resolutions=61, metronome_variation=0.17,
        concentration_identifiers=0.03, concentration_share=0.83, burst_per_minute=345, burst_sources=13,
    )  # fmt: skip
    rule = Rule(7, DAY, definition_of(("account:probe",), flags, b""), at(DAY))
    text = rule_text(rule)
    for told in ("account:probe", "1234", "31%", "41", "61", "0.17", "3%", "83%", "345", "13", "60", "2026-11-20"):
        lines = [line for line in text if told in line]
        assert lines, told
        assert all(told in line.partition(" · ")[0] and told in line.partition(" · ")[2] for line in lines), told
