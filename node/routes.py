"""What a management route is: one declaration feeds the router, the authorisation check, the OpenAPI document,
the role matrix test and the generated API tests.

A module of routes is a function that takes its use cases and returns a list of ``Route``::

    def enterprise_routes(enterprises: Enterprises) -> list[Route]:
        async def read(call: Call) -> Reply:
            return Reply(EnterpriseView.of(await enterprises.get(call.account, call.uuid("enterprise_id"))))

        return [Route("GET", "/v1/enterprises/{enterprise_id}", read, action=Action.ENTERPRISE_READ,
                      answers={200: EnterpriseView}, errors=(EnterpriseUnknown,), ...)]
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel

from node.auth import Account, Action
from node.errors import Malformed, NodeError, Unauthenticated
from node.journal import Actor, Interface


class InvalidPathParameter(Malformed):
    title_zh = "路径参数有误"


class NotSignedIn(Unauthenticated):
    title_zh = "请先登录"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a pydantic model, ready bytes, or a stream of them; ``None`` has no body."""

    content: BaseModel | bytes | AsyncIterator[bytes] | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, authenticated: who asks, from where (trusted proxies resolved), through which door.

    ``parameters`` are those of the path, decoded. A page asks operations for what it shows: then ``request`` is the
    page's own, and ``said`` are the headers that the page says to the operation.
    """

    request: web.Request
    caller: Account | None
    source: str
    parameters: Mapping[str, str]
    interface: Interface = Interface.V1
    said: Mapping[str, str] = field(default_factory=dict)

    @property
    def account(self) -> Account:
        """The signed-in account. Raises ``NotSignedIn`` on a public route without one."""
        if self.caller is None:
            raise NotSignedIn("sign in first: send a token as Authorization: Bearer …")
        return self.caller

    @property
    def actor(self) -> Actor:
        return Actor(self.account.account_id, self.interface)

    def header(self, name: str) -> str:
        """A header, "" where there is none."""
        return self.said.get(name, self.request.headers.get(name, ""))

    def text(self, name: str) -> str:
        """A path parameter, decoded."""
        return self.parameters[name]

    def uuid(self, name: str) -> UUID:
        """A path parameter that is a UUID. Raises ``InvalidPathParameter``."""
        try:
            return UUID(self.text(name))
        except ValueError:
            raise InvalidPathParameter(f"{name} is not a UUID", field=name) from None

    def number(self, name: str) -> int:
        """A path parameter that is a positive 31-bit number. Raises ``InvalidPathParameter``."""
        text = self.text(name)
        if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII) or not 0 < int(text) < 2**31:
            raise InvalidPathParameter(f"{name} is not a positive number", field=name)
        return int(text)

    def day(self, name: str) -> date:
        """A path parameter that is a day of the years 2000 to 2999. Raises ``InvalidPathParameter``."""
        text = self.text(name)
        if re.fullmatch(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
            with contextlib.suppress(ValueError):
                return date.fromisoformat(text)
        raise InvalidPathParameter(f"{name} is not a day such as 2026-11-21", field=name)


Handler = Callable[..., Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A streamed request body: its media types; the handler reads ``call.request.content`` itself.

    With ``gzip`` it may come packed (Content-Encoding), and the handler unpacks it.
    """

    media_types: tuple[str, ...]
    gzip: bool = False


# Path parameters by name, with the schema the document shows.
PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "enterprise_id": {"type": "string", "format": "uuid"},
    "account_id": {"type": "string", "format": "uuid"},
    "token_id": {"type": "string", "format": "uuid"},
    "access_key": {"type": "string", "pattern": "^AK[A-Z2-7]{24}$"},
    "batch_id": {"type": "string", "format": "uuid"},
    "file_id": {"type": "string", "pattern": "^sha256-[0-9a-f]{64}$"},
    "enterprise_number": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "attachment_id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "review_id": {"type": "string", "format": "uuid"},
    "service_request_id": {"type": "string", "format": "uuid"},
    "announcement_id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "notification_id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "mapping_id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "coding_rule_id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "document_id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "document_name": {"type": "string", "minLength": 1, "maxLength": 64},
    "fee_plan_id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "plan_order_id": {"type": "string", "format": "uuid"},
    "month": {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"},
    "day": {"type": "string", "format": "date"},
    "template_id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "template_category_id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "prefix": {"type": "string", "pattern": r"^(86|88)\.[0-9]+(\.[0-9A-Za-z]+)*$", "maxLength": 64},
    "transfer_id": {"type": "string", "format": "uuid"},
    "reserved_number_id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "upload_id": {"type": "string", "format": "uuid"},
    "report_id": {"type": "string", "format": "uuid"},
    "report_kind": {"type": "string", "enum": ["acceptance", "operation", "masked", "statement"]},
    "suffix": {"type": "string", "minLength": 1, "maxLength": 255},
    "application_id": {"type": "string", "format": "uuid"},
    "docking_key": {"type": "string", "pattern": "^[A-Za-z0-9_-]{4,64}$"},
    "audit_entry": {"type": "string", "pattern": "^(act|identifier)-[1-9][0-9]{0,17}$"},
    "recount_id": {"type": "string", "format": "uuid"},
}


class Route:
    """One operation.

    ``action`` is what the caller must be allowed to do at all; ``None`` makes the route public, and only then
    may ``caller`` be missing. ``body`` and ``query`` are pydantic models handed to the handler as keywords of
    these names. ``answers`` maps each success status to the model of its body (or ``None``, or the media types of
    a stream, or both where the client chooses); ``errors`` names what the operation itself can refuse with, beyond
    what every operation can (authentication, rights, form of the input, database away).
    """

    __slots__ = (
        "action", "answers", "body", "errors", "handler", "headers", "method", "path", "query", "summary",
        "summary_zh", "tag",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        path: str,
        handler: Handler,
        *,
        action: Action | None,
        tag: str,
        summary: str,
        summary_zh: str,
        answers: Mapping[int, type[BaseModel] | tuple[type[BaseModel] | str, ...] | None],
        errors: tuple[type[NodeError], ...] = (),
        body: type[BaseModel] | Upload | None = None,
        query: type[BaseModel] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.handler = handler
        self.action = action
        self.tag = tag
        self.summary = summary
        self.summary_zh = summary_zh
        self.answers = answers
        self.errors = errors
        self.body = body
        self.query = query
        self.headers = headers or {}

    @property
    def parameters(self) -> list[str]:
        """Names of the path parameters, in order."""
        return re.findall(r"\{(\w+)", self.path)

    @property
    def document_path(self) -> str:
        """The path as OpenAPI writes it, without aiohttp's patterns."""
        return re.sub(r"\{(\w+):[^{}]*\}", r"{\1}", self.path)
