"""What is asked for most is known again after a restart, and only as the database has it now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.identifier import Identifier
from resolver import hot_keys, metrics
from resolver.answer import Found, Missing, Query
from resolver.chain import Resolver
from resolver.hot_keys import HOTTEST, HotKeys, read_hot_keys, reheat, write_hot_keys
from resolver.second_chance import Slot
from tests.resolver.test_cache import entry
from tests.support.docking import until
from tests.support.shelf import Shelf, resolver_of, values


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hot.keys"


async def shelved(shelf: Shelf, count: int) -> list[Query]:
    prefix, template_id = await shelf.prefix(), await shelf.template()
    return [
        Query(await shelf.register(f"{prefix}/Pump-{number}", template_id=template_id)) for number in range(count)
    ]


def hot_keys_of(resolver: Resolver, file: Path, *, most: int = 1000, writes: bool = True) -> HotKeys:
    return HotKeys(resolver, file, most=most, writes=writes)


def looked_up() -> float:
    return metrics.LOOKUPS._value.get()


async def asked_before(url: str, file: Path, queries: list[Query]) -> None:
    """A process that answers these, and ends."""
    async with resolver_of(url) as resolver, hot_keys_of(resolver, file) as hot:
        await until(lambda: hot._warmed)
        for query in queries:
            await resolver.resolve(query)


async def test_a_restarted_process_answers_what_was_asked_for_without_looking_it_up(
    database_url: str, shelf: Shelf, file: Path
) -> None:
    queries = await shelved(shelf, 6)
    await asked_before(database_url, file, queries[:5])
    assert len(read_hot_keys(file)) == 5
    async with resolver_of(database_url) as resolver:
        hot = hot_keys_of(resolver, file)
        warmed = metrics.CACHE_WARMED._value.get()
        await hot.warm()
        assert metrics.CACHE_WARMED._value.get() - warmed == 5
        before = looked_up()
        for query in queries[:5]:
            assert isinstance(await resolver.resolve(query), Found)
        assert looked_up() == before
        await resolver.resolve(queries[5])
        assert looked_up() == before + 1


async def test_what_changed_or_was_deleted_meanwhile_is_answered_as_it_is_now(
    database_url: str, shelf: Shelf, file: Path
) -> None:
    queries = await shelved(shelf, 2)
    await asked_before(database_url, file, queries)
    await shelf.update(queries[0].identifier.text, values((1, "URL", "https://new.example/")))
    await shelf.delete(queries[1].identifier.text)
    async with resolver_of(database_url) as resolver:
        await hot_keys_of(resolver, file).warm()
        before = looked_up()
        found, missing = [await resolver.resolve(query) for query in queries]
        assert looked_up() == before
    assert isinstance(found, Found)
    assert found.entry.version == 2
    assert isinstance(missing, Missing)


async def test_the_hottest_come_first_and_no_more_than_wanted(database_url: str, shelf: Shelf, file: Path) -> None:
    queries = await shelved(shelf, 5)
    async with resolver_of(database_url) as resolver:
        hot = hot_keys_of(resolver, file, most=2)
        await hot.warm()
        for minute in range(3):
            for query in queries[minute:]:
                await resolver.resolve(query)
            await hot.write()
        hottest = {f"88.101.1/PUMP-{number}" for number in (2, 3, 4)}
        assert len(read_hot_keys(file)) == 2
        assert set(read_hot_keys(file)) < hottest
        await hot_keys_of(resolver, file).write()
        told = read_hot_keys(file)
        assert set(told[:3]) == hottest
        assert told[3:] == ["88.101.1/PUMP-1", "88.101.1/PUMP-0"]


async def test_warming_stops_where_half_of_the_bound_is_used(
    database_url: str, shelf: Shelf, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hot_keys, "_BATCH", 2)
    queries = await shelved(shelf, 20)
    write_hot_keys(file, ("/".join(query.key) for query in queries), 100)
    async with resolver_of(database_url, cache_bytes=8_000) as resolver:
        await hot_keys_of(resolver, file).warm()
        assert 0.5 <= resolver.fullness < 0.8
        assert 4 <= sum(map(len, resolver.kept())) <= 8


async def test_with_the_database_away_at_the_start_warming_waits_and_nothing_is_forgotten(
    database_url: str, shelf: Shelf, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hot_keys, "_AWAY_PAUSE", 0.02)
    queries = await shelved(shelf, 2)
    await asked_before(database_url, file, queries)
    before = file.read_bytes()
    async with (
        resolver_of("postgresql://nobody@127.0.0.1:1/none", lookup_seconds=0.2) as away,
        hot_keys_of(away, file) as hot,
    ):
        await asyncio.sleep(0.1)
        assert not hot._warmed
    assert file.read_bytes() == before


async def test_a_process_that_does_not_write_leaves_the_file_alone(
    database_url: str, shelf: Shelf, file: Path
) -> None:
    queries = await shelved(shelf, 2)
    async with resolver_of(database_url) as resolver:
        async with hot_keys_of(resolver, file, writes=False) as hot:
            await until(lambda: hot._warmed)
            await resolver.resolve(queries[0])
        assert not file.exists()
        async with hot_keys_of(resolver, file, most=0) as off:
            await resolver.resolve(queries[1])
        assert off._working is None
        assert not file.exists()


async def test_a_folder_that_takes_no_file_is_no_reason_to_end(database_url: str, shelf: Shelf, file: Path) -> None:
    queries = await shelved(shelf, 1)
    await asked_before(database_url, file.parent / "nowhere" / "hot.keys", queries)
    assert list(file.parent.iterdir()) == []


def ruined(content: bytes) -> list[bytes]:
    return [
        b"",
        content[:-1],
        content + b"x",
        content[1:],
        b"\x00" * 100,
        b"something else\n88.101.1/A",
        content[:20],
    ]


def test_a_damaged_or_foreign_file_is_passed_over(file: Path) -> None:
    write_hot_keys(file, ["88.101.1/A", "88.101.1/泵"], 10)
    assert read_hot_keys(file) == ["88.101.1/A", "88.101.1/泵"]
    for content in ruined(file.read_bytes()):
        file.write_bytes(content)
        assert read_hot_keys(file) == []
    file.unlink()
    file.mkdir()
    assert read_hot_keys(file) == []


def test_a_file_of_nothing_names_nothing(file: Path) -> None:
    write_hot_keys(file, [], 10)
    assert read_hot_keys(file) == []
    assert [each.name for each in file.parent.iterdir()] == ["hot.keys"]


async def test_names_in_the_file_that_are_not_ours_do_no_harm(database_url: str, shelf: Shelf, file: Path) -> None:
    queries = await shelved(shelf, 1)
    write_hot_keys(file, ["99.999/X", "no slash", "", "/", "/".join(queries[0].key)], 10)
    async with resolver_of(database_url) as resolver:
        await hot_keys_of(resolver, file).warm()
        assert resolver.standing(queries[0].key) is not None
        assert isinstance(await resolver.resolve(Query(Identifier.parse("88.101.1/NONE"))), Missing)


@given(st.lists(st.booleans(), max_size=100))
def test_heat_stays_between_none_and_hottest_and_follows_what_is_asked(minutes: list[bool]) -> None:
    slot = Slot(entry(1), 1, 0.0)
    for minute, asked in enumerate(minutes, 1):
        before = slot.heat
        if asked:
            slot.valid_at = minute
        after = reheat(slot, minute)
        assert 0 <= after <= HOTTEST
        assert (after > before or after == HOTTEST) if asked else after <= before


def test_who_is_asked_for_often_is_hotter_than_who_was_asked_for_once_lately() -> None:
    heats: dict[str, Callable[[int], bool]] = {
        "always": lambda _: True, "often": lambda minute: minute % 2 == 0, "once": lambda minute: minute == 59,
    }  # fmt: skip
    slots = {name: Slot(entry(1), 1, 0.0) for name in heats}
    for minute in range(1, 61):
        for name, slot in slots.items():
            if heats[name](minute):
                slot.valid_at = minute
            reheat(slot, minute)
    assert slots["always"].heat > slots["often"].heat > slots["once"].heat > 0
