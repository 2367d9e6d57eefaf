"""The IDHub interface behind a real HTTP server, and an application that speaks nothing else."""

from __future__ import annotations

import base64
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
from aiohttp import web
from argon2.profiles import CHEAPEST
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from node.sealing import Seal
from node.web import WebSettings, make_app
from registry.accounts.accounts import Accounts
from registry.accounts.key_sign_in import KeySignIn
from registry.accounts.passwords import Passwords
from registry.api.counted_reads import CountedReads
from registry.api.idhub.routes import IdhubCases, serve
from registry.identifiers.many import ManyIdentifiers
from resolver.counting.counter import ResolutionCounter
from resolver.counting.never import NeverCounts
from tests.support.world import Holder, World

DOIP, OPEN = "/api/v1/doip", "/api/v1/open"
CREATE, UPDATE, DELETE = "0.DOIP/Op.Create", "0.DOIP/Op.Update", "0.DOIP/Op.Delete"
UPDATE_SOME, RETRIEVE = "0.DOIP.EXTEND/Op.Update.Non.Overlay", "0.DOIP/Op.Retrieve"

HEAD = {
    "classifyCode": "UN_CLASSIFIED",
    "metaName": "阀门",
    "metaCode": "valve",
    "industryCategory": "C",
    "industrySpecific": "34",
    "industryTrade": "344",
    "industrySubclass": "3443",
}


def item(english: str, data_type: int | str = 1, **said: Any) -> dict[str, Any]:
    """One item; members of its schema stand in ``schema``."""
    schema = {"dataType": data_type, **said.pop("schema", {})}
    return {
        "itemCode": f"c_{english}",
        "englishName": english,
        "chineseName": f"{english}名",
        "required": 0,
        "uniqueField": 0,
        "inputNecessary": 1,
        "listItemNecessary": 1,
        "itemSchemaCreateDTO": schema,
        "itemReferenceDTO": {},
        **said,
    }


PRODUCT = [
    item("productName", chineseName="产品名称", required=1, schema={"minLength": 0, "maxLength": 200}),
    item("madeOn", "3", chineseName="生产日期", schema={"dateFormat": "YYYY-MM-DD"}),
]


@functools.cache
def application_key(number: int = 0) -> RSAPrivateKey:
    """The private keys of applications, made once."""
    del number
    return generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(key: RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signature(key: RSAPrivateKey, nonce: str) -> str:
    """As 8.2 says: Base64 of SHA256withRSA over the nonce's digits."""
    return base64.b64encode(key.sign(nonce.encode(), PKCS1v15(), SHA256())).decode()


@dataclass
class Client:
    """An application at the interface; ``token`` is sent when there is one."""

    session: aiohttp.ClientSession
    url: str
    handle: str
    key: RSAPrivateKey
    token: str = ""

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Any = None,
        raw: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The envelope of the answer."""
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self.session.request(
            method, self.url + path, json=body, params=query, data=raw, headers={**sent, **(headers or {})}
        ) as answer:
            assert answer.status == 200
            envelope = await answer.json()
        assert {"code", "message"} <= envelope.keys() <= {"code", "message", "data"}
        assert type(envelope["code"]) is int
        return dict(envelope)

    async def done(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """``data`` of a success."""
        envelope = await self(method, path, body, **more)
        assert envelope["code"] == 1, envelope
        return envelope.get("data")

    async def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        """Code and message of a refusal."""
        envelope = await self(method, path, body, **more)
        assert envelope["code"] != 1, envelope
        return envelope["code"], envelope["message"]

    async def login(self) -> Client:
        nonce = await self.done("GET", f"{DOIP}/public/challenge", query={"handle": self.handle})
        proof = {"handle": self.handle, "signature": signature(self.key, nonce)}
        self.token = (await self.done("POST", f"{DOIP}/public/verify-response", proof))["token"]
        return self

    async def doip(self, operation: str, target: str, body: Any = None) -> dict[str, Any]:
        """The envelope of an operation."""
        method = "GET" if operation == RETRIEVE else "POST"
        return await self(method, DOIP, body, query={"targetId": target, "operationId": operation})

    async def metadata(self, handle: str, items: list[dict[str, Any]] | None = None, **head: Any) -> str:
        """New metadata, published."""
        body = {**HEAD, **head, "metaHandle": handle, "metaItemCreateDTOS": items or PRODUCT}
        made = await self.done("POST", f"{OPEN}/meta/create", body)
        assert made == {"metaHandle": handle, "metaId": handle}
        turned = await self.done(
            "PUT", f"{OPEN}/meta/publish-or-withdraw", {"metaHandleList": [handle], "opType": "publish"}
        )
        assert turned == [{"metaHandle": handle, "state": "success", "reason": ""}]
        return handle

    async def instance(self, handle: str, kind: str, **content: Any) -> None:
        """A new identifier by metadata."""
        envelope = await self.doip(CREATE, handle, {"type": kind, "attributes": {"content": content}})
        assert envelope["code"] == 1, envelope


@dataclass
class Hub:
    """A world with the interface in front of it, and the applications of two enterprises."""

    world: World
    session: aiohttp.ClientSession
    url: str
    holder: Holder
    other: Holder
    counter: ResolutionCounter

    async def client(self, holder: Holder | None = None, name: str = "App_mes", number: int = 0) -> Client:
        """A new application identity of an enterprise, signed in."""
        holder, key = holder or self.holder, application_key(number)
        handle = f"{holder.prefix.text}/{name}"
        await self.world.application_identities.create(
            holder.account, holder.actor, handle, title=name.removeprefix("App_").upper(), public_key=public_pem(key)
        )
        return await Client(self.session, self.url, handle, key).login()

    def stranger(self, handle: str = "") -> Client:
        """Somebody without a token."""
        return Client(self.session, self.url, handle, application_key())


@contextlib.asynccontextmanager
async def running_hub(world: World, *, verify_by_get: bool = False) -> AsyncIterator[Hub]:
    """The interface on a free port of the loopback."""
    pool, clock = world.pool, world.clock
    accounts = Accounts(pool, clock, Passwords(CHEAPEST), seal=Seal(bytes(32)))
    counter = ResolutionCounter(pool, None, never=NeverCounts(["account:88.101.2001.App_probe"]), seconds=3600)
    cases = IdhubCases(
        pool=pool,
        clock=clock,
        authenticate=accounts.authenticate,
        key_sign_in=KeySignIn(pool, clock, timedelta(hours=24), time.monotonic),
        identifiers=world.identifiers,
        many=ManyIdentifiers(pool, clock),
        files=world.files,
        identities=world.application_identities,
        groups=world.identity_groups,
        notifications=world.notifications,
        reads=CountedReads(counter.count, counter.never.account),
    )
    app = make_app([], authenticate=accounts.authenticate, settings=WebSettings(log_requests=False))
    serve(app.router, cases, verify_by_get=verify_by_get)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with aiohttp.ClientSession() as session:
            holder, other = await world.holder(2001), await world.holder(2002)
            yield Hub(world, session, f"http://127.0.0.1:{runner.addresses[0][1]}", holder, other, counter)
    finally:
        await runner.cleanup()
