"""``GET /api/handles?prefix=…``: the handles under a prefix, a page of them, all, or merely how many.

All of them are sent as they are read, so a prefix may have any number; with ``page`` and ``pageSize`` a page is at
most 10,000. ``totalCount`` is a string, as Handle.Net writes it. Names are as they are stored, in upper case.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import structlog
from aiohttp import web
from multidict import MultiMapping

from node.administration import Administration, Identity
from node.errors import NodeError
from node.web import REQUEST_ID
from resolver.http.asking import Dress, InvalidQuery
from resolver.http.caching import NOT_KEPT
from resolver.http.callers import Callers
from resolver.http.handle_json import encode
from resolver.http.json_bodies import parameters_of
from resolver.http.json_front import JSON, SCRIPT, allow_origin, answered
from resolver.names import PREFIX_SPACE

log = structlog.get_logger("resolver")

LARGEST_PAGE = 10_000
_AT_ONCE = 1000  # handles read together
_NUMBER = re.compile(r"-?[0-9]{1,9}")


class Lists:
    """Listing, for those who may list."""

    def __init__(self, administration: Administration, callers: Callers) -> None:
        self._administration = administration
        self._callers = callers

    async def handles(self, request: web.Request, dressed: Dress) -> web.StreamResponse:
        parameters = await parameters_of(request)
        prefix_handle = _prefix_handle(parameters.get("prefix", ""))
        page = page_of(parameters)
        identity = await self._callers.identity(request)
        total = await self._administration.count_handles(prefix_handle, identity)
        told: dict[str, Any] = {"responseCode": 1, "prefix": prefix_handle, "totalCount": str(total)}
        if page is None:
            return await _streamed(request, dressed, told, self._pages(prefix_handle, identity, _AT_ONCE))
        number, size = page
        told |= {"page": number, "pageSize": size, "handles": []}
        if size and number * size < total:
            at = 0
            async for names in self._pages(prefix_handle, identity, size):
                if at == number:
                    told["handles"] = names
                    break
                at += 1
        return answered(told, dressed)

    def _pages(self, prefix_handle: str, identity: Identity | None, size: int) -> AsyncIterator[list[str]]:
        return self._administration.handles(prefix_handle, identity, page=size)

    async def prefixes(self, request: web.Request, dressed: Dress) -> web.Response:
        """``GET /api/prefixes``: the prefix handles that this node serves, for its administrators."""
        page = page_of(request.query)
        identity = await self._callers.identity(request)
        listed = await self._administration.homed_prefixes(identity)
        told: dict[str, Any] = {"responseCode": 1, "totalCount": str(len(listed))}
        if page is not None:
            number, size = page
            told |= {"page": number, "pageSize": size}
            listed = listed[number * size : (number + 1) * size]
        return answered({**told, "prefixes": listed}, dressed)


def page_of(parameters: MultiMapping[str]) -> tuple[int, int] | None:
    """Number, from 0, and size of the page that is asked for; ``None``: everything. Raises ``InvalidQuery``.

    As Handle.Net has it, both have to be there and not below 0; a size of 0 asks how many there are.
    """
    page, size = (_number(parameters, name) for name in ("page", "pageSize"))
    if size > LARGEST_PAGE:
        raise InvalidQuery(f"a page has at most {LARGEST_PAGE} handles", parameter="pageSize")
    if size == 0:
        return max(page, 0), 0
    return (page, size) if page >= 0 and size >= 0 else None


def _number(parameters: MultiMapping[str], name: str) -> int:
    text = parameters.get(name, "-1")
    if not _NUMBER.fullmatch(text):
        raise InvalidQuery(f"{name} is no number", parameter=name)
    return int(text)


def _prefix_handle(text: str) -> str:
    if not text:
        raise InvalidQuery("name the prefix whose handles are asked for", parameter="prefix")
    return text if "/" in text else f"{PREFIX_SPACE}/{text}"


async def _streamed(
    request: web.Request, dressed: Dress, told: Mapping[str, Any], pages: AsyncIterator[list[str]]
) -> web.StreamResponse:
    """The list as it is read, on one line whatever the dress; what refuses it does so before the first byte."""
    first: list[str] = await anext(pages, [])
    response = allow_origin(request, web.StreamResponse(headers={"X-Content-Type-Options": "nosniff", **NOT_KEPT}))
    response.headers["Content-Type"] = SCRIPT if dressed.callback else JSON
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    await response.prepare(request)
    before, after = (f"{dressed.callback}(".encode(), b"]});") if dressed.callback else (b"", b"]}")
    await response.write(before + encode(told)[:-1] + b',"handles":[' + _joined(first))
    try:
        async for names in pages:
            await response.write(b"," + _joined(names) if names else b"")
    except Exception as error:
        if isinstance(error, ConnectionError):
            raise
        # Too late for another answer: what is cut off is at least not taken for the whole.
        log.warning("answer_cut_off", request_id=request[REQUEST_ID], exc_info=not isinstance(error, NodeError))
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the answer was cut off") from error
    await response.write_eof(after)
    return response


def _joined(names: list[str]) -> bytes:
    return msgspec.json.encode(names)[1:-1]
