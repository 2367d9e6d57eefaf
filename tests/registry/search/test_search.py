"""Searching finds what a look at every identifier finds, within a budget, along an index."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.auth import Account, NotAllowed
from node.database import Pool, open_pool
from node.identifier import Prefix
from registry.api.v1.search import read_mark, written_mark
from registry.identifiers.state import IdentifierState
from registry.prefix_grant import PrefixGrant
from registry.prefixes import PrefixUnknown
from registry.search.filters import Condition, Filters, StateFilter
from registry.search.search import (
    COUNTED_EXACTLY,
    ConditionUnfit,
    Mark,
    NotListed,
    OtherSearch,
    Search,
    count,
    select_keys,
)
from registry.search.walks import SQL, Budget, Place, Sieve, Way
from registry.templates.stored import StoredTemplate, TemplateUnknown
from registry.templates.template import Template
from registry.transitions import PrefixState
from tests.support.catalogue import Thing, meets, shelve
from tests.support.office import Office, acting

AMPLE = Budget(10**9, math.inf)
NAME = {"name": "name", "title_zh": "名称"}
SERIAL = {"name": "serial", "title_zh": "编号", "unique": True}
MODEL = {"name": "model", "title_zh": "型号", "listed": True}
POWER = {"name": "power", "title_zh": "功率", "kind": "number", "listed": True}
MADE_ON = {"name": "made_on", "title_zh": "生产日期", "kind": "date", "listed": True}
PASSED = {"name": "passed", "title_zh": "合格", "kind": "boolean", "listed": True}


def definition(name: str, version: int, *attributes: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": version, "title_zh": "产品", "attributes": [dict(one) for one in attributes]}


FIRST = definition("pump", 1, NAME, SERIAL, MODEL, POWER, MADE_ON, PASSED)
# Other indexes, another kind of index for the model, and no serial number at all.
SECOND = definition("pump", 2, POWER, MADE_ON, NAME, {**MODEL, "unique": True}, PASSED)
VALVE = definition("valve", 1, NAME, MODEL, {**POWER, "unique": True})
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)

LETTERS = "aAbB%_\\ß中\ud7fb😀"
MODELS = [
    "a",
    "A",
    "aa",
    "ab",
    "a%",
    "a_",
    "%",
    "\\",
    "中",
    "中文",
    "a\U0010ffff",
    "a\U0010ffffb",
    "\U0010ffff",
    "b\nc",
]
NUMBERS = ["-3", "-0.5", "0", "0.0", "0.50", "5", "5.0", "7.5", "9", "10", "1" + "0" * 37]
DATES = ["2025-12-31", "2026-01-01", "2026-02-28", "2026-03-01", "2026-11-21"]


@dataclass(frozen=True)
class Shop:
    """A prefix with identifiers of every kind, and somebody who may read them."""

    office: Office
    account: Account
    grant: PrefixGrant
    templates: tuple[StoredTemplate, ...]
    things: tuple[Thing, ...] = ()

    @property
    def pool(self) -> Pool:
        return self.office.pool

    @property
    def prefix(self) -> Prefix:
        return self.grant.prefix

    def search(self, budget: Budget = AMPLE) -> Search:
        return Search(self.pool, budget)

    def expected(self, filters: Filters) -> list[str]:
        return sorted(thing.suffix for thing in self.things if meets(thing, filters))


async def opened(pool: Pool, *definitions: dict[str, Any]) -> Shop:
    """A prefix with published templates of the node's own."""
    office = Office(pool)
    enterprise = await office.enterprise()
    templates: dict[str, StoredTemplate] = {}
    stored = []
    admin = office.admin
    for one in definitions:
        earlier = templates.get(one["name"])
        if earlier is None:
            made = await office.templates.create(admin, acting(admin), None, Template.from_json(one))
        else:
            made = await office.templates.revise(admin, acting(admin), earlier.template_id)
            made = await office.templates.edit(
                admin, acting(admin), made.template_id, Template.from_json(one), made.version
            )  # fmt: skip
        published = await office.templates.publish(admin, acting(admin), made.template_id)
        templates[one["name"]] = published
        stored.append(published)
    grant = await office.grant(enterprise=enterprise)
    return Shop(office, office.user(enterprise), grant, tuple(stored))


