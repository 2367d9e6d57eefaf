"""Coding rules and saved mappings as stored, and the serial numbers that rules give out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from node.auth import NotAllowed
from node.database import Pool, transaction
from registry.coding.definition import read_coding_rule
from registry.coding.rules import (
    CodingRuleNameTaken,
    CodingRules,
    CodingRuleUnknown,
    StoredCodingRule,
    SuffixNotMade,
    coding_rule_by_name,
)
from registry.coding.serials import SuffixesTaken, check_rule, next_suffix, take_serials, with_suffixes
from registry.enterprises import EnterpriseUnknown
from registry.mappings.mapping import InvalidMapping, Mapped, Mapping
from registry.mappings.stored import MappingNameTaken, Mappings, MappingUnknown, mapping_by_name
from registry.rejection import Code
from registry.store import VersionChanged
from tests.support.office import Office, acting
from tests.support.world import Holder, World

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
NAMES = ("name", "model")
SERIAL: dict[str, Any] = {"kind": "serial", "width": 4}
MONTHLY: list[dict[str, Any]] = [
    {"kind": "date", "format": "YYMM"},
    {"kind": "serial", "width": 3, "period": "month"},
]
PUMPS: list[dict[str, Any]] = [
    {"kind": "value", "name": "model", "case": "upper"},
    {"kind": "literal", "text": "-"},
    SERIAL,
]


@pytest.fixture
def rules(office: Office) -> CodingRules:
    return CodingRules(office.pool, office.clock, Random(7))


@pytest.fixture
def mappings(office: Office) -> Mappings:
    return Mappings(office.pool, office.clock)


def definition(*segments: dict[str, Any]) -> Any:
    return read_coding_rule({"segments": list(segments)})


async def stored(world: World, holder: Holder, *segments: dict[str, Any], name: str = "pump") -> StoredCodingRule:
    owner = holder.account.enterprise_id
    assert owner is not None
    return await world.coding_rules.create(holder.account, holder.actor, owner, name, definition(*segments))


async def prefix_id(world: World, holder: Holder) -> int:
    found = await world.pool.fetchval("SELECT prefix_id FROM prefix WHERE prefix = $1", holder.prefix.key)
    return int(found)


def row(model: str | None, *, further: dict[str, Any] | None = None) -> Mapped:
    return further or {}, ["泵", model, ""], ()


# Kept under a name ---------------------------------------------------------------------------------------


async def test_a_rule_is_made_replaced_and_deleted_with_every_trace(office: Office, rules: CodingRules) -> None:
    enterprise = await office.enterprise()
    user = office.user(enterprise)
    owner = enterprise.enterprise_id
    async with office.leaving(None):
        made = await rules.create(user, acting(user), owner, "pump", definition(SERIAL))
    assert (made.name, made.version, made.created_at) == ("pump", 1, office.clock.now)
    assert await rules.get(user, made.number) == made
    office.clock.turn(hours=1)
    async with office.leaving(None):
        changed = await rules.replace(user, acting(user), made.number, "valve", definition(*PUMPS), 1)
    assert (changed.name, changed.version, changed.updated_at) == ("valve", 2, office.clock.now)
    assert await rules.get(office.auditor, made.number) == changed
    async with office.nothing_left():
        assert await rules.replace(user, acting(user), made.number, "valve", definition(*PUMPS), 2) == changed
        with pytest.raises(VersionChanged):
            await rules.replace(user, acting(user), made.number, "valve", definition(SERIAL), 1)
        with pytest.raises(VersionChanged):
            await rules.delete(user, acting(user), made.number, 1)
    acts = await rules.history(user, made.number)
    assert [act.action for act in acts] == ["coding_rule.edit", "coding_rule.create"]
    assert acts[0].before is not None
    assert acts[0].before["definition"] == definition(SERIAL).to_json()
    async with office.leaving(None):
        await rules.delete(user, acting(user), made.number, 2)
    with pytest.raises(CodingRuleUnknown):
        await rules.get(user, made.number)
    assert (await office.traces()).acts[-1]["after"] is None


async def test_a_name_stands_once_in_an_enterprise(office: Office, rules: CodingRules, mappings: Mappings) -> None:
    first, second = await office.enterprise(), await office.enterprise()
    admin, mapping = office.admin, Mapping.parse(["a=suffix"])
    for enterprise in (first, second):
        owner = enterprise.enterprise_id
        await rules.create(admin, acting(admin), owner, "a", definition(SERIAL))
        await mappings.create(admin, acting(admin), owner, "a", mapping)
    owner = first.enterprise_id
    other = await rules.create(admin, acting(admin), owner, "b", definition(SERIAL))
    other_mapping = await mappings.create(admin, acting(admin), owner, "b", mapping)
    async with office.nothing_left():
        with pytest.raises(CodingRuleNameTaken):
            await rules.create(admin, acting(admin), owner, "a", definition(SERIAL))
        with pytest.raises(CodingRuleNameTaken):
            await rules.replace(admin, acting(admin), other.number, "a", definition(SERIAL), 1)
        with pytest.raises(MappingNameTaken):
            await mappings.create(admin, acting(admin), owner, "a", mapping)
        with pytest.raises(MappingNameTaken):
            await mappings.replace(admin, acting(admin), other_mapping.number, "a", mapping, 1)
        nobody = office.user().enterprise_id
        assert nobody is not None
        with pytest.raises(EnterpriseUnknown):
            await rules.create(admin, acting(admin), nobody, "c", definition(SERIAL))
        with pytest.raises(EnterpriseUnknown):
            await mappings.create(admin, acting(admin), nobody, "c", mapping)


async def test_only_their_own_and_those_who_may_edit_do(
    office: Office, rules: CodingRules, mappings: Mappings
) -> None:
    enterprise = await office.enterprise()
    owner, admin = enterprise.enterprise_id, office.admin
    rule = await rules.create(admin, acting(admin), owner, "a", definition(SERIAL))
    mapping = await mappings.create(admin, acting(admin), owner, "a", Mapping.parse(["a=suffix"]))
    editors, readers = set(), set()
    for who, account in office.cast(enterprise).items():
        try:
            assert await rules.get(account, rule.number) == rule
            assert await mappings.get(account, mapping.number) == mapping
            assert await rules.list(account, enterprise_id=owner) == [rule]
            assert await mappings.list(account, enterprise_id=owner) == [mapping]
            assert await rules.preview(account, rule.number, {}) == ("0001", 1)
            readers.add(who)
        except NotAllowed:
            pass
        try:
            await rules.replace(account, acting(account), rule.number, "a", definition(SERIAL), 1)
            await mappings.replace(account, acting(account), mapping.number, "a", mapping.definition, 1)
            editors.add(who)
        except NotAllowed:
            with pytest.raises(NotAllowed):
                await rules.delete(account, acting(account), rule.number, 1)
            with pytest.raises(NotAllowed):
                await mappings.create(account, acting(account), owner, "x", mapping.definition)
    assert editors == {"administrator", "own user"}
    assert readers == {"administrator", "reviewer", "auditor", "own user", "own application"}


async def test_lists_come_page_by_page_in_the_order_of_creation(office: Office, mappings: Mappings) -> None:
    first, second = await office.enterprise(), await office.enterprise()
    admin, definition_ = office.admin, Mapping.parse(["a=suffix"])
    made = [
        await mappings.create(admin, acting(admin), enterprise.enterprise_id, name, definition_)
        for name in ("c", "b", "a")
        for enterprise in (first, second)
    ]
    assert await mappings.list(admin, limit=4) == made[:4]
    assert await mappings.list(admin, after=made[3].number) == made[4:]
    assert await mappings.list(office.user(second), limit=9) == made[1::2]


async def test_a_batch_finds_what_its_enterprise_means_by_a_name(
    office: Office, rules: CodingRules, mappings: Mappings
) -> None:
    enterprise = await office.enterprise()
    owner, admin = enterprise.enterprise_id, office.admin
    rule = await rules.create(admin, acting(admin), owner, "泵", definition(*PUMPS))
    rich = {"suffix": {"coding_rule": "泵"}, "attributes": {"name": {"column": "b", "lookup": {"z": "1", "a": "2"}}}}
    mapping = await mappings.create(admin, acting(admin), owner, "泵", Mapping.parse(rich))
    stranger = office.user().enterprise_id
    assert stranger is not None
    async with office.pool.acquire() as connection:
        assert await coding_rule_by_name(connection, owner, "泵") == rule
        found = await mapping_by_name(connection, owner, "泵")
        assert (found, found.definition.to_json()) == (mapping, rich)
        with pytest.raises(CodingRuleUnknown):
            await coding_rule_by_name(connection, stranger, "泵")
        with pytest.raises(MappingUnknown):
            await mapping_by_name(connection, stranger, "泵")


# Serial numbers ------------------------------------------------------------------------------------------


async def taken(pool: Pool, period: str = "", count: int = 1, start: int = 1, rule: int = 1, prefix: int = 1) -> int:
    async with transaction(pool) as connection:
        return await take_serials(connection, rule, prefix, period, count, start)


async def test_numbers_go_on_by_rule_prefix_and_period(pool: Pool) -> None:
    assert [await taken(pool), await taken(pool, count=5), await taken(pool)] == [1, 2, 7]
    assert await taken(pool, prefix=2) == await taken(pool, rule=2) == await taken(pool, "2026") == 1
    assert [await taken(pool, start=100), await taken(pool, start=1)] == [100, 101]


async def test_numbers_of_a_rolled_back_transaction_are_given_again(pool: Pool) -> None:
    async with pool.acquire() as connection:
        block = connection.transaction()
        await block.start()
        assert await take_serials(connection, 1, 1, "", 10) == 1
        await block.rollback()
    assert await taken(pool) == 1


async def test_no_number_is_given_twice_however_many_ask(pool: Pool) -> None:
    firsts = await asyncio.gather(*(taken(pool, count=3) for _ in range(40)))
    assert sorted(firsts) == list(range(1, 121, 3))


# Suffixes ------------------------------------------------------------------------------------------------


async def test_the_rows_of_a_chunk_get_the_numbers_in_their_order(pool: Pool) -> None:
    world = World(pool)
    holder = await world.holder()
    rule = await stored(world, holder, *PUMPS)
    number = await prefix_id(world, holder)
    bad = Code.NOT_IN_LOOKUP.fault("model", value="x")
    rows: list[Mapped] = [row("dn50"), ({}, ["泵", "", ""], [bad]), row("dn65"), row(None), row("dn80")]
    async with transaction(pool) as connection:
        made = await with_suffixes(connection, rule, number, NAMES, rows, AT, Random(1))
    assert [suffix for suffix, _, faults in made if not faults] == ["DN50-0001", "DN65-0002", "DN80-0004"]
    assert [[(fault.field, str(fault.code)) for fault in faults] for _, _, faults in made if faults] == [
        [("model", "not_in_lookup")],
        [("suffix", "coding_value_missing")],
    ]
    assert [list(values) for _, values, _ in made] == [list(values) for _, values, _ in rows]
    async with transaction(pool) as connection:
        made = await with_suffixes(connection, rule, number, NAMES, [row("a", further={"model": "b"})], AT, Random(1))
    assert made[0][0] == "B-0005"


async def test_rows_that_are_all_faulty_take_no_number(pool: Pool) -> None:
    world = World(pool)
    holder = await world.holder()
    rule = await stored(world, holder, SERIAL)
    number = await prefix_id(world, holder)
    bad = Code.NOT_TEXT.fault("name")
    async with transaction(pool) as connection:
        await with_suffixes(connection, rule, number, NAMES, [({}, ["", "", ""], [bad])], AT, Random(1))
        assert await with_suffixes(connection, rule, number, NAMES, [], AT, Random(1)) == []
    assert await pool.fetchval("SELECT count(*) FROM coding_serial") == 0


async def test_numbers_begin_anew_with_the_month_in_china(pool: Pool) -> None:
    world = World(pool)
    holder = await world.holder()
    rule = await stored(world, holder, *MONTHLY)
    number = await prefix_id(world, holder)
    moments = [
        datetime(2026, 11, 30, 15, 59, tzinfo=UTC),
        datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC),
        datetime(2026, 11, 30, 16, 0, tzinfo=UTC),
    ]
    async with transaction(pool) as connection:
        made = [await next_suffix(connection, rule, number, {}, at, Random(1)) for at in moments]
    assert made == ["2611001", "2611002", "2612001"]


async def register(world: World, holder: Holder, suffix: str) -> None:
    await world.identifiers.register(holder.account, holder.actor, holder.identifier(suffix), "pump", {"name": "泵"})


async def test_suffixes_that_stand_already_are_passed_over(pool: Pool) -> None:
    world = World(pool)
    holder = await world.holder()
    await world.template()
    rule = await stored(world, holder, {"kind": "literal", "text": "p"}, SERIAL)
    number = await prefix_id(world, holder)
    for suffix in ("P0001", "p0002", "P0004", "p0005", "p0006", "p0009"):
        await register(world, holder, suffix)
    async with transaction(pool) as connection:
        assert await next_suffix(connection, rule, number, {}, AT, Random(1)) == "p0003"
        made = await with_suffixes(connection, rule, number, NAMES, [row("x")] * 4, AT, Random(1))
    suffixes = [suffix for suffix, _, faults in made if not faults]
    assert len(set(suffixes)) == 4
    assert not set(suffixes) & {"p0001", "p0002", "p0003", "p0004", "p0005", "p0006", "p0009"}


async def test_random_suffixes_of_one_chunk_all_differ(pool: Pool) -> None:
    world = World(pool)
    holder = await world.holder()
    rule = await stored(world, holder, {"kind": "random", "length": 2, "alphabet": "0123456789"})
    number = await prefix_id(world, holder)
    async with transaction(pool) as connection:
        made = await with_suffixes(connection, rule, number, NAMES, [row("x")] * 60, AT, Random(3))
    suffixes = [suffix for suffix, _, faults in made if not faults]
    assert len(set(suffixes)) == len(suffixes) == 60


async def test_a_rule_whose_suffixes_are_used_up_says_so(pool: Pool) -> None:
    world = World(pool)
    holder = await world.holder()
    await world.template()
    number = await prefix_id(world, holder)
    short = await stored(world, holder, {"kind": "serial", "width": 1, "start": 8}, name="short")
    coin = await stored(world, holder, {"kind": "random", "length": 1, "alphabet": "AB"}, name="coin")
    named = await stored(world, holder, {"kind": "value", "name": "model"}, name="named")
    await register(world, holder, "A")
    await register(world, holder, "B")
    async with transaction(pool) as connection:
        made = [await next_suffix(connection, short, number, {}, AT, Random(1)) for _ in range(2)]
        assert made == ["8", "9"]
        with pytest.raises(SuffixNotMade) as spent:
            await next_suffix(connection, short, number, {}, AT, Random(1))
        assert [fault["code"] for fault in spent.value.evidence["faults"]] == ["serials_spent"]
        with pytest.raises(SuffixesTaken):
            await next_suffix(connection, coin, number, {}, AT, Random(1))
        rows = await with_suffixes(connection, coin, number, NAMES, [row("x")], AT, Random(1))
        assert [str(fault.code) for fault in rows[0][2]] == ["identifier_exists"]
        # What can only be this one suffix is refused by the registration itself.
        assert await next_suffix(connection, named, number, {"model": "A"}, AT, Random(1)) == "A"


async def test_a_rule_that_nobody_gives_its_values_is_refused_before_the_first_row(pool: Pool) -> None:
    world = World(pool)
    holder = await world.holder()
    rule = await stored(world, holder, {"kind": "value", "name": "line"}, *PUMPS)
    given = Mapping.parse({"suffix": {"coding_rule": "pump", "values": {"line": "线"}}, "attributes": {}})
    check_rule(rule, given, NAMES)
    with pytest.raises(InvalidMapping) as raised:
        check_rule(rule, Mapping.parse({"suffix": {"coding_rule": "pump"}, "attributes": {}}), ["name"])
    faults = raised.value.evidence["faults"]
    assert [(fault["field"], fault["code"]) for fault in faults] == [("suffix", "rule_value_unknown")] * 2


async def test_a_preview_takes_no_number(pool: Pool) -> None:
    world = World(pool)
    holder = await world.holder()
    rule = await stored(world, holder, *PUMPS)
    preview = world.coding_rules.preview
    assert await preview(holder.account, rule.number, {"model": "dn50"}) == ("DN50-0001", 1)
    assert await preview(holder.account, rule.number, {"model": "dn50"}, 77) == ("DN50-0077", 77)
    with pytest.raises(SuffixNotMade):
        await preview(holder.account, rule.number, {})
    assert await pool.fetchval("SELECT count(*) FROM coding_serial") == 0
