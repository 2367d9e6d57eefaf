"""Every example of docs/tour.md, run in its order against two nodes, answers what stands below it.

A ``bash`` or ``python`` block is an example; all bash blocks run in one shell, all python blocks in one interpreter,
so that variables carry on as they do for a reader. A ``json`` or ``text`` block right behind an example is its
output:

* ``json`` is compared as data. ``…`` in a text stands for anything, ``…`` as the last member for more members.
* ``text`` is compared line by line; lines may be left out, ``…`` in a line stands for anything.

Nothing is replaced but the addresses of the two nodes.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.auth import Role
from tests.support.node import Node, running_node
from tests.support.world import actor

pytestmark = pytest.mark.system

TOUR = Path(__file__).parents[2] / "docs" / "tour.md"
ADDRESSES = ("http://127.0.0.1:8000", "http://127.0.0.1:8001")
PREFIX = 3001
USER, USER_PASSWORD = "pumps", "Ningbo-tide-7 rises"
OPERATOR, OPERATOR_PASSWORD = "wang.ops", "Harbour-light-9 turns"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_MORE = "…"
_SECONDS = 30.0  # for one example
_PATIENCE = 5.0
_OVER = "\x1e over \x1e"

# An interpreter that runs the files named on its standard input in one namespace, as a reader's would.
_PYTHON = f"""
import sys, traceback
space = {{"__name__": "__main__"}}
for line in sys.stdin:
    try:
        exec(compile(open(line.strip(), encoding="utf-8").read(), line.strip(), "exec"), space)
    except BaseException:
        traceback.print_exc(file=sys.stdout)
    print({_OVER!r}, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Example:
    """One block to run, and the block of its output if one follows."""

    heading: str
    line: int
    language: str
    code: str
    answer: tuple[str, str] | None

    @property
    def title(self) -> str:
        return f"docs/tour.md:{self.line} ({self.heading}, {self.language})"


def examples(text: str) -> list[Example]:
    """The examples of a document in their order."""
    found: list[Example] = []
    blocks = list(_BLOCK.finditer(text))
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        language, code = block.groups()
        if language not in ("bash", "python"):
            continue
        heading = _HEADING.findall(text, 0, block.start())
        answer = None
        if following and following[1] in ("json", "text") and not text[block.end() : following.start()].strip():
            answer = (following[1], following[2])
        found.append(Example(heading[-1], text.count("\n", 0, block.start()) + 1, language, code, answer))
    return found


# Comparing ----------------------------------------------------------------------------------------


def shortened(text: str) -> Any:
    """JSON with ``…`` as its data; more members, or more elements, are the member or element ``…``."""
    text = re.sub(rf"(?<=[,{{\s]){_MORE}\s*(?=\}})", f'"{_MORE}": 0', text)
    return json.loads(re.sub(rf"(?<=[,\[\s]){_MORE}\s*(?=\])", f'"{_MORE}"', text))


def pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split(_MORE))), re.DOTALL)


def fits(wanted: Any, found: Any) -> bool:
    """Whether the data are those of the document."""
    if isinstance(wanted, str):
        return isinstance(found, str) and pattern(wanted).fullmatch(found) is not None
    if isinstance(wanted, dict) and isinstance(found, dict):
        said = {name: value for name, value in wanted.items() if name != _MORE}
        whole = _MORE in wanted or said.keys() == found.keys()
        return whole and all(name in found and fits(value, found[name]) for name, value in said.items())
    if isinstance(wanted, list) and isinstance(found, list):
        said_ones = [one for one in wanted if one != _MORE]
        whole = len(said_ones) < len(wanted) or len(said_ones) == len(found)
        return whole and len(found) >= len(said_ones) and all(map(fits, said_ones, found))
    return type(wanted) is type(found) and bool(wanted == found)


def answers(example: Example, output: str) -> bool:
    """Whether an example's output is the one that stands below it."""
    if example.answer is None:
        return "Traceback" not in output
    kind, wanted = example.answer
    if kind == "json":
        try:
            return fits(shortened(wanted), json.loads(output))
        except ValueError:
            return False
    lines = iter(output.splitlines())
    return all(any(pattern(line.strip()).fullmatch(there.strip()) for there in lines) for line in wanted.splitlines()
               if line.strip() != _MORE)  # fmt: skip


# Running ------------------------------------------------------------------------------------------


class Session:
    """A shell or an interpreter that goes on from example to example."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, ending: str) -> None:
        self._process = process
        self._folder = folder
        self._ending = ending
        self._number = 0

    async def run(self, code: str) -> str:
        """What the example prints, on both of its outputs."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._number += 1
        file = self._folder / f"{self._number}{self._ending}"
        file.write_text(code, encoding="utf-8")
        told = f". {file}\necho; echo '{_OVER}'\n" if self._ending == ".sh" else f"{file}\n"
        self._process.stdin.write(told.encode())
        async with asyncio.timeout(_SECONDS):
            said = await self._process.stdout.readuntil(f"{_OVER}\n".encode())
        return said.decode().removesuffix(f"{_OVER}\n").strip("\n")

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._process.wait()
        except TimeoutError:  # an example hangs: it ends together with what it started
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


