"""Nodes as processes of their own: ``biaoshi serve`` and ``biaoshi mock-national`` as anybody starts them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import IO, Any

import aiohttp
from yarl import URL

from node.http_server import PortTaken, bind

ROOT = Path(__file__).parents[2]
_STARTED, _PASSWORD = "节点已启动", re.compile(r"shown this once: (\S+)")
_NEVER_OUTWARD = (10_000, 32_000)  # Linux begins at 32,768
_chance = SystemRandom()
_START_SECONDS = 90
_STOP_SECONDS = 30


def free_port() -> int:
    """A port that nobody has at this moment, and that no connection outward will be given meanwhile."""
    while True:
        port = _chance.randrange(*_NEVER_OUTWARD)
        with contextlib.suppress(PortTaken), bind("127.0.0.1", port, shared=False):
            return port


@dataclass
class NodeProcess:
    """A running node; ``tokens`` by the name of an account."""

    url: str
    handle_port: int
    log: Path
    session: aiohttp.ClientSession
    process: asyncio.subprocess.Process
    password: str
    tokens: dict[str, str] = field(default_factory=dict)

    async def __call__(self, method: str, path: str, *, by: str | None = "admin", **options: Any) -> Any:
        """The JSON of an answer below 400, ``None`` of an empty one; anything else fails with what was said."""
        headers = {"Authorization": f"Bearer {self.tokens[by]}"} if by else {}
        url = URL(self.url + path, encoded=True)
        async with self.session.request(method, url, headers=headers, **options) as response:
            body = await response.read()
            assert response.status < 400, f"{method} {path}: {response.status} {body.decode()}"
            return json.loads(body) if body else None

    async def asked(self, path: str, **headers: str) -> tuple[int, Any]:
        """Status and JSON of a question by nobody in particular."""
        async with self.session.get(URL(self.url + path, encoded=True), headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def sign_in(self, name: str, password: str) -> None:
        answer = await self("POST", "/v1/tokens", by=None, json={"name": name, "password": password, "label": "test"})
        self.tokens[name] = answer["token"]


@contextlib.asynccontextmanager
async def served(
    folder: Path, name: str, session: aiohttp.ClientSession, groups: Mapping[str, Mapping[str, Any]], *options: str
) -> AsyncIterator[NodeProcess]:
    """``biaoshi serve`` with one worker on free ports and these settings, signed in as its administrator."""
    async with _running(folder, name, session, groups, *options) as (node, said):
        password = _PASSWORD.search(said)
        assert password, said
        node.password = password[1]
        await node.sign_in("admin", node.password)
        yield node


@contextlib.asynccontextmanager
async def resolving(
    folder: Path, name: str, session: aiohttp.ClientSession, groups: Mapping[str, Mapping[str, Any]]
) -> AsyncIterator[NodeProcess]:
    """``biaoshi serve --roles resolver`` with one process; there is nobody to sign in as."""
    async with _running(folder, name, session, groups, "--roles", "resolver") as (node, _):
        yield node


@contextlib.asynccontextmanager
async def _running(
    folder: Path, name: str, session: aiohttp.ClientSession, groups: Mapping[str, Mapping[str, Any]], *options: str
) -> AsyncIterator[tuple[NodeProcess, str]]:
    """The process when it has started, and what it said until then."""
    http, handle = free_port(), free_port()
    home = folder / name
    home.mkdir()
    plain: dict[str, dict[str, Any]] = {
        "http": {"host": "127.0.0.1", "port": http},
        "https": {"enabled": False},
        "handle": {"port": handle, "key_file": str(home / "handle-key.pem"), "public_addresses": ["127.0.0.1"]},
        "security": {"seal_key_file": str(home / "seal.key")},
        "counting": {"directory": str(home / "counting"), "flush_seconds": 0.2},
        "log": {"level": "info", "requests": False},
    }
    for group, values in groups.items():
        plain.setdefault(group, {}).update(values)
    plain["node"] = {"workers": 1, "laboratory": True, **plain["node"]}
    file = home / "node.toml"
    file.write_text(_toml(plain), encoding="utf-8")
    log = home / "log"
    with log.open("w") as errors:
        process = await _started(errors, "serve", "--config", str(file), *options)
    try:
        said = await _until_said(process, _STARTED, log)
        yield NodeProcess(f"http://127.0.0.1:{http}", handle, log, session, process, ""), said
    finally:
        await ended(process)


@contextlib.asynccontextmanager
async def mock_national(database_url: str, folder: Path, *options: str) -> AsyncIterator[tuple[str, int]]:
    """The mock national node; its address and the port of its Handle service."""
    port, handle = free_port(), free_port()
    log = folder / "national.log"
    with log.open("w") as errors:
        process = await _started(
            errors, "mock-national", "--database-url", database_url,
            "--port", str(port), "--handle-port", str(handle), *options,
        )  # fmt: skip
    try:
        await _until_said(process, str(port), log)
        yield f"http://127.0.0.1:{port}", handle
    finally:
        await ended(process)


async def ended(process: asyncio.subprocess.Process) -> None:
    """As by Ctrl-C; by force when it does not end."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _started(errors: IO[str], *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "node.cli", *arguments,
        cwd=ROOT, env=_environment(), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=errors,
    )  # fmt: skip


async def _until_said(process: asyncio.subprocess.Process, word: str, log: Path) -> str:
    said = ""
    assert process.stdout is not None
    async with asyncio.timeout(_START_SECONDS):
        while word not in said:
            line = await process.stdout.readline()
            assert line, f"it ended: {said}{log.read_text(encoding='utf-8')[-3000:]}"
            said += line.decode()
    return said


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("BIAOSHI_")}


def _toml(groups: Mapping[str, Mapping[str, Any]]) -> str:
    # A JSON text, number, truth value or list of texts is the same in TOML.
    lines = []
    for group, values in groups.items():
        lines += [
            f"[{group}]",
            *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()),
        ]
    return "\n".join(lines) + "\n"
