"""A running node with an administrator of a prefix, asked over HTTPS and over HTTP."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any

from yarl import URL

from node.own_certificate import Pair
from tests.support.administrators import Administrator, administrator
from tests.support.node import Answer, Node, running_node


class Secure:
    """Requests to ``node`` as ``who``; each may leave that out (``as_={}``) or be plain HTTP (``plain=True``)."""

    def __init__(self, node: Node, who: Administrator) -> None:
        self.node = node
        self.who = who

    def handle(self, suffix: str) -> str:
        return f"{self.who.prefix}/{suffix}"

    async def __call__(
        self, method: str, path: str, *, as_: Mapping[str, str] | None = None, plain: bool = False,
        certificate: Pair | None = None, headers: Mapping[str, str] | None = None, **body: Any,
    ) -> Answer:  # fmt: skip
        """One request; ``path`` below ``/api``, sent exactly as it stands."""
        base = self.node.url if plain else self.node.secure_url
        context = ssl.create_default_context(cafile=self.node.certificate)
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        sent = {**(self.who.basic() if as_ is None else as_), **(headers or {})}
        async with self.node.session.request(
            method, URL(f"{base}/api{path}", encoded=True), headers=sent, ssl=context, allow_redirects=False, **body
        ) as response:
            return Answer(response.status, response.headers, await response.read())


@contextlib.asynccontextmanager
async def secure_node(database_url: str, **groups: dict[str, Any]) -> AsyncIterator[Secure]:
    """A node with the administrator of 88.101.3001."""
    async with running_node(database_url, log={"requests": False}, **groups) as node:  # type: ignore[arg-type]  # settings only
        yield Secure(node, await administrator(node.world))
