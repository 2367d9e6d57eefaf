"""The coding rules and documents that come with the node, put into a new database once.

A document that was ever there under its name is left alone, whatever became of it, and so is its rule. Rules and the
documents that describe them are published at once, for they say what this program does; rules of management and
operation are drafts until the operator makes them his own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from node.database import Connection, Pool, transaction
from node.journal import Actor, Interface
from registry.coding.definition import read_coding_rule
from registry.coding.rules import add_rule_of_node
from registry.documents.documents import SQL, DocumentKind, Draft, open_draft, publish_draft

_DATA = Path(__file__).with_name("data")
_NODE = Actor(None, Interface.COMMAND)


async def ship(pool: Pool, at: datetime) -> list[str]:
    """Add what is missing; returns the names of the documents that were added."""
    added = []
    async with transaction(pool) as connection:
        for said in _listed("documents.json"):
            if await _is_new(connection, said["name"]):
                await _add(connection, said, DocumentKind(said["kind"]), None, at, publish=said["publish"])
                added.append(said["name"])
        for said in _listed("rules.json"):
            name = f"coding-rule-{said['name']}"
            if await _is_new(connection, name):
                rule = read_coding_rule({member: said[member] for member in ("segments", "scope") if member in said})
                number = await add_rule_of_node(connection, _NODE, said["name"], rule, at)
                document = {**said, "name": name}
                await _add(connection, document, DocumentKind.CODING_RULE, number, at, publish=True)
                added.append(name)
    return added


def _listed(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((_DATA / name).read_text(encoding="utf-8"))
    return found


async def _is_new(connection: Connection, name: str) -> bool:
    return await connection.fetchval(SQL["newest_document_version"], name) is None


async def _add(
    connection: Connection,
    said: Mapping[str, Any],
    kind: DocumentKind,
    coding_rule_id: int | None,
    at: datetime,
    *,
    publish: bool,
) -> None:
    body = (_DATA / said["file"]).read_text(encoding="utf-8").strip()
    draft = Draft(kind, said["title_zh"], said["title_en"], body, coding_rule_id)
    made = await open_draft(connection, _NODE, said["name"], draft, at)
    if publish:
        await publish_draft(connection, _NODE, made.document_id, at)
