"""``/rdap``: the same as ``/v1/filing`` in the shapes of RDAP (RFC 9083), for programs that speak it.

RDAP knows domains, addresses and entities; a prefix is an object class of our own, ``prefix``, announced by the
conformance word ``biaoshi_prefix_0``. Statuses are those of RFC 9083 section 10.2.2, events of 10.2.3, errors of
section 6; the media type is that of RFC 7480 section 4.2.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from node.errors import NodeError
from node.identifier import Prefix
from node.problem import headers_of, status_of
from node.rate_limit import RateLimit
from node.routes import Call, Reply, Route
from registry.filing import FiledPrefix, Filing
from registry.transitions import PrefixState

CONTENT_TYPE = "application/rdap+json"
_TAG = "rdap"
_CONFORMANCE = ["rdap_level_0", "biaoshi_prefix_0"]
_STATUS = {
    PrefixState.VERIFIED: "inactive",
    PrefixState.ENABLED: "active",
    PrefixState.SUSPENDED: "inactive",
    PrefixState.WITHDRAWN: "removed",
}
_NOTICE = {
    "title": "标识备案查询 · filing of identifier prefixes",
    "description": [
        "仅公布已核验的前缀与已审核的企业名称",
        "verified prefixes and reviewed names of enterprises only",
    ],
}

_Body = dict[str, Any]


def rdap_routes(filing: Filing, limit: RateLimit) -> list[Route]:
    """Every route of RDAP; ``limit`` is shared with ``/v1/filing``."""

    async def prefix(call: Call) -> _Body:
        limit.require(call.source)
        return _prefix(call, await filing.prefix(Prefix.parse_derived(call.text("prefix"))))

    async def entity(call: Call) -> _Body:
        limit.require(call.source)
        filed = await filing.of_number(call.number("enterprise_number"))
        networks = [_prefix(call, one, within=True) for one in filed]
        return {**_entity(call, filed[0]), "prefixes": networks}

    async def helped(_: Call) -> _Body:
        return {}

    return [
        _route("/rdap/prefix/{prefix}", prefix, "A prefix as an RDAP object", "前缀（RDAP）"),
        _route("/rdap/entity/{enterprise_number}", entity, "An enterprise as an RDAP entity", "企业（RDAP）"),
        _route("/rdap/help", helped, "What this RDAP service knows", "RDAP 帮助"),
    ]


def _route(path: str, make: Callable[[Call], Awaitable[_Body]], summary: str, summary_zh: str) -> Route:
    async def answer(call: Call) -> Reply:
        try:
            body, status, headers = await make(call), 200, {}
        except NodeError as error:
            status, headers = status_of(error), headers_of(error)
            body = {"errorCode": status, "title": error.title_zh, "description": [error.detail]}
        headers = {**headers, "Access-Control-Allow-Origin": "*"}  # RFC 7480 section 5.6
        content = msgspec.json.encode({"rdapConformance": _CONFORMANCE, **body, "notices": [_NOTICE]})
        return Reply(content, status=status, headers=headers, content_type=CONTENT_TYPE)

    return Route(
        "GET", path, answer, action=None, tag=_TAG, summary=summary, summary_zh=summary_zh,
        answers=dict.fromkeys((200, 400, 404, 429, 503), (CONTENT_TYPE,)),
    )  # fmt: skip


def _prefix(call: Call, filed: FiledPrefix, *, within: bool = False) -> _Body:
    body = {
        "objectClassName": "prefix",
        "handle": filed.prefix.key,
        "status": [_STATUS[filed.state]],
        "events": [
            {"eventAction": "registration", "eventDate": filed.registered_at.isoformat()},
            {"eventAction": "last changed", "eventDate": filed.changed_at.isoformat()},
        ],
        "links": [_link(call, f"/rdap/prefix/{filed.prefix.key}")],
        "biaoshi_hosted": filed.hosted,
    }
    return body if within else {**body, "entities": [_entity(call, filed)]}


def _entity(call: Call, filed: FiledPrefix) -> _Body:
    names = [["fn", {"language": "zh"}, "text", filed.enterprise_name], ["org", {}, "text", filed.enterprise_name]]
    if filed.enterprise_name_en:
        names.append(["fn", {"language": "en"}, "text", filed.enterprise_name_en])
    return {
        "objectClassName": "entity",
        "handle": str(filed.enterprise_number),
        "roles": ["registrant"],
        "vcardArray": ["vcard", [["version", {}, "text", "4.0"], ["kind", {}, "text", "org"], *names]],
        "links": [_link(call, f"/rdap/entity/{filed.enterprise_number}")],
    }


def _link(call: Call, path: str) -> _Body:
    address = f"{call.request.scheme}://{call.request.host}{path}"
    return {"value": address, "rel": "self", "href": address, "type": CONTENT_TYPE}