async def session(folder: Path, *command: str, ending: str) -> Session:
    """Begin one; what it writes lies in ``folder``/reader."""
    (folder / "reader").mkdir(exist_ok=True)
    scripts = folder / ending.strip(".")
    scripts.mkdir()
    environment = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder / "reader", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, limit=4 * 1024 * 1024, start_new_session=True,
        env={**environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder),
             "PYTHONUTF8": "1", "COLUMNS": "160", "NO_COLOR": "1"},
    )  # fmt: skip
    return Session(process, scripts, ending)


async def furnish(node: Node) -> None:
    """What the tour begins with: an enterprise with an enabled prefix, a user of it, an administrator."""
    administrator = node.world.administrator
    holder = await node.world.holder(PREFIX)
    who = actor(administrator)
    await node.accounts.create(
        administrator, who, USER, Role.ENTERPRISE_USER, holder.account.enterprise_id, USER_PASSWORD
    )
    await node.accounts.create(administrator, who, OPERATOR, Role.ADMINISTRATOR, None, OPERATOR_PASSWORD)


@pytest.fixture
async def nodes(database_url: str, other_database_url: str) -> AsyncIterator[tuple[Node, Node]]:
    quiet = {"requests": False}
    async with (
        running_node(database_url, populated=False, log=quiet) as node,
        running_node(other_database_url, populated=False, log=quiet) as other,
    ):
        await furnish(node)
        await furnish(other)
        yield node, other


async def test_every_example_of_the_tour_answers_what_stands_below_it(
    nodes: tuple[Node, Node], tmp_path: Path
) -> None:
    assert shutil.which("curl"), "the examples need curl: apt install curl"
    text = TOUR.read_text(encoding="utf-8").replace("time.sleep(0.2)", "time.sleep(2)")  # this machine is busy
    for address, node in zip(ADDRESSES, nodes, strict=True):
        assert address in text
        text = text.replace(address, node.url)
    running = {
        "bash": await session(tmp_path, "bash", "--norc", "--noprofile", ending=".sh"),
        "python": await session(tmp_path, sys.executable, "-c", _PYTHON, ending=".py"),
    }
    different = []
    try:
        for example in examples(text):
            for node in nodes:
                node.world.clock.advance(minutes=1)  # as it does for a reader: lists are in the order of times
            output = await running[example.language].run(example.code)
            if not answers(example, output):
                different.append(f"{example.title}\n{example.code}\n--- answered:\n{output}")
                break  # what comes later stands on this one
    finally:
        for one in running.values():
            await one.end()
    assert not different, "\n\n".join(different)


# The document itself ------------------------------------------------------------------------------


def test_every_use_of_the_tour_is_shown_by_curl_or_command_and_in_python() -> None:
    shown: dict[str, set[str]] = {}
    for example in examples(TOUR.read_text(encoding="utf-8")):
        shown.setdefault(example.heading, set()).add(example.language)
    assert len(shown) >= 20
    assert {heading: languages for heading, languages in shown.items() if languages != {"bash", "python"}} == {}


def test_every_heading_is_chinese_with_english_beside_it() -> None:
    headings = _HEADING.findall(TOUR.read_text(encoding="utf-8"))
    assert [heading for heading in headings if not re.match(r"[\u4e00-\u9fff].* · .*[A-Za-z]", heading)] == []


def test_most_examples_show_their_answer() -> None:
    found = examples(TOUR.read_text(encoding="utf-8"))
    assert sum(example.answer is not None for example in found) > len(found) * 3 // 4


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [
        ('{"a": 1, …}', {"a": 1, "b": 2}, True),
        ('{"a": 1}', {"a": 1, "b": 2}, False),
        ('{"a": 1, …}', {"a": 2, "b": 2}, False),
        ('{"a": 1, …}', {"b": 2}, False),
        ('{"a": "sha256-3a…"}', {"a": "sha256-3a8e"}, True),
        ('{"a": "sha256-3a…"}', {"a": "sha256-4a8e"}, False),
        ('["x", …]', ["x", "y"], True),
        ('["x"]', ["x", "y"], False),
        ('["x", …]', ["y", "x"], False),
        ('["x", "y", …]', ["x"], False),
        ('{"a": 1}', {"a": True}, False),
        ('{"a": null, …}', {"a": None}, True),
        ('{…}', {"a": 1}, True),
    ],
)  # fmt: skip
def test_data_fit_only_what_they_say(wanted: str, found: object, same: bool) -> None:
    assert fits(shortened(wanted), found) is same


@pytest.mark.parametrize(
    ("wanted", "output", "same"),
    [("one\n…\nthree\n", "one\ntwo\nthree\n", True), ("three\none\n", "one\ntwo\nthree\n", False),
     ("o…e\n", "one", True), ("o…e\n", "on", False), ("four\n", "one", False)],
)  # fmt: skip
def test_lines_fit_in_their_order(wanted: str, output: str, same: bool) -> None:
    assert answers(Example("", 1, "bash", "", ("text", wanted)), output) is same
