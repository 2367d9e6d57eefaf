"""The history of an enterprise, a prefix or a template as an answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from node.journal import PastAct
from registry.api.v1.fields import View
from registry.api.v1.paging import cut


class ActView(View):
    """One act; ``account_id`` is null when the node itself acted, ``account_role`` is the role of the account now."""

    act_id: int
    at: datetime
    account_id: UUID | None
    account_role: str | None
    interface: str
    action: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str


class HistoryView(View):
    """Acts, newest first."""

    items: list[ActView]
    next_cursor: str | None

    @classmethod
    def of(cls, acts: Sequence[PastAct], limit: int) -> HistoryView:
        """The answer made of ``limit + 1`` fetched acts."""
        shown, cursor = cut(acts, limit, lambda act: act.act_id)
        items = [
            ActView(
                act_id=act.act_id,
                at=act.at,
                account_id=act.account_id,
                account_role=act.account_role,
                interface=act.interface.name.lower(),
                action=act.action,
                before=dict(act.before) if act.before is not None else None,
                after=dict(act.after) if act.after is not None else None,
                reason=act.reason,
            )
            for act in shown
        ]
        return cls(items=items, next_cursor=cursor)
