"""The smallest lower side there is, in memory: it keeps to the interface, or breaks it in one named way.

It shares nothing with the node but the signature, so that the docking test is tried on another implementation.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from yarl import URL

from node.national.signature import KeyPair, sign
from node.packing import packed

FLAWS = (
    "gives up what was lost", "makes new ids", "overtakes", "keeps sending what was refused",
    "drops what is malformed", "storms", "believes every 200", "repeats nonces", "follows redirects",
    "shows its secret", "passes over verdicts", "asks without rest", "performs twice", "does whatever it is told",
    "counts backwards", "reports people", "reverses streams", "compares wrongly", "loses its successor",
    "applies anew", "does not wait for approval", "changes its id", "ages backwards",
    "gives up what was not believed", "reads without end", "makes paths up", "trusts anybody",
)  # fmt: skip
_RECORDS = {"88.101.7/A-1": b"one", "88.101.7/A-2": b"two"}
_LARGEST = 1 << 20


class Away(Exception):
    """No answer of the interface: ``status`` 0, or a refusal with its content."""

    def __init__(self, status: int = 0, content: Any = None) -> None:
        super().__init__(status)
        self.status = status
        self.content = content or {}


@dataclass
class SmallNode:
    """``keys`` None: it applies for access first."""

    url: str
    session: aiohttp.ClientSession
    keys: KeyPair | None
    flaw: str = ""
    node_id: str = field(default_factory=lambda: str(uuid4()))
    outbox: list[dict[str, Any]] = field(default_factory=list)
    resting: dict[str, float] = field(default_factory=dict)
    performed: set[str] = field(default_factory=set)
    sequence: int = 0
    limit: int = 200
    verdict: int = 0
    instruction: int = 0
    beats: int = 0
    position: int = 5

    def report(self, kind: str, body: dict[str, Any], stream: str = "") -> None:
        self.sequence += 1
        self.outbox.append(
            {
                "message_id": str(uuid4()), "stream": stream or kind.partition(".")[0], "sequence": self.sequence,
                "kind": kind, "created_at": _now(), "body": body,
            }
        )  # fmt: skip

    async def live(self) -> None:
        """Until cancelled."""
        self.report(
            "enterprise.approved",
            {"name": "示例", **({"phone": "13800000000"} if self.is_("reports people") else {})},
        )
        if self.keys is None:
            await self.gain_access()
        turns = (self.deliver, self.beat, self.count, self.ask_verdicts, self.ask_instructions, self.stand_by)
        async with asyncio.TaskGroup() as group:
            for turn in turns:
                group.create_task(self.repeat(turn))

    def is_(self, flaw: str) -> bool:
        return self.flaw == flaw

    async def repeat(self, turn: Callable[[], Any]) -> None:
        pause = 0.05
        while True:
            try:
                await asyncio.sleep(await turn())
                pause = 0.05
            except Away:
                pause = 0.0 if self.is_("storms") else min(2.0, pause * 2)
                await asyncio.sleep(pause)

    # Asking -----------------------------------------------------------------------------------------

    async def ask(self, method: str, path: str, content: Any = None, keys: KeyPair | None = None) -> Any:
        """The content of a 200. Raises ``Away``."""
        body = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        signing = keys or self.keys
        url = URL(self.url + path, encoded=True)

        async def signed(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            if signing is not None:
                nonce = "always-the-same-nonce" if self.is_("repeats nonces") else secrets.token_urlsafe(24)
                at = datetime.now(UTC)
                request.headers.update(sign(signing, method, url.raw_path_qs, body, at=at, nonce=nonce))
                if self.is_("shows its secret"):
                    request.headers["X-Debug"] = signing.secret_key
            return await handler(request)

        try:
            async with (
                asyncio.timeout(30 if "wait=" in path else 3),
                self.session.request(
                    method, url, data=body or None, middlewares=(signed,),
                    allow_redirects=self.is_("follows redirects"),
                ) as response,
            ):  # fmt: skip
                read = -1 if self.is_("reads without end") else _LARGEST
                answer = bytearray()
                async for chunk in response.content.iter_any():
                    answer += chunk
                    if 0 < read < len(answer):
                        raise Away
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise Away from None
        try:
            told = json.loads(bytes(answer))
        except ValueError:
            if status == 200 and self.is_("believes every 200"):
                return {}
            raise Away from None
        if status != 200:
            raise Away(status, told if isinstance(told, dict) and "retry" in told else None)
        return told

    async def gain_access(self) -> None:
        application = {
            "application_id": str(uuid4()), "secret": secrets.token_urlsafe(32), "kind": "secondary",
            "name": "小节点", "prefix": "88.101",
        }  # fmt: skip
        while True:
            try:
                await self.ask("POST", "/v1/applications", application)
                break
            except Away:
                if self.is_("applies anew"):
                    application["application_id"] = str(uuid4())
                await asyncio.sleep(0.1)
        number = application["application_id"]
        while self.keys is None:
            await asyncio.sleep(0.1)
            with contextlib.suppress(Away):
                if self.is_("does not wait for approval"):
                    await self.ask("GET", "/v1/verdicts?after=0")
                told = await self.ask(
                    "GET", f"/v1/applications/{number}", None, KeyPair(number, application["secret"])
                )
                if told.get("key"):
                    self.keys = KeyPair(told["key"]["access_key"], told["key"]["secret_key"])

    # Reporting --------------------------------------------------------------------------------------

    async def deliver(self) -> float:
        now = asyncio.get_running_loop().time()
        ready = [each for each in self.outbox if self.resting.get(each["stream"], 0) <= now][: self.limit]
        if not ready:
            return 0.05
        if self.is_("reverses streams"):
            ready.reverse()
        node = str(uuid4()) if self.is_("changes its id") else self.node_id
        try:
            told = await self.ask("POST", "/v1/messages", {"node": node, "laboratory": True, "messages": ready})
        except Away as away:
            self.failed(away, ready)
            return 0.0
        self.limit = 200
        results = {each["message_id"]: each for each in told.get("results", [])}
        if self.is_("believes every 200") and not results:
            self.drop(ready)
        for message in ready:
            self.settle(message, results.get(message["message_id"]), now)
        return 0.0

    def failed(self, away: Away, ready: list[dict[str, Any]]) -> None:
        if away.status in (400, 413, 422) and away.content and not away.content["retry"]:
            if len(ready) == 1 or self.is_("drops what is malformed"):
                self.drop(ready)
            self.limit = max(1, len(ready) // 2)
            return
        if self.is_("gives up what was lost") or (away.status == 401 and self.is_("gives up what was not believed")):
            self.drop(ready)
        if self.is_("makes new ids"):
            for message in ready:
                message["message_id"] = str(uuid4())
        raise away

    def settle(self, message: dict[str, Any], result: dict[str, Any] | None, now: float) -> None:
        if result is None:
            return
        if result["status"] != "refused":
            self.drop([message])
        elif not result.get("retry"):
            if not self.is_("keeps sending what was refused"):
                self.drop([message])
        elif self.is_("overtakes"):
            self.outbox.sort(key=lambda each: each["sequence"], reverse=True)
        else:
            self.resting[message["stream"]] = now + 0.3

    def drop(self, messages: list[dict[str, Any]]) -> None:
        self.outbox = [each for each in self.outbox if each not in messages]

    async def beat(self) -> float:
        self.beats += 1
        uptime = 1000 - self.beats if self.is_("ages backwards") else self.beats
        said = {
            "node": self.node_id,
            "laboratory": True,
            "state": "running",
            "version": "0",
            "uptime_seconds": uptime,
        }
        await self.ask("POST", "/v1/heartbeats", {**said, "backlog": len(self.outbox), "at": _now()})
        if self.is_("makes paths up"):
            await self.ask("POST", "/v1/greetings", {})
        return 0.2

    async def count(self) -> float:
        day = (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()
        registered = 1000 - self.beats if self.is_("counts backwards") else 5
        days = [{"day": day, "registered": registered, "updated": 0, "deleted": 0, "resolutions": []}]
        await self.ask("POST", "/v1/counts", {"node": self.node_id, "laboratory": True, "at": _now(), "days": days})
        return 0.3

    # What comes back --------------------------------------------------------------------------------

    async def ask_verdicts(self) -> float:
        try:
            told = await self.ask("GET", f"/v1/verdicts?after={self.verdict}")
            self.verdict = max([self.verdict, *(int(each["sequence"]) for each in told["verdicts"])])
        except (Away, KeyError, ValueError):
            self.verdict += 1 if self.is_("passes over verdicts") else 0
            raise Away from None
        return 0.0 if self.is_("asks without rest") else 0.25

    async def ask_instructions(self) -> float:
        told = await self.ask("GET", f"/v1/instructions?after={self.instruction}&wait=1")
        for each in told["instructions"]:
            if each["instruction_id"] not in self.performed or self.is_("performs twice"):
                outcome, result = await self.perform(each["kind"], each["body"])
                answered = {
                    "instruction_id": each["instruction_id"],
                    "sequence": each["sequence"],
                    "outcome": outcome,
                }
                self.report("instruction.answered", {**answered, "result": result}, "instruction")
            self.performed.add(each["instruction_id"])
            self.instruction = each["sequence"]
        return 0.0

    async def perform(self, kind: str, body: dict[str, Any]) -> tuple[str, Any]:
        if kind == "probe" or self.is_("does whatever it is told"):
            return "done", {"state": "running"}
        if kind == "query":
            return "done", {"items": [], "after": None}
        if kind == "key":
            return await self.replace_keys()
        if kind == "takeover":
            digests = {name: hashlib.sha256(_RECORDS.get(name, b"")).hexdigest() for name in body["sample"]}
            if not self.is_("compares wrongly"):
                digests |= {name: "" for name in body["sample"] if name not in _RECORDS}
            return "done", {"position": self.position, "records": len(_RECORDS), "digests": digests}
        return "refused", None

    async def replace_keys(self) -> tuple[str, Any]:
        while True:
            try:
                told = await self.ask("POST", "/v1/keys", {})
            except Away:
                if self.is_("loses its successor"):
                    return "done", None
                await asyncio.sleep(0.1)
                continue
            self.keys = KeyPair(told["access_key"], told["secret_key"])
            return "done", None

    async def stand_by(self) -> float:
        if (await self.ask("GET", "/v1/standby")).get("position") is None:
            head = {
                "node": self.node_id, "laboratory": True, "kind": "snapshot", "snapshot_id": str(uuid4()),
                "to": self.position, "rows": len(_RECORDS), "last": True,
            }  # fmt: skip
            rows = [{"name": name, "record": base64.b64encode(record).decode()} for name, record in _RECORDS.items()]
            page = packed("\n".join(json.dumps(line) for line in (head, *rows)).encode())
            await self.ask("PUT", "/v1/standby", page)
        return 0.2


@contextlib.asynccontextmanager
async def living(
    url: str, keys: KeyPair | None, flaw: str = "", authority: Path | None = None
) -> AsyncIterator[SmallNode]:
    """A node that reports to ``url`` while the block lasts; by HTTPS it believes ``authority``."""
    assert not flaw or flaw in FLAWS
    trust = ssl.create_default_context(cafile=authority) if authority and flaw != "trusts anybody" else False
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        node = SmallNode(url, session, keys, flaw)
        life = asyncio.create_task(node.live())
        try:
            yield node
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)


def _now() -> str:
    return datetime.now(UTC).isoformat()
