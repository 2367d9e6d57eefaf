"""A client of SNMS that looks at the envelope and at nothing else, and what it sends (snms-api 4, 6, 7)."""

from __future__ import annotations

import copy
import io
import json
from dataclasses import dataclass
from typing import Any

import aiohttp

from registry.accounts.digests import inner_digest
from registry.credit_code import complete
from tests.support.node import Node

DATA = "/identityv2/data"
TEMPLATE = "/snms/api/v5/template"
DEMO = "Demo#2030"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde"

VALVE: dict[str, Any] = {
    "prefix": "88.101.2001", "version": "valve-1", "industryCategory": "C", "industrySpecific": "34",
    "industryTrade": "344", "industrySubclass": "3443", "type": 2, "description": "阀门",
    "items": [
        {"name": "产品名称", "idType": "productName", "idIndex": 2000, "required": True, "state": 1,
         "metadata": {"type": "string", "minLength": 1, "maxLength": 100}},
        {"name": "生产日期", "idType": "madeOn", "idIndex": 2001, "required": False, "state": 1,
         "metadata": {"type": "string", "minLength": 10, "maxLength": 10}},
    ],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """One envelope."""

    status: int
    message: str
    data: Any

    @property
    def rows(self) -> list[tuple[str, int, str]]:
        """The rows of the answer to a batch."""
        assert (self.status, self.message) == (1, "success"), self
        return [(row["handle"], row["code"], row["msg"]) for row in self.data]


DONE = Told(1, "success", True)


class Snms:
    """``token`` is whose; ``None``: nobody's."""

    def __init__(self, node: Node, token: str | None) -> None:
        self.node = node
        self.token = token

    def by(self, name: str) -> Snms:
        """Somebody else of the node."""
        return Snms(self.node, self.node.tokens[name])

    async def __call__(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **query: Any
    ) -> Told:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        url = self.node.url + path
        body = None if content is None else io.BytesIO(content)
        async with self.node.session.request(method, url, params=query, data=body, headers=headers) as answer:
            return await told(answer)

    async def upload(self, name: str, content: bytes, *, part: str = "file") -> Told:
        """A file by multipart form."""
        form = aiohttp.FormData()
        form.add_field("remark", "附件")
        form.add_field(part, io.BytesIO(content), filename=name)
        headers = {"Authorization": f"Bearer {self.token}"}
        url = self.node.url + "/snms/api/file/upload"
        async with self.node.session.post(url, data=form, headers=headers) as answer:
            return await told(answer)

    async def papers(self, count: int) -> list[int]:
        """The ids of that many images."""
        made = [await self.upload(f"证件{number}.png", PNG + bytes([number])) for number in range(count)]
        assert all(one.status == 1 for one in made), made
        return [one.data["id"] for one in made]

    async def token_of(self, name: str, password: str) -> Told:
        return await self("POST", "/identity/token", {"username": name, "password": password})


async def told(answer: aiohttp.ClientResponse) -> Told:
    """The envelope of an answer, which is all that a client looks at."""
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    envelope = json.loads(await answer.read())
    assert list(envelope) == ["message", "status", "data"]
    return Told(envelope["status"], envelope["message"], envelope["data"])


def application(number: int, prefix: str, papers: list[int]) -> dict[str, Any]:
    """The body of ent/apply, everything said, of a user with the password ``DEMO``; ``number`` makes the rest."""
    local = {"deployAddrProvince": "330000", "deployAddrCity": "330200", "deployAddrCounty": "330212",
             "deployAddr": "示例路1号机房"}  # fmt: skip
    return {
        "sysUser": {
            "userName": f"demo_ent{number}", "password": inner_digest(DEMO), "email": f"ops{number}@example.com",
            "mobile": f"138000{number:05d}", "remarks": "",
        },
        "entBasicInfo": {
            "orgName": f"示例阀门{number}有限公司", "orgNature": "2", "orgAddr": "示例路1号",
            "orgAddrProvince": "330000", "orgAddrCity": "330200", "orgAddrCounty": "330212", "orgCrtType": "1",
            "orgCrtCode": complete(f"91330212{number:08d}"), "orgCrtImgRid": papers[0], "orgDesc": "阀门\n制造",
            "industryCategory": "C", "industrySpecific": "34", "website": "www.example.com", "regCapital": "500",
            "establishDate": "2001-02-03", "contactName": "示例联系人", "contactCrtType": 3,
            "contactCrtNo": "TEST-0001", "contactEmail": "ops@example.com", "contactPhone": "13800000000",
            "legalName": "示例法人", "legalCrtType": "3", "legalCrtNo": "TEST-0002",
            "legalCrtFrontImgRid": papers[1], "legalCrtBackImgRid": str(papers[2]), "entPrefix": prefix,
        },
        "entRegisterManageInfo": {
            "entInfoSyses": [
                {"sysType": 1, "deployMode": 1, **local, "ipPort": "[192.0.2.10]:8080;[2001:db8::10]:8080"},
                *({"sysType": kind, "deployMode": 2, "name": "示例云"} for kind in (2, 3, 4)),
            ],
            "servSysBuildType": 1, "servSysOperType": "2", "servSysOperName": "示例运营有限公司",
        },
        "entHostingAndIdentifyServeInfo": {
            "extWebName": "示例站点", "extDomain": "id.example.com", "extIpAddr": "192.0.2.10;2001:db8::10",
            "dataHostingOrg": "示例托管", "entInfoSerIndustries": [
                {"industryCategory": "C", "industrySpecific": "34", "industryTrade": "344",
                 "industrySubclass": "3443"}],
            "entInfoLicenses": [{"licenceNo": "B2-20300001", "licenceType": 4}],
        },
    }  # fmt: skip


def valve(**changed: Any) -> dict[str, Any]:
    """The template of the reference, with changes."""
    return {**copy.deepcopy(VALVE), **changed}


def identifier(suffix: str, name: str = "闸阀 DN50", prefix: str = "88.101.2001", **more: Any) -> dict[str, Any]:
    """One identifier by that template."""
    value = {"auth": "", "index": 2000, "type": "productName", "data": {"format": "string", "value": name}}
    return {"handle": f"{prefix}/{suffix}", "templateVersion": "valve-1", "value": [value], **more}
