from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiohttp
import pytest

from node.national.signature import KeyPair
from resolver.handle.codes import ResponseCode
from tests.support.caller import Caller
from tests.support.docking import ROOT, DockedNode
from tests.support.handle import connected, resolution
from tests.support.node_process import mock_national

SECRET = "a-secret-of-the-tests"


class Running:
    """A mock in a process of its own."""

    def __init__(self, url: str) -> None:
        self.url = url


@pytest.mark.system
async def test_the_command_starts_a_mock_with_several_nodes_and_every_fault(
    world: DockedNode, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    options = (
        "--access-key", "node-1", "--secret-key", SECRET, "--node", f"node-2:{SECRET}:88.102", "--approve",
        "--clock-skew-seconds", "5", "--delay-ms", "1", "--wrong-signature-share", "0.0",
    )  # fmt: skip
    async with mock_national(world.upper_url, tmp_path, *options) as (url, handle):
        running = Running(url)
        for key in ("node-1", "node-2"):
            caller = Caller(session, running, KeyPair(key, SECRET))  # type: ignore[arg-type]  # has an address, which is all
            assert (await caller.ask("GET", "/v1/instructions?after=0"))[0] == 200
        async with session.get(url + "/faults") as answer:
            faults = await answer.json()
        assert (faults["clock_skew_seconds"], faults["delay_ms"]) == (5.0, 1)
        async with connected(handle) as peer:
            reply = await peer.ask(resolution("0.NA/88.102"))
            assert reply.header.response_code == ResponseCode.VALUES_NOT_FOUND
            assert (await peer.ask(resolution("0.NA/88.103"))).header.response_code == ResponseCode.HANDLE_NOT_FOUND


@pytest.mark.system
async def test_an_option_that_makes_no_sense_is_named_before_anything_starts() -> None:
    async def refused(*options: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "node.cli", "mock-national", "--database-url", "postgresql://localhost/none",
            *options,
            cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        assert process.returncode == 1
        return said.decode()

    wrong = {
        ("--node", "key:88.101"): "ACCESS_KEY:SECRET_KEY:PREFIX",
        ("--node", "key::88.101"): "ACCESS_KEY:SECRET_KEY:PREFIX",
        ("--node", "a-key:short:88.101"): "at least 16 characters",
        ("--certificate", "a.pem"): "together",
        ("--access-key", "a-key", "--secret-key", "short"): "at least 16 characters",
    }
    said = await asyncio.gather(*(refused(*options) for options in wrong))
    for words, expected in zip(said, wrong.values(), strict=True):
        assert expected in " ".join(words.split()), words
        assert "Traceback" not in words
