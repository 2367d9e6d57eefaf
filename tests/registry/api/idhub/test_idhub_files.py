"""Files of IDHub (snms-api 12): uploaded for an item, fetched with the instance that names them."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import pytest

from tests.support.idhub import CREATE, DOIP, RETRIEVE, Client, Hub, item

VALVE, V1 = "88.101.2001/META_valve", "88.101.2001/V-1"
UPLOAD, ACQUIRE = f"{DOIP}/file-upload", f"{DOIP}/file-acquire"
PDF = b"%PDF-1.7\n" + b"manual " * 100
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture
async def owner(client: Client) -> Client:
    """With metadata that have a document, a picture and a text."""
    await client.metadata(
        VALVE,
        [
            item("manual", 4, schema={"fileRange": 2, "fileType": "4", "maxFileCount": 2}),
            item("photo", 8),
            item("name"),
        ],
    )
    return client


async def upload(client: Client, name: str, content: bytes, **query: str) -> dict[str, Any]:
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(content), filename=name)
    return await client("POST", UPLOAD, raw=form, query={"metaHandle": VALVE, "fileField": "manual", **query})


async def test_a_file_is_uploaded_named_by_an_instance_and_fetched(owner: Client) -> None:
    envelope = await upload(owner, "手册 1.PDF", PDF)
    assert (envelope["code"], envelope["message"]) == (1, "成功")
    path = envelope["data"]["filePath"]
    assert path == f"{envelope['data']['id']}.pdf"
    photo = (await upload(owner, "p.png", PNG, fileField="photo"))["data"]["filePath"]
    await owner.instance(V1, VALVE, manual=[path], photo=photo, name="球阀")
    shown = {
        one["type"]: (one["data"], one["dataType"]) for one in (await owner.doip(RETRIEVE, V1))["data"]["elements"]
    }
    assert shown == {"manual": ([path], 4), "photo": ([photo], 8), "name": ("球阀", 1)}
    async with owner.session.get(
        owner.url + ACQUIRE,
        params={"filePath": path, "handle": V1, "field": "manual"},
        headers={"Authorization": f"Bearer {owner.token}"},
    ) as answer:
        assert await answer.read() == PDF
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_parameters_may_stand_among_the_fields(owner: Client) -> None:
    form = aiohttp.FormData()
    form.add_field("metaHandle", VALVE)
    form.add_field("fileField", "manual")
    form.add_field("file", PDF, filename="a.pdf", content_type="application/octet-stream")
    assert (await owner("POST", UPLOAD, raw=form))["code"] == 1


async def test_what_is_wrong_with_an_upload(hub: Hub, owner: Client) -> None:
    assert (await upload(owner, "a.png", PNG))["code"] == 106  # the item takes PDF
    assert (await upload(owner, "a.pdf", PNG))["code"] == 106  # the content is no PDF
    assert (await upload(owner, "a.html", b"<script>", fileField="photo"))["code"] == 106
    assert (await upload(owner, "a.pdf", PDF, fileField="name"))["code"] == 603
    assert (await upload(owner, "a.pdf", PDF, fileField="none"))["code"] == 603
    assert (await upload(owner, "a.pdf", PDF, metaHandle="88.101.2001/META_none"))["code"] == 604
    assert (await upload(owner, "a.pdf", b""))["code"] == 106
    assert (await owner.refused("POST", UPLOAD, {"metaHandle": VALVE, "fileField": "manual"}))[0] == 106
    stranger = await hub.client(hub.other)
    refused = await upload(stranger, "a.pdf", PDF)
    assert (refused["code"], refused["message"]) == (701, "非本企业标识")


async def test_a_file_beyond_the_bound_is_refused(hub: Hub, owner: Client) -> None:
    limit = hub.world.files.limits.file_bytes
    assert (await upload(owner, "a.pdf", b"%PDF-" + bytes(limit)))["code"] == 106


async def test_an_instance_names_files_that_fit_and_no_more_than_allowed(owner: Client) -> None:
    paths = [(await upload(owner, f"{name}.pdf", PDF + name.encode()))["data"]["filePath"] for name in "abc"]

    async def created(**content: Any) -> int:
        body = {"type": VALVE, "attributes": {"content": content}}
        return int((await owner.doip(CREATE, V1, body))["code"])

    assert await created(manual=paths) == 601
    assert await created(photo=paths[:1]) == 601
    assert await created(manual=["sha256-" + "0" * 64 + ".pdf"]) == 601
    assert await created(manual=["1c0ffee0.pdf"]) == 601
    assert await created(manual=paths[:2]) == 1


async def test_a_file_is_fetched_by_those_only_who_may_see_its_item(hub: Hub, owner: Client) -> None:
    path = (await upload(owner, "a.pdf", PDF))["data"]["filePath"]
    other = (await upload(owner, "b.pdf", PDF + b"b"))["data"]["filePath"]
    await owner.instance(V1, VALVE, manual=[path], name="x")

    async def fetched(by: Client, **changed: str) -> tuple[int, str]:
        query = {"filePath": path, "handle": V1, "field": "manual", **changed}
        return await by.refused("GET", ACQUIRE, query=query)

    stranger = await hub.client(hub.other)
    assert await fetched(stranger) == (403, "没有权限查看数据")
    public = {"metaHandle": VALVE, "scope": 1, "items": ["name"]}
    await owner.done("POST", "/api/v1/open/classes-grant/item/batch-public", public)
    assert await fetched(stranger) == (403, "没有权限查看数据")
    assert await fetched(owner, filePath=other) == (800, "获取文件失败")
    assert await fetched(owner, filePath="nothing.pdf") == (800, "获取文件失败")
    assert await fetched(owner, field="name") == (800, "获取文件失败")
    assert await fetched(owner, handle="88.101.2001/V-9") == (104, "标识对象不存在")
    assert (await owner.refused("GET", ACQUIRE, query={"filePath": path}))[0] == 106
    nobody = hub.stranger()
    assert await fetched(nobody) == (101, "无效的token")
