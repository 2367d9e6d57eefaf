"""The demo's stage: PostgreSQL, the mock national node and a laboratory node, up before the story, down after it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from node import config, embedded
from node.client import connect
from node.demo.neighbours import NEIGHBOUR, PORTS, Neighbours
from node.demo.scene import NodeRunning, Scene, make_database
from node.demo.settings import HOST, DemoNode, above, kept_secret, recursion
from node.demo.story import Hammer, Say, State, Table, load_state, new_state, save_state, tell
from node.errors import Conflict
from node.http_server import check_free
from node.supervisor import ChildSpec, children

MARKER = "biaoshi-demo"
_MARK = "This directory belongs to the biaoshi demo; --fresh deletes it.\n"
_WORKERS = 2
_ACCESS_KEY = "demo-node"
_OWN_SETTINGS = (
    "BIAOSHI_NODE_", "BIAOSHI_HTTP_", "BIAOSHI_HTTPS_", "BIAOSHI_HANDLE_", "BIAOSHI_DATABASE_", "BIAOSHI_NATIONAL_",
    "BIAOSHI_COUNTING_", "BIAOSHI_FLAGS_", "BIAOSHI_ACCEPTANCE_", "BIAOSHI_DOWNWARD_", "BIAOSHI_RECURSION_",
    "BIAOSHI_AUTHORITY_", "BIAOSHI_ESCROW_", "BIAOSHI_SECURITY_",
)  # fmt: skip


class NotADemoDirectory(Conflict):
    title_zh = "不是演示目录"


class FirstStartInterrupted(Conflict):
    title_zh = "首次启动被中断"


@dataclass(frozen=True, slots=True)
class Stage:
    """``folder`` keeps everything between runs; it carries a marker, and nothing else is ever deleted.

    ``root_port`` is that of the mock national node's Handle service, ``neighbour_port`` the first of four for another
    secondary node and its enterprise node; 0: there are none.
    """

    folder: Path
    http_port: int
    national_port: int
    https_port: int
    handle_port: int
    root_port: int = 0
    neighbour_port: int = 0

    @contextlib.asynccontextmanager
    async def played(
        self, node_running: NodeRunning, hammer: Hammer, *, fresh: bool, say: Say
    ) -> AsyncIterator[Table]:
        """Play the story; the block begins with its table while everything still runs."""
        say(f"数据目录 · data directory: {self.folder}")
        async with contextlib.AsyncExitStack() as stack:
            scene = await stack.enter_async_context(self.set_up(node_running, fresh=fresh))
            table = await tell(scene.client, self.folder, scene.state, hammer, say)
            neighbours = Neighbours(self.folder, self.neighbour_port, self._national_url, self._root)
            if self.neighbour_port:
                await stack.enter_async_context(neighbours.met(node_running, scene, table, say))
            table.addresses = self._addresses(scene.url, table.samples) | {
                "Handle (TCP, UDP)": f"{HOST}:{self.handle_port}",
                "HTTPS": f"https://{HOST}:{self.https_port}/",
            }
            yield table

    @contextlib.asynccontextmanager
    async def set_up(self, node_running: NodeRunning, *, fresh: bool = False) -> AsyncIterator[Scene]:
        """PostgreSQL, the mock national node and a laboratory node until the block ends.

        Raises ``NotADemoDirectory``, ``FirstStartInterrupted``, ``PortTaken``, and what the parts raise.
        """
        neighbours = range(self.neighbour_port, self.neighbour_port + PORTS) if self.neighbour_port else ()
        ports = (self.http_port, self.https_port, self.handle_port, self.national_port, self.root_port, *neighbours)
        for port in filter(None, ports):
            check_free(HOST, port)
        await asyncio.to_thread(self._prepare, fresh)
        _forget_own_settings()
        async with embedded.kept(self.folder / "postgresql") as server:
            await make_database(server, "national")
            file = self._write_settings(server.url())
            async with (
                children([self._national(server.url("national"))]) as national,
                node_running(config.load(file), file) as node,
                connect(node.url) as client,
            ):
                state = self._state(node.administrator_password)
                yield Scene(
                    node.url, (HOST, self.handle_port), file, client, state, server, [*node.family, *national]
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
            state = new_state(first_password)
            save_state(self.folder, state)
            return state
        known = load_state(self.folder)
        if known is None:
            raise FirstStartInterrupted("the first start was interrupted before it was remembered; use --fresh")
        return known

    def _own(self) -> DemoNode:
        return DemoNode(
            self.folder, "demo", "88.101", "secondary", _WORKERS, self.http_port, self.handle_port, self.https_port
        )

    def _write_settings(self, url: str) -> Path:
        """The node's settings file; the secret key in it is made once."""
        parts = [above(self._national_url, _ACCESS_KEY, kept_secret(self.folder / "national.key"))]
        if self.root_port:
            parts.append(recursion(self._root))
        return self._own().write(url, *parts)

    def _national(self, url: str) -> ChildSpec:
        command = [
            sys.executable, "-m", "node.cli", "mock-national", "--database-url", url, "--access-key", _ACCESS_KEY,
            "--host", HOST, "--port", str(self.national_port), "--handle-port", str(self.root_port),
        ]  # fmt: skip
        if self.neighbour_port:
            command += ["--node", NEIGHBOUR.issued(self.folder)]
        return ChildSpec(
            "mock-national", command, {"BIAOSHI_MOCK_SECRET_KEY": kept_secret(self.folder / "national.key")}
        )

    @property
    def _national_url(self) -> str:
        return f"http://{HOST}:{self.national_port}"

    @property
    def _root(self) -> str:
        return f"{HOST}:{self.root_port}"

    def _addresses(self, url: str, samples: list[str]) -> dict[str, str]:
        return {
            "首页 front page": f"{url}/",
            "控制台 console": f"{url}/console",
            **{f"标识 {number} identifier": f"{url}/{sample}" for number, sample in enumerate(samples, 1)},
            "Handle JSON": f"{url}/api/handles/{samples[0]}",
            "接口文档 API": f"{url}/v1/docs",
            "模拟国家顶级节点 mock national node": f"http://{HOST}:{self.national_port}/",
        }


def _forget_own_settings() -> None:
    """What the demo's file says must hold: a database named in the environment is somebody's real one."""
    for name in [name for name in os.environ if name.startswith(_OWN_SETTINGS)]:
        del os.environ[name]
