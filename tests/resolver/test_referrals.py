"""Referrals: what delegated prefixes send their askers to, and when they do not."""

from __future__ import annotations

import pytest

from node.database import Pool
from node.identifier import Prefix
from node.record import Value
from node.site import Ports, own_site
from resolver.answer import Absence, Found, Missing, NotResponsible, Referral
from resolver.chain import Resolver
from resolver.names import parse_name
from tests.resolver.test_chain import PATIENCE, within
from tests.support.desk import store_prefix_handle
from tests.support.shelf import SITE, Shelf, resolver_of

OTHER = own_site(Prefix.parse("88.102"), "other", ["192.0.2.99"], Ports(2641, 2641, None, None), 1, b"").data


async def ask(resolver: Resolver, name: str, *, referrals: bool = True) -> Found | Missing | Referral:
    return await resolver.resolve_name(parse_name(name), referrals=referrals)


@pytest.mark.parametrize("kind", ["HS_SITE", "HS_SITE.6", "hs_site", "HS_SERV"])
async def test_what_is_not_here_of_a_delegated_prefix_is_at_its_service(
    database_url: str, shelf: Shelf, pump: str, pool: Pool, kind: str
) -> None:
    service = Value(7, kind, b"0.SITE/88.102" if kind == "HS_SERV" else OTHER)
    await store_prefix_handle(pool, "88.101.1", [Value(1, "DESC", b"x"), service])
    async with resolver_of(database_url) as resolver:
        assert await ask(resolver, "88.101.1/none") == Referral(302, "0.NA/88.101.1", (service,))
        assert isinstance(await ask(resolver, pump), Found)  # what is here is answered here
        assert isinstance(await ask(resolver, "0.NA/88.101.1"), Found)
        assert await ask(resolver, "88.101.1/none") == Referral(302, "0.NA/88.101.1", (service,))


async def test_who_wants_no_referral_is_told_that_we_are_not_responsible(
    database_url: str, shelf: Shelf, pool: Pool
) -> None:
    await shelf.prefix()
    await store_prefix_handle(pool, "88.101.1", [Value(7, "HS_SITE", OTHER), Value(8, "HS_SITE.PREFIX", OTHER)])
    async with resolver_of(database_url) as resolver:
        for name in ("88.101.1/none", "88.101.1.7/x", "0.NA/88.101.1.7"):
            assert isinstance(await ask(resolver, name), Referral)
            with pytest.raises(NotResponsible):
                await ask(resolver, name, referrals=False)


@pytest.mark.parametrize("kind", ["HS_SITE.PREFIX", "HS_NA_DELEGATE", "HS_SERV.PREFIX"])
async def test_derived_prefixes_that_nobody_here_knows_are_at_the_service_for_them(
    database_url: str, shelf: Shelf, pool: Pool, kind: str
) -> None:
    await shelf.prefix()
    await shelf.prefix("88.101.1.8")
    service = Value(7, kind, b"0.SITE/88.102" if kind == "HS_SERV.PREFIX" else OTHER)
    await store_prefix_handle(pool, "88.101.1", [service])
    async with resolver_of(database_url) as resolver:
        for name in ("88.101.1.7/x", "88.101.1.7.A.B/x", "0.NA/88.101.1.7", "0.na/88.101.1.7.a.b"):
            assert await ask(resolver, name) == Referral(303, "0.NA/88.101.1", (service,))
        assert await ask(resolver, "88.101.1/none") == Missing(Absence.UNKNOWN)
        assert await ask(resolver, "88.101.1.8/none") == Missing(Absence.UNKNOWN)
        assert isinstance(await ask(resolver, "0.NA/88.101.1.8"), Found)