def things_of(templates: tuple[StoredTemplate, ...], number: int, seed: int = 7) -> list[Thing]:
    """Different suffixes, and values that repeat except where they must not."""
    chance = random.Random(seed)
    keys: set[str] = set()
    taken: set[tuple[int, str, str]] = set()
    things: list[Thing] = []
    while len(things) < number:
        suffix = "".join(chance.choices(LETTERS, k=chance.randint(1, 5)))
        template = chance.choice(templates)
        registered_at = BEGAN + timedelta(hours=chance.randrange(200))
        later = timedelta(hours=chance.choice((0, 0, chance.randrange(300))))
        values = {"name": f"名 {len(things)}"}
        for attribute in template.template.attributes:
            pool = {
                "serial": [f"S-{chance.randrange(1000)}", "S"], "model": MODELS, "power": NUMBERS, "made_on": DATES,
                "passed": ["true", "false"],
            }.get(attribute.name)  # fmt: skip
            if pool and chance.random() < 0.85:
                value = chance.choice(pool)
                claim = (template.template_id, attribute.name, value)
                if attribute.unique and claim in taken:
                    continue
                taken.add(claim)
                values[attribute.name] = value
        thing = Thing(
            suffix, template, chance.choice([IdentifierState.LIVE] * 4 + list(IdentifierState)), registered_at,
            registered_at + later, values,
        )  # fmt: skip
        if thing.key not in keys:
            keys.add(thing.key)
            things.append(thing)
    return things


# Against a look at every row ----------------------------------------------------------------------------

TEXTS = st.sampled_from([*MODELS, "zz", "aab"])
MOMENTS = st.none() | st.integers(-5, 510).map(lambda hours: BEGAN + timedelta(hours=hours))


