"""Prefix handles: computed where nothing is stored, as fresh as identifiers, stale when the database is away."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import pytest

from node import embedded
from node.database import Pool, open_pool
from node.migrate import migrate
from node.record import Value, encode_values
from resolver.answer import Absence, Found, Missing, NotResponsible, RecordDamaged, Referral, ResolverAway
from resolver.chain import Resolver
from resolver.names import parse_name
from tests.resolver.test_chain import PATIENCE, SOON, looked_up, within
from tests.support.desk import admit, store_prefix_handle
from tests.support.shelf import SITE, Shelf, resolver_of, shelf_at

OWN = ["HS_SITE"]


async def ask(resolver: Resolver, name: str, *types: str) -> Found | Missing | Referral:
    return await resolver.resolve_name(parse_name(name), types)


async def types_of(resolver: Resolver, name: str) -> list[str]:
    answer = await ask(resolver, name)
    assert isinstance(answer, Found)
    return [value.type for value in answer.values]


async def shows(resolver: Resolver, name: str, *types: str) -> bool:
    return await types_of(resolver, name) == list(types)


async def test_an_enabled_prefix_has_a_handle_even_when_nobody_stored_one(database_url: str, shelf: Shelf) -> None:
    await shelf.prefix("88.101.1", await shelf.enterprise("中山示例", "Example"))
    async with resolver_of(database_url) as resolver:
        for name in ("0.NA/88.101.1", "0.na/88.101.1", "88.101.1"):
            answer = await ask(resolver, name)
            assert isinstance(answer, Found)
            assert answer.entry.text == "0.NA/88.101.1"
            assert answer.entry.enterprise == "中山示例"
            assert answer.values == SITE.values
            assert answer.age is None


async def test_the_node_s_own_prefix_has_a_handle_and_a_site(database_url: str, shelf: Shelf) -> None:
    async with resolver_of(database_url) as resolver:
        for name in ("0.NA/88.101", "0.SITE/88.101", "0.site/88.101"):
            answer = await ask(resolver, name)
            assert isinstance(answer, Found)
            assert answer.values == SITE.values
        for name in ("0.SITE/88.102", "0.SITE/status", "0"):
            assert await ask(resolver, name) == Missing(Absence.UNKNOWN)


async def test_what_is_stored_stands_behind_the_node_s_own_site(database_url: str, shelf: Shelf, pool: Pool) -> None:
    await shelf.prefix()
    stored = (
        Value(1, "DESC", b"pumps"),
        Value(2, "EMAIL", b"a@b.example"),
        Value(3, "PRIVATE", b"-", permissions=12),
    )
    await store_prefix_handle(pool, "88.101.1", stored)
    async with resolver_of(database_url) as resolver:
        answer = await ask(resolver, "0.NA/88.101.1")
        assert isinstance(answer, Found)
        # Index 1 is taken, and so are 2 and 3.
        assert [(value.index, value.type) for value in answer.values] == [(4, "HS_SITE"), (1, "DESC"), (2, "EMAIL")]
        only = await ask(resolver, "0.NA/88.101.1", "desc", "HS_SECKEY")
        assert isinstance(only, Found)
        assert [value.data for value in only.values] == [b"pumps"]


@pytest.mark.parametrize("kind", ["HS_SITE", "hs_site.6", "HS_SERV"])
async def test_a_prefix_that_names_its_service_is_not_given_ours(
    database_url: str, shelf: Shelf, pool: Pool, kind: str
) -> None:
    await shelf.prefix()
    await store_prefix_handle(pool, "88.101.1", [Value(3, kind, b"0.SITE/88.102")])
    async with resolver_of(database_url) as resolver:
        assert await types_of(resolver, "0.NA/88.101.1") == [kind]


async def test_the_rest_is_missing_for_a_reason(database_url: str, shelf: Shelf, pool: Pool) -> None:
    await shelf.prefix("88.101.2", state="suspended")
    await shelf.prefix("88.101.3", state="applied")
    await store_prefix_handle(pool, "88.101.2", [Value(1, "DESC", b"x")])
    async with resolver_of(database_url) as resolver:
        assert await ask(resolver, "0.NA/88.101.2") == Missing(Absence.SUSPENDED)
        for unknown in ("0.NA/88.101.3", "0.NA/88.101.9", "0.NA/88.101.2.1"):
            assert await ask(resolver, unknown) == Missing(Absence.UNKNOWN)
        for other in ("0.NA/88.1011", "0.NA/88.102", "0.NA/86.101"):
            with pytest.raises(NotResponsible):
                await ask(resolver, other)


async def test_derived_prefixes_answer_as_others_do(database_url: str, shelf: Shelf) -> None:
    await shelf.prefix("88.101.1.A.7")
    await shelf.connection.execute(
        "INSERT INTO identifier (prefix_id, template_id, version, registered_at, updated_at, suffix_key, record)"
        " SELECT prefix_id, 1, 1, now(), now(), 'X', $1 FROM prefix",
        encode_values([Value(1, "URL", b"https://a.example/")]),
    )
    async with resolver_of(database_url) as resolver:
        assert await types_of(resolver, "88.101.1.a.7/x") == ["URL"]
        assert await types_of(resolver, "0.NA/88.101.1.a.7") == OWN


async def test_a_damaged_record_is_our_fault_and_not_missing(database_url: str, shelf: Shelf, pool: Pool) -> None:
    await shelf.prefix()
    await admit(pool, "88.101.1")
    await shelf.connection.execute("UPDATE prefix_handle SET record = '\\x000000ff00'")
    async with resolver_of(database_url) as resolver:
        with pytest.raises(RecordDamaged):
            await ask(resolver, "0.NA/88.101.1")


async def test_a_change_shows_in_every_resolver_within_100_ms(database_url: str, shelf: Shelf, pool: Pool) -> None:
    await shelf.prefix()
    async with resolver_of(database_url) as first, resolver_of(database_url) as second:

        async def both_show(kind: str) -> bool:
            return all([await shows(each, "0.NA/88.101.1", *OWN, kind) for each in (first, second)])

        took = []
        for number in range(7):
            await store_prefix_handle(pool, "88.101.1", [Value(7, f"DESC.{number}", b"")])
            took.append(await within(PATIENCE, both_show, f"DESC.{number}"))
        assert statistics.median(took) < SOON


async def test_a_new_prefix_and_a_suspension_show_within_100_ms(database_url: str, shelf: Shelf) -> None:
    async with resolver_of(database_url) as resolver:

        async def is_now(expected: object) -> bool:
            answer = await ask(resolver, "0.NA/88.101.1")
            return answer == expected if isinstance(expected, Missing) else isinstance(answer, Found)

        assert await is_now(Missing(Absence.UNKNOWN))
        await shelf.prefix()
        took = [await within(PATIENCE, is_now, Found)]
        for state, expected in (("suspended", Missing(Absence.SUSPENDED)), ("enabled", Found)) * 3:
            await shelf.set_prefix_state("88.101.1", state)
            took.append(await within(PATIENCE, is_now, expected))
        assert statistics.median(took) < SOON


async def test_a_fresh_prefix_handle_is_not_looked_up_again_unless_anew(
    database_url: str, shelf: Shelf, pool: Pool
) -> None:
    await shelf.prefix()
    async with resolver_of(database_url) as resolver:
        assert await types_of(resolver, "0.NA/88.101.1") == OWN
        # Behind the resolver's back: no notice.
        await shelf.connection.execute(
            "INSERT INTO prefix_handle VALUES ('88.101.1', 1, now(), now(), $1)",
            encode_values([Value(9, "DESC", b"")]),
        )
        assert await types_of(resolver, "0.NA/88.101.1") == OWN
        anew = await resolver.resolve_name(parse_name("0.NA/88.101.1"), anew=True)
        assert isinstance(anew, Found)
        assert [value.type for value in anew.values] == [*OWN, "DESC"]


async def test_an_identifier_is_looked_up_anew_when_asked_so(database_url: str, shelf: Shelf, pump: str) -> None:
    async with resolver_of(database_url) as resolver:
        assert await types_of(resolver, pump) == ["URL", "NAME", "MODEL"]
        entry = resolver.standing(("88.101.1", "PUMP-001"))
        assert entry is not None
        await shelf.connection.execute("UPDATE identifier SET record = '\\x00000000'")
        assert await types_of(resolver, pump) == ["URL", "NAME", "MODEL"]
        anew = await resolver.resolve_name(parse_name(pump), anew=True)
        assert isinstance(anew, Found)
        assert anew.values == ()
        assert resolver.standing(("88.101.1", "PUMP-001")) is anew.entry
        assert await types_of(resolver, pump) == []


async def test_no_entry_stands_that_was_never_asked_for_or_is_missing(
    database_url: str, shelf: Shelf, pump: str
) -> None:
    async with resolver_of(database_url) as resolver:
        assert resolver.standing(("88.101.1", "PUMP-001")) is None
        assert await ask(resolver, "88.101.1/none") == Missing(Absence.UNKNOWN)
        assert resolver.standing(("88.101.1", "NONE")) is None


async def test_while_the_database_is_away_the_last_is_given_with_its_age_and_the_rest_is_unknown() -> None:
    with tempfile.TemporaryDirectory(prefix="biaoshi-test-") as folder:
        Path(folder).chmod(0o755)
        settings = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "30"}
        async with embedded.start(Path(folder) / "pg", settings=settings) as server:
            await migrate(server.url())
            async with resolver_of(server.url(), lookup_seconds=1.0) as resolver:
                async with shelf_at(server.url()) as shelf:
                    await shelf.prefix()
                pool = await open_pool(server.url(), "biaoshi_writer", size=1, seconds=5, name="test")
                await store_prefix_handle(pool, "88.101.1", [Value(9, "DESC", b"")])
                pool.terminate()
                known = [*OWN, "DESC"]

                async def is_remembered() -> bool:
                    """Answered without a look-up, so no notice is still under way."""
                    before = looked_up()
                    return await shows(resolver, "0.NA/88.101.1", *known) and looked_up() == before

                await within(PATIENCE, is_remembered)
                await server.stop()

                async def is_stale() -> bool:
                    answer = await ask(resolver, "0.NA/88.101.1")
                    assert isinstance(answer, Found)
                    assert [value.type for value in answer.values] == known
                    return answer.age is not None

                await within(5, is_stale)
                for unknown in ("0.NA/88.101", "0.NA/88.101.2", "88.101.1/x"):
                    with pytest.raises(ResolverAway):
                        await ask(resolver, unknown)
                with pytest.raises(ResolverAway):
                    await resolver.resolve_name(parse_name("0.NA/88.101.1"), anew=True)
                assert isinstance(await ask(resolver, "0.SITE/88.101"), Found)  # computed, not looked up
