"""Nothing that changed unheard is given as fresh: not while the listener is lost, and not after it is back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from node.identifier import Identifier
from resolver.answer import Absence, Answer, Missing, Query
from resolver.chain import Resolver
from tests.support.relay import Relay, relay_to
from tests.support.replicated import until
from tests.support.shelf import PUMP_VALUES, Shelf, resolver_of, shelf_at, values

CHANGED, DELETED, NEW, SUSPENDED = "88.101.1/CHANGED", "88.101.1/DELETED", "88.101.1/NEW", "88.101.2/SUSPENDED"
ALL = (CHANGED, DELETED, NEW, SUSPENDED)
RECORD = values((1, "URL", "https://changed.example/"))
BEFORE = (PUMP_VALUES[0].data, PUMP_VALUES[0].data, Absence.UNKNOWN, PUMP_VALUES[0].data)
AFTER = (RECORD[0].data, Absence.UNKNOWN, PUMP_VALUES[0].data, Absence.SUSPENDED)


@pytest.fixture
async def shelf(database_url: str) -> AsyncIterator[Shelf]:
    async with shelf_at(database_url) as shelf:
        await shelf.prefix()
        await shelf.prefix("88.101.2")
        for identifier in (CHANGED, DELETED, SUSPENDED):
            await shelf.register(identifier)
        yield shelf


@pytest.fixture
async def relay(database_url: str) -> AsyncIterator[Relay]:
    async with relay_to(database_url) as relay:
        yield relay


def told(answer: Answer) -> object:
    if isinstance(answer, Missing):
        return answer.reason
    assert answer.age is None
    return answer.values[0].data


async def answered(resolver: Resolver) -> tuple[object, ...]:
    return tuple([told(await resolver.resolve(Query(Identifier.parse(each), (), ()))) for each in ALL])


async def change_everything(shelf: Shelf) -> None:
    await shelf.update(CHANGED, RECORD)
    await shelf.delete(DELETED)
    await shelf.register(NEW)
    await shelf.set_prefix_state("88.101.2", "suspended")


async def cut(relay: Relay, database_url: str) -> None:
    relay.cut()


async def ended(relay: Relay, database_url: str) -> None:
    administrator = await asyncpg.connect(database_url)
    relay.open = False
    try:
        await administrator.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'biaoshi listener' AND datname = current_database()"
        )
    finally:
        await administrator.close()


async def silent(relay: Relay, database_url: str) -> None:
    relay.open = False
    relay.fall_silent()


@pytest.mark.parametrize("lose", [cut, ended, silent])
async def test_what_changes_while_nothing_is_heard_shows_then_and_afterwards(
    lose: Callable[[Relay, str], Awaitable[None]], relay: Relay, shelf: Shelf, database_url: str
) -> None:
    """The notices go through the relay, the look-ups do not."""
    async with resolver_of(database_url, listen_url=relay.url) as resolver:
        await until(lambda: _known(resolver))
        assert await answered(resolver) == BEFORE
        assert await answered(resolver) == BEFORE
        await lose(relay, database_url)
        await change_everything(shelf)

        async def lost() -> bool:
            now = await answered(resolver)
            if resolver.listening:  # nobody can know better: the connection is there
                assert now == BEFORE
                return False
            return True

        await until(lost)
        assert await answered(resolver) == AFTER
        relay.open = True
        await until(lambda: _heard(resolver))
        assert await answered(resolver) == AFTER
        await shelf.delete(CHANGED)

        async def gone() -> bool:
            return (await answered(resolver))[0] is Absence.UNKNOWN

        await until(gone)


async def _heard(resolver: Resolver) -> bool:
    return resolver.listening


async def _known(resolver: Resolver) -> bool:
    """Whether nothing is doubted any more: the notices came by another address, so the reader counts as a replica."""
    return resolver.listening and resolver._replica is not None and not resolver._replica._unapplied