def some(values: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    return st.none() | values


CONDITIONS = (
    st.builds(
        Condition, st.just("model"), equal=some(TEXTS), low=some(TEXTS), high=some(TEXTS),
        begins=some(TEXTS), contains=some(TEXTS),
    )
    | st.builds(
        Condition, st.just("power"), equal=some(st.sampled_from(NUMBERS)), low=some(st.sampled_from(NUMBERS)),
        high=some(st.sampled_from(NUMBERS)),
    )
    | st.builds(
        Condition, st.just("made_on"), low=some(st.sampled_from(DATES)), high=some(st.sampled_from(DATES)),
        begins=some(st.sampled_from(["2026", "2026-0", "2026-03"])),
    )
    | st.builds(Condition, st.just("passed"), equal=st.sampled_from(["true", "false"]))
    | st.builds(Condition, st.just("serial"), equal=st.sampled_from(["S", "S-7"]) | st.none(), begins=st.just("S"))
).filter(lambda one: one != Condition(one.attribute))  # fmt: skip
SUFFIX_PARTS = st.just("") | st.text(LETTERS, min_size=1, max_size=2)


@st.composite
def asked(draw: st.DrawFn) -> Filters:
    """Filters that make sense for the templates above."""
    filters = Filters(
        suffix_begins=draw(SUFFIX_PARTS), suffix_contains=draw(SUFFIX_PARTS),
        state=draw(st.sampled_from(StateFilter)), registered_from=draw(MOMENTS), registered_to=draw(MOMENTS),
        updated_from=draw(MOMENTS), updated_to=draw(MOMENTS),
    )  # fmt: skip
    keep = draw(st.sets(st.sampled_from(["suffix_begins", "suffix_contains", "state", "registered", "updated"])))
    for name in {"suffix_begins", "suffix_contains"} - keep:
        filters = replace(filters, **{name: ""})
    for name in {"registered", "updated"} - keep:
        filters = replace(filters, **{f"{name}_from": None, f"{name}_to": None})
    if "state" not in keep:
        filters = replace(filters, state=StateFilter.LIVE)
    meant = draw(st.sampled_from(["any", "pump", "valve", "first", "second"]))
    if meant == "any":
        return filters
    known = {"valve": {"model", "power"}, "second": {"model", "power", "made_on", "passed"}}.get(
        meant, {"model", "power", "made_on", "passed", "serial"}
    )
    conditions = draw(st.lists(CONDITIONS.filter(lambda one: one.attribute in known), max_size=3))
    filters = replace(filters, attributes=tuple(conditions))
    if meant in ("pump", "valve"):
        return replace(filters, template=meant)
    return replace(filters, template_id=-1 if meant == "first" else -2)


@pytest.fixture
def running_shop(database_url: str) -> Iterator[tuple[asyncio.Runner, Shop]]:
    """A shop on an event loop of its own, for tests that are run many times by a generator."""
    with asyncio.Runner() as runner:

        async def furnish() -> Shop:
            pool = await open_pool(database_url, "biaoshi_writer", size=2, seconds=30, name="test search")
            shop = await opened(pool, FIRST, SECOND, VALVE)
            things = tuple(things_of(shop.templates, 250))
            await shelve_all(shop, things)
            return replace(shop, things=things)

        shop = runner.run(furnish())
        yield runner, shop
        shop.pool.terminate()


async def shelve_all(shop: Shop, things: tuple[Thing, ...]) -> None:
    async with shop.pool.acquire() as connection:
        await shelve(connection, shop.grant.prefix_id, things)


def test_every_search_finds_what_a_look_at_every_identifier_finds(running_shop: tuple[asyncio.Runner, Shop]) -> None:
    runner, shop = running_shop
    sizes: list[int] = []

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(filters=asked(), limit=st.integers(1, 40), entries=st.sampled_from([1, 7, 50, 10_000]))
    def check(filters: Filters, limit: int, entries: int) -> None:
        if filters.template_id is not None:
            filters = replace(filters, template_id=shop.templates[-1 - filters.template_id].template_id)
        wanted = shop.expected(filters)
        sizes.append(len(wanted))
        found = runner.run(paged(shop, filters, limit, Budget(entries, math.inf)))
        assert sorted(found) == wanted
        keys = runner.run(keyed(shop, filters, limit, Budget(entries, math.inf)))
        assert keys == sorted(thing.key for thing in shop.things if meets(thing, filters))
        number, exact = runner.run(counted(shop, filters, Budget(entries, math.inf)))
        assert number == len(wanted) if exact else entries < len(shop.things)

    check()
    assert sum(size > 5 for size in sizes) > 20  # they are not all about nothing


async def paged(shop: Shop, filters: Filters, limit: int, budget: Budget) -> list[str]:
    """All pages to the end; cursors make the round through their text."""
    search = shop.search(budget)
    suffixes: list[str] = []
    after = None
    for _ in range(5_000):
        page = await search.page(shop.account, shop.prefix, filters, limit=limit, after=after)
        assert len(page.items) <= limit
        assert page.examined_all == (page.following is None or len(page.items) == limit)
        suffixes += [item.suffix for item in page.items]
        assert {item.template_id for item in page.items} == page.templates.keys()
        if page.following is None:
            return suffixes
        after = read_mark(written_mark(page.following))
        assert after == page.following
    raise AssertionError("the search never ends")


async def keyed(shop: Shop, filters: Filters, limit: int, budget: Budget) -> list[str]:
    keys: list[str] = []
    after: str | None = ""
    async with shop.pool.acquire() as connection:
        while after is not None:
            found, after = await select_keys(connection, shop.grant, filters, after, limit, budget)
            assert len(found) <= limit
            assert all(version == 1 for _, version in found)
            keys += [key for key, _ in found]
    return keys


async def counted(shop: Shop, filters: Filters, budget: Budget) -> tuple[int, bool]:
    async with shop.pool.acquire() as connection:
        return await count(connection, shop.grant, filters, budget)


# What is asked --------------------------------------------------------------------------------------------


@pytest.fixture
async def shop(pool: Pool) -> Shop:
    shop = await opened(pool, FIRST, SECOND, VALVE)
    things = tuple(things_of(shop.templates, 120))
    await shelve_all(shop, things)
    return replace(shop, things=things)


async def refusal(shop: Shop, error: type[Exception], **filters: Any) -> Any:
    with pytest.raises(error) as caught:
        await shop.search().page(shop.account, shop.prefix, Filters(**filters), limit=5)
    return caught.value


def condition(attribute: str, **parts: str) -> tuple[Condition, ...]:
    return (Condition(attribute, **parts),)


async def test_an_attribute_is_asked_for_by_its_template(shop: Shop) -> None:
    error = await refusal(shop, NotListed, attributes=condition("model", equal="a"))
    assert error.evidence == {"field": "template_id"}


async def test_an_attribute_must_be_listed_or_unique_in_every_version_that_has_it(shop: Shop) -> None:
    error = await refusal(shop, NotListed, template="pump", attributes=condition("name", equal="a"))
    assert (error.evidence["field"], error.evidence["template"]) == ("name", "pump@2")
    error = await refusal(shop, NotListed, template="pump", attributes=condition("colour", equal="a"))
    assert error.evidence["field"] == "colour"
    second = shop.templates[1].template_id
    await refusal(shop, NotListed, template_id=second, attributes=condition("serial", equal="S"))


async def test_a_version_without_the_attribute_has_no_identifier_that_meets_the_condition(shop: Shop) -> None:
    filters = Filters(template="pump", attributes=condition("serial", begins="S"))
    assert sorted(await paged(shop, filters, 3, AMPLE)) == shop.expected(filters) != []


async def test_every_operator_that_does_not_suit_its_attribute_is_named(shop: Shop) -> None:
    conditions = (
        Condition("power", begins="5"), Condition("power", low="heavy", high="7"), Condition("made_on", contains="1"),
        Condition("made_on", equal="2026-02-30"), Condition("passed", low="true"), Condition("passed", equal="x"),
        Condition("model", equal="a\x07"),
    )  # fmt: skip
    error = await refusal(shop, ConditionUnfit, template="pump", attributes=conditions)
    assert [(fault["field"], fault["code"]) for fault in error.evidence["faults"]] == [
        ("attributes.0.begins", "operator_unfit"), ("attributes.1.from", "not_a_number"),
        ("attributes.2.contains", "operator_unfit"), ("attributes.3.equal", "not_a_date"),
        ("attributes.4.from", "operator_unfit"), ("attributes.5.equal", "not_a_boolean"),
        ("attributes.6.equal", "control_character"),
    ]  # fmt: skip


async def test_numbers_and_truth_are_compared_by_what_they_mean(shop: Shop) -> None:
    for one, other in [("5", "5.000"), ("+5", "5"), ("0", "-0.0")]:
        first = await paged(shop, Filters(template="pump", attributes=condition("power", equal=one)), 9, AMPLE)
        again = await paged(shop, Filters(template="pump", attributes=condition("power", equal=other)), 9, AMPLE)
        assert sorted(first) == sorted(again) != []
    yes = await paged(shop, Filters(template="pump", attributes=condition("passed", equal="是")), 9, AMPLE)
    assert sorted(yes) == shop.expected(Filters(template="pump", attributes=condition("passed", equal="true")))


async def test_a_template_that_the_prefix_cannot_use_is_unknown(shop: Shop) -> None:
    office = shop.office
    other = await office.enterprise()
    user = office.user(other)
    made = await office.templates.create(user, acting(user), other.enterprise_id, Template.from_json(VALVE))
    published = await office.templates.publish(user, acting(user), made.template_id)
    await refusal(shop, TemplateUnknown, template_id=published.template_id)
    await refusal(shop, TemplateUnknown, template="gauge")
    await refusal(shop, TemplateUnknown, template="pump", template_id=shop.templates[2].template_id)
    draft = await office.templates.create(
        office.admin, acting(office.admin), None, Template.from_json({**VALVE, "name": "gauge"})
    )
    await refusal(shop, TemplateUnknown, template_id=draft.template_id)


async def test_only_those_who_may_read_the_prefix_may_search_it(shop: Shop) -> None:
    office = shop.office
    for stranger in (office.user(), office.user(await office.enterprise())):
        with pytest.raises(NotAllowed):
            await shop.search().page(stranger, shop.prefix, Filters(), limit=5)
    for reader in (office.admin, office.reviewer, office.auditor, shop.account):
        page = await shop.search().page(reader, shop.prefix, Filters(), limit=5)
        assert len(page.items) == 5
    with pytest.raises(PrefixUnknown):
        await shop.search().page(office.admin, Prefix.parse("88.101.99999"), Filters(), limit=5)


async def test_another_prefix_is_another_shelf(shop: Shop) -> None:
    office = shop.office
    grant = await office.grant(PrefixState.SUSPENDED)
    page = await shop.search().page(office.admin, grant.prefix, Filters(updated_from=BEGAN), limit=5, counted=True)
    assert (page.items, page.following, page.examined_all, page.count) == ([], None, True, (0, True))


# Places on a walk -------------------------------------------------------------------------------------------


async def test_a_place_of_another_search_is_refused(shop: Shop) -> None:
    filters = Filters(template="pump", attributes=condition("power", low="0"))
    first = await shop.search().page(shop.account, shop.prefix, filters, limit=2)
    assert first.following
    good = first.following
    for mark, others in [
        (good, Filters()),
        (good, Filters(template="pump", attributes=condition("model", low="0"))),
        (replace(good, place=good.place._replace(position="many")), filters),
        (replace(good, place=good.place._replace(position="1" * 90)), filters),
        (Mark("changes", Place(shop.templates[1].template_id, "yesterday", "")), Filters(template="pump")),
        (Mark("changes", Place(shop.templates[1].template_id, "2026-01-01", "")), Filters(template="pump")),
        (Mark("walk_suffixes", Place(0, "", "")), Filters()),
    ]:
        if mark is good and others.attributes:
            continue  # a condition in the same place: the position is a text as good as any other
        with pytest.raises(OtherSearch):
            await shop.search().page(shop.account, shop.prefix, others, limit=2, after=mark)


async def test_what_changes_between_pages_is_neither_skipped_nor_repeated(shop: Shop) -> None:
    search = shop.search()
    filters = Filters(template="valve", attributes=condition("model", low="a"))
    wanted = shop.expected(filters)
    first = await search.page(shop.account, shop.prefix, filters, limit=4)
    template = shop.templates[2]
    seen = [item.suffix for item in first.items]
    new = Thing("NEW", template, IdentifierState.LIVE, BEGAN, BEGAN, {"name": "新", "model": "a"})
    await shelve_all(shop, (new,))
    await shop.pool.execute("DELETE FROM attribute_index WHERE suffix_key = $1", first.items[-1].suffix_key)
    after = first.following
    while after is not None:
        page = await search.page(shop.account, shop.prefix, filters, limit=4, after=after)
        seen += [item.suffix for item in page.items]
        after = page.following
    assert sorted({*seen} - {"NEW"}) == wanted
    assert len(seen) == len({*seen})


# The budget -------------------------------------------------------------------------------------------------


async def crowd(shop: Shop, rows: int, *, octets: int = 40) -> None:
    """Many identifiers of the valve, a listed model and a number each; every thousandth is marked."""
    template = shop.templates[2]
    index = {attribute.name: attribute.index for attribute in template.template.attributes}
    await shop.pool.execute(
        "INSERT INTO identifier (prefix_id, template_id, version, registered_at, updated_at, suffix_key, record)"
        " SELECT $1, $2, 1, $5, $5,"
        " 'C-' || lpad(n::text, 9, '0') || CASE WHEN n % 1000 = 999 THEN '-RARE' ELSE '' END,"
        " '\\x00000000'::bytea || decode(repeat('ab', $4), 'hex') FROM generate_series(0, $3::int - 1) AS n",
        shop.grant.prefix_id, template.template_id, rows, octets, BEGAN,
    )  # fmt: skip
    await shop.pool.execute(
        "INSERT INTO attribute_index (prefix_id, template_id, attribute_index, is_unique, value, suffix_key, number)"
        " SELECT i.prefix_id, i.template_id, a.index, a.number IS NOT NULL,"
        " coalesce(a.number::text, CASE WHEN i.suffix_key LIKE '%-RARE' THEN 'M-rare' ELSE 'M' || n % 50 END),"
        " i.suffix_key, a.number"
        " FROM (SELECT *, row_number() OVER (ORDER BY suffix_key) AS n FROM identifier"
        " WHERE suffix_key LIKE 'C-%') i,"
        " LATERAL (VALUES ($1::int, NULL::numeric), ($2::int, n)) AS a (index, number)",
        index["model"], index["power"],
    )  # fmt: skip


async def test_what_is_rare_is_looked_for_no_longer_than_the_budget_allows(shop: Shop) -> None:
    await crowd(shop, 5_000)
    filters = Filters(suffix_contains="-rare")
    search = shop.search(Budget(700, math.inf))
    page = await search.page(shop.account, shop.prefix, filters, limit=50)
    assert (len(page.items), page.examined_all) == (0, False)
    assert page.following
    assert 500 <= int(page.following.place.suffix_key[2:].partition("-")[0]) < 700
    found = await paged(shop, filters, 50, Budget(700, math.inf))
    assert found == [f"C-{number:09d}-RARE" for number in range(999, 5_000, 1_000)]


async def test_time_ends_a_search_as_entries_do(shop: Shop) -> None:
    await crowd(shop, 3_000)
    ticks = itertools.count()
    search = Search(shop.pool, Budget(10**9, 2.5), clock=lambda: float(next(ticks)))
    page = await search.page(shop.account, shop.prefix, Filters(suffix_contains="-nowhere"), limit=50)
    assert not page.examined_all
    assert next(ticks) == 4  # begun at 0; after three stretches it was too late


async def test_of_two_ways_the_shorter_is_taken(shop: Shop) -> None:
    await crowd(shop, 4_000)
    few = (Condition("power", low="17", high="20"),)
    many = (Condition("model", begins="M"),)
    for conditions in (few + many, many + few):
        filters = Filters(template="valve", attributes=conditions)
        page = await shop.search(Budget(64, math.inf)).page(shop.account, shop.prefix, filters, limit=50)
        assert (len(page.items), page.following, page.examined_all) == (4, None, True)


async def test_a_wide_range_does_not_hide_a_rare_text(shop: Shop) -> None:
    await crowd(shop, 40_000)
    conditions = (Condition("power", low="1"), Condition("model", contains="rare"))
    page = await shop.search().page(
        shop.account, shop.prefix, Filters(template="valve", attributes=conditions), limit=5
    )
    assert len(page.items) == 5
    assert page.following
    assert page.following.walk == "values.1"


async def test_a_time_of_registration_is_answered_to_its_end(shop: Shop) -> None:
    await crowd(shop, 3_000)
    await shop.pool.execute(
        "UPDATE identifier i SET registered_at = m.at, updated_at = m.at FROM (SELECT suffix_key,"
        " $1::timestamptz + right(left(suffix_key, 11), 9)::int * interval '1 minute' AS at"
        " FROM identifier WHERE suffix_key LIKE 'C-%') m WHERE i.suffix_key = m.suffix_key",
        BEGAN + timedelta(days=400),
    )
    await shop.pool.execute(
        "UPDATE identifier SET updated_at = updated_at + interval '1 year' WHERE suffix_key LIKE 'C-00000010_'"
    )
    window = Filters(
        suffix_begins="C-", registered_from=BEGAN + timedelta(days=400, minutes=95),
        registered_to=BEGAN + timedelta(days=400, minutes=114),
    )  # fmt: skip
    budget = Budget(128, math.inf)
    page = await shop.search(budget).page(shop.account, shop.prefix, window, limit=50, counted=True)
    assert sorted(int(item.suffix[2:11]) for item in page.items) == list(range(95, 115))
    assert (page.following, page.examined_all, page.count) == (None, True, (20, True))


@pytest.mark.parametrize("entries", [1, 5, 1_000])
async def test_what_was_registered_in_a_time_and_changed_in_it_comes_once(shop: Shop, entries: int) -> None:
    window = Filters(
        state=StateFilter.ALL, registered_from=BEGAN + timedelta(hours=10),
        registered_to=BEGAN + timedelta(hours=150),
    )  # fmt: skip
    found = await paged(shop, window, 7, Budget(entries, math.inf))
    assert sorted(found) == shop.expected(window)
    changed = [thing.updated_at for thing in shop.things if thing.updated_at != thing.registered_at]
    assert any(window.registered_from < at < window.registered_to for at in changed)  # type: ignore[operator]


# Counts -----------------------------------------------------------------------------------------------------


async def test_a_count_is_exact_as_long_as_it_can_be(shop: Shop) -> None:
    live = len(shop.expected(Filters()))
    first = await shop.search().page(shop.account, shop.prefix, Filters(), limit=5, counted=True)
    assert first.count == (live, True)
    second = await shop.search().page(
        shop.account, shop.prefix, Filters(), limit=5, counted=True, after=first.following
    )
    assert second.count == (live, True)
    plain = await shop.search().page(shop.account, shop.prefix, Filters(), limit=5)
    assert plain.count is None
    assert [item.suffix for item in plain.items] == [item.suffix for item in first.items]


async def test_a_count_of_many_is_an_estimate_and_says_so(shop: Shop) -> None:
    rows = COUNTED_EXACTLY + 5_000
    await crowd(shop, rows, octets=400)
    every = await counted(shop, Filters(suffix_begins="c-"), AMPLE)
    assert not every[1]
    assert 0.75 * rows < every[0] < 1.25 * rows
    half = await counted(shop, Filters(template="valve", attributes=condition("power", high="12000")), AMPLE)
    assert not half[1]
    assert 9_000 < half[0] < 15_000
    few = await counted(shop, Filters(template="valve", attributes=condition("power", high="2500")), AMPLE)
    assert few[0] >= 2_500
    assert few[1]


async def test_an_estimate_is_never_below_what_was_seen(shop: Shop) -> None:
    await crowd(shop, 3_000, octets=400)
    number, exact = await counted(shop, Filters(suffix_contains="-rare"), Budget(2_500, math.inf))
    assert not exact
    assert number >= 2


# Plans ------------------------------------------------------------------------------------------------------

ROUTES: dict[Way, tuple[tuple[Any, ...], str]] = {
    Way.SUFFIXES: (("",), "identifier_unique"),
    Way.STATE: (("", 3), "identifier_by_state"),
    Way.CHANGES: ((3, BEGAN, "", BEGAN), "identifier_by_template"),
    Way.REGISTRATIONS: ((3, BEGAN, ""), "identifier_by_registration"),
    Way.VALUES: ((3, 2001, "M1", "", "M2", ""), "attribute_index_by_value"),
    Way.UNIQUE_VALUES: ((3, 2002, "1", "", "2", ""), "attribute_value_unique"),
    Way.NUMBERS: ((3, 2002, "17", "", "3000"), "attribute_index_by_number"),
}
BLIND = {"Seq Scan", "Bitmap Heap Scan", "Sort", "Hash Join", "Merge Join", "Materialize"}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("known", [False, True], ids=["before statistics", "after statistics"])
async def test_every_walk_follows_its_index_whatever_the_planner_knows(shop: Shop, mode: str, known: bool) -> None:
    await crowd(shop, 12_000)
    conditions = [
        {"template_id": 3, "attribute_index": 2001, "value_from": "M1", "value_until": "M2", "contains": "",
         "number_from": None, "number_to": None}
    ]  # fmt: skip
    sieve = Sieve(states=(IdentifierState.LIVE,), suffix_contains="7")
    arguments = [*sieve.arguments(shop.grant.prefix_id)[:-2], json.dumps(conditions), 1]
    async with shop.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE NONE")
        if known:
            await connection.execute("ANALYZE identifier, attribute_index")
        await connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
        for way, (route, index) in ROUTES.items():
            texts = [_literal(value) for value in (*arguments, 51, 1000, *route)]
            await connection.execute(f"PREPARE probe AS {SQL[way]}")
            plan = json.loads(
                await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE probe ({', '.join(texts)})")
            )  # fmt: skip
            await connection.execute("DEALLOCATE probe")
            used = list(nodes(plan[0]["Plan"]))
            assert not {one["Node Type"] for one in used} & BLIND, (way, plan)
            assert index in {one.get("Index Name") for one in used}, (way, plan)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return "ARRAY[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, datetime):
        return f"'{value.isoformat()}'"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def test_every_walk_has_the_same_sieve() -> None:
    sieves = {
        re.sub(r"\s+", " ", match)
        for name in [*Way, "sample_identifiers"]
        for match in re.findall(r"(i\.state = ANY.*?)AS passes", SQL[name], re.DOTALL)
    }
    assert len(sieves) == 1
