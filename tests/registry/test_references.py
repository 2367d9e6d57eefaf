"""References on a real database: those that lead nowhere, and who points where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from node.auth import Account, NotAllowed
from node.database import transaction
from node.identifier import Identifier, Prefix
from registry.prefix_grant import PrefixGrant
from registry.prefixes import PrefixUnknown
from registry.references import BEGINNING, FIRST_REFERRER, Dangling, Place, References, TargetState
from registry.templates.aliases import Scheme, put_alias
from registry.templates.template import Template
from tests.support.office import NODE_PREFIX, Office, acting

PART: dict[str, Any] = {
    "name": "part",
    "version": 1,
    "title_zh": "零件",
    "attributes": [
        {"name": "name", "title_zh": "名称"},
        {"name": "pump", "title_zh": "所属水泵", "kind": "reference"},
        {"name": "spares", "title_zh": "备件", "kind": "reference", "many": True},
        {"name": "like", "title_zh": "同类零件", "kind": "reference", "template": "part"},
        {"name": "motor", "title_zh": "电机", "kind": "reference", "template": "88.101.2002/META_motor"},
    ],
}


@dataclass(frozen=True)
class Holder:
    """An enterprise's user and its prefix."""

    account: Account
    grant: PrefixGrant

    @property
    def prefix(self) -> Prefix:
        return self.grant.prefix


class Parts:
    """Identifiers with references under the prefixes of two enterprises, written as the writers write them."""

    def __init__(self, office: Office, template_id: int, ours: Holder, theirs: Holder) -> None:
        self.office = office
        self.references = References(office.pool, NODE_PREFIX)
        self.template_id = template_id
        self.template = Template.from_json(PART)
        self.encoder = self.template.compile()
        self.ours = ours
        self.theirs = theirs

    async def put(self, holder: Holder, suffix: str, state: int = 1, **attributes: Any) -> None:
        """One identifier with what stands beside it."""
        values = [attributes.get(name) for name in self.template.names]
        entry = self.encoder.entry(holder.prefix, (suffix, values, ()), bytes(4))
        assert not isinstance(entry, list), entry
        prefix_id = holder.grant.prefix_id
        await self.office.pool.execute(
            "INSERT INTO identifier (prefix_id, template_id, version, state, registered_at, updated_at, suffix_key,"
            " suffix, record) VALUES ($1, $2, 1, $3, $4, $4, $5, $6, $7)",
            prefix_id, self.template_id, state, self.office.clock(), entry.suffix_key, suffix, entry.record,
        )  # fmt: skip
        await self.office.pool.executemany(
            "INSERT INTO identifier_reference (prefix_id, attribute_index, suffix_key, target_prefix,"
            " target_suffix_key) VALUES ($1, $2, $3, $4, $5)",
            [(prefix_id, index, entry.suffix_key, prefix, key) for index, prefix, key in entry.references],
        )


@pytest.fixture
async def parts(office: Office) -> Parts:
    """Prefixes 88.101.2002 (ours) and 88.101.2004 (theirs), for the office counts enterprises and prefixes alike."""
    admin = office.admin
    made = await office.templates.create(admin, acting(admin), None, Template.from_json(PART))
    holders = []
    for _ in range(2):
        enterprise = await office.enterprise()
        holders.append(Holder(office.user(enterprise), await office.grant(enterprise=enterprise)))
    assert [holder.prefix.key for holder in holders] == ["88.101.2002", "88.101.2004"]
    return Parts(office, made.template_id, *holders)


async def test_a_reference_dangles_when_its_target_should_be_here_and_is_not(parts: Parts) -> None:
    ours, theirs = parts.ours, parts.theirs
    await parts.put(ours, "Whole", name="x")
    await parts.put(ours, "Gone", state=2, name="x")
    await parts.put(theirs, "Resting", state=3, name="x")
    await parts.put(
        ours, "Part-1", pump="88.101.2002/WHOLE",
        spares=["88.101.2002/gone", "88.101.2004/resting", "88.101.2004/never", "88.101.9999/a", "88.101/b",
                "88.1010/c", "86.7.1/d"],
    )  # fmt: skip
    page = await parts.references.dangling(ours.account, ours.prefix)
    assert page.items == [
        Dangling("Part-1", "spares", "88.101/B", TargetState.UNKNOWN),
        Dangling("Part-1", "spares", "88.101.2002/GONE", TargetState.DELETED),
        Dangling("Part-1", "spares", "88.101.2004/NEVER", TargetState.UNKNOWN),
        Dangling("Part-1", "spares", "88.101.2004/RESTING", TargetState.SUSPENDED),
        Dangling("Part-1", "spares", "88.101.9999/A", TargetState.UNKNOWN),
    ]
    assert (page.looked_at, page.foreign, page.after) == (8, 2, None)


