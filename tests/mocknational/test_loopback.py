from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg

from mocknational.loopback import Loopback
from mocknational.mock import Mock
from node.national.signature import KeyPair
from node.packing import packed, unpacked
from tests.support.bulk import in_query, manifest_of, page, record_of
from tests.support.caller import NODE, Caller, message, route
from tests.support.docking import DockedNode

SECRET = "a secret that the applicant chose, 32 at least".replace(" ", "-").replace(",", "")


def application(**changed: Any) -> dict[str, Any]:
    facts = {
        "application_id": str(uuid4()),
        "secret": SECRET,
        "kind": "secondary",
        "name": "乙节点",
        "prefix": "88.102",
    }
    return {**facts, **changed}


async def post(session: aiohttp.ClientSession, url: str, content: Any = None) -> tuple[int, Any]:
    async with session.post(url, json=content) as answer:
        return answer.status, await answer.json()


async def test_an_application_is_decided_by_hand(world: DockedNode, session: aiohttp.ClientSession) -> None:
    async with world.mock() as mock:
        wanted, unwanted = application(), application(name="丙节点")
        for each in (wanted, unwanted):
            status, answer = await post(session, mock.url + "/v1/applications", each)
            assert (status, answer["state"]) == (200, "pending")
        pending = mock.url + "/applications?state=pending"
        async with session.get(pending) as answer:
            assert [row["name"] for row in await answer.json()] == ["乙节点", "丙节点"]
        path = f"{mock.url}/applications/{wanted['application_id']}/approve"
        assert (await post(session, path, {"prefix": "88.103"}))[0] == 200
        assert (await post(session, path, {"prefix": "88.103"}))[1]["code"] == "application_decided"
        path = f"{mock.url}/applications/{unwanted['application_id']}/reject"
        assert await post(session, path, {"reason": "前缀已分配"}) == (200, {})
        async with session.get(pending) as answer:
            assert await answer.json() == []

        async def status_of(each: dict[str, Any]) -> dict[str, Any]:
            caller = Caller(session, mock, KeyPair(each["application_id"], SECRET))
            return dict((await caller.ask("GET", f"/v1/applications/{each['application_id']}"))[1])

        approved, rejected = await status_of(wanted), await status_of(unwanted)
        assert (approved["state"], approved["prefix"]) == ("approved", "88.103")
        assert (rejected["state"], rejected["reason"]) == ("rejected", "前缀已分配")
        keys = KeyPair(approved["key"]["access_key"], approved["key"]["secret_key"])
        assert (await Caller(session, mock, keys).ask("GET", "/v1/verdicts?after=0"))[0] == 200
        for wrong, status in (("x", 400), (uuid4(), 404)):
            path = f"{mock.url}/applications/{wrong}/approve"
            assert (await post(session, path, {}))[0] == status
        assert (await post(session, path, b"".decode()))[0] == 400


async def test_whoever_applies_gets_access_at_once_if_told_so(
    world: DockedNode, session: aiohttp.ClientSession
) -> None:
    async with world.mock(approve=True, keys=[]) as mock:
        wanted = application()
        assert (await post(session, mock.url + "/v1/applications", wanted))[1]["state"] == "approved"
        caller = Caller(session, mock, KeyPair(wanted["application_id"], SECRET))
        key = (await caller.ask("GET", f"/v1/applications/{wanted['application_id']}"))[1]["key"]
        caller = Caller(session, mock, KeyPair(key["access_key"], key["secret_key"]))
        assert await caller.deliver(message(1)) == [("accepted", False)]


