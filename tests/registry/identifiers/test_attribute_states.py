"""Identifiers of templates whose attributes come and go, and the files that attributes take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from node.database import Pool
from registry.batches.by_body import Batches
from registry.batches.request import BatchRequest, Operation
from registry.identifiers.changes import Asked, Change, Migration
from registry.identifiers.identifiers import AttributesInvalid
from registry.rows.form import Form, Format
from registry.templates.attributes import AttributeState
from registry.templates.next_edition import EditionChanges
from registry.templates.stored import StoredTemplate
from registry.templates.template import Attribute
from tests.support.bench import Bench
from tests.support.world import Holder, World, actor

PNG = b"\x89PNG\r\n\x1a\n picture"
PDF = b"%PDF-1.7 manual"
PUMP: dict[str, Any] = {
    "name": "pump",
    "version": 1,
    "title_zh": "水泵",
    "attributes": [
        {"name": "name", "title_zh": "名称", "required": True},
        {"name": "old", "title_zh": "旧编号", "unique": True},
        {"name": "photo", "title_zh": "照片", "kind": "file", "media": "image"},
        {"name": "papers", "title_zh": "资料", "kind": "file", "suffixes": ["pdf"], "many": True},
    ],
}


@pytest.fixture
async def world(pool: Pool) -> World:
    return World(pool)


@pytest.fixture
async def holder(world: World) -> Holder:
    return await world.holder()


async def without_old(world: World, first: StoredTemplate) -> StoredTemplate:
    """The next edition, which takes no values of ``old`` any more."""
    off = Attribute("old", "旧编号", unique=True, state=AttributeState.DISABLED)
    admin = world.administrator
    changes = EditionChanges(attributes=(off, Attribute("colour", "颜色")))
    return await world.templates.change(admin, actor(admin), first.template_id, changes)


async def register(world: World, holder: Holder, suffix: str, **attributes: Any) -> None:
    await world.identifiers.register(
        holder.account, holder.actor, holder.identifier(suffix), "pump", {"name": "离心泵", **attributes}
    )


def codes(refused: pytest.ExceptionInfo[AttributesInvalid]) -> list[tuple[str, str]]:
    return [(fault["field"], fault["code"]) for fault in refused.value.evidence["faults"]]


async def test_new_identifiers_do_without_a_disabled_attribute_and_old_ones_keep_it(
    world: World, holder: Holder
) -> None:
    first = await world.template(PUMP)
    await register(world, holder, "OLD", old="7")
    second = await without_old(world, first)
    with pytest.raises(AttributesInvalid) as refused:
        await register(world, holder, "NEW", old="8")
    assert codes(refused) == [("old", "attribute_disabled")]
    await register(world, holder, "NEW", colour="红")
    found, stored = await world.identifiers.get(holder.account, holder.identifier("OLD"))
    assert stored.template.attributes_of(found.record) == {"name": "离心泵", "old": "7"}
    bench = Bench(world, holder)
    moved = await bench.change(Change.MIGRATE, ["OLD"], Migration(second))
    assert moved.changed == 1
    updated, stored = await world.identifiers.update(
        holder.account, holder.actor, holder.identifier("OLD"), 2, {"name": "水泵", "colour": "蓝"}
    )
    assert stored.template_id == second.template_id
    assert stored.template.attributes_of(updated.record) == {"name": "水泵", "old": "7", "colour": "蓝"}
    side = await world.pool.fetch("SELECT value FROM attribute_index WHERE suffix_key = 'OLD'")
    assert [row["value"] for row in side] == ["7"]
    outcome = await bench.change(
        Change.UPDATE, [Asked("OLD", values={"old": "9"}), Asked("NEW", values={"old": "9"})]
    )
    assert [str(fault.code) for _, fault in outcome.refused] == ["attribute_disabled"] * 2
    with pytest.raises(AttributesInvalid):
        await world.identifiers.update(
            holder.account, holder.actor, holder.identifier("NEW"), 1, {"name": "水泵", "old": "9"}
        )


async def upload(world: World, holder: Holder, name: str, media_type: str, content: bytes) -> str:
    owner = holder.account.enterprise_id
    stored, _ = await world.files.add(holder.account, holder.actor, owner, name, media_type, content)
    return stored.file_id


async def test_a_file_is_what_its_attribute_takes_whichever_way_it_comes(world: World, holder: Holder) -> None:
    await world.template(PUMP)
    photo = await upload(world, holder, "a.png", "image/png", PNG)
    manual = await upload(world, holder, "手册.PDF", "application/pdf", PDF)
    await register(world, holder, "GOOD", photo=photo, papers=[manual])
    for attributes, expected in (
        ({"photo": manual}, [("photo", "wrong_media")]),
        ({"papers": [manual, photo]}, [("papers", "wrong_file_suffix")]),
        ({"photo": f"sha256-{'0' * 64}"}, [("photo", "file_unknown")]),
        ({"photo": manual, "papers": [photo]}, [("photo", "wrong_media"), ("papers", "wrong_file_suffix")]),
    ):
        with pytest.raises(AttributesInvalid) as refused:
            await register(world, holder, "BAD", **attributes)
        assert codes(refused) == expected
        with pytest.raises(AttributesInvalid) as refused:
            await world.identifiers.update(
                holder.account, holder.actor, holder.identifier("GOOD"), 1, {"name": "泵", **attributes}
            )
        assert codes(refused) == expected
    lines = ["suffix,name,photo", f"B-1,泵,{photo}", f"B-2,泵,{manual}", f"B-3,泵,{photo}"]
    assert await imported(world.batches, holder, lines) == (2, [("photo", "wrong_media")])


async def imported(batches: Batches, holder: Holder, lines: list[str]) -> tuple[int, list[tuple[str | None, str]]]:
    """How many rows of a table were registered, and why others were not."""

    async def blocks() -> AsyncIterator[bytes]:
        yield ("\n".join(lines) + "\n").encode()

    request = BatchRequest(holder.prefix, Form(Format.CSV), Operation.REGISTER, "pump")
    batch, _ = await batches.run(holder.account, holder.actor, request, "files", blocks())
    assert isinstance(batch.batch_id, UUID)
    rejected = await batches.rejections(holder.account, batch.batch_id, after=(0, 0, 0), limit=10)
    return batch.registered, [(one.field, str(one.code)) for _, one in rejected]
