"""Notices to those who were granted something, or from whom it was taken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from node.database import Connection
from registry.notifications import notify

_ACCESS = {"read": ("查看", "read"), "write": ("编辑", "edit")}
_SUBJECT = {"template": ("数据模板", "the template"), "identifier": ("标识", "the identifier"),
            "class": ("同类数据", "the class of data")}  # fmt: skip
_WHAT_BECAME = {"granted": ("已授权", "granted"), "removed": ("已取消授权", "withdrawn")}


async def tell_of_grant(
    connection: Connection,
    *,
    to: UUID,
    account_id: UUID | None,
    grantee: str,
    owner: str,
    kind: str,
    subject: str,
    attributes: Sequence[str],
    access: str,
    granted: bool,
    at: datetime,
) -> None:
    """Tell the enterprise ``to``, or one identity of it, what ``owner`` granted or took away.

    ``kind`` is ``template``, ``identifier`` or ``class`` and ``subject`` names that thing; without ``attributes`` all
    of it is meant. ``access`` is ``read`` or ``write``. The notification is of the kind
    ``authorisation.<kind>.granted`` or ``authorisation.<kind>.removed``.
    """
    became = "granted" if granted else "removed"
    done_zh, done_en = _WHAT_BECAME[became]
    thing_zh, thing_en = _SUBJECT[kind]
    access_zh, access_en = _ACCESS[access]
    part_zh = f"的属性{'、'.join(attributes)}" if attributes else ""
    part_en = f", attributes {', '.join(attributes)}" if attributes else ""
    body = {
        "title_zh": f"{thing_zh}{done_zh}",
        "title_en": f"Access to {thing_en} was {done_en}",
        "detail_zh": f"{owner}{done_zh}{thing_zh}{subject}{part_zh}的{access_zh}权限（{grantee}）",
        "detail_en": f"The right to {access_en} {thing_en} {subject}{part_en} was {done_en} ({grantee})",
        "owner": owner,
        "subject": subject,
        "attributes": list(attributes),
        "access": access,
        "grantee": grantee,
    }
    await notify(connection, to, f"authorisation.{kind}.{became}", body, at, account_id)
