"""Who the node is and what it runs on, with its settings."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from admin.settings.effective import Effective
from node import __version__
from node.auth import Account, Action, require
from node.database import Pool
from node.sql import statements_beside
from registry.store import reading

SQL = statements_beside(__file__, "settings.sql")


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """``file`` is the name of the settings file, ``None`` without one."""

    node_id: UUID
    name: str
    prefix: str
    profile: str
    laboratory: bool
    founded_at: datetime
    version: str
    python: str
    postgresql: str
    file: str | None


class EffectiveSettings:
    """The use case: to look at what is in force."""

    def __init__(self, pool: Pool, effective: Effective) -> None:
        self._pool = pool
        self._effective = effective

    async def read(self, account: Account) -> tuple[NodeFacts, Effective]:
        """Raises ``NotAllowed``, ``DatabaseAway``."""
        require(account, Action.SETTINGS_READ, None)
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["node_and_database"])
        said = self._effective
        facts = NodeFacts(
            row["node_id"], said.node_name, said.prefix, said.profile, row["laboratory"], row["created_at"],
            __version__, platform.python_version(), row["postgresql"], said.file,
        )  # fmt: skip
        return facts, said
