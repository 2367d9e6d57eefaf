"""A file becomes identifiers whatever falls over on the way: against a real node, through a line that breaks."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import gzip
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from node import embedded
from node.client import Client, NodeAway, NotANode, Refused, connect
from node.embedded import EmbeddedPostgres
from node.import_command import rejections_beside
from node.importer import FileUnusable, Import, MappingTooLong, import_file, preview_file, save_rejections
from node.migrate import migrate
from tests.support.docking import until
from tests.support.node import Node, running_node
from tests.support.workbooks import written

HEADER = "suffix,name,serial,model,weight_kg"
QUIET = {"requests": False}


class BreakingLine:
    """A TCP proxy to a node; each entry of ``cuts`` breaks one connection after so many bytes towards the node."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._port = port
        self._cuts = cuts
        self.connections = 0
        self.url = ""

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        allowed = self._cuts.pop(0) if self._cuts else None
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)
        back = asyncio.create_task(self._pump(up_reader, writer, None))
        await self._pump(reader, up_writer, allowed)
        if allowed is None:
            await back
        back.cancel()
        await asyncio.gather(back, return_exceptions=True)
        for end in (writer, up_writer):
            end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, allowed: int | None) -> None:
        with contextlib.suppress(ConnectionError):
            while block := await reader.read(8192 if allowed is None else min(8192, allowed)):
                writer.write(block)
                await writer.drain()
                if allowed is not None:
                    allowed -= len(block)
                    if allowed <= 0:
                        return

    async def __aenter__(self) -> BreakingLine:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedPostgres]:
    """A server that only one test depends on; what it has acknowledged survives a kill."""
    with tempfile.TemporaryDirectory(prefix="biaoshi-import-") as folder:
        Path(folder).chmod(0o755)
        async with embedded.start(Path(folder) / "pg", settings={"shared_buffers": "32MB"}) as server:
            await migrate(server.url())
            yield server


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log=QUIET, http={"body_seconds": 3}) as node:
        yield node


@pytest.fixture
async def client(node: Node) -> AsyncIterator[Client]:
    async with connect(node.url, node.tokens["application"]) as client:
        yield client


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(rows: int, *more: str, name: str = "pumps.csv", header: str = HEADER) -> Path:
        path = tmp_path / name
        lines = [f"PUMP-{n:06d},离心泵 {n},S-{n},CP-{n % 10},{n}.50" for n in range(rows)]
        path.write_text("\n".join([header, *lines, *more]) + "\n", encoding="utf-8")
        return path

    return written


def task(file: Path, **changed: Any) -> Import:
    return Import(**{"file": file, "prefix": "88.101.2001", "template": "pump", **changed})


async def registered(node: Node) -> tuple[int, int, int]:
    """Identifiers, versions of identifiers, batches."""
    row = await node.world.pool.fetchrow(
        "SELECT (SELECT count(*) FROM identifier), (SELECT count(*) FROM identifier_history),"
        " (SELECT count(*) FROM batch)"
    )
    return tuple(row)


async def test_a_file_is_registered_and_its_progress_told(node: Node, client: Client, write: Write) -> None:
    file = write(12_000)
    told: list[tuple[int, int]] = []
    batch = await import_file(client, task(file), progress=lambda sent, total: told.append((sent, total)))
    assert (batch["state"], batch["registered"], batch["rejected"]) == ("finished", 12_000, 0)
    assert await registered(node) == (12_000, 12_000, 1)
    size = file.stat().st_size
    assert told == sorted(told)
    assert told[-1] == (size, size)
    assert {total for _, total in told} == {size}


async def test_the_same_file_again_is_the_same_answer(node: Node, client: Client, write: Write) -> None:
    first = await import_file(client, task(write(300)))
    assert await import_file(client, task(write(300))) == first
    assert await registered(node) == (300, 300, 1)


async def test_another_file_is_another_batch_and_what_stands_is_unchanged(
    node: Node, client: Client, write: Write
) -> None:
    await import_file(client, task(write(300)))
    batch = await import_file(client, task(write(301)))
    assert (batch["registered"], batch["unchanged"]) == (1, 300)
    assert await registered(node) == (301, 301, 2)


