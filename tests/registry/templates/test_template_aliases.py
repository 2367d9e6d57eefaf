"""What SNMS and IDHub call templates: each alias means one, and keeps what its interface says."""

from __future__ import annotations

import pytest

from node.database import transaction
from registry.templates.aliases import (
    Scheme,
    TemplateAliasTaken,
    alias_of,
    find_alias,
    put_alias,
    remove_alias,
)
from tests.support.office import Office


async def test_an_alias_means_one_template_and_says_what_was_said_of_it(office: Office) -> None:
    owner, at = (await office.enterprise()).enterprise_id, office.clock()
    said = {"industryCategory": "C", "type": 2, "description": "阀门"}
    async with transaction(office.pool) as connection:
        put = await put_alias(connection, Scheme.SNMS, "88.101.1", "valve-1", owner, "valve", said, at)
        assert await find_alias(connection, Scheme.SNMS, "88.101.1", "valve-1") == put
        assert (put.name, put.said, put.created_at) == ("valve", said, at)
        office.clock.turn(hours=1)
        later = await put_alias(connection, Scheme.SNMS, "88.101.1", "valve-1", owner, "valve", {}, office.clock())
        assert (later.said, later.created_at, later.updated_at) == ({}, at, office.clock())
        with pytest.raises(TemplateAliasTaken):
            await put_alias(connection, Scheme.SNMS, "88.101.1", "valve-1", owner, "pump", {}, at)
    other = (await office.enterprise()).enterprise_id
    async with transaction(office.pool) as connection:
        with pytest.raises(TemplateAliasTaken):
            await put_alias(connection, Scheme.SNMS, "88.101.1", "valve-1", other, "valve", {}, at)


async def test_schemes_and_prefixes_do_not_mix(office: Office) -> None:
    owner, at = (await office.enterprise()).enterprise_id, office.clock()
    async with transaction(office.pool) as connection:
        for scheme, prefix, alias, name in (
            (Scheme.SNMS, "88.101.1", "v", "one"),
            (Scheme.SNMS, "88.101.2", "v", "two"),
            (Scheme.IDHUB, "88.101.1", "v", "three"),
            (Scheme.IDHUB, "88.101.1", "META_A", "one"),
        ):
            await put_alias(connection, scheme, prefix, alias, owner, name, {}, at)
        found = await find_alias(connection, Scheme.SNMS, "88.101.2", "v")
        assert found is not None
        assert found.name == "two"
        assert await find_alias(connection, Scheme.SNMS, "88.101.3", "v") is None
        of_one = await alias_of(connection, Scheme.IDHUB, owner, "one")
        assert of_one is not None
        assert of_one.alias == "META_A"
        assert await alias_of(connection, Scheme.SNMS, owner, "three") is None
        assert await remove_alias(connection, Scheme.IDHUB, "88.101.1", "META_A")
        assert not await remove_alias(connection, Scheme.IDHUB, "88.101.1", "META_A")
        assert await alias_of(connection, Scheme.IDHUB, owner, "one") is None
