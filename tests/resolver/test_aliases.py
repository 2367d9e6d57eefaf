"""HS_ALIAS is followed to its end, and no further than is good."""

from __future__ import annotations

import pytest

from node.record import Value
from resolver.aliases import MOST_ALIASES, AliasAimless, follow_aliases
from resolver.answer import Absence, Found, Missing, NotResponsible
from resolver.chain import Resolver
from resolver.names import Name, parse_name
from tests.support.shelf import SITE, Shelf, resolver_of


def alias(target: str | bytes, permissions: int = 0x0E) -> list[Value]:
    return [
        Value(1, "URL", b"https://old.example/"),
        Value(2, "hs_alias", target if isinstance(target, bytes) else target.encode(), permissions=permissions),
    ]


async def follow(resolver: Resolver, name: str, *types: str) -> tuple[Name, list[str] | Missing, int]:
    found, answer, aliases = await follow_aliases(resolver, parse_name(name), types)
    assert isinstance(answer, Found | Missing)
    return found, answer if isinstance(answer, Missing) else [value.type for value in answer.values], len(aliases)


async def test_an_alias_is_followed_to_the_values_at_its_end(database_url: str, shelf: Shelf, pump: str) -> None:
    await shelf.register("88.101.1/old", alias("88.101.1/older"))
    await shelf.register("88.101.1/older", alias("88.101.1/PUMP-001"))
    async with resolver_of(database_url) as resolver:
        assert await follow(resolver, "88.101.1/old") == (parse_name(pump), ["URL", "NAME", "MODEL"], 2)
        assert await follow(resolver, "88.101.1/old", "model") == (parse_name(pump), ["MODEL"], 2)
        assert await follow(resolver, pump, "model") == (parse_name(pump), ["MODEL"], 0)


async def test_who_asks_for_the_alias_itself_gets_it(database_url: str, shelf: Shelf, pump: str) -> None:
    await shelf.register("88.101.1/old", alias(pump))
    async with resolver_of(database_url) as resolver:
        assert await follow(resolver, "88.101.1/old", "HS_Alias") == (parse_name("88.101.1/old"), ["hs_alias"], 0)


async def test_an_alias_that_is_not_public_is_not_followed(database_url: str, shelf: Shelf, pump: str) -> None:
    await shelf.register("88.101.1/old", alias(pump, permissions=0x0C))
    async with resolver_of(database_url) as resolver:
        assert await follow(resolver, "88.101.1/old") == (parse_name("88.101.1/old"), ["URL"], 0)


async def test_an_alias_may_end_at_nothing_or_elsewhere(database_url: str, shelf: Shelf, pump: str) -> None:
    await shelf.register("88.101.1/gone", alias("88.101.1/none"))
    await shelf.register("88.101.1/foreign", alias("10.1000/x"))
    await shelf.register("88.101.1/prefix", alias("0.NA/88.101.1"))
    async with resolver_of(database_url) as resolver:
        assert (await follow(resolver, "88.101.1/gone"))[1] == Missing(Absence.UNKNOWN)
        assert (await follow(resolver, "88.101.1/prefix"))[1] == [value.type for value in SITE.values]
        with pytest.raises(NotResponsible):
            await follow(resolver, "88.101.1/foreign")


@pytest.mark.parametrize("ring", [1, 2, 5])
async def test_a_circle_of_aliases_ends(database_url: str, shelf: Shelf, ring: int) -> None:
    await shelf.prefix()
    for number in range(ring):
        await shelf.register(f"88.101.1/r{number}", alias(f"88.101.1/R{(number + 1) % ring}"))
    async with resolver_of(database_url) as resolver:
        with pytest.raises(AliasAimless):
            await follow(resolver, "88.101.1/r0")


async def test_a_chain_is_followed_so_far_and_no_further(database_url: str, shelf: Shelf, pump: str) -> None:
    for number in range(MOST_ALIASES + 1):
        await shelf.register(f"88.101.1/c{number}", alias(f"88.101.1/c{number - 1}" if number else pump))
    async with resolver_of(database_url) as resolver:
        last = f"88.101.1/c{MOST_ALIASES - 1}"
        assert (await follow(resolver, last))[1] == ["URL", "NAME", "MODEL"]
        with pytest.raises(AliasAimless):
            await follow(resolver, f"88.101.1/c{MOST_ALIASES}")


@pytest.mark.parametrize("target", [b"", b"\xff\xfe", b"88.101.1/", b" no handle"])
async def test_an_alias_that_is_no_handle_leads_nowhere(database_url: str, shelf: Shelf, target: bytes) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/old", alias(target))
    async with resolver_of(database_url) as resolver:
        with pytest.raises(AliasAimless) as refused:
            await follow(resolver, "88.101.1/old")
        assert refused.value.evidence == {"handle": "88.101.1/old"}