async def test_what_is_asked_is_part_of_the_key(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("code,name\nA,x\n")
    keys = {
        task(file).key(),
        task(file, prefix="88.101.2002").key(),
        task(file, template="valve").key(),
        task(file, mapping=("code=suffix",)).key(),
        task(file, delimiter=";").key(),
        task(file, operation="update").key(),
        task(file, mapping_name="erp").key(),
        task(file, mapping={"suffix": "code"}).key(),
        task(file, encoding="gb18030").key(),
    }
    assert len(keys) == 9


@pytest.mark.parametrize("cuts", [[300_000], [200, 120_000, 500_000], [700_000, 700_000, 64]])
async def test_a_line_that_breaks_loses_and_doubles_nothing(node: Node, write: Write, cuts: list[int]) -> None:
    file = write(20_000, "PUMP-BAD,name,serial,model,heavy")
    assert file.stat().st_size > max(cuts)
    broken = len(cuts)
    async with BreakingLine(node.port, cuts) as line, connect(line.url, node.tokens["application"]) as client:
        batch = await import_file(client, task(file))
        assert line.connections > broken
    assert (batch["state"], batch["registered"], batch["rejected"]) == ("finished", 20_000, 1)
    assert await registered(node) == (20_000, 20_000, 1)


async def test_an_import_goes_on_after_the_database_was_away(server: EmbeddedPostgres, write: Write) -> None:
    async with (
        running_node(server.url(), log=QUIET) as node,
        connect(node.url, node.tokens["application"]) as client,
    ):
        importing = asyncio.create_task(import_file(client, task(write(30_000))))

        async def under_way() -> bool:
            return (await registered(node))[0] > 1000

        await until(under_way)
        server.kill()
        refused = await node("GET", "/v1/batches", by="application")
        assert (refused.status, refused.code) == (503, "database_away")
        await asyncio.sleep(0.5)
        assert not importing.done()
        await server.restart()
        batch = await asyncio.wait_for(importing, 60)
        assert (batch["state"], batch["registered"]) == ("finished", 30_000)
        assert await registered(node) == (30_000, 30_000, 1)


async def test_two_importers_of_one_file_make_one_batch(node: Node, client: Client, write: Write) -> None:
    file = write(5_000)
    first, second = await asyncio.gather(import_file(client, task(file)), import_file(client, task(file)))
    assert first == second
    assert await registered(node) == (5_000, 5_000, 1)


async def test_more_importers_than_a_worker_takes_wait_their_turn(node: Node, client: Client, write: Write) -> None:
    files = [write(1, f"EXTRA-{n},x,X-{n},,", name=f"{n}.csv") for n in range(6)]
    batches = await asyncio.gather(*(import_file(client, task(file)) for file in files))
    assert {batch["state"] for batch in batches} == {"finished"}
    assert await registered(node) == (7, 7, 6)


async def test_rejected_rows_are_saved_with_their_places(
    node: Node, client: Client, write: Write, tmp_path: Path
) -> None:
    file = write(3, "=1+1,@SUM(A1),S-x,m,heavy", "PUMP-X,,S-y,m,1")
    batch = await import_file(client, task(file))
    assert (batch["registered"], batch["rejected"]) == (3, 2)
    target = tmp_path / "rejected.csv"
    await save_rejections(client, batch["batch_id"], target)
    with target.open(encoding="utf-8", newline="") as saved:
        rows = list(csv.DictReader(saved))
    assert [(row["biaoshi_line"], row["biaoshi_field"], row["biaoshi_code"]) for row in rows] == [
        ("5", "weight_kg", "not_a_number"),
        ("6", "name", "required"),
    ]
    assert (rows[0]["suffix"], rows[0]["name"]) == ("'=1+1", "'@SUM(A1)")
    with pytest.raises(FileUnusable, match="cannot be written"):
        await save_rejections(client, batch["batch_id"], tmp_path)


async def test_rejected_rows_are_asked_for_until_the_node_answers(
    node: Node, client: Client, write: Write, tmp_path: Path
) -> None:
    batch = await import_file(client, task(write(3, "PUMP-X,,S-y,m,1")))
    saved, complete = tmp_path / "saved.csv", tmp_path / "complete.csv"
    await save_rejections(client, batch["batch_id"], complete)
    async with BreakingLine(node.port, [20, 60]) as line, connect(line.url, node.tokens["application"]) as breaking:
        await save_rejections(breaking, batch["batch_id"], saved)
        assert line.connections == 3
    assert saved.read_bytes() == complete.read_bytes()
    async with connect(line.url, node.tokens["application"]) as nobody:
        with pytest.raises(NodeAway):
            await save_rejections(nobody, batch["batch_id"], saved, patience=0.1)


async def test_columns_may_have_other_names_and_delimiters(node: Node, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "odd.CSV"
    file.write_text("编号;名 称;Gewicht\nA-1;离心泵;1.50\n", encoding="utf-8")
    asked = task(file, mapping=("编号=suffix", "名 称=name", "Gewicht=weight_kg"), delimiter=";")
    assert (await import_file(client, asked))["registered"] == 1
    answer = await node("GET", "/v1/identifiers/88.101.2001/A-1")
    assert answer.json["attributes"] == {"name": "离心泵", "weight_kg": "1.50"}


async def test_ndjson_is_imported_too(node: Node, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "pumps.ndjson"
    file.write_text('{"suffix": "A-1", "name": "离心泵", "weight_kg": 1.10}\n', encoding="utf-8")
    assert (await import_file(client, task(file)))["registered"] == 1
    answer = await node("GET", "/v1/identifiers/88.101.2001/A-1")
    assert answer.json["attributes"]["weight_kg"] == "1.10"


FORMS = {
    "pumps.tsv": "suffix\tname\nA-1\t离心泵\nA-2\t\n".encode(),
    "pumps.csv.gz": gzip.compress("suffix;name\nA-1;离心泵\nA-2;\n".encode("gb18030")),
    "pumps.jsonl": b'{"suffix": "A-1", "name": "x"}\n{"suffix": "A-2"}\n',
    "PUMPS.JSON": b'[{"suffix": "A-1", "name": "x"}, {"suffix": "A-2"}]',
    "pumps.xlsx": written({"一": [["suffix", "name"], ["A-1", "x"], ["A-2", ""]]}),
}


@pytest.mark.parametrize("name", FORMS)
async def test_every_form_is_looked_at_sent_and_its_rejections_come_back_in_kind(
    node: Node, client: Client, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(FORMS[name])
    seen = await preview_file(client, task(file))
    assert (seen["registered"], seen["rejected"], await registered(node)) == (1, 1, (0, 0, 0))
    batch = await import_file(client, task(file))
    assert (batch["registered"], batch["rejected"]) == (1, 1)
    back = rejections_beside(task(file))
    assert back.parent == tmp_path
    await save_rejections(client, batch["batch_id"], back)
    again = await import_file(client, task(back))  # nothing was corrected
    assert (again["registered"], again["rejected"]) == (0, 1)


async def test_what_stands_is_changed_with_the_confirmation_of_its_preview(
    node: Node, client: Client, write: Write
) -> None:
    file = write(2_000)
    await import_file(client, task(file))
    change = task(file, operation="suspend", template=None)
    with pytest.raises(Refused, match="confirmation_missing"):
        await import_file(client, change)
    seen = await preview_file(client, change)
    batch = await import_file(client, change, confirmation=seen["confirmation"])
    assert (batch["state"], batch["changed"]) == ("finished", 2_000)
    assert await registered(node) == (2_000, 4_000, 2)


async def test_a_paused_import_is_told_waited_for_and_goes_on(node: Node, client: Client, write: Write) -> None:
    told: list[str] = []
    file = write(30_000)

    async def pause() -> str:
        while True:
            listed = (await client.get("/v1/batches"))["items"]
            if listed and listed[0]["registered"]:
                await client.post(f"/v1/batches/{listed[0]['batch_id']}/pause")
                return str(listed[0]["batch_id"])
            await asyncio.sleep(0.02)

    pausing = asyncio.create_task(pause())
    left = await import_file(client, task(file))
    assert left["state"] == "paused"
    batch_id = await pausing
    assert (await registered(node))[0] == left["registered"] < 30_000
    waiting = asyncio.create_task(
        import_file(client, task(file), paused=lambda batch: told.append(batch["batch_id"]))
    )

    async def has_been_told() -> bool:
        return bool(told)

    await until(has_been_told)
    await client.post(f"/v1/batches/{batch_id}/resume")
    batch = await asyncio.wait_for(waiting, 30)
    assert (batch["state"], batch["registered"], told) == ("finished", 30_000, [batch_id])
    assert await registered(node) == (30_000, 30_000, 1)


# Refusals -------------------------------------------------------------------------------------------


async def test_a_bad_header_is_seen_while_a_large_body_is_still_being_sent(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    with file.open("w") as out:
        out.write("suffix,surprise\n")
        for _ in range(60):
            out.write("A,x\n" * 250_000)
    assert file.stat().st_size > 50_000_000
    began = time.monotonic()
    with pytest.raises(Refused) as caught:
        await import_file(client, task(file))
    assert (caught.value.status, caught.value.problem["code"]) == (400, "batch_failed")
    assert "surprise" in caught.value.detail
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"prefix": "88.101.9999"}, "prefix_unknown"),
        ({"prefix": "88.101.2002"}, "not_allowed"),
        ({"prefix": "nonsense"}, "invalid_prefix"),
        ({"template": "nothing"}, "template_unknown"),
        ({"mapping": ("nonsense",)}, "invalid_mapping"),
        ({"mapping_name": "nobody's"}, "mapping_unknown"),
        ({"operation": "delete"}, "operation_unfit"),
        ({"delimiter": "#"}, "invalid_input"),
    ],
    ids=str,
)
async def test_what_asking_again_cannot_mend_is_told_at_once(
    client: Client, write: Write, changed: dict[str, Any], code: str
) -> None:
    began = time.monotonic()
    with pytest.raises(Refused) as caught:
        await import_file(client, task(write(5), **changed))
    assert caught.value.problem["code"] == code
    assert time.monotonic() - began < 3


async def test_a_token_that_is_none_is_told(node: Node, write: Write) -> None:
    async with connect(node.url, "nonsense") as client:
        with pytest.raises(Refused) as caught:
            await import_file(client, task(write(5)))
    assert (caught.value.status, caught.value.problem["code"]) == (401, "token_unknown")


async def test_a_node_that_stays_away_is_given_up_when_patience_ends(write: Write) -> None:
    async with connect("http://127.0.0.1:1", "token") as client:
        began = time.monotonic()
        with pytest.raises(NodeAway):
            await import_file(client, task(write(5)), patience=0.5)
        assert 0.4 < time.monotonic() - began < 4


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://", "http://[::1", "http://127.0.0.1:99999"])
async def test_an_address_that_is_none_is_told(write: Write, url: str) -> None:
    async with connect(url, "token") as client:
        with pytest.raises(NotANode):
            await import_file(client, task(write(5)), patience=0.1)


async def test_somebody_who_is_no_node_is_told(write: Write) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<p>hi</p>")
        await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, connect(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "token") as client:
        with pytest.raises(NotANode, match="no node"):
            await import_file(client, task(write(5)), patience=0.1)


async def test_a_file_that_cannot_be_read_is_named(client: Client, tmp_path: Path) -> None:
    for file in (tmp_path / "nowhere.csv", tmp_path / "folder.csv"):
        (tmp_path / "folder.csv").mkdir(exist_ok=True)
        with pytest.raises(FileUnusable, match=file.name):
            await import_file(client, task(file))


@pytest.mark.parametrize("name", ["pumps.xls", "pumps", "pumps.gz", ".csv", "pumps.csv.zip"])
async def test_a_file_of_an_unknown_ending_is_named(client: Client, write: Write, name: str) -> None:
    with pytest.raises(FileUnusable, match=r"\.csv, \.tsv, \.ndjson, \.jsonl"):
        await import_file(client, task(write(5, name=name)))


async def test_a_mapping_that_does_not_fit_into_an_address_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("code\nA\n")
    async with connect("http://127.0.0.1:1", "token") as client:
        with pytest.raises(MappingTooLong):
            await import_file(client, task(file, mapping={"suffix": "x" * 5000}))
