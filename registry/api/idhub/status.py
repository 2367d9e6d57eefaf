"""The codes of IDHub, and what of this node's refusals each of them tells.

The numbers are the SDK's, the sentences those of the published pages (snms-api 13, 14 and C-21). Where one number has
no published sentence the sentence is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Self

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
from node.identifier import InvalidIdentifier, InvalidPrefix, InvalidSuffix
from node.journal import Interface
from registry.api.compatible import FieldMissing, FieldUnreadable, NoJsonBody, Said, Wording, worded
from registry.files.files import FileUnknown
from registry.identifiers.identifiers import AttributesInvalid, IdentifierChanged, IdentifierExists, IdentifierUnknown
from registry.identifiers.identifiers import ValueTaken as UniqueValueTaken
from registry.prefixes import PrefixUnknown
from registry.rejection import Code
from registry.templates.editions import TemplateNotPublished, TemplateUnknown
from registry.templates.template import InvalidTemplate

_FIRST_FAULTS = 3
"""Of many faults of one request, those that its message repeats; ``data.errors`` has all of them."""


class Status(IntEnum):
    """A code; ``text`` is its published sentence."""

    text: str

    def __new__(cls, number: int, text: str) -> Self:
        member = int.__new__(cls, number)
        member._value_ = number
        member.text = text
        return member

    SUCCESS = 1, "成功"
    INVALID = 101, "请求无效"
    UN_AUTH_CLIENT = 102, "客户端认证失败"
    UN_AUTH_OP = 103, "客户端认证成功，但未被授权"
    DO_NOT_FOUND = 104, "标识对象不存在"
    DO_ALREADY_EXIST = 105, "标识对象已存在"
    API_PARAMS_ERROR = 106, "请求入参错误"
    DECLINED = 200, "服务拒绝执行扩展操作"
    AUTH_FAILED = 401, "认证失败"
    NO_PERMISSION_VIEW_DATA = 403, "没有权限查看数据"
    OP_NOT_FOUND = 404, "操作类型不存在"
    UN_SUPPORTED_OPERATION = 405, "不支持的操作类型"
    NO_PERMISSION_MODIFY_DATA = 406, "没有权限编辑数据"
    UN_KNOWN_ERROR = 500, "发生了其他的错误"
    META_UN_PUBLISHED = 600, "元数据未发布"
    META_ITEM_INPUT_ERROR = 601, "元数据输入项错误"
    META_ITEM_DISABLED = 602, "不支持的操作类型"
    ITEM_NOT_BELONG_TO_META = 603, "实体{0}不属于该元数据"
    META_NOT_FOUND = 604, "元数据不存在"
    NO_PERMISSION_META_MANAGE = 605, "暂无当前元数据的管理权限"
    META_DELETE_ERROR = 606, "元数据删除失败"
    META_COPY_ERROR = 607, "元数据创建副本失败"
    NO_PERMISSION_DELETE_DO = 700, "没有权限删除标识"
    NOT_OWN_HANDLE = 701, "非本企业标识"
    HANDLE_VERSION_NOT_MATCH = 702, "标识不允许操作"
    NO_PERMISSION_HANDLE_MANAGE = 703, "没有权限管理标识"
    FILE_ACQUIRE_ERROR = 800, "获取文件失败"
    META_EN_ERROR = 807, "英文名称有误"
    META_CODE_ERROR = 808, "元数据编码有误"
    META_NOT_EXISTS = 810, "引用的元数据不存在"
    META_CLASSIFY_NOT_FOUND = 811, "元数据分类不存在"
    AUTH_TYPE_ERROR = 900, "实体{0}授权类型与范围不匹配"
    NOT_ALL_APP_HANDLES = 901, "授权的标识用户{0}不是应用身份"
    HANDLE_ALREADY_CLASSES_GRANT = 902, "标识已经为同类授权"
    READER_SCOPE_IS_NUMBER = 903, "readerScope必须是数字"
    BIND_ERROR = 30000, "validate.bind.error"
    HANDLE_FORMAT = 40508, "标识格式异常"
    NO_PERMISSION_COPY = 60001, "没有权限查看数据"
    META_UPDATE_ABSENT = 60005, "接口参数错误:入参metaHandle异常：要修改的元数据不存在!"


TOKEN_INVALID = "无效的token"  # noqa: S105 - a sentence
LIST_PARAMETERS = "请求入参错误，{}"
"""As the lists print it: with the placeholder still in it (snms-api 14)."""


class FieldFault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of ``data.errors``."""

    name: str
    errorMsg: str  # noqa: N815 - the interface's word


class IdhubRefusal(Malformed):
    """What this interface refuses in words of its own. ``status`` is its code, ``said`` its message."""

    title_zh = "IDHub 接口拒绝了请求"

    def __init__(self, status: Status, said: str | None = None, faults: Sequence[FieldFault] = ()) -> None:
        self.status = status
        self.said = status.text if said is None else said
        self.field_faults = tuple(faults)
        super().__init__(f"IDHub refuses with {int(status)}", number=int(status))


def bind_error(name: str, said: str) -> IdhubRefusal:
    """One field of a validated body is wrong."""
    return IdhubRefusal(Status.BIND_ERROR, faults=[FieldFault(name, said)])


