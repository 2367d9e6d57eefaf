"""What stands when the demo's stage is set."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import asyncpg

from node import config
from node.client import Client
from node.demo.story import State
from node.embedded import EmbeddedPostgres
from node.supervisor import Child


class Started(Protocol):
    """A node that runs; see ``node/serve.py``."""

    @property
    def url(self) -> str: ...
    @property
    def administrator_password(self) -> str | None: ...
    @property
    def family(self) -> Sequence[Child]: ...


NodeRunning = Callable[[config.Settings, Path], AbstractAsyncContextManager[Started]]


@dataclass(frozen=True, slots=True)
class Scene:
    """What stands when the stage is set: everything real, everything reachable."""

    url: str
    handle_address: tuple[str, int]
    config_file: Path
    client: Client
    state: State
    server: EmbeddedPostgres
    family: Sequence[Child]
    """Workers and steward of the node, then the mock national node."""


async def make_database(server: EmbeddedPostgres, name: str) -> str:
    """The address of a database of that name, made if it is not there."""
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return server.url(name)
