"""Speaks the interface to a node above by hand, as another implementation of a node would."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import asyncpg
from yarl import URL

from mocknational.mock import Mock
from node.national.signature import KeyPair, sign
from tests.support.docking import CREDIT_CODE, KEYS, now, until

NODE = uuid4()


class Caller:
    """One node: signs what it asks, and reads what is answered."""

    def __init__(
        self, session: aiohttp.ClientSession, mock: Mock, keys: KeyPair = KEYS, at: Callable[[], datetime] = now
    ) -> None:
        self.at = at
        self.session = session
        self.mock = mock
        self.keys = keys

    async def ask(
        self, method: str, path: str, content: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        body = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        url = URL(self.mock.url + path)
        if headers is None:
            headers = self.sign(method, path, body)
        async with self.session.request(method, url, data=io.BytesIO(body), headers=headers) as answer:
            return answer.status, json.loads(await answer.read())

    async def put_standby(self, page: bytes) -> dict[str, Any]:
        """One page of standby records; the state after it."""
        status, answer = await self.ask("PUT", "/v1/standby", page)
        assert status == 200, answer
        return dict(answer)

    async def hold(self, prefix: str, upper: asyncpg.Connection) -> UUID:
        """An enterprise whose prefix passed verification."""
        holder = uuid4()
        await self.deliver(enterprise(holder), reviewed(prefix, holder))

        async def held() -> bool:
            return bool(await upper.fetchval("SELECT count(*) = 1 FROM docked_prefix WHERE prefix = $1", prefix))

        await until(held)
        return holder

    def sign(self, method: str, path: str, body: bytes, nonce: str | None = None) -> dict[str, str]:
        return sign(self.keys, method, path, body, at=self.at(), nonce=nonce or uuid4().hex)

    async def deliver(self, *messages: dict[str, Any], laboratory: bool = False) -> list[tuple[str, bool]]:
        content = {"node": str(NODE), "laboratory": laboratory, "messages": messages}
        status, answer = await self.ask("POST", "/v1/messages", content)
        assert status == 200
        assert [result["message_id"] for result in answer["results"]] == [m["message_id"] for m in messages]
        return [(result["status"], result["retry"]) for result in answer["results"]]


def message(number: int, kind: str = "test.kind", stream: str = "s", /, **body: Any) -> dict[str, Any]:
    return {
        "message_id": str(uuid4()), "stream": stream, "sequence": number, "kind": kind,
        "created_at": now().isoformat(), "body": body,
    }  # fmt: skip


def enterprise(enterprise_id: UUID, state: str = "approved", **changed: str) -> dict[str, Any]:
    facts = {"credit_code": CREDIT_CODE, "name": "示例", "division_code": "442000", "industry_code": "1411"}
    body = {"enterprise_id": str(enterprise_id), "state": state, **facts, **changed}
    return message(1, f"enterprise.{state}", "enterprise", **body)


def reviewed(prefix: str, enterprise_id: UUID, credit_code: str = CREDIT_CODE) -> dict[str, Any]:
    body = {"enterprise_id": str(enterprise_id), "credit_code": credit_code, "state": "reviewed"}
    return message(1, "prefix.reviewed", "prefix", prefix=prefix, **body)


def route(port: int, http_port: int | None = None, **changed: Any) -> dict[str, Any]:
    """Where the node answers, by a message."""
    site = {"address": "127.0.0.1", "tcp_port": port, "udp_port": port, "http_port": http_port}
    body = {"prefix": "88.101", "serial": 1, "sites": [site], "public_key": "", **changed}
    return message(1, "route.node", "route", **body)


def prefix_route(prefix: str, enterprise_id: UUID, *sites: dict[str, Any]) -> dict[str, Any]:
    """Where the enterprise of a prefix answers for it itself."""
    body = {"enterprise_id": str(enterprise_id), "credit_code": CREDIT_CODE, "state": "enabled"}
    hosting = "self_hosted" if sites else "hosted"
    return message(2, "prefix.route", "prefix", prefix=prefix, hosting=hosting, sites=list(sites), **body)