def parameter_error(name: str, said: str) -> IdhubRefusal:
    """A query parameter of a list or an operation is wrong."""
    return IdhubRefusal(Status.API_PARAMS_ERROR, LIST_PARAMETERS, [FieldFault(name, said)])


class Envelope:
    """``{"code": 1, "message": "成功", "data": …}``; ``data`` is left out where there is none."""

    interface = Interface.IDHUB

    def success(self, value: Any) -> bytes:
        """What a handler returned: nothing, data, or a ``Done`` with a message of its own."""
        done = value if isinstance(value, Done) else Done(value)
        return _rendered(Status.SUCCESS, done.message, done.data)

    def refusal(self, error: NodeError) -> bytes:
        """The code and the sentence of an error, and the fields at fault if it names any."""
        if isinstance(error, IdhubRefusal):
            return _rendered(error.status, error.said, _told_faults(error.field_faults))
        number, message = worded(error, TABLE)
        return _rendered(number, message, _told_faults(_faults_of(error)))

    def failure(self) -> bytes:
        """Nothing of a fault of our own."""
        return _rendered(Status.UN_KNOWN_ERROR, Status.UN_KNOWN_ERROR.text, None)


class Done(msgspec.Struct, frozen=True):
    """A success whose message is not the usual one."""

    data: Any = None
    message: str = Status.SUCCESS.text


PROCESSED = "operation was successfully processed"
"""What the login answers with."""


def _rendered(number: int, message: str, data: Any) -> bytes:
    head = {"code": int(number), "message": message}
    return msgspec.json.encode(head if data is None else {**head, "data": data})


def _told_faults(faults: Sequence[FieldFault]) -> dict[str, Any] | None:
    return {"errors": list(faults)} if faults else None


def _faults_of(error: NodeError) -> list[FieldFault]:
    """The faults that an error of the node brings along, by field."""
    told = error.evidence.get("faults")
    if isinstance(told, list) and all(isinstance(fault, dict) for fault in told):
        return [FieldFault(str(fault.get("field") or ""), str(fault.get("message", ""))) for fault in told]
    field = error.evidence.get("field")
    return [FieldFault(str(field), error.title_zh)] if field else []


def _plain(status: Status) -> Said:
    return int(status), status.text


def _titled(status: Status) -> Wording:
    """The published sentence, and behind it what this node calls the fact."""
    return lambda error: (int(status), f"{status.text}：{error.title_zh}")


def _attributes(error: AttributesInvalid) -> Said:
    """What is wrong with an instance's data; a disabled item and one of other metadata have codes of their own."""
    faults: Sequence[Mapping[str, Any]] = error.evidence.get("faults", ())
    for fault in faults:
        if fault.get("code") == Code.UNKNOWN_ATTRIBUTE:
            return int(Status.ITEM_NOT_BELONG_TO_META), Status.ITEM_NOT_BELONG_TO_META.text.format(fault.get("field"))
        if fault.get("code") == "attribute_disabled":
            return _plain(Status.META_ITEM_DISABLED)
    told = "；".join(f"{fault.get('field')} {fault.get('message')}" for fault in faults[:_FIRST_FAULTS])
    return int(Status.META_ITEM_INPUT_ERROR), f"{Status.META_ITEM_INPUT_ERROR.text}：{told}"


TABLE: Mapping[type[NodeError], Wording] = {
    AttributesInvalid: _attributes,
    UniqueValueTaken: _titled(Status.META_ITEM_INPUT_ERROR),
    IdentifierUnknown: _plain(Status.DO_NOT_FOUND),
    IdentifierExists: _plain(Status.DO_ALREADY_EXIST),
    IdentifierChanged: _plain(Status.HANDLE_VERSION_NOT_MATCH),
    InvalidIdentifier: _plain(Status.HANDLE_FORMAT),
    InvalidPrefix: _plain(Status.HANDLE_FORMAT),
    InvalidSuffix: _plain(Status.HANDLE_FORMAT),
    PrefixUnknown: _plain(Status.NOT_OWN_HANDLE),
    TemplateUnknown: _plain(Status.META_NOT_FOUND),
    TemplateNotPublished: _plain(Status.META_UN_PUBLISHED),
    FileUnknown: _plain(Status.FILE_ACQUIRE_ERROR),
    InvalidTemplate: _plain(Status.BIND_ERROR),
    FieldMissing: _plain(Status.BIND_ERROR),
    FieldUnreadable: _plain(Status.BIND_ERROR),
    NoJsonBody: _plain(Status.BIND_ERROR),
    Malformed: _titled(Status.API_PARAMS_ERROR),
    Unauthenticated: (int(Status.INVALID), TOKEN_INVALID),
    Forbidden: _plain(Status.UN_AUTH_OP),
    NotFound: _titled(Status.API_PARAMS_ERROR),
    Conflict: _titled(Status.DECLINED),
    TooMany: _titled(Status.DECLINED),
    Unavailable: _titled(Status.DECLINED),
    Internal: _plain(Status.UN_KNOWN_ERROR),
}
"""Errors of the node in the words of IDHub; what is not named goes by its category."""
