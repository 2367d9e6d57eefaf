"""An old node and a new one in this process, and the command as somebody types it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest

from tests.support.movein import Ended, Line, MoveIn, line_to
from tests.support.node import Node, running_node

QUIET = {"requests": False}


@pytest.fixture
async def old(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log=QUIET) as node:
        yield node


@pytest.fixture
async def new(other_database_url: str) -> AsyncIterator[Node]:
    async with running_node(other_database_url, log=QUIET) as node:
        node.world.clock.advance(hours=10)
        yield node


@pytest.fixture
async def line(old: Node) -> AsyncIterator[Line]:
    async with line_to(old) as line:
        yield line


@pytest.fixture
def move_in(new: Node) -> MoveIn:
    async def run(*words: object, password: str = "", by: str = "administrator") -> Ended:
        secrets = {"BIAOSHI_TOKEN": new.tokens[by], "BIAOSHI_FROM_PASSWORD": password}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "node.cli", "move-in", *map(str, words), "--server", new.url,
            env={**os.environ, **secrets, "COLUMNS": "200", "NO_COLOR": "1"},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        return Ended(process.returncode or 0, out.decode(), err.decode())

    return run
