"""An enterprise's application that speaks IDHub and nothing else: from its key to thousands of products and back.

It signs in, finds its category, makes metadata and publishes them, registers products, resolves and lists them, adds
an item, changes products, uploads a manual and fetches it, opens an item to everybody and another to a partner,
deletes products and withdraws the metadata. Everything is asked for as the IDHub SDK asks for it.

    python -m loadtest.idhub_application http://127.0.0.1:8000 88.101.2001/App_mes key.pem --products 200
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

CREATE, DELETE, RETRIEVE = "0.DOIP/Op.Create", "0.DOIP/Op.Delete", "0.DOIP/Op.Retrieve"
UPDATE = "0.DOIP.EXTEND/Op.Update.Non.Overlay"
_SECONDS = 60


class Refused(Exception):
    """What the node answers instead of code 1."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code


class IdhubClient:
    """One connection, kept alive, and the token of one application identity."""

    def __init__(self, url: str, handle: str, key: RSAPrivateKey) -> None:
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=_SECONDS)
        self._key = key
        self._token = ""
        self.handle = handle

    def close(self) -> None:
        self._connection.close()

    def login(self) -> None:
        """Challenge and verify."""
        nonce = self.get("/api/v1/doip/public/challenge", handle=self.handle)
        signature = base64.b64encode(self._key.sign(str(nonce).encode(), PKCS1v15(), SHA256())).decode()
        proof = {"handle": self.handle, "signature": signature}
        self._token = self.send("POST", "/api/v1/doip/public/verify-response", proof)["token"]

    def get(self, path: str, **query: str | int) -> Any:
        """``data`` of a GET. Raises ``Refused``."""
        return self._data(self._exchange("GET", path, query, b"", "application/json"))

    def send(self, method: str, path: str, body: Any = None, **query: str | int | list[str]) -> Any:
        """``data`` of a call with a JSON body. Raises ``Refused``."""
        content = json.dumps(body).encode() if body is not None else b""
        return self._data(self._exchange(method, path, query, content, "application/json"))

    def operate(self, operation: str, target: str, body: Any = None) -> Any:
        """``data`` of a DOIP operation. Raises ``Refused``."""
        method = "GET" if operation == RETRIEVE else "POST"
        return self.send(method, "/api/v1/doip", body, targetId=target, operationId=operation)

    def upload(self, name: str, content: bytes, kind: str, item: str) -> str:
        """The ``filePath`` of an uploaded file. Raises ``Refused``."""
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        query = {"metaHandle": kind, "fileField": item}
        form = f"multipart/form-data; boundary={boundary}"
        answer = self._exchange("POST", "/api/v1/doip/file-upload", query, body, form)
        return str(self._data(answer)["filePath"])

    def download(self, path: str, handle: str, item: str) -> bytes:
        """The content of a file that an item of an identifier names."""
        query = {"filePath": path, "handle": handle, "field": item}
        return self._exchange("GET", "/api/v1/doip/file-acquire", query, b"", "application/json")

    def _exchange(self, method: str, path: str, query: Mapping[str, Any], body: bytes, media_type: str) -> bytes:
        address = f"{path}?{urlencode(query, doseq=True)}" if query else path
        headers = {"Content-Type": media_type, **({"Authorization": f"Bearer {self._token}"} if self._token else {})}
        self._connection.request(method, address, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != http.client.OK:
            raise Refused(answer.status, "the HTTP status is not 200")
        return content

    def _data(self, content: bytes) -> Any:
        envelope = json.loads(content)
        if envelope["code"] != 1:
            raise Refused(envelope["code"], envelope["message"])
        return envelope.get("data")


def item(name: str, title: str, data_type: int, **schema: Any) -> dict[str, Any]:
    """One item of metadata."""
    return {
        "itemCode": name,
        "englishName": name,
        "chineseName": title,
        "required": 0,
        "uniqueField": 0,
        "inputNecessary": 1,
        "listItemNecessary": 1,
        "itemSchemaCreateDTO": {"dataType": data_type, **schema},
        "itemReferenceDTO": {},
    }


def run(client: IdhubClient, products: int, partner: str | None) -> dict[str, Any]:
    """The whole course; what came of it, by step. Raises ``Refused``, ``AssertionError``."""
    report: dict[str, Any] = {}
    began = time.perf_counter()
    client.login()
    kind = make_metadata(client)
    prefix = client.handle.partition("/")[0]
    mark = uuid.uuid4().hex[:8]
    handles = [f"{prefix}/V-{mark}-{number:05d}" for number in range(products)]
    for number, handle in enumerate(handles):
        content = {"productName": f"球阀 DN{number}", "madeOn": "2030-01-02", "weight": 1.5}
        client.operate(CREATE, handle, {"type": kind, "attributes": {"content": content}})
    report["registered"] = client.get("/api/v1/open/handle/page", metaHandle=kind, size=1)["totalCount"]
    repeated = {"type": kind, "attributes": {"content": {"productName": "x"}}}
    report["repeated"] = refusal_of(client, CREATE, handles[0], repeated)
    found = client.operate(RETRIEVE, handles[0])
    report["resolved"] = {one["type"]: one["data"] for one in found["elements"]}
    change_products(client, kind, handles)
    changed = client.operate(RETRIEVE, handles[-1])
    report["changed"] = {one["type"]: one["data"] for one in changed["elements"]}
    report["downloaded"] = attach_manual(client, kind, handles[0])
    share(client, kind, handles[0], partner)
    for handle in handles:
        client.operate(DELETE, handle, {})
    report["deleted"] = products - client.get("/api/v1/open/handle/page", metaHandle=kind)["totalCount"]
    report["gone"] = refusal_of(client, RETRIEVE, handles[0])
    turn(client, "withdraw", kind)
    client.send("DELETE", "/api/v1/open/meta/delete", metaHandleList=[kind])
    report["seconds"] = round(time.perf_counter() - began, 2)
    return report


def make_metadata(client: IdhubClient) -> str:
    """Metadata of a valve in the first category, published."""
    category = client.get("/api/v1/open/meta/classify-query")[0]["classifyCode"]
    body = {
        "classifyCode": category,
        "metaName": "阀门",
        "metaCode": "valve",
        "industryCategory": "C",
        "industrySpecific": "34",
        "industryTrade": "344",
        "industrySubclass": "3443",
        "metaItemCreateDTOS": [
            {**item("productName", "产品名称", 1, minLength=0, maxLength=200), "required": 1},
            item("madeOn", "生产日期", 3, dateFormat="YYYY-MM-DD"),
            item("weight", "重量", 2, accuracy=2),
            item("manual", "说明书", 4, fileRange=2, fileType="4", maxFileCount=1),
        ],
    }
    kind = str(client.send("POST", "/api/v1/open/meta/create", body)["metaHandle"])
    turn(client, "publish", kind)
    info = client.get("/api/v1/open/meta/info", metaHandle=kind)
    assert info["metaState"] == 1, info
    return kind


def change_products(client: IdhubClient, kind: str, handles: list[str]) -> None:
    """A new item of the metadata, and a value of it for every product."""
    added = {"metaHandle": kind, "metaItemDTOS": [item("colour", "颜色", 1, maxLength=20)]}
    client.send("PUT", "/api/v1/open/meta/update-item", added)
    for handle in handles:
        client.operate(UPDATE, handle, {"type": kind, "attributes": {"content": {"colour": "red"}}})


def attach_manual(client: IdhubClient, kind: str, handle: str) -> int:
    """A manual for one product; how many octets of it come back."""
    content = b"%PDF-1.7\n" + handle.encode()
    path = client.upload("manual.pdf", content, kind, "manual")
    client.operate(UPDATE, handle, {"type": kind, "attributes": {"content": {"manual": [path]}}})
    assert client.download(path, handle, "manual") == content
    return len(content)


def share(client: IdhubClient, kind: str, handle: str, partner: str | None) -> None:
    """One item for everybody; for the partner's group another item, and one product as a whole."""
    public = {"metaHandle": kind, "scope": 1, "items": ["productName"]}
    client.send("POST", "/api/v1/open/classes-grant/item/batch-public", public)
    if partner is None:
        return
    access = {"item": "weight", "authType": 1, "scope": 2, "handleUsers": [partner], "removeHandleUsers": []}
    class_grant = {"metaHandle": kind, "accessList": [access]}
    client.send("POST", "/api/v1/open/classes-grant/authorization", class_grant)
    single = {"handle": handle, "grantType": 2, "readerScope": 2, "handleUserReaders": [partner]}
    client.send("POST", "/api/v1/open/single-handle/authorization", single)


def turn(client: IdhubClient, operation: str, kind: str) -> None:
    """Publish or withdraw."""
    asked = {"metaHandleList": [kind], "opType": operation}
    outcome = client.send("PUT", "/api/v1/open/meta/publish-or-withdraw", asked)
    assert [one["state"] for one in outcome] == ["success"], outcome


def refusal_of(client: IdhubClient, operation: str, target: str, body: Any = None) -> int:
    """The code that an operation is refused with; 1 if it is not."""
    try:
        client.operate(operation, target, body)
    except Refused as refused:
        return refused.code
    return 1


def main() -> None:
    """Run the course and print what came of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("handle", help="the application identity")
    parser.add_argument("key", type=Path, help="its private key, PEM")
    parser.add_argument("--products", type=int, default=200)
    parser.add_argument("--partner", help="handle of an imported group to grant to")
    told = parser.parse_args()
    key = load_pem_private_key(told.key.read_bytes(), password=None)
    assert isinstance(key, RSAPrivateKey), "an RSA key is needed"
    client = IdhubClient(told.url, told.handle, key)
    try:
        print(json.dumps(run(client, told.products, told.partner), ensure_ascii=False))
    finally:
        client.close()


if __name__ == "__main__":
    main()
