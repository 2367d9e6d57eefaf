"""What clients of the Handle JSON interface send in bodies: values to be written, or parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web
from multidict import MultiDict, MultiMapping

from node.errors import Malformed
from node.record import MAX_VALUES, Record
from node.web import WEB_SETTINGS, body_blocks
from resolver.http.handle_json import value_from_json
from resolver.http.json_place import InvalidValueJson

_decode = msgspec.json.Decoder().decode


class BodyNotJson(Malformed):
    title_zh = "请求体不是 JSON"


async def values_of(request: web.Request) -> Record:
    """The values of a body ``{"values": […]}``, ``[…]`` or of one value; what else stands beside ``values``, as in an
    answer that is sent back, is passed over. Raises ``BodyNotJson``, ``InvalidValueJson``, the ``Body…`` errors.
    """
    content = await _json(request)
    path, listed = "$", content
    if isinstance(content, dict) and "values" in content:
        path, listed = "$.values", content["values"]
    if isinstance(listed, dict):
        return (value_from_json(listed, path),)
    if not isinstance(listed, list):
        raise InvalidValueJson(f"{path} is neither values nor a value.", path=path)
    if len(listed) > MAX_VALUES:
        raise InvalidValueJson(f"{path} has {len(listed)} values; at most {MAX_VALUES} are allowed.", path=path)
    return tuple(value_from_json(one, f"{path}[{number}]") for number, one in enumerate(listed))


async def parameters_of(request: web.Request) -> MultiMapping[str]:
    """The parameters of the address and, of a POST or PUT, those in a body of JSON: an object of texts, numbers, yes
    and no, or lists of them. Raises ``BodyNotJson`` and the ``Body…`` errors.
    """
    parameters = MultiDict(request.query)
    if request.method not in ("POST", "PUT") or request.content_type != "application/json":
        return parameters
    content = await _json(request, empty={})
    if not isinstance(content, dict):
        raise BodyNotJson("parameters are the members of a JSON object")
    for name, value in content.items():
        parameters.extend((name, text) for text in _texts(name, value))
    return parameters


def _texts(name: str, value: Any) -> Iterable[str]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            yield one
        elif isinstance(one, bool):
            yield "true" if one else "false"
        elif isinstance(one, int):
            yield str(one)
        else:
            raise BodyNotJson(f"the parameter {name[:64]!r} is no text, number, yes or no")


async def _json(request: web.Request, empty: Any = None) -> Any:
    settings = request.app[WEB_SETTINGS]
    body = b"".join([block async for block in body_blocks(request, settings.body_bytes, settings.body_seconds)])
    if not body and empty is not None:
        return empty
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BodyNotJson(f"the body is no JSON: {error}") from None