async def test_pages_lose_nothing_wherever_they_end(parts: Parts) -> None:
    holder = parts.ours
    await parts.put(holder, "Whole", name="x")
    for number in range(12):
        await parts.put(
            holder, f"P{number:02d}", pump="88.101.2002/whole" if number % 3 else "88.101.2002/none",
            spares=[f"88.101.2002/s{number}", "88.7/foreign"],
        )  # fmt: skip
    everything = await parts.references.dangling(holder.account, holder.prefix, limit=200)
    assert (len(everything.items), everything.looked_at, everything.foreign) == (16, 36, 12)
    for limit, look_at in ((1, 100), (3, 5), (200, 1), (2, 2), (5, 36), (16, 100), (200, 36)):
        found: list[Dangling] = []
        looked_at = foreign = 0
        after: Place | None = BEGINNING
        while after is not None:
            page = await parts.references.dangling(
                holder.account, holder.prefix, after=after, limit=limit, look_at=look_at
            )
            found += page.items
            looked_at, foreign, after = looked_at + page.looked_at, foreign + page.foreign, page.after
            assert len(page.items) <= limit
            assert page.looked_at <= look_at
        assert (found, looked_at, foreign) == (everything.items, 36, 12)


async def test_a_target_of_another_template_than_the_attribute_names_is_told(parts: Parts) -> None:
    office, ours = parts.office, parts.ours
    owner = ours.account.enterprise_id
    assert owner is not None
    definition = {**PART, "name": "motor", "attributes": PART["attributes"][:1]}
    motor = await office.templates.create(office.admin, acting(office.admin), owner, Template.from_json(definition))
    await parts.put(ours, "Part", name="x")
    await parts.put(ours, "Motor", name="x")
    await office.pool.execute("UPDATE identifier SET template_id = $1 WHERE suffix_key = 'MOTOR'", motor.template_id)
    await parts.put(
        ours, "P-1", like="88.101.2002/motor", motor="88.101.2002/part", pump="88.101.2002/motor",
    )  # fmt: skip
    await parts.put(ours, "P-2", like="88.101.2002/part", motor="88.101.2002/motor")

    async def told() -> list[Dangling]:
        return list((await parts.references.dangling(ours.account, ours.prefix)).items)

    # Nobody knows the handle yet, so nothing is said of what it should be.
    astray = [Dangling("P-1", "like", "88.101.2002/MOTOR", TargetState.OTHER_TEMPLATE)]
    assert await told() == astray
    async with transaction(office.pool) as connection:
        await put_alias(connection, Scheme.IDHUB, "88.101.2002", "META_MOTOR", owner, "motor", {}, office.clock())
    assert await told() == [*astray, Dangling("P-1", "motor", "88.101.2002/PART", TargetState.OTHER_TEMPLATE)]


async def test_a_prefix_without_references_has_an_empty_page(parts: Parts) -> None:
    holder = parts.ours
    page = await parts.references.dangling(holder.account, holder.prefix)
    assert (list(page.items), page.looked_at, page.foreign, page.after) == ([], 0, 0, None)


async def test_only_who_may_read_a_prefix_learns_what_dangles(parts: Parts) -> None:
    ours, theirs = parts.ours, parts.theirs
    with pytest.raises(NotAllowed):
        await parts.references.dangling(theirs.account, ours.prefix)
    await parts.references.dangling(parts.office.reviewer, ours.prefix)
    with pytest.raises(PrefixUnknown):
        await parts.references.dangling(parts.office.reviewer, Identifier.parse("88.101.7/x").prefix)


async def test_referrers_are_one_s_own_and_staff_sees_everybody_s(parts: Parts) -> None:
    ours, theirs = parts.ours, parts.theirs
    target = "88.101.2002/Pump-1"
    for number in range(3):
        await parts.put(ours, f"A{number}", pump=target, spares=[target, "88.9/x"])
    await parts.put(theirs, "Their", state=3, spares=["88.101.2002/PUMP-1"])
    asked = Identifier.parse(target)
    mine = await parts.references.referrers(ours.account, asked)
    assert [(found.text, found.attribute) for found in mine] == [
        (f"88.101.2002/A{number}", name) for number in range(3) for name in ("pump", "spares")
    ]
    assert [found.text for found in await parts.references.referrers(theirs.account, asked)] == ["88.101.2004/Their"]
    everybody = await parts.references.referrers(parts.office.reviewer, asked)
    assert len(everybody) == 7
    assert everybody[-1].state.word == "suspended"
    paged, after = [], FIRST_REFERRER
    while page := await parts.references.referrers(parts.office.reviewer, asked, after=after, limit=2):
        paged += page
        after = page[-1].place
    assert paged == everybody
    # Where the target lies does not matter: others' and unregistered ones too.
    assert len(await parts.references.referrers(ours.account, Identifier.parse("88.9/X"))) == 3
    assert await parts.references.referrers(ours.account, Identifier.parse("88.9/none")) == []
