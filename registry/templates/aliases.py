"""What interfaces of other products call a template: a version text in SNMS, a metadata handle in IDHub.

A template of this node is an enterprise, a name and editions. SNMS knows it as (prefix, version), IDHub as a handle
(snms-api 6 and 10). An alias leads from there to the name, which means every edition, and keeps what that interface
says of a template and the node has no use for, so that it can be told again as it came. All functions work inside the
caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any
from uuid import UUID

from node.database import Connection
from node.errors import Conflict
from node.sql import statements_beside

SQL = statements_beside(__file__, "aliases.sql")


class Scheme(IntEnum):
    """Whose words an alias is in. ``SNMS``: the version of a template, as it came. ``IDHUB``: the suffix of the
    metadata handle as it compares (``Identifier.key``).
    """

    SNMS = 1
    IDHUB = 2


class TemplateAliasTaken(Conflict):
    title_zh = "该名称已用于其他数据模板"


@dataclass(frozen=True, slots=True)
class TemplateAlias:
    """``prefix`` is the comparison key of a prefix, ``name`` the template's; ``said`` is in JSON's own types."""

    scheme: Scheme
    prefix: str
    alias: str
    enterprise_id: UUID
    name: str
    said: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


async def put_alias(
    connection: Connection,
    scheme: Scheme,
    prefix: str,
    alias: str,
    enterprise_id: UUID,
    name: str,
    said: Mapping[str, Any],
    at: datetime,
) -> TemplateAlias:
    """Have the alias mean this template, or replace what is said of it. Raises ``TemplateAliasTaken``."""
    text = json.dumps(said, ensure_ascii=False)
    row = await connection.fetchrow(SQL["put_alias"], scheme, prefix, alias, enterprise_id, name, text, at)
    if row is None:
        raise TemplateAliasTaken(f"{alias} under {prefix} means another template", prefix=prefix, alias=alias)
    return _of_row(row)


async def find_alias(connection: Connection, scheme: Scheme, prefix: str, alias: str) -> TemplateAlias | None:
    """What an alias means; ``None``: nothing."""
    row = await connection.fetchrow(SQL["find_alias"], scheme, prefix, alias)
    return None if row is None else _of_row(row)


async def alias_of(connection: Connection, scheme: Scheme, enterprise_id: UUID, name: str) -> TemplateAlias | None:
    """What a template is called in that interface, the oldest of several; ``None``: it was not made there."""
    row = await connection.fetchrow(SQL["alias_of"], scheme, enterprise_id, name)
    return None if row is None else _of_row(row)


async def remove_alias(connection: Connection, scheme: Scheme, prefix: str, alias: str) -> bool:
    """Forget an alias; whether there was one."""
    return await connection.fetchval(SQL["remove_alias"], scheme, prefix, alias) is not None


async def forget_aliases(connection: Connection, enterprise_id: UUID, name: str) -> None:
    """Of a template that is gone."""
    await connection.execute(SQL["forget_aliases"], enterprise_id, name)


def _of_row(row: Mapping[str, Any]) -> TemplateAlias:
    return TemplateAlias(**{**row, "scheme": Scheme(row["scheme"]), "said": json.loads(row["said"])})
