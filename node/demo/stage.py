"""The demo's stage: PostgreSQL, the mock national node and a laboratory node, up before the story, down after it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import asyncpg

from node import config, embedded
from node.client import Client, connect
from node.demo.story import Hammer, Say, State, Table, load_state, save_state, tell
from node.errors import Conflict
from node.http_server import check_free
from node.supervisor import Child, ChildSpec, children

MARKER = "biaoshi-demo"
_MARK = "This directory belongs to the biaoshi demo; --fresh deletes it.\n"
_HOST = "127.0.0.1"
_WORKERS = 2
_ACCESS_KEY = "demo-node"
_OWN_SETTINGS = (
    "BIAOSHI_NODE_", "BIAOSHI_HTTP_", "BIAOSHI_HTTPS_", "BIAOSHI_HANDLE_", "BIAOSHI_DATABASE_", "BIAOSHI_NATIONAL_",
    "BIAOSHI_COUNTING_", "BIAOSHI_FLAGS_", "BIAOSHI_ACCEPTANCE_",
)  # fmt: skip


class NotADemoDirectory(Conflict):
    title_zh = "不是演示目录"


class FirstStartInterrupted(Conflict):
    title_zh = "首次启动被中断"


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
    server: embedded.EmbeddedPostgres
    family: Sequence[Child]
    """Workers and steward of the node, then the mock national node."""


@dataclass(frozen=True, slots=True)
class Stage:
    """``folder`` keeps everything between runs; it carries a marker, and nothing else is ever deleted."""

    folder: Path
    http_port: int
    national_port: int
    https_port: int
    handle_port: int

    @contextlib.asynccontextmanager
    async def played(
        self, node_running: NodeRunning, hammer: Hammer, *, fresh: bool, say: Say
    ) -> AsyncIterator[Table]:
        """Play the story; the block begins with its table while everything still runs."""
        say(f"数据目录 · data directory: {self.folder}")
        async with self.set_up(node_running, fresh=fresh) as scene:
            table = await tell(scene.client, self.folder, scene.state, hammer, say)
            table.addresses = self._addresses(scene.url, table.samples) | {
                "Handle (TCP, UDP)": f"{_HOST}:{self.handle_port}",
                "HTTPS": f"https://{_HOST}:{self.https_port}/",
            }
            yield table

    @contextlib.asynccontextmanager
    async def set_up(self, node_running: NodeRunning, *, fresh: bool = False) -> AsyncIterator[Scene]:
        """PostgreSQL, the mock national node and a laboratory node until the block ends.

        Raises ``NotADemoDirectory``, ``FirstStartInterrupted``, ``PortTaken``, and what the parts raise.
        """
        for port in (self.http_port, self.https_port, self.handle_port, self.national_port):
            check_free(_HOST, port)
        await asyncio.to_thread(self._prepare, fresh)
        _forget_own_settings()
        async with embedded.kept(self.folder / "postgresql") as server:
            await _make_database(server.url("postgres"), "national")
            file = self._write_settings(server.url())
            async with (
                children([self._national(server.url("national"))]) as national,
                node_running(config.load(file), file) as node,
                connect(node.url) as client,
            ):
                state = self._state(node.administrator_password)
                yield Scene(
                    node.url, (_HOST, self.handle_port), file, client, state, server, [*node.family, *national]
                )

    def _prepare(self, fresh: bool) -> None:
        marker = self.folder / MARKER
        if self.folder.exists() and any(self.folder.iterdir()) and not marker.exists():
            raise NotADemoDirectory(
                f"{self.folder} holds something that the demo did not put there; choose another with --directory",
                directory=str(self.folder),
            )
        if fresh and self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        marker.write_text(_MARK, encoding="utf-8")

    def _state(self, first_password: str | None) -> State:
        if first_password is not None:
            state = State(first_password, f"Review-{secrets.token_urlsafe(18)}-1")
            save_state(self.folder, state)
            return state
        known = load_state(self.folder)
        if known is None:
            raise FirstStartInterrupted("the first start was interrupted before it was remembered; use --fresh")
        return known

    def _write_settings(self, url: str) -> Path:
        """The node's settings file; the secret key in it is made once."""
        file = self.folder / "node.toml"
        secret = self._secret()
        text = f"""\
[node]
name = "demo"
prefix = "88.101"
laboratory = true
workers = {_WORKERS}

[http]
host = "{_HOST}"
port = {self.http_port}

[https]
port = {self.https_port}

[handle]
port = {self.handle_port}
key_file = "{self.folder / "handle-key.pem"}"

[database]
url = "{url}"

[counting]
directory = "{self.folder / "counting"}"

[national]
url = "http://{_HOST}:{self.national_port}"
access_key = "{_ACCESS_KEY}"
secret_key = "{secret}"
poll_seconds = 0.2

[log]
level = "warning"
"""
        _write_private(file, text)
        return file

    def _secret(self) -> str:
        file = self.folder / "national.key"
        if not file.exists():
            _write_private(file, secrets.token_urlsafe(32))
        return file.read_text(encoding="utf-8")

    def _national(self, url: str) -> ChildSpec:
        command = [
            sys.executable, "-m", "node.cli", "mock-national", "--database-url", url, "--access-key", _ACCESS_KEY,
            "--host", _HOST, "--port", str(self.national_port),
        ]  # fmt: skip
        return ChildSpec("mock-national", command, {"BIAOSHI_MOCK_SECRET_KEY": self._secret()})

    def _addresses(self, url: str, samples: list[str]) -> dict[str, str]:
        return {
            "首页 front page": f"{url}/",
            **{f"标识 {number} identifier": f"{url}/{sample}" for number, sample in enumerate(samples, 1)},
            "Handle JSON": f"{url}/api/handles/{samples[0]}",
            "接口文档 API": f"{url}/v1/docs",
            "模拟国家顶级节点 mock national node": f"http://{_HOST}:{self.national_port}/",
        }


def _forget_own_settings() -> None:
    """What the demo's file says must hold: a database named in the environment is somebody's real one."""
    for name in [name for name in os.environ if name.startswith(_OWN_SETTINGS)]:
        del os.environ[name]


def _write_private(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)


async def _make_database(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
