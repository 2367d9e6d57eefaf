"""What IDHub's lists and answers need to know of accounts, prefixes, files and pages, in one place.

Functions work on the caller's connection.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from node.auth import Account
from node.database import Connection
from node.identifier import Prefix, fold
from node.sql import statements_beside
from registry.api.idhub.listing import PageAsked, shown_time
from registry.api.idhub.metadata import Metadata
from registry.authorisations.application_identities import handles_of_accounts
from registry.templates.media import suffix_of

SQL = statements_beside(__file__, "lists.sql")

Span = tuple[datetime, datetime]


async def first_prefix(connection: Connection, enterprise_id: UUID) -> Prefix | None:
    """The prefix under which handles are made for an enterprise; ``None``: it has none in use."""
    text = await connection.fetchval(SQL["first_prefix"], enterprise_id)
    return None if text is None else Prefix.parse(text)


async def identity_of_account(connection: Connection, account_id: UUID) -> str | None:
    """The handle of the application identity that an account is."""
    return (await handles_of_accounts(connection, [account_id])).get(account_id)


async def caller_name(connection: Connection, account: Account) -> str:
    """What somebody is called: by handle as an application identity, else by name."""
    return await identity_of_account(connection, account.account_id) or account.name


async def hands_on(connection: Connection, prefix_id: int, suffix_key: str) -> tuple[str, str]:
    """Who registered an identifier and who wrote it last, by handle or name; empty where nobody is known."""
    row = await connection.fetchrow(SQL["hands_on_identifier"], prefix_id, suffix_key)
    names = await account_names(connection, {one for one in (row["creator"], row["updater"]) if one is not None})
    return names.get(row["creator"], ""), names.get(row["updater"], "")


async def account_names(connection: Connection, account_ids: Collection[UUID]) -> Mapping[UUID, str]:
    """Accounts by handle, those that are no application identities by name."""
    rows = await connection.fetch(SQL["names_of_accounts"], list(account_ids))
    return {row["account_id"]: row["name"] for row in rows}


async def file_suffixes(
    connection: Connection, enterprise_id: UUID, digests: Collection[bytes]
) -> Mapping[bytes, str]:
    """The endings of an enterprise's files' names."""
    if not digests:
        return {}
    rows = await connection.fetch(SQL["names_of_files"], enterprise_id, list(digests))
    return {row["sha256"]: suffix_of(row["name"]) for row in rows}


async def metadata_page(
    connection: Connection,
    enterprise_id: UUID,
    page: PageAsked,
    category: tuple[str, str],
    handle: str,
    published: bool | None,
    span: Span,
) -> dict[str, Any]:
    """A page of an enterprise's metadata in a category, given by its code and name."""
    code, name = category
    conditions = (enterprise_id, code, fold(handle), *span, published)
    rows = await connection.fetch(SQL["page_of_metadata"], *conditions, page.offset, page.size)
    total = rows[0]["total"] if rows else await connection.fetchval(SQL["count_metadata"], *conditions)
    content = []
    for row in rows:
        said = json.loads(row["said"])
        content.append(
            {
                "id": row["template_id"],
                "metaHandle": said["metaHandle"],
                "metaName": row["title"],
                "metaCode": said.get("metaCode", ""),
                "metaState": int(row["published"]),
                "isQuote": int(row["fixed"]),
                "createdTime": shown_time(row["created_at"]),
                "classifyCode": code,
                "classifyName": name,
            }
        )
    return page.answer(content, total)


async def instance_page(
    connection: Connection, enterprise_id: UUID, page: PageAsked, metadata: Metadata, name: str, span: Span
) -> dict[str, Any]:
    """A page of an enterprise's identifiers of some metadata; ``name`` is part of a suffix, or a whole handle."""
    suffix = fold(name.partition("/")[2] or name)
    conditions = (enterprise_id, metadata.alias.enterprise_id, metadata.name, suffix, *span)
    rows = await connection.fetch(SQL["page_of_instances"], *conditions, page.offset, page.size)
    total = await connection.fetchval(SQL["count_instances"], *conditions)
    content = []
    for row in rows:
        made = shown_time(row["registered_at"])
        content.append(
            {
                "handleName": f"{row['prefix']}/{row['suffix']}",
                "createTime": made,
                "createdTime": made,
                "updateTime": shown_time(row["updated_at"]),
                "createdBy": row["made_by"],
            }
        )
    return page.answer(content, total)


async def has_imported(connection: Connection, enterprise_id: UUID, identity_group_id: int) -> bool:
    """Whether an enterprise may grant to another's group, which it goes on to do in this transaction."""
    return await connection.fetchval(SQL["imports_group"], enterprise_id, identity_group_id) is not None


async def enterprise_name(connection: Connection, enterprise_id: UUID) -> str:
    """What an enterprise is called."""
    return str(await connection.fetchval(SQL["enterprise_called"], enterprise_id))
