"""Resolving against a real PostgreSQL: what is found, what is missing, and how soon a change shows everywhere."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import asyncpg
import pytest

from node.identifier import Identifier
from node.record import Value
from resolver import metrics
from resolver.answer import Absence, Answer, Found, Missing, NotResponsible, Query, RecordDamaged, ResolverAway
from resolver.chain import Resolver
from tests.support.shelf import PUMP_VALUES, Shelf, resolver_of, shelf_at, values

SOON = 0.1  # an update is visible through every worker within 100 ms; medians, for other work may hold us up
PATIENCE = 3.0


def ask(identifier: str, *, types: tuple[str, ...] = (), indexes: tuple[int, ...] = ()) -> Query:
    return Query(Identifier.parse(identifier), types, indexes)


async def found(resolver: Resolver, identifier: str) -> Found:
    answer = await resolver.resolve(ask(identifier))
    assert isinstance(answer, Found)
    return answer


async def within(seconds: float, holds: Callable[..., Awaitable[bool]], *asked: object) -> float:
    """Seconds until it holds; fails when it takes longer than ``seconds``."""
    began = time.monotonic()
    while not await holds(*asked):
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        await asyncio.sleep(0.002)
    return time.monotonic() - began


async def kind_of(resolver: Resolver, identifier: str) -> type[Answer]:
    return type(await resolver.resolve(ask(identifier)))


async def is_now(resolver: Resolver, kind: type[Answer], *identifiers: str) -> bool:
    return {await kind_of(resolver, identifier) for identifier in identifiers} == {kind}


def looked_up() -> float:
    return float(metrics.LOOKUPS._value.get())


async def test_a_registered_identifier_is_found_under_any_spelling(
    database_url: str, shelf: Shelf, pump: str
) -> None:
    async with resolver_of(database_url) as resolver:
        for spelling in (pump, "88.101.1/PUMP-001", "88.101.1/pump-001"):
            answer = await found(resolver, spelling)
            assert answer.entry.text == "88.101.1/Pump-001"
            assert [value.type for value in answer.values] == ["URL", "NAME", "MODEL"]
            assert answer.age is None


async def test_the_rest_is_missing_for_a_reason(database_url: str, shelf: Shelf, pump: str) -> None:
    await shelf.prefix("88.101.2", state="suspended")
    await shelf.register("88.101.2/A")
    await shelf.prefix("88.101.3", state="applied")
    async with resolver_of(database_url) as resolver:
        assert await resolver.resolve(ask("88.101.1/none")) == Missing(Absence.UNKNOWN)
        assert await resolver.resolve(ask("88.101.2/A")) == Missing(Absence.SUSPENDED)
        for identifier in ("88.101.3/A", "88.999.1/A"):
            with pytest.raises(NotResponsible):
                await resolver.resolve(ask(identifier))


async def test_an_enterprise_under_review_answers_without_its_unreviewed_name(
    database_url: str, shelf: Shelf, pump: str
) -> None:
    await shelf.connection.execute("UPDATE enterprise SET state = 'submitted', name = '冒名', name_en = 'Fake'")
    async with resolver_of(database_url) as resolver:
        entry = (await found(resolver, pump)).entry
        assert entry.enterprise == ""
        assert entry.enterprise_en is None


async def test_a_suspended_enterprise_answers_for_none_of_its_prefixes(
    database_url: str, shelf: Shelf, pump: str
) -> None:
    await shelf.connection.execute("UPDATE enterprise SET state = 'suspended'")
    async with resolver_of(database_url) as resolver:
        assert await resolver.resolve(ask(pump)) == Missing(Absence.SUSPENDED)


async def test_only_public_values_are_answered_and_a_secret_key_never(database_url: str, shelf: Shelf) -> None:
    await shelf.prefix()
    record = [
        Value(1, "URL", b"https://a.example/"),
        Value(2, "COST", b"secret", permissions=0x0C),
        Value(3, "HS_SECKEY", b"secret"),
        Value(4, "hs_seckey", b"secret"),
    ]
    await shelf.register("88.101.1/A", record)
    async with resolver_of(database_url) as resolver:
        assert [value.index for value in (await found(resolver, "88.101.1/A")).values] == [1]
        answer = await resolver.resolve(ask("88.101.1/A", indexes=(2, 3), types=("HS_SECKEY",)))
        assert isinstance(answer, Found)
        assert answer.values == ()


async def test_types_and_indexes_are_united(database_url: str, pump: str) -> None:
    async with resolver_of(database_url) as resolver:
        answer = await resolver.resolve(ask(pump, types=("model",), indexes=(1,)))
        assert isinstance(answer, Found)
        assert [value.type for value in answer.values] == ["URL", "MODEL"]


async def test_a_damaged_record_is_our_fault_and_not_missing(database_url: str, shelf: Shelf, pump: str) -> None:
    await shelf.connection.execute("UPDATE identifier SET record = '\\x000000ff00'")
    async with resolver_of(database_url) as resolver:
        with pytest.raises(RecordDamaged):
            await resolver.resolve(ask(pump))


async def test_an_update_shows_in_every_resolver_within_100_ms(database_url: str, shelf: Shelf, pump: str) -> None:
    async with resolver_of(database_url) as first, resolver_of(database_url) as second:

        async def both_show(model: str) -> bool:
            answers = [await found(resolver, pump) for resolver in (first, second)]
            return all(answer.values[0].data.decode() == model for answer in answers)

        await both_show("")
        took = []
        for number in range(9):
            model = f"DL-{number}"
            await shelf.update(pump, values((2001, "MODEL", model)))
            took.append(await within(PATIENCE, both_show, model))
        assert statistics.median(took) < SOON


async def test_registration_and_deletion_show_within_100_ms(database_url: str, shelf: Shelf, pump: str) -> None:
    async with resolver_of(database_url) as resolver:
        took = []
        for number in range(5):
            identifier = f"88.101.1/new-{number}"
            assert await kind_of(resolver, identifier) is Missing
            await shelf.register(identifier)
            took.append(await within(PATIENCE, is_now, resolver, Found, identifier))
            await shelf.delete(identifier)
            took.append(await within(PATIENCE, is_now, resolver, Missing, identifier))
        assert statistics.median(took) < SOON


async def test_a_suspension_acts_on_every_identifier_of_the_prefix_within_100_ms(
    database_url: str, shelf: Shelf, pump: str
) -> None:
    identifiers = [f"88.101.1/{number}" for number in range(50)]
    for identifier in identifiers:
        await shelf.register(identifier)
    async with resolver_of(database_url) as resolver:
        assert await is_now(resolver, Found, *identifiers)
        took = []
        for _ in range(3):
            for state, kind in (("suspended", Missing), ("enabled", Found)):
                await shelf.set_prefix_state("88.101.1", state)
                took.append(await within(PATIENCE, is_now, resolver, kind, identifiers[0]))
                assert await is_now(resolver, kind, *identifiers)  # one notice voids them all
        assert statistics.median(took) < SOON


async def test_two_hundred_askers_of_one_identifier_make_one_look_up(database_url: str, pump: str) -> None:
    async with resolver_of(database_url) as resolver:
        before = looked_up()
        answers = await asyncio.gather(*(resolver.resolve(ask(pump)) for _ in range(200)))
        assert {type(answer) for answer in answers} == {Found}
        assert looked_up() - before == 1


async def test_one_who_leaves_does_not_take_the_answer_from_those_who_stay(database_url: str, pump: str) -> None:
    async with resolver_of(database_url) as resolver:
        first = asyncio.create_task(resolver.resolve(ask(pump)))
        await asyncio.sleep(0)
        others = [asyncio.create_task(resolver.resolve(ask(pump))) for _ in range(5)]
        await asyncio.sleep(0)
        first.cancel()
        assert {type(answer) for answer in await asyncio.gather(*others)} == {Found}
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_many_identifiers_at_once_are_looked_up_in_few_statements(database_url: str, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.connection.execute(
        "INSERT INTO identifier (prefix_id, template_id, version, registered_at, updated_at, suffix_key, record)"
        " SELECT prefix_id, 1, 1, now(), now(), n::text, '\\x00000000' FROM prefix, generate_series(1, 2000) n"
    )
    async with resolver_of(database_url) as resolver:
        batches = metrics.LOOKUP_BATCHES._value.get()
        answers = await asyncio.gather(*(resolver.resolve(ask(f"88.101.1/{n}")) for n in range(1, 2003)))
        assert [type(answer) for answer in answers] == [Found] * 2000 + [Missing] * 2
        assert [answer.entry.suffix for answer in answers if isinstance(answer, Found)] == [
            str(number) for number in range(1, 2001)
        ]
        assert metrics.LOOKUP_BATCHES._value.get() - batches <= 5


async def test_a_look_up_reads_by_key_however_large_the_table_is(database_url: str, shelf: Shelf) -> None:
    """The plan is made while the table is empty, and must still be right when it is full."""
    await shelf.prefix()
    async with resolver_of(database_url) as resolver:
        await resolver.resolve(ask("88.101.1/1"))
        await shelf.connection.execute(
            "INSERT INTO identifier (prefix_id, template_id, version, registered_at, updated_at, suffix_key, record)"
            " SELECT prefix_id, 1, 1, now(), now(), n::text, '\\x00000000' FROM prefix, generate_series(1, 50000) n"
        )
        for number in range(2, 20):
            await resolver.resolve(ask(f"88.101.1/{number}"))

    async def has_reported() -> bool:  # a session sends its statistics when it ends
        query = "SELECT idx_scan FROM pg_stat_user_tables WHERE relname = 'identifier'"
        return int(await shelf.connection.fetchval(query)) >= 19

    await within(5, has_reported)
    query = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'identifier'"
    assert await shelf.connection.fetchval(query) == 0


async def test_a_closed_connection_is_replaced_within_the_question(
    database_url: str, shelf: Shelf, pump: str
) -> None:
    async with resolver_of(database_url) as resolver:
        await found(resolver, pump)
        await shelf.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'biaoshi resolver'"
            " AND datname = current_database()"
        )
        assert await resolver.resolve(ask("88.101.1/other")) == Missing(Absence.UNKNOWN)


async def test_without_a_database_the_resolver_starts_and_says_that_it_is_away() -> None:
    async with resolver_of("postgresql://nobody@127.0.0.1:1/none", lookup_seconds=0.5) as resolver:
        assert not resolver.listening
        with pytest.raises(ResolverAway):
            await resolver.resolve(ask("88.101.1/A"))


async def test_whoever_waits_when_the_resolver_stops_is_told(database_url: str, shelf: Shelf, pump: str) -> None:
    async with resolver_of(database_url) as resolver:
        blocker = await asyncpg.connect(database_url)
        try:
            async with blocker.transaction():
                await blocker.execute("LOCK TABLE identifier IN ACCESS EXCLUSIVE MODE")
                waiting = [asyncio.create_task(resolver.resolve(ask(f"88.101.1/{n}"))) for n in range(3)]
                await asyncio.sleep(0.05)
                await resolver.stop()
                results = await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            blocker.terminate()
        assert {type(result) for result in results} == {ResolverAway}


async def test_a_database_that_does_not_answer_costs_one_deadline_and_then_nothing(
    database_url: str, shelf: Shelf, pump: str
) -> None:
    async with resolver_of(database_url, lookup_seconds=0.4) as resolver:
        await found(resolver, pump)
        blocker = await asyncpg.connect(database_url)
        try:
            async with blocker.transaction():
                await blocker.execute("LOCK TABLE identifier IN ACCESS EXCLUSIVE MODE")
                began = time.monotonic()
                with pytest.raises(ResolverAway):
                    await resolver.resolve(ask("88.101.1/other"))
                assert 0.3 < time.monotonic() - began < 1.0
                began = time.monotonic()
                with pytest.raises(ResolverAway):
                    await resolver.resolve(ask("88.101.1/another"))
                assert time.monotonic() - began < 0.1
                assert (await found(resolver, pump)).age is None  # notices are heard: the cache is right
        finally:
            blocker.terminate()

        async def answers() -> bool:
            try:
                return isinstance(await resolver.resolve(ask("88.101.1/other")), Missing)
            except ResolverAway:
                return False

        await within(3, answers)


async def test_an_answer_is_the_record_as_registered(database_url: str, pump: str) -> None:
    async with resolver_of(database_url) as resolver:
        assert list((await found(resolver, pump)).values) == PUMP_VALUES


async def test_a_database_that_appears_late_is_found(
    server_url: Callable[[str], str], template_database: str
) -> None:
    """As during a restoration: the server is there and refuses, which is not the same as being away."""
    name = f"late_{uuid4().hex[:12]}"
    async with resolver_of(server_url(name), lookup_seconds=0.3) as resolver:
        with pytest.raises(ResolverAway):
            await resolver.resolve(ask("88.101.1/A"))
        postgres = await asyncpg.connect(server_url("postgres"))
        try:
            await postgres.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"')
            async with shelf_at(server_url(name)) as shelf:
                await shelf.prefix()
                await shelf.register("88.101.1/A")

            async def answers() -> bool:
                try:
                    return isinstance(await resolver.resolve(ask("88.101.1/A")), Found) and resolver.listening
                except ResolverAway:
                    return False

            await within(5, answers)
        finally:
            await resolver.stop()
            await postgres.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await postgres.close()
