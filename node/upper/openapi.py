"""The interface as an OpenAPI 3.1 document, made from the shapes that travel.

``docs/national-interface.json`` is this document: ``python -m node.upper.openapi > docs/national-interface.json``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

from node.database import DatabaseAway
from node.errors import NodeError, code_of
from node.identifier import InvalidPrefix
from node.national import access, bulk, instructions, messages, signature
from node.problem import HTTP_STATUS, SPECIAL_STATUS
from node.rate_limit import TooManyRequests
from node.upper.applications import ApplicationDiffers, ApplicationsFull
from node.upper.authentication import CertificateRequired
from node.upper.exchange import PathUnknown, RequestMalformed
from node.upper.files import FileDigestWrong, FileMalformed, FileOutOfChain
from node.upper.keys import KeySucceeded
from node.upper.nodes import NodeOfAnother
from node.upper.reports import BODIES
from node.upper.standby import StandbyForeign, StandbyOutOfStep, StandbyPageMalformed
from node.web import BodyBroken, BodyTooLarge, BodyTooSlow

OPENAPI = "/v1/openapi.json"

_REFERENCE = "#/components/schemas/{name}"
_JSON, _PACKED, _BYTES = "application/json", "application/zstd", "application/octet-stream"

_ANYWHERE = (PathUnknown, RequestMalformed, DatabaseAway)
_OF_BODIES = (BodyTooLarge, BodyTooSlow, BodyBroken)
_OF_SIGNATURES = (
    signature.SignatureMissing, signature.ClockSkewed, signature.SignatureWrong, signature.NonceReused,
    CertificateRequired,
)  # fmt: skip

_KINDS: dict[str, type] = {
    "enterprise.{state}": BODIES["enterprise"],
    "prefix.{state}": BODIES["prefix"],
    "prefix.transferred": BODIES["prefix"],
    "template.{state}": BODIES["template"],
    **{kind: BODIES[kind] for kind in ("prefix.route", "route.node", "registration.summary", "instruction.answered")},
}
_ORDERS: dict[instructions.Order, type | None] = {
    instructions.Order.PROBE: None,
    instructions.Order.VERIFY: instructions.Verify,
    instructions.Order.SUSPEND: instructions.Suspend,
    instructions.Order.RESUME: instructions.Resume,
    instructions.Order.BLOCKLIST: instructions.Blocklist,
    instructions.Order.QUERY: instructions.Query,
    instructions.Order.TAKEOVER: instructions.Takeover,
    instructions.Order.KEY: instructions.Key,
}


@dataclass(frozen=True, slots=True)
class _Operation:
    """``body`` and ``answer`` are shapes; another body than JSON has a media type; ``None`` answers ``{}``."""

    method: str
    path: str
    summary: str
    summary_zh: str
    body: type | None = None
    media_type: str = _JSON
    answer: type | None = None
    query: tuple[str, ...] = ()
    signed: str = "key"
    errors: tuple[type[NodeError], ...] = field(default=())


_OPERATIONS = (
    _Operation("get", messages.INTERFACE, "Who answers, and which parts", "接口说明", answer=messages.Offers,
               signed=""),
    _Operation("post", access.APPLICATIONS, "Apply for access", "接入申请", body=access.Application,
               answer=access.ApplicationStatus, signed="",
               errors=(InvalidPrefix, ApplicationDiffers, ApplicationsFull, TooManyRequests)),
    _Operation("get", f"{access.APPLICATIONS}/{{application_id}}", "What became of an application", "接入申请结果",
               answer=access.ApplicationStatus, signed="application"),
    _Operation("post", access.KEYS, "The successor of the key that signs", "更换密钥对", answer=access.IssuedKey,
               errors=(KeySucceeded,)),
    _Operation("post", messages.MESSAGES, "Reports, in order", "上报消息", body=messages.Delivery,
               answer=messages.Results, errors=(NodeOfAnother,)),
    _Operation("post", messages.HEARTBEATS, "The state of a node", "心跳", body=messages.Heartbeat,
               errors=(NodeOfAnother,)),
    _Operation("post", messages.COUNTS, "Counts of days, hours and minutes", "统计数据", body=messages.Counts,
               errors=(NodeOfAnother,)),
    _Operation("get", messages.VERDICTS, "Results of verification", "核验结果", answer=messages.Verdicts,
               query=("after", "wait")),
    _Operation("get", instructions.INSTRUCTIONS, "Instructions from above", "上级指令",
               answer=instructions.Instructions, query=("after", "wait")),
    _Operation("put", f"{bulk.FILES}/{{sha256}}", "A log file or a part of an escrow package", "日志与托管文件",
               body=bytes, media_type=_BYTES, answer=bulk.FileReceipt, query=("manifest",),
               errors=(NodeOfAnother, FileMalformed, FileDigestWrong, FileOutOfChain)),
    _Operation("get", bulk.STANDBY, "How far the standby records go", "接管备用数据进度", answer=bulk.StandbyState),
    _Operation("put", bulk.STANDBY, "A page of standby records", "接管备用数据", body=bytes, media_type=_PACKED,
               answer=bulk.StandbyState,
               errors=(NodeOfAnother, StandbyPageMalformed, StandbyForeign, StandbyOutOfStep)),
)  # fmt: skip

_PARAMETERS: dict[str, dict[str, Any]] = {
    "application_id": {"in": "path", "schema": {"type": "string", "format": "uuid"}},
    "sha256": {"in": "path", "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"}},
    "after": {"in": "query", "schema": {"type": "integer", "minimum": 0},
              "description": "the sequence that was read last, 0 to begin with"},
    "wait": {"in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": messages.LONGEST_WAIT},
             "description": "seconds to wait where there is nothing yet"},
    "manifest": {"in": "query", "schema": {"type": "string"},
                 "description": "a FileManifest as JSON in URL-safe base64"},
}  # fmt: skip

_SIGNATURE = {
    "accessKey": (signature.ACCESS_KEY, "whose request it is; of an applicant, the application's number"),
    "timestamp": (signature.TIMESTAMP, "Unix seconds, at most 300 s off the receiver's clock"),
    "nonce": (signature.NONCE, "16 to 64 letters, digits, - and _, fresh for each request"),
    "signature": (signature.SIGNATURE, "HMAC-SHA256 with the SecretKey, lower-case hex; see the prose"),
}
_SIGNED: dict[str, list[dict[str, list[str]]]] = {
    "": [],
    "key": [{name: [] for name in _SIGNATURE}, {**{name: [] for name in _SIGNATURE}, "certificate": []}],
    "application": [{name: [] for name in _SIGNATURE}],
}


def document() -> dict[str, Any]:
    """The whole document as JSON values."""
    bodies = {**_KINDS, **{str(order): shape for order, shape in _ORDERS.items() if shape is not None}}
    shapes = {shape for shape in (
        *(shape for operation in _OPERATIONS for shape in (operation.body, operation.answer)), *bodies.values(),
        bulk.FileManifest, bulk.StandbyPage, bulk.StandbyRecord, instructions.Compared, messages.Refusal,
    ) if isinstance(shape, type) and issubclass(shape, msgspec.Struct)}  # fmt: skip
    _, components = msgspec.json.schema_components(
        sorted(shapes, key=lambda shape: shape.__name__), ref_template=_REFERENCE
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in _OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "标识解析二级节点接入接口 · docking interface of identifier-resolution nodes",
            "version": "1",
            "description": "The prose is docs/national-interface.md; it holds where this document says less.",
        },
        "paths": paths,
        "components": {
            "schemas": {name: _with_patterns_of_json_schema(components[name]) for name in sorted(components)},
            "securitySchemes": {
                **{
                    name: {"type": "apiKey", "in": "header", "name": header, "description": said}
                    for name, (header, said) in _SIGNATURE.items()
                },
                "certificate": {"type": "mutualTLS", "description": "of a key that is bound to a client certificate"},
            },
        },
        "x-message-bodies": {kind: _reference(shape) for kind, shape in _KINDS.items()},
        "x-instruction-bodies": {
            str(order): _reference(shape) if shape is not None else {"type": "object"}
            for order, shape in _ORDERS.items()
        },
    }


def _operation(operation: _Operation) -> dict[str, Any]:
    content: dict[str, Any] = {"type": "object"} if operation.answer is None else _reference(operation.answer)
    described: dict[str, Any] = {
        "summary": f"{operation.summary_zh} · {operation.summary}",
        "security": _SIGNED[operation.signed],
        "parameters": [
            {"name": name, "required": name != "wait", **_PARAMETERS[name]}
            for name in (*_braces(operation.path), *operation.query)
        ],
        "responses": {"200": {"description": "OK", "content": {_JSON: {"schema": content}}}, **_refusals(operation)},
    }
    if operation.body is not None:
        schema = {} if operation.body is bytes else _reference(operation.body)
        described["requestBody"] = {"required": True, "content": {operation.media_type: {"schema": schema}}}
    return described


def _refusals(operation: _Operation) -> dict[str, Any]:
    errors: list[type[NodeError]] = [*_ANYWHERE, *operation.errors]
    errors += _OF_SIGNATURES if operation.signed else ()
    errors += _OF_BODIES if operation.body is not None else ()
    by_status: dict[int, set[str]] = {}
    for error in errors:
        code = code_of(error)
        status = SPECIAL_STATUS.get(code) or next(
            status for category, status in HTTP_STATUS.items() if issubclass(error, category)
        )
        by_status.setdefault(status, set()).add(code)
    schema = _reference(messages.Refusal)
    return {
        str(status): {
            "description": f"{HTTPStatus(status).phrase}: {', '.join(sorted(codes))}",
            "content": {_JSON: {"schema": schema}},
        }
        for status, codes in sorted(by_status.items())
    }


def _with_patterns_of_json_schema(schema: Any) -> Any:
    """Python ends a text with ``\\Z``; ECMA-262, whose patterns JSON Schema has, says ``$`` and means the same."""
    if isinstance(schema, list):
        return [_with_patterns_of_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: part.replace(r"\Z", "$")
        if name == "pattern" and isinstance(part, str)
        else _with_patterns_of_json_schema(part)
        for name, part in schema.items()
    }


def _reference(shape: type) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(name=shape.__name__)}


def _braces(path: str) -> tuple[str, ...]:
    _, brace, rest = path.partition("{")
    return (rest.removesuffix("}"),) if brace else ()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), ensure_ascii=False, indent=1) + "\n")
