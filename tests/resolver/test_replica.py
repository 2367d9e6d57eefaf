"""Resolving from a real standby that lags, stops, is promoted, or has lost its primary."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from loadtest.standby import promote
from node.identifier import Identifier
from resolver import metrics
from resolver.answer import Absence, Answer, Found, Missing, Query, ResolverAway
from resolver.chain import Resolver
from tests.support.replicated import Pair, pair, until
from tests.support.shelf import PUMP_VALUES, Shelf, resolver_of, shelf_at, values
from tests.support.silence import silent

PUMP, VALVE, TAP, NEW = "88.101.1/PUMP", "88.101.1/VALVE", "88.101.1/TAP", "88.101.1/NEW"
# Without waiting for their end, which takes a tenth of a second: they would be back before it is over.
END_LISTENERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'biaoshi listener'"
CHANGED = values((1, "URL", "https://changed.example/"))


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    """Two servers for all tests but the one that breaks them."""
    with asyncio.Runner() as runner:
        running = pair()
        started = runner.run(running.__aenter__())
        try:
            yield started
        finally:
            runner.run(running.__aexit__(None, None, None))


@pytest.fixture
async def shelf(servers: Pair) -> AsyncIterator[Shelf]:
    async with shelf_at(servers.primary.url()) as shelf:
        await shelf.connection.execute("DELETE FROM identifier")
        await shelf.connection.execute("DELETE FROM prefix")
        await shelf.connection.execute("DELETE FROM enterprise")
        await stock(shelf)
        await servers.caught_up()
        yield shelf
        await servers.resume()


async def stock(shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.register(PUMP)
    await shelf.register(VALVE)
    await shelf.register(TAP)


def reading(servers: Pair, **changed: object) -> Resolver:
    return resolver_of(servers.reading, listen_url=servers.primary.url(), **changed)


def ask(identifier: str) -> Query:
    return Query(Identifier.parse(identifier), (), ())


async def url_of(resolver: Resolver, identifier: str = PUMP, *, anew: bool = False) -> bytes:
    """The first value, of an answer that is not stale."""
    answer = await resolver.resolve(ask(identifier), anew=anew)
    assert isinstance(answer, Found)
    assert answer.age is None
    return answer.values[0].data


def looked_up() -> tuple[float, float]:
    """Look-ups in all, and of these at the primary."""
    return float(metrics.LOOKUPS._value.get()), float(metrics.LOOKUPS_AT_PRIMARY._value.get())


async def settled(resolver: Resolver) -> None:
    """Wait until the replica is known to have everything that was heard."""
    replica = resolver._replica
    assert replica is not None

    async def nothing_open() -> bool:
        return not replica._unapplied

    await until(nothing_open)


async def answers(resolver: Resolver, identifier: str, wanted: Answer | bytes) -> None:
    """Wait until it is answered so."""

    async def so() -> bool:
        answer = await resolver.resolve(ask(identifier))
        return answer == wanted or (isinstance(answer, Found) and answer.values[0].data == wanted)

    await until(so)


async def test_what_a_replica_said_is_kept_once_it_has_everything_that_was_heard(servers: Pair, shelf: Shelf) -> None:
    async with reading(servers) as resolver:
        await settled(resolver)
        before = looked_up()
        for _ in range(5):
            assert await url_of(resolver) == PUMP_VALUES[0].data
        assert looked_up() == (before[0] + 1, before[1])


async def test_a_change_shows_although_the_replica_does_not_have_it(servers: Pair, shelf: Shelf) -> None:
    async with reading(servers) as resolver:
        await settled(resolver)
        await url_of(resolver)
        await servers.pause()
        await shelf.update(PUMP, CHANGED)
        await answers(resolver, PUMP, CHANGED[0].data)
        assert await url_of(resolver, VALVE) == PUMP_VALUES[0].data  # nobody changed it: asked at the replica
        at_primary = looked_up()[1]
        for _ in range(5):  # what the primary said is kept as well
            assert await url_of(resolver) == CHANGED[0].data
        assert looked_up()[1] == at_primary

        await shelf.register(NEW)
        await answers(resolver, NEW, PUMP_VALUES[0].data)
        await shelf.delete(PUMP)
        await answers(resolver, PUMP, Missing(Absence.UNKNOWN))
        await shelf.set_prefix_state("88.101.1", "suspended")
        await answers(resolver, VALVE, Missing(Absence.SUSPENDED))

        await servers.resume()
        await settled(resolver)
        before = looked_up()
        assert await resolver.resolve(ask("88.101.1/none")) == Missing(Absence.SUSPENDED)
        assert looked_up() == (before[0] + 1, before[1])


async def test_who_asks_anew_is_told_what_the_primary_knows(servers: Pair, shelf: Shelf) -> None:
    async with reading(servers) as resolver:
        await settled(resolver)
        await servers.pause()
        await shelf.connection.execute("UPDATE identifier SET state = 2 WHERE suffix_key = 'PUMP'")  # nobody is told
        assert await url_of(resolver) == PUMP_VALUES[0].data
        assert await resolver.resolve(ask(PUMP), anew=True) == Missing(Absence.UNKNOWN)


async def test_what_changed_unheard_does_not_show_as_fresh_after_the_listener_is_back(
    servers: Pair, shelf: Shelf
) -> None:
    async with reading(servers) as resolver:
        await settled(resolver)
        await url_of(resolver)
        await servers.pause()
        epoch = resolver.epoch
        async with shelf.connection.transaction():  # the listener is gone when this commits
            await shelf.update(PUMP, CHANGED)
            await shelf.connection.execute(END_LISTENERS)

        async def noticed() -> bool:
            return resolver.epoch != epoch

        await until(noticed)
        await until(lambda: _listens(resolver))
        assert await url_of(resolver) == CHANGED[0].data  # although the replica still says something else


async def _listens(resolver: Resolver) -> bool:
    return resolver.listening


async def test_with_the_replica_away_the_primary_is_asked(servers: Pair, shelf: Shelf) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    async with resolver_of(nowhere, listen_url=servers.primary.url()) as resolver:
        assert await url_of(resolver) == PUMP_VALUES[0].data
        assert await resolver.resolve(ask(NEW)) == Missing(Absence.UNKNOWN)
        await resolver.probe()


async def test_a_replica_alone_answers_and_says_how_old_that_may_be(servers: Pair, shelf: Shelf) -> None:
    now = 1000.0
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    async with resolver_of(
        servers.reading, listen_url=nowhere, lookup_seconds=0.2, monotonic=lambda: now
    ) as resolver:
        now += 7
        answer = await resolver.resolve(ask(PUMP))
        assert isinstance(answer, Found)
        assert answer.age == 7.0  # it has never heard anything
        assert await resolver.resolve(ask(NEW)) == Missing(Absence.UNKNOWN)


async def test_the_primary_is_killed_the_replica_goes_on_and_is_promoted() -> None:
    async with pair() as servers, shelf_at(servers.primary.url()) as shelf:
        await stock(shelf)
        await servers.caught_up()
        async with resolver_of(servers.reading, listen_url=servers.writing, replica_seconds=3600.0) as resolver:
            await settled(resolver)
            await url_of(resolver)
            await servers.pause()
            await shelf.update(VALVE, CHANGED)
            await shelf.update(PUMP, CHANGED)
            await answers(resolver, PUMP, CHANGED[0].data)
            await servers.received()  # and not applied
            servers.primary.kill()
            await until(lambda: _deaf(resolver))
            with pytest.raises(ResolverAway):  # heard of, lacking, and never looked up
                await resolver.resolve(ask(VALVE))
            remembered = await resolver.resolve(ask(PUMP))
            assert isinstance(remembered, Found)
            assert remembered.values[0].data == CHANGED[0].data
            assert remembered.age is not None
            assert await url_of(resolver, TAP) == PUMP_VALUES[0].data
            assert await resolver.resolve(ask(NEW)) == Missing(Absence.UNKNOWN)

            await servers.resume()
            await settled(resolver)  # nothing more can come, and all is applied
            assert await url_of(resolver, VALVE) == CHANGED[0].data
            await promote(servers.standby)
            await until(lambda: _listens(resolver))
            await settled(resolver)
            async with shelf_at(servers.standby.url()) as promoted:
                await promoted.delete(PUMP)
            await answers(resolver, PUMP, Missing(Absence.UNKNOWN))


async def test_a_silent_primary_keeps_nobody_from_what_the_replica_has(servers: Pair, shelf: Shelf) -> None:
    async with reading(servers, lookup_seconds=0.4) as resolver:
        await settled(resolver)
        await servers.pause()
        await shelf.register("88.101.1/FIRST")
        await until(lambda: _compares(resolver))
        await shelf.update(VALVE, CHANGED)  # the primary will not say that the replica has these two
        await shelf.register(NEW)
        await servers.received()
        with silent(servers.primary):
            with pytest.raises(ResolverAway):  # received, and not applied: known to be old
                await resolver.resolve(ask(VALVE))
            await servers.resume()
            await until(lambda: _has_compared(resolver))
            await last_words(resolver)
            with pytest.raises(ResolverAway):
                await resolver.resolve(ask(VALVE), anew=True)
            await until(lambda: _deaf(resolver))
            await last_words(resolver)
        await until(lambda: _listens(resolver))
        await settled(resolver)
        before = looked_up()
        assert await url_of(resolver, VALVE) == CHANGED[0].data
        assert await url_of(resolver, NEW) == PUMP_VALUES[0].data
        assert await resolver.resolve(ask("88.101.1/none")) == Missing(Absence.UNKNOWN)
        assert looked_up()[0] == before[0] + 3  # of the last words none was kept


async def last_words(resolver: Resolver) -> None:
    """What nobody can prove is answered, and marked."""
    for identifier, value in ((VALVE, CHANGED[0].data), (NEW, PUMP_VALUES[0].data)):
        answer = await resolver.resolve(ask(identifier))
        assert isinstance(answer, Found)
        assert answer.values[0].data == value
        assert answer.age is not None
    assert await resolver.resolve(ask("88.101.1/none")) == Missing(Absence.UNKNOWN)


async def _compares(resolver: Resolver) -> bool:
    """Whether the replica is known to lack something that the primary has written."""
    replica = resolver._replica
    return replica is not None and replica._goal is not None


async def _has_compared(resolver: Resolver) -> bool:
    return not await _compares(resolver)


async def _deaf(resolver: Resolver) -> bool:
    return not resolver.listening
