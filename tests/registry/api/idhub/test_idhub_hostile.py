"""Whatever is sent to IDHub's addresses, the answer is its envelope, and never a fault of the node's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.api.compatible import Endpoint
from registry.api.idhub.routes import idhub_endpoints
from tests.support.idhub import CREATE, HEAD, PRODUCT, UPDATE, Client, Hub, item

VALVE = "88.101.2001/META_valve"
TEXTS = (
    "",
    "\x00",
    "a\x00b",
    "\ufffe",
    "88.101.2001/\x00",
    "x" * 3000,
    "88.101.2001/" + "é" * 200,
    "🙂",
    "%",
    "' OR 1=1",
)
BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"17",
    b'"x"',
    b"\xff\xfe",
    b'{"a":' * 5000,
    b"[" * 100_000,
    b'{"metaHandle":"\\u0000","scope":1,"items":["\\u0000"]}',
    b'{"handle":"\\u0000","signature":"\\u0000"}',
    b'{"handle":"\\ud800"}',
    b'{"type":"88.101.2001/META_valve","attributes":{"content":[1]}}',
    b'{"type":"88.101.2001/META_valve","attributes":{"content":{"productName":{"a":[1]},"\\u0000":1}}}',
    b'{"type":"88.101.2001/META_valve","attributes":{"content":{"productName":"\\u0000","madeOn":1e999}}}',
)


def endpoints() -> list[Endpoint]:
    cases: Any = _Anything()
    return idhub_endpoints(cases, verify_by_get=True)


class _Anything:
    """Whatever is asked of it: only the list of the endpoints is wanted."""

    def __getattr__(self, name: str) -> Any:
        return self


def spoiled(text: str) -> list[Any]:
    """Bodies that are sound but for one text, wherever it may stand."""
    return [
        {**HEAD, "metaHandle": text, "metaItemCreateDTOS": PRODUCT},
        {
            **HEAD,
            "metaDesc": text,
            "standard": text,
            "metaItemCreateDTOS": [item("a", comment=text, definition=text)],
        },
        {**HEAD, "metaItemCreateDTOS": [item(text or "x", chineseName=text or "x")]},
        {**HEAD, "metaItemCreateDTOS": [item("a", 3, schema={"dateFormat": text})]},
        {**HEAD, "metaItemCreateDTOS": [item("a", 4, schema={"fileRange": 2, "selfDefFileSuffix": text})]},
        {
            "metaHandle": text or VALVE,
            "scope": 2,
            "handleUsers": [text],
            "items": [text],
            "metaItemDTOS": [item(text)],
        },
        {"metaHandle": VALVE, "accessList": [{"item": text, "authType": 1, "scope": 2, "handleUsers": [text]}]},
        {"handle": text, "signature": text, "grantType": text, "readerScope": text, "handleUserReaders": [text]},
        {
            "metaHandleList": [text],
            "opType": "publish",
            "baseonHandle": text,
            "baseInfo": {"metaCode": text, "classifyCode": text, "metaHandle": text},
        },
        {"type": text, "attributes": {"content": {text: text}}},
        {"type": VALVE, "attributes": {"content": {"productName": text, "madeOn": text, text: [text, [text]]}}},
    ]


@pytest.fixture
async def valve(client: Client) -> Client:
    await client.metadata(VALVE)
    return client


async def asked(client: Client, method: str, path: str, **more: Any) -> None:
    envelope = await client(method, path, **more)
    assert envelope["code"] != 500, (method, path, str(more)[:200])


async def test_no_body_brings_an_endpoint_down(valve: Client) -> None:
    for endpoint in endpoints():
        query = {"targetId": "88.101.2001/V-1", "operationId": CREATE} if endpoint.path.endswith("/doip") else None
        for body in BODIES:
            headers = {"Content-Type": "application/json"}
            if endpoint.method != "GET":
                await asked(valve, endpoint.method, endpoint.path, raw=body, query=query, headers=headers)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:12]))
async def test_no_text_brings_an_endpoint_down(hub: Hub, valve: Client, text: str) -> None:
    names = (
        "metaHandle",
        "handle",
        "handleName",
        "classifyCode",
        "metaState",
        "page",
        "size",
        "startTime",
        "endTime",
        "metaHandleList",
        "filePath",
        "field",
        "targetId",
    )
    for endpoint in endpoints():
        path = endpoint.path
        if endpoint.method in ("GET", "DELETE") and not path.endswith("verify-response"):
            for name in names:
                sound = {
                    "classifyCode": "UN_CLASSIFIED",
                    "metaHandle": VALVE,
                    "handle": "88.101.2001/V-1",
                    "filePath": "x",
                    "field": "x",
                    "operationId": "0.DOIP/Op.Retrieve",
                }
                await asked(valve, endpoint.method, path, query={**sound, name: text})
        elif not path.endswith("file-upload"):
            for body in spoiled(text):
                for operation in (CREATE, UPDATE) if path.endswith("/doip") else (CREATE,):
                    query = {"targetId": "88.101.2001/V-1", "operationId": operation}
                    raw, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
                    await asked(valve, endpoint.method, path, raw=raw, query=query, headers=headers)


async def test_a_broken_multipart_body_is_refused(valve: Client) -> None:
    for kind in (
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "multipart/mixed; boundary=x",
        "text/plain",
    ):
        for body in (
            b"",
            b"--x",
            b"--x\r\n\r\n",
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n',
            b"x" * 5000,
        ):
            query = {"metaHandle": VALVE, "fileField": "productName"}
            headers = {"Content-Type": kind}
            await asked(valve, "POST", "/api/v1/doip/file-upload", raw=body, query=query, headers=headers)