async def test_an_instruction_is_issued_by_hand_and_its_answer_shown(
    world: DockedNode, session: aiohttp.ClientSession
) -> None:
    async with world.mock() as mock:
        caller = Caller(session, mock)
        told = {"prefix": "88.101", "kind": "suspend", "body": {"prefix": "88.101.1", "reason": "整改"}}
        status, issued = await post(session, mock.url + "/instructions", told)
        assert (status, issued["body"]) == (200, told["body"])
        facts = {"instruction_id": issued["instruction_id"], "sequence": issued["sequence"], "outcome": "done"}
        await caller.deliver(message(1, "instruction.answered", "instruction", detail="完成", **facts))
        async with session.get(mock.url + "/instructions?prefix=88.101") as answer:
            shown = (await answer.json())[0]
        assert (shown["kind"], shown["outcome"], shown["detail"], shown["body"]["reason"]) == (
            "suspend", "done", "完成", "整改",
        )  # fmt: skip
        async with session.get(mock.url + "/instructions?prefix=88.102") as answer:
            assert await answer.json() == []
        for wrong in (
            None,
            {},
            {"prefix": "88.101", "kind": "Suspend"},
            {"prefix": "88.101", "kind": "x", "body": 1},
        ):
            status, refused = await post(session, mock.url + "/instructions", wrong)
            assert (status, refused["code"]) == (400, "request_malformed")


async def test_the_page_shows_everything_that_came(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    async with world.mock() as mock:
        caller = Caller(session, mock)
        await caller.hold("88.101.1", upper)
        await caller.deliver(route(2641))
        await caller.put_standby(
            page({"88.101.1/x": record_of("1")}, "snapshot", 3, NODE, snapshot_id=uuid4(), last=True)
        )
        content = b"one\n"
        status, receipt = await caller.ask("PUT", *file_of(content))
        assert (status, receipt["known"]) == (200, False)
        await post(session, mock.url + "/v1/applications", application(name="<b>乙</b>"))
        await post(session, mock.url + "/takeovers", {"prefix": "88.101", "drill": True, "reason": "<i>演练</i>"})
        await upper.execute("INSERT INTO canary VALUES ('88.101', '2026-03-02', 7, 5, 0, 0)")
        async with session.get(mock.url + "/") as answer:
            shown = await answer.text()
        async with session.get(mock.url + "/overview") as answer:
            overview = await answer.json()
        files = f"{mock.url}/files/{NODE}/"
        async with session.get(files + receipt["sha256"]) as sent:
            assert unpacked(await sent.read(), 100) == content
            assert sent.headers["Content-Disposition"] == 'attachment; filename="log.registration-1.zst"'
        for wrong, status in (("00" * 32, 404), ("x", 400)):
            async with session.get(files + wrong) as refused:
                assert refused.status == status
    assert answer.status == 200
    for word in ("88.102", "handle_tcp", "演练", "2641", "log.registration", "takeover"):
        assert word in shown, word
    assert "<b>" not in shown and "<i>" not in shown  # noqa: PT018
    for part in ("nodes", "applications", "prefixes", "routes", "verdicts", "streams", "canaries", "instructions",
                 "takeovers", "standby", "files", "messages"):  # fmt: skip
        assert overview[part], part
    assert overview["standby"][0]["records"] == 1
    assert overview["canaries"][0]["exact"] is False
    assert await upper.fetchval("SELECT octet_length(body) FROM request WHERE head LIKE 'PUT /v1/files%'::bytea") == 0


def file_of(content: bytes) -> tuple[str, bytes]:
    """Path and body of a file of one kind."""
    sent = packed(content)
    manifest = manifest_of(content, sent, node=NODE)
    return f"/v1/files/{manifest.sha256}?manifest={in_query(manifest)}", sent


@dataclass
class Elsewhere:
    """A request that did not come from this machine."""

    remote: str | None


async def test_the_hands_are_for_this_machine_only(world: DockedNode) -> None:
    routes: list[tuple[str, Any]] = []

    class Router:
        def add_route(self, method: str, path: str, handler: Any) -> None:
            routes.append((f"{method} {path}", handler))

    async with world.mock() as mock:
        assert isinstance(mock, Mock)
        Loopback(mock).add_routes(Router())  # type: ignore[arg-type]  # as much of a router as is used
        assert len(routes) == 16
        for name, handler in routes:
            for remote in ("192.0.2.7", "10.0.0.1", None):
                try:
                    await handler(Elsewhere(remote))
                except aiohttp.web.HTTPForbidden:
                    continue
                raise AssertionError(f"{name} answered {remote}")
