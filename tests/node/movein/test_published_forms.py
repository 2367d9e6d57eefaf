"""The two interfaces are understood as their published pages show them, contradictions included."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from node.movein.idhub import Idhub
from node.movein.peer import Peer, PeerRefused, PeerStrange, peer_at
from node.movein.snms import Detail, Snms, is_absent
from tests.support.idhub import application_key

H = "88.999.1001/V-0001"
T = "88.999.1001/TEMPLATE"
ANSWERS: dict[str, Any] = {
    "/identity/token": {"message": "success", "status": 1, "data": {"token": "eyJhbGciOi"}},
    "/identityv2/data/detail": {"message": "success", "status": "1", "data": {
        "code": "200", "prefix": "88.999.1001", "handle": H, "templateVersion": "valve-1", "value": [
            {"auth": "1", "index": 1000, "type": "TEMPLATE_ID", "data": {"format": "string", "value": T}},
            {"auth": "1", "index": 1001, "type": "TEMPLATE", "data": {"format": "string", "value": "valve-1"}},
            {"auth": "", "index": "2000", "type": "productName", "data": {"format": "string", "vlaue": "闸阀 DN50"}},
            {"auth": "", "index": 2001, "type": "madeOn", "data": {"format": "string", "value": 1.50}}]}},
    "/snms/api/v5/template": {"message": "系统繁忙", "status": -2, "data": None},
    "/snms/api/v3/template": {"message": "success", "status": 1, "data": {"id": 7, "name": "", "items": [
        {"name": "产品名称", "idType": "productName", "metadata": {"type": "string", "minLength": 1, "maxLength": 9}},
        {"name": "生产日期", "idType": "madeOn", "metadata": {"type": "string", "minLength": 10, "maxLength": 10}}]}},
    "/api/v1/doip/public/challenge": {"code": 1, "message": "operation was successfully processed", "data": "4821"},
    "/api/v1/doip/public/verify-response": {"code": 10000, "message": "成功", "data": {"token": "eyJ0eXAiOi"}},
    "/api/v1/open/meta/classify-query": {"code": 10000, "message": "成功", "data": [
        {"id": 1, "parentId": 0, "classifyCode": "A", "classifyName": "甲", "children": [
            {"id": 2, "parentId": 1, "classifyCode": "B", "classifyName": "乙", "children": []}]}]},
    "/api/v1/open/handle/page": {"code": 1, "message": "成功", "data": {
        "pageSize": 10, "pageNumber": 1, "totalCount": 1, "totalPage": 1, "content": [{"handleName": H}]}},
    "/api/v1/doip/file-acquire": {"status": 800, "message": "获取文件失败"},
}  # fmt: skip


@pytest.fixture
async def answers() -> dict[str, Any]:
    return json.loads(json.dumps(ANSWERS))


@pytest.fixture
async def peer(answers: dict[str, Any]) -> AsyncIterator[Peer]:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(answers[request.path])

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with peer_at(f"http://127.0.0.1:{runner.addresses[0][1]}", patience=0) as peer:
        yield peer
    await runner.cleanup()


async def test_an_identifier_is_read_in_every_spelling_of_its_values(peer: Peer) -> None:
    detail = await Snms(peer, user="demo", password="secret").detail(H)
    assert detail == Detail(H, "valve-1", {2000: "闸阀 DN50", 2001: "1.5"})


async def test_a_template_that_only_v3_tells_is_numbered_as_v3_does(peer: Peer) -> None:
    template = await Snms(peer, token="t").template("88.999.1001", "valve-1")
    assert [(item["idIndex"], item["idType"]) for item in template["items"]] == [
        (2000, "productName"),
        (2001, "madeOn"),
    ]


async def test_an_identifier_that_is_not_there_is_told_from_other_refusals(
    peer: Peer, answers: dict[str, Any]
) -> None:
    for message, absent in (("没有找到标识", True), ("缺少必要的请求参数: handle", False)):
        answers["/identityv2/data/detail"] = {"message": message, "status": -2, "data": None}
        with pytest.raises(PeerRefused) as caught:
            await Snms(peer, token="t").detail(H)
        assert is_absent(caught.value) is absent


@pytest.mark.parametrize("data", [None, {"value": "x"}, {"value": [{"index": 2000}], "templateVersion": "v"}])
async def test_an_answer_without_what_it_should_hold_is_strange(
    peer: Peer, answers: dict[str, Any], data: Any
) -> None:
    answers["/identityv2/data/detail"]["data"] = data
    with pytest.raises(PeerStrange):
        await Snms(peer, token="t").detail(H)


async def test_idhub_is_read_whichever_code_says_success(peer: Peer) -> None:
    hub = Idhub(peer, "88.999.1001/App_mes", application_key())
    assert await hub.token() == "eyJ0eXAiOi"
    found = [(one["classifyCode"], one["parent"]) for one in await hub.categories()]
    assert found == [("A", None), ("B", "A")]
    assert [one["handleName"] async for one in hub.identifiers("88.999.1001/META_valve")] == [H]
    with pytest.raises(PeerRefused, match="获取文件失败"):
        await hub.file("a.pdf", H, "manual")


@pytest.mark.parametrize("nonce", ["GET /v1/accounts", "", "1" * 65, None, 4821])
async def test_a_key_signs_digits_and_nothing_else(peer: Peer, answers: dict[str, Any], nonce: Any) -> None:
    answers["/api/v1/doip/public/challenge"]["data"] = nonce
    with pytest.raises(PeerStrange, match="nonce"):
        await Idhub(peer, "88.999.1001/App_mes", application_key()).token()
