"""An enterprise's application that speaks SNMS and nothing else: from its application to products and back.

The operator's account uploads the papers and applies for the enterprise, its user and its prefix; then the
enterprise's user waits for the review, asks for hosting, waits again, makes a template, registers 2,000 products in
one call, asks, changes, repeats a call whose answer was lost, and deletes. Everything is asked for as the guides of
SNMS say (v5).

    SNMS_PASSWORD=… python -m loadtest.snms_application http://127.0.0.1:8000 admin --prefix 88.101.3001
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

BATCH = 2_000
VERSION = "valve-1"
PAPER = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde"
USER, PASSWORD = "valve_works", "Demo#2030"
_SECONDS = 60


class Refused(Exception):
    """What the node answers instead of status 1."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message


class SnmsClient:
    """One connection, kept alive, and the token of one account."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=_SECONDS)
        self._token = ""

    def close(self) -> None:
        self._connection.close()

    def login(self, name: str, password: str) -> None:
        """明文 login."""
        self._token = self.send("POST", "/identity/token", {"username": name, "password": password})["token"]

    def get(self, path: str, **query: Any) -> Any:
        return self._asked("GET", f"{path}?{urlencode(query)}", None, {})

    def send(self, method: str, path: str, body: Any) -> Any:
        content = json.dumps(body, ensure_ascii=False).encode()
        return self._asked(method, path, content, {"Content-Type": "application/json"})

    def upload(self, name: str, content: bytes) -> int:
        """A file; its id."""
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        return int(self._asked("POST", "/snms/api/file/upload", body, {"Content-Type": kind})["id"])

    def _asked(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> Any:
        authorised = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        self._connection.request(method, path, content, {**headers, **authorised})
        told = json.loads(self._connection.getresponse().read())
        if told["status"] != 1:
            raise Refused(told["status"], told["message"])
        return told["data"]


@dataclass(frozen=True, slots=True)
class Works:
    """The enterprise: its prefix, its credit code, and how often it looks whether a review has ended."""

    prefix: str
    credit_code: str
    poll: float
    patience: float


def apply(operator: SnmsClient, works: Works) -> None:
    """资质、用户、前缀 in one application."""
    licence, front, back = (operator.upload(f"{name}.png", PAPER) for name in ("licence", "front", "back"))
    address = {"deployAddrProvince": "330000", "deployAddrCity": "330200", "deployAddrCounty": "330212"}
    basic = {
        "orgName": "示例阀门有限公司", "orgNature": "2", "orgAddr": "示例路1号", "orgAddrProvince": "330000",
        "orgAddrCity": "330200", "orgAddrCounty": "330212", "orgCrtType": "1", "orgCrtCode": works.credit_code,
        "orgCrtImgRid": licence, "industryCategory": "C", "industrySpecific": "34", "regCapital": 500,
        "contactName": "示例联系人", "contactCrtType": 3, "contactCrtNo": "TEST-0001",
        "contactEmail": "ops@example.com", "contactPhone": "13800000000", "legalName": "示例法人",
        "legalCrtType": "3", "legalCrtNo": "TEST-0002", "legalCrtFrontImgRid": front, "legalCrtBackImgRid": back,
        "entPrefix": works.prefix,
    }  # fmt: skip
    manage = {
        "entInfoSyses": [
            {"sysType": 1, "deployMode": 1, **address, "deployAddr": "示例路1号机房",
             "ipPort": "[192.0.2.10]:8080"},
            *({"sysType": kind, "deployMode": 2, "name": "示例云"} for kind in (2, 3, 4)),
        ],
        "servSysBuildType": 1,
        "servSysOperType": 1,
    }  # fmt: skip
    user = {
        "userName": USER, "password": hashlib.sha256(PASSWORD.encode()).hexdigest(), "email": "works@example.com",
        "mobile": "13800000001", "remarks": "",
    }  # fmt: skip
    body = {"sysUser": user, "entBasicInfo": basic, "entRegisterManageInfo": manage}
    operator.send("POST", "/snms/api/v3/ent/apply", body)


def await_review(client: SnmsClient, works: Works) -> None:
    """Until the prefix is in use (status 1)."""
    _await(works, lambda: client.get("/snms/api/prefix/query", prefix=works.prefix)["status"] == 1)


def get_hosted(client: SnmsClient, works: Works) -> None:
    """申请托管, and until it is granted (proxyState 4)."""

    def state() -> int:
        (row,) = client.get("/snms/api/prefix/page", entPrefix=works.prefix, currentPage=1, pageSize=10)["content"]
        return int(row["proxyState"])

    if state() != 4:
        client.send(
            "POST", "/snms/api/ent/config", {"proxyServerId": 1, "entPrefixConfig": {"entPrefix": works.prefix}}
        )
        _await(works, lambda: state() == 4)


def make_template(client: SnmsClient, works: Works) -> None:
    """数据模板, and later one item more."""
    items = [_item(2000, "productName", "产品名称", required=True), _item(2001, "madeOn", "生产日期")]
    head = {"prefix": works.prefix, "version": VERSION}
    industry = {"industryCategory": "C", "industrySpecific": "34", "industryTrade": "344", "industrySubclass": "3443"}
    client.send(
        "POST", "/snms/api/v5/template", {**head, **industry, "type": 2, "description": "阀门", "items": items}
    )
    client.send(
        "PUT", "/snms/api/v5/template", {**head, **industry, "type": 2, "items": [_item(2002, "colour", "颜色")]}
    )
    read = client.get("/snms/api/v5/template", **head)
    if [item["idType"] for item in read["items"]] != ["productName", "madeOn", "colour"]:
        raise SystemExit(f"the template is not as it was made: {read}")


def do_business(client: SnmsClient, works: Works) -> dict[str, Any]:
    """Register, ask, change, repeat, delete; what came of it."""
    rows = [_row(works.prefix, number, f"闸阀 DN{number}") for number in range(BATCH)]
    bad = {7: {**rows[7], "templateVersion": "none"}, 11: rows[10]}
    sent = [bad.get(number, row) for number, row in enumerate(rows)]
    began = time.perf_counter()
    created = client.send("POST", "/identityv2/data/batchCreate", sent)
    seconds = time.perf_counter() - began
    handle = rows[0]["handle"]
    asked = client.get("/identityv2/data/detail", handle=handle)
    client.send("PUT", "/identityv2/data", _row(works.prefix, 0, "球阀 DN0"))
    changed = client.get("/identityv2/data/detail", handle=handle)
    again = client.send("POST", "/identityv2/data/batchCreate", rows[:3])
    updated = client.send("PUT", "/identityv2/data/batchUpdate", [_row(works.prefix, 1, "球阀 DN1")])
    client.send("DELETE", "/identityv2/data", {"handle": handle})
    deleted = client.send("DELETE", "/identityv2/data/batchDelete", [row["handle"] for row in rows[1:]])
    try:
        client.get("/identityv2/data/detail", handle=handle)
        gone = "still there"
    except Refused as refused:
        gone = refused.message
    return {
        "registered": sum(row["code"] == 1 for row in created),
        "refused": {number: row["msg"] for number, row in enumerate(created) if row["code"] != 1},
        "identifiers_per_second": round(len(rows) / seconds),
        "asked": _texts(asked),
        "changed": _texts(changed),
        "repeated": sorted({row["msg"] for row in again}),
        "updated": [row["msg"] for row in updated],
        "deleted": sum(row["code"] == 1 for row in deleted),
        "gone": gone,
    }


def _await(works: Works, done: Callable[[], bool]) -> None:
    end = time.monotonic() + works.patience
    while not done():
        if time.monotonic() > end:
            raise SystemExit("nobody has decided in time")
        time.sleep(works.poll)


def _item(index: int, kind: str, name: str, *, required: bool = False) -> dict[str, Any]:
    metadata = {"type": "string", "minLength": 0, "maxLength": 100}
    return {"name": name, "idType": kind, "idIndex": index, "required": required, "state": 1, "metadata": metadata}


def _row(prefix: str, number: int, name: str) -> dict[str, Any]:
    values = ((2000, "productName", name), (2001, "madeOn", "2030-01-02"))
    return {
        "handle": f"{prefix}/V-{number:05d}",
        "templateVersion": VERSION,
        "value": [
            {"auth": "", "index": index, "type": kind, "data": {"format": "string", "value": text}}
            for index, kind, text in values
        ],
    }


def _texts(detail: Mapping[str, Any]) -> list[str]:
    values: Sequence[Mapping[str, Any]] = detail["value"]
    return [value["data"]["value"] for value in values]


def main() -> None:
    """``SNMS_PASSWORD=… python -m loadtest.snms_application URL OPERATOR --prefix P``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("operator")
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--credit-code", default="91330212MA2830004J")
    parser.add_argument("--poll", type=float, default=1.0)
    parser.add_argument("--patience", type=float, default=86_400.0)
    told = parser.parse_args()
    works = Works(told.prefix, told.credit_code, told.poll, told.patience)
    operator, client = SnmsClient(told.url), SnmsClient(told.url)
    operator.login(told.operator, os.environ["SNMS_PASSWORD"])
    apply(operator, works)
    client.login(USER, PASSWORD)
    await_review(client, works)
    get_hosted(client, works)
    make_template(client, works)
    print(json.dumps(do_business(client, works), ensure_ascii=False))
    operator.close()
    client.close()


if __name__ == "__main__":
    main()
