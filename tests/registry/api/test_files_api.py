"""``/v1/files`` over HTTP: what comes in, and above all how it goes out to everybody."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from node.auth import Account
from node.openapi import document
from node.web import WebSettings, make_app
from registry.api.v1.files import file_routes
from registry.enterprises import Enterprise
from registry.files.files import FileLimits, Files
from registry.files.storage import DatabaseStorage
from registry.transitions import Verb
from tests.support.office import Office, acting

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 2600
PDF_ID = f"sha256-{hashlib.sha256(PDF).hexdigest()}"
LIMITS = FileLimits(file_bytes=1 << 20, enterprise_bytes=2 << 20)


@dataclass(frozen=True)
class Got:
    status: int
    headers: Any
    body: bytes
    json: Any


class Desk:
    """Speaks HTTP to the routes of files as somebody; the token is the name of who is meant."""

    def __init__(self, session: aiohttp.ClientSession, enterprise: Enterprise) -> None:
        self.session = session
        self.enterprise = enterprise

    async def __call__(self, method: str, path: str, by: str | None = "user", **said: Any) -> Got:
        headers = {**({"Authorization": f"Bearer {by}"} if by else {}), **said.pop("headers", {})}
        async with self.session.request(method, path, headers=headers, **said) as answer:
            body = await answer.read()
            told = await answer.json(content_type=None) if "json" in answer.headers.get("Content-Type", "") else None
            return Got(answer.status, answer.headers, body, told)

    async def send(self, body: bytes, media_type: str = "application/pdf", by: str = "user", **query: str) -> Got:
        query.setdefault("name", "说明书.pdf")
        return await self(
            "POST", "/v1/files", by, params=query, data=io.BytesIO(body), headers={"Content-Type": media_type}
        )


@pytest.fixture
async def desk(office: Office) -> AsyncIterator[Desk]:
    enterprise, other = await office.enterprise(), await office.enterprise()
    people = {"user": office.user(enterprise), "other": office.user(other), "admin": office.admin,
              "auditor": office.auditor, "reviewer": office.reviewer}  # fmt: skip

    async def authenticate(token: str) -> Account:
        return people[token]

    app = make_app(
        file_routes(Files(office.pool, office.clock, DatabaseStorage(office.pool), LIMITS), patience=5),
        authenticate=authenticate,
        settings=WebSettings(log_requests=False),
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        yield Desk(session, enterprise)
    await runner.cleanup()


async def test_a_file_comes_in_once_and_can_be_looked_at(desk: Desk) -> None:
    first, again = await desk.send(PDF), await desk.send(PDF, name="other.pdf")
    assert (first.status, again.status) == (201, 200)
    assert first.headers["Location"] == f"/v1/files/{PDF_ID}"
    assert first.json == again.json
    assert {name: first.json[name] for name in ("file_id", "name", "media_type", "size")} == {
        "file_id": PDF_ID, "name": "说明书.pdf", "media_type": "application/pdf", "size": len(PDF),
    }  # fmt: skip
    assert (await desk("GET", f"/v1/files/{PDF_ID}")).json == first.json
    assert (await desk("GET", "/v1/files")).json == {"items": [first.json], "next_cursor": None}
    assert (await desk("GET", f"/v1/files/{PDF_ID}", "other")).status == 404
    owner = str(desk.enterprise.enterprise_id)
    assert (await desk("GET", "/v1/files", "auditor", params={"enterprise_id": owner})).json["items"] == [first.json]
    assert (await desk("GET", "/v1/files", "auditor")).json["code"] == "file_owner_missing"


async def test_anybody_gets_the_content_to_keep_and_no_browser_runs_it(desk: Desk) -> None:
    await desk.send(PDF)
    got = await desk("GET", f"/v1/files/{PDF_ID}/content", None)
    assert (got.status, got.body) == (200, PDF)
    promised = {
        "Content-Type": "application/pdf",
        "Content-Length": str(len(PDF)),
        "Content-Disposition": "attachment; filename=\"___.pdf\"; "
                               "filename*=UTF-8''%E8%AF%B4%E6%98%8E%E4%B9%A6.pdf",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": f'"{PDF_ID}"',
    }  # fmt: skip
    assert {name: got.headers[name] for name in promised} == promised
    for tag in (f'"{PDF_ID}"', f'W/"{PDF_ID}"', "*", f'"x", "{PDF_ID}"'):
        kept = await desk("GET", f"/v1/files/{PDF_ID}/content", None, headers={"If-None-Match": tag})
        assert (kept.status, kept.body) == (304, b"")
        assert kept.headers["ETag"] == f'"{PDF_ID}"'
    assert (await desk("GET", f"/v1/files/{PDF_ID}/content", None, headers={"If-None-Match": '"x"'})).body == PDF


async def test_a_suspended_enterprise_s_files_are_gone_until_it_is_back(desk: Desk, office: Office) -> None:
    await desk.send(PDF)
    admin, owner = office.admin, desk.enterprise.enterprise_id
    await office.enterprises.move(admin, acting(admin), owner, Verb.SUSPEND, "理由")
    tag = {"If-None-Match": f'"{PDF_ID}"'}
    for headers in ({}, tag):
        gone = await desk("GET", f"/v1/files/{PDF_ID}/content", None, headers=headers)
        assert (gone.status, gone.json["code"]) == (404, "file_unknown")
        assert "immutable" not in gone.headers.get("Cache-Control", "")
    assert (await desk.send(b"%PDF-2")).json["code"] == "enterprise_not_approved"
    await office.enterprises.move(admin, acting(admin), owner, Verb.RESUME, "理由")
    assert (await desk("GET", f"/v1/files/{PDF_ID}/content", None)).status == 200


REFUSED = [
    (PDF, "text/html", {}, 415, "unsupported_media_type"),
    (PDF, "image/png", {}, 400, "media_type_mismatch"),
    (b"<html>", "application/json", {}, 400, "media_type_mismatch"),
    (b"", "application/pdf", {}, 400, "file_empty"),
    (PDF + bytes(1 << 20), "application/pdf", {}, 413, "body_too_large"),
    (PDF, "application/pdf", {"name": ""}, 400, "invalid_input"),
    (PDF, "application/pdf", {"name": "a/b.pdf"}, 400, "invalid_input"),
    (PDF, "application/pdf", {"name": "..\\b.pdf"}, 400, "invalid_input"),
    (PDF, "application/pdf", {"name": ".htaccess"}, 400, "invalid_input"),
    (PDF, "application/pdf", {"name": 'a".pdf'}, 400, "invalid_input"),
    (PDF, "application/pdf", {"name": "a\r\nX: y"}, 400, "invalid_input"),
    (PDF, "application/pdf", {"name": "gnp\u202efdp.exe"}, 400, "invalid_input"),
    (PDF, "application/pdf", {"name": "x" * 256}, 400, "invalid_input"),
    (PDF, "application/pdf", {"enterprise_id": "x"}, 400, "invalid_input"),
    (PDF, "application/pdf", {"enterprise_id": "00000000-0000-7000-8000-000000000000"}, 403, "not_allowed"),
]


@pytest.mark.parametrize(("body", "media_type", "query", "status", "code"), REFUSED)
async def test_what_is_no_file_of_ours_is_refused_by_name(
    desk: Desk, body: bytes, media_type: str, query: dict[str, str], status: int, code: str
) -> None:
    answer = await desk.send(body, media_type, **query)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert (await desk("GET", "/v1/files")).json["items"] == []


async def test_a_name_cannot_break_out_of_its_header(desk: Desk) -> None:
    name = "a;b=c'%22 (1) é.txt"
    await desk.send(b"x", "text/plain", name=name)
    stored = (await desk("GET", "/v1/files")).json["items"][0]
    got = await desk("GET", f"/v1/files/{stored['file_id']}/content", None)
    assert stored["name"] == name
    assert got.headers["Content-Disposition"] == (
        "attachment; filename=\"a;b=c'_22 (1) _.txt\"; filename*=UTF-8''a%3Bb%3Dc%27%2522%20%281%29%20%C3%A9.txt"
    )


async def test_the_node_s_staff_says_whose_file_it_is(desk: Desk) -> None:
    assert (await desk.send(PDF, by="admin")).json["code"] == "file_owner_missing"
    assert (await desk.send(PDF, by="auditor")).json["code"] == "not_allowed"
    owner = str(desk.enterprise.enterprise_id)
    assert (await desk.send(PDF, by="admin", enterprise_id=owner)).status == 201
    nobody = "00000000-0000-7000-8000-000000000000"
    assert (await desk.send(PDF, by="admin", enterprise_id=nobody)).json["code"] == "enterprise_unknown"


async def test_an_enterprise_s_room_is_bounded(desk: Desk) -> None:
    answers = [await desk.send(b"%PDF-" + bytes([n]) * 800_000, name=f"{n}.pdf") for n in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 429]
    assert answers[2].json["code"] == "file_quota_reached"


@pytest.mark.parametrize("file_id", ["x", PDF_ID.upper(), PDF_ID + "0", "sha256-" + "0" * 63, "%00"])
async def test_what_is_no_file_id_is_refused(desk: Desk, file_id: str) -> None:
    for path, by in ((f"/v1/files/{file_id}", "user"), (f"/v1/files/{file_id}/content", None)):
        answer = await desk("GET", path, by)
        assert (answer.status, answer.json["code"]) == (400, "invalid_path_parameter")
    assert (await desk("GET", f"/v1/files/sha256-{64 * '0'}/content", None)).json["code"] == "file_unknown"


async def test_a_list_is_paged(desk: Desk, office: Office) -> None:
    for number in range(5):
        await desk.send(str(number).encode(), "text/plain", name=f"{number}.txt")
        office.clock.turn(milliseconds=number % 2)
    names: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    while True:
        page = (await desk("GET", "/v1/files", params=query)).json
        names += [item["name"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert sorted(names) == [f"{number}.txt" for number in range(5)]
    for cursor in ("x", "!", "MjAyNi0wMS0wMQ", "MjAyNi0wMS0wMSB6eg", "OTk5OTktMDEtMDEgMDA"):
        answer = await desk("GET", "/v1/files", params={"cursor": cursor})
        assert answer.json["code"] == "cursor_broken", cursor


def test_the_document_names_every_type() -> None:
    pool: Any = None
    routes = file_routes(Files(pool, lambda: pool, DatabaseStorage(pool), LIMITS), patience=1)
    paths = document(routes, title="biaoshi", version="1", description="files")["paths"]
    assert "image/png" in paths["/v1/files"]["post"]["requestBody"]["content"]
    content = paths["/v1/files/{file_id}/content"]["get"]
    assert "security" not in content
    assert {"200", "304", "404"} <= content["responses"].keys()
