"""``{"message", "status", "data"}``: 1 success, -1 not logged in, -2 business, -3 no permission, -4 internal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from node.errors import (
    Conflict,
    Forbidden,
    Internal,
    Malformed,
    NodeError,
    NotFound,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from node.journal import Interface
from registry.accounts.signing_in import DigestLoginOff, SignInRefused
from registry.api.compatible import FieldMissing, FieldUnreadable, Said, Wording, worded
from registry.identifiers.identifiers import AttributesInvalid, IdentifierExists
from registry.identifiers.many import TooManyRows
from registry.identifiers.stored import IdentifierUnknown
from registry.profiles.checks import ProfileInvalid
from registry.templates.template import InvalidTemplate

SUCCESS, NOT_SIGNED_IN, BUSINESS, NO_PERMISSION, INTERNAL = 1, -1, -2, -3, -4

_BUSY = "系统繁忙"
_MESSAGE_LIMIT = 500


class ItemUnknown(Malformed):
    """A value whose index no item of the template has. Evidence: ``index``."""

    title_zh = "索引在模板中不存在"


class ItemTypeWrong(Malformed):
    """A value whose type is not that of the item with its index. Evidence: ``index``."""

    title_zh = "索引的类型与模板不一致"


def _titled(error: NodeError) -> Said:
    return BUSINESS, error.title_zh


def _at_field(error: NodeError) -> Said:
    place = error.evidence.get("field")
    return BUSINESS, f"{error.title_zh}: {place}" if place else error.title_zh


def _by_faults(error: NodeError) -> Said:
    """The Chinese halves of the faults, with what they are about."""
    faults = error.evidence.get("faults") or ()
    told = [": ".join(filter(None, (fault["field"], fault["message"].split(" / ")[0]))) for fault in faults]
    return BUSINESS, (f"{error.title_zh}：{'；'.join(told)}" if told else error.title_zh)[:_MESSAGE_LIMIT]


# Sections 14 and 17 (C-2) of the description; where no string is published, the node's own Chinese titles.
TABLE: Mapping[type[NodeError], Wording] = {
    SignInRefused: (BUSINESS, "用户名/密码错误！"),
    DigestLoginOff: _titled,
    FieldMissing: lambda error: (BUSINESS, f"缺少必要的请求参数: {error.evidence.get('field', '')}"),
    FieldUnreadable: _at_field,
    ItemUnknown: lambda error: (BUSINESS, f"非法操作，索引{error.evidence.get('index', '')}在模板中不存在"),
    ItemTypeWrong: lambda error: (BUSINESS, f"非法操作，索引{error.evidence.get('index', '')}的类型与模板不一致"),
    IdentifierExists: (BUSINESS, "标识已存在"),
    IdentifierUnknown: (BUSINESS, "没有找到标识"),
    AttributesInvalid: _by_faults,
    InvalidTemplate: _by_faults,
    ProfileInvalid: _by_faults,
    TooManyRows: lambda error: (BUSINESS, f"单次提交的标识数量超过上限{error.evidence.get('limit', '')}"),
    Malformed: _at_field,
    Unauthenticated: (NOT_SIGNED_IN, "没有登录，需要验证"),
    Forbidden: (NO_PERMISSION, "没有权限"),
    NotFound: _titled,
    Conflict: _titled,
    TooMany: _titled,
    Unavailable: (INTERNAL, _BUSY),
    Internal: (INTERNAL, _BUSY),
}


class SnmsEnvelope:
    """The envelope of family A."""

    interface = Interface.SNMS

    def success(self, value: Any) -> bytes:
        return _document("success", SUCCESS, value)

    def refusal(self, error: NodeError) -> bytes:
        status, message = worded(error, TABLE)
        return _document(message, status, None)

    def failure(self) -> bytes:
        return _document(_BUSY, INTERNAL, None)


def row_outcome(handle: str, error: NodeError | None) -> dict[str, Any]:
    """One row of the answer to a batch."""
    if error is None:
        return {"handle": handle, "code": SUCCESS, "msg": "success"}
    if isinstance(error, IdentifierUnknown):
        return {"handle": handle, "code": BUSINESS, "msg": "标识不存在"}
    status, message = worded(error, TABLE)
    return {"handle": handle, "code": status, "msg": message}


def _document(message: str, status: int, data: Any) -> bytes:
    # Headers and bodies may hold halves of surrogate pairs; they are told escaped.
    told = message.encode("utf-8", "backslashreplace").decode()
    return msgspec.json.encode({"message": told, "status": status, "data": data})
