"""A small client of a node's ``/v1`` interface, for the command line and the demo."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp

from node.errors import Conflict, Malformed, Unavailable


class Refused(Conflict):
    """The node's own refusal: its code, detail and evidence as sent."""

    title_zh = "节点拒绝了请求"

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        super().__init__(f"{problem.get('code', status)}: {problem.get('detail', 'no reason given')}")
        faults = problem.get("faults") or ()
        if faults:
            self.detail += "".join(f"\n  {_fault(fault)}" for fault in faults)


class NodeAway(Unavailable):
    title_zh = "节点没有应答"


class NotANode(Malformed):
    title_zh = "该地址不是节点"


def _fault(fault: Any) -> str:
    if not isinstance(fault, Mapping):
        return str(fault)
    return f"{fault.get('field') or ''}: {fault.get('message', '')}"


class Client:
    """Requests to one node as one account. Every method raises ``Refused``, ``NodeAway`` or ``NotANode``."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, token: str = "") -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self.token = token

    def acting_with(self, token: str) -> Client:
        """The same node with another account's token."""
        return Client(self._session, self._base_url, token)

    async def get(self, path: str, **query: str | int) -> Any:
        async with self.request("GET", path, params=query) as response:
            return await response.json()

    async def post(self, path: str, content: Mapping[str, Any] | None = None) -> Any:
        async with self.request("POST", path, json=dict(content or {})) as response:
            return await response.json() if response.status != 204 else None

    async def put(self, path: str, content: Mapping[str, Any]) -> Any:
        async with self.request("PUT", path, json=dict(content)) as response:
            return await response.json()

    @contextlib.asynccontextmanager
    async def request(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """Any request; the answer is a success."""
        headers = {**options.pop("headers", {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            async with self._session.request(method, self._base_url + path, headers=headers, **options) as response:
                if response.status >= 400:
                    raise Refused(response.status, await _problem(response))
                yield response
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
            raise NodeAway(f"{self._base_url} does not answer: {type(error).__name__}", url=self._base_url) from error
        except (aiohttp.ClientError, ValueError) as error:
            raise NotANode(f"{self._base_url} is no node's address: {error}", url=self._base_url) from error


async def _problem(response: aiohttp.ClientResponse) -> Mapping[str, Any]:
    with contextlib.suppress(ValueError, aiohttp.ContentTypeError):
        content = await response.json(content_type=None)
        if isinstance(content, Mapping):
            return content
    return {"code": str(response.status), "detail": response.reason or ""}


@contextlib.asynccontextmanager
async def connect(base_url: str, token: str = "") -> AsyncIterator[Client]:
    """A client with its connections, closed at the end."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=300)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield Client(session, base_url, token)