async def test_the_nearest_prefix_above_refers_and_the_node_s_own_is_the_last(
    database_url: str, shelf: Shelf, pool: Pool
) -> None:
    await shelf.prefix()
    await shelf.prefix("88.101.1.8")
    far, near = Value(7, "HS_SITE.PREFIX", OTHER), Value(8, "HS_SERV.PREFIX", b"0.SITE/88.103")
    await store_prefix_handle(pool, "88.101", [far])
    async with resolver_of(database_url) as resolver:
        for name in ("88.101.9/x", "88.101.1.7/x", "88.101.1.8.1/x"):
            assert await ask(resolver, name) == Referral(303, "0.NA/88.101", (far,))
        await store_prefix_handle(pool, "88.101.1", [near])

        async def refers_nearer() -> bool:
            return await ask(resolver, "88.101.1.7/x") == Referral(303, "0.NA/88.101.1", (near,))

        await within(PATIENCE, refers_nearer)
        assert await ask(resolver, "88.101.1.8.1/x") == Referral(303, "0.NA/88.101.1", (near,))
        assert await ask(resolver, "88.101.9/x") == Referral(303, "0.NA/88.101", (far,))


@pytest.mark.parametrize("state", ["suspended", "withdrawn"])
async def test_nothing_is_referred_through_a_suspended_prefix(
    database_url: str, shelf: Shelf, pool: Pool, state: str
) -> None:
    await shelf.prefix("88.101.1", state=state)
    await store_prefix_handle(pool, "88.101", [Value(7, "HS_SITE.PREFIX", OTHER)])
    await store_prefix_handle(pool, "88.101.1", [Value(7, "HS_SITE", OTHER), Value(8, "HS_SITE.PREFIX", OTHER)])
    async with resolver_of(database_url) as resolver:
        assert await ask(resolver, "88.101.1/none") == Missing(Absence.SUSPENDED)
        with pytest.raises(NotResponsible):
            await ask(resolver, "88.101.1.7/x")
        assert await ask(resolver, "0.NA/88.101.1.7") == Missing(Absence.UNKNOWN)


@pytest.mark.parametrize(
    "service",
    [Value(7, "HS_SITE", SITE.data), Value(7, "HS_SERV", b"0.site/88.101"), Value(7, "HS_SITE.6", SITE.data)],
)
async def test_a_service_that_is_this_node_refers_nobody(
    database_url: str, shelf: Shelf, pool: Pool, service: Value
) -> None:
    await shelf.prefix()
    await store_prefix_handle(pool, "88.101.1", [service, Value(9, "HS_NA_DELEGATE", SITE.data)])
    async with resolver_of(database_url) as resolver:
        assert await ask(resolver, "88.101.1/none") == Missing(Absence.UNKNOWN)
        with pytest.raises(NotResponsible):
            await ask(resolver, "88.101.1.7/x")


async def test_a_site_that_is_not_public_refers_nobody(database_url: str, shelf: Shelf, pool: Pool) -> None:
    await shelf.prefix()
    await store_prefix_handle(pool, "88.101.1", [Value(7, "HS_SITE", OTHER, permissions=0x0C)])
    async with resolver_of(database_url) as resolver:
        assert await ask(resolver, "88.101.1/none") == Missing(Absence.UNKNOWN)


@pytest.mark.parametrize("name", ["88.102.1/x", "86.1.1/x", "88.1011/x", "0.NA/88.102.1"])
async def test_prefixes_outside_the_node_s_own_are_not_ours_to_refer(
    database_url: str, shelf: Shelf, pool: Pool, name: str
) -> None:
    await store_prefix_handle(pool, "88.101", [Value(7, "HS_SITE.PREFIX", OTHER)])
    async with resolver_of(database_url) as resolver:
        with pytest.raises(NotResponsible):
            await ask(resolver, name)


async def test_a_delegation_shows_and_ends_with_its_notice(database_url: str, shelf: Shelf, pool: Pool) -> None:
    await shelf.prefix()
    async with resolver_of(database_url) as resolver:

        async def answers(kind: type) -> bool:
            return isinstance(await ask(resolver, "88.101.1/none"), kind)

        assert await answers(Missing)
        for site, kind in ((OTHER, Referral), (SITE.data, Missing)) * 2:
            await store_prefix_handle(pool, "88.101.1", [Value(7, "HS_SITE", site)])
            await within(PATIENCE, answers, kind)
