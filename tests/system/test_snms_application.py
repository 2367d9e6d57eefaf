"""An application that speaks SNMS only goes its whole way with a node, over real HTTP, as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from node.identifier import Prefix
from registry.transitions import Hosting, PrefixState, Verb
from tests.support.docking import until
from tests.support.node import PASSWORD, Node, running_node
from tests.support.world import actor

pytestmark = [pytest.mark.system]

ROOT = Path(__file__).parents[2]
PREFIX = Prefix.parse("88.101.3001")


async def review(node: Node) -> None:
    """What the people of the node and the national node do meanwhile."""
    world, reviewer = node.world, node.world.reviewer
    find = "SELECT enterprise_id FROM prefix WHERE prefix = $1"

    async def applied() -> bool:
        return await world.pool.fetchval(find, PREFIX.key) is not None

    await until(applied)
    enterprise_id = await world.pool.fetchval(find, PREFIX.key)
    await world.enterprises.move(reviewer, actor(reviewer), enterprise_id, Verb.APPROVE)
    await world.prefixes.apply_verdict(PREFIX, True, "", True)

    async def asked_for_hosting() -> bool:
        grant = await world.prefixes.get(reviewer, PREFIX)
        return (grant.state, grant.hosting) == (PrefixState.ENABLED, Hosting.APPLIED)

    await until(asked_for_hosting)
    await world.hosting.decide(reviewer, actor(reviewer), PREFIX, Verb.APPROVE)


async def test_the_sample_application_does_all_its_business_through_snms(database_url: str) -> None:
    async with running_node(database_url, log={"requests": False}) as node:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "loadtest.snms_application", node.url, "administrator", "--prefix", PREFIX.key,
            "--poll", "0.1", "--patience", "60",
            cwd=ROOT, env={**os.environ, "SNMS_PASSWORD": PASSWORD}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(120):
            await review(node)
            printed, _ = await process.communicate()
        assert process.returncode == 0
        report = json.loads(printed)
        assert report.pop("identifiers_per_second") > 0
        assert report == {
            "registered": 1998,
            "refused": {"7": "数据模板不存在", "11": "标识已存在"},
            "asked": ["valve-1", "闸阀 DN0", "2030-01-02"],
            "changed": ["valve-1", "球阀 DN0", "2030-01-02"],
            "repeated": ["标识已存在"],
            "updated": ["success"],
            "deleted": 1997,
            "gone": "没有找到标识",
        }
        standing = await node.world.pool.fetchval("SELECT count(*) FROM identifier WHERE state = 1")
        assert standing == 0
        interfaces = await node.world.pool.fetch("SELECT DISTINCT interface FROM identifier_history")
        assert [row["interface"] for row in interfaces] == [9]
