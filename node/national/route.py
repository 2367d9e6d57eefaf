"""Where this node answers, told to the node above once and again whenever it has changed."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from node.database import Pool, transaction
from node.journal import Message, report_upward
from node.national.access import Site
from node.sql import statements_beside

_SQL = statements_beside(__file__)


@dataclass(frozen=True, slots=True)
class NodeRoute:
    """``public_key`` is the data of an HS_PUBKEY value, as in the node's HS_SITE."""

    prefix: str
    serial: int
    sites: Sequence[Site]
    public_key: bytes

    def to_json(self) -> dict[str, Any]:
        """The body of the message ``route.node``."""
        return {
            "prefix": self.prefix,
            "serial": self.serial,
            "sites": [msgspec.to_builtins(site) for site in self.sites],
            "public_key": base64.b64encode(self.public_key).decode(),
        }


async def report_route(pool: Pool, route: NodeRoute, at: datetime) -> bool:
    """Put it into the outbox if it is not what was reported last; whether it was. Raises ``DatabaseAway``."""
    body = route.to_json()
    async with transaction(pool) as connection:
        known = await connection.fetchval(_SQL["hold_reported_route"])
        if known is not None and json.loads(known) == body:
            return False
        await report_upward(connection, Message("route", "route.node", body), at)
        await connection.execute(_SQL["note_reported_route"], json.dumps(body))
    return True
