"""What operators' tools see: alive, ready or not, and numbers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from node import __version__, embedded, metrics
from node.embedded import EmbeddedPostgres
from node.embedded_processes import processes_of
from node.migrate import migrate
from tests.support.docking import until
from tests.support.node import Node, running_node

QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "16MB"}
QUIET = {"requests": False}


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedPostgres]:
    """A server that only these tests depend on."""
    with tempfile.TemporaryDirectory(prefix="biaoshi-ready-") as folder:
        Path(folder).chmod(0o755)
        async with embedded.start(Path(folder) / "pg", settings=QUICK) as server:
            await migrate(server.url())
            yield server


async def readiness(node: Node) -> tuple[int, bool, bool]:
    """Status, and whether database and notices work."""
    answer = await node("GET", "/readyz", by=None)
    parts = answer.json["parts"]
    assert answer.json["status"] == ("ready" if answer.status == 200 else "not ready")
    return answer.status, parts["database"], parts["notices"]


async def becomes(node: Node, *wanted: object) -> None:
    async def is_so() -> bool:
        return await readiness(node) == wanted

    await until(is_so)


async def test_readiness_follows_the_database_down_and_up(server: EmbeddedPostgres) -> None:
    async with running_node(server.url(), populated=False, log=QUIET) as node:
        await becomes(node, 200, True, True)
        await server.stop()
        await becomes(node, 503, False, False)
        assert (await node("GET", "/healthz", by=None)).status == 200
        await server.restart()
        await becomes(node, 200, True, True)
        pids = processes_of(server.directory.cluster)
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            began = asyncio.get_running_loop().time()
            assert (await readiness(node))[:2] == (503, False)
            assert asyncio.get_running_loop().time() - began < 3
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        await becomes(node, 200, True, True)


async def test_a_process_that_answers_is_alive(database_url: str) -> None:
    async with running_node(database_url, populated=False, log=QUIET) as node:
        answer = await node("GET", "/healthz", by=None)
        assert (answer.status, answer.json) == (200, {"status": "alive", "version": __version__})
        assert answer.headers["Cache-Control"] == "no-store"
        assert (await node("HEAD", "/readyz", by=None)).status == 200


async def test_the_numbers_can_be_read_and_rise(database_url: str) -> None:
    async with running_node(database_url, populated=False, log=QUIET) as node:
        before = await numbers(node)
        for _ in range(3):
            await node("GET", "/v1/me", by=None)
        await node("PROPFIND", "/v1/me", by=None)
        await node("GET", "/", by=None)
        after = await numbers(node)
    risen = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
    assert risen[("biaoshi_http_requests_total", "v1", "GET", "401")] == 3
    assert risen[("biaoshi_http_requests_total", "v1", "other", "405")] == 1
    assert risen[("biaoshi_http_requests_total", "proxy", "GET", "200")] == 1


@pytest.mark.parametrize("laboratory", [True, False])
async def test_the_numbers_of_a_laboratory_say_that_they_are(database_url: str, laboratory: bool) -> None:
    async with running_node(database_url, populated=False, log=QUIET, node={"laboratory": laboratory}) as node:
        assert (await numbers(node))["biaoshi_laboratory", "", "", ""] == laboratory


async def numbers(node: Node) -> dict[tuple[str, ...], float]:
    answer = await node("GET", "/metrics", by=None)
    assert answer.headers["Content-Type"] == metrics.CONTENT_TYPE
    return {
        (sample.name, *(sample.labels.get(label, "") for label in ("family", "method", "status"))): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_paths_make_few_labels() -> None:
    paths = [
        "/v1/me",
        "/v1/x/y",
        "/api/handles/88.1/x",
        "/88.1/x",
        "/88.1/y",
        "/healthz",
        "/readyz",
        "/metrics",
        "/",
        "",
    ]
    assert {metrics.family_of(path) for path in paths} == {"v1", "handle_json", "observe", "proxy"}


COUNTER = """
import os, sys
from node import metrics
metrics.REQUESTS.labels("v1", "GET", 200).inc(int(sys.argv[1]))
metrics.LATENCY.labels("v1").observe(0.002)
if len(sys.argv) > 2:
    sys.stdout.buffer.write(metrics.page())
"""


async def run(arguments: Iterable[str], folder: Path) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COUNTER, *arguments, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
    )  # fmt: skip
    page, _ = await process.communicate()
    assert process.returncode == 0
    return page


async def test_whichever_worker_answers_shows_the_sum_of_all(tmp_path: Path) -> None:
    await run(["3"], tmp_path)
    await run(["4"], tmp_path)
    page = await run(["5", "show"], tmp_path)
    samples = [sample for family in text_string_to_metric_families(page.decode()) for sample in family.samples]
    values = {sample.name: sample.value for sample in samples if sample.labels.get("family") == "v1"}
    assert values["biaoshi_http_requests_total"] == 12
    assert values["biaoshi_http_request_seconds_count"] == 3
