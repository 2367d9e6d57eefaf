"""Changing a template in use: its next edition in one transaction, with nothing taken away."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from node.auth import NotAllowed
from node.database import transaction
from registry.enterprises import Enterprise
from registry.templates.attributes import AttributeState
from registry.templates.editions import newest_edition
from registry.templates.next_edition import EditionChanges, change_edition
from registry.templates.removal import withdraw_editions
from registry.templates.stored import (
    AttributeNatureFixed,
    AttributesFixed,
    StoredTemplate,
    TemplateDraftExists,
    TemplateUnknown,
)
from registry.templates.template import Attribute, InvalidTemplate, Kind, Template
from registry.transitions import TemplateState
from tests.support.office import Office, acting

PUMP = Template(
    "pump", 1, "水泵",
    attributes=(Attribute("serial", "序列号", unique=True), Attribute("power", "功率", kind=Kind.NUMBER)),
)  # fmt: skip
COLOUR = Attribute("colour", "颜色")


async def published(office: Office, owner: Enterprise, template: Template = PUMP) -> StoredTemplate:
    admin = office.admin
    made = await office.templates.create(admin, acting(admin), owner.enterprise_id, template)
    return await office.templates.publish(admin, acting(admin), made.template_id)


async def changed(office: Office, stored: StoredTemplate, changes: EditionChanges) -> StoredTemplate:
    return await office.templates.change(office.admin, acting(office.admin), stored.template_id, changes)


async def test_a_published_template_gets_its_next_edition_published_at_once(office: Office) -> None:
    owner = await office.enterprise()
    first = await published(office, owner)
    off = replace(PUMP.attributes[1], state=AttributeState.DISABLED)
    async with office.leaving(None, "template.published"):
        second = await changed(office, first, EditionChanges(title_zh="离心泵", attributes=(COLOUR, off)))
    assert (second.state, second.template.version) == (TemplateState.PUBLISHED, 2)
    assert second.template.title_zh == "离心泵"
    assert [(one.name, one.index, one.state) for one in second.template.attributes] == [
        ("serial", 2000, AttributeState.ENABLED),
        ("power", 2001, AttributeState.DISABLED),
        ("colour", 2002, AttributeState.ENABLED),
    ]
    assert await office.templates.get(office.admin, first.template_id) == first
    third = await changed(office, first, EditionChanges(attributes=(replace(off, state=AttributeState.ENABLED),)))
    assert third.template.version == 3
    assert third.template.attributes[1].enabled
    assert third.template.names == ("serial", "power", "colour")


async def test_what_says_what_stands_changes_nothing(office: Office) -> None:
    first = await published(office, await office.enterprise())
    async with office.nothing_left():
        unchanged = EditionChanges(title_zh="水泵", attributes=(Attribute("serial", "序列号", unique=True),))
        assert await changed(office, first, unchanged) == first


async def test_a_draft_is_edited_and_what_was_withdrawn_becomes_one(office: Office) -> None:
    admin, owner = office.admin, await office.enterprise()
    draft = await office.templates.create(admin, acting(admin), owner.enterprise_id, PUMP)
    edited = await changed(office, draft, EditionChanges(attributes=(COLOUR,)))
    assert (edited.template_id, edited.state, edited.version) == (draft.template_id, TemplateState.DRAFT, 2)
    await office.templates.publish(admin, acting(admin), draft.template_id)
    await office.templates.withdraw(admin, acting(admin), draft.template_id)
    again = await changed(office, draft, EditionChanges(title_en="Pump"))
    assert (again.state, again.template.version) == (TemplateState.DRAFT, 2)


async def test_somebody_at_work_on_a_draft_is_not_run_over(office: Office) -> None:
    admin = office.admin
    first = await published(office, await office.enterprise())
    await office.templates.revise(admin, acting(admin), first.template_id)
    async with office.nothing_left():
        with pytest.raises(TemplateDraftExists):
            await changed(office, first, EditionChanges(attributes=(COLOUR,)))


async def test_the_nature_of_an_attribute_stays(office: Office) -> None:
    first = await published(office, await office.enterprise())
    power = PUMP.attributes[1]
    for other in (
        replace(power, kind=Kind.STRING),
        replace(power, index=2009),
        replace(power, type="P"),
        replace(power, many=True),
    ):
        async with office.nothing_left():
            with pytest.raises(AttributeNatureFixed):
                await changed(office, first, EditionChanges(attributes=(other,)))
    with pytest.raises(InvalidTemplate):
        await changed(office, first, EditionChanges(attributes=(replace(COLOUR, index=2000),)))


async def test_only_its_own_enterprise_and_the_administrator_change_a_template(office: Office) -> None:
    owner = await office.enterprise()
    stored = await published(office, owner)
    for name, who in office.cast(owner).items():
        change = office.templates.change(
            who, acting(who), stored.template_id, EditionChanges(title_en=f"Pump of {name}")
        )
        if name in ("administrator", "own user", "own application"):
            stored = await change
        else:
            with pytest.raises(NotAllowed):
                await change
    assert stored.template.version == 4


async def test_of_many_changes_at_once_each_finds_what_the_others_made(office: Office) -> None:
    first = await published(office, await office.enterprise())
    names = [f"extra_{number}" for number in range(6)]
    made = await asyncio.gather(
        *(changed(office, first, EditionChanges(attributes=(Attribute(name, name),))) for name in names)
    )
    assert sorted(one.template.version for one in made) == [2, 3, 4, 5, 6, 7]
    async with transaction(office.pool) as connection:
        newest = await newest_edition(connection, first.enterprise_id, "pump")
    assert newest is not None
    assert sorted(newest.template.names) == sorted([*PUMP.names, *names])
    assert len({one.index for one in newest.template.attributes}) == 8


async def test_a_copy_with_fixed_attributes_changes_in_nothing_but_looks(office: Office) -> None:
    admin, owner = office.admin, await office.enterprise()
    origin = await published(office, owner)
    copy = await office.templates.copy(
        admin, acting(admin), origin.template_id, owner.enterprise_id, "pump-2", fixed=True
    )
    assert (copy.based_on, copy.fixed, copy.state) == (origin.template_id, True, TemplateState.DRAFT)
    assert copy.template == replace(origin.template, name="pump-2")
    with pytest.raises(AttributesFixed):
        await changed(office, copy, EditionChanges(attributes=(COLOUR,)))
    wider = replace(copy.template, attributes=(*copy.template.attributes, replace(COLOUR, index=2005)))
    with pytest.raises(AttributesFixed):
        await office.templates.edit(admin, acting(admin), copy.template_id, wider, copy.version)
    edited = await changed(office, copy, EditionChanges(title_zh="副本"))
    await office.templates.publish(admin, acting(admin), copy.template_id)
    next_one = await changed(office, edited, EditionChanges(title_en="Copy"))
    assert (next_one.template.version, next_one.fixed, next_one.based_on) == (2, True, origin.template_id)


async def test_a_withdrawn_name_has_no_published_edition_left(office: Office) -> None:
    admin = office.admin
    first = await published(office, await office.enterprise())
    second = await changed(office, first, EditionChanges(attributes=(COLOUR,)))
    async with transaction(office.pool) as connection:
        gone = await withdraw_editions(connection, admin, acting(admin), first.enterprise_id, "pump", office.clock())
        assert {one.template_id for one in gone} == {first.template_id, second.template_id}
        assert await newest_edition(connection, first.enterprise_id, "pump", TemplateState.PUBLISHED) is None
        with pytest.raises(TemplateUnknown):
            await change_edition(
                connection, admin, acting(admin), replace(first, template=replace(PUMP, name="none")),
                EditionChanges(title_zh="无"), office.clock(),
            )  # fmt: skip
