"""An application that speaks IDHub only goes its whole way with a node, over real HTTP, as a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.granting import application, shared_group
from tests.support.idhub import application_key, public_pem
from tests.support.node import running_node

pytestmark = [pytest.mark.system]

ROOT = Path(__file__).parents[2]
PRODUCTS = 60


async def test_the_sample_application_does_all_its_business_through_idhub(database_url: str, tmp_path: Path) -> None:
    key = application_key()
    file = tmp_path / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    async with running_node(database_url, log={"requests": False}) as node:
        world, holder = node.world, node.holder
        handle = f"{holder.prefix.text}/App_mes"
        await world.application_identities.create(holder.account, holder.actor, handle, public_key=public_pem(key))
        group = await shared_group(world, node.other, holder, await application(world, node.other))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "loadtest.idhub_application", node.url, handle, str(file),
            "--products", str(PRODUCTS), "--partner", group, cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(120):
            printed, _ = await process.communicate()
        assert process.returncode == 0
        report = json.loads(printed)
        assert report.pop("seconds") > 0
        resolved = {"productName": "球阀 DN0", "madeOn": "2030-01-02", "weight": "1.5"}
        assert report == {
            "registered": PRODUCTS,
            "repeated": 105,
            "resolved": resolved,
            "changed": {**resolved, "productName": f"球阀 DN{PRODUCTS - 1}", "colour": "red"},
            "downloaded": len(b"%PDF-1.7\n") + len(f"{holder.prefix.text}/V-01234567-00000"),
            "deleted": PRODUCTS,
            "gone": 104,
        }
        told = await world.notifications.list(node.other.account)
        assert {one.kind for one in told} >= {"authorisation.class.granted", "authorisation.identifier.granted"}


async def test_a_node_without_the_interface_knows_nothing_of_it(database_url: str) -> None:
    async with running_node(database_url, log={"requests": False}, idhub={"enabled": False}) as node:
        answer = await node("GET", "/api/v1/open/meta/classify-query", by=None)
        assert answer.status == 404
