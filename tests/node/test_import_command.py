"""``biaoshi import`` and ``biaoshi batch`` as somebody types them: what they print, ask, save and end with."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import Node, running_node

HEADER = "suffix,name,serial,model,weight_kg"
PREFIX = ["--prefix", "88.101.2001"]


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "node.cli", *map(str, words)]


def environment(node: Node, by: str = "application") -> dict[str, str]:
    return {**os.environ, "BIAOSHI_TOKEN": node.tokens[by], "COLUMNS": "200", "NO_COLOR": "1"}


async def biaoshi(node: Node, *words: object, answer: bytes = b"", by: str = "application") -> Ended:
    """One command with its standard input closed, or ``answer`` typed into it."""
    process = await asyncio.create_subprocess_exec(
        *command(*words, "--server", node.url), env=environment(node, by), stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(answer)
    return Ended(process.returncode or 0, out.decode(), err.decode())


async def typed(node: Node, answer: bytes, *words: object) -> tuple[int, str]:
    """The same at a terminal: everything that it shows, and the status."""
    leader, follower = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *command(*words, "--server", node.url), env=environment(node), stdin=follower, stdout=follower,
            stderr=follower,
        )  # fmt: skip
        os.close(follower)
        shown = b""
        asked = False
        while True:
            try:
                block = await asyncio.to_thread(os.read, leader, 4096)
            except OSError:  # nobody is left on the other side
                break
            shown += block
            if not asked and b"[y/n]" in shown:
                asked = True
                os.write(leader, answer)
        return await process.wait(), shown.decode(errors="replace")
    finally:
        os.close(leader)


def write(folder: Path, *more: str, rows: int = 5) -> Path:
    lines = [f"PUMP-{n:06d},离心泵 {n},S-{n},CP-{n % 10},{n}.50" for n in range(rows)]
    path = folder / "pumps.csv"
    path.write_text("\n".join([HEADER, *lines, *more]) + "\n", encoding="utf-8")
    return path


async def states(node: Node) -> dict[int, int]:
    found = await node.world.pool.fetch("SELECT state, count(*) AS number FROM identifier GROUP BY state")
    return {row["state"]: row["number"] for row in found}


async def test_a_dry_run_prints_what_would_be_done_and_does_nothing(node: Node, tmp_path: Path) -> None:
    good = await biaoshi(node, "import", write(tmp_path), *PREFIX, "--template", "pump", "--dry-run")
    assert good.status == 0, good.err
    assert "注册预览" in good.out
    assert "将注册 registered" in good.out
    bad = write(tmp_path, "PUMP-X,,S-X,CP,heavy", "PUMP-Y,,S-Y,CP,1")
    seen = await biaoshi(node, "import", bad, *PREFIX, "--template", "pump", "--dry-run")
    assert seen.status == 2
    assert "必填 / a value is required (required)" in seen.out
    assert "不是数字：heavy" in seen.out
    assert "name=离心泵 0" in seen.out
    assert await states(node) == {}


async def test_a_file_is_registered_and_its_rejections_lie_beside_it(node: Node, tmp_path: Path) -> None:
    file = write(tmp_path, "PUMP-X,,S-X,CP,1")
    ended = await biaoshi(node, "import", file, *PREFIX, "--template", "pump")
    assert (ended.status, ended.json["state"], ended.json["registered"]) == (0, "finished", 5)
    back = tmp_path / "pumps.csv.rejections.csv"
    assert str(back) in ended.err
    assert back.read_text().splitlines()[0].startswith(HEADER)
    again = await biaoshi(node, "import", file, *PREFIX, "--template", "pump")
    assert again.json == ended.json
    back.write_text(back.read_text().replace("PUMP-X,,", "PUMP-X,离心泵,"))
    mended = await biaoshi(node, "import", back, *PREFIX, "--template", "pump")
    assert (mended.status, mended.json["registered"], mended.json["rejected"]) == (0, 1, 0)


async def test_what_changes_standing_identifiers_is_asked_for(node: Node, tmp_path: Path) -> None:
    file = write(tmp_path)
    await biaoshi(node, "import", file, *PREFIX, "--template", "pump")
    change = ["import", file, *PREFIX, "--operation", "suspend"]
    unasked = await biaoshi(node, *change)
    assert unasked.status == 1
    assert "not_confirmed" in unasked.err
    assert "将变更 changed" in unasked.err
    status, shown = await typed(node, b"n\n", *change)
    assert status == 1
    assert "变更 5 个标识" in shown
    assert await states(node) == {1: 5}
    status, _ = await typed(node, b"y\n", *change)
    assert (status, await states(node)) == (0, {3: 5})
    script = await biaoshi(node, "import", file, *PREFIX, "--operation", "resume", "--yes")
    assert (script.status, script.json["changed"]) == (0, 5)


async def test_a_mapping_is_taken_from_a_file(node: Node, tmp_path: Path) -> None:
    file, mapping = tmp_path / "erp.csv", tmp_path / "mapping.json"
    file.write_bytes("编号;品名;类别\nA-1; 泵 ;轻\n".encode("gb18030"))
    said = {
        "suffix": "编号",
        "attributes": {"name": {"column": "品名", "trim": True}, "grade": {"column": "类别", "lookup": {"轻": "A"}}},
    }
    mapping.write_text(json.dumps(said), encoding="utf-8")
    asked = ["import", file, *PREFIX, "--template", "pump", "--mapping", mapping]
    ended = await biaoshi(node, *asked, "--encoding", "gb18030", "--delimiter", ";")
    assert (ended.status, ended.json["registered"]) == (0, 1), ended.err
    found = await node("GET", "/v1/identifiers/88.101.2001/A-1")
    assert found.json["attributes"] == {"name": "泵", "grade": "A"}
    for content in ("nonsense", "[]", "{}", "[1]", "7"):
        mapping.write_text(content)
        refused = await biaoshi(node, *asked)
        assert (refused.status, "mapping_file_unusable" in refused.err) == (1, True), content
    both = await biaoshi(node, *asked, "--map", "a=b")
    assert "mapping_file_unusable" in both.err


async def test_a_batch_is_shown_and_undone_by_its_number(node: Node, tmp_path: Path) -> None:
    ended = await biaoshi(node, "import", write(tmp_path), *PREFIX, "--template", "pump")
    batch_id = ended.json["batch_id"]
    assert (await biaoshi(node, "batch", "show", batch_id)).json == ended.json
    late = await biaoshi(node, "batch", "pause", batch_id)
    assert (late.status, "batch_state_unfit" in late.err) == (1, True)
    undone = await biaoshi(node, "batch", "undo", batch_id)
    assert (undone.status, undone.json["changed"], undone.json["undoes"]) == (0, 5, batch_id)
    assert await states(node) == {2: 5}
    assert (await biaoshi(node, "batch", "undo", batch_id)).json == undone.json


@contextlib.asynccontextmanager
async def holding(node: Node, suffix: str) -> AsyncIterator[None]:
    """Whoever registers this suffix meanwhile waits: somebody else has nearly done so, and then has not."""
    async with node.world.pool.acquire() as connection:
        under_way = connection.transaction()
        await under_way.start()
        try:
            await connection.execute(
                "INSERT INTO identifier (prefix_id, template_id, version, registered_at, updated_at, suffix_key,"
                " record) SELECT prefix_id, $2, 1, now(), now(), $3, '' FROM prefix WHERE prefix = $1",
                PREFIX[-1], node.template.template_id, suffix,
            )  # fmt: skip
            yield
        finally:
            await under_way.rollback()


def _heed_interruption() -> None:
    """A suite in the background of a shell ignores Ctrl-C, and whatever it starts would do so, too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def test_an_interrupted_import_says_how_to_go_on(node: Node, tmp_path: Path) -> None:
    file = write(tmp_path, rows=60_000)
    asked = ["import", file, *PREFIX, "--template", "pump"]
    async with holding(node, "PUMP-050000"):
        process = await asyncio.create_subprocess_exec(
            *command(*asked, "--server", node.url), env=environment(node), stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, preexec_fn=_heed_interruption,
        )  # fmt: skip
        async with asyncio.timeout(30):
            while not (await states(node)).get(1):  # noqa: ASYNC110 - what another process does is looked for
                await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
        assert process.returncode == 130
        assert "重新执行" in err.decode()
        assert (await states(node))[1] < 60_000
    ended = await biaoshi(node, *asked)
    assert (ended.status, ended.json["registered"], await states(node)) == (0, 60_000, {1: 60_000})


async def test_a_file_needs_a_prefix(node: Node, tmp_path: Path) -> None:
    ended = await biaoshi(node, "import", write(tmp_path), "--template", "pump")
    assert (ended.status, "--prefix" in ended.err) == (2, True)
