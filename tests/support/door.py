"""A door to the registry: its routes behind a real HTTP server, and people of every role with tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp

from node.auth import Role
from node.routes import Route
from registry.api.v1.accounts import account_routes
from registry.api.v1.enterprises import enterprise_routes
from registry.api.v1.prefixes import prefix_routes
from registry.api.v1.template_grants import template_grant_routes
from registry.api.v1.templates import template_routes
from tests.support.office import Office, acting

PASSWORD = "Tr7-lampe-Kran"


@dataclass(frozen=True)
class Answer:
    """Status, body and headers of one answer."""

    status: int
    json: Any
    headers: Any

    @property
    def code(self) -> str:
        """The code of a refusal."""
        assert self.headers["Content-Type"] == "application/problem+json"
        return str(self.json["code"])


class Door:
    """Speaks HTTP to the office as one of its people."""

    def __init__(self, office: Office, session: aiohttp.ClientSession, url: str) -> None:
        self.office = office
        self._session = session
        self._url = url
        self.tokens: dict[str, str] = {}

    async def __call__(
        self, method: str, path: str, body: Any = None, *, by: str | None = "admin", raw: bytes | None = None
    ) -> Answer:
        headers = {"Authorization": f"Bearer {self.tokens[by]}"} if by else {}
        if raw is not None:
            headers["Content-Type"] = "application/json"
        async with self._session.request(
            method, self._url + path, json=body, data=raw, headers=headers, allow_redirects=False
        ) as response:
            content = await response.json(content_type=None) if await response.read() else None
            return Answer(response.status, content, response.headers)

    async def admit(self, name: str, role: Role, enterprise_id: Any = None) -> None:
        """Make an account and sign it in."""
        admin = self.office.admin
        await self.office.accounts.create(admin, acting(admin), name, role, enterprise_id, PASSWORD)
        answer = await self("POST", "/v1/tokens", {"name": name, "password": PASSWORD}, by=None)
        assert answer.status == 201, answer
        self.tokens[name] = answer.json["token"]


def business_routes(office: Office) -> list[Route]:
    """The routes of accounts, enterprises, prefixes and templates."""
    return [
        *account_routes(office.accounts),
        *enterprise_routes(office.enterprises),
        *prefix_routes(office.prefixes),
        *template_routes(office.templates),
        *template_grant_routes(office.template_grants),
    ]
