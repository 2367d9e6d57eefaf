"""Twelve ways to inflate counts, tried on a node that counts honestly otherwise. Each is flagged, refused, or shown:
by a gap, by a further edition of the day, or by ``biaoshi recount``. Which of these it is, each test says.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from admin.statistics.comparing import Difference
from node.china_time import midnight
from node.config import FlagSettings
from node.database import Pool
from node.founding import found
from resolver.counting.compression import decompressed
from resolver.counting.event_format import FILE_BYTES, HEADER_BYTES, State, Word, encode_header, read_header
from resolver.counting.folder import CountingFolder, keeping, open_folder
from tests.support.ledger import DAY, NEXT, PREFIX, Asked, Ledger, honest
from tests.support.world import World

HONEST = len(honest())


@pytest.fixture
async def ledger(pool: Pool, database_url: str) -> AsyncIterator[Ledger]:
    """A node on the morning of its first day, its rule recorded."""
    await found(database_url, laboratory=False, at=midnight(DAY))
    with tempfile.TemporaryDirectory(prefix="biaoshi-cheating-") as name:
        ledger = Ledger(database_url, pool, open_folder(Path(name), UUID(int=7)))
        await ledger.steward()
        yield ledger


def unevenly(count: int, seed: int = 1) -> list[float]:
    """So many seconds of a day, without a rhythm."""
    chance = random.Random(seed)
    return sorted(chance.uniform(3600, 80_000) for _ in range(count))


def sealed(folder: CountingFolder) -> list[Path]:
    return [file for _, file in folder.sealed_files()]


def what(differences: list[Difference]) -> set[str]:
    return {difference.what for difference in differences}


async def test_what_many_ask_is_counted_without_a_flag_and_recounts_equal(ledger: Ledger) -> None:
    await ledger.resolve(honest())
    closing = await ledger.end()
    assert (closing.edition, closing.figures["valid"], closing.figures["flagged"]) == (1, HONEST, 0)
    assert await ledger.differences() == []


# By asking ------------------------------------------------------------------------------------------------------


async def test_one_identifier_in_a_loop_is_flagged(ledger: Ledger) -> None:
    loop = [Asked(second, "PUMP-00001", "198.51.100.9") for second in unevenly(2000)]
    await ledger.resolve([*honest(), *loop])
    figures = (await ledger.end()).figures
    assert (figures["valid"], figures["net"]) == (HONEST + 2000, HONEST)
    assert figures["flags"]["source_share"] == 2000
    assert figures["deduplicated"] < HONEST + (80_000 - 3600) / 60, "at most once a minute"


async def test_a_walk_through_all_identifiers_is_flagged(ledger: Ledger) -> None:
    walks = [
        Asked(second, f"PUMP-{number:05d}", f"198.51.{walker}.1")
        for walker in range(20)
        for number, second in enumerate(unevenly(60, walker), 1000 * walker)
    ]
    await ledger.resolve([*honest(), *walks])
    figures = (await ledger.end()).figures
    assert (figures["valid"], figures["net"]) == (HONEST + 1200, HONEST)
    assert figures["flags"]["sequential_walk"] == 1200


async def test_an_enterprise_that_resolves_its_own_identifiers_is_flagged(ledger: Ledger) -> None:
    holder = await World(ledger.pool).holder(2001)
    assert holder.prefix.text == PREFIX
    chance = random.Random(3)
    own = [
        Asked(second, f"PUMP-{chance.randrange(100_000):05d}", "198.51.100.9", tenant=holder.account.enterprise_id)
        for second in unevenly(200)
    ]
    without_account = [replace(one, second=one.second + 1, tenant=None) for one in own]
    await ledger.resolve([*honest(), *own, *without_account])
    figures = (await ledger.end()).figures
    assert (figures["valid"], figures["net"]) == (HONEST + 400, HONEST)
    assert figures["flags"]["own_tenant"] == 400


async def test_topping_up_through_batches_and_pipelines_is_flagged(ledger: Ledger) -> None:
    at_once = [Asked(40_000, f"PUMP-{number % 10:05d}", "198.51.100.9") for number in range(900)]
    await ledger.resolve([*honest(), *at_once])
    figures = (await ledger.end()).figures
    assert (figures["valid"], figures["flags"]["burst"]) == (HONEST + 900, 900)
    assert (figures["net"], figures["deduplicated"]) == (HONEST, deduplicated_of_honest() + 10)


def deduplicated_of_honest() -> int:
    """Nobody asked for the same twice within a minute."""
    asked = sorted((one.source, one.suffix, one.second) for one in honest())
    return sum(
        not (one[:2] == before[:2] and one[2] - before[2] < 60)
        for before, one in zip([("", "", 0.0), *asked], asked, strict=False)
    )


# With the files ---------------------------------------------------------------------------------------------------


async def test_an_event_file_put_in_again_counts_nothing_and_recount_names_it(ledger: Ledger) -> None:
    await ledger.resolve(honest())
    await ledger.end()
    (file,) = sealed(ledger.folder)
    again = file.with_name(f"{uuid4()}-1.events.zst")
    again.write_bytes(file.read_bytes())
    await ledger.steward()
    assert [(one.edition, one.figures["valid"]) for one in await ledger.editions()] == [(1, HONEST)]
    (difference,) = await ledger.differences()
    assert (difference.what, difference.key, difference.recounted) == (
        "evidence",
        f"{again.stem[:-7]}",
        "unregistered",
    )


async def test_an_event_file_replayed_as_another_process_s_is_shown_as_late_with_a_gap_and_not_counted_twice(
    ledger: Ledger,
) -> None:
    await ledger.resolve(honest())
    first = await ledger.end()
    (file,) = sealed(ledger.folder)
    content = bytearray(decompressed(file.read_bytes(), FILE_BYTES))
    header = replace(read_header(content)[0], boot_id=uuid4())
    words = bytes(content[8:64])
    content[:HEADER_BYTES] = encode_header(header)
    content[8:64] = words
    memoryview(content)[: len(content) // 8 * 8].cast("Q")[Word.STATE] = State.OPEN
    ledger.folder.events_file(header.boot_id, header.number).write_bytes(content)
    await ledger.steward()
    second = (await ledger.editions())[-1]
    assert (second.edition, second.reason) == (2, "late_data")
    assert (second.figures["valid"], second.figures["deduplicated"]) == (2 * HONEST, first.figures["deduplicated"])
    assert {gap["cause"] for gap in second.figures["gaps"]} == {"killed"}
    assert second.figures["gaps"][0]["boot_id"] == str(header.boot_id)


async def test_event_files_swapped_between_days_are_named_by_recount(ledger: Ledger) -> None:
    await ledger.resolve(honest())
    await ledger.end()
    await ledger.resolve(honest(300, 1), NEXT)
    await ledger.end(NEXT)
    one, other = sealed(ledger.folder)
    whole = one.read_bytes(), other.read_bytes()
    one.write_bytes(whole[1])
    other.write_bytes(whole[0])
    await ledger.steward()
    found = await ledger.differences(DAY, NEXT)
    assert [(each.day, each.recounted) for each in found if each.what == "evidence"] == [
        (DAY, "changed"), (NEXT, "changed"),
    ]  # fmt: skip
    assert len(await ledger.editions()) == len(await ledger.editions(NEXT)) == 1
    one.rename(other.with_name(one.name))
    found = await ledger.differences(DAY, NEXT)
    assert (DAY, "missing") in {(each.day, each.recounted) for each in found if each.what == "evidence"}


# With the database ------------------------------------------------------------------------------------------------


async def test_an_edited_row_of_counts_is_found_by_recount(ledger: Ledger) -> None:
    await ledger.resolve(honest())
    await ledger.end()
    await ledger.as_owner(
        "UPDATE resolution_count SET resolutions = resolutions + 1000"
        " WHERE (boot_id, minute) = (SELECT boot_id, minute FROM resolution_count ORDER BY minute LIMIT 1)"
    )
    (difference,) = await ledger.differences()
    assert (difference.what, difference.counted) == ("minute", difference.recounted + 1000)
    # And so that the sums follow, it shows in them and as another edition.
    await ledger.as_owner(
        "INSERT INTO hour_to_sum SELECT DISTINCT date_trunc('hour', minute, 'UTC') FROM resolution_count"
    )
    await ledger.steward()
    second = (await ledger.editions())[-1]
    assert (second.edition, second.reason, second.figures["valid"]) == (2, "late_data", HONEST + 1000)
    assert what(await ledger.differences()) == {"minute", "hour", "day", "closing"}


async def test_an_edited_day_is_refused_and_found_by_recount(ledger: Ledger) -> None:
    await ledger.resolve(honest())
    await ledger.end()
    with pytest.raises(asyncpg.PostgresError):
        await ledger.pool.execute("UPDATE day_closing SET figures = figures || '{\"valid\": 90000}'")
    await ledger.as_owner("UPDATE day_closing SET figures = figures || '{\"valid\": 90000}'")
    assert {each.key for each in await ledger.differences()} == {"sha256 (edition 1)", "valid (edition 1)"}
    # With a hash that fits it is another one than the journal's.
    await ledger.as_owner("UPDATE day_closing SET sha256 = decode(repeat('ab', 32), 'hex')")
    assert "journal (edition 1)" in {each.key for each in await ledger.differences()}


async def test_what_is_dated_back_is_shown_as_a_further_edition(ledger: Ledger) -> None:
    await ledger.resolve(honest())
    await ledger.end()
    await ledger.resolve([Asked(second, f"LATE-{second:.3f}", "198.51.100.9") for second in unevenly(500)])
    await ledger.steward(midnight(NEXT) + timedelta(hours=10))
    first, second = await ledger.editions()
    assert (first.edition, first.reason, first.figures["valid"]) == (1, "", HONEST)
    assert (second.edition, second.reason, second.figures["valid"]) == (2, "late_data", HONEST + 500)
    assert second.closed_at - first.closed_at > timedelta(hours=9)


async def test_rules_changed_afterwards_hold_for_days_to_come_only(ledger: Ledger) -> None:
    loop = [Asked(second, "PUMP-00001", "198.51.100.9") for second in unevenly(2000)]
    await ledger.resolve([*honest(), *loop])
    await ledger.end()
    ledger.flags = FlagSettings(source_share=0.9, least=1_000_000)
    await ledger.steward(ledger.at + timedelta(hours=1))
    await ledger.as_owner(f"INSERT INTO day_to_close VALUES ('{DAY}')")  # digested and closed anew
    await ledger.steward(ledger.at + timedelta(hours=1))
    (only,) = await ledger.editions()
    assert (only.rule_version, only.figures["net"]) == (1, HONEST)
    assert await ledger.differences() == []
    with pytest.raises(asyncpg.PostgresError):
        await ledger.pool.execute("UPDATE counting_rule SET effective_day = '2026-01-01'")
    await ledger.as_owner(f"UPDATE counting_rule SET effective_day = '{DAY}' WHERE rule_version = 2")
    found = await ledger.differences()
    assert {each.key for each in found if each.what == "rule"} == {"rule 2"}


async def test_a_deleted_day_is_refused_and_missed_by_recount(ledger: Ledger) -> None:
    await ledger.resolve(honest())
    await ledger.end()
    await ledger.resolve(honest(300, 1), NEXT)
    await ledger.end(NEXT)
    for table in ("day_closing", "evidence_segment", "counting_gap"):
        with pytest.raises(asyncpg.PostgresError):
            await ledger.pool.execute(f"DELETE FROM {table}")
    await ledger.as_owner(
        f"DELETE FROM day_closing WHERE day = '{DAY}'",
        f"DELETE FROM resolution_day WHERE day = '{DAY}'",
        f"DELETE FROM resolution_digest WHERE day = '{DAY}'",
    )
    sealed(ledger.folder)[0].unlink()
    found = await ledger.differences(DAY, NEXT)
    assert {"evidence", "minute", "hour", "closing"} <= what([each for each in found if each.day == DAY])
    assert "missing" in {each.recounted for each in found if each.what == "evidence"}
    assert "journal (edition 1)" in {each.key for each in found if each.day == DAY}
    assert "previous (edition 1)" in {each.key for each in found if each.day == NEXT}


async def test_two_nodes_on_one_database_and_folder_count_each_resolution_once(ledger: Ledger) -> None:
    other = Ledger(ledger.url, ledger.pool, open_folder(ledger.folder.path.parent, ledger.folder.node_id))
    asked = honest()
    async with ledger.counter() as one, other.counter() as another:
        ledger.book(one, asked[::2])
        other.book(another, asked[1::2])
        with keeping(ledger.folder) as mine, keeping(other.folder) as too:
            assert (mine, too) == (True, False), "one of them keeps the folder"
    over = midnight(NEXT) + timedelta(minutes=11)
    await ledger.steward(over)
    await asyncio.gather(ledger.sum_and_close(over), other.sum_and_close(over))
    (only,) = await ledger.editions()
    assert (only.figures["valid"], only.figures["gaps"]) == (HONEST, [])
    assert await ledger.differences() == []
