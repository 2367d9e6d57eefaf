"""``/v1/notifications``: what the node tells an enterprise, its accounts, or its own staff."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.fields import View
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor
from registry.notifications import Notification, Notifications, NotificationUnknown

_TAG = "notifications"


class NotificationQuery(Page):
    """``unread``: only those that nobody has marked."""

    unread: bool = False


class NotificationView(View):
    """``body`` holds title and detail in Chinese and English, and what programs may want to know."""

    notification_id: int
    kind: str
    body: Mapping[str, Any]
    created_at: datetime
    read_at: datetime | None

    @classmethod
    def of(cls, notification: Notification) -> Self:
        """The answer about one notification."""
        return cls(
            notification_id=notification.notification_id,
            kind=notification.kind,
            body=notification.body,
            created_at=notification.created_at,
            read_at=notification.read_at,
        )


class NotificationList(View):
    items: list[NotificationView]
    next_cursor: str | None


def notification_routes(notifications: Notifications) -> list[Route]:
    """Every route of notifications."""

    async def listing(call: Call, query: NotificationQuery) -> Reply:
        found = await notifications.list(
            call.account, unread=query.unread, before=number_cursor(query.cursor), limit=query.limit + 1
        )
        shown, cursor = cut(found, query.limit, lambda one: one.notification_id)
        return Reply(NotificationList(items=[NotificationView.of(one) for one in shown], next_cursor=cursor))

    async def mark_read(call: Call) -> Reply:
        return Reply(NotificationView.of(await notifications.mark_read(call.account, call.number("notification_id"))))

    return [
        Route("GET", "/v1/notifications", listing, action=Action.NOTIFICATION_READ, tag=_TAG,
              summary="List the caller's notifications, newest first", summary_zh="通知列表",
              query=NotificationQuery, answers={200: NotificationList}, errors=(CursorBroken,)),
        Route("POST", "/v1/notifications/{notification_id}/read", mark_read, action=Action.NOTIFICATION_READ,
              tag=_TAG, summary="Mark a notification as read", summary_zh="标记通知为已读",
              answers={200: NotificationView}, errors=(NotificationUnknown,)),
    ]  # fmt: skip
