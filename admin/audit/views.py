"""The audit trail as answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from admin.audit.entries import MASKED, Entry
from admin.audit.question import Found
from admin.audit.trail import Detail
from node.record import Value
from registry.api.v1.fields import View
from registry.api.v1.paging import write_cursor

_SECRET_KEY = "HS_SECKEY"  # noqa: S105 - the type of a value


class AuditEntryView(View):
    """``account_id`` is null and ``account`` empty where the node itself acted. ``entry`` names it in addresses."""

    entry: str
    at: datetime
    account_id: UUID | None
    account: str
    role: str
    interface: str
    action: str
    subject_kind: str
    subject_id: str
    batch_id: UUID | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """The answer about one entry."""
        return cls(
            entry=entry.name,
            at=entry.at,
            account_id=entry.account_id,
            account=entry.account_name,
            role=entry.account_role,
            interface=entry.interface.name.lower(),
            action=entry.action,
            subject_kind=entry.subject_kind,
            subject_id=entry.subject_id,
            batch_id=entry.batch_id,
            before=None if entry.before is None else dict(entry.before),
            after=None if entry.after is None else dict(entry.after),
            reason=entry.reason,
        )


class AuditList(View):
    """Entries, newest first. ``searched_to``: the search ended here for want of time, older ones may still be found
    by ``next_cursor``; null where the page is full or nothing is left."""

    items: list[AuditEntryView]
    next_cursor: str | None
    searched_to: datetime | None

    @classmethod
    def of(cls, found: Found) -> Self:
        """The answer about one page."""
        return cls(
            items=[AuditEntryView.of(entry) for entry in found.entries],
            next_cursor=None if found.rest is None else write_cursor(str(found.rest)),
            searched_to=found.searched_to,
        )


class ReplacedValueView(View):
    """A Handle value that a change replaced; a secret key is masked."""

    index: int
    type: str
    data: str

    @classmethod
    def of(cls, value: Value) -> Self:
        """The value; what is not UTF-8 in its data is shown as U+FFFD."""
        data = MASKED if value.type.upper() == _SECRET_KEY else value.data.decode(errors="replace")
        return cls(index=value.index, type=value.type, data=data)


class LeafView(View):
    """What the transparency log commits to: ``sha256`` of the leaf (RFC 6962), ``agrees`` whether it says the same as
    the entry."""

    event_id: int
    sha256: str
    agrees: bool


class AuditDetailView(View):
    """One entry; ``leaf`` is null where none was found near its time."""

    item: AuditEntryView
    values_before: list[ReplacedValueView] | None
    leaf: LeafView | None

    @classmethod
    def of(cls, detail: Detail) -> Self:
        """The answer about one entry with its evidence."""
        leaf = detail.leaf
        return cls(
            item=AuditEntryView.of(detail.entry),
            values_before=None if detail.values is None else [ReplacedValueView.of(one) for one in detail.values],
            leaf=None if leaf is None else LeafView(event_id=leaf.event_id, sha256=leaf.sha256, agrees=leaf.agrees),
        )
