"""Templates from draft to withdrawal, and their next versions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import product
from uuid import uuid4

import pytest

from node.auth import NotAllowed
from node.database import transaction
from registry.enterprises import Enterprise, EnterpriseUnknown
from registry.store import VersionChanged
from registry.templates.stored import (
    StoredTemplate,
    TemplateDraftExists,
    TemplateNameFixed,
    TemplateNameTaken,
    TemplateNotEditable,
    TemplateNotPublished,
    TemplateUnknown,
    usable_template,
)
from registry.templates.template import Attribute, Kind, Landing, Template
from registry.transitions import TemplateState, TransitionRefused
from tests.support.office import Office, acting

S = TemplateState

PUMP = Template(
    name="pump",
    version=1,
    title_zh="水泵",
    title_en="Pump",
    attributes=(
        Attribute("serial", "序列号", unique=True, required=True, max_length=40),
        Attribute("power", "功率", kind=Kind.NUMBER, minimum="0.5", maximum="1000"),
        Attribute("made", "生产日期", kind=Kind.DATE, listed=True),
        Attribute("grade", "等级", kind=Kind.ENUM, choices=("甲", "乙")),
        Attribute("page", "网址", type="URL"),
    ),
    landing=Landing.REDIRECT,
)


async def stored(
    office: Office, state: S = S.DRAFT, owner: Enterprise | None = None, template: Template = PUMP
) -> StoredTemplate:
    """A template of an enterprise, or of the node, brought to a state by the administrator."""
    admin, owner_id = office.admin, owner.enterprise_id if owner else None
    made = await office.templates.create(admin, acting(admin), owner_id, template)
    if state is not S.DRAFT:
        made = await office.templates.publish(admin, acting(admin), made.template_id)
    if state is S.WITHDRAWN:
        made = await office.templates.withdraw(admin, acting(admin), made.template_id)
    return made


async def test_a_template_comes_back_as_it_was_stored(office: Office) -> None:
    made = await stored(office)
    assert made.template == PUMP
    assert (made.state, made.version, made.enterprise_id) == (S.DRAFT, 1, None)
    assert await office.templates.get(office.auditor, made.template_id) == made


async def test_every_verb_in_every_state_leads_where_it_should_and_leaves_its_traces(office: Office) -> None:
    leads = {
        ("publish", S.DRAFT): (S.PUBLISHED, "template.published"),
        ("withdraw", S.PUBLISHED): (S.WITHDRAWN, "template.withdrawn"),
        ("revise", S.PUBLISHED): (S.DRAFT, None),
        ("revise", S.WITHDRAWN): (S.DRAFT, None),
    }
    admin = office.admin
    for number, (verb, state) in enumerate(product(("publish", "withdraw", "revise"), S)):
        made = await stored(office, state, template=replace(PUMP, name=f"pump{number}"))
        attempt = getattr(office.templates, verb)(admin, acting(admin), made.template_id)
        expected = leads.get((verb, state))
        if expected is None:
            async with office.nothing_left():
                with pytest.raises(TransitionRefused):
                    await attempt
            continue
        async with office.leaving(expected[1]):
            moved = await attempt
        assert moved.state is expected[0]
        assert moved == await office.templates.get(admin, moved.template_id)
        act = (await office.traces()).acts[-1]
        assert (act["action"], act["subject_id"]) == (f"template.{verb}", str(moved.template_id))
        if verb == "revise":
            assert moved.template_id != made.template_id
            assert moved.template == replace(made.template, version=2)
        else:
            assert (await office.traces()).messages[-1]["body"]["definition"] == made.template.to_json()


async def test_only_a_draft_is_edited_and_only_in_the_expected_version(office: Office) -> None:
    admin = office.admin
    for state in S:
        made = await stored(office, state, template=replace(PUMP, name=f"pump-{state}"))
        changed = replace(made.template, title_zh="离心泵")
        if state is not S.DRAFT:
            async with office.nothing_left():
                with pytest.raises(TemplateNotEditable):
                    await office.templates.edit(admin, acting(admin), made.template_id, changed, made.version)
            continue
        with pytest.raises(VersionChanged):
            await office.templates.edit(admin, acting(admin), made.template_id, changed, made.version + 1)
        async with office.leaving(None):
            edited = await office.templates.edit(admin, acting(admin), made.template_id, changed, made.version)
        assert (edited.template.title_zh, edited.version) == ("离心泵", 2)
        async with office.nothing_left():
            assert await office.templates.edit(admin, acting(admin), made.template_id, changed, 2) == edited


async def test_a_name_belongs_to_one_template_of_an_owner(office: Office) -> None:
    admin, one, two = office.admin, await office.enterprise(), await office.enterprise()
    await stored(office)
    await stored(office, owner=one)
    for owner in (None, one):
        async with office.nothing_left():
            with pytest.raises(TemplateNameTaken):
                await stored(office, owner=owner)
    other = await stored(office, owner=two, template=replace(PUMP, name="valve"))
    renamed = await office.templates.edit(admin, acting(admin), other.template_id, PUMP, 1)
    assert renamed.template.name == "pump"
    third = await stored(office, owner=two, template=replace(PUMP, name="valve"))
    with pytest.raises(TemplateNameTaken):
        await office.templates.edit(admin, acting(admin), third.template_id, PUMP, 1)


async def test_later_versions_keep_the_name_and_there_is_one_draft_at_a_time(office: Office) -> None:
    admin = office.admin
    first = await stored(office, S.PUBLISHED)
    second = await office.templates.revise(admin, acting(admin), first.template_id)
    with pytest.raises(TemplateNameFixed):
        await office.templates.edit(
            admin, acting(admin), second.template_id, replace(second.template, name="pumps"), second.version
        )
    with pytest.raises(TemplateDraftExists):
        await office.templates.revise(admin, acting(admin), first.template_id)
    await office.templates.publish(admin, acting(admin), second.template_id)
    third = await office.templates.revise(admin, acting(admin), first.template_id)
    assert third.template.version == 3
    with pytest.raises(TemplateNameTaken):
        await stored(office)


async def test_of_many_revisions_and_creations_at_once_one_wins(office: Office) -> None:
    admin = office.admin
    first = await stored(office, S.PUBLISHED)
    async with office.leaving(None, None):
        revised = await asyncio.gather(
            *(office.templates.revise(admin, acting(admin), first.template_id) for _ in range(6)),
            return_exceptions=True,
        )
        created = await asyncio.gather(
            *(stored(office, template=replace(PUMP, name="valve")) for _ in range(6)), return_exceptions=True
        )
    assert sum(isinstance(outcome, StoredTemplate) for outcome in revised) == 1
    assert sum(isinstance(outcome, TemplateDraftExists) for outcome in revised) == 5
    assert sum(isinstance(outcome, StoredTemplate) for outcome in created) == 1
    assert sum(isinstance(outcome, TemplateNameTaken) for outcome in created) == 5


async def test_who_may_make_change_and_read_an_enterprises_template(office: Office) -> None:
    enterprise = await office.enterprise()
    for number, (name, who) in enumerate(office.cast(enterprise).items()):
        template = replace(PUMP, name=f"pump{number}")
        make = office.templates.create(who, acting(who), enterprise.enterprise_id, template)
        if name in ("administrator", "own user", "own application"):
            made = await make
            made = await office.templates.edit(
                who, acting(who), made.template_id, replace(template, title_zh="泵"), made.version
            )
            await office.templates.publish(who, acting(who), made.template_id)
            await office.templates.revise(who, acting(who), made.template_id)
            await office.templates.withdraw(who, acting(who), made.template_id)
        else:
            with pytest.raises(NotAllowed):
                await make
            foreign = await stored(office, owner=enterprise, template=template)
            for attempt in (
                office.templates.edit(who, acting(who), foreign.template_id, PUMP, 1),
                office.templates.publish(who, acting(who), foreign.template_id),
            ):
                with pytest.raises(NotAllowed):
                    await attempt
    seen = await office.templates.list(office.admin, limit=200)
    for name, who in office.cast(enterprise).items():
        found = await office.templates.list(who, limit=200)
        if name.startswith("other"):
            assert found == []
            for read in (office.templates.get, office.templates.history):
                with pytest.raises(NotAllowed):
                    await read(who, seen[0].template_id)
        else:
            assert found == seen
            assert await office.templates.get(who, seen[0].template_id) == seen[0]
            assert await office.templates.history(who, seen[0].template_id)


async def test_the_nodes_own_templates_are_the_administrators_and_everybody_sees_them_once_published(
    office: Office,
) -> None:
    enterprise = await office.enterprise()
    for number, (name, who) in enumerate(office.cast(enterprise).items()):
        made = await stored(office, template=replace(PUMP, name=f"pump{number}"))
        staff = name in ("administrator", "reviewer", "auditor")
        if staff:
            assert await office.templates.get(who, made.template_id) == made
        else:
            with pytest.raises(NotAllowed):
                await office.templates.get(who, made.template_id)
        assert (made in await office.templates.list(who)) is staff
        if name != "administrator":
            for attempt in (
                office.templates.create(who, acting(who), None, replace(PUMP, name="valve")),
                office.templates.edit(who, acting(who), made.template_id, PUMP, 1),
                office.templates.publish(who, acting(who), made.template_id),
            ):
                with pytest.raises(NotAllowed):
                    await attempt
        made = await office.templates.publish(office.admin, acting(office.admin), made.template_id)
        assert await office.templates.get(who, made.template_id) == made
        assert made in await office.templates.list(who)


async def test_a_list_goes_page_by_page_and_by_state(office: Office) -> None:
    made = [await stored(office, state, template=replace(PUMP, name=f"pump-{state}")) for state in S]
    first = await office.templates.list(office.admin, limit=2)
    rest = await office.templates.list(office.admin, after=first[-1].template_id, limit=2)
    assert [*first, *rest] == made
    assert await office.templates.list(office.admin, state=S.PUBLISHED) == [made[1]]


async def test_what_nobody_made_is_unknown(office: Office) -> None:
    admin = office.admin
    for attempt in (
        office.templates.get(admin, 2**31 - 1),
        office.templates.history(admin, 1),
        office.templates.edit(admin, acting(admin), 1, PUMP, 1),
        office.templates.publish(admin, acting(admin), 1),
        office.templates.revise(admin, acting(admin), 1),
    ):
        with pytest.raises(TemplateUnknown):
            await attempt
    with pytest.raises(EnterpriseUnknown):
        await office.templates.create(admin, acting(admin), uuid4(), PUMP)


async def test_a_registration_uses_what_is_published_its_own_before_the_nodes_and_the_newest(office: Office) -> None:
    admin = office.admin
    grant = await office.grant()
    enterprise = await office.enterprises.get(admin, grant.enterprise_id)

    async def used(name_or_id: str | int) -> int:
        async with transaction(office.pool) as connection:
            return (await usable_template(connection, grant, name_or_id)).template_id

    with pytest.raises(TemplateUnknown):
        await used("pump")
    shared = await stored(office)
    for name_or_id in ("pump", shared.template_id):
        with pytest.raises(TemplateNotPublished):
            await used(name_or_id)
    await office.templates.publish(admin, acting(admin), shared.template_id)
    assert await used("pump") == await used(shared.template_id) == shared.template_id
    own = await stored(office, owner=enterprise)
    assert await used("pump") == shared.template_id
    await office.templates.publish(admin, acting(admin), own.template_id)
    assert await used("pump") == own.template_id
    second = await office.templates.revise(admin, acting(admin), own.template_id)
    assert await used("pump") == own.template_id
    await office.templates.publish(admin, acting(admin), second.template_id)
    assert await used("pump") == second.template_id
    assert await used(own.template_id) == own.template_id
    for made in (own, second):
        await office.templates.withdraw(admin, acting(admin), made.template_id)
    assert await used("pump") == shared.template_id
    with pytest.raises(TemplateNotPublished):
        await used(own.template_id)
    foreign = await stored(office, S.PUBLISHED, await office.enterprise(), replace(PUMP, name="valve"))
    for name_or_id in ("valve", foreign.template_id):
        with pytest.raises(TemplateUnknown):
            await used(name_or_id)


async def test_history_tells_of_each_version_apart(office: Office) -> None:
    admin = office.admin
    first = await stored(office, S.PUBLISHED)
    second = await office.templates.revise(admin, acting(admin), first.template_id)
    acts = await office.templates.history(office.auditor, first.template_id)
    assert [act.action for act in acts] == ["template.publish", "template.create"]
    acts = await office.templates.history(office.auditor, second.template_id)
    assert [act.action for act in acts] == ["template.revise"]
    assert acts[0].before is not None
    assert acts[0].before["template_id"] == first.template_id
