"""The codes of IDHub (snms-api 13), and every refusal of the node in one of them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.errors import CATEGORIES, NodeError
from registry.api.compatible import worded
from registry.api.idhub.status import (
    TABLE,
    Done,
    Envelope,
    IdhubRefusal,
    Status,
    bind_error,
    parameter_error,
)
from registry.identifiers.identifiers import AttributesInvalid, IdentifierExists
from registry.templates.editions import TemplateNotPublished, TemplateUnknown

ROOT = Path(__file__).parents[4]
PUBLISHED = {
    1: "成功",
    101: "请求无效",
    102: "客户端认证失败",
    103: "客户端认证成功，但未被授权",
    104: "标识对象不存在",
    105: "标识对象已存在",
    106: "请求入参错误",
    200: "服务拒绝执行扩展操作",
    401: "认证失败",
    403: "没有权限查看数据",
    404: "操作类型不存在",
    405: "不支持的操作类型",
    406: "没有权限编辑数据",
    500: "发生了其他的错误",
    600: "元数据未发布",
    601: "元数据输入项错误",
    602: "不支持的操作类型",
    603: "实体{0}不属于该元数据",
    604: "元数据不存在",
    605: "暂无当前元数据的管理权限",
    700: "没有权限删除标识",
    701: "非本企业标识",
    702: "标识不允许操作",
    800: "获取文件失败",
    900: "实体{0}授权类型与范围不匹配",
    902: "标识已经为同类授权",
    30000: "validate.bind.error",
    40508: "标识格式异常",
    60001: "没有权限查看数据",
    60005: "接口参数错误:入参metaHandle异常：要修改的元数据不存在!",
}


def descendants(kind: type[NodeError]) -> Iterator[type[NodeError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def facts() -> list[type[NodeError]]:
    """Every error class of the registry and the node."""
    for package in ("node", "registry"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    found = {kind for kind in descendants(NodeError) if kind not in CATEGORIES and kind is not IdhubRefusal}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


def test_the_codes_and_sentences_are_the_published_ones() -> None:
    assert {int(status): status.text for status in Status if status in PUBLISHED} == PUBLISHED


def test_every_refusal_of_the_node_has_a_code_and_a_sentence() -> None:
    kinds = facts()
    assert len(kinds) > 100
    for kind in kinds:
        error = kind.__new__(kind)
        NodeError.__init__(error, "so it is", field="x", faults=[])
        number, said = worded(error, TABLE)
        assert number in list(Status)[1:], kind
        assert said, kind
        envelope = json.loads(Envelope().refusal(error))
        assert envelope["code"] == number
        assert "so it is" not in json.dumps(envelope, ensure_ascii=False)


@pytest.mark.parametrize(
    ("error", "envelope"),
    [
        (IdentifierExists("x", identifier="88.1/x"), {"code": 105, "message": "标识对象已存在"}),
        (TemplateUnknown("x", template="t"), {"code": 604, "message": "元数据不存在"}),
        (TemplateNotPublished("x", template="t"), {"code": 600, "message": "元数据未发布"}),
        (IdhubRefusal(Status.NOT_OWN_HANDLE), {"code": 701, "message": "非本企业标识"}),
        (
            bind_error("grantType", "授权类型不合符（1同类授权2单个授权）"),
            {
                "code": 30000,
                "message": "validate.bind.error",
                "data": {"errors": [{"name": "grantType", "errorMsg": "授权类型不合符（1同类授权2单个授权）"}]},
            },
        ),
        (
            parameter_error("page", "page应为整数"),
            {
                "code": 106,
                "message": "请求入参错误，{}",
                "data": {"errors": [{"name": "page", "errorMsg": "page应为整数"}]},
            },
        ),
        (
            AttributesInvalid("x", faults=[{"field": "a", "code": "attribute_disabled", "message": "off"}]),
            {
                "code": 602,
                "message": "不支持的操作类型",
                "data": {"errors": [{"name": "a", "errorMsg": "off"}]},
            },
        ),
    ],
)
def test_a_refusal_is_rendered_in_the_envelope(error: NodeError, envelope: dict[str, object]) -> None:
    assert json.loads(Envelope().refusal(error)) == envelope


def test_a_success_without_data_has_no_data() -> None:
    envelope = Envelope()
    assert json.loads(envelope.success(None)) == {"code": 1, "message": "成功"}
    assert json.loads(envelope.success([])) == {"code": 1, "message": "成功", "data": []}
    assert json.loads(envelope.success(Done("4821", "done"))) == {"code": 1, "message": "done", "data": "4821"}


def test_a_fault_of_our_own_tells_nothing() -> None:
    assert json.loads(Envelope().failure()) == {"code": 500, "message": "发生了其他的错误"}
