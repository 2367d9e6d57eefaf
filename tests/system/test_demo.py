"""The demo from nothing, its table, Ctrl-C, and the second start that still has everything."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import os
import re
import signal
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.demo.workload import write_files
from node.errors import NodeError
from node.http_server import bind
from tests.support.node_process import free_port

pytestmark = pytest.mark.system

DATA = Path(__file__).parents[2] / "node" / "demo" / "products.csv"
PREPARED_BAD_ROWS = 17
SOMEBODY_S_DATABASE = "postgresql://nobody@127.0.0.1:1/production"  # never to be touched by a demo


def free_ports(number: int) -> int:
    """The first of so many in a row."""
    while True:
        first = free_port()
        with contextlib.suppress(NodeError), contextlib.ExitStack() as taken:
            for port in range(first, first + number):
                taken.enter_context(bind("127.0.0.1", port))
            return first


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place with a space and Chinese in its name, reachable by the database's user."""
    with tempfile.TemporaryDirectory(prefix="biaoshi demo 演示 ") as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Demo:
    """``biaoshi demo`` as a process, and what it printed."""

    def __init__(self, folder: Path) -> None:
        self.directory = folder / "data"
        self.json = folder / "table.json"
        self.port, self.national_port, self.https_port, self.handle_port = (free_port() for _ in range(4))
        self.root_port, self.neighbour_port = free_port(), free_ports(4)

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        command = [
            sys.executable, "-m", "node.cli", "demo", "--directory", str(self.directory), "--json", str(self.json),
            "--http-port", str(self.port), "--national-port", str(self.national_port),
            "--https-port", str(self.https_port), "--handle-port", str(self.handle_port),
            "--root-port", str(self.root_port), "--neighbour-port", str(self.neighbour_port), *arguments,
        ]  # fmt: skip
        environment = {**os.environ, "BIAOSHI_DATABASE_URL": SOMEBODY_S_DATABASE}
        return await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )

    async def run(self, *arguments: str) -> tuple[int | None, str]:
        process = await self.start(*arguments)
        async with asyncio.timeout(150):
            said, _ = await process.communicate()
        return process.returncode, said.decode()

    def table(self) -> dict[str, Any]:
        table: dict[str, Any] = json.loads(self.json.read_text(encoding="utf-8"))
        return table


def assert_accepts(table: dict[str, Any], resolved: int) -> None:
    """The acceptance table has what the demo did, today so far, all of it 实验数据."""
    told = table["acceptance"]
    assert (told["mark"], told["provisional"], told["profile"]["id"]) == ("实验数据", True, "ningbo")
    enterprises, registrations, resolutions = told["criteria"]
    assert (enterprises["value"], registrations["value"]) == (8, table["registered"])
    assert (resolutions["sum"], resolutions["value"]) == (resolved, round(resolved / 30, 2))


def assert_traced(table: dict[str, Any]) -> None:
    """An identifier of an enterprise node under another secondary node, by way of the national node."""
    trace = table["trace"]
    assert (trace["identifier"], trace["came"]) == ("88.102.7/PUMP-26-000123", "record")
    assert [hop["came"] for hop in trace["hops"]][-1] == "record"
    assert len({hop["server"] for hop in trace["hops"]}) >= 3
    assert "离心泵 PUMP-26" in {value["data"]["value"] for value in trace["values"]}


def expected_rejections() -> int:
    """The prepared rows, and the real products whose servings are words such as "About 3"."""
    with DATA.open(newline="", encoding="utf-8") as file:
        servings = [row["Servings Per Container"] for row in csv.DictReader(file)]
    words = [text for text in servings if text and not re.fullmatch(r" *[0-9]+(\.[0-9]+)? *", text)]
    assert "About 3" in words
    return len(words) + PREPARED_BAD_ROWS


async def get(url: str, **headers: str) -> tuple[int, str, str]:
    def ask() -> tuple[int, str, str]:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:  # noqa: S310
            return answer.status, answer.headers.get_content_type(), answer.read().decode()

    return await asyncio.to_thread(ask)


@pytest.fixture
def demo(folder: Path) -> Demo:
    return Demo(folder)


async def test_the_demo_tells_its_story_and_keeps_what_it_did(demo: Demo) -> None:
    status, said = await demo.run("--exit")
    assert status == 0, said
    table = demo.table()
    rejected = expected_rejections()
    assert table["enterprises"] == table["prefixes"] == 24
    assert table["registered"] == 5249 + PREPARED_BAD_ROWS - rejected
    assert table["rejected"] == rejected
    assert (table["resolved"], table["errors"]) == (10_000, 0)
    assert table["laboratory"] is True
    assert "实验数据" in said
    assert_accepts(table, resolved=10_000)
    assert "验收指标 · acceptance" in said
    assert all(f"控制台 console: {name}" in said for name in ("admin", "reviewer", "auditor", "enterprise"))
    assert "accounts" not in table  # the file has no passwords
    assert_traced(table)

    process = await demo.start("--neighbour-port", "0")
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while "Ctrl-C" not in (line := (await process.stdout.readline()).decode()):
            assert line, "the demo ended early"
    again = demo.table()
    assert {key: again[key] for key in ("enterprises", "prefixes", "registered", "rejected", "resolved")} == {
        key: table[key] for key in ("enterprises", "prefixes", "registered", "rejected", "resolved")
    }
    assert_accepts(again, resolved=20_000)
    assert again["trace"] == {}  # nobody else was asked to play
    url = f"http://127.0.0.1:{demo.port}"
    for sample in again["samples"]:
        _, kind, text = await get(f"{url}/api/handles/{sample}")
        assert kind == "application/json"
        assert json.loads(text)["handle"] == sample
        _, kind, text = await get(f"{url}/{sample}", Accept="text/html")
        assert kind == "text/html"
        assert sample in text
        assert "示例" in text
    _, _, overview = await get(f"http://127.0.0.1:{demo.national_port}/")
    assert "模拟国家顶级节点" in overview
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(20):
        await process.communicate()
    assert process.returncode == 0


async def test_a_taken_port_is_named(demo: Demo) -> None:
    with bind("127.0.0.1", demo.port, shared=False) as taken:
        taken.listen(1)
        status, said = await demo.run("--exit")
    assert status == 1
    assert f"port {demo.port}" in said
    assert "Traceback" not in said


async def test_fresh_never_deletes_what_is_not_the_demo_s(demo: Demo) -> None:
    demo.directory.mkdir()
    precious = demo.directory / "precious.txt"
    precious.write_text("keep me", encoding="utf-8")
    status, said = await demo.run("--fresh", "--exit")
    assert status == 1
    assert "not put there" in said
    assert precious.read_text(encoding="utf-8") == "keep me"


def test_every_product_stands_in_exactly_one_file(tmp_path: Path) -> None:
    with DATA.open(newline="", encoding="utf-8") as file:
        products = [row["GTIN-14"] for row in csv.DictReader(file)]
    found = []
    for written in write_files(tmp_path):
        with written.open(newline="", encoding="utf-8", errors="replace") as file:
            found += [row["GTIN-14"] for row in csv.DictReader(file) if row["GTIN-14"] in row["suffix"]]
    assert sorted(found) == sorted(products)
