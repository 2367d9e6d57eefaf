"""Counting again gives the same, or says where not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from admin.statistics.comparing import Difference
from admin.statistics.correction import correct
from admin.statistics.day_recount import Kept
from admin.statistics.recount import Recount, recount
from node.china_time import midnight
from node.database import Pool
from node.founding import found, node_id_of
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.folder import open_folder
from tests.support.counting import MINUTE_DAYS, at, write
from tests.support.ledger import DAY, NEXT, PREFIX, Asked, Ledger, honest

EVENTS = 300


@pytest.fixture
async def ledger(pool: Pool, database_url: str, tmp_path: Path) -> Ledger:
    """A day of ``EVENTS`` resolutions that is over and closed, and some hours of the next one."""
    await found(database_url, laboratory=False, at=midnight(DAY))
    ledger = Ledger(database_url, pool, open_folder(tmp_path / "here", await node_id_of(pool)))
    await ledger.steward(midnight(DAY))
    await ledger.resolve(honest(EVENTS - 50))
    await ledger.resolve([Asked(40_000 + number, "", "198.51.100.7", Outcome.MISSING) for number in range(50)])
    await ledger.end()
    await ledger.resolve([Asked(7200 + number, f"PUMP-{number}", "203.0.113.9") for number in range(20)], NEXT)
    await ledger.steward(at(NEXT, 9, 30) + timedelta(seconds=20))
    return ledger


def told(differences: list[Difference]) -> set[str]:
    return {difference.what for difference in differences}


async def test_what_nobody_touched_is_equal(ledger: Ledger) -> None:
    found = await ledger.recount(DAY, NEXT)
    assert found.differences == []
    assert found.notes == []
    assert [day.resolutions for day in found.days] == [EVENTS, 20]
    assert found.counted_to == at(NEXT, 9, 29)
    closing = (await ledger.editions())[-1]
    assert closing.figures["raw"] == EVENTS
    assert closing.figures["valid"] == EVENTS - 50
    assert closing.figures["evidence"]["events"] == EVENTS
    assert closing.figures["deduplicated"] is not None


async def test_a_total_without_evidence_is_a_difference_down_to_the_closing(ledger: Ledger) -> None:
    boot_id = await write(ledger.pool, {(at(DAY, 10), (PREFIX, Interface.DNS, Outcome.HIT)): 1000})
    await ledger.steward(at(NEXT, 9, 32))

    differences = await ledger.differences(DAY)

    assert told(differences) == {"minute", "hour", "day", "closing"}
    (minute,) = [difference for difference in differences if difference.what == "minute"]
    assert minute == Difference("minute", DAY, f"10:00 {PREFIX} dns hit {boot_id}", 1000, 0)
    valid = next(difference for difference in differences if difference.key == "valid (edition 2)")
    assert (valid.counted, valid.recounted) == (EVENTS - 50 + 1000, EVENTS - 50)


async def test_corrected_days_are_equal_and_the_evidence_is_as_it_was(ledger: Ledger) -> None:
    pool, key = ledger.pool, (PREFIX, Interface.DNS, Outcome.HIT)
    await write(pool, {(at(DAY, 10), key): 1000})
    await ledger.steward(at(NEXT, 9, 32))
    await ledger.as_owner(
        f"UPDATE resolution_day SET resolutions = 7 WHERE day = '{DAY}' AND prefix = ''",
        f"UPDATE resolution_digest SET content = jsonb_set(content, '{{deduplicated}}', '9') WHERE day = '{DAY}'",
        f"INSERT INTO registration_day VALUES ('{DAY}', 1, 1, 500, 500, 0, 0, 0, 0, 0, 0)",
    )
    evidence = await pool.fetch("SELECT * FROM evidence_segment")
    found = await ledger.recount(DAY)
    assert told(found.differences) >= {"minute", "hour", "day", "closing", "digest", "registrations"}

    (closing,) = await correct(pool, ledger.folder.recorder_id, found, ledger.at, minute_days=MINUTE_DAYS)

    assert (closing.reason, closing.figures["valid"]) == ("recount", EVENTS - 50)
    assert await ledger.differences(DAY) == []
    assert await pool.fetch("SELECT * FROM evidence_segment") == evidence
    await ledger.steward(at(NEXT, 9, 40))
    assert [edition.reason for edition in await ledger.editions()][-1] == "recount"
    assert await ledger.differences(DAY) == []
    registered = "SELECT sum(registered) FROM registration_by_day WHERE day = $1"
    assert await pool.fetchval(registered, DAY) == 0
    act = await pool.fetchrow("SELECT action, reason FROM act_history ORDER BY act_id DESC LIMIT 1")
    assert tuple(act) == ("count.correct", "recount")


async def test_whatever_sum_was_touched_is_corrected_from_the_evidence(ledger: Ledger) -> None:
    for statement in (
        f"UPDATE resolution_hour SET resolutions = 900 WHERE prefix = '{PREFIX}'",
        f"DELETE FROM resolution_day WHERE day = '{DAY}'",
        "UPDATE resolution_hour_total SET resolutions = 900",
        "UPDATE resolution_total SET resolutions = 900",
        "UPDATE resolution_month SET resolutions = 900",
        "UPDATE digest_month SET flagged = 0, examined = 1",
        f"INSERT INTO registration_total VALUES (-1, '{DAY}', 3, 3, 0, 0, 0, 0, 0, 0)",
        f"INSERT INTO registration_total VALUES (7, '{DAY}', 3, 3, 0, 0, 0, 0, 0, 0)",
        f"INSERT INTO registration_month VALUES ('{DAY.replace(day=1)}', 1, 1, 3, 3, 0, 0, 0, 0, 0, 0)",
        "UPDATE resolution_count SET resolutions = resolutions + 1",
        "DELETE FROM resolution_count",
        "DELETE FROM resolution_digest",
    ):
        await ledger.as_owner(statement)
        found = await ledger.recount(DAY)
        assert found.differences, statement
        await correct(ledger.pool, ledger.folder.recorder_id, found, ledger.at, minute_days=MINUTE_DAYS)
        assert await ledger.differences(DAY) == [], statement


async def test_event_files_that_are_changed_missing_or_not_registered_are_named(ledger: Ledger) -> None:
    files = [file for _, file in ledger.folder.sealed_files(DAY, DAY)]
    assert len(files) == 2
    content = files[0].read_bytes()
    files[0].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    files[1].unlink()
    foreign = files[0].with_name(f"{uuid4()}-1.events.zst")
    foreign.write_bytes(content)

    evidence = [d for d in await ledger.differences(DAY) if d.what == "evidence"]

    assert {(d.key, d.recounted) for d in evidence} == {
        (files[0].name.removesuffix(".events.zst"), "changed"),
        (files[1].name.removesuffix(".events.zst"), "missing"),
        (foreign.name.removesuffix(".events.zst"), "unregistered"),
    }


async def test_a_closing_that_was_edited_removed_or_put_in_is_told_from_the_journal(ledger: Ledger) -> None:
    await ledger.as_owner("UPDATE day_closing SET figures = jsonb_set(figures, '{valid}', '123456')")
    keys = {d.key for d in await ledger.differences(DAY)}
    assert keys == {"sha256 (edition 1)", "valid (edition 1)"}
    await ledger.as_owner("DELETE FROM day_closing")
    found = await ledger.recount(DAY)
    assert [(d.what, d.key, d.counted) for d in found.differences] == [("closing", "journal (edition 1)", None)]
    assert [note.what for note in found.notes] == ["unclosed"]


async def test_a_rule_that_was_edited_is_told_from_the_journal(ledger: Ledger) -> None:
    await ledger.as_owner("UPDATE counting_rule SET definition = jsonb_set(definition, '{digest,least}', '1')")
    assert [d.key for d in await ledger.differences(DAY) if d.what == "rule"] == ["rule 1"]


async def test_days_closed_before_a_node_became_a_laboratory_stay_as_they_are(ledger: Ledger) -> None:
    await found(ledger.url, laboratory=True, at=ledger.at)
    again = await ledger.recount(DAY, NEXT)
    assert (again.differences, again.laboratory) == ([], True)


async def test_a_gap_stands_beside_the_difference_that_it_may_have_made(ledger: Ledger) -> None:
    pool = ledger.pool
    boot_id = await write(pool, {(at(NEXT, 5), (PREFIX, Interface.PAGE, Outcome.HIT)): 4})
    await pool.execute(
        "INSERT INTO counting_gap (recorder_id, boot_id, cause, began_at, ended_at, noted_at)"
        " VALUES ($1, $2, 'no_evidence', $3, $3, $3)", boot_id, boot_id, at(NEXT, 5),
    )  # fmt: skip
    minutes = [d for d in await ledger.differences(NEXT) if d.what == "minute"]
    assert [(d.counted, d.recounted, d.gap) for d in minutes] == [(4, 0, "no_evidence")]


async def test_what_another_machine_counted_is_taken_as_it_told_it(ledger: Ledger, tmp_path: Path) -> None:
    """Each machine has its folder; both together are the day, and each can be counted again where it is."""
    here, away = ledger.folder, open_folder(tmp_path / "away", ledger.folder.node_id)
    other = replace(ledger, folder=away, at=at(DAY, 1))
    await other.resolve(honest(100, day=5))
    await other.steward(at(NEXT, 9, 35))
    ledger.at = other.at

    for folder, own, theirs in ((here, EVENTS, 100), (away, 100, EVENTS)):
        found = await recount(ledger.pool, folder, DAY, DAY, ledger.at, Kept(MINUTE_DAYS, 400))
        assert found.differences == []
        assert found.days[0].resolutions == own
        assert [note.detail.rpartition(": ")[2] for note in found.notes if note.what == "elsewhere"] == [str(theirs)]
    newest = (await ledger.editions())[-1]
    assert (newest.edition, newest.reason, newest.figures["raw"]) == (2, "late_data", EVENTS + 100)
    assert len(newest.figures["evidence"]["segments"]) == 3


async def test_a_day_whose_evidence_is_kept_no_longer_is_named_and_not_compared(ledger: Ledger) -> None:
    late = at(DAY + timedelta(days=401), 12)
    found: Recount = await recount(ledger.pool, ledger.folder, DAY, DAY, late, Kept(MINUTE_DAYS, 400))
    assert (found.differences, [note.what for note in found.notes]) == ([], ["expired"])


async def test_a_day_before_the_first_rule_is_named_and_not_compared(ledger: Ledger) -> None:
    """What an earlier release counted left no event files."""
    before = DAY - timedelta(days=1)
    await write(ledger.pool, {(at(before, 10), (PREFIX, Interface.PAGE, Outcome.HIT)): 5})
    await ledger.steward()
    found = await ledger.recount(before)
    assert (found.differences, [note.what for note in found.notes]) == ([], ["before_rules"])


async def test_a_day_without_its_minutes_is_compared_by_the_hour(ledger: Ledger) -> None:
    await ledger.pool.execute("DELETE FROM resolution_count")
    late = at(DAY + timedelta(days=40), 12)
    kept = Kept(minute_days=35, evidence_days=400)
    found = await recount(ledger.pool, ledger.folder, DAY, DAY, late, kept)
    assert (found.differences, [note.what for note in found.notes]) == ([], ["minutes_removed"])
    await ledger.as_owner("UPDATE resolution_hour SET resolutions = resolutions + 1")
    assert told((await recount(ledger.pool, ledger.folder, DAY, DAY, late, kept)).differences) == {"hour", "total"}
