"""Batches over HTTP beyond registering: previews, changes, queries, undo, pause, progress, rejections in kind."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.support.node import Answer, Node, running_node
from tests.support.workbooks import written

PREFIX = "88.101.2001"
HEADER = "suffix,name,serial,model,weight_kg"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


def rows(count: int, start: int = 0) -> str:
    lines = [f"PUMP-{n:05d},离心泵 {n},S-{n},CP-{n % 7},{n}.50" for n in range(start, start + count)]
    return "\n".join([HEADER, *lines]) + "\n"


async def send(
    node: Node, body: str | bytes | AsyncIterator[bytes], key: str | None = "key", *, by: str = "application",
    media: str = "text/csv", headers: dict[str, str] | None = None, operation: str = "register", **query: Any,
) -> Answer:  # fmt: skip
    sent = {"Content-Type": media, **({"Idempotency-Key": key} if key is not None else {}), **(headers or {})}
    asked = {"prefix": PREFIX, "operation": operation, **query}
    if operation in ("register", "update"):
        asked.setdefault("template", "pump")
    data = io.BytesIO(body.encode() if isinstance(body, str) else body) if isinstance(body, str | bytes) else body
    return await node("POST", "/v1/batches", by=by, query=asked, headers=sent, data=data)


async def by_query(node: Node, key: str | None = "query", *, by: str = "application", **body: Any) -> Answer:
    headers = {"Idempotency-Key": key} if key is not None else {}
    asked = {"prefix": PREFIX, "filters": {}, **body}
    return await node("POST", "/v1/batches/by-query", by=by, headers=headers, json=asked)


async def post(node: Node, batch: Answer, verb: str, key: str | None = None, by: str = "application") -> Answer:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return await node("POST", f"/v1/batches/{batch.json['batch_id']}/{verb}", by=by, headers=headers)


async def rejections(node: Node, batch: Answer, form: str = "input") -> Answer:
    path = f"/v1/batches/{batch.json['batch_id']}/rejections"
    return await node("GET", path, by="application", query={"format": form})


async def states(node: Node) -> dict[int, int]:
    found = await node.world.pool.fetch("SELECT state, count(*) AS number FROM identifier GROUP BY state")
    return {row["state"]: row["number"] for row in found}


def counts(answer: Answer) -> dict[str, int]:
    return {name: answer.json[name] for name in ("registered", "changed", "unchanged", "rejected")}


async def under_way(node: Node, *, settled: bool = False) -> dict[str, Any]:
    """The newest batch, once there is one and perhaps something of it is settled."""
    async with asyncio.timeout(20):
        while True:
            listed = (await node("GET", "/v1/batches", by="application")).json["items"]
            if listed and (listed[0]["registered"] or not settled):
                return dict(listed[0])
            await asyncio.sleep(0.02)


# Previews and confirmed changes -------------------------------------------------------------------------


async def test_a_change_is_previewed_confirmed_done_and_undone(node: Node) -> None:
    await send(node, rows(1000))
    body = "suffix,weight_kg\nPUMP-00001,9\nPUMP-00002,9\nNOBODY,9\n"
    unconfirmed = await send(node, body, "u", operation="update")
    assert (unconfirmed.status, unconfirmed.code) == (400, "confirmation_missing")
    seen = await send(node, body, None, operation="update", dry_run="true")
    assert seen.status == 200, seen.body
    assert counts(seen) == {"registered": 0, "changed": 2, "unchanged": 0, "rejected": 1}
    assert seen.json["first_rows"][0] == {
        "sheet": 0, "line": 2, "suffix": "PUMP-00001", "verdict": "change", "faults": [], "row": None,
        "attributes": {"name": "离心泵 1", "serial": "S-1", "model": "CP-1", "weight_kg": "9"},
    }  # fmt: skip
    assert seen.json["faults"][0] | {"message": ""} == {
        "code": "identifier_unknown", "field": "suffix", "rows": 1, "sheet": 0, "line": 4, "message": "",
        "row": "NOBODY,9",
    }  # fmt: skip
    confirmation = seen.json["confirmation"]
    other = await send(node, body + "PUMP-00003,1\n", "u", operation="update", confirmation=confirmation)
    assert (other.status, other.code) == (409, "confirmation_unfit")
    done = await send(node, body, "u2", operation="update", confirmation=confirmation)
    assert (done.status, counts(done)) == (200, {"registered": 0, "changed": 2, "unchanged": 0, "rejected": 1})
    undone = await post(node, done, "undo", "undo-1")
    assert (undone.status, undone.json["operation"], undone.json["changed"]) == (200, "undo", 2)
    assert undone.json["undoes"] == done.json["batch_id"]
    again = await post(node, done, "undo", "undo-1")
    assert (again.json, again.headers["Idempotency-Replayed"]) == (undone.json, "true")
    refused = await post(node, done, "undo", "undo-2")
    assert (refused.status, refused.code) == (409, "not_undoable")
    missing = await post(node, done, "undo")
    assert (missing.status, missing.code) == (400, "idempotency_key_missing")


async def test_a_query_is_previewed_confirmed_and_done(node: Node) -> None:
    await send(node, rows(700))
    asked: dict[str, Any] = {
        "operation": "suspend",
        "filters": {"template": "pump", "attributes": [{"attribute": "model", "equal": "CP-3"}]},
    }
    seen = await by_query(node, None, **asked, dry_run=True)
    assert (seen.json["selected"], seen.json["changed"]) == (100, 100)
    done = await by_query(node, **asked, confirmation=seen.json["confirmation"])
    assert (done.status, done.json["selected"], done.json["changed"]) == (200, 100, 100)
    assert await states(node) == {1: 600, 3: 100}
    resumed = await by_query(node, None, operation="resume", dry_run=True)
    assert resumed.json["selected"] == 100


WRONG_QUERIES: list[tuple[dict[str, Any], str]] = [
    ({"operation": "register"}, "invalid_input"),
    ({"operation": "update"}, "operation_unfit"),
    ({"operation": "delete", "set": {"name": "x"}}, "operation_unfit"),
    ({"operation": "migrate"}, "operation_unfit"),
    ({"operation": "migrate", "template": "pump"}, "operation_unfit"),
    ({"operation": "suspend", "rename": {"a": "b"}}, "operation_unfit"),
    ({"operation": "delete", "filters": {"state": "all"}}, "operation_unfit"),
    (
        {"operation": "delete", "filters": {"attributes": [{"attribute": "model", "equal": "x"}]}, "dry_run": True},
        "not_listed",
    ),
    ({"operation": "delete"}, "confirmation_missing"),
    ({"operation": "delete", "prefix": "nonsense"}, "invalid_prefix"),
    ({"operation": "migrate", "template": "nothing", "filters": {"template": "pump"}}, "template_unknown"),
]


async def test_what_a_query_cannot_mean_is_refused_by_name(node: Node) -> None:
    for body, code in WRONG_QUERIES:
        answer = await by_query(node, **body)
        assert (answer.code, answer.status in (400, 404)) == (code, True), body


async def test_what_an_operation_does_not_take_is_refused_by_name(node: Node) -> None:
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("delete", {"template": "pump"}, "operation_unfit"),
        ("restore", {"template": "pump"}, "operation_unfit"),
        ("register", {"mapping": "[]", "mapping_name": "x"}, "operation_unfit"),
        ("register", {"mapping_name": "nobody's"}, "mapping_unknown"),
        ("migrate", {}, "invalid_input"),
        ("register", {"encoding": "latin-1"}, "invalid_input"),
    ]
    for operation, query, code in wrong:
        answer = await send(node, rows(2), operation=operation, **query)
        assert answer.code == code, (operation, query, answer.body)
    by_user = await send(node, rows(2), operation="restore")
    assert (by_user.status, by_user.code) == (403, "not_allowed")
    preview = await send(node, rows(2), operation="restore", by="administrator", dry_run="true")
    assert preview.code == "operation_unfit"


# Forms and rejections -----------------------------------------------------------------------------------


async def test_rejected_rows_come_back_as_they_were_sent_and_serve_when_corrected(node: Node) -> None:
    text = "编号;品名;重量\nA-1;泵;1\nA-2;泵;heavy\nA-3;;perhaps\n"
    mapping = json.dumps(["编号=suffix", "品名=name", "重量=weight_kg"], ensure_ascii=False)
    batch = await send(node, gzip.compress(text.encode("gb18030")), mapping=mapping,
                       headers={"Content-Encoding": "gzip"})  # fmt: skip
    assert (batch.json["registered"], batch.json["rejected"]) == (1, 2)
    back = await rejections(node, batch)
    assert back.headers["Content-Type"].startswith("text/csv")
    lines = back.body.decode("gb18030").splitlines()
    assert lines[0] == "编号;品名;重量;biaoshi_line;biaoshi_field;biaoshi_code;biaoshi_message"
    assert [line.split(";")[:4] for line in lines[1:]] == [["A-2", "泵", "heavy", "3"], ["A-3", "", "perhaps", "4"]]
    mended = back.body.decode("gb18030").replace("heavy", "2").replace("A-3;;perhaps", "A-3;阀;3")
    again = await send(node, mended.encode("gb18030"), "again", mapping=mapping)
    assert (again.json["registered"], again.json["rejected"]) == (2, 0)


async def test_json_and_workbooks_are_registered_and_their_rejections_come_back_alike(node: Node) -> None:
    objects = [{"suffix": "J-1", "name": "泵"}, {"suffix": "J-2", "name": "泵", "weight_kg": "x"}]
    batch = await send(node, json.dumps(objects), "json", media="application/json")
    back = await rejections(node, batch)
    assert back.headers["Content-Type"].startswith("application/json")
    found = json.loads(back.body)
    assert [(one["suffix"], one["biaoshi_code"]) for one in found] == [("J-2", "not_a_number")]
    sheets: dict[str, list[list[Any]]] = {
        "一": [["suffix", "name"], ["X-1", "泵"], ["X-2", ""]],
        "二": [["suffix", "name", "weight_kg"], ["X-3", "泵", 3.5], ["X-4", "泵", "?"]],
    }
    batch = await send(node, written(sheets), "xlsx", media=XLSX)
    assert (batch.json["registered"], batch.json["rejected"]) == (2, 2), batch.body
    told = [json.loads(line) for line in (await rejections(node, batch, "ndjson")).body.decode().splitlines()]
    assert [(one["sheet"], one["line"], one["code"]) for one in told] == [(1, 3, "required"), (2, 3, "not_a_number")]
    back = await rejections(node, batch)
    assert back.headers["Content-Type"] == XLSX
    again = await send(node, back.body, "again", media=XLSX)
    assert (again.json["registered"], again.json["rejected"]) == (0, 2)
    one = await send(node, written(sheets), "one", media=XLSX, sheet="二", dry_run="true")
    assert [sheet["name"] for sheet in one.json["understood"]["sheets"]] == ["二"]


async def test_rejections_of_a_query_are_objects_with_their_suffix(node: Node) -> None:
    await send(node, rows(5))
    asked: dict[str, Any] = {"operation": "update", "set": {"name": None}}
    seen = await by_query(node, None, **asked, dry_run=True)
    done = await by_query(node, **asked, confirmation=seen.json["confirmation"])
    assert done.json["rejected"] == 5
    found = [json.loads(line) for line in (await rejections(node, done)).body.decode().splitlines()]
    assert found[0]["suffix"] == "PUMP-00000"
    assert found[0]["biaoshi_code"] == "required"


# Pausing ------------------------------------------------------------------------------------------------


async def test_a_paused_sender_is_answered_and_goes_on_when_it_may(node: Node) -> None:
    body = rows(9_000).encode()
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        half = len(body) // 2
        yield body[:half]
        await go_on.wait()
        for start in range(half, len(body), 8192):
            yield body[start : start + 8192]

    sending = asyncio.create_task(send(node, slow()))
    newest = await under_way(node, settled=True)
    path = f"/v1/batches/{newest['batch_id']}"
    paused = await node("POST", f"{path}/pause", by="application")
    assert (paused.status, paused.json["state"]) == (200, "paused")
    settled = await states(node)
    go_on.set()
    answer = await sending
    assert (answer.status, answer.json["state"]) == (200, "paused")
    assert answer.headers["Connection"] == "close"
    assert await states(node) == settled
    held = await send(node, body)
    assert (held.json["state"], held.headers["Connection"]) == ("paused", "close")
    assert (await node("POST", f"{path}/resume", by="application")).json["state"] == "running"
    done = await send(node, body)
    assert (done.json["state"], done.json["registered"]) == ("finished", 9_000)
    assert done.json["body_expected"] == done.json["body_bytes"] == len(body)
    late = await node("POST", f"{path}/pause", by="application")
    assert (late.status, late.code, late.json["state"]) == (409, "batch_state_unfit", "finished")
    stranger = await node("POST", f"{path}/cancel", by="other")
    assert (stranger.status, stranger.code) == (404, "batch_unknown")


# Progress -----------------------------------------------------------------------------------------------


async def read_events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in response.content:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


def watching(node: Node, batch_id: str) -> Any:
    headers = {"Authorization": f"Bearer {node.tokens['application']}"}
    return node.session.get(f"{node.url}/v1/batches/{batch_id}/events", headers=headers)


async def test_progress_is_told_at_once_then_when_it_changes_and_ends_with_the_batch(node: Node) -> None:
    body = rows(4_000).encode()
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        await go_on.wait()
        yield body[len(body) // 2 :]

    sending = asyncio.create_task(send(node, slow()))
    batch_id = (await under_way(node))["batch_id"]
    async with asyncio.timeout(20), watching(node, batch_id) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        seen = []
        async for event in read_events(response):
            seen.append((event["state"], event["registered"]))
            go_on.set()
    assert seen[0][0] == "running"
    assert seen[-1] == ("finished", 4_000)
    assert seen == sorted(seen, key=lambda one: one[1])
    assert (await sending).json["state"] == "finished"
    async with watching(node, batch_id) as response:
        assert [event["state"] async for event in read_events(response)] == ["finished"]


async def running_batch(node: Node) -> str:
    """A batch whose sender went away: it runs until somebody goes on with it."""
    body = rows(100).encode()
    found: list[str] = []

    async def stopping() -> AsyncIterator[bytes]:
        yield body[:100]
        while not found:
            listed = await node("GET", "/v1/batches", by="application")
            found.extend(batch["batch_id"] for batch in listed.json["items"])
        raise ConnectionResetError

    with pytest.raises((aiohttp.ClientError, ConnectionResetError)):
        await send(node, stopping())
    return found[0]


async def test_watchers_are_bounded_and_leave_room_when_they_go(node: Node) -> None:
    node.world.batch_progress.watchers = 2
    batch_id = await running_batch(node)
    async with watching(node, batch_id) as first, watching(node, batch_id) as second:
        for response in (first, second):
            assert (await anext(read_events(response)))["state"] == "running"
        async with watching(node, batch_id) as third:
            assert third.status == 429
            assert (await third.json())["code"] == "too_many_watchers"
        await node("POST", f"/v1/batches/{batch_id}/cancel", by="application")
        assert [event["state"] async for event in read_events(first)] == ["cancelled"]
    async with watching(node, batch_id) as again:
        assert again.status == 200
    stranger = await node("GET", f"/v1/batches/{batch_id}/events", by="other")
    assert (stranger.status, stranger.code) == (404, "batch_unknown")


async def test_a_quiet_stream_says_that_it_is_still_there(node: Node) -> None:
    node.world.batch_progress.heartbeat = 0.1
    batch_id = await running_batch(node)
    async with asyncio.timeout(10), watching(node, batch_id) as response:
        async for line in response.content:
            if line == b": heartbeat\n":
                break


async def test_streams_end_when_the_server_stops(database_url: str) -> None:
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
        node = await stack.enter_async_context(running_node(database_url, log={"requests": False}))
        path = f"{node.url}/v1/batches/{await running_batch(node)}/events"
        headers = {"Authorization": f"Bearer {node.tokens['application']}"}
        async with session.get(path, headers=headers) as response:
            events = read_events(response)
            assert (await anext(events))["state"] == "running"
            stopping = asyncio.create_task(stack.aclose())
            async with asyncio.timeout(5):
                assert [event async for event in events] == []  # the end, and not a broken connection
            await stopping
